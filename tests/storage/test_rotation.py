"""One CA in another's place, as the database keeps it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from storage.database import Database
from storage.records import GrantState
from storage.rotation import Rotation, RotationStep
from tests.storage.kit import DAY, NOW, add_grant, add_people

FIRST = Rotation(2, RotationStep.TRUST, NOW, NOW)


@pytest.mark.parametrize(
    ("step", "signing", "serving", "trusted"),
    [
        (RotationStep.TRUST, 1, 1, (1, 2)),
        (RotationStep.MOVE, 2, 1, (1, 2)),
        (RotationStep.RENEW, 2, 2, (2, 1)),
        (RotationStep.RETIRE, 2, 2, (2,)),
        (RotationStep.DONE, 2, 2, (2,)),
    ],
)
def test_who_signs_and_who_is_trusted(
    step: RotationStep, signing: int, serving: int, trusted: tuple[int, ...]
) -> None:
    """Nobody is shown a certificate of a CA that is not trusted yet, or not any more."""
    now = replace(FIRST, step=step)
    assert (now.signing, now.serving, now.trusted) == (signing, serving, trusted)
    assert now.trusted[0] == now.serving
    assert now.signing in now.trusted


async def test_one_at_a_time_and_each_step_once(database: Database) -> None:
    later = NOW + DAY
    async with database.writing() as tx:
        assert (await tx.rotation.last(), await tx.rotation.signing()) == (None, 1)
        assert await tx.rotation.begin(FIRST)
        assert not await tx.rotation.begin(replace(FIRST, authority=3))
        assert await tx.rotation.last() == FIRST
        assert await tx.rotation.move(RotationStep.TRUST, RotationStep.MOVE, later)
        assert not await tx.rotation.move(RotationStep.TRUST, RotationStep.MOVE, later)
        assert await tx.rotation.last() == replace(FIRST, step=RotationStep.MOVE, since=later)
        assert await tx.rotation.signing() == 2
        await tx.rotation.move(RotationStep.MOVE, RotationStep.DONE, later)
        second = Rotation(3, RotationStep.TRUST, later, later)
        assert await tx.rotation.begin(second)
        assert await tx.rotation.last() == second
        assert await tx.rotation.signing() == 2


async def test_profiles_are_moved_once_that_is_said_while_they_move(database: Database) -> None:
    async with database.writing() as tx:
        await tx.rotation.begin(FIRST)
        assert not await tx.rotation.move_all(NOW)
        await tx.rotation.move(RotationStep.TRUST, RotationStep.MOVE, NOW)
        assert await tx.rotation.move_all(NOW + DAY)
        assert not await tx.rotation.move_all(NOW + 2 * DAY)
        last = await tx.rotation.last()
        assert last == replace(FIRST, step=RotationStep.MOVE, move_all_at=NOW + DAY)
        await add_people(tx)
        second, first = [
            await add_grant(tx, n, state=GrantState.ACTIVE, not_before=NOW - n * DAY)
            for n in (1, 2)
        ]
        await add_grant(tx, 3, state=GrantState.ISSUED)
        await add_grant(tx, 4, state=GrantState.ACTIVE, authority=2)
        await add_grant(tx, 5, state=GrantState.ACTIVE, imported_at=NOW)
        replaced = await add_grant(tx, 6, state=GrantState.ACTIVE)
        await add_grant(tx, 7, authority=2, replaces=replaced.id)
        paused = await add_grant(tx, 8, state=GrantState.ACTIVE)
        await tx.pauses.hold(paused.id, NOW)
        assert await tx.rotation.to_move(2, 9) == [first.id, second.id]
        assert await tx.rotation.to_move(2, 1) == [first.id]
        assert await tx.rotation.count_to_move(2) == 3


async def test_whose_certificates_are_in_the_way(database: Database) -> None:
    """Those of an earlier CA that let somebody in, as far as anybody knows."""
    async with database.writing() as tx:
        await add_people(tx)
        live = await add_grant(tx, 1)
        unproved = await add_grant(tx, 2, state=GrantState.REVOKING)
        await add_grant(tx, 3, state=GrantState.REVOKED)
        await add_grant(tx, 4, authority=2)
        await add_grant(tx, 5, for_server=True, imported_at=NOW - timedelta(days=1))
        assert await tx.rotation.signed_before(2) == [live.id, unproved.id]
        assert await tx.rotation.signed_before(1) == []
