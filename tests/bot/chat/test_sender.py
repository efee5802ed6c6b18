"""What goes out when: no chat waits for what another one waits for."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from telegram.error import ChatMigrated, RetryAfter

from bot.access.case import Chance, Rules
from bot.chat import sender as sender_module
from bot.chat.outcomes import failure_at_telegram
from bot.chat.sender import Handling, Sender
from bot.core import Core
from bot.process.clock import since_boot, utc_now
from storage.outbox import Done
from storage.records import ChatId, OutboxItem, OutboxKind
from tests.company import until
from tests.storage.kit import open_copy

RULES = Rules(default_duration=3600, max_duration=3600, request_ttl=3600)
CHANCE = Chance(serial=lambda: "0", code=lambda: "0", token=lambda: "0")
ANNA = ChatId(1001)


@pytest.fixture
async def core(template: Path, tmp_path: Path) -> AsyncIterator[Core]:
    database = await open_copy(template, tmp_path)
    yield Core(database, RULES, CHANCE, utc_now, since_boot)
    await database.close()


class Wire:
    """The far end: a server that never answers, and a Telegram that takes all texts."""

    def __init__(self) -> None:
        self.begun: list[OutboxItem] = []
        self.sent: list[OutboxItem] = []
        self.halts = 0
        self.server_answers = asyncio.Event()

    async def receipt(self, item: OutboxItem) -> Done:
        self.begun.append(item)
        await self.server_answers.wait()
        self.sent.append(item)
        return Done()

    async def notice(self, item: OutboxItem) -> Done:
        if self.halts:
            self.halts -= 1
            raise RetryAfter(timedelta(seconds=2))
        self.sent.append(item)
        return Done()


async def put(core: Core, kind: OutboxKind, chats: Iterable[int]) -> None:
    async with core.database.writing() as tx:
        for chat in chats:
            await tx.outbox.add(ChatId(chat), kind, {}, now=core.clock())


async def wait_until_held(core: Core) -> None:
    """Until it is written down that this chat has to wait."""
    while True:
        async with core.database.reading() as tx:
            if any(item.error for item in await tx.outbox.open(OutboxKind.NOTICE)):
                return
        await asyncio.sleep(0.01)


@asynccontextmanager
async def sending(core: Core, wire: Wire) -> AsyncIterator[Sender]:
    handlings = {
        OutboxKind.RECEIPT: Handling(wire.receipt, is_slow=True),
        OutboxKind.NOTICE: Handling(wire.notice),
    }
    sender = Sender(core, handlings, failure_of=failure_at_telegram)
    running = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        wire.server_answers.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("chats", [range(1, 41), [1] * 400], ids=["many-chats", "one-chat"])
async def test_a_server_that_hangs_holds_up_no_text(core: Core, chats: Iterable[int]) -> None:
    """Not even where more waits for it than is looked at in one go."""
    wire = Wire()
    await put(core, OutboxKind.RECEIPT, chats)
    async with sending(core, wire):
        await until(lambda: len(wire.begun) >= min(16, len(set(chats))))
        await put(core, OutboxKind.NOTICE, [ANNA])
        await until(lambda: len(wire.sent) >= 1)
        assert [item.kind for item in wire.sent] == [OutboxKind.NOTICE]


async def test_not_everything_goes_at_once(core: Core) -> None:
    wire = Wire()
    await put(core, OutboxKind.RECEIPT, range(1, 41))
    async with sending(core, wire):
        await until(lambda: len(wire.begun) >= 16)
        await put(core, OutboxKind.NOTICE, [ANNA])
        await until(lambda: wire.sent)  # so it has looked for more meanwhile
        assert len(wire.begun) == 16
        wire.server_answers.set()
        await until(lambda: len(wire.sent) >= 41)


async def test_a_halt_that_a_text_met_holds_for_profiles_too(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # as `connect` does it
    wire = Wire()
    wire.halts = 1
    await put(core, OutboxKind.NOTICE, [ANNA])
    began = core.clock()
    async with sending(core, wire) as sender:
        await until(lambda: not wire.halts)
        await asyncio.wait_for(wait_until_held(core), 60)
        await sender.released(ANNA)
        assert core.clock() - began >= timedelta(seconds=2)
        await until(lambda: len(wire.sent) >= 1)


async def test_a_halt_outlives_the_process(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is started next finds in the database how long a chat is to be left alone."""
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # as `connect` does it
    wire = Wire()
    wire.halts = 1
    await put(core, OutboxKind.NOTICE, [ANNA, ANNA])
    async with sending(core, wire) as sender:
        await until(lambda: sender._is_held(ANNA) and not sender._claimed)  # it is noted by now
        async with core.database.reading() as tx:
            assert await tx.outbox.due(core.clock(), 9) == []


async def test_what_is_written_after_a_restart_waits_out_the_halt_as_well(core: Core) -> None:
    """A profile that got lost with the process, for example, is made anew."""
    async with sending(core, Wire()) as sender:
        await sender.hold(ANNA, 3600)
    await put(core, OutboxKind.NOTICE, [ANNA, 1002])
    wire = Wire()
    async with sending(core, wire) as sender:
        await until(lambda: wire.sent)
        assert [item.chat_id for item in wire.sent] == [1002]
        assert sender._is_held(ANNA)
    # One that is over holds up nobody.
    async with core.database.writing() as tx:
        await tx.outbox.forget_holds(core.clock() + timedelta(hours=2))
    async with sending(core, wire):
        await until(lambda: len(wire.sent) >= 2)


async def test_a_group_that_has_another_number_now_is_answered_there(core: Core) -> None:
    """Telegram makes a supergroup of a group, and says under which number."""
    old, new = ChatId(-5), ChatId(-1005)
    went: list[ChatId] = []

    async def notice(item: OutboxItem) -> Done:
        if item.chat_id == old:
            raise ChatMigrated(new)
        went.append(item.chat_id)
        return Done()

    await put(core, OutboxKind.NOTICE, [old, old])
    sender = Sender(core, {OutboxKind.NOTICE: Handling(notice)}, failure_of=failure_at_telegram)
    running = asyncio.create_task(sender.run())
    try:
        await until(lambda: len(went) >= 2)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert went == [new, new]


async def test_a_halt_that_a_profile_met_holds_for_texts_too(core: Core) -> None:
    """Also for those that are written meanwhile; and a shorter one does not end it."""
    wire = Wire()
    async with sending(core, wire) as sender:
        began = core.clock()
        await sender.hold(ANNA, 1)
        await sender.hold(ANNA, 0)
        await put(core, OutboxKind.NOTICE, [ANNA, 1002])
        await until(lambda: ANNA in {item.chat_id for item in wire.sent})
        assert core.clock() - began >= timedelta(seconds=1)
        await until(lambda: len(wire.sent) >= 2)


async def test_profiles_that_wait_out_a_halt_keep_no_other_from_going(core: Core) -> None:
    wire = Wire()
    await put(core, OutboxKind.RECEIPT, range(1, 17))
    async with sending(core, wire) as sender:
        await until(lambda: len(wire.begun) >= 16)
        for chat in range(1, 17):
            await sender.hold(ChatId(chat), 60)
        await put(core, OutboxKind.RECEIPT, [ANNA])
        await until(lambda: len(wire.begun) >= 17)


async def test_after_a_halt_no_more_is_begun_until_there_is_room(core: Core) -> None:
    """What waited it out is at work again, and what had gone ahead of it, too."""
    wire = Wire()
    await put(core, OutboxKind.RECEIPT, range(1, 17))
    async with sending(core, wire) as sender:
        await until(lambda: len(wire.begun) >= 16)
        for chat in range(1, 17):
            await sender.hold(ChatId(chat), 1)
        await put(core, OutboxKind.RECEIPT, [ANNA])
        await until(lambda: len(wire.begun) >= 17)
        await asyncio.gather(*(sender.released(ChatId(chat)) for chat in range(1, 17)))
        await put(core, OutboxKind.RECEIPT, range(20, 25))
        sender.wake()
        await put(core, OutboxKind.NOTICE, [ANNA])
        await until(lambda: wire.sent)
        assert len(wire.begun) == 17


async def left_behind(core: Core) -> dict[OutboxKind, OutboxItem]:
    """A row of each kind that says 'sending' although whoever sent it is gone."""
    await put(core, OutboxKind.RECEIPT, [ANNA])
    await put(core, OutboxKind.NOTICE, [ANNA])
    async with core.database.writing() as tx:
        rows = await tx.outbox.due(core.clock(), 9)
        for row in rows:
            await tx.outbox.claim(row.id)
    return {row.kind: row for row in rows}


@pytest.mark.parametrize("is_known", [True, False])
async def test_what_a_process_left_behind_is_taken_up(core: Core, is_known: bool) -> None:
    """A text goes once more; of what must not, its own handling says what comes of it."""
    rows = await left_behind(core)
    settled: list[OutboxItem] = []

    async def settle(item: OutboxItem) -> Done | None:
        settled.append(item)
        return Done() if is_known else None

    wire = Wire()
    handlings = {
        OutboxKind.RECEIPT: Handling(wire.receipt, is_slow=True, settle=settle),
        OutboxKind.NOTICE: Handling(wire.notice),
    }
    sender = Sender(core, handlings, failure_of=failure_at_telegram)
    before = sender.is_busy
    sender.wake()
    assert (before, sender.is_busy) == (False, True), "somebody said that there is something"
    running = asyncio.create_task(sender.run())
    try:
        # Until it is looked at it counts as done: that there is something was said, and heard.
        await until(lambda: wire.sent and not sender.is_busy)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [item.id for item in wire.sent] == [rows[OutboxKind.NOTICE].id]
    assert [item.id for item in settled] == [rows[OutboxKind.RECEIPT].id]
    assert wire.begun == []
    async with core.database.reading() as tx:
        left = [item.kind for item in await tx.outbox.sending()]
    assert left == ([] if is_known else [OutboxKind.RECEIPT])


async def test_what_is_cut_off_has_ended_when_the_sender_has(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after it the database is closed, under whatever still runs."""
    monkeypatch.setattr(sender_module, "_GRACE_S", 0)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hangs(_item: OutboxItem) -> Done:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.02)
            ended.set()
        return Done()

    await put(core, OutboxKind.NOTICE, [ANNA])
    handlings = {OutboxKind.NOTICE: Handling(hangs)}
    sender = Sender(core, handlings, failure_of=failure_at_telegram)
    running = asyncio.create_task(sender.run())
    await begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert ended.is_set()


async def test_a_pile_for_one_chat_starves_no_other(core: Core) -> None:
    wire = Wire()
    await put(core, OutboxKind.RECEIPT, [ANNA] * 250)
    await put(core, OutboxKind.RECEIPT, [1002])
    async with sending(core, wire):
        await until(lambda: [item.chat_id for item in wire.begun] == [ANNA, 1002])
