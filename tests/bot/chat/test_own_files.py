"""What the operator has put beside the profiles: sent as it is, or said to be broken."""

from datetime import timedelta
from pathlib import Path

import pytest
from telegram.error import TelegramError

from bot.handover.handover import Handover
from bot.texts import chat as words
from demo.api.faults import Fault, drop_after, status
from storage.outbox import Done, Later
from storage.records import OutboxItem, OutboxKind
from tests.bot.access.kit import ANNA, BORIS, CLARA, notice
from tests.bot.chat.posting import Desk
from tests.bot.reading import shown

NAMED = {"file": "notes.txt"}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(posting: Desk, tmp_path: Path) -> Desk:
    """With a folder in which there is a file."""
    folder = tmp_path / "templates"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "notes.txt").write_text("Ask Boris.\n")
    posting.posts._handover = Handover(folder)
    return posting


async def file_row(desk: Desk, name: str = "notes.txt", attempts: int = 0) -> OutboxItem:
    """A claimed row that was tried so often before."""
    item = await desk.row(OutboxKind.EXTRA_FILE, {"file": name}, ANNA)
    for _ in range(attempts):
        async with desk.paper.database.writing() as tx:
            await tx.outbox.conclude(item, Later(desk.paper.now, item.attempts + 1))
            item = (await tx.outbox.due(desk.paper.now, 1000))[-1]
            await tx.outbox.claim(item.id)
    return item


async def test_a_file_is_sent_as_it_is(desk: Desk) -> None:
    assert await desk.posts.extra_file(await file_row(desk)) == Done()
    [message] = desk.server.person(ANNA).messages
    assert message.document is not None
    assert message.document.file_name == "notes.txt"
    assert message.document.content == b"Ask Boris.\n"
    desk.calls()
    assert await desk.posts.extra_file(await file_row(desk, "gone.txt")) == Done()
    assert desk.calls() == []


async def test_a_folder_in_disorder_is_looked_at_three_times(desk: Desk) -> None:
    folder = desk.posts._handover.folder
    assert folder is not None
    (folder / "files" / "empty.txt").touch()
    for attempts in (0, 1):
        came = await desk.posts.extra_file(await file_row(desk, attempts=attempts))
        assert came == Later(desk.paper.now + MINUTE, attempts + 1)
    assert await desk.posts.extra_file(await file_row(desk, attempts=2)) == Done()
    assert desk.calls() == []


async def test_a_file_that_may_have_arrived_is_sent_three_times_at_most(desk: Desk) -> None:
    for attempts in (0, 1):
        desk.server.faults.append(Fault("sendDocument", 1, drop_after))
        with pytest.raises(TelegramError):
            await desk.posts.extra_file(await file_row(desk, attempts=attempts))
    desk.server.faults.append(Fault("sendDocument", 1, drop_after))
    assert await desk.posts.extra_file(await file_row(desk, attempts=2)) == Done()


async def test_what_surely_did_not_arrive_is_sent_again_as_often_as_anything(desk: Desk) -> None:
    too_many = status(429, "Too Many Requests: retry after 7", retry_after=7)
    desk.server.faults.append(Fault("sendDocument", 1, too_many))
    with pytest.raises(TelegramError):
        await desk.posts.extra_file(await file_row(desk, attempts=2))


async def test_admins_read_once_that_instructions_are_broken(desk: Desk) -> None:
    folder = desk.posts._handover.folder
    assert folder is not None
    texts = folder / "instructions"
    texts.mkdir()
    (texts / "macos.txt").touch()
    grant = await desk.paper.active()
    await desk.paper.forget()
    told = [notice(one, "templates_broken") for one in (BORIS, CLARA)]
    for expected in (told, []):
        row = await desk.row(OutboxKind.HOW_TO, {"grant": grant.id, "topic": "windows"}, ANNA)
        await desk.does(desk.posts.how_to, row)
        assert desk.server.person(ANNA).messages[-1].text == shown(words.HOW_TO_BROKEN).text
        assert await desk.paper.heard() == expected
    # Something else is wrong now.
    (texts / "linux.txt").touch()
    row = await desk.row(OutboxKind.HOW_TO, {"grant": grant.id, "topic": "windows"}, ANNA)
    await desk.does(desk.posts.how_to, row)
    assert await desk.paper.heard() == told
