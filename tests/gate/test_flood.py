"""A stranger's flood costs an answer a minute, and leaves nothing behind."""

import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from bot.access.permission import Actor
from bot.chat.throttle import Throttle
from storage.records import UserId
from tests.gate import updates
from tests.gate.case import Laws
from tests.gate.gate import Fate, Gate
from tests.gate.updates import Json
from tests.storage.kit import open_copy

BORIS, ANNA, EMIL, STRANGER = 2001, 1001, 1002, 3001
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
# What comes within this time is taken at once.
_TOGETHER = 5 * SECOND
_TEXTS = ("/start", "/requestvpn 7d", "/pending", "/revoke 1001", "hello", "/allow 3001 Eve", "/")
_DATA = ("ap:1:3600:00000000", "dn:1", "rpy:1001", "npy:g-code0001", "nonsense", "no")


class Flood:
    """Somebody who sends as fast as Telegram lets them, and what is there afterwards."""

    def __init__(self, gate: Gate, path: Path) -> None:
        self.gate = gate
        self._path = path
        self._ids = count(1)

    async def send(self, contents: Iterable[Json], *, each: timedelta = SECOND / 10) -> None:
        waiting: list[Json] = []
        for content in contents:
            self.gate.now += each
            now = {"date": int(self.gate.now.timestamp())}
            dated = {"message": content["message"] | now} if "message" in content else {}
            waiting.append(content | dated | {"update_id": next(self._ids)})
            if len(waiting) * each >= _TOGETHER:
                await self.gate.takes(*waiting)
                waiting = []
        await self.gate.takes(*waiting)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        database = sqlite3.connect(self._path)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def rows(self, table: str) -> int:
        [(number,)] = self.query(f"SELECT count(*) FROM {table}")
        return int(str(number))


@pytest.fixture
async def flood(template: Path, in_memory: Path) -> AsyncIterator[Flood]:
    database = await open_copy(template, in_memory)
    gate = Gate(database, Laws((BORIS,)))
    await gate.furnish()
    yield Flood(gate, in_memory / "vpnbot.db")
    await database.close()


def messages(number: int, *people: int) -> Iterable[Json]:
    for place in range(number):
        who = people[place % len(people)]
        yield {"message": updates.message(who, _TEXTS[place % len(_TEXTS)])}


def taps(number: int, *people: int) -> Iterable[Json]:
    for place in range(number):
        who = people[place % len(people)]
        yield {"callback_query": updates.tap(who, _DATA[place % len(_DATA)])}


async def test_one_stranger_gets_an_answer_a_minute(flood: Flood) -> None:
    """And two more an hour. As many messages as Telegram lets them send in two minutes."""
    await flood.send(messages(1200, STRANGER))
    said = Counter(kind for (kind,) in flood.query("SELECT kind FROM outbox"))
    assert 2 <= said["reply"] <= 3 + 2
    assert said.total() == said["reply"]
    assert flood.rows("inbox") == 0
    assert flood.rows("people") == 0
    # A refusal is worth a row, twenty times an hour.
    assert flood.rows("audit") == 20


@pytest.mark.long
async def test_taps_of_strangers_cost_no_more(flood: Flood) -> None:
    """Each answer to a tap is a call to Telegram."""
    await flood.send(taps(900, STRANGER))
    assert 1 <= len(flood.gate.telegram.calls) <= 3
    assert flood.rows("outbox") <= 3
    assert flood.rows("inbox") == 0
    assert flood.rows("audit") == 20


@pytest.mark.long
async def test_many_strangers_share_thirty_answers_a_minute(flood: Flood) -> None:
    """And three hundred refusals an hour in the trail. A thousand accounts in a hundred seconds."""
    crowd = range(10_000, 11_000)
    await flood.send((*messages(1000, *crowd), *taps(1000, *crowd)), each=SECOND / 20)
    assert 30 <= flood.rows("outbox") <= 60
    assert len(flood.gate.telegram.calls) <= 60
    assert flood.rows("inbox") == 0
    assert flood.rows("audit") == 300


@pytest.mark.long
@pytest.mark.parametrize("kind", range(18))
async def test_what_does_not_count_leaves_nothing(flood: Flood, kind: int) -> None:
    await flood.send(updates.void(STRANGER, "/start", "dn:1", kind) for _ in range(100))
    assert flood.rows("outbox") == 0
    # What cannot be read is kept for a human; how much of it, see below.
    left = flood.query("SELECT payload FROM inbox WHERE error IS NULL OR error NOT LIKE 'unread%'")
    assert left == []


async def test_groups_cost_an_answer_a_minute_each(flood: Flood) -> None:
    await flood.send(updates.in_group(STRANGER, "/requestvpn", 0) for _ in range(1000))
    assert flood.rows("outbox") == 2
    assert flood.rows("inbox") == 0


async def test_many_groups_share_a_limit_too(flood: Flood) -> None:
    """Anybody may make groups and put the bot into them."""
    chats = [updates.GROUP | {"id": -number} for number in range(1, 201)]
    contents = [{"message": updates.message(STRANGER, "/x", chat=chat)} for chat in chats * 3]
    await flood.send(contents, each=SECOND / 10)
    assert flood.rows("outbox") <= 60


@pytest.mark.long
async def test_who_comes_and_goes_leaves_nothing(flood: Flood) -> None:
    place = updates.chat(STRANGER)
    contents = (
        updates.membership(place, STRANGER, status)
        for _ in range(500)
        for status in ("kicked", "member")
    )
    await flood.send(contents)
    assert (flood.rows("inbox"), flood.rows("people"), flood.rows("outbox")) == (0, 0, 0)


@pytest.mark.long
async def test_whoever_was_removed_is_a_stranger_again(flood: Flood) -> None:
    """A leaver with old buttons."""
    await flood.send([{"message": updates.message(BORIS, f"/allow {ANNA} Anna")}])
    await flood.send([{"message": updates.message(BORIS, f"/remove {ANNA}")}])
    before = [flood.rows(table) for table in ("inbox", "outbox", "audit")]
    await flood.send((*messages(300, ANNA), *taps(300, ANNA)))
    after = [flood.rows(table) for table in ("inbox", "outbox", "audit")]
    grown = [new - old for old, new in zip(before, after, strict=True)]
    assert grown[0] == 0
    assert grown[1] <= 3 + 2
    assert grown[2] == 20


async def test_a_member_is_told_once_a_minute_to_slow_down(flood: Flood) -> None:
    """A thousand messages in a hundred seconds: sixty are acted on."""
    await flood.send([{"message": updates.message(BORIS, f"/allow {ANNA} Anna")}])
    said = flood.rows("outbox")
    await flood.send({"message": updates.message(ANNA, "/help")} for _ in range(1000))
    texts = Counter(
        json.loads(str(payload))["text"].split(".")[0]
        for (payload,) in flood.query(
            f"SELECT payload FROM outbox WHERE id > {said} AND kind = 'reply'"
        )
    )
    warnings = texts.pop("Too many messages at once")
    assert 1 <= warnings <= 2
    assert texts.total() <= 60
    # That they came is kept, so that none acts twice; what they said is not.
    assert flood.query("SELECT sum(length(payload)) FROM inbox") == [(0,)]


@pytest.mark.long
async def test_a_member_leaves_room_for_the_others(flood: Flood) -> None:
    """Somebody asks and cancels, and has new profiles made, for most of an hour."""
    for person in (ANNA, EMIL):
        await flood.send([{"message": updates.message(BORIS, f"/allow {person} P{person}")}])
    for _ in range(40):
        await flood.send([{"message": updates.message(ANNA, "/requestvpn berlin")}])
        [(request,)] = flood.query("SELECT max(id) FROM requests")
        await flood.send([{"callback_query": updates.tap(ANNA, f"cx:{request}")}], each=MINUTE)
    assert flood.rows("requests") == 10
    assert flood.query("SELECT count(*) FROM outbox WHERE kind = 'card'") == [(10,)]
    assert flood.query("SELECT count(*) FROM audit WHERE action LIKE 'request%'") == [(20,)]

    await flood.gate.gives(ANNA, "berlin")
    for _ in range(40):
        [(grant,)] = flood.query("SELECT id FROM grants WHERE state = 'active'")
        await flood.send([{"callback_query": updates.tap(ANNA, f"npy:{grant}")}], each=MINUTE / 2)
        await flood.gate.deliver(lambda: Fate.ARRIVES)
        await flood.gate.deliver(lambda: Fate.ARRIVES)
        await flood.gate.prove()
    assert flood.query("SELECT count(*) FROM grants WHERE end_reason = 'replaced'") == [(5,)]
    await flood.gate.gives(EMIL, "berlin")


@pytest.mark.long
async def test_refusals_of_a_member_fill_no_trail(flood: Flood) -> None:
    """Twenty an hour, whatever is tried; for five hours."""
    await flood.send([{"message": updates.message(BORIS, f"/allow {ANNA} Anna")}])
    before = flood.rows("audit")
    await flood.send(taps(5 * 120, ANNA), each=30 * SECOND)
    assert flood.rows("audit") - before == 5 * 20


async def test_a_forwarded_command_is_noted_whoever_sends_it(flood: Flood) -> None:
    """But not what anybody may say, nor each of many."""
    for who in (STRANGER, BORIS):
        for kind, text in enumerate(("/revoke 1001", " /ALLOW@vpn_bot 3001 Eve", "/help", "hello")):
            await flood.send([updates.forwarded(who, text, kind)])
    noted = flood.query("SELECT actor, action, subject FROM audit")
    assert noted == [
        (f"telegram:{who}", "refused", f"forwarded {command}")
        for who in (STRANGER, BORIS)
        for command in ("/revoke", "/allow")
    ]
    await flood.send(updates.forwarded(STRANGER, "/revoke 1001", 0) for _ in range(100))
    assert flood.rows("audit") == 18 + len(noted)
    assert flood.rows("people") == 1  # an admin who writes is known


@pytest.mark.long
async def test_the_quarantine_keeps_the_newest(flood: Flood) -> None:
    """The keeper trims it every hour, to a thousand."""
    broken = updates.void(STRANGER, "x", "x", 17)
    await flood.send(broken for _ in range(1500))
    async with flood.gate.database.writing() as tx:
        await tx.inbox.trim_quarantine(1000)
    assert flood.rows("inbox") == 1000
    assert flood.query("SELECT min(update_id), max(update_id) FROM inbox") == [(501, 1500)]


async def test_the_limits_remember_so_many_and_no_more(flood: Flood) -> None:
    """As many strangers as there are: memory stays as it is."""
    limits, now = flood.gate.worker._limits, flood.gate.core.since_boot()
    for number in range(25_000):
        limits.answers_stranger(number, now)
        limits.answers_group(-number, now)
        limits.audits(Actor("", "", UserId(number)), now)
        limits.warns(number, now)
    throttles = [one for one in vars(limits).values() if isinstance(one, Throttle)]
    assert len(throttles) >= 6
    assert all(len(one._passed) <= 10_000 for one in throttles)
    assert sum(len(passed) for one in throttles for passed in one._passed.values()) <= 60_000


@pytest.mark.long
async def test_a_flood_takes_nothing_from_those_who_are_known(flood: Flood) -> None:
    """Anna is served in the middle of it."""
    await flood.send([{"message": updates.message(BORIS, f"/allow {ANNA} Anna")}])
    crowd = range(10_000, 10_300)
    ask = {"message": updates.message(ANNA, "/requestvpn 7d berlin")}
    await flood.send((*messages(200, *crowd), ask, *messages(200, *crowd)))
    async with flood.gate.database.reading() as tx:
        assert len(await tx.requests.open_of(UserId(ANNA))) == 1
