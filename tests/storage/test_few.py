"""Small tables: a change concerns the row that is meant, and no other."""

from dataclasses import replace

from storage.clock_records import EndWarning
from storage.database import Database
from storage.group_records import AddressSpan, GroupName
from storage.key_records import KeyChoice, KeyWay, LockedProfile
from storage.records import GrantId, GrantState, ServerName
from storage.role_records import Appointment, Role
from storage.use_records import AskedUse, AskedUseId, Usage, UseKind
from tests.storage.kit import (
    ANNA,
    BERLIN,
    BORIS,
    DAY,
    HOUR,
    INSTANT,
    NOW,
    PARIS,
    add_grant,
    add_people,
    make_server,
)


async def test_a_role_is_one_account_s(database: Database) -> None:
    anna = Appointment(ANNA, Role.APPROVER, (GroupName("dev"),), 3)
    boris = Appointment(BORIS, Role.AUDITOR, (), 0)
    async with database.writing() as tx:
        await add_people(tx)
        await tx.roles.set(boris)
        await tx.roles.set(replace(anna, role=Role.ADMIN, groups=()))
        await tx.roles.set(anna)
        assert await tx.roles.all() == {ANNA: anna, BORIS: boris}
        assert await tx.roles.get(ANNA) == anna
        assert await tx.roles.end(ANNA)
        assert not await tx.roles.end(ANNA)
        assert (await tx.roles.get(ANNA), await tx.roles.get(BORIS)) == (None, boris)


async def test_a_reminder_is_planned_in_the_place_of_the_one_before(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        first, second, third = [(await add_grant(tx, n)).id for n in (1, 2, 3)]
        await tx.reminders.plan(first, NOW)
        await tx.reminders.plan(first, NOW + HOUR)
        await tx.reminders.plan(second, NOW)
        await tx.reminders.plan(third, NOW + HOUR)
        assert await tx.reminders.due(NOW, 9) == [second]
        assert await tx.reminders.due(NOW + HOUR, 9) == [second, first, third]
        assert await tx.reminders.due(NOW + HOUR, 1) == [second]
        await tx.reminders.plan(first, None)
        assert await tx.reminders.due(NOW + HOUR, 9) == [second, third]


async def test_a_warning_is_about_one_subject(database: Database) -> None:
    one, other = EndWarning("ca", NOW, 30), EndWarning("server:berlin", NOW, 7)
    async with database.writing() as tx:
        for warning in (replace(one, days=90), other, one):
            await tx.end_warnings.record(warning)
        assert await tx.end_warnings.all() == {"ca": one, "server:berlin": other}


async def test_how_a_key_is_kept_is_each_one_s_choice(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        boris = KeyChoice(BORIS, KeyWay.PLAIN, NOW)
        for choice in (
            KeyChoice(ANNA, KeyWay.PLAIN, NOW),
            KeyChoice(ANNA, KeyWay.LOCKED, NOW),
            boris,
        ):
            await tx.keys.choose(choice)
        assert await tx.keys.chosen(ANNA) == KeyChoice(ANNA, KeyWay.LOCKED, NOW)
        assert await tx.keys.chosen(BORIS) == boris
        first, second = [(await add_grant(tx, n)).id for n in (1, 2)]
        assert await tx.keys.locked(first) is None
        for grant_id in (first, second):
            await tx.keys.lock(grant_id)
        await tx.keys.shown(first, NOW)
        assert await tx.keys.locked(first) == LockedProfile(first, NOW)
        assert await tx.keys.locked(second) == LockedProfile(second, None)


async def test_what_was_asked_of_an_owner_is_theirs_to_answer(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        mine, over, boriss = (
            await add_grant(tx, 1, state=GrantState.ACTIVE),
            await add_grant(tx, 2, state=GrantState.REVOKED),
            await add_grant(tx, 3, state=GrantState.ACTIVE, user_id=BORIS),
        )
        asked = AskedUse(mine.id, UseKind.TWICE, BERLIN, NOW, ("192.0.2.1",), NOW)
        uses = [
            replace(one, id=await tx.asked_uses.add(one))
            for one in (
                asked,
                replace(asked, kind=UseKind.FIRST, asked_at=NOW + HOUR),
                replace(asked, grant_id=over.id, kind=UseKind.FIRST, asked_at=NOW + HOUR),
                replace(asked, grant_id=boriss.id, asked_at=NOW + HOUR),
                replace(asked, asked_at=NOW + DAY),
            )
        ]
        first, second, _, other, last = uses
        assert await tx.asked_uses.get(other.id) == other
        assert await tx.asked_uses.get(AskedUseId(99)) is None
        assert await tx.asked_uses.unanswered(ANNA, NOW, 9) == [second, last]
        assert await tx.asked_uses.unanswered(ANNA, NOW - INSTANT, 2) == [second, last]
        assert await tx.asked_uses.unanswered(BORIS, NOW, 9) == [other]
        ids = [mine.id, boriss.id, GrantId("g-nobody")]
        assert await tx.asked_uses.asked_first(ids) == {mine.id}
        await tx.asked_uses.answer(second.id, was_owner=False, now=NOW)
        answered = replace(second, was_owner=False, answered_at=NOW)
        assert await tx.asked_uses.get(second.id) == answered
        assert await tx.asked_uses.open_of(mine.id) == [first, last]
        assert await tx.asked_uses.unanswered(ANNA, NOW - INSTANT, 9) == [first, last]


async def test_from_where_each_one_s_profiles_were_used(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        mine, other, boriss = [
            (await add_grant(tx, n, user_id=who)).id
            for n, who in enumerate((ANNA, ANNA, BORIS), start=1)
        ]
        used = Usage(mine, BERLIN, NOW, "192.0.2.1", 0, 0, {}, (("192.0.2.9", 17),))
        await tx.usages.add([used])
        await tx.usages.add(
            [
                replace(used, grant_id=each, address=f"192.0.2.{n}", moves=())
                for n, each in enumerate((other, boriss), start=2)
            ]
        )
        assert await tx.usages.places_of([ANNA, BORIS]) == {
            ANNA: {"192.0.2.1", "192.0.2.9", "192.0.2.2"},
            BORIS: {"192.0.2.3"},
        }
        later = replace(used, grant_id=boriss, seen_at=NOW + DAY)
        await tx.usages.change([later])
        assert await tx.usages.last_of([ANNA]) == NOW
        assert await tx.usages.last_of([ANNA, BORIS]) == NOW + DAY


async def test_which_servers_have_not_taken_a_grant_in(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        both = [await add_grant(tx, n, state=GrantState.ACTIVE) for n in (1, 2)]
        over = await add_grant(tx, 3, state=GrantState.REVOKED)
        first, second = both
        await tx.grants.wait_on(first.id, [], NOW)
        assert await tx.grants.waiting_on(BERLIN) == []
        await tx.grants.wait_on(first.id, [BERLIN, PARIS], NOW)
        assert await tx.grants.waiting_on(BERLIN) == [first]
        for one in (second, over):
            await tx.grants.wait_on(one.id, [BERLIN], NOW)
        assert await tx.grants.waiting_on(BERLIN) == both
        assert await tx.grants.waiting_on(PARIS) == []
        assert await tx.usages.not_yet_on(first.id) == [BERLIN]
        await tx.grants.let_in(first.id, PARIS)
        await tx.grants.let_in(second.id, BERLIN)
        assert await tx.grants.waiting_on(BERLIN) == [first]
        assert (await tx.usages.not_yet_on(first.id), await tx.usages.not_yet_on(second.id)) == (
            [BERLIN],
            [],
        )


async def test_an_address_of_the_newer_kind_is_changed_and_given_back(database: Database) -> None:
    six, seven = "fd00:8::6", "fd00:8::7"
    async with database.writing() as tx:
        await add_people(tx)
        grant, other = [await add_grant(tx, n) for n in (1, 2)]
        changes = [
            await tx.addresses.set6(grant.id, BERLIN, address, NOW + n * HOUR)
            for n, address in enumerate((None, six, six, seven, six, None))
        ]
        assert changes == [False, True, False, True, True, True]
        # Back to one that was not left yet is no new one.
        spans = [*await tx.addresses.history(six), *await tx.addresses.history(seven)]
        assert [(span.given_at, span.moved_at, span.left_at) for span in spans] == [
            (NOW + HOUR, NOW + 5 * HOUR, None),
            (NOW + 3 * HOUR, NOW + 4 * HOUR, None),
        ]
        (four,) = await tx.addresses.now_of(grant.id, BERLIN)
        assert four == AddressSpan(four.id, grant.id, BERLIN, "10.8.0.2", NOW)
        # What is left rests; what is left already keeps the moment.
        moved = await tx.addresses.moved_on(BERLIN)
        assert [span.address for span in moved] == [six, seven]
        await tx.addresses.leave(moved[0].id, NOW + DAY)
        await tx.addresses.leave(moved[0].id, NOW + 2 * DAY)
        assert [span.left_at for span in await tx.addresses.history(six)] == [NOW + DAY]
        await tx.addresses.leave_all(grant.id, NOW + 2 * DAY)
        assert [span.left_at for span in await tx.addresses.history(seven)] == [NOW + 2 * DAY]
        assert [span.left_at for span in await tx.addresses.history(six)] == [NOW + DAY]
        assert [span.left_at for span in await tx.addresses.history("10.8.0.3")] == [None]
        assert await tx.addresses.held(BERLIN, NOW + DAY) == {seven, "10.8.0.2", "10.8.0.3"}
        assert other.address_on(BERLIN) == "10.8.0.3"


async def test_files_are_due_on_one_server_each(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        first, second = [(await add_grant(tx, n)).id for n in (1, 2)]
        for server in (BERLIN, PARIS):
            await tx.addresses.files_due(server, [first, second], NOW)
        await tx.addresses.files_due(BERLIN, [], NOW)
        await tx.addresses.files_due(BERLIN, [second], NOW + HOUR)
        await tx.addresses.file_done(BERLIN, first, NOW)
        assert await tx.addresses.due_files(BERLIN) == {second: NOW + HOUR}
        assert await tx.addresses.due_files(PARIS) == {first: NOW, second: NOW}
        await tx.addresses.forget_files(PARIS)
        assert await tx.addresses.servers_due() == {BERLIN}


async def test_who_has_or_had_an_address_of_a_server(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await tx.people.link(ANNA, BORIS)
        await add_grant(tx, 1)
        assert await tx.addresses.people_on(BERLIN) == {ANNA: "Anna Petrova", BORIS: "Boris"}
        assert await tx.addresses.people_on(PARIS) == {}


async def test_what_is_noted_of_a_server_is_that_one_s(database: Database) -> None:
    berlin, paris = make_server(), make_server(PARIS)
    async with database.writing() as tx:
        for server in (berlin, paris):
            await tx.servers.add(server)
            await tx.servers.set_silent(server.name, NOW)
        await tx.servers.set_silent(BERLIN, NOW + HOUR)
        assert await tx.servers.silent() == {BERLIN: NOW + HOUR, PARIS: NOW}
        assert await tx.servers.heard(BERLIN)
        assert not await tx.servers.heard(BERLIN)
        assert await tx.servers.silent() == {PARIS: NOW}
        await tx.servers.set_ssh(BERLIN, {"host": "b"}, "root")
        await tx.servers.set_cuts_unknown(BERLIN, cuts=True)
        await tx.servers.mark_restored(NOW)
        await tx.servers.clear_restored(BERLIN)
        await tx.servers.set_open(PARIS, NOW)
        paris = replace(paris, restored_at=NOW, open_since=NOW)
        berlin = replace(berlin, ssh={"host": "b"}, account="root", cuts_unknown=True)
        assert {one.name: one for one in await tx.servers.all()} == {BERLIN: berlin, PARIS: paris}
        anew = replace(berlin, remote_host="new.example.com", crl_number=9, adopted={"taken": []})
        await tx.servers.set_adopted(anew)
        assert await tx.servers.get(BERLIN) == anew
        assert await tx.servers.get(PARIS) == paris
        await tx.servers.remove(PARIS)
        assert await tx.servers.silent() == {}
        assert await tx.servers.set_named(ServerName("eu")) is None
