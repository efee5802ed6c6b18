"""The use cases around the end of a grant: revoke, expire, and what was proved of it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.access import holdings, messages, roles
from bot.access.case import Case
from bot.access.holdings import Holding
from bot.access.lineage import Lineage
from bot.access.messages import Notice
from bot.access.permission import THE_BOT, Act, require
from bot.access.refusals import Refusal, Refused
from bot.access.who import name_of
from storage.records import (
    LIVE_STATES,
    ChatId,
    EndReason,
    Grant,
    GrantId,
    GrantState,
    OutboxKind,
    Person,
    Proof,
    RequestState,
    Server,
    ServerName,
    UserId,
)
from storage.transaction import Transaction
from vpn.findings import ServerProof

FIRST_LOOK_S = 2.0
_FIRST_RETRY_S = 2.0
_LONGEST_RETRY_S = 300.0
_MOST_SESSIONS = 1_000_000
_SERVERS_NAMED = 5
# Who gave the access up, is being sent a new profile, or reads why from elsewhere, needs no message
# that it ended.
_OWNER_KNOWS = (
    EndReason.BY_OWNER,
    EndReason.REPLACED,
    EndReason.LOST,
    EndReason.UNDELIVERABLE,
    EndReason.NOT_TAKEN,
    EndReason.STOLEN,
    EndReason.EARLIER,
)


async def begin(
    case: Case,
    grants: Iterable[Grant],
    reason: EndReason,
    *,
    at: datetime | None = None,
    with_replacements: bool = True,
    tells_owner: bool = True,
) -> list[Grant]:
    """Records the end of live grants: LIVE to REVOKING, with a proof to come from each server.

    Gives the grants that this call ended; one that was ended before is left alone.

    Args:
        at: when they were revoked, if that was before now.
        with_replacements: also those that are on their way to take their places.
        tells_owner: False where the caller says it once for all of them.
    """
    servers = [server.name for server in await case.tx.servers.all() if lets_in(server)]
    ended = []
    wanted = [*grants]
    for grant in wanted + (await _replacements(case, wanted) if with_replacements else []):
        if not await case.tx.grants.end(
            grant.id, reason, at or case.now, by=case.actor.key, by_name=case.actor.name
        ):
            continue
        ended.append(grant)
        # Whoever ordered it looks at once; this is for the case that they cannot.
        await case.tx.proofs.open(grant.id, servers, case.after(FIRST_LOOK_S))
        await case.record("grant.end", grant, reason=reason)
        if not servers:
            await _close_if_proved(case, grant)
        await messages.follow(case, grant)
    for grant in ended if tells_owner and reason not in _OWNER_KNOWS else ():
        # Who revokes their own access by /revoke gets the receipt already.
        if grant.user_id is None or grant.user_id == case.actor.user_id:
            continue
        if reason is EndReason.ENDED and (await Lineage.of(case.tx, grant.user_id)).later(grant):
            continue  # they have one that lasts for longer
        if grant.imported_at is None:
            code, what = Notice.ACCESS_ENDED, {"server": str(grant.server)}
        else:
            code, what = Notice.EARLIER_ACCESS_ENDED, {"common_name": grant.common_name}
        who = {"admin": case.actor.name, "by": case.actor.key}
        await messages.notice(case, grant.user_id, code, reason=reason, **who, **what)
        await messages.edit_open_cards(case, grant.user_id)
    return ended


async def _replacements(case: Case, grants: Sequence[Grant]) -> list[Grant]:
    """The live ones that were made in the place of live ones: see `bot.access.moving`.

    There may be some in between whose profiles got lost on their way.
    """
    found: list[Grant] = []
    ids = [grant.id for grant in grants if grant.state in LIVE_STATES]
    while ids:
        later = await case.tx.grants.replacing(ids)
        found += [grant for grant in later if grant.state in LIVE_STATES]
        ids = [grant.id for grant in later]
    return found


async def record_proofs(case: Case, seen: Sequence[tuple[GrantId, ServerProof]]) -> list[GrantId]:
    """Stores what was seen; gives the grants whose end is proved on every server now.

    What nobody waits for any more, or was proved by somebody else meanwhile, stays as it is.
    """
    stored = await case.tx.proofs.of([grant_id for grant_id, _ in seen])
    known = {(proof.grant_id, proof.server): proof for proof in stored}
    closed: list[GrantId] = []
    again: dict[ServerName, list[ServerProof]] = {}
    for grant_id, now_seen in seen:
        server = ServerName(now_seen.server)
        before = known.get((grant_id, server))
        if before is None or not before.is_open:
            continue
        next_try_at = case.now + retry_after(before.attempts)
        if now_seen.second_look_at is not None:
            # Only the time is missing: no earlier look can prove anything.
            next_try_at = max(case.now, now_seen.second_look_at)
        await case.tx.proofs.record(
            replace(
                before,
                proved=now_seen.proved,
                attempts=before.attempts + 1,
                next_try_at=next_try_at,
                crl_number=now_seen.crl_number,
                # A session that an earlier attempt cut stays cut. A server may claim any number.
                sessions_cut=min(
                    now_seen.sessions_cut + (before.sessions_cut or 0), _MOST_SESSIONS
                ),
                checked_at=case.now,
                crl_seen_at=now_seen.crl_seen_at,
                findings=tuple((one.code.value, one.detail) for one in now_seen.findings),
            )
        )
        grant = await known_grant(case.tx, grant_id)
        if now_seen.proved and await _close_if_proved(case, grant):
            closed.append(grant_id)
            if grant.proved_at is not None:
                again.setdefault(server, []).append(now_seen)
    for server, proofs in again.items():
        # One row for all: whoever changes a server's list each minute must not fill the trail.
        sessions = sum(proof.sessions_cut for proof in proofs)
        await case.by(THE_BOT).record(
            "server.prove_again", f"server:{server}", grants=len(proofs), sessions=sessions
        )
    return closed


async def _close_if_proved(case: Case, grant: Grant) -> bool:
    """REVOKING to REVOKED or EXPIRED, once nothing is left to prove; whether this call did it.
    Likewise PAUSING to PAUSED.

    What was dropped is not proved, and the trail never says that it is. What is proved once more
    is noted for all of a server at once, see `record_proofs`.
    """
    proofs = await case.tx.proofs.of([grant.id])
    if any(proof.is_open for proof in proofs) or waits_for_server(grant, proofs):
        return False
    dropped = [proof.server for proof in proofs if proof.dropped_at]
    if grant.pause is not None:
        if not await case.tx.pauses.prove(grant.id, case.now):
            return False
        said, detail = "grant.pause_prove", {}
    else:
        after = GrantState.EXPIRED if grant.end_reason is EndReason.ENDED else GrantState.REVOKED
        if not await case.tx.grants.prove(grant.id, after, case.now):
            return False
        said, detail = "grant.prove", {"state": after}
    if dropped:
        said = "grant.drop" if grant.pause is None else "grant.pause_drop"
        await case.by(THE_BOT).record(said, grant, **detail, servers=dropped)
    elif grant.proved_at is None:
        await case.by(THE_BOT).record(said, grant, **detail)
    if grant.proved_at is None:
        await messages.follow(case, grant)
    # Receipts that said 'not proved' are followed up at once.
    await case.tx.outbox.hasten(OutboxKind.RECEIPT, case.now)
    return True


def waits_for_server(grant: Grant, proofs: Sequence[Proof]) -> bool:
    """Whether no server is known that could prove its end, although there must be one.

    An imported certificate opens a server that may not have been adopted yet.
    """
    return grant.imported_at is not None and all(p.grant_id != grant.id for p in proofs)


def retry_after(attempts: int) -> timedelta:
    """How long to wait after this many failed attempts: doubling, up to five minutes."""
    return timedelta(seconds=min(_FIRST_RETRY_S * 2 ** min(attempts, 10), _LONGEST_RETRY_S))


def lets_in(server: Server) -> bool:
    """Before its first CRL a server of ours has let nobody in, and that CRL lists who is out."""
    return server.crl_published_at is not None or server.adopted is not None


async def close_proved(case: Case) -> None:
    """Closes what has nothing left to prove, for example after a server was taken out."""
    pausing = await case.tx.grants.some(await case.tx.pauses.unproved())
    for grant in (*await case.tx.grants.revoking(), *pausing):
        await _close_if_proved(case, grant)


async def close(case: Case, grant_id: GrantId) -> None:
    """Closes one grant, if it has nothing left to prove."""
    await _close_if_proved(case, await known_grant(case.tx, grant_id))


async def ask_adopted(case: Case, server: ServerName) -> None:
    """A server that was adopted just now has to prove what was ended before it was known.

    Only imported certificates can have been used there. Those that are paused are out there, too.
    """
    paused = await case.tx.grants.some(await case.tx.pauses.held())
    waiting = [
        grant
        for grant in (*await case.tx.grants.revoking(), *paused)
        if grant.imported_at is not None
    ]
    proofs = await case.tx.proofs.of([grant.id for grant in waiting])
    asked = {p.grant_id for p in proofs if p.server == server and p.dropped_at is None}
    for grant in waiting:
        if grant.id not in asked:
            await case.tx.proofs.open(grant.id, [server], case.now)


async def take_out(case: Case, server: Server) -> None:
    """A server that is not asked any more proves no end: of those that are open, nor of later ones.

    It may still run. So of whatever is live and opens it is noted that it will never be proved
    there; whoever is told that such a one is dead is told of that, too.
    """
    opens = [*await case.tx.grants.live_for(server.name)] if server.adopted is not None else []
    if server.open_since is not None:
        opens += await case.tx.grants.for_others(server.name)
    await case.tx.proofs.reopen([grant.id for grant in opens], server.name, case.now)
    await case.tx.proofs.drop_open(server.name, case.now)
    await case.tx.servers.remove(server.name)
    await close_proved(case)


async def revoke_person(case: Case, user_id: UserId) -> list[Grant]:
    """Ends every live grant of somebody, by whichever of their accounts they have it.

    Gives them with those whose end is not proved yet.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_PERSON, NOTHING_LIVE.
    """
    require(case.actor, Act.REVOKE)
    grants = [one.grant for one in await require_holding(case, user_id)]
    ended = await begin_or_go_on(case, grants, EndReason.REVOKED)
    await tell_others(case, [grant for grant in ended if grant.state in LIVE_STATES])
    return ended


async def require_holding(case: Case, user_id: UserId) -> Sequence[Holding]:
    """What somebody has, by whichever of their accounts.

    Raises:
        Refused: UNKNOWN_PERSON, NOTHING_LIVE, with the certificates that may be theirs.
    """
    if user_id in case.rules.admins and await case.tx.people.get(user_id) is None:
        # An admin need not have said anything yet to be known.
        raise Refused(Refusal.NOTHING_LIVE, name=str(user_id), names=())
    person = await known_person(case.tx, user_id)
    accounts = await case.tx.people.accounts_of(user_id)
    has = await holdings.of_accounts(case.tx, case.now, accounts)
    if not has:
        maybe = await holdings.maybe_theirs(case.tx, accounts)
        names = sorted({grant.common_name for grant in maybe})
        open_ones = [one for id_ in accounts for one in await case.tx.requests.open_of(id_)]
        later = [one.id for one in open_ones if one.state is RequestState.SCHEDULED]
        raise Refused(Refusal.NOTHING_LIVE, name=person.name, names=names, later=later)
    return has


async def begin_or_go_on(
    case: Case, grants: Sequence[Grant], reason: EndReason, *, tells_owner: bool = True
) -> list[Grant]:
    """`begin` for the live ones; those whose end is not proved come back with them."""
    unproved = [grant for grant in grants if grant.state not in LIVE_STATES]
    return [*await begin(case, grants, reason, tells_owner=tells_owner), *unproved]


async def revoke_grant(case: Case, grant_id: GrantId) -> list[Grant]:
    """Ends one grant; one whose end is not proved yet is looked at again.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_GRANT, GRANT_OVER.
    """
    require(case.actor, Act.REVOKE)
    grant = await known_grant(case.tx, grant_id)
    if grant.state in LIVE_STATES:
        ended = await begin(case, [grant], EndReason.REVOKED)
        await tell_others(case, ended)
        return ended
    if not await holdings.may_let_in(case.tx, case.now, grant):
        await require_live(case, grant)
    return [grant]


async def tell_others(case: Case, ended: Sequence[Grant]) -> None:
    """One line to every admin who did not do it, and is not whom it is about."""
    if not ended or ended[0].user_id == case.actor.user_id is not None:
        return
    holder = ended[0].user_id
    name = ended[0].common_name if holder is None else await name_of(case.tx, holder)
    servers = sorted({str(grant.server or grant.common_name) for grant in ended})
    said = ", ".join([*servers[:_SERVERS_NAMED], "…"] if servers[_SERVERS_NAMED:] else servers)
    who = {"admin": case.actor.name, "by": case.actor.key}
    for admin in await roles.admins(case.tx, case.rules):
        if admin not in (case.actor.user_id, holder):
            await messages.notice(case, admin, Notice.REVOKED_BY, name=name, servers=said, **who)


async def give_up(case: Case, grant_id: GrantId) -> list[Grant]:
    """Somebody ends their own grant; being taken off the allowlist is no obstacle.

    Raises:
        Refused: UNKNOWN_GRANT, NOT_YOURS, GRANT_OVER.
    """
    grant = await persons_live_grant(case, grant_id)
    return await begin(case, [grant], EndReason.BY_OWNER)


async def expire_due(case: Case) -> list[Grant]:
    """Ends the grants whose time is over; admins hear of those whose end is not proved soon."""
    if not case.may_expire:
        return []
    ended = await begin(case.by(THE_BOT), await case.tx.grants.due(case.now), EndReason.ENDED)
    for grant in ended:
        if case.rules.tell_ends and not grant.for_server:
            name = grant.common_name
            if grant.user_id is not None:
                name = await name_of(case.tx, grant.user_id)
            server = str(grant.server or grant.common_name)
            await messages.tell_admins(case, Notice.ACCESS_OVER, name=name, server=server)
        for admin in await roles.admins(case.tx, case.rules):
            chat = messages.private_chat(admin)
            await messages.receipt(case, chat, [grant.id], if_unproved=True)
    return ended


async def ask_receipt(case: Case, chat_id: ChatId, grants: Sequence[Grant]) -> None:
    ids = [grant.id for grant in grants]
    await messages.receipt(case, chat_id, ids, look=True)


async def require_live(case: Case, grant: Grant) -> None:
    """Raises Refused: GRANT_OVER, with what may still let its holder in: itself, and others."""
    if grant.state not in LIVE_STATES:
        left = await holdings.beside(case.tx, case.now, [grant])
        may_work = await holdings.may_let_in(case.tx, case.now, grant)
        raise Refused(Refusal.GRANT_OVER, may_work=may_work, count=len(left))


async def known_grant(tx: Transaction, grant_id: GrantId) -> Grant:
    """Raises Refused: UNKNOWN_GRANT."""
    grant = await tx.grants.get(grant_id)
    if grant is None:
        raise Refused(Refusal.UNKNOWN_GRANT, grant=grant_id)
    return grant


async def own_live_grant(case: Case, grant_id: GrantId) -> Grant:
    """Raises Refused: UNKNOWN_GRANT, NOT_YOURS, GRANT_OVER."""
    grant = await known_grant(case.tx, grant_id)
    if grant.user_id != case.actor.user_id:
        raise Refused(Refusal.NOT_YOURS)
    await require_live(case, grant)
    return grant


async def persons_live_grant(case: Case, grant_id: GrantId) -> Grant:
    """Like `own_live_grant`, by whichever account of the person it is.

    Raises:
        Refused: UNKNOWN_GRANT, NOT_YOURS, GRANT_OVER.
    """
    grant = await known_grant(case.tx, grant_id)
    me = case.actor.user_id
    if me is None or grant.user_id not in await case.tx.people.accounts_of(me):
        raise Refused(Refusal.NOT_YOURS)
    await require_live(case, grant)
    return grant


async def known_person(tx: Transaction, user_id: UserId) -> Person:
    """Raises Refused: UNKNOWN_PERSON."""
    person = await tx.people.get(user_id)
    if person is None:
        raise Refused(Refusal.UNKNOWN_PERSON, who=str(user_id))
    return person


async def known_accounts(tx: Transaction, user_id: UserId) -> Sequence[Person]:
    """All accounts of a person who is known, that one first."""
    accounts = await tx.people.accounts_of(user_id)
    others = [account for account in accounts if account != user_id]
    return [await known_person(tx, account) for account in (user_id, *others)]
