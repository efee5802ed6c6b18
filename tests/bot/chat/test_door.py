"""What of a flood reaches the database at all."""

import json
from collections.abc import Iterable
from datetime import timedelta

import pytest

from bot.access import invitations
from bot.chat.door import Door, Fetched
from bot.chat.incoming import sender_of
from storage.joining_records import InvitationId
from storage.records import ChatId, InboxItem
from tests.bot.chat.desk import ANNA, BORIS, CLARA, EVE, Desk
from tests.gate import updates
from tests.gate.gate import OPERATOR
from tests.gate.updates import Json

_MINUTE = timedelta(minutes=1)
_CROWD = range(70_000, 71_000)


class Doorway:
    """Sends batches, and tells which of them were let in."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.door = Door(desk.gate.core, "vpn_bot")
        self._number = 0

    def fetched(self, *contents: Json) -> list[Fetched]:
        batch = []
        for content in contents:
            self._number += 1
            update = content | {"update_id": self._number}
            item = InboxItem(
                self._number, ChatId(sender_of(update)), json.dumps(update), self.desk.gate.now
            )
            batch.append(Fetched(item, update))
        return batch

    async def passes(self, batch: list[Fetched]) -> list[Fetched]:
        async with self.desk.gate.database.reading() as tx:
            return await self.door.lets_in(tx, batch)

    async def lets_in(self, *contents: Json) -> int:
        return len(await self.passes(self.fetched(*contents)))


@pytest.fixture
def doorway(desk: Desk) -> Doorway:
    return Doorway(desk)


def says(who: Iterable[int], text: str) -> list[Json]:
    return [{"message": updates.message(person, text)} for person in who]


@pytest.mark.parametrize("who", [ANNA, BORIS])
async def test_who_is_known_always_comes_in(doorway: Doorway, who: int) -> None:
    taps = [{"callback_query": updates.tap(who, "keep")}] * 100
    assert await doorway.lets_in(*says([who] * 100, "hello"), *taps) == 200


async def test_a_stranger_comes_in_as_often_as_they_may_be_answered(doorway: Doorway) -> None:
    assert await doorway.lets_in(*says([EVE] * 100, "/start")) == 2 + 4
    assert await doorway.lets_in(*says([EVE] * 100, "/start")) == 0
    doorway.desk.gate.now += _MINUTE
    assert await doorway.lets_in(*says([EVE], "/start")) == 1


async def test_many_strangers_share_what_there_is(doorway: Doorway) -> None:
    """And once they are gone, the next one is answered."""
    for _ in range(3):
        doorway.desk.gate.now += timedelta(seconds=1)
        await doorway.lets_in(*says(_CROWD, "/start"))
    assert await doorway.lets_in(*says(_CROWD, "/start"), *says([EVE], "/start")) == 0
    doorway.desk.gate.now += _MINUTE
    assert await doorway.lets_in(*says([EVE], "/start")) == 1


@pytest.mark.parametrize("text", ["/revoke 1001", " /ALLOW@vpn_bot 3001 Eve", "/users\nx"])
async def test_what_is_not_theirs_comes_in_to_be_noted(doorway: Doorway, text: str) -> None:
    assert await doorway.lets_in(*says([EVE] * 100, text)) == 6 + 40
    doorway.desk.gate.now += _MINUTE
    assert await doorway.lets_in(*says([EVE] * 100, text)) == 2


async def test_so_do_taps(doorway: Doorway) -> None:
    taps = [{"callback_query": updates.tap(EVE, "ap:1:3600:00000000")}] * 100
    assert await doorway.lets_in(*taps) == 2 + 40


async def test_groups_come_in_as_often_as_they_may_be_answered(doorway: Doorway) -> None:
    """Whoever writes there; and what they say to each other never does."""
    for who in (EVE, BORIS):
        commands = [updates.in_group(who, "/requestvpn", 0)] * 100
        chatter = [updates.in_group(who, "good morning", 1)] * 100
        assert await doorway.lets_in(*commands, *chatter) == (2 if who == EVE else 0)


async def test_whoever_blocks_the_bot_is_noted_if_they_were_ever_known(doorway: Doorway) -> None:
    blocks = [updates.membership(updates.chat(who), who, "kicked") for who in (ANNA, EVE)]
    assert await doorway.lets_in(*blocks) == 1
    await doorway.desk.remove(ANNA)
    assert await doorway.lets_in(*blocks) == 1
    assert await doorway.lets_in(*says([ANNA] * 100, "/start")) == 6


@pytest.mark.parametrize("kind", range(updates.VOID_KINDS))
async def test_what_does_not_count_comes_in_to_be_set_aside_or_not_at_all(
    doorway: Doorway, kind: int
) -> None:
    """Nothing that an update holds makes it fail."""
    content = updates.void(EVE, "/start", "dn:1", kind)
    come = await doorway.lets_in(*[content] * 10)
    assert come in ({10} if sender_of(content) == 0 else {0, 2, 6, 10})


@pytest.mark.parametrize(
    "odd", [[], None, 5, {"message": 5}, {"message": {"text": 5}}, {"callback_query": []}]
)
async def test_what_cannot_be_told_apart_comes_in(doorway: Doorway, odd: object) -> None:
    item = InboxItem(1, ChatId(0), "odd", doorway.desk.gate.now)
    assert len(await doorway.passes([Fetched(item, odd)] * 10)) == 10


async def test_nobody_is_a_stranger_while_an_admins_word_waits(doorway: Doorway) -> None:
    """It may be the one that puts them on the allowlist: in the same batch, or not handled yet."""
    crowd = says([EVE] * 50, "/requestvpn")
    assert await doorway.lets_in(*crowd) == 6
    allow = says([BORIS], f"/allow {EVE} Eve")
    batch = doorway.fetched(*allow, *crowd)
    assert len(await doorway.passes(batch)) == 51
    async with doorway.desk.gate.database.writing() as tx:
        await tx.inbox.store([batch[0].item])
    assert await doorway.lets_in(*crowd) == 50
    await doorway.desk.gate.worker.work_off()
    assert await doorway.lets_in(*crowd) == 50, "she is known now"


async def test_what_could_not_be_stored_comes_in_again(doorway: Doorway) -> None:
    batch = doorway.fetched(*says([EVE] * 5, "/start"), *says(_CROWD, "/revoke 1001"))
    first = [one.item.update_id for one in await doorway.passes(batch)]
    again = [one.item.update_id for one in await doorway.passes(batch)]
    assert first[:2] == [1, 2]
    assert set(first) <= set(again)


async def invitation(desk: Desk) -> str | None:
    """What an open invitation's link brings."""
    await desk.says(BORIS, "/invite Eve")
    async with desk.gate.database.writing() as tx:
        return await invitations.new_link(desk.gate.case(tx, OPERATOR), InvitationId(1))


async def test_who_is_invited_is_let_in_through_any_flood(doorway: Doorway) -> None:
    token = await invitation(doorway.desk)
    await doorway.lets_in(*says(_CROWD, "/start"))
    # What looks like one costs as little as anything else.
    assert await doorway.lets_in(*says(_CROWD, f"/start {'x' * 22}")) == 0
    assert await doorway.lets_in(*says([EVE], f"/start {token}")) == 1
    # Nor is an open one a way in for a flood.
    # (thirty of them come in as newcomers who write for the third time).
    assert await doorway.lets_in(*says(_CROWD, f"/start {token}")) == 1 + 30


async def test_who_needs_no_invitation_uses_none_up(doorway: Doorway) -> None:
    text = f"/start {await invitation(doorway.desk)}"
    await doorway.lets_in(*says(_CROWD, "/start"))
    assert await doorway.lets_in(*says([ANNA, BORIS, CLARA] * 3, text)) == 9
    of_nobody, in_a_group = {"message": {"text": text}}, updates.in_group(EVE, text, 0)
    assert await doorway.lets_in(*[of_nobody, in_a_group] * 5) == 5 + 2
    assert await doorway.lets_in(*says([ANNA] * 3 + [EVE] * 2, text)) == 3 + 2
    assert await doorway.lets_in(*says([EVE], text)) == 0


async def test_who_comes_and_goes_in_the_group_of_the_settings_only(doorway: Doorway) -> None:
    ours, other = updates.SUPERGROUP["id"], updates.GROUP["id"]
    assert await doorway.lets_in(updates.moves(EVE, ours, "left")) == 1
    assert await doorway.lets_in(updates.moves(ANNA, other, "left")) == 0
