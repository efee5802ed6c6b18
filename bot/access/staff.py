"""Compares the allowlist with a list of the staff: who is new, called otherwise, or gone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bot.access import leaving
from bot.access.case import Case
from bot.access.permission import Act, require
from storage.joining_records import LeavingCause
from storage.records import UserId

# So many cards an admin gets at once; the next time come the others.
_PROPOSED = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change.

    Attributes:
        new: who is not on the allowlist yet.
        renamed: who is on it, by another name than in the list; the name so far is with it.
        gone: accounts on it that it does not have, nor another one of the same person.
        listed: how many accounts are on the allowlist now.
    """

    new: Mapping[UserId, str]
    renamed: Mapping[UserId, tuple[str, str]]
    gone: Mapping[UserId, str]
    listed: int


async def compare(case: Case, people: Mapping[UserId, str], *, is_whole: bool) -> Plan:
    """What the list of the staff would change.

    Args:
        is_whole: it names all who may be on the list, so that others are gone.

    Raises:
        Refused: ADMINS_ONLY.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    known = await case.tx.people.some(people)
    listed = {one.id: one for one in known.values() if one.allowed}
    new = {one: name for one, name in people.items() if one not in listed}
    renamed = {
        one.id: (one.name, people[one.id]) for one in listed.values() if one.name != people[one.id]
    }
    gone: dict[UserId, str] = {}
    if is_whole:
        async for part in case.tx.listings.people(allowed=True, accounts=None, limit=None):
            gone |= {UserId(row.id): row.name for row in part if row.id not in people}
        for account in list(gone):
            accounts = await case.tx.people.accounts_of(account)
            if any(one in people for one in accounts):
                del gone[account]
    return Plan(new, renamed, gone, await case.tx.people.count_listed())


async def propose(case: Case, gone: Collection[UserId], people: Collection[UserId]) -> int:
    """Asks the admins about those who are gone, once for each; gives how many were news.

    Args:
        people: who is in the list, so that nobody is asked about them any more.

    Raises:
        Refused: ADMINS_ONLY.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    for one in await case.tx.leavings.standing(LeavingCause.NOT_LISTED):
        if one.user_id in people:
            await leaving.back(case, one.user_id, LeavingCause.NOT_LISTED)
    asked = 0
    for user_id in gone:
        asked += await leaving.notice(case, user_id, LeavingCause.NOT_LISTED)
        if asked == _PROPOSED:
            break
    return asked
