"""What waits to be sent: claimed once, held, hastened, put back."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from storage.database import Database
from storage.outbox import Done, Later, Next, SetAside
from storage.records import ChatId, OutboxItem, OutboxKind, OutboxState, Payload
from storage.transaction import Transaction
from tests.storage.kit import DAY, HOUR, NOW

ALICE, BOB = ChatId(7), ChatId(8)
MINUTE = timedelta(minutes=1)


async def add(
    tx: Transaction,
    chat: ChatId = ALICE,
    kind: OutboxKind = OutboxKind.NOTICE,
    payload: Payload | None = None,
    **changes: Any,
) -> OutboxItem:
    """The newest row after adding one."""
    await tx.outbox.add(chat, kind, payload or {}, **{"now": NOW} | changes)
    found = await tx.outbox.due(NOW + 100 * DAY, 1000)
    return found[-1]


async def states(tx: Transaction) -> dict[int, str]:
    found = await tx._connection.execute(text("SELECT id, state FROM outbox"))
    return {row.id: row.state for row in found}


async def due(tx: Transaction, after: timedelta = timedelta(0)) -> list[int]:
    return [item.id for item in await tx.outbox.due(NOW + after, 1000)]


async def test_a_row_comes_back_as_it_was_added(database: Database) -> None:
    payload = {"text": "Привет <b>🚀</b>", "keyboard": [[{"data": "ap:1:60"}]], "n": None}
    async with database.writing() as tx:
        item = await add(tx, BOB, OutboxKind.REPLY, payload, wait_s=1.5)
        assert item == OutboxItem(
            id=item.id,
            chat_id=BOB,
            kind=OutboxKind.REPLY,
            payload=payload,
            state=OutboxState.QUEUED,
            attempts=0,
            due_at=NOW + timedelta(seconds=1.5),
            created_at=NOW,
        )


@pytest.mark.parametrize("kind", list(OutboxKind))
async def test_every_kind_comes_back(database: Database, kind: OutboxKind) -> None:
    async with database.writing() as tx:
        item = await add(tx, kind=kind)
        assert item.kind is kind
        assert await tx.outbox.open(kind) == [item]


async def test_what_is_due_comes_in_the_order_it_was_written(database: Database) -> None:
    async with database.writing() as tx:
        first, second = await add(tx), await add(tx, BOB)
        later = await add(tx, wait_s=60)
        assert await due(tx) == [first.id, second.id]
        assert await due(tx, MINUTE) == [first.id, second.id, later.id]
        assert [item.id for item in await tx.outbox.due(NOW + MINUTE, 2)] == [first.id, second.id]


async def test_a_row_is_claimed_once(database: Database) -> None:
    async with database.writing() as tx:
        item, other = await add(tx), await add(tx)
        assert await tx.outbox.claim(item.id)
        assert not await tx.outbox.claim(item.id)
        assert await due(tx) == [other.id]
        assert [found.id for found in await tx.outbox.sending()] == [item.id]


async def test_only_a_claimed_row_can_be_ended_or_put_back(database: Database) -> None:
    async with database.writing() as tx:
        item = await add(tx)
        assert not await tx.outbox.conclude(item, Done())
        assert not await tx.outbox.conclude(item, SetAside(None))
        assert not await tx.outbox.conclude(item, Later(NOW, attempts=1))
        assert not await tx.outbox.conclude(item, Later(NOW, attempts=0, payload={"said": True}))
        assert await tx.outbox.due(NOW, 1) == [item]


@pytest.mark.parametrize(
    ("ending", "state"), [(Done(), "done"), (SetAside("x"), "failed"), (SetAside(None), "failed")]
)
async def test_a_row_that_is_over_stays_over(database: Database, ending: Next, state: str) -> None:
    async with database.writing() as tx:
        item = await add(tx)
        await tx.outbox.claim(item.id)
        assert await tx.outbox.conclude(item, ending)
        assert not await tx.outbox.conclude(item, Done())
        assert not await tx.outbox.conclude(item, SetAside(None))
        assert not await tx.outbox.claim(item.id)
        assert not await tx.outbox.conclude(item, Later(NOW, attempts=1))
        assert await states(tx) == {item.id: state}
        assert await tx.outbox.open(item.kind) == []
        assert await tx.outbox.sending() == []


async def test_a_row_that_failed_comes_again_later(database: Database) -> None:
    async with database.writing() as tx:
        item = await add(tx, payload={"code": "x"})
        await tx.outbox.claim(item.id)
        assert await tx.outbox.conclude(item, Later(NOW + MINUTE, attempts=3))
        assert await due(tx) == []
        [again] = await tx.outbox.due(NOW + MINUTE, 1)
        assert (again.attempts, again.state, again.payload) == (
            3,
            OutboxState.QUEUED,
            {"code": "x"},
        )


async def test_a_row_that_waits_keeps_what_was_done_so_far(database: Database) -> None:
    async with database.writing() as tx:
        item = await add(tx, kind=OutboxKind.RECEIPT, payload={"grants": ["g-1"]})
        await tx.outbox.claim(item.id)
        assert await tx.outbox.conclude(
            item, Later(NOW + MINUTE, attempts=0, payload=item.payload | {"said": True})
        )
        [again] = await tx.outbox.due(NOW + MINUTE, 1)
        assert again.payload == {"grants": ["g-1"], "said": True}
        assert (again.attempts, again.due_at) == (0, NOW + MINUTE)


async def test_a_chat_that_is_held_waits_as_a_whole(database: Database) -> None:
    async with database.writing() as tx:
        first, second = await add(tx), await add(tx)
        later = await add(tx, wait_s=3600)
        others = await add(tx, BOB)
        claimed = await add(tx)
        await tx.outbox.claim(claimed.id)

        await tx.outbox.hold_chat(ALICE, NOW + MINUTE)

        assert await due(tx) == [others.id]
        assert await due(tx, MINUTE) == [first.id, second.id, others.id]
        # What was due later stays later: nothing comes sooner by a hold.
        assert await due(tx, HOUR) == [first.id, second.id, later.id, others.id]
        assert [item.id for item in await tx.outbox.sending()] == [claimed.id]


async def test_what_waited_for_something_goes_when_it_has_happened(database: Database) -> None:
    async with database.writing() as tx:
        receipt = await add(tx, kind=OutboxKind.RECEIPT, wait_s=300)
        others = await add(tx, BOB, OutboxKind.RECEIPT, wait_s=300)
        notice = await add(tx, wait_s=300)
        due_before = await add(tx, kind=OutboxKind.RECEIPT)
        over = await add(tx, kind=OutboxKind.RECEIPT, wait_s=300)
        await tx.outbox.claim(over.id)
        await tx.outbox.conclude(over, Done())

        await tx.outbox.hasten(OutboxKind.RECEIPT, NOW + MINUTE)

        assert await due(tx) == [due_before.id]
        assert await due(tx, MINUTE) == [receipt.id, others.id, due_before.id]
        assert notice.id in await due(tx, HOUR)
        assert (await states(tx))[over.id] == "done"


async def test_open_rows_are_those_queued_or_being_sent(database: Database) -> None:
    async with database.writing() as tx:
        queued = await add(tx, kind=OutboxKind.DELIVER, wait_s=3600)
        sending = await add(tx, kind=OutboxKind.DELIVER)
        done = await add(tx, kind=OutboxKind.DELIVER)
        await add(tx)
        for item in (sending, done):
            await tx.outbox.claim(item.id)
        await tx.outbox.conclude(done, Done())
        found = await tx.outbox.open(OutboxKind.DELIVER)
        assert [item.id for item in found] == [queued.id, sending.id]


async def test_only_old_rows_that_are_over_go(database: Database) -> None:
    async with database.writing() as tx:
        done, failed, sending = await add(tx), await add(tx), await add(tx)
        queued = await add(tx)
        young = await add(tx, now=NOW + DAY)
        for item in (done, failed, sending, young):
            await tx.outbox.claim(item.id)
        await tx.outbox.conclude(done, Done())
        await tx.outbox.conclude(failed, SetAside(None))
        await tx.outbox.conclude(young, Done())

        # Some at a time: of a few there are no more.
        assert not await tx.outbox.prune(NOW)
        assert len(await states(tx)) == 5
        await tx.outbox.prune(NOW + HOUR)
        assert set(await states(tx)) == {sending.id, queued.id, young.id}


async def test_numbers_of_rows_never_come_again(database: Database) -> None:
    """A process that was sending a row must not finish somebody else's."""
    async with database.writing() as tx:
        item = await add(tx)
        await tx.outbox.claim(item.id)
        await tx.outbox.conclude(item, Done())
        await tx.outbox.prune(NOW + HOUR)
        assert (await add(tx)).id > item.id


async def test_what_is_to_be_said_is_in_no_repr(database: Database) -> None:
    async with database.writing() as tx:
        assert "secret" not in repr(await add(tx, payload={"text": "secret"}))


async def test_what_waits_for_a_moment_too_far_ahead_may_go_now(database: Database) -> None:
    async with database.writing() as tx:
        soon, late = await add(tx, wait_s=60), await add(tx, wait_s=61)
        await tx.outbox.hasten_beyond(NOW + MINUTE, NOW)
        assert await due(tx) == [late.id]
        assert await due(tx, MINUTE) == [soon.id, late.id]


async def fail_often(tx: Transaction, item: OutboxItem, attempts: int, error: str) -> None:
    await tx.outbox.claim(item.id)
    await tx.outbox.conclude(item, Later(NOW, attempts=attempts, error=error))


async def test_each_chat_has_its_turn_however_much_waits_before_it(database: Database) -> None:
    async with database.writing() as tx:
        for _ in range(250):
            await tx.outbox.add(ALICE, OutboxKind.NOTICE, {}, now=NOW)
        await add(tx, BOB, wait_s=60)
        bobs = await add(tx, BOB)
        carols = await add(tx, ChatId(9), OutboxKind.DELIVER)
        kinds = (OutboxKind.NOTICE,)
        found = await tx.outbox.first_due(NOW, 10, kinds=kinds)
        assert [item.id for item in found] == [1, bobs.id]
        found = await tx.outbox.first_due(NOW, 10, kinds=(*kinds, OutboxKind.DELIVER))
        assert [item.id for item in found] == [1, bobs.id, carols.id]
        assert [item.id for item in await tx.outbox.first_due(NOW, 1, kinds=kinds)] == [1]
        assert await tx.outbox.first_due(NOW, 0, kinds=kinds) == []
        found = await tx.outbox.first_due(NOW, 10, kinds=kinds, without={ALICE})
        assert [item.id for item in found] == [bobs.id]


async def test_what_failed_often_comes_after_the_others(database: Database) -> None:
    async with database.writing() as tx:
        often, once, bobs = await add(tx), await add(tx, BOB), await add(tx, ChatId(9))
        await fail_often(tx, often, 3, "x")
        await fail_often(tx, once, 2, "x")
        found = await tx.outbox.first_due(NOW, 10, kinds=(OutboxKind.NOTICE,))
        assert [item.id for item in found] == [once.id, bobs.id, often.id]


async def test_what_is_stuck_is_known_with_its_reason(database: Database) -> None:
    async with database.writing() as tx:
        aside, waits, young, closed, done = [await add(tx) for _ in range(5)]
        await tx.outbox.claim(aside.id)
        await tx.outbox.conclude(aside, SetAside("x" * 1000))
        await fail_often(tx, waits, 3, "again")
        await fail_often(tx, young, 2, "again")
        await tx.outbox.claim(closed.id)
        await tx.outbox.conclude(closed, SetAside(None))
        await fail_often(tx, done, 5, "again")
        await tx.outbox.claim(done.id)
        await tx.outbox.conclude(done, Done())
        stuck = await tx.outbox.stuck(10)
        assert [(item.id, item.error) for item in stuck] == [(waits.id, "again"), (1, "x" * 256)]
        assert [item.id for item in await tx.outbox.stuck(1)] == [waits.id]


async def test_a_chat_is_held_as_long_as_was_said_at_most(database: Database) -> None:
    async with database.writing() as tx:
        item, other = await add(tx), await add(tx, BOB)
        await tx.outbox.claim(item.id)
        later = Later(NOW + HOUR, attempts=1)
        await tx.outbox.conclude(item, later)
        assert await tx.outbox.holds() == {}
        await tx.outbox.claim(item.id)
        await tx.outbox.conclude(item, Later(NOW + HOUR, attempts=2, holds_chat=True))
        assert await tx.outbox.holds() == {ALICE: NOW + HOUR}
        for until in (MINUTE, DAY, HOUR):
            await tx.outbox.hold_chat(ALICE, NOW + until)
        await tx.outbox.hold_chat(BOB, NOW + HOUR)
        assert await tx.outbox.holds() == {ALICE: NOW + DAY, BOB: NOW + HOUR}
        assert await due(tx, HOUR) == [other.id]
        await tx.outbox.forget_holds(NOW + HOUR)
        assert await tx.outbox.holds() == {ALICE: NOW + DAY, BOB: NOW + HOUR}
        await tx.outbox.forget_holds(NOW + HOUR + MINUTE)
        assert await tx.outbox.holds() == {ALICE: NOW + DAY}


async def test_of_what_waits_of_a_kind_nobody_knows_any_more(database: Database) -> None:
    async with database.writing() as tx:
        profile, note, sent = [
            await add(tx, kind=kind)
            for kind in (OutboxKind.DELIVER, OutboxKind.NOTICE, OutboxKind.DELIVER)
        ]
        await tx.outbox.claim(sent.id)
        await tx.outbox.conclude(sent, Done())
        await tx.outbox.doubt(OutboxKind.DELIVER)
        assert await states(tx) == {profile.id: "sending", note.id: "queued", sent.id: "done"}


async def test_what_waits_for_a_group_goes_where_it_has_moved(database: Database) -> None:
    new = ChatId(-1007)
    async with database.writing() as tx:
        queued, sending, sent, other = [await add(tx, chat) for chat in (ALICE, ALICE, ALICE, BOB)]
        for item in (sending, sent):
            await tx.outbox.claim(item.id)
        await tx.outbox.conclude(sent, Done())
        await tx.outbox.move_chat(ALICE, new)
        found = await tx._connection.execute(text("SELECT id, chat_id FROM outbox"))
        assert {row.id: row.chat_id for row in found} == {
            queued.id: new,
            sending.id: new,
            sent.id: ALICE,
            other.id: BOB,
        }


async def test_no_message_from_before_is_edited_by_another_bot(database: Database) -> None:
    payload = {"text": "x", "edit": 7}
    async with database.writing() as tx:
        edit, done, menu, note = [
            await add(tx, kind=kind, payload=given)
            for kind, given in (
                (OutboxKind.EDIT, payload),
                (OutboxKind.EDIT_CARD, payload),
                (OutboxKind.REPLY, payload),
                (OutboxKind.NOTICE, {"code": "x"}),
            )
        ]
        await tx.outbox.claim(done.id)
        await tx.outbox.conclude(done, Done())
        await tx.outbox.forget_edits()
        assert set(await states(tx)) == {done.id, menu.id, note.id}
        found = await tx.outbox.due(NOW, 9)
        assert [(one.id, one.payload) for one in found] == [
            (menu.id, {"text": "x"}),
            (note.id, {"code": "x"}),
        ]
        assert edit.id not in await states(tx)


async def test_what_nobody_has_begun_to_send_is_known(database: Database) -> None:
    async with database.writing() as tx:
        _, sending, tried = [await add(tx, payload={"n": n}) for n in range(3)]
        await add(tx, BOB, payload={"n": 3})
        await add(tx, kind=OutboxKind.REPLY, payload={"n": 4})
        await tx.outbox.claim(sending.id)
        await tx.outbox.claim(tried.id)
        await tx.outbox.conclude(tried, Later(NOW, attempts=1))
        assert await tx.outbox.untried(ALICE, OutboxKind.NOTICE) == [{"n": 0}]
