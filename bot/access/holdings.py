"""What access a person has, or may still have: whatever is said of them looks here first.

A person may have several accounts, profiles on several servers, certificates from before the
takeover, and ends that are not proved. Whoever is told that somebody is out is told of all that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.access.matching import says_the_same
from storage.name_keys import person_words
from storage.records import LIVE_STATES, UNPROVED_STATES, Grant, Proof, ServerName, UserId
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Holding:
    """A grant that opens something, or may do so.

    Attributes:
        unproved_on: the servers that have not proved its end, with those that were taken out
            before they had; none while it is live, and none where no server is known that could.
    """

    grant: Grant
    unproved_on: tuple[ServerName, ...] = ()

    @property
    def is_live(self) -> bool:
        return self.grant.state in LIVE_STATES


async def of_accounts(
    tx: Transaction, now: datetime, accounts: Sequence[UserId]
) -> Sequence[Holding]:
    """What these accounts have: first what is live, then what has ended without a proof."""
    return await _letting_in(tx, now, await tx.grants.of_users(accounts, now))


async def of_person(tx: Transaction, now: datetime, user_id: UserId) -> Sequence[Holding]:
    """What a person has by any of their accounts."""
    return await of_accounts(tx, now, await tx.people.accounts_of(user_id))


async def beside(tx: Transaction, now: datetime, grants: Sequence[Grant]) -> Sequence[Holding]:
    """What else the holders of these grants have.

    Of an imported certificate that is nobody's its name is all that is known: then others of that
    name count, and for its holder those of the name that are nobody's.
    """
    people = {await tx.people.person_of(grant.user_id) for grant in grants if grant.user_id}
    accounts = [one for person in sorted(people) for one in await tx.people.accounts_of(person)]
    others = {one.grant.id: one for one in await of_accounts(tx, now, accounts)}
    is_nobodys = any(grant.user_id is None for grant in grants)
    named = {grant.common_name for grant in grants if grant.imported_at is not None}
    same = await tx.grants.imported_as(sorted(named))
    counting = [grant for grant in same if is_nobodys or grant.user_id is None]
    for one in await _letting_in(tx, now, counting):
        others.setdefault(one.grant.id, one)
    for grant in grants:
        others.pop(grant.id, None)
    return sorted(others.values(), key=_live_first)


async def unproved_for_good(tx: Transaction, now: datetime) -> Sequence[Holding]:
    """Ended grants that may still open a server which was taken out before it had proved that."""
    dropped = [proof.grant_id for proof in await tx.proofs.dropped()]
    ended = [one for one in await tx.grants.some(dropped) if one.state not in UNPROVED_STATES]
    return await _letting_in(tx, now, ended)


async def may_let_in(tx: Transaction, now: datetime, grant: Grant) -> bool:
    """Whether a grant is live, or may still open something although it has ended."""
    return grant.state in UNPROVED_STATES or bool(await _letting_in(tx, now, [grant]))


async def maybe_theirs(tx: Transaction, accounts: Iterable[UserId]) -> Sequence[Grant]:
    """Live certificates that are nobody's, and whose name says the same as one of these accounts'.

    Whoever hears that somebody is out has to hear of them: they may be theirs.
    """
    known = [await tx.people.get(account) for account in accounts]
    people = [person for person in known if person is not None]
    parts = {word for one in people for word in person_words(one.name, one.username)}
    return [
        grant
        for grant in await tx.grants.unlinked_like(sorted(parts))
        if any(says_the_same(grant.common_name, person) for person in people)
    ]


async def _letting_in(tx: Transaction, now: datetime, grants: Sequence[Grant]) -> Sequence[Holding]:
    """Those of these grants that open something, or may do so.

    One whose server was taken out before it had proved anything counts as long as its certificate
    lasts: that server may still run.
    """
    may_be = [
        grant
        for grant in grants
        if not grant.for_server and (grant.state in UNPROVED_STATES or grant.not_after > now)
    ]
    unproved: dict[str, list[Proof]] = {}
    over = [grant.id for grant in may_be if grant.state not in LIVE_STATES]
    for proof in await tx.proofs.of(over) if over else ():
        if not proof.proved:
            unproved.setdefault(proof.grant_id, []).append(proof)
    held = [
        Holding(grant, tuple(proof.server for proof in unproved.get(grant.id, ())))
        for grant in may_be
        if grant.state in UNPROVED_STATES or grant.id in unproved
    ]
    return sorted(held, key=_live_first)


def _live_first(one: Holding) -> tuple[bool, datetime, str]:
    return not one.is_live, one.grant.not_after, one.grant.id
