"""Compares the allowlist with a list of the staff: who is new, called otherwise, or gone."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.access.case import Case
from bot.access.permission import Act, require
from storage.records import UserId


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
