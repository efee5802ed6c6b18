"""The use cases around the end of a grant: revoke, expire, and what was proved of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.access import holdings, matching, messages
from bot.access.case import Case
from bot.access.holdings import Holding
from bot.access.matching import Fits
from bot.access.messages import Notice
from bot.access.permission import THE_BOT, Act, require
from bot.access.refusals import Refusal, Refused
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
    Server,
    ServerName,
    UserId,
)
from storage.transaction import Transaction

_FIRST_LOOK_S = 2.0
_FIRST_RETRY_S = 2.0
_LONGEST_RETRY_S = 300.0
_MOST_SESSIONS = 1_000_000
# Who gave the access up, or is being sent a new profile, needs no message that it ended.
_OWNER_KNOWS = (
    EndReason.BY_OWNER,
    EndReason.REPLACED,
    EndReason.LOST,
    EndReason.UNDELIVERABLE,
    EndReason.EARLIER,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one look at one server found of one grant; `findings` is empty if all is proved.

    Attributes:
        crl_seen_at: since when the CRL is known to be in force there with its serial.
        second_look_at: when a look can prove it, where this one came too early.
    """

    grant_id: GrantId
    server: ServerName
    proved: bool
    crl_number: int | None
    sessions_cut: int
    findings: tuple[tuple[str, str], ...]
    crl_seen_at: datetime | None = None
    second_look_at: datetime | None = None


async def begin(
    case: Case, grants: Iterable[Grant], reason: EndReason, *, at: datetime | None = None
) -> list[Grant]:
    """Records the end of live grants: from this commit on they are on the way out.

    Gives the grants that this call ended; one that was ended before is left alone.

    Args:
        at: when they were revoked, if that was before now.
    """
    servers = [server.name for server in await case.tx.servers.all() if lets_in(server)]
    ended = []
    for grant in grants:
        if not await case.tx.grants.end(grant.id, reason, at or case.now):
            continue
        ended.append(grant)
        # Whoever ordered it looks at once; this is for the case that they cannot.
        await case.tx.proofs.open(grant.id, servers, case.after(_FIRST_LOOK_S))
        await case.record("grant.end", grant, reason=reason)
        if not servers:
            await _close(case, grant)
    await _tell_owners(case, ended, reason)
    return ended


async def fits(case: Case, text: str) -> Fits:
    """Whom an admin may mean. People whose access is over fit, too: they get an answer."""
    require(case.actor, Act.REVOKE)
    return matching.find(
        matching.parse_who(text), await case.tx.people.all(), await case.tx.grants.all()
    )


async def revoke_person(case: Case, user_id: UserId) -> list[Grant]:
    """Ends every live grant of somebody, by whichever of their accounts they have it.

    Gives them with those whose end is not proved yet.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_PERSON, NOTHING_LIVE.
    """
    require(case.actor, Act.REVOKE)
    found = await require_holding(case, user_id)
    grants = [one.grant for one in found]
    return await begin_or_go_on(case, grants, EndReason.REVOKED)


async def require_holding(case: Case, user_id: UserId) -> Sequence[Holding]:
    """What somebody has, by whichever of their accounts.

    Raises:
        Refused: UNKNOWN_PERSON, NOTHING_LIVE, with the certificates that may be theirs.
    """
    person = await known_person(case.tx, user_id)
    accounts = await holdings.accounts_of(case.tx, user_id)
    found = await holdings.of_accounts(case.tx, case.now, accounts)
    if not found:
        maybe = await holdings.maybe_theirs(case.tx, accounts)
        names = sorted({grant.common_name for grant in maybe})
        raise Refused(Refusal.NOTHING_LIVE, name=person.name, names=names)
    return found


async def begin_or_go_on(case: Case, grants: Sequence[Grant], reason: EndReason) -> list[Grant]:
    """`begin` for the live ones; those whose end is not proved come back with them."""
    unproved = [grant for grant in grants if grant.state not in LIVE_STATES]
    return [*await begin(case, grants, reason), *unproved]


async def revoke_grant(case: Case, grant_id: GrantId) -> list[Grant]:
    """Ends one grant; one whose end is not proved yet is looked at again.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_GRANT, GRANT_OVER.
    """
    require(case.actor, Act.REVOKE)
    grant = await known_grant(case.tx, grant_id)
    if grant.state in LIVE_STATES:
        return await begin(case, [grant], EndReason.REVOKED)
    if not await holdings.may_let_in(case.tx, case.now, grant):
        await require_live(case, grant)
    return [grant]


async def give_up(case: Case, grant_id: GrantId) -> list[Grant]:
    """Somebody ends their own grant; being taken off the allowlist is no obstacle.

    Raises:
        Refused: UNKNOWN_GRANT, NOT_YOURS, GRANT_OVER.
    """
    grant = await persons_live_grant(case, grant_id)
    return await begin(case, [grant], EndReason.BY_OWNER)


async def expire_due(case: Case) -> list[Grant]:
    """Ends the grants whose time is over; every admin gets the receipt."""
    if not case.may_expire:
        return []
    ended = await begin(case.by(THE_BOT), await case.tx.grants.due(case.now), EndReason.ENDED)
    for grant in ended:
        for admin in case.rules.admins:
            await messages.receipt(case, messages.private_chat(admin), [grant.id])
    return ended


async def record_attempts(case: Case, attempts: Sequence[Attempt]) -> list[GrantId]:
    """Stores what was seen; gives the grants whose end is proved on every server now."""
    known = {
        (proof.grant_id, proof.server): proof
        for proof in await case.tx.proofs.of([attempt.grant_id for attempt in attempts])
    }
    closed: list[GrantId] = []
    again: dict[ServerName, list[Attempt]] = {}
    for attempt in attempts:
        before = known.get((attempt.grant_id, attempt.server))
        if before is None or not before.is_open:
            continue
        await case.tx.proofs.record(_proof(case, before, attempt))
        grant = await known_grant(case.tx, attempt.grant_id)
        if attempt.proved and await _close(case, grant):
            closed.append(attempt.grant_id)
            if grant.proved_at is not None:
                again.setdefault(attempt.server, []).append(attempt)
    for server, proved in again.items():
        # One row for all: whoever changes a server's list each minute must not fill the trail.
        sessions = sum(attempt.sessions_cut for attempt in proved)
        subject = f"server:{server}"
        await case.by(THE_BOT).record(
            "server.prove_again", subject, grants=len(proved), sessions=sessions
        )
    return closed


async def close_proved(case: Case) -> None:
    """Closes what has nothing left to prove, for example after a server was taken out."""
    for grant in await case.tx.grants.revoking():
        await _close(case, grant)


async def ask_adopted(case: Case, server: ServerName) -> None:
    """A server that was adopted just now has to prove what was ended before it was known.

    Only imported certificates can have been used there.
    """
    waiting = [grant for grant in await case.tx.grants.revoking() if grant.imported_at is not None]
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


async def own_grant(case: Case, grant_id: GrantId) -> Grant:
    """Raises Refused: UNKNOWN_GRANT, NOT_YOURS."""
    grant = await known_grant(case.tx, grant_id)
    if grant.user_id != case.actor.user_id:
        raise Refused(Refusal.NOT_YOURS)
    return grant


async def own_live_grant(case: Case, grant_id: GrantId) -> Grant:
    """Raises Refused: UNKNOWN_GRANT, NOT_YOURS, GRANT_OVER."""
    grant = await own_grant(case, grant_id)
    await require_live(case, grant)
    return grant


async def persons_live_grant(case: Case, grant_id: GrantId) -> Grant:
    """Like `own_live_grant`, by whichever account of the person it is.

    Raises:
        Refused: UNKNOWN_GRANT, NOT_YOURS, GRANT_OVER.
    """
    grant = await known_grant(case.tx, grant_id)
    accounts = (
        ()
        if case.actor.user_id is None
        else await holdings.accounts_of(case.tx, case.actor.user_id)
    )
    if grant.user_id not in accounts:
        raise Refused(Refusal.NOT_YOURS)
    await require_live(case, grant)
    return grant


async def known_person(tx: Transaction, user_id: UserId) -> Person:
    """Raises Refused: UNKNOWN_PERSON."""
    person = await tx.people.get(user_id)
    if person is None:
        raise Refused(Refusal.UNKNOWN_PERSON, who=str(user_id))
    return person


async def accounts_of(tx: Transaction, user_id: UserId) -> Sequence[Person]:
    """All accounts of a person who is known, that one first."""
    found = await holdings.accounts_of(tx, user_id)
    others = [account for account in found if account != user_id]
    return [await known_person(tx, account) for account in (user_id, *others)]


async def ask_receipt(case: Case, chat_id: ChatId, grants: Sequence[Grant]) -> None:
    ids = [grant.id for grant in grants]
    await messages.receipt(case, chat_id, ids, look=True)


def lets_in(server: Server) -> bool:
    """Before its first CRL a server of ours has let nobody in, and that CRL lists who is out."""
    return server.crl_published_at is not None or server.adopted is not None


async def _close(case: Case, grant: Grant) -> bool:
    proofs = await case.tx.proofs.of([grant.id])
    if any(proof.is_open for proof in proofs) or waits_for_server(grant, proofs):
        return False
    after = GrantState.EXPIRED if grant.end_reason is EndReason.ENDED else GrantState.REVOKED
    if not await case.tx.grants.prove(grant.id, after, case.now):
        return False
    await _note_close(case, grant, after, [p.server for p in proofs if p.dropped_at])
    # Receipts that said 'not proved' are followed up at once.
    await case.tx.outbox.hasten(OutboxKind.RECEIPT, case.now)
    return True


def waits_for_server(grant: Grant, proofs: Sequence[Proof]) -> bool:
    """Whether no server is known that could prove its end, although there must be one.

    An imported certificate opens a server that may not have been adopted yet.
    """
    return grant.imported_at is not None and all(p.grant_id != grant.id for p in proofs)


async def _note_close(
    case: Case, grant: Grant, after: GrantState, dropped: Sequence[ServerName]
) -> None:
    """What was dropped is not proved, and the trail never says that it is.

    What is proved once more is noted for all of a server at once (`record_attempts`).
    """
    if dropped:
        await case.by(THE_BOT).record("grant.drop", grant, state=after, servers=dropped)
    elif grant.proved_at is None:
        await case.by(THE_BOT).record("grant.prove", grant, state=after)


def _proof(case: Case, before: Proof, attempt: Attempt) -> Proof:
    return Proof(
        grant_id=attempt.grant_id,
        server=attempt.server,
        proved=attempt.proved,
        attempts=before.attempts + 1,
        next_try_at=_next_try(case, before, attempt),
        crl_number=attempt.crl_number,
        # A session that an earlier attempt cut stays cut. A server may claim any number.
        sessions_cut=min(attempt.sessions_cut + (before.sessions_cut or 0), _MOST_SESSIONS),
        checked_at=case.now,
        crl_seen_at=attempt.crl_seen_at,
        findings=attempt.findings,
    )


def _next_try(case: Case, before: Proof, attempt: Attempt) -> datetime:
    """Where only the time is missing, no earlier look can prove anything."""
    if attempt.second_look_at is not None:
        return max(case.now, attempt.second_look_at)
    return case.now + retry_after(before.attempts)


def retry_after(attempts: int) -> timedelta:
    """How long to wait after this many failed attempts: doubling, up to five minutes."""
    return timedelta(seconds=min(_FIRST_RETRY_S * 2 ** min(attempts, 10), _LONGEST_RETRY_S))


async def _tell_owners(case: Case, ended: Sequence[Grant], reason: EndReason) -> None:
    if reason in _OWNER_KNOWS:
        return
    for grant in ended:
        # Who revokes their own access by /revoke gets the receipt already.
        if grant.user_id is not None and grant.user_id != case.actor.user_id:
            await _tell_owner(case, grant.user_id, grant, reason)


async def _tell_owner(case: Case, owner: UserId, grant: Grant, reason: EndReason) -> None:
    if grant.imported_at is None:
        code, what = Notice.ACCESS_ENDED, {"server": str(grant.home)}
    else:
        code, what = Notice.EARLIER_ACCESS_ENDED, {"common_name": grant.common_name}
    await messages.notice(case, owner, code, reason=reason, **what)
