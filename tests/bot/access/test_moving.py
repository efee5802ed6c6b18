"""Everybody is moved to another CA: the old profile works until the new one is there."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest

from bot.access import grants, keys, moving, pausing, revocation, undoing
from bot.access.messages import DeliverNote
from storage.key_records import KeyWay
from storage.records import EndReason, Grant, GrantId, GrantState, OutboxKind, ServerName
from storage.rotation import Rotation, RotationStep
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    EMIL,
    MINUTE,
    OPERATOR,
    Noted,
    Paper,
    notice,
)

Act = Callable[[Paper, Grant, Grant], Awaitable[object]]


async def rotate(paper: Paper, step: RotationStep = RotationStep.MOVE) -> None:
    async with paper.database.writing() as tx:
        await tx.rotation.begin(Rotation(2, step, paper.now, paper.now))


async def all_of(paper: Paper) -> list[Grant]:
    async with paper.database.reading() as tx:
        return [*await tx.grants.all()]


async def moved(paper: Paper) -> tuple[Grant, Grant]:
    """Anna's old grant, and the one that is on its way to her."""
    old = await paper.active()
    await rotate(paper)
    assert await paper.by(OPERATOR, moving.begin) == 1
    assert await paper.do(moving.move_some) == 1
    (fresh,) = [each for each in await all_of(paper) if each.id != old.id]
    return await paper.grant(old.id), fresh


async def arrives(paper: Paper, grant: Grant) -> None:
    assert await paper.do(grants.issued, grant)
    assert await paper.do(grants.delivered, grant)


async def test_the_old_one_ends_with_the_delivery_of_the_new(paper: Paper) -> None:
    await paper.forget()
    old, fresh = await moved(paper)
    assert (old.state, old.authority) == (GrantState.ACTIVE, 1)
    assert (fresh.state, fresh.authority) == (GrantState.RESERVED, 2)
    assert (fresh.not_after, fresh.servers) == (old.not_after, old.servers)
    assert fresh.request_id != old.request_id
    said = [each.payload for each in await paper.heard() if each.kind is OutboxKind.DELIVER]
    assert said[-1]["note"] == DeliverNote.MOVED
    await paper.do(grants.issued, fresh)
    assert (await paper.grant(old.id)).state is GrantState.ACTIVE

    assert await paper.do(grants.delivered, fresh)

    ended = await paper.grant(old.id)
    assert (ended.state, ended.end_reason) == (GrantState.REVOKING, EndReason.REPLACED)
    assert await paper.do(moving.move_some) == 0
    async with paper.database.reading() as tx:
        assert await tx.rotation.signed_before(2) == [old.id]


async def test_admins_hear_of_it_once_and_it_begins_once(paper: Paper) -> None:
    await paper.active()
    assert await paper.by(OPERATOR, moving.begin) is None
    assert await paper.do(moving.move_some) == 0
    await rotate(paper, RotationStep.TRUST)
    assert await paper.by(OPERATOR, moving.begin) is None
    async with paper.database.writing() as tx:
        await tx.rotation.move(RotationStep.TRUST, RotationStep.MOVE, paper.now)
    assert await paper.do(moving.move_some) == 0
    await paper.forget()
    assert await paper.by(OPERATOR, moving.begin) == 1
    assert await paper.by(OPERATOR, moving.begin) is None
    detail = {"name": "olga", "count": 1}
    assert await paper.noted() == [Noted(OPERATOR.key, "ca.move_all", "ca", detail)]
    assert await paper.heard() == [
        notice(BORIS, "profiles_move", count=1),
        notice(CLARA, "profiles_move", count=1),
    ]


async def test_one_that_got_lost_on_its_way_takes_the_old_one_along(paper: Paper) -> None:
    """The old one works until some profile of the new CA has arrived."""
    old, first = await moved(paper)
    await paper.do(grants.issued, first)
    await paper.do(grants.replace_lost, first, round_=1, wait_s=0)
    assert (await paper.grant(old.id)).state is GrantState.ACTIVE
    (second,) = [each for each in await all_of(paper) if each.replaces == first.id]
    await arrives(paper, second)
    assert (await paper.grant(old.id)).end_reason is EndReason.REPLACED
    assert (await paper.grant(second.id)).state is GrantState.ACTIVE


async def _revoked(paper: Paper, old: Grant, _fresh: Grant) -> None:
    boris = await paper.actor(BORIS)
    ended = await paper.by(boris, revocation.revoke_grant, old.id)
    assert len(ended) == 2


async def _given_up(paper: Paper, old: Grant, _fresh: Grant) -> None:
    await paper.by(await paper.actor(ANNA), revocation.give_up, old.id)


async def _renewed(paper: Paper, old: Grant, _fresh: Grant) -> None:
    await paper.by(await paper.actor(ANNA), grants.renew, old.id)


async def _over(paper: Paper, old: Grant, _fresh: Grant) -> None:
    paper.now = old.not_after
    await paper.do(revocation.expire_due)


@pytest.mark.parametrize("act", [_revoked, _given_up, _renewed, _over])
async def test_whatever_ends_the_old_one_ends_what_is_on_its_way(paper: Paper, act: Act) -> None:
    old, fresh = await moved(paper)
    await act(paper, old, fresh)
    states = {each.id: each.state for each in await all_of(paper)}
    assert (states[old.id], states[fresh.id]) == (GrantState.REVOKING, GrantState.REVOKING)
    live = [each for each in await all_of(paper) if each.state is GrantState.RESERVED]
    assert [each.authority for each in live] == ([2] if act is _renewed else [])
    assert not await paper.do(grants.issued, fresh)


async def test_a_yes_that_is_taken_back_takes_what_it_gave_also_after_it_moved(
    paper: Paper,
) -> None:
    old, fresh = await moved(paper)
    await arrives(paper, fresh)
    assert old.request_id is not None
    [ended] = (await paper.by(await paper.actor(BORIS), undoing.undo, old.request_id)).ended
    assert ended.id == fresh.id
    assert (await paper.grant(fresh.id)).state is GrantState.REVOKING


async def test_where_it_cannot_be_brought_the_old_one_stays(paper: Paper) -> None:
    old, fresh = await moved(paper)
    await paper.do(grants.issued, fresh)
    await paper.do(grants.undeliverable, fresh, closed=True)
    assert (await paper.grant(old.id)).state is GrantState.ACTIVE
    assert await paper.do(moving.move_some) == 0


async def last(paper: Paper) -> Rotation:
    async with paper.database.reading() as tx:
        rotation = await tx.rotation.last()
    assert rotation is not None
    return rotation


async def test_where_there_is_no_address_it_is_passed_over(paper: Paper) -> None:
    full, roomy = ServerName("full"), BERLIN
    await paper.add_server(full, "10.9.0.0/30")
    stuck = await paper.active(EMIL, full)
    await paper.active(ANNA, roomy)
    await rotate(paper)
    assert await paper.do(moving.without_address, await last(paper)) == ()
    assert await paper.by(OPERATOR, moving.begin) == 2
    assert await paper.do(moving.without_address, await last(paper)) == [stuck]
    assert await paper.do(moving.move_some) == 1
    assert await paper.do(moving.move_some) == 0
    assert (await paper.grant(stuck.id)).state is GrantState.ACTIVE


@pytest.mark.parametrize(("left", "moves"), [(MINUTE, 1), (MINUTE - timedelta(microseconds=1), 0)])
async def test_what_is_over_in_a_minute_is_left_to_end(
    paper: Paper, left: timedelta, moves: int
) -> None:
    old = await paper.active()
    await rotate(paper)
    await paper.by(OPERATOR, moving.begin)
    paper.now = old.not_after - left
    assert await paper.do(moving.move_some) == moves


async def test_those_that_cannot_be_made_keep_nobody_else_waiting(paper: Paper) -> None:
    full = ServerName("full")
    await paper.add_server(full, "10.9.0.0/30")
    stuck = await paper.active(EMIL, full)
    other = await paper.active(ANNA, BERLIN)
    await rotate(paper)
    assert await paper.by(OPERATOR, moving.begin) == 2
    passed: set[GrantId] = set()
    with_room_for_one = partial(moving.move_some, at_once=1)
    assert await paper.do(with_room_for_one, passed) == 0
    assert passed == {stuck.id}
    assert await paper.do(with_room_for_one, passed) == 1
    # While there is no room nobody's turn comes again.
    assert await paper.do(with_room_for_one, passed) == 0
    assert passed == {stuck.id}
    async with paper.database.reading() as tx:
        [fresh] = await tx.grants.replacing([other.id])
    await arrives(paper, fresh)
    # When all others were tried it is its turn again: an address may be free by then.
    assert await paper.do(with_room_for_one, passed) == 0
    assert passed == set()
    assert await paper.do(with_room_for_one, passed) == 0
    assert passed == {stuck.id}


async def test_who_is_paused_keeps_nobody_waiting_and_moves_when_they_are_back(
    paper: Paper,
) -> None:
    waits = await paper.active(ANNA)
    await paper.active(EMIL)
    await rotate(paper)
    boris = await paper.actor(BORIS)
    await paper.by(boris, pausing.pause, ANNA, None)
    await paper.by(OPERATOR, moving.begin)
    with_room_for_one = partial(moving.move_some, at_once=1)
    assert await paper.do(with_room_for_one) == 1
    [fresh] = [each for each in await all_of(paper) if each.state is GrantState.RESERVED]
    assert fresh.owner == EMIL
    # What is on its way to somebody who is paused takes nobody's room.
    await paper.by(boris, pausing.pause, EMIL, None)
    await paper.by(boris, pausing.resume, ANNA)
    assert await paper.do(with_room_for_one) == 1
    async with paper.database.reading() as tx:
        assert len(await tx.grants.replacing([waits.id])) == 1


async def test_nothing_is_made_for_whoever_has_to_send_a_key_first(paper: Paper) -> None:
    old = await paper.active()
    paper.key_ways = (KeyWay.OWN,)
    await rotate(paper)
    await paper.by(OPERATOR, moving.begin)
    assert await paper.do(moving.move_some) == 0
    await paper.by(await paper.actor(ANNA), keys.take, "a key in PEM")
    assert await paper.do(moving.move_some) == 1
    assert (await paper.grant(old.id)).state is GrantState.ACTIVE
