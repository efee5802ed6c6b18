"""The use cases around a pause: somebody is kept out for a while, and finds again what they had.

A pause is proved like a revocation, server by server. Nothing ends by it, so a grant whose time is
over meanwhile ends as it would have without.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.access import holdings, messages, revocation
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.permission import THE_BOT, Act, require, telegram_id
from bot.access.refusals import Refusal, Refused
from storage.pauses import PersonPause
from storage.records import Grant, GrantState, OutboxKind, Person, UserId


@dataclass(frozen=True, slots=True)
class Paused:
    """Who is paused, by all of their accounts, and what that takes.

    Attributes:
        grants: what is kept; of somebody who has nothing to keep, what may still let them in.
    """

    accounts: Sequence[Person]
    grants: Sequence[Grant]


@dataclass(frozen=True, slots=True)
class Resumed:
    """Who is back, by all of their accounts, and what of theirs lets them in again."""

    accounts: Sequence[Person]
    grants: Sequence[Grant]


async def pause(case: Case, user_id: UserId, until: datetime | None) -> Paused:
    """Keeps somebody out, by whichever of their accounts, until then or until they are resumed.

    Said again, it changes until when; what is not proved yet comes back with the rest.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_PERSON, NOT_ALLOWED_YET, PAUSE_OVER, OWN_PAUSE.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    if until is not None and until <= case.now:
        raise Refused(Refusal.PAUSE_OVER, until=until)
    accounts = await revocation.known_accounts(case.tx, user_id)
    grants = await _live(case, accounts)
    if not grants and not any(account.allowed for account in accounts):
        raise Refused(Refusal.NOT_ALLOWED_YET, name=accounts[0].name)
    before = await case.tx.pauses.some(account.id for account in accounts)
    _refuse_own(case, accounts, before.values())
    for account in accounts:
        was = before.get(account.id)
        since = case.now if was is None else was.since
        if was is not None and was.until == until:
            continue
        await case.tx.pauses.put(
            PersonPause(account.id, since, until, case.actor.key, case.actor.name)
        )
        await case.record(
            "user.pause",
            f"user:{account.id}",
            user_name=account.name,
            until=None if until is None else until.isoformat(timespec="seconds"),
        )
        await _tell(case, account, Notice.PAUSED if until is None else Notice.PAUSED_UNTIL, until)
    await settle(case, grants)
    if not grants:
        found = await holdings.of_accounts(case.tx, case.now, [one.id for one in accounts])
        grants = [one.grant for one in found if not one.grant.for_server]
    return Paused(accounts, await case.tx.grants.some([grant.id for grant in grants]))


async def resume(case: Case, user_id: UserId) -> Resumed:
    """Lets somebody in again by all that has not ended meanwhile; the servers follow at once.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_PERSON, NOT_PAUSED, OWN_PAUSE.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    accounts = await revocation.known_accounts(case.tx, user_id)
    before = await case.tx.pauses.some(account.id for account in accounts)
    if not before:
        raise Refused(Refusal.NOT_PAUSED, name=accounts[0].name)
    _refuse_own(case, accounts, before.values())
    for account in accounts:
        if account.id in before:
            await case.tx.pauses.end(account.id)
            await case.record("user.resume", f"user:{account.id}", user_name=account.name)
            await _tell(case, account, Notice.RESUMED, None)
    grants = [one for one in await _live(case, accounts) if one.not_after > case.now]
    await settle(case, grants)
    return Resumed(accounts, await case.tx.grants.some([grant.id for grant in grants]))


def _refuse_own(case: Case, accounts: Iterable[Person], pauses: Iterable[PersonPause]) -> None:
    """Nobody lets themselves in whom somebody else keeps out: that would be a yes to themselves.

    Raises:
        Refused: OWN_PAUSE.
    """
    ids = {account.id for account in accounts}
    if case.actor.is_operator or case.actor.user_id not in ids:
        return
    for pause in pauses:
        if telegram_id(pause.by) not in ids:
            raise Refused(Refusal.OWN_PAUSE, admin=pause.by_name, id=pause.user_id)


async def resume_due(case: Case) -> None:
    """Resumes those whose time has come; the admins who are there read of it."""
    for over in await case.tx.pauses.over(case.now):
        # By its first account the whole person is back.
        if await case.tx.pauses.of(over.user_id) is None:
            continue
        done = await resume(case.by(THE_BOT), over.user_id)
        name = done.accounts[0].name
        await messages.tell_admins(case, Notice.RESUMED_ADMINS, name=name, count=len(done.grants))


async def keep_all(case: Case) -> None:
    """From now on nobody who is paused is resumed by themselves; they and the admins read of it.

    The day that a backup knows may have been put off after it.
    """
    told: set[UserId] = set()
    for pause in await case.tx.pauses.all():
        if pause.until is None:
            continue
        account = await revocation.known_person(case.tx, pause.user_id)
        await case.tx.pauses.put(replace(pause, until=None))
        await case.record("user.pause", f"user:{account.id}", user_name=account.name, until=None)
        await _tell(case.by(THE_BOT), account, Notice.PAUSED, None)
        person = await case.tx.people.person_of(account.id)
        if person not in told:
            told.add(person)
            name, until = account.name, pause.until.isoformat()
            await messages.tell_admins(case, Notice.PAUSE_KEPT, name=name, until=until)


async def settle(case: Case, grants: Iterable[Grant]) -> None:
    """Brings live grants into line with whether their owners are paused at this moment.

    What lets in again waits on each of its servers, as a profile does that went out while one was
    down, and every server needs a CRL without it.
    """
    given = list(grants)
    owners = [grant.user_id for grant in given if grant.user_id is not None]
    paused = await case.tx.pauses.some(owners)
    servers = [one.name for one in await case.tx.servers.all() if revocation.lets_in(one)]
    is_back = False
    for grant in given:
        if grant.user_id in paused and await case.tx.pauses.hold(grant.id, case.now):
            await case.tx.proofs.open(grant.id, servers, case.after(revocation.FIRST_LOOK_S))
            await case.record("grant.pause", grant)
            if not servers:
                await revocation.close(case, grant.id)
        elif grant.user_id not in paused and await case.tx.pauses.release(grant.id):
            is_back = True
            await case.tx.proofs.forget([grant.id])
            if grant.state is not GrantState.RESERVED:
                await case.tx.grants.wait_on(grant.id, grant.servers, case.now)
            await case.record("grant.resume", grant)
        else:
            continue
        await messages.follow(case, grant)
    if is_back:
        await case.tx.pauses.want_crls(await case.tx.crl.last_number())
        await case.tx.outbox.hasten(OutboxKind.DELIVER, case.now)


async def _live(case: Case, accounts: Iterable[Person]) -> list[Grant]:
    return [
        grant
        for account in accounts
        for grant in await case.tx.grants.live_of_user(account.id)
        if not grant.for_server
    ]


async def _tell(case: Case, account: Person, code: Notice, until: datetime | None) -> None:
    values = {"admin": case.actor.name, "by": case.actor.key}
    if until is not None:
        values["until"] = until.isoformat()
    if account.id != case.actor.user_id:
        await messages.notice(case, account.id, code, **values)
    await messages.menu(case, account.id)
    await messages.edit_open_cards(case, account.id)
