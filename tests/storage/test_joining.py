"""Who asks to come in, is invited, is away, seems gone, or was taken off: each row by itself."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from storage.absences import Absence
from storage.database import Database
from storage.joining_records import (
    Farewell,
    FarewellId,
    Invitation,
    InvitationId,
    Knock,
    Leaving,
    LeavingCause,
    LeavingId,
    LeavingState,
    LeftAccount,
)
from storage.pauses import PersonPause
from storage.records import ChatId, OutboxKind, PostedMessage
from storage.role_records import Role
from storage.transaction import Transaction
from tests.storage.kit import ANNA, BORIS, DAY, HOUR, INSTANT, NOW, add_people


async def test_who_asks_to_come_in_is_answered_once(database: Database) -> None:
    async with database.writing() as tx:
        await tx.knocks.put(ANNA, "A", None, NOW - HOUR)
        await tx.knocks.put(ANNA, "Anna", "anna", NOW)
        await tx.knocks.put(BORIS, "Boris", None, NOW + HOUR)
        anna = Knock(ANNA, "Anna", "anna", NOW)
        assert await tx.knocks.get(ANNA) == anna
        since = (NOW - INSTANT, NOW, NOW + HOUR)
        assert [await tx.knocks.count_since(moment) for moment in since] == [2, 1, 0]
        answer: dict[str, Any] = {"allowed": True, "by": "telegram:7", "name": "Olga", "now": NOW}
        assert await tx.knocks.answer(ANNA, **answer)
        assert not await tx.knocks.answer(ANNA, **(answer | {"allowed": False}))
        answered = replace(
            anna, allowed=True, answered_by="telegram:7", answered_by_name="Olga", answered_at=NOW
        )
        assert await tx.knocks.get(ANNA) == answered
        boris = await tx.knocks.get(BORIS)
        assert boris == Knock(BORIS, "Boris", None, NOW + HOUR)
        await tx.knocks.prune(NOW)
        assert await tx.knocks.get(ANNA) == answered
        await tx.knocks.prune(NOW + HOUR)
        assert (await tx.knocks.get(ANNA), await tx.knocks.get(BORIS)) == (None, boris)


async def invite(tx: Transaction, name: str, ends_at: datetime, made_at: datetime) -> Invitation:
    return await tx.invitations.add(
        name=name, groups=["dev"], made_by="x", made_by_name="X", made_at=made_at, ends_at=ends_at
    )


async def test_an_invitation_is_used_or_withdrawn_once_before_its_end(database: Database) -> None:
    async with database.writing() as tx:
        first = await invite(tx, "First", NOW + HOUR, NOW)
        second = await invite(tx, "Second", NOW + DAY, NOW + HOUR)
        third = await invite(tx, "Third", NOW + DAY, NOW + HOUR)
        assert await tx.invitations.get(second.id) == second
        assert await tx.invitations.get(InvitationId(9)) is None
        assert await tx.invitations.open(NOW + HOUR - INSTANT) == [first, second, third]
        assert await tx.invitations.open(NOW + HOUR) == [second, third]
        assert await tx.invitations.since(NOW + HOUR) == [second, third]
        for one in (first, second):
            await tx.invitations.set_hash(one.id, f"hash-{one.id}")
        assert await tx.invitations.by_hash(f"hash-{second.id}") == second
        assert await tx.invitations.by_hash("other") is None
        hashes = [f"hash-{first.id}", f"hash-{second.id}", "other"]
        assert await tx.invitations.open_among(hashes, NOW + HOUR) == {f"hash-{second.id}"}
        # Too late by the moment of its end.
        assert not await tx.invitations.use(first.id, ANNA, NOW + HOUR)
        assert not await tx.invitations.withdraw(first.id, NOW + HOUR)
        assert await tx.invitations.use(second.id, ANNA, NOW + HOUR)
        assert not await tx.invitations.use(second.id, BORIS, NOW + HOUR)
        assert not await tx.invitations.withdraw(second.id, NOW + HOUR)
        assert await tx.invitations.withdraw(third.id, NOW + HOUR)
        assert not await tx.invitations.use(third.id, ANNA, NOW + HOUR)
        assert await tx.invitations.since(NOW) == [
            first,
            replace(second, used_by=ANNA, used_at=NOW + HOUR),
            replace(third, withdrawn_at=NOW + HOUR),
        ]


async def test_one_that_has_ended_while_its_link_is_shown_is_known(database: Database) -> None:
    async with database.writing() as tx:
        shown, _, other = [await invite(tx, "X", NOW + HOUR, NOW) for _ in range(3)]
        rows = ((shown.id, OutboxKind.INVITATION), (other.id, OutboxKind.CARD))
        for number, (about, kind) in enumerate(rows):
            await tx.posted.remember(PostedMessage(ChatId(7), number, kind, str(about), NOW))
        assert await tx.invitations.lapsed(NOW + HOUR - INSTANT) == []
        assert await tx.invitations.lapsed(NOW + HOUR) == [shown]


async def test_when_somebody_was_taken_off_and_what_the_bot_is_called(database: Database) -> None:
    async with database.writing() as tx:
        for user_id, at in ((ANNA, NOW), (ANNA, NOW + HOUR), (BORIS, NOW + DAY)):
            await tx.invitations.note_removal(user_id, at)
        assert await tx.invitations.removed_at(ANNA) == NOW + HOUR
        await tx.invitations.forget_removal(ANNA)
        assert await tx.invitations.removed_at(ANNA) is None
        assert await tx.invitations.removed_at(BORIS) == NOW + DAY
        assert await tx.invitations.own_name() is None
        for name in ("old_bot", "new_bot"):
            await tx.invitations.set_own_name(name)
        assert await tx.invitations.own_name() == "new_bot"


async def test_who_is_away_is_back_on_their_day(database: Database) -> None:
    anna, boris = Absence(ANNA, NOW, NOW + DAY), Absence(BORIS, NOW, NOW + 2 * DAY)
    async with database.writing() as tx:
        await add_people(tx)
        await tx.absences.put(Absence(ANNA, NOW, NOW + HOUR))
        await tx.absences.put(anna)
        await tx.absences.put(boris)
        before = NOW + DAY - INSTANT
        assert sorted(one.user_id for one in await tx.absences.now(before)) == [ANNA, BORIS]
        assert await tx.absences.over(before) == []
        assert await tx.absences.now(NOW + DAY) == [boris]
        assert await tx.absences.over(NOW + DAY) == [anna]
        assert await tx.absences.end(ANNA)
        assert not await tx.absences.end(ANNA)
        assert await tx.absences.now(NOW) == [boris]


def farewell(**values: Any) -> Farewell:
    accounts = (
        LeftAccount(
            ANNA,
            allowed=True,
            revision=3,
            role=Role.APPROVER,
            role_groups=("dev",),
            groups=("dev", "ops"),
            pause=PersonPause(ANNA, NOW, NOW + DAY, "telegram:7", "Olga"),
        ),
        LeftAccount(BORIS, allowed=False, revision=0, pause=PersonPause(ANNA, NOW, None, "x", "X")),
    )
    given: dict[str, Any] = {"at": NOW, "undo_until": NOW + HOUR} | values
    return Farewell(ANNA, "Anna", "telegram:7", "Olga", ended=2, accounts=accounts, **given)


async def test_a_farewell_can_be_taken_back_until_its_time(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        first = await tx.farewells.add(farewell())
        second = await tx.farewells.add(farewell(at=NOW + HOUR, undo_until=NOW + DAY))
        stored = replace(farewell(), id=first)
        assert await tx.farewells.get(first) == stored
        assert await tx.farewells.get(FarewellId(9)) is None
        assert await tx.farewells.over(NOW + HOUR - INSTANT) == []
        assert await tx.farewells.over(NOW + HOUR) == [stored]
        assert not await tx.farewells.undo(first, NOW + HOUR)
        await tx.farewells.settle(first)
        assert await tx.farewells.over(NOW + HOUR) == []
        await tx.farewells.lose_group("ops")
        # Of what stands already nothing is noted any more.
        assert await tx.farewells.get(first) == replace(stored, undo_until=None)
        found = await tx.farewells.get(second)
        assert found is not None
        assert [one.gone for one in found.accounts] == [("ops",), ("ops",)]
        assert isinstance(found.accounts[0].role, Role)
        assert await tx.farewells.undo(second, NOW + HOUR)
        assert not await tx.farewells.undo(second, NOW + HOUR)
        undone = await tx.farewells.get(second)
        assert undone == replace(found, undo_until=None, undone_at=NOW + HOUR)
        await tx.farewells.prune(NOW)
        assert await tx.farewells.get(first) is not None
        await tx.farewells.prune(NOW + HOUR)
        assert (await tx.farewells.get(first), await tx.farewells.get(second)) == (None, undone)


async def test_who_seems_gone_stands_until_that_is_settled(database: Database) -> None:
    one = Leaving(ANNA, LeavingCause.DELETED, NOW)
    async with database.writing() as tx:
        await add_people(tx)
        first = await tx.leavings.add(one)
        other = await tx.leavings.add(replace(one, cause=LeavingCause.NOT_LISTED))
        boris = await tx.leavings.add(replace(one, user_id=BORIS))
        assert await tx.leavings.get(first) == replace(one, id=first)
        assert await tx.leavings.get(LeavingId(9)) is None
        assert [each.id for each in await tx.leavings.of(ANNA)] == [first, other]
        await tx.leavings.settle(first, LeavingState.KEPT, "telegram:7", "Olga", NOW)
        settled: dict[str, Any] = {"by": "telegram:7", "by_name": "Olga", "settled_at": NOW}
        kept = replace(one, id=first, state=LeavingState.KEPT, **settled)
        assert await tx.leavings.of(ANNA) == [
            kept,
            replace(one, id=other, cause=LeavingCause.NOT_LISTED),
        ]
        standing = await tx.leavings.standing(LeavingCause.DELETED)
        assert {each.id for each in standing} == {first, boris}
        for number in (other, boris):
            await tx.leavings.settle(number, LeavingState.BACK, "vpnbot", "", NOW)
        assert await tx.leavings.standing(LeavingCause.DELETED) == [kept]
        await tx.leavings.prune(NOW)
        assert await tx.leavings.get(other) is not None
        await tx.leavings.prune(NOW + INSTANT)
        left = [await tx.leavings.get(number) for number in (first, other, boris)]
        assert left == [kept, None, None]


async def test_a_group_that_has_another_number_is_followed_once(database: Database) -> None:
    old, new, other = ChatId(-5), ChatId(-1005), ChatId(-6)
    async with database.writing() as tx:
        assert await tx.leavings.move_group(old, new)
        assert not await tx.leavings.move_group(old, new)
        assert await tx.leavings.group_now(old) == new
        assert await tx.leavings.group_now(other) == other
