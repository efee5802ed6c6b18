"""Groups, who belongs to them, and who had which address when."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from storage.database import Database, open_database, sqlite_url
from storage.group_records import AddressOwner, AddressSpan, Group, GroupName, Reason
from storage.records import EndReason, GrantId, GrantState, UserId
from tests.storage.kit import (
    ANNA,
    BERLIN,
    BORIS,
    DAY,
    HOUR,
    NOW,
    PARIS,
    add_grant,
    add_people,
    open_copy,
    set_back,
)

DEV = Group(
    GroupName("dev"),
    networks=("10.8.1.0/24", "fd00:8::100/120"),
    routes=("10.9.0.0/16",),
    dns=("10.9.0.1",),
    servers=(BERLIN,),
    max_duration=3600,
    approvers=(BORIS,),
    approvals=1,
    reason=Reason.TICKET,
    max_profiles=2,
    standing=3600,
)
OPS = Group(GroupName("ops"))


async def test_a_group_comes_back_as_it_was_stored(database: Database) -> None:
    async with database.writing() as tx:
        await tx.groups.add(OPS)
        await tx.groups.add(DEV)
        assert await tx.groups.all() == [DEV, OPS]
        changed = replace(DEV, servers=(), approvals=None)
        await tx.groups.set(changed)
        assert await tx.groups.get(DEV.name) == changed
        assert await tx.groups.all() == [changed, OPS]
        assert await tx.groups.get(GroupName("nobody")) is None


async def test_people_join_and_leave(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await tx.groups.add(DEV)
        await tx.groups.add(OPS)
        assert await tx.groups.join(DEV.name, ANNA)
        assert not await tx.groups.join(DEV.name, ANNA)
        await tx.groups.join(OPS.name, BORIS)
        await tx.groups.join(DEV.name, BORIS)
        assert await tx.groups.members(DEV.name) == [ANNA, BORIS]
        assert await tx.groups.of_accounts([BORIS]) == [DEV, OPS]
        assert await tx.groups.of_accounts([]) == []
        assert await tx.groups.leave(DEV.name, ANNA)
        assert not await tx.groups.leave(DEV.name, ANNA)
        assert await tx.groups.members(DEV.name) == [BORIS]
        assert await tx.groups.of_accounts([BORIS]) == [DEV, OPS]
        await tx.groups.remove(DEV.name)
        assert await tx.groups.of_accounts([ANNA, BORIS]) == [OPS]


async def test_an_address_that_was_given_up_is_held_until_it_is_left(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx)
        assert await tx.grants.set_address(grant, BERLIN, "10.8.0.9", NOW + HOUR)
        assert await tx.addresses.held(BERLIN, NOW + DAY) == {"10.8.0.2", "10.8.0.9"}
        [moved] = await tx.addresses.moved_on(BERLIN)
        assert moved.address == "10.8.0.2"
        assert moved.moved_at == NOW + HOUR
        [now] = await tx.addresses.now_of(grant.id, BERLIN)
        assert now == AddressSpan(now.id, grant.id, BERLIN, "10.8.0.9", NOW + HOUR)
        await tx.addresses.leave(moved.id, NOW + 2 * HOUR)
        assert await tx.addresses.held(BERLIN, NOW + HOUR) == {"10.8.0.2", "10.8.0.9"}
        assert await tx.addresses.held(BERLIN, NOW + 2 * HOUR) == {"10.8.0.9"}
        assert await tx.addresses.held(PARIS, NOW) == frozenset()


async def test_all_of_a_grant_is_left_when_its_end_is_proved(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx)
        await tx.grants.set_address(grant, BERLIN, "10.8.0.9", NOW)
        await tx.grants.end(grant.id, EndReason.REVOKED, NOW)
        assert await tx.addresses.held(BERLIN, NOW + DAY) == {"10.8.0.2", "10.8.0.9"}
        await tx.grants.prove(grant.id, GrantState.REVOKED, NOW + HOUR)
        assert [span.left_at for span in await tx.addresses.history("10.8.0.2")] == [NOW + HOUR]
        assert await tx.grants.addresses_held(BERLIN, NOW + HOUR) == frozenset()


async def test_never_two_on_one_address(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        first = await add_grant(tx, 1)
        await tx.grants.set_address(first, BERLIN, "10.8.0.9", NOW)
        # The index that keeps the second one off is that of the addresses.
        with pytest.raises(IntegrityError, match="addresses"):
            await add_grant(tx, 2, address="10.8.0.2")


async def test_whose_an_address_is_now_and_their_groups_is_one_question(
    database: Database,
) -> None:
    """By whichever of their accounts they have it, and were put into a group."""
    other = UserId(1003)
    async with database.writing() as tx:
        await add_people(tx)
        await tx.people.allow(other, "Anna at home", NOW)
        await tx.people.link(other, ANNA)
        await tx.groups.add(DEV)
        await tx.groups.add(OPS)
        await tx.groups.join(DEV.name, ANNA)
        await tx.groups.join(OPS.name, other)
        await tx.groups.join(DEV.name, other)
        first = await add_grant(tx, 1)
        await tx.grants.set_address(first, BERLIN, "10.8.0.9", NOW)
        second = await add_grant(tx, 2, user_id=other)
        alone = await add_grant(tx, 3, user_id=BORIS)
        ended = await add_grant(tx, 4)
        await tx.grants.end(ended.id, EndReason.REVOKED, NOW)
        await add_grant(tx, 5, server=PARIS)

        assert await tx.addresses.owners(BERLIN) == [
            AddressOwner(BERLIN, "10.8.0.3", second.id, ANNA, (DEV.name, OPS.name)),
            AddressOwner(BERLIN, "10.8.0.4", alone.id, BORIS, ()),
            AddressOwner(BERLIN, "10.8.0.9", first.id, ANNA, (DEV.name, OPS.name)),
        ]


async def test_that_a_file_is_due_is_noted_until_the_newest_change_is_there(
    database: Database,
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        first, second = await add_grant(tx, 1), await add_grant(tx, 2)
        await tx.addresses.files_due(BERLIN, [first.id, second.id], NOW)
        await tx.addresses.files_due(BERLIN, [first.id], NOW + HOUR)
        await tx.addresses.file_done(BERLIN, first.id, NOW)
        await tx.addresses.file_done(BERLIN, second.id, NOW)
        assert await tx.addresses.due_files(BERLIN) == {first.id: NOW + HOUR}
        assert await tx.addresses.servers_due() == {BERLIN}
        await tx.addresses.forget_files(BERLIN)
        assert await tx.addresses.servers_due() == frozenset()
        await tx.grants.set_address(first, BERLIN, "10.8.0.9", NOW)
        assert await tx.addresses.servers_due() == {BERLIN}


async def test_the_groups_of_each_person(database: Database) -> None:
    other = UserId(1003)
    async with database.writing() as tx:
        await add_people(tx)
        await tx.people.allow(other, "Anna at home", NOW)
        await tx.people.link(other, ANNA)
        await tx.groups.add(OPS)
        await tx.groups.add(DEV)
        await tx.groups.join(OPS.name, ANNA)
        await tx.groups.join(DEV.name, other)
        await tx.groups.join(OPS.name, other)
        names = [DEV.name, OPS.name]
        assert await tx.groups.by_account() == {ANNA: names, other: names}
        assert await tx.groups.of_person(other) == await tx.groups.of_person(ANNA) == [DEV, OPS]
        assert await tx.groups.of_person(BORIS) == []


async def test_who_had_which_address_before_this_was_noted(template: Path, tmp_path: Path) -> None:
    """From the grants, and what was moved from the trail, also where somebody wrote nonsense."""
    path = tmp_path / "vpnbot.db"
    database = await open_copy(template, tmp_path)
    async with database.writing() as tx:
        await add_people(tx)
        moved = await add_grant(tx, 1, address="10.8.0.7")
        for at, was, now in ((HOUR, "10.8.0.2", "10.8.0.5"), (DAY, "10.8.0.5", "10.8.0.7")):
            await tx.audit.append(
                at=NOW + at,
                actor="vpnbot",
                action="grant.move",
                subject=f"grant:{moved.id}",
                detail={"address": now, "was": was, "server": BERLIN},
            )
        gone = await add_grant(
            tx, 2, address="10.8.0.2", state=GrantState.REVOKED, proved_at=NOW + DAY
        )
        await add_grant(tx, 3, address=None)
        for detail in ({"was": 7, "address": []}, {}):
            await tx.audit.append(
                at=NOW, actor="x", action="grant.move", subject="grant:x", detail=detail
            )
    await database.close()
    set_back(path, "0013")

    database = await open_database(sqlite_url(path))
    async with database.reading() as tx:
        seen = {
            address: [_when(span) for span in await tx.addresses.history(address)]
            for address in ("10.8.0.2", "10.8.0.5", "10.8.0.7")
        }
    await database.close()

    assert seen == {
        "10.8.0.2": [
            (moved.id, NOW, NOW + HOUR),
            (gone.id, NOW, NOW + DAY),
        ],
        "10.8.0.5": [(moved.id, NOW + HOUR, NOW + DAY)],
        "10.8.0.7": [(moved.id, NOW + DAY, None)],
    }


def _when(span: AddressSpan) -> tuple[GrantId, datetime, datetime | None]:
    return span.grant_id, span.given_at, span.left_at
