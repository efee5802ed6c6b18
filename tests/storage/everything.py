"""A pass that calls each method of each repository, so that each statement is seen."""

from dataclasses import replace

from storage.absences import Absence
from storage.audit import AuditWanted
from storage.clock_records import ClockAnchor, EndWarning
from storage.group_records import Group, GroupName
from storage.joining_records import (
    Farewell,
    Leaving,
    LeavingCause,
    LeavingState,
    LeftAccount,
)
from storage.key_records import KeyChoice, KeyWay
from storage.listings import GrantsWanted
from storage.outbox import Done, Later, SetAside
from storage.pauses import PersonPause
from storage.records import (
    Canary,
    CanaryLook,
    CanaryRole,
    CanaryTrouble,
    ChatId,
    EndReason,
    ForeignRevocation,
    Grant,
    GrantId,
    GrantState,
    InboxItem,
    OutboxKind,
    PostedMessage,
    Proof,
    RequestState,
    SeenAs,
    ServerName,
    UserId,
    Verdict,
)
from storage.role_records import Appointment, Role
from storage.rotation import Rotation, RotationStep
from storage.set_records import ServerSet
from storage.transaction import Transaction
from storage.use_records import AskedUse, Usage, UseKind
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
    add_request,
    make_grant,
    make_server,
)


async def pass_over_sets(tx: Transaction) -> None:
    await tx.servers.put_set(ServerSet(ServerName("eu"), (BERLIN,), random=False, added_at=NOW))
    await tx.servers.set_named(ServerName("eu"))
    await tx.servers.sets()
    await tx.servers.remove_set(ServerName("eu"))


async def pass_over_everything(tx: Transaction) -> None:
    """Calls each method of each repository at least once."""
    await add_people(tx)
    await tx.people.know(BORIS, "Boris", NOW)
    await tx.people.note_username(ANNA, "anna", NOW)
    await tx.people.set_reachable(ANNA, reachable=True)
    await tx.people.forget_reachable()
    await tx.people.disallow(BORIS)
    await tx.people.name_of(BORIS)
    await tx.people.link(BORIS, ANNA)
    await tx.people.person_of(BORIS)
    await tx.people.accounts_of(ANNA)
    await tx.people.all()
    await tx.people.revision(ANNA)
    await _searches(tx)
    await tx.roles.set(Appointment(ANNA, Role.APPROVER, (GroupName("dev"),), 0))
    await tx.roles.get(ANNA)
    await tx.roles.all()
    await tx.roles.end(ANNA)
    await tx.admins.add(ANNA, after_decision=0)
    await tx.admins.all()
    await tx.admins.remove(ANNA)
    await tx.servers.add(make_server())
    await tx.servers.set_adopted(make_server())
    await tx.servers.set_cuts_unknown(BERLIN, cuts=True)
    await tx.servers.set_ssh(BERLIN, {"address": "vpnbot@berlin"}, "vpnbot")
    await tx.servers.set_crl_published(BERLIN, NOW, 7, "a1")
    await tx.servers.set_open(BERLIN, NOW)
    await tx.servers.set_silent(BERLIN, NOW)
    await tx.servers.silent()
    await tx.servers.heard(BERLIN)
    await pass_over_sets(tx)
    await tx.crl.keep(BERLIN, ["a list"])
    await tx.crl.kept(BERLIN)
    number = await tx.strangers.note(BERLIN, "eve", SeenAs.CUT, NOW)
    await tx.strangers.note(BERLIN, "eve", SeenAs.LEFT, NOW)
    await tx.strangers.get(number)
    await tx.strangers.on(BERLIN)
    await tx.strangers.forget([number])
    await tx.strangers.forget_on(BERLIN)
    await _canaries(tx)
    await tx.servers.mark_restored(NOW)
    await tx.servers.clear_restored(BERLIN)
    await tx.servers.all()
    await _requests(tx)
    await _grants(tx)
    await _watch(tx)
    await _queues(tx)
    await _trail(tx)
    await tx.servers.get(BERLIN)
    await tx.servers.remove(BERLIN)


async def _canaries(tx: Transaction) -> None:
    canary = Canary("2a", BERLIN, CanaryRole.GOOD, "canary", "10.8.0.9", NOW, NOW)
    await tx.canaries.add([canary])
    await tx.canaries.in_use(BERLIN)
    await tx.canaries.known_on(BERLIN)
    await tx.canaries.with_address("10.8.0.9")
    await tx.canaries.revoked()
    await tx.canaries.serials()
    await tx.canaries.addresses_held(BERLIN, NOW)
    await tx.canaries.retire(BERLIN, NOW)
    await tx.canaries.prune(NOW)
    await tx.canaries.see(CanaryLook(BERLIN, NOW, (CanaryTrouble.UNREACHABLE,)))
    await tx.canaries.look(BERLIN)
    await tx.canaries.looks()
    await tx.canaries.unsee(BERLIN)
    await tx.canaries.forget_on(BERLIN)


async def _requests(tx: Transaction) -> None:
    request = await add_request(tx, server=None)
    await tx.requests.choose(request.id, BERLIN)
    await tx.requests.reopen(request.id)
    assert await tx.request_notes.change(request.id, duration=60, reason="x", at=NOW)
    await tx.request_notes.deny(request.id, why="less", words=None)
    await tx.request_notes.of(request.id)
    await tx.absences.put(Absence(ANNA, NOW, NOW))
    await tx.absences.now(NOW)
    await tx.absences.over(NOW)
    await tx.absences.end(ANNA)
    await tx.request_notes.waits(request.id, NOW)
    await tx.request_notes.to_remind(NOW, 60)
    assert await tx.request_notes.remind(request.id, NOW)
    assert not await tx.request_notes.remind(request.id, NOW)
    assert await tx.request_notes.nudge(request.id, NOW)
    await tx.requests.settled(NOW)
    await tx.requests.settle(request.id)
    await tx.requests.agree(request.id, by="telegram:1", duration=60, at=NOW)
    await tx.requests.decisions(request.id)
    await tx.requests.decide(request.id, Verdict.APPROVE, by="a", by_name="b", at=NOW, duration=60)
    await tx.requests.all()
    _ = [each async for each in tx.requests.each(state=RequestState.PENDING, limit=9)]
    await tx.requests.pending()
    await tx.requests.open()
    await tx.requests.open_of(ANNA)
    await tx.requests.of_user(ANNA)
    await tx.requests.earlier([ANNA], request.id, limit=3)
    await tx.requests.open_on(BERLIN)
    await tx.requests.last_server(ANNA)
    await tx.requests.asked_at(ANNA, NOW)
    await tx.requests.due(NOW, asked_by=NOW)
    await tx.requests.scheduled(by=NOW)
    await tx.requests.begin(request.id, 60)
    await tx.requests.last_decision()
    await tx.requests.open()


async def _grants(tx: Transaction) -> None:
    grant = await add_grant(tx)
    await _usages(tx, grant)
    await tx.grants.add_many([make_grant(7, None, user_id=None, server=None, imported_at=NOW)])
    await tx.grants.link(GrantId("g-00000007"), ANNA)
    await tx.grants.imported()
    await tx.grants.unlinked()
    await tx.grants.unlinked_as("anna")
    await tx.grants.unlinked_like(["anna", "100%"])
    await tx.grants.imported_as(["anna"])
    await tx.grants.imported_names()
    await tx.grants.live_for(BERLIN)
    await tx.grants.known_on(BERLIN)
    await tx.grants.known_on(BERLIN, ["a_b"])
    await tx.grants.named(["anna"])
    await tx.grants.out_since(NOW)
    await tx.grants.reopen([grant.id], NOW)
    await tx.grants.addresses_held(BERLIN, NOW)
    await tx.grants.some([grant.id])
    await tx.grants.all()
    await tx.grants.with_serials(["1"])
    await tx.grants.not_over()
    await tx.grants.on_the_way()
    await tx.grants.of_user(ANNA)
    await tx.grants.live_of_user(ANNA)
    await tx.grants.live_on(BERLIN)
    await tx.grants.live_as(BERLIN)
    await tx.grants.wait_on(grant.id, [BERLIN], NOW)
    await tx.usages.not_yet_on(GrantId("g-1"))
    await tx.grants.waiting_on(BERLIN)
    await tx.grants.let_in(grant.id, BERLIN)
    await tx.grants.replaced_at(ANNA, NOW)
    await tx.grants.due(NOW)
    await tx.grants.revoking()
    await _keys(tx, grant)
    await _groups(tx, grant)
    await tx.grants.set_address(grant, BERLIN, "10.8.0.9", NOW)
    await tx.grants.move(grant.id, GrantState.RESERVED, GrantState.ISSUED)
    await tx.grants.end(grant.id, EndReason.REVOKED, NOW)
    await tx.proofs.open(grant.id, [BERLIN], NOW)
    await tx.proofs.reopen([grant.id], BERLIN, NOW)
    await tx.proofs.unproved()
    await tx.proofs.dropped()
    await tx.proofs.due(NOW)
    await tx.proofs.hasten([grant.id], BERLIN, NOW)
    await tx.proofs.hasten_beyond(NOW, NOW)
    proof = Proof(grant.id, BERLIN, proved=True, attempts=1, next_try_at=NOW)
    await tx.proofs.record(replace(proof, findings=(("crl_old", "it's"),)))
    await tx.proofs.of([grant.id])
    await tx.proofs.drop_open(BERLIN, NOW)
    await tx.grants.prove(grant.id, GrantState.REVOKED, NOW)


async def _trail(tx: Transaction) -> None:
    await tx.audit.append(at=NOW, actor="a", action="b", subject="c", detail={"name": "Zoë"})
    await tx.audit.append(at=NOW, actor="a", action="b", subject="c", detail={})
    await tx.audit.newest(3)
    await tx.audit.all()
    assert len([entry async for entry in tx.audit.each()]) == 2
    about = AuditWanted(["a"], ["c"], server="x", kind="b", since=NOW, until=NOW + HOUR)
    await tx.audit.newest(3, about)
    await tx.audit.newest(3, AuditWanted())
    await tx.audit.first()
    await tx.audit.head()
    await tx.audit.last_of("b")
    await tx.audit.last_number_of(["b"])
    await tx.audit.subjects_of("b")
    await tx.audit.last_done_to("b", "group.remove")
    await tx.audit.digest_of(1)
    assert await tx.audit.first_fault() is None


async def _searches(tx: Transaction) -> None:
    await tx.people.some([ANNA])
    await tx.people.named("anna")
    await tx.people.namesakes(["anna"])
    await tx.people.with_words(["an", "pe"], limit=5)
    await tx.people.with_words(["anna"], limit=5, whole=True)
    await tx.people.words_like("an", limit=5)
    await tx.people.listed(["an"], offset=0, limit=5)
    await tx.people.count_listed(["an"])
    await tx.people.with_access(NOW, offset=0, limit=5)
    await tx.people.with_access(NOW, ("anna", "petrova"), offset=0, limit=5)
    await tx.people.some_with_access(NOW, ("anna",), limit=5)
    await tx.people.note_newcomer(UserId(77), "Eve", "eve", NOW)
    await tx.people.newcomer(UserId(77))
    await tx.people.newcomers_named("eve", limit=5)
    await tx.people.prune_newcomers(NOW)
    await tx.people.forget_newcomer(UserId(77))
    await tx.grants.nobodys_not_over(limit=5)
    await tx.grants.count_unlinked_names()
    await tx.grants.count_live()
    await tx.grants.of_users([ANNA], NOW)
    await tx.grants.ending(offset=0, limit=5)
    await tx.grants.count_unproved(NOW)
    await tx.grants.unproved(NOW, offset=0, limit=5)
    await tx.grants.with_name("anna")
    await tx.grants.with_serial("abc")
    await tx.requests.count_pending()
    await tx.requests.ids_of(ANNA)
    wanted = GrantsWanted(GrantState.REVOKING, [ANNA], BERLIN, 5)
    for one in (wanted, GrantsWanted(GrantState.REVOKED), GrantsWanted()):
        assert len([part async for part in tx.listings.grants(one)]) <= 1
    listed = tx.listings.people(allowed=True, accounts=[ANNA], limit=5)
    assert len([part async for part in listed]) <= 1


async def _keys(tx: Transaction, grant: Grant) -> None:
    await tx.keys.choose(KeyChoice(ANNA, KeyWay.LOCKED, NOW))
    await tx.keys.chosen(ANNA)
    await tx.keys.lock(grant.id)
    await tx.keys.shown(grant.id, NOW)
    await tx.keys.locked(grant.id)


async def _pauses(tx: Transaction, grant: Grant) -> None:
    await tx.pauses.put(PersonPause(ANNA, NOW, NOW, "telegram:2001", "Boris"))
    await tx.pauses.of(ANNA)
    await tx.pauses.some([ANNA])
    await tx.pauses.all()
    await tx.pauses.over(NOW)
    await tx.pauses.hold(grant.id, NOW)
    await tx.pauses.prove(grant.id, NOW)
    await tx.pauses.held()
    await tx.pauses.serials()
    await tx.pauses.unproved()
    await tx.pauses.release(grant.id)
    await tx.proofs.forget([grant.id])
    await tx.pauses.want_crls(1)
    await tx.pauses.crls_due()
    await tx.pauses.end(ANNA)


async def _groups(tx: Transaction, grant: Grant) -> None:
    await _pauses(tx, grant)
    group = Group(GroupName("dev"))
    await tx.groups.add(group)
    await tx.groups.set(group)
    await tx.groups.all()
    await tx.groups.get(group.name)
    await tx.groups.join(group.name, ANNA)
    await tx.groups.members(group.name)
    await tx.groups.of_accounts([ANNA])
    await tx.groups.of_person(ANNA)
    await tx.groups.by_account()
    await tx.addresses.owners(BERLIN)
    await tx.addresses.people_on(BERLIN)
    await tx.addresses.files_due(BERLIN, [grant.id], NOW)
    await tx.addresses.due_files(BERLIN)
    await tx.addresses.servers_due()
    await tx.addresses.file_done(BERLIN, grant.id, NOW)
    await tx.addresses.forget_files(BERLIN)
    await tx.groups.leave(group.name, ANNA)
    await tx.groups.remove(group.name)
    await tx.addresses.give(grant.id, PARIS, "10.9.0.9", NOW)
    await tx.addresses.now_of(grant.id, PARIS)
    await tx.addresses.move(grant.id, PARIS, "10.9.0.9", NOW)
    [moved] = await tx.addresses.moved_on(PARIS)
    await tx.addresses.leave(moved.id, NOW)
    await tx.addresses.set6(grant.id, PARIS, "fd00::9", NOW)
    await tx.addresses.set6(grant.id, PARIS, None, NOW)
    await tx.addresses.set6(grant.id, PARIS, "fd00::9", NOW)
    await tx.addresses.leave_all(grant.id, NOW)
    await tx.addresses.held(PARIS, NOW)
    await tx.addresses.history("10.9.0.9")


async def _usages(tx: Transaction, grant: Grant) -> None:
    usage = Usage(grant.id, BERLIN, NOW, "198.51.100.7", 1, 2, {"17:0": (1, 2)})
    await tx.usages.add([usage])
    await tx.usages.change([replace(usage, sent=3, moves=(("198.51.100.7", 17),), twice_at=NOW)])
    await tx.usages.of([grant.id])
    await tx.usages.last_of([ANNA])
    await tx.usages.places_of([ANNA])
    use = AskedUse(grant.id, UseKind.FIRST, BERLIN, NOW, ("198.51.100.7",), NOW)
    number = await tx.asked_uses.add(use)
    await tx.asked_uses.get(number)
    await tx.asked_uses.open_of(grant.id)
    await tx.asked_uses.asked_first([grant.id])
    await tx.asked_uses.unanswered(ANNA, NOW, 3)
    await tx.asked_uses.answer(number, was_owner=True, now=NOW)


async def _watch(tx: Transaction) -> None:
    await tx.end_warnings.record(EndWarning("ca", NOW, 30))
    await tx.end_warnings.all()
    await tx.clock.record(ClockAnchor("b", NOW, HOUR))
    await tx.clock.last()
    await tx.rotation.begin(Rotation(2, RotationStep.TRUST, NOW, NOW))
    await tx.rotation.last()
    await tx.rotation.move(RotationStep.TRUST, RotationStep.MOVE, NOW)
    await tx.rotation.move_all(NOW)
    await tx.rotation.signing()
    await tx.rotation.signed_before(2)
    await tx.rotation.to_move(2, 10)
    await tx.rotation.count_to_move(2)
    await tx.grants.replacing([GrantId("g-1")])
    grant, *_ = await tx.grants.all()
    await tx.reminders.plan(grant.id, NOW)
    await tx.reminders.plan(grant.id, NOW)
    await tx.reminders.due(NOW, 10)
    await tx.reminders.plan(grant.id, None)
    request, *_ = await tx.requests.all()
    await tx.requests.add_approved(request, by="vpnbot", by_name="vpnbot", at=NOW)
    await tx.crl.next_number()
    await tx.crl.next_number()
    await tx.crl.last_number()
    await tx.crl.raise_to(9)
    await tx.crl.add_foreign([ForeignRevocation("c0ffee", NOW, EndReason.LOST, NOW)])
    await tx.crl.foreign()
    await tx.crl.entries(None)
    await tx.crl.entries(NOW)
    await tx.crl.add_spares(["5ba4e"])
    await tx.crl.spares()
    await tx.crl.take_spare()
    await tx.crl.give_up_spares(NOW)


async def _invitations(tx: Transaction) -> None:
    first, other = [
        await tx.invitations.add(
            name=name,
            groups=["dev"],
            made_by="telegram:2001",
            made_by_name="Boris",
            made_at=NOW,
            ends_at=NOW + DAY,
        )
        for name in ("Zoë", "Karl")
    ]
    await tx.invitations.set_hash(first.id, "a1" * 32)
    await tx.invitations.get(first.id)
    await tx.invitations.by_hash("a1" * 32)
    await tx.invitations.open(NOW)
    await tx.invitations.lapsed(NOW + DAY)
    await tx.invitations.since(NOW)
    await tx.invitations.open_among(["a1" * 32], NOW)
    await tx.invitations.use(first.id, ANNA, NOW)
    await tx.invitations.withdraw(other.id, NOW)
    await tx.invitations.note_removal(ANNA, NOW)
    await tx.invitations.removed_at(ANNA)
    await tx.invitations.forget_removal(ANNA)
    await tx.invitations.set_own_name("vpn_bot")
    await tx.invitations.own_name()
    await tx.knocks.put(ANNA, "Anna", None, NOW)
    await tx.knocks.get(ANNA)
    await tx.knocks.count_since(NOW)
    await tx.knocks.answer(ANNA, allowed=True, by="2001", name="Boris", now=NOW)
    await tx.knocks.prune(NOW)
    pause = PersonPause(ANNA, NOW, NOW, "telegram:2001", "Boris")
    left = LeftAccount(ANNA, allowed=True, revision=1, role=Role.ADMIN, pause=pause)
    farewell = Farewell(ANNA, "Anna", "2001", "Boris", NOW, NOW, 0, (left,))
    number = await tx.farewells.add(farewell)
    assert await tx.farewells.get(number) == replace(farewell, id=number)
    await tx.farewells.lose_group("nobody")
    await tx.farewells.over(NOW)
    await tx.farewells.lose_group("dev")
    await tx.farewells.undo(number, NOW)
    await tx.farewells.settle(number)
    await tx.farewells.prune(NOW)
    leaving = Leaving(ANNA, LeavingCause.DELETED, NOW)
    gone = await tx.leavings.add(leaving)
    assert await tx.leavings.get(gone) == replace(leaving, id=gone)
    assert await tx.leavings.of(ANNA) == await tx.leavings.standing(LeavingCause.DELETED)
    await tx.leavings.settle(gone, LeavingState.REMOVED, "2001", "Boris", NOW)
    assert await tx.leavings.standing(LeavingCause.DELETED) == []
    await tx.leavings.prune(NOW)
    assert await tx.leavings.move_group(ChatId(-7), ChatId(-1007))
    assert not await tx.leavings.move_group(ChatId(-7), ChatId(-1008))
    assert await tx.leavings.group_now(ChatId(-7)) == ChatId(-1007)
    assert await tx.leavings.group_now(ChatId(-8)) == ChatId(-8)
    await tx.posted.find(ChatId(7), 1)


async def _queues(tx: Transaction) -> None:
    await _invitations(tx)
    await tx.grants.for_others(BERLIN)
    await tx.crl.for_others([BERLIN, PARIS])
    await tx.posted.posted_between(OutboxKind.DELIVER, NOW, NOW, 5)
    await tx.posted.remember(PostedMessage(ChatId(7), 1, OutboxKind.CARD, "1", NOW))
    await tx.posted.about(OutboxKind.CARD, "1")
    await tx.posted.newest_in(ChatId(7), 20)
    await tx.posted.belong_to(42)
    await tx.posted.bot()
    await tx.posted.forget_all()
    await tx.inbox.store([InboxItem(n, ChatId(7), "{}", NOW) for n in (5, 6)])
    await tx.inbox.new()
    await tx.inbox.hold(5, "x")
    await tx.inbox.held(5)
    await tx.inbox.release(5)
    await tx.inbox.finish(5)
    await tx.inbox.has_new_of([7])
    await tx.inbox.finish_all([5])
    await tx.inbox.quarantine(6, "odd")
    await tx.inbox.waiting()
    await tx.inbox.trim_quarantine(1)
    await tx.inbox.quarantine_new("odd")
    await tx.inbox.forget(6)
    await tx.inbox.forget_handled()
    await tx.inbox.prune(NOW + DAY)
    await _outbox(tx)
    await tx.proofs.prune(NOW - DAY)
    await tx.posted.prune(NOW - DAY)


async def _outbox(tx: Transaction) -> None:
    for kind in (OutboxKind.REPLY, OutboxKind.RECEIPT, OutboxKind.DELIVER, OutboxKind.CARD):
        await tx.outbox.add(ChatId(7), kind, {"text": "it's <b>Zoë</b>"}, now=NOW)
    await tx.outbox.hold_chat(ChatId(7), NOW + HOUR)
    await tx.outbox.untried(ChatId(7), OutboxKind.EDIT)
    await tx.outbox.holds()
    await tx.outbox.forget_holds(NOW + DAY)
    await tx.outbox.move_chat(ChatId(8), ChatId(9))
    await tx.outbox.add(ChatId(8), OutboxKind.ASKED, {"edit": 5}, now=NOW)
    await tx.outbox.forget_edits()
    [asked] = await tx.outbox.open(OutboxKind.ASKED)
    await tx.outbox.claim(asked.id)
    await tx.outbox.conclude(asked, Done())
    await tx.outbox.hasten(OutboxKind.RECEIPT, NOW)
    await tx.outbox.hasten_beyond(NOW, NOW)
    await tx.outbox.open(OutboxKind.DELIVER)
    reply, receipt, deliver, card = await tx.outbox.due(NOW + DAY, 9)
    await tx.outbox.first_due(NOW + DAY, 9, kinds=frozenset(OutboxKind), without={ChatId(8)})
    await tx.outbox.stuck(9)
    for item in (reply, receipt, deliver, card):
        await tx.outbox.claim(item.id)
    await tx.outbox.sending()
    await tx.outbox.doubt(OutboxKind.NOTICE)
    await tx.outbox.conclude(reply, Later(NOW, attempts=1))
    await tx.outbox.conclude(receipt, Later(NOW, attempts=0, payload={"said": True}))
    await tx.outbox.conclude(deliver, Done())
    await tx.outbox.conclude(card, SetAside(None))
    await tx.outbox.prune(NOW + DAY)
