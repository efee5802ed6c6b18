"""What becomes of a profile that Telegram does not take, or whose sender is not there any more."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from bot.access.case import Case, Rules
from bot.access.messages import DeliverNote
from bot.access.permission import Actor
from bot.chat.client import connect
from bot.chat.delivery import ChatDelivery, TelegramCourier
from bot.chat.outcomes import failure_at_telegram
from bot.chat.sender import Sender
from bot.core import Core
from bot.desk import real_chance
from bot.handover.delivery import Came, Delivery, Outcome
from bot.handover.fields import file_name_of
from bot.handover.profiles import Profile
from bot.process.clock import since_boot, utc_now
from demo.api.faults import Fault, status
from demo.people import DemoPerson
from demo.server import DemoServer
from storage.key_records import KeyChoice, KeyWay
from storage.outbox import Done, Later
from storage.records import ChatId, EndReason, Grant, GrantState, OutboxItem, OutboxKind
from storage.transaction import Transaction
from tests.bot.chat.rows import conclude
from tests.storage.kit import (
    ANNA,
    BERLIN,
    add_people,
    add_request,
    make_grant,
    make_server,
    open_copy,
)


@pytest.fixture
async def core(template: Path, tmp_path: Path) -> AsyncIterator[Core]:
    database = await open_copy(template, tmp_path)
    yield Core(database, Rules(3600, 3600, 3600), real_chance(), utc_now, since_boot)
    await database.close()


async def left_behind(core: Core, state: GrantState) -> tuple[ChatDelivery, Grant, OutboxItem]:
    """A profile that somebody was sending who is not there any more."""
    nobody: Any = None  # nothing is sent, and nothing is made
    delivery = ChatDelivery(nobody, core, Delivery(core, nobody, nobody), nobody, archives=False)
    async with core.database.writing() as tx:
        await add_people(tx)
        now = core.clock()
        await tx.servers.add(replace(make_server(), crl_published_at=now))
        request = await add_request(tx, ANNA, BERLIN)
        grant = make_grant(
            1, request.id, state=state, not_before=now, not_after=now + timedelta(seconds=9999)
        )
        await tx.grants.add(grant)
        payload = {"grant": grant.id, "note": DeliverNote.FIRST, "round": 3}
        await tx.outbox.add(ChatId(ANNA), OutboxKind.DELIVER, payload, now=now)
        [item] = await tx.outbox.due(now, 9)
        await tx.outbox.claim(item.id)
    return delivery, grant, item


@pytest.mark.parametrize("state", [GrantState.ACTIVE, GrantState.REVOKING, GrantState.REVOKED])
async def test_what_was_sent_or_is_over_is_not_made_again(core: Core, state: GrantState) -> None:
    delivery, _, item = await left_behind(core, state)
    assert await delivery.deliver(item) == Done()


async def test_of_a_grant_that_is_none_nothing_is_made(core: Core) -> None:
    delivery, _, item = await left_behind(core, GrantState.RESERVED)
    assert await delivery.deliver(replace(item, payload=item.payload | {"grant": "g-no"})) == Done()


@pytest.mark.parametrize(
    ("state", "left", "becomes", "next_round"),
    [
        # Nothing has left the process that ended: the same one goes out.
        (GrantState.RESERVED, "queued", GrantState.RESERVED, None),
        # It may have arrived; that the process ended is no failure of Telegram's.
        (GrantState.ISSUED, "done", GrantState.REVOKING, 3),
        (GrantState.ACTIVE, "done", GrantState.ACTIVE, None),
        (GrantState.REVOKED, "done", GrantState.REVOKED, None),
    ],
)
async def test_settling(
    core: Core, state: GrantState, left: str, becomes: GrantState, next_round: int | None
) -> None:
    delivery, grant, item = await left_behind(core, state)

    await conclude(core, item, await delivery.settle(item))

    async with core.database.reading() as tx:
        now_is = await tx.grants.get(grant.id)
        assert now_is is not None
        assert now_is.state is becomes
        assert (now_is.end_reason is EndReason.LOST) == (next_round is not None)
        row = await tx._connection.exec_driver_sql("SELECT state FROM outbox WHERE id = 1")
        assert row.scalar() == left
        fresh = [one.payload for one in await tx.outbox.open(OutboxKind.DELIVER) if one.id != 1]
    assert [one["round"] for one in fresh] == ([] if next_round is None else [next_round])


async def test_what_telegram_turns_away_while_it_answers_is_given_up_in_the_end(
    core: Core,
) -> None:
    """After five tries; those do not count on which it does not even say who the bot is."""
    token = "123456789:a-token-that-opens-nothing-at-all"
    anna = DemoPerson(ANNA, "Anna", None, "Employee", started=True)
    no = status(401, "Unauthorized")
    grant, profile = make_grant(1, None), Profile("anna.ovpn", b"client\n")
    sender = Sender(core, {}, failure_of=failure_at_telegram)
    async with DemoServer(token, (anna,)) as telegram, connect(token, telegram.url).bot as bot:
        courier = TelegramCourier(bot, sender, ChatId(ANNA), DeliverNote.FIRST, None, core.clock)
        courier._wait_s = 0.0
        telegram.faults += [Fault("sendDocument", 7, no), Fault("getMe", 2, no)]
        came = [(await courier.hand_over(grant, profile, earlier_dead=True)).came for _ in range(7)]
        assert came == [Came.NOT_YET] * 6 + [Came.REFUSED]
        assert (await courier.hand_over(grant, profile, earlier_dead=True)).came is Came.ARRIVED


async def test_a_document_that_telegram_refuses_is_not_sent_again(core: Core) -> None:
    token = "123456789:a-token-that-opens-nothing-at-all"
    anna = DemoPerson(ANNA, "Anna", None, "Employee", started=True)
    sender = Sender(core, {}, failure_of=failure_at_telegram)
    async with DemoServer(token, (anna,)) as telegram, connect(token, telegram.url).bot as bot:
        courier = TelegramCourier(bot, sender, ChatId(ANNA), DeliverNote.FIRST, None, core.clock)
        telegram.faults.append(Fault("sendDocument", 1, status(400, "Bad Request: FILE_INVALID")))
        sent = Profile("anna.ovpn", b"client\n")
        outcome = await courier.hand_over(make_grant(1, None), sent, earlier_dead=True)
    assert outcome == Outcome(Came.REFUSED, "file_invalid")
    assert telegram.person(ANNA).messages == []


async def test_a_flood_is_waited_out_for_as_long_as_telegram_says(core: Core) -> None:
    token = "123456789:a-token-that-opens-nothing-at-all"
    anna = DemoPerson(ANNA, "Anna", None, "Employee", started=True)
    passed, looks = [timedelta()], 0

    def boot() -> timedelta:
        nonlocal looks
        looks += 1
        return passed[0]

    own = replace(core, since_boot=boot)
    sender, chat = Sender(own, {}, failure_of=failure_at_telegram), ChatId(ANNA)
    flood = status(429, "Too Many Requests: retry after 7", retry_after=7)
    async with DemoServer(token, (anna,)) as telegram, connect(token, telegram.url).bot as bot:
        telegram.faults.append(Fault("sendDocument", 1, flood))
        courier = TelegramCourier(bot, sender, chat, DeliverNote.FIRST, None, core.clock)
        sent = Profile("anna.ovpn", b"client\n")
        waits = asyncio.create_task(courier.hand_over(make_grant(1, None), sent, earlier_dead=True))
        while looks < 3 and not waits.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        passed[0] = timedelta(seconds=6.9)
        assert (waits.done(), sender._is_held(chat)) == (False, True)
        passed[0] = timedelta(seconds=7)
        assert (await waits).came is Came.NOT_YET


class Making:
    """Makes a profile at once."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def make(self, grant: Grant, **_: Any) -> Profile:
        async with self._core.database.writing() as tx:
            assert await tx.grants.move(grant.id, GrantState.RESERVED, GrantState.ISSUED)
        return Profile("anna.ovpn", b"client\n")


async def test_a_profile_waits_while_telegram_wants_to_be_left_alone(core: Core) -> None:
    """Whoever told it so, about whatever else."""
    token = "123456789:a-token-that-opens-nothing-at-all"
    anna = DemoPerson(ANNA, "Anna", None, "Employee", started=True)
    _, grant, item = await left_behind(core, GrantState.RESERVED)
    passed, looks = [timedelta()], 0

    def boot() -> timedelta:
        nonlocal looks
        looks += 1
        return passed[0]

    own = replace(core, since_boot=boot)
    sender, making = Sender(own, {}, failure_of=failure_at_telegram), Making(core)
    nobody: Any = None
    made: Any = making
    async with DemoServer(token, (anna,)) as telegram, connect(token, telegram.url).bot as bot:
        await sender.hold(item.chat_id, 7)
        delivery = ChatDelivery(bot, own, Delivery(own, made, nobody), sender, archives=False)
        waits, before = asyncio.create_task(delivery.deliver(item)), looks
        while looks < before + 2 and not waits.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert telegram.person(ANNA).messages == []
        passed[0] = timedelta(seconds=7)
        await conclude(core, item, await waits)
        assert len(telegram.person(ANNA).messages) == 1
    async with core.database.reading() as tx:
        now_is = await tx.grants.get(grant.id)
    assert now_is is not None
    assert now_is.state is GrantState.ACTIVE


async def test_what_takes_the_place_of_another_names_its_file(core: Core) -> None:
    token = "123456789:a-token-that-opens-nothing-at-all"
    anna = DemoPerson(ANNA, "Anna", None, "Employee", started=True)
    _, grant, item = await left_behind(core, GrantState.RESERVED)
    earlier = make_grant(2, grant.request_id, state=GrantState.REVOKED)
    async with core.database.writing() as tx:
        await tx.grants.add(earlier)
        await tx._connection.exec_driver_sql(
            f"UPDATE grants SET replaces = '{earlier.id}' WHERE id = '{grant.id}'"
        )
    sender, making = Sender(core, {}, failure_of=failure_at_telegram), Making(core)
    nobody: Any = None
    made: Any = making
    renewed = replace(item, payload=item.payload | {"note": DeliverNote.RENEWED})
    async with DemoServer(token, (anna,)) as telegram, connect(token, telegram.url).bot as bot:
        delivery = ChatDelivery(bot, core, Delivery(core, made, nobody), sender, archives=False)
        await conclude(core, item, await delivery.deliver(renewed))
        [message] = telegram.person(ANNA).messages
    assert file_name_of(earlier) in message.text


class InDoubt(Core):
    """While the machine's clock is."""

    def case(self, tx: Transaction, actor: Actor) -> Case:
        return replace(super().case(tx, actor), may_give=False)


async def test_nothing_is_made_while_the_clock_is_in_doubt(core: Core) -> None:
    _, grant, item = await left_behind(core, GrantState.RESERVED)
    now = core.clock()
    doubting = InDoubt(core.database, core.rules, core.chance, lambda: now, since_boot)
    nobody: Any = None
    delivery = ChatDelivery(nobody, doubting, nobody, nobody, archives=False)
    assert await delivery.deliver(item) == Later(now + timedelta(seconds=10), item.attempts)
    async with core.database.reading() as tx:
        assert await tx.grants.get(grant.id) == grant


async def test_what_got_lost_is_not_made_anew_while_telegram_does_not_answer(core: Core) -> None:
    token = "123456789:a-token-that-opens-nothing-at-all"
    delivery, grant, item = await left_behind(core, GrantState.RESERVED)
    now = core.clock()
    still = replace(core, clock=lambda: now)
    nobody: Any = None
    async with DemoServer(token, ()) as telegram, connect(token, telegram.url).bot as bot:
        delivery = ChatDelivery(bot, still, Delivery(still, nobody, nobody), nobody, archives=False)
        telegram.faults.append(Fault("getMe", 1, status(401, "Unauthorized")))
        waits = await delivery.deliver(item)
        assert waits == Later(now + timedelta(seconds=5), item.attempts)
        # While it answers, and the first time in any case, it is made; here nothing can be.
        for number in (3, 0):
            tried = replace(item, payload=item.payload | {"round": number})
            assert callable(await delivery.deliver(tried))
    assert [call.method for call in telegram.calls].count("getMe") == 3
    async with core.database.reading() as tx:
        assert (await tx.grants.get(grant.id)) == grant


@pytest.mark.parametrize(("attempts", "told"), [(0, [ANNA]), (1, [])])
async def test_that_a_profile_takes_longer_is_said_once(
    core: Core, attempts: int, told: list[int]
) -> None:
    delivery, _, item = await left_behind(core, GrantState.RESERVED)
    item = replace(item, attempts=attempts, payload=item.payload | {"round": 0})
    await conclude(core, item, await delivery.deliver(item))
    async with core.database.reading() as tx:
        said = [row.chat_id for row in await tx.outbox.open(OutboxKind.NOTICE)]
        [row] = await tx.outbox.open(OutboxKind.DELIVER)
    assert said == told
    assert (row.attempts, row.error) == (attempts + 1, "AttributeError")


@pytest.mark.parametrize("state", [GrantState.RESERVED, GrantState.ISSUED])
async def test_whoever_is_paused_gets_nothing_until_they_are_back(
    core: Core, state: GrantState
) -> None:
    _, grant, item = await left_behind(core, state)
    now = core.clock()
    nobody: Any = None
    still = replace(core, clock=lambda: now)
    delivery = ChatDelivery(nobody, still, Delivery(still, nobody, nobody), nobody, archives=False)
    async with core.database.writing() as tx:
        await tx._connection.exec_driver_sql("UPDATE grants SET pause = 'paused'")
    for answer in (await delivery.deliver(item), await delivery.settle(item)):
        assert answer == Later(now + timedelta(minutes=5), item.attempts)
    async with core.database.reading() as tx:
        kept = await tx.grants.get(grant.id)
    assert kept is not None
    assert kept.state is state


class Full:
    """A database that has no room, when a profile is made."""

    async def make(self, *_: Any, **__: Any) -> Profile:
        full = sqlite3.OperationalError("database or disk is full")
        full.sqlite_errorname = "SQLITE_FULL"
        raise OperationalError("INSERT", None, full)


async def test_a_full_disk_is_no_delay_that_anybody_is_told_of(core: Core) -> None:
    """The sender tries the row again, as any other."""
    _, _, item = await left_behind(core, GrantState.RESERVED)
    full: Any = Full()
    nobody: Any = None
    delivery = ChatDelivery(nobody, core, Delivery(core, full, nobody), nobody, archives=False)
    with pytest.raises(OperationalError):
        await delivery.deliver(replace(item, payload=item.payload | {"round": 0}))


class Maker:
    """Notes what is wanted of it, and makes nothing, as of a grant that was ended meanwhile."""

    def __init__(self) -> None:
        self.wanted: list[tuple[bool, KeyWay, str | None]] = []

    async def make(
        self, _grant: Grant, *, archive: bool, way: KeyWay, public_key: str | None
    ) -> None:
        self.wanted.append((archive, way, public_key))


@pytest.mark.parametrize(
    ("way", "key"), [(KeyWay.PLAIN, None), (KeyWay.LOCKED, None), (KeyWay.OWN, "a public key")]
)
async def test_a_profile_is_made_as_its_owner_wants_it(
    core: Core, way: KeyWay, key: str | None
) -> None:
    """And what could not be made is looked at again."""
    _, _, item = await left_behind(core, GrantState.RESERVED)
    now = core.clock()
    own = replace(core, clock=lambda: now, rules=replace(core.rules, key_ways=(way,)))
    async with core.database.writing() as tx:
        await tx.keys.choose(KeyChoice(ANNA, KeyWay.OWN, now, "a public key"))
    maker: Any = Maker()
    nobody: Any = None
    delivery = ChatDelivery(nobody, own, Delivery(own, maker, nobody), nobody, archives=True)
    first = replace(item, payload=item.payload | {"round": 0})
    assert await delivery.deliver(first) == Later(now, item.attempts)
    assert maker.wanted == [(True, way, key)]
