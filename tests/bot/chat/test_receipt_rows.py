"""A receipt is sent once there is something to say, and again until it is proved."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.access import grants, pausing, revocation
from bot.texts import receipts as words
from storage.outbox import Done, Later, Next
from storage.records import EndReason, Grant, GrantId, OutboxItem, OutboxKind, Payload, UserId
from tests.bot.access.kit import ANNA, BORIS, CLARA, MINUTE, OPERATOR, Paper, seen
from tests.bot.chat.posting import Desk

SECOND = timedelta(seconds=1)


class Looks:
    """Servers that show of an end what they are told to show."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper
        self.asked: list[list[GrantId]] = []
        self.proves = False

    async def enforce(self, grant_ids: Sequence[GrantId]) -> None:
        self.asked.append([*grant_ids])
        for one in grant_ids:
            await look(self._paper, await self._paper.grant(one), proved=self.proves)


async def look(paper: Paper, grant: Grant, *, proved: bool) -> None:
    await paper.do(revocation.record_proofs, [seen(grant, proved=proved)])


@pytest.fixture
def looks(posting: Desk) -> Looks:
    made = Looks(posting.paper)
    enforcer: Any = made
    posting.posts._enforcer = enforcer
    return made


@pytest.fixture
async def ended(posting: Desk) -> Grant:
    """Anna's only profile, which an admin has ended."""
    grant = await posting.paper.active()
    await posting.paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    return grant


async def row(desk: Desk, *ended: Grant, chat: int = BORIS, **more: Any) -> OutboxItem:
    payload: Payload = {"grants": [one.id for one in ended], "look": False, **more}
    return await desk.row(OutboxKind.RECEIPT, payload, chat)


async def sent(desk: Desk, item: OutboxItem, chat: UserId = BORIS) -> tuple[list[str], Next]:
    """What is said, and what becomes of the row."""
    before = len(desk.server.person(chat).messages)
    came = await desk.posts.receipt(item)
    return [one.text for one in desk.server.person(chat).messages[before:]], came


async def test_servers_are_asked_before_anything_is_said(
    posting: Desk, looks: Looks, ended: Grant
) -> None:
    looks.proves = True
    [text], came = await sent(posting, await row(posting, ended))
    assert came == Done()
    assert looks.asked == [[ended.id]]
    assert text.startswith("Revoked: Anna Petrova can’t connect any more.")
    assert words.RETRYING not in text


@pytest.mark.parametrize(("again", "asked"), [(False, 0), (True, 1)])
async def test_who_was_looked_at_is_looked_at_again_only_on_demand(
    posting: Desk, looks: Looks, ended: Grant, again: bool, asked: int
) -> None:
    await look(posting.paper, ended, proved=False)
    looks.proves = True
    [text], _ = await sent(posting, await row(posting, ended, look=again))
    assert len(looks.asked) == asked
    assert text.startswith("Revoked") is again


async def test_not_proved_is_said_once_and_followed_up_until_it_is(
    posting: Desk, looks: Looks, ended: Grant
) -> None:
    item = await row(posting, ended, look=True)
    [text], came = await sent(posting, item)
    assert text.startswith("Not proved yet: Anna Petrova may still get in on berlin.")
    assert text.endswith(words.RETRYING)
    payload = item.payload | {"said": True}
    later = Later(posting.paper.now + 5 * MINUTE, 0, payload=payload)
    assert came == later
    # Whoever is told already hears nothing of every look; nor does a receipt order one.
    item = replace(item, payload=payload)
    assert await sent(posting, item) == ([], later)
    assert len(looks.asked) == 1
    await look(posting.paper, ended, proved=True)
    [text], came = await sent(posting, item)
    assert text.startswith("Revoked")
    assert came == Done()


async def test_of_an_end_that_nobody_ordered_only_what_stays_open_is_said(
    posting: Desk, looks: Looks, ended: Grant
) -> None:
    item = await row(posting, ended, if_unproved=True)
    three_minutes = 3 * MINUTE
    posting.paper.now += three_minutes - SECOND
    later = Later(posting.paper.now + three_minutes, 0)
    assert await sent(posting, item) == ([], later)
    posting.paper.now += SECOND
    [text], came = await sent(posting, item)
    assert text.startswith("Not proved yet")
    assert isinstance(came, Later)
    assert came.payload is not None
    # Then its proof is news, too.
    looks.proves = True
    await look(posting.paper, ended, proved=True)
    [text], came = await sent(posting, replace(item, payload=came.payload))
    assert (text.startswith("Revoked"), came) == (True, Done())


@pytest.mark.parametrize("age", [0 * MINUTE, 9 * MINUTE])
async def test_an_ordinary_end_that_is_proved_is_nobodys_news(
    posting: Desk, looks: Looks, ended: Grant, age: timedelta
) -> None:
    looks.proves = True
    item = await row(posting, ended, if_unproved=True)
    posting.paper.now += age
    assert await sent(posting, item) == ([], Done())


async def test_who_is_resumed_by_then_is_not_called_out(posting: Desk, looks: Looks) -> None:
    grant = await posting.paper.active()
    boris = await posting.paper.actor(BORIS)
    await posting.paper.by(boris, pausing.pause, ANNA, None)
    looks.proves = True
    [text], _ = await sent(posting, await row(posting, grant))
    assert text.startswith("Paused: Anna Petrova can’t connect any more.")
    await posting.paper.by(boris, pausing.resume, ANNA)
    looks.asked.clear()
    assert await sent(posting, await row(posting, grant)) == ([], Done())
    assert looks.asked == []


async def test_a_server_that_was_taken_out_is_not_asked(
    posting: Desk, looks: Looks, ended: Grant
) -> None:
    async with posting.paper.database.reading() as tx:
        [berlin] = await tx.servers.all()
    await posting.paper.by(OPERATOR, revocation.take_out, berlin)
    [text], _ = await sent(posting, await row(posting, ended))
    assert looks.asked == []
    assert "Not proved on berlin, which was taken out" in text


async def test_what_is_left_is_ended_by_whoever_may(
    posting: Desk, looks: Looks, ended: Grant
) -> None:
    own = await posting.paper.active()
    # Boris is no admin any more: he may know of it, but ends nothing.
    posting.paper.admins = (CLARA,)
    posting.posts._core = replace(posting.posts._core, rules=posting.paper.rules)
    for chat, labels, after in (
        (ANNA, [f"Revoke {own.common_name}"], words.RETRYING_OWNER),
        (CLARA, ["Revoke the rest of Anna Petrova"], words.RETRYING),
        (BORIS, [], words.RETRYING_OWNER),
    ):
        [text], _ = await sent(posting, await row(posting, ended, chat=chat), chat)
        assert text.endswith(f"\n\n{after}")
        newest = posting.server.person(chat).messages[-1]
        assert [one.text for line in newest.buttons for one in line] == labels


@pytest.mark.parametrize(("chat", "said"), [(ANNA, words.PROVED_OWNER), (BORIS, "Revoked: ")])
async def test_of_a_profile_that_was_replaced_its_owner_reads_that_alone(
    posting: Desk, looks: Looks, chat: UserId, said: str
) -> None:
    paper = posting.paper
    old = await paper.active()
    await paper.by(await paper.actor(ANNA), grants.renew, old.id)
    looks.proves = True
    [text], came = await sent(posting, await row(posting, old, chat=chat), chat)
    assert text.startswith(said)
    assert (text.startswith(words.PROVED_OWNER), came) == (chat == ANNA, Done())


async def test_of_one_that_was_not_its_owner_reads_what_they_have_besides(
    posting: Desk, looks: Looks, ended: Grant
) -> None:
    looks.proves = True
    await posting.paper.active()
    [text], _ = await sent(posting, await row(posting, ended, chat=ANNA), ANNA)
    assert text.startswith("Revoked: this profile of Anna Petrova no longer works")
