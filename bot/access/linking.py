"""Whose an imported certificate is: proposed by its name, said by an admin."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.access import matching, pausing, revocation, soon_over
from bot.access.case import Case
from bot.access.matching import propose
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from storage.records import UNPROVED_STATES, Grant, GrantId, Person, UserId


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A name that nobody is linked to, and its live certificates by their end."""

    common_name: str
    grants: tuple[Grant, ...]


async def unlinked(case: Case) -> Sequence[Unlinked]:
    """The names of live imported certificates that belong to nobody yet, in their order.

    Raises:
        Refused: ADMINS_ONLY.
    """
    require(case.actor, Act.LOOK)
    by_name: dict[str, list[Grant]] = {}
    for grant in await case.tx.grants.unlinked():
        by_name.setdefault(grant.common_name, []).append(grant)
    return [
        _by_their_end(name, grants)
        for name, grants in sorted(by_name.items(), key=lambda item: item[0].casefold())
    ]


async def unlinked_of(case: Case, grant_id: GrantId) -> Unlinked:
    """One of `unlinked`: the name that this grant has.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_GRANT, NOTHING_TO_LINK.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    name = (await revocation.known_grant(case.tx, grant_id)).common_name
    grants = await case.tx.grants.unlinked_as(name)
    if not grants:
        raise Refused(Refusal.NOTHING_TO_LINK, name=name)
    return _by_their_end(name, grants)


async def proposed(case: Case, name: str) -> tuple[Person, ...]:
    """Who on the allowlist may be meant by a name."""
    return await propose(case.tx, name)


def _by_their_end(name: str, grants: Iterable[Grant]) -> Unlinked:
    return Unlinked(name, tuple(sorted(grants, key=lambda grant: (grant.not_after, grant.serial))))


async def link(case: Case, name: str, user_id: UserId) -> Sequence[Grant]:
    """Gives all live certificates of a name to a person; those that are over stay nobody's.

    Said again with another person, they are that person's: everybody makes mistakes.

    Args:
        name: a common name, a grant's id or a serial.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_PERSON, NOT_ALLOWED_YET, NOTHING_TO_LINK, FOR_SERVERS.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    # A name may look like a number, or like a grant's id.
    named = await case.tx.grants.imported_as([name.strip()])
    if not named:
        found = await matching.certificates(case.tx, name)
        named = [grant for grant in found if grant.imported_at is not None]
    return await _link(case, named, user_id, name)


async def link_name_of(case: Case, grant_id: GrantId, user_id: UserId) -> Sequence[Grant]:
    """Like `link`, for all certificates with this grant's name that belong to nobody.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_PERSON, NOT_ALLOWED_YET, NOTHING_TO_LINK, UNKNOWN_GRANT.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    named = await revocation.known_grant(case.tx, grant_id)
    same = await case.tx.grants.unlinked_as(named.common_name)
    return await _link(case, same, user_id, named.common_name)


async def _link(case: Case, grants: Sequence[Grant], user_id: UserId, name: str) -> Sequence[Grant]:
    person = await revocation.known_person(case.tx, user_id)
    if not person.allowed:
        # Whoever is taken off the allowlist loses all; nothing may be given to them after that.
        raise Refused(Refusal.NOT_ALLOWED_YET, name=person.name)
    open_ones = [g for g in grants if g.state in UNPROVED_STATES and g.user_id != user_id]
    theirs = [grant for grant in open_ones if not grant.for_server]
    if open_ones and not theirs:
        # It would be revoked with its owner.
        raise Refused(Refusal.FOR_SERVERS, name=name)
    if not theirs:
        raise Refused(Refusal.NOTHING_TO_LINK, name=name)
    for grant in theirs:
        await case.tx.grants.link(grant.id, user_id)
        await soon_over.plan_late(case, grant)
        await case.record("grant.link", grant, linked_to=user_id, user_name=person.name)
    await pausing.settle(case, await case.tx.grants.some([grant.id for grant in theirs]))
    return theirs
