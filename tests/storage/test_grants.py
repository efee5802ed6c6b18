"""Grants: each move is a compare-and-set, and an address is held until it has rested."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from storage.database import Database
from storage.records import (
    LIVE_STATES,
    EndReason,
    Grant,
    GrantId,
    GrantState,
    Place,
    Proof,
    ServerName,
)
from storage.transaction import Transaction
from tests.storage.kit import (
    ANNA,
    BERLIN,
    BORIS,
    DAY,
    HOUR,
    NOW,
    PARIS,
    WEEK,
    add_grant,
    add_people,
    add_request,
    make_grant,
)

OVER = [state for state in GrantState if state not in LIVE_STATES]


async def state_of(tx: Transaction, grant: Grant) -> GrantState:
    found = await tx.grants.get(grant.id)
    assert found is not None
    return found.state


async def test_a_grant_comes_back_as_it_was_stored(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        old = await add_grant(tx, 1, state=GrantState.REVOKED)
        grant = await add_grant(
            tx,
            2,
            state=GrantState.EXPIRED,
            revoked_at=NOW + HOUR,
            end_reason=EndReason.BY_OWNER,
            replaces=old.id,
            proved_at=NOW + 2 * HOUR,
        )
        found = await tx.grants.get(grant.id)
        assert found == grant
        assert found is not None
        assert isinstance(found.state, GrantState)
        assert isinstance(found.end_reason, EndReason)
        assert await tx.grants.get(GrantId("g-missing")) is None


async def test_grants_are_found_by_what_they_belong_to(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        live = await add_grant(tx, 1, state=GrantState.ACTIVE)
        revoking = await add_grant(tx, 2, state=GrantState.REVOKING)
        over = await add_grant(tx, 3, state=GrantState.REVOKED)
        elsewhere = await add_grant(tx, 4, server=PARIS)
        others = await add_grant(tx, 5, user_id=BORIS, state=GrantState.ISSUED)

        assert await tx.grants.all() == [live, revoking, over, elsewhere, others]
        assert await tx.grants.not_over() == [live, revoking, elsewhere, others]
        assert await tx.grants.on_the_way() == [elsewhere, others]
        assert await tx.grants.of_user(ANNA) == [live, revoking, over, elsewhere]
        assert await tx.grants.live_of_user(ANNA) == [live, elsewhere]
        assert await tx.grants.live_on(BERLIN) == [live, others]
        assert await tx.grants.revoking() == [revoking]
        assert await tx.grants.some([over.id, live.id, GrantId("g-missing")]) == [live, over]
        assert await tx.grants.some([]) == []


async def test_grants_are_listed_by_their_beginning(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        second = await add_grant(tx, 1, not_before=NOW + HOUR)
        first = await add_grant(tx, 2)
        assert await tx.grants.all() == [first, second]


@pytest.mark.parametrize("state", list(GrantState))
async def test_a_live_grant_is_due_at_its_end(database: Database, state: GrantState) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx, 1, state=state)
        assert await tx.grants.due(NOW + WEEK - timedelta(microseconds=1)) == []
        assert await tx.grants.due(NOW + WEEK) == ([grant] if state in LIVE_STATES else [])


async def test_a_grant_moves_on_once(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx, 1)
        other = await add_grant(tx, 2)
        assert await tx.grants.move(grant.id, GrantState.RESERVED, GrantState.ISSUED)
        assert not await tx.grants.move(grant.id, GrantState.RESERVED, GrantState.ISSUED)
        assert await state_of(tx, grant) is GrantState.ISSUED
        assert await state_of(tx, other) is GrantState.RESERVED


@pytest.mark.parametrize("state", LIVE_STATES)
async def test_a_live_grant_can_be_ended(database: Database, state: GrantState) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx, 1, state=state)
        assert await tx.grants.end(grant.id, EndReason.REMOVED, NOW + HOUR)
        assert await tx.grants.get(grant.id) == replace(
            grant,
            state=GrantState.REVOKING,
            revoked_at=NOW + HOUR,
            end_reason=EndReason.REMOVED,
        )


@pytest.mark.parametrize("state", OVER)
async def test_who_ends_a_grant_second_changes_nothing(
    database: Database, state: GrantState
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx, 1, state=state, revoked_at=NOW, end_reason=EndReason.REVOKED)
        assert not await tx.grants.end(grant.id, EndReason.ENDED, NOW + HOUR)
        assert await tx.grants.get(grant.id) == grant


@pytest.mark.parametrize("state", LIVE_STATES)
async def test_a_revocation_wins_against_a_delivery(database: Database, state: GrantState) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx, 1, state=state)
        await tx.grants.end(grant.id, EndReason.REVOKED, NOW)
        for after in LIVE_STATES:
            assert not await tx.grants.move(grant.id, state, after)
        assert await state_of(tx, grant) is GrantState.REVOKING


@pytest.mark.parametrize("after", [GrantState.REVOKED, GrantState.EXPIRED])
async def test_an_end_is_proved_once(database: Database, after: GrantState) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx, 1)
        assert not await tx.grants.prove(grant.id, after, NOW)  # not ended yet
        await tx.grants.end(grant.id, EndReason.REVOKED, NOW)
        assert await tx.grants.prove(grant.id, after, NOW + HOUR)
        assert not await tx.grants.prove(grant.id, after, NOW + 2 * HOUR)

        proved = await tx.grants.get(grant.id)
        assert proved is not None
        assert (proved.state, proved.proved_at) == (after, NOW + HOUR)


async def test_addresses_are_held_until_they_have_rested(database: Database) -> None:
    rested_since = NOW - HOUR
    async with database.writing() as tx:
        await add_people(tx)
        for number, state in enumerate(GrantState, start=1):
            await add_grant(tx, number, state=state, proved_at=None)
        late = rested_since + timedelta(microseconds=1)
        await add_grant(tx, 11, state=GrantState.REVOKED, proved_at=late)
        await add_grant(tx, 12, state=GrantState.EXPIRED, proved_at=late)
        await add_grant(tx, 13, state=GrantState.REVOKED, proved_at=rested_since)
        await add_grant(tx, 14, server=PARIS)

        held = await tx.grants.addresses_held(BERLIN, rested_since)

    unproved = {f"10.8.0.{number + 1}" for number in range(1, 5)}
    assert held == unproved | {"10.8.0.12", "10.8.0.13"}


async def test_an_address_changes_as_long_as_the_grant_lives(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        for number, state in enumerate(GrantState, start=1):
            before = await add_grant(tx, number, state=state)
            changed = await tx.grants.set_address(before, BERLIN, f"10.8.1.{number}", NOW)
            assert changed == (state in LIVE_STATES)
            after = await tx.grants.get(before.id)
            moved = replace(before, places=(Place(BERLIN, f"10.8.1.{number}"),))
            assert after == (moved if changed else before)


async def test_those_that_were_given_for_another_server(database: Database) -> None:
    """Of ours, and live; an imported one is for every server."""
    async with database.writing() as tx:
        await add_people(tx)
        for number, state in enumerate(GrantState, start=1):
            await add_grant(tx, number, state=state, server=PARIS)
        await add_grant(tx, 7, state=GrantState.ACTIVE)
        await add_grant(tx, 8, state=GrantState.ACTIVE, server=PARIS, imported_at=NOW)
        others = await tx.grants.for_others(BERLIN)
        serials = await tx.crl.for_others([BERLIN])
    assert [grant.state for grant in others] == list(LIVE_STATES)
    assert sorted(serials) == sorted(grant.serial for grant in others)


async def test_imported_ones_are_found_by_their_names(database: Database) -> None:
    free = {"server": None, "user_id": None, "imported_at": NOW, "state": GrantState.ACTIVE}
    async with database.writing() as tx:
        await add_people(tx)
        ours = await add_grant(tx, 1, common_name="our-laptop", state=GrantState.ACTIVE)
        names = ("Anna.Laptop@example.com", "anna.laptop", "\u3164", "anna_phone")
        first, second, blank, odd = imported = [
            make_grant(number, None, **free, common_name=name)
            for number, name in enumerate(names, start=2)
        ]
        await tx.grants.add_many([])
        for one in imported:
            await tx.grants.add_many([one])
        assert await tx.grants.unlinked() == imported
        # By words before the at sign; ours are found by their holders.
        assert await tx.grants.unlinked_like(["laptop"]) == [first, second]
        assert await tx.grants.unlinked_like(["example", "our"]) == []
        assert await tx.grants.unlinked_as("anna.laptop") == [second]
        assert await tx.grants.imported_as(["\u3164", "our-laptop"]) == [blank]
        assert await tx.grants.imported_as([]) == []
        assert await tx.grants.imported_names() == list(names)
        assert await tx.grants.with_name("our-laptop") == [ours]
        assert await tx.grants.with_name("anna.laptop") == [second]
        assert await tx.grants.with_name("") == []
        assert await tx.grants.count_unlinked_names() == 4
        assert await tx.grants.nobodys_not_over(limit=2) == [first, second]
        # An underscore may stand for any sign there.
        assert await tx.grants.known_on(PARIS, ["anna.laptop"]) == [second]
        assert await tx.grants.known_on(PARIS, ["anna_laptop"]) == imported
        assert await tx.grants.link(second.id, BORIS)
        assert not await tx.grants.link(ours.id, BORIS)
        assert not await tx.grants.link(GrantId("g-nobody"), BORIS)
        linked = replace(second, user_id=BORIS)
        assert await tx.grants.of_user(BORIS) == [linked]
        assert await tx.grants.unlinked() == [first, blank, odd]
        assert await tx.grants.get(ours.id) == ours


async def test_when_somebody_had_a_new_one_for_an_old_one(database: Database) -> None:
    over = {"state": GrantState.REVOKED, "end_reason": EndReason.REPLACED}
    async with database.writing() as tx:
        await add_people(tx)
        for number, at in enumerate((NOW, NOW + HOUR, NOW + DAY), start=1):
            await add_grant(tx, number, **over, revoked_at=at)
        await add_grant(tx, 4, **over, revoked_at=NOW + DAY, user_id=BORIS)
        lost = {"state": GrantState.REVOKED, "end_reason": EndReason.LOST}
        await add_grant(tx, 5, **lost, revoked_at=NOW + DAY)
        assert await tx.grants.replaced_at(ANNA, NOW) == [NOW + DAY, NOW + HOUR]


async def test_what_ended_without_a_proof_is_listed_while_it_could_let_in(
    database: Database,
) -> None:
    """Also where no proof will ever come, since its server was taken out before."""
    async with database.writing() as tx:
        await add_people(tx)
        live = await add_grant(tx, 1, state=GrantState.ACTIVE)
        revoking = await add_grant(tx, 2, state=GrantState.REVOKING, not_after=NOW + 2 * WEEK)
        for_good, proved = [await add_grant(tx, n, state=GrantState.REVOKED) for n in (3, 4)]
        for one in (for_good, proved):
            await tx.proofs.open(one.id, [BERLIN], NOW)
        await tx.proofs.record(Proof(proved.id, BERLIN, proved=True, attempts=1, next_try_at=NOW))
        await tx.proofs.drop_open(BERLIN, NOW)
        before = NOW + WEEK - timedelta(microseconds=1)
        assert await tx.grants.unproved(before, offset=0, limit=9) == [for_good, revoking]
        assert await tx.grants.unproved(before, offset=1, limit=1) == [revoking]
        assert await tx.grants.count_unproved(before) == 2
        assert await tx.grants.unproved(NOW + WEEK, offset=0, limit=9) == [revoking]
        assert await tx.grants.count_unproved(NOW + WEEK) == 1
        assert await tx.grants.ending(offset=0, limit=9) == [live]
        assert await tx.grants.count_live() == 1
        # They are among what somebody has, and whoever has it is listed.
        assert await tx.grants.of_users([ANNA], before) == [live, revoking, for_good]
        await tx.grants.move(live.id, GrantState.ACTIVE, GrantState.EXPIRED)
        await tx.grants.prove(revoking.id, GrantState.REVOKED, NOW)
        found = await tx.people.with_access(before, offset=0, limit=9)
        assert [person.id for person in found] == [ANNA]
        assert await tx.people.with_access(NOW + WEEK, offset=0, limit=9) == []
        assert await tx.grants.of_users([ANNA], NOW + WEEK) == []


async def test_those_of_a_name(database: Database) -> None:
    """More names than one question can hold."""
    async with database.writing() as tx:
        await add_people(tx)
        grants = [await add_grant(tx, number) for number in (1, 2)]
        names = [*(f"nobody-{number}" for number in range(1200)), grants[1].common_name]
        assert await tx.grants.named(names) == [grants[1]]


async def test_an_end_is_proved_anew(database: Database) -> None:
    """Also where its address went to somebody else meanwhile."""
    async with database.writing() as tx:
        await add_people(tx)
        old = await add_grant(tx, 1, state=GrantState.REVOKED, proved_at=NOW)
        earlier = await add_grant(tx, 2, state=GrantState.EXPIRED)
        now = await add_grant(tx, 3, address=old.address_on(BERLIN))
        await add_grant(tx, 4, state=GrantState.EXPIRED, not_after=NOW)
        gate = await add_grant(tx, 5, state=GrantState.REVOKED, imported_at=NOW, for_server=True)
        assert await tx.grants.out_since(NOW) == [old, earlier]
        await tx.grants.reopen([old.id, earlier.id, now.id], NOW + DAY)
        assert await tx.grants.get(now.id) == now
        assert await tx.grants.get(gate.id) == gate
        reopened = [
            replace(old, state=GrantState.REVOKING),
            replace(earlier, state=GrantState.REVOKING, proved_at=NOW + DAY),
        ]
        assert await tx.grants.some([old.id, earlier.id]) == reopened
        assert await tx.grants.out_since(NOW) == reopened
        assert old.address_on(BERLIN) in await tx.grants.addresses_held(BERLIN, NOW + WEEK)


async def test_a_common_name_stays_taken_for_ever(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await add_grant(tx, 1, state=GrantState.EXPIRED)
        with pytest.raises(IntegrityError, match="common_name"):
            await add_grant(tx, 2, common_name="anna-00000001")


async def test_a_new_grant_may_name_the_one_that_it_replaces(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx)
        await tx.grants.add(make_grant(1, request.id))
        await tx.grants.end(GrantId("g-00000001"), EndReason.LOST, NOW)
        fresh = make_grant(2, request.id, replaces=GrantId("g-00000001"))
        await tx.grants.add(fresh)
        assert await tx.grants.live_of_user(ANNA) == [fresh]


async def test_a_grant_may_have_an_address_on_each_of_several_servers(database: Database) -> None:
    both = (Place(PARIS, "10.9.0.2"), Place(BERLIN, "10.8.0.2"))
    eu, oslo = ServerName("eu"), ServerName("oslo")
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx, 1, server=eu, places=both, state=GrantState.ACTIVE)
        alone = await add_grant(tx, 2, state=GrantState.ACTIVE)
        assert await tx.grants.get(grant.id) == grant  # in the order of its profile
        assert (grant.address_on(BERLIN), grant.address_on(oslo)) == ("10.8.0.2", None)
        assert [one.id for one in await tx.grants.live_on(PARIS)] == [grant.id]
        assert {one.id for one in await tx.grants.known_on(BERLIN)} == {grant.id, alone.id}
        assert [one.id for one in await tx.grants.live_as(eu)] == [grant.id]
        assert [one.id for one in await tx.grants.for_others(PARIS)] == [alone.id]
        assert {one.id for one in await tx.grants.for_others(oslo)} == {grant.id, alone.id}
        assert await tx.crl.for_others([PARIS]) == [alone.serial]
        assert await tx.crl.for_others([PARIS, BERLIN]) == []
        assert await tx.grants.addresses_held(PARIS, NOW) == {"10.9.0.2"}
        with pytest.raises(IntegrityError):
            async with tx.attempt():
                await add_grant(tx, 3, server=PARIS, address="10.9.0.2")
        assert await tx.grants.set_address(grant, PARIS, "10.9.0.9", NOW)
        assert not await tx.grants.set_address(grant, oslo, "10.9.0.9", NOW)
        assert await tx.grants.addresses_held(PARIS, NOW) == {"10.9.0.2", "10.9.0.9"}
        assert await tx.grants.addresses_held(BERLIN, NOW) >= {"10.8.0.2"}
