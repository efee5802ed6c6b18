"""The worker at work: woken, at rest, out of room, and in groups."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.exc import OperationalError

from bot.chat import worker as worker_module
from storage.records import ChatId, InboxItem, RequestState
from tests.bot.chat.desk import ANNA, BORIS, CLARA, EVE, Desk
from tests.company import until
from tests.gate import updates
from tests.storage.kit import on_each_connection


async def waits(desk: Desk, *whom: int, text: str = "/help") -> None:
    items = []
    for who in whom:
        update = desk.message(who, text)
        items.append(InboxItem(update["update_id"], ChatId(who), json.dumps(update), desk.gate.now))
    async with desk.gate.database.writing() as tx:
        await tx.inbox.store(items)


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[None]:
    task = asyncio.create_task(desk.gate.worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_works_when_it_is_woken_and_rests_when_all_is_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_LOOK_S", 3600)
    worker, done = desk.gate.worker, 0

    def on_done() -> None:
        nonlocal done
        done += 1
        assert worker.is_busy

    worker._on_done = on_done
    before = worker.is_busy
    worker.wake()
    assert (before, worker.is_busy) == (False, True), "somebody said that there is something"
    await waits(desk, ANNA)
    looks: list[str] = []
    async with running(desk):
        await until(lambda: done == 1)
        await until(lambda: not worker.is_busy)
        on_each_connection(desk.gate.database, looks.append)
        await waits(desk, BORIS)
        looks.clear()
        await asyncio.sleep(0.02)
        assert looks == [], "where nobody wakes it, it looks when its time has come"
        worker.wake()
        await until(lambda: done == 2)


async def has_no_room(desk: Desk) -> None:
    """The file may not grow any more."""
    for connection in desk.gate.database._idle:
        connection._sqlite.execute("VACUUM")
    for connection in desk.gate.database._idle:
        connection._sqlite.execute("PRAGMA max_page_count = 1")


@pytest.mark.parametrize("whom", [[BORIS] * 60, range(70_000, 70_120)], ids=["known", "strangers"])
async def test_a_full_disk_is_noticed_and_all_that_waits_goes_on_waiting(
    desk: Desk, whom: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await waits(desk, *whom)
    await has_no_room(desk)
    with pytest.raises(OperationalError):
        await desk.gate.worker.work_off()
    assert desk.gate.worker._reserve.is_scarce
    async with desk.gate.database.reading() as tx:
        left = await tx.inbox.new()
    assert left, "nothing is set aside for it"
    assert "one by one" not in caplog.text, "that would find no room, either"


@pytest.mark.parametrize("chat", [ANNA, EVE], ids=["known", "stranger"])
async def test_a_flood_of_what_cannot_be_read_does_not_fill_the_disk(desk: Desk, chat: int) -> None:
    """The newest of it stays readable."""
    odd = '{"message": "' + "x" * 400_000
    items = [InboxItem(number, ChatId(chat), odd, desk.gate.now) for number in (1, 2, 3)]
    async with desk.gate.database.writing() as tx:
        await tx.inbox.store(items)
    await desk.gate.worker.work_off()
    async with desk.gate.database.reading() as tx:
        rows = await tx._connection.exec_driver_sql("SELECT update_id, state FROM inbox")
        assert [tuple(row) for row in rows] == [(2, "quarantined"), (3, "quarantined")]


async def test_while_there_is_no_room_strangers_wait_too(desk: Desk) -> None:
    reserve = desk.gate.worker._reserve
    reserve.is_scarce = True
    assert await desk.says(EVE, "/start") == []
    reserve.is_scarce = False
    await desk.gate.worker.work_off()
    assert len(await desk.new()) == 1


async def test_a_card_in_a_group_that_is_not_for_cards_decides_nothing(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn 8h berlin")
    card = updates.message(BORIS, "card", chat=updates.GROUP, **{"from": updates.BOT})
    tapped = updates.tap(BORIS, "dn:1", message=card)
    assert await desk._takes({"callback_query": tapped}) == []
    assert "answerCallbackQuery" not in desk.gate.telegram.calls
    async with desk.gate.database.reading() as tx:
        assert [one.state for one in await tx.requests.all()] == [RequestState.PENDING]
    assert await desk.taps(BORIS, "dn:1") != []
    async with desk.gate.database.reading() as tx:
        assert [one.state for one in await tx.requests.all()] == [RequestState.DENIED]


async def test_a_strangers_tap_is_answered_as_well(desk: Desk) -> None:
    """And who writes beside it is, too."""
    said = [
        {"update_id": 1, "callback_query": updates.tap(EVE, "no")},
        {"update_id": 2, "message": updates.message(70_001, "/start")},
    ]
    await desk.gate.takes(*said)
    await asyncio.gather(*desk.gate.worker._answers)
    assert desk.gate.telegram.calls.count("answerCallbackQuery") == 1
    assert len(await desk.new()) == 2


async def test_in_a_group_what_is_for_another_bot_is_not_answered(desk: Desk) -> None:
    assert await desk._takes(updates.in_group(ANNA, "/start@other_bot", 0)) == []
    assert len(await desk._takes(updates.in_group(ANNA, "/start@vpn_bot", 0))) == 1


async def test_the_staffs_group_is_followed_where_it_goes(desk: Desk) -> None:
    """Telegram gives it another number; whoever leaves it then is asked about."""
    before, now = updates.SUPERGROUP["id"], -10_099
    moved = updates.message(CLARA, "", chat=updates.GROUP | {"id": before}, migrate_to_chat_id=now)
    assert await desk._takes({"message": moved}) == ["notice", "notice"]
    assert await desk._takes(updates.moves(ANNA, before, "left")) == []
    assert await desk._takes(updates.moves(ANNA, now, "left")) == ["leaving", "leaving"]
