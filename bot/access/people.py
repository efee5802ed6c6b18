"""The use cases around the allowlist, and who somebody is at this moment."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.access import (
    appointing,
    farewells,
    groups,
    holdings,
    invitations,
    leaving,
    matching,
    messages,
    not_me,
    requests,
    revocation,
    roles,
    spoken,
)
from bot.access.case import Case
from bot.access.matching import LARGEST_ID, as_user_id
from bot.access.messages import Notice
from bot.access.names import NAME_LENGTH, clean
from bot.access.permission import Act, require, telegram_key
from bot.access.refusals import Refusal, Refused
from storage.joining_records import FarewellId, LeavingCause
from storage.name_keys import name_key, username_key
from storage.records import LIVE_STATES, EndReason, Grant, Person, UserId

_CANDIDATES = 20
_ID = re.compile(r"[0-9]{1,16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Allowed:
    person: Person
    is_new: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is to be put on the allowlist, and by which name."""

    user_id: UserId
    name: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """Those who may be meant: anybody can call themselves what they like, so they are shown."""

    people: Sequence[Person]


@dataclass(frozen=True, slots=True)
class Removed:
    """Who was taken off, by all of their accounts, and what of theirs has ended.

    Attributes:
        grants: also those that had ended before, as long as that is not proved.
        maybe: certificates that are nobody's, and that may be this person's.
        farewell: by which it can be taken back.
    """

    accounts: Sequence[Person]
    grants: Sequence[Grant]
    maybe: Sequence[Grant]
    farewell: FarewellId


def parse_user_id(text: str) -> UserId:
    """Raises Refused: BAD_ID."""
    if not _ID.fullmatch(text) or not 0 < int(text) < LARGEST_ID:
        raise Refused(Refusal.BAD_ID, id=text)
    return UserId(int(text))


async def to_be_allowed(case: Case, text: str) -> Wanted | Candidates:
    """Reads `ID NAME`, `@username [NAME]`, or a name that somebody has who wrote lately.

    Without a name it is what they call themselves. A username that was seen lately is enough;
    a name never is.

    Raises:
        Refused: ADMINS_ONLY, BAD_ID, BAD_NAME, LIST_HAS_NO_END, NOBODY_WROTE.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    first, name = _id_and_name(text)
    user_id = as_user_id(first)
    if spoken.without_trailing(name.split()) is not None:
        raise Refused(Refusal.LIST_HAS_NO_END, who=first)
    if user_id is not None:
        if not name.strip():
            known = await case.tx.people.get(user_id) or await case.tx.people.newcomer(user_id)
            name = "" if known is None else known.name
        return Wanted(user_id, name)
    if not first.startswith("@"):
        found = await _wrote_or_known(case, name_key(text))
        if not found:
            raise Refused(Refusal.BAD_ID, id=first)
        return Candidates(found)
    key = username_key(first) or ""
    found = [p for p in await _wrote_or_known(case, key) if username_key(p.username) == key]
    if not found:
        raise Refused(Refusal.NOBODY_WROTE, who=first)
    if len(found) == 1 and not matching.is_stale(found[0], case.now):
        return Wanted(found[0].id, name.strip() or found[0].name)
    return Candidates(found)


def _id_and_name(text: str) -> tuple[str, str]:
    """In either order; whatever else than an id or a username comes first is all of the name."""
    words = text.split()
    for at in (0, len(words) - 1):
        word = words[at] if words else ""
        if as_user_id(word) is not None or word.startswith(("@", "\uff20")):
            rest = " ".join(words[:at] + words[at + 1 :])
            return word.strip(",;:").replace("\uff20", "@"), rest.strip(" ,;:")
    # At any white space: whoever pastes a list has a line's end in between.
    return (words or [""])[0], " ".join(words[1:])


async def candidate(case: Case, user_id: UserId) -> Person:
    """Raises Refused, NOBODY_WROTE, where nobody knows any more who that was."""
    found = await case.tx.people.get(user_id) or await case.tx.people.newcomer(user_id)
    if found is None:
        raise Refused(Refusal.NOBODY_WROTE, who=str(user_id))
    return found


async def _wrote_or_known(case: Case, key: str) -> Sequence[Person]:
    """Newcomers first: whoever is known already has namesakes that nobody is looking for."""
    newcomers = await case.tx.people.newcomers_named(key, limit=_CANDIDATES)
    return [*newcomers, *await case.tx.people.named(key)]


async def allow(case: Case, user_id: UserId, name: str, *, greets_unseen: bool = True) -> Allowed:
    """Puts somebody on the allowlist, or changes their name.

    Args:
        greets_unseen: whether somebody who was never seen in the chat is written to all the same;
            Telegram takes it for those only who have pressed Start.

    Raises:
        Refused: ADMINS_ONLY, BAD_NAME.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    shown = clean(name, NAME_LENGTH)
    if not shown:
        raise Refused(Refusal.BAD_NAME)
    before = await case.tx.people.get(user_id)
    has_written = await case.tx.people.newcomer(user_id) is not None
    await case.tx.people.allow(user_id, shown, case.now)
    if before is None and has_written:
        await case.tx.people.set_reachable(user_id, reachable=True)
    await case.tx.invitations.forget_removal(user_id)
    by, said_by = case.actor.key, case.actor.name
    if await case.tx.knocks.answer(user_id, allowed=True, by=by, name=said_by, now=case.now):
        await messages.edit_knocks(case, user_id)
    is_new = before is None or not before.allowed
    await case.record("user.allow", f"user:{user_id}", user_name=shown)
    if is_new and (before is not None or has_written or greets_unseen):
        if user_id != case.actor.user_id:
            await messages.notice(case, user_id, Notice.ACCESS_GIVEN)
        await messages.menu(case, user_id)
    return Allowed(await revocation.known_person(case.tx, user_id), is_new)


async def link(case: Case, user_id: UserId, same_as: UserId) -> None:
    """Says that an account on the allowlist is another one of a person who is known.

    Then neither can decide on the other's requests, and both together have one say.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_PERSON, SAME_PERSON, LINKED_WHILE_PAUSED.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    person = await revocation.known_person(case.tx, user_id)
    if same_as in await roles.admins(case.tx, case.rules):
        # An admin need not have said anything yet to be known.
        await case.tx.people.know(same_as, str(same_as), case.now)
    other = await revocation.known_person(case.tx, same_as)
    # One step only: nobody is the same as somebody who is the same as a third.
    is_known_by_it = person.same_as is None and len(await case.tx.people.accounts_of(user_id)) > 1
    if other.same_as or other.id == user_id or is_known_by_it:
        raise Refused(Refusal.SAME_PERSON)
    await _refuse_paused(case, user_id, other.id)
    before = await groups.belongings(case)
    await case.tx.people.link(user_id, other.id)
    await groups.settle(case, before)
    await case.record("user.link", f"user:{user_id}", same_as=other.id)


async def unlink(case: Case, user_id: UserId) -> None:
    """Takes a link back: from now on the account is a person of its own.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_PERSON, NOT_LINKED, LINKED_WHILE_PAUSED.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    person = await revocation.known_person(case.tx, user_id)
    if person.same_as is None:
        raise Refused(Refusal.NOT_LINKED, name=person.name)
    await _refuse_paused(case, user_id)
    before = await groups.belongings(case)
    await case.tx.people.link(user_id, None)
    await groups.settle(case, before)
    await case.record("user.unlink", f"user:{user_id}", same_as=person.same_as)


async def _refuse_paused(case: Case, *accounts: UserId) -> None:
    """Who is paused is so by all of their accounts, so none may come or go meanwhile.

    Raises:
        Refused: LINKED_WHILE_PAUSED.
    """
    for account in await case.tx.pauses.some(accounts):
        name = await case.tx.people.name_of(account)
        raise Refused(Refusal.LINKED_WHILE_PAUSED, name=name)


async def unreachable(case: Case, user_id: UserId, *, is_deleted: bool = False) -> None:
    """Notes that Telegram does not let the bot write to somebody, even to an unknown admin.

    Args:
        is_deleted: their account is, so that they may have left.
    """
    if user_id in case.rules.admins:
        await case.tx.people.know(user_id, str(user_id), case.now)
    await case.tx.people.set_reachable(user_id, reachable=False)
    if is_deleted:
        await leaving.notice(case, user_id, LeavingCause.DELETED)


async def reached(case: Case, user_id: UserId) -> bool:
    """Notes that somebody lets the bot write to them; whether they did not before.

    What they missed is brought up to date. Strangers are not stored.
    """
    person = await case.tx.people.get(user_id)
    if person is None and user_id in case.rules.admins:
        await case.tx.people.know(user_id, str(user_id), case.now)
        person = await case.tx.people.get(user_id)
    if person is None or person.reachable is True:
        return False
    await case.tx.people.set_reachable(user_id, reachable=True)
    await leaving.back(case, user_id, LeavingCause.DELETED)
    await messages.menu(case, user_id)
    if person.reachable is None:
        return False
    await messages.catch_up(case, user_id)
    await not_me.ask_missed(case, user_id)
    return True


async def remove(case: Case, user_id: UserId) -> Removed:
    """Takes somebody off the allowlist, by all of their accounts, and ends all that they have.

    Their roles end, too, but for what the settings say.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_PERSON, ADMIN_OF_SETTINGS.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    if user_id in case.rules.admins and await case.tx.people.get(user_id) is None:
        raise Refused(Refusal.ADMIN_OF_SETTINGS, name=str(user_id), id=user_id)
    accounts = await revocation.known_accounts(case.tx, user_id)
    listed = [account for account in accounts if account.allowed]
    ids = [account.id for account in accounts]
    grants = [one.grant for one in await holdings.of_accounts(case.tx, case.now, ids)]
    left = await farewells.before(case, accounts)
    ended_roles = [await appointing.take_away(case, account) for account in accounts]
    if not listed and not grants and not any(ended_roles):
        if user_id in case.rules.admins:
            raise Refused(Refusal.ADMIN_OF_SETTINGS, name=accounts[0].name, id=user_id)
        raise Refused(Refusal.UNKNOWN_PERSON, who=accounts[0].name)
    for account in listed or accounts[:1]:
        await case.tx.people.disallow(account.id)
        await case.record("user.remove", f"user:{account.id}", user_name=account.name)
        await messages.menu(case, account.id)
        who = {"admin": case.actor.name, "by": case.actor.key}
        if account.id != case.actor.user_id:
            await messages.notice(case, account.id, Notice.REMOVED, **who)
    for account in accounts:
        # Also that of one that was off the list: nobody who is out hears that they are back.
        await case.tx.pauses.end(account.id)
        # Nor does an invitation from before let them in by it.
        await case.tx.invitations.note_removal(account.id, case.now)
        await leaving.removed(case, account.id)
        for request in await case.tx.requests.open_of(account.id):
            await requests.withdraw(case, request, tell=False)
        await invitations.withdraw_all(case, made_by=telegram_key(account.id))
        # Whoever comes back some day begins anew.
        for group in await case.tx.groups.of_accounts([account.id]):
            await case.tx.groups.leave(group.name, account.id)
    ended = await revocation.begin_or_go_on(case, grants, EndReason.REMOVED, tells_owner=False)
    await revocation.tell_others(case, [one for one in ended if one.state in LIVE_STATES])
    maybe = await holdings.maybe_theirs(case.tx, ids)
    farewell = await farewells.note(case, (listed or accounts)[0], left, len(ended))
    return Removed(listed or accounts[:1], ended, maybe, farewell)
