"""What counts for a decision on a request at this moment: read once for each act, then asked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.access import destinations, durations, roles
from bot.access.case import Case, Rules
from bot.access.lineage import extended_by
from bot.access.terms import Terms, terms
from storage.group_records import Group, GroupName
from storage.records import Grant, Person, Request, ServerName, UserId


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many of whom a group wants to agree; `people` by the accounts they are known by."""

    group: GroupName
    people: frozenset[UserId]
    needed: int


@dataclass(frozen=True, slots=True)
class Vote:
    """Who has to agree to a request: so many admins in all, and of each quorum so many."""

    in_all: int
    quorums: tuple[Quorum, ...] = ()

    def missing(self, agreed: Collection[UserId]) -> int:
        """How many more have to agree at least."""
        said = set(agreed)
        left = max(self.in_all - len(said), 0)
        more = 0
        # One person may count for several groups: whoever counts for most of them is first.
        while short := [one for one in self.quorums if len(said & one.people) < one.needed]:
            pool = sorted({person for one in short for person in one.people} - said)
            if not pool:
                return max(left, more + max(one.needed - len(said & one.people) for one in short))
            said.add(max(pool, key=lambda person: sum(person in one.people for one in short)))
            more += 1
        return max(left, more)

    def counts(self, person: UserId, agreed: Collection[UserId]) -> bool:
        """Whether a yes of this person brings the decision nearer, beside those who agreed."""
        return self.missing({*agreed, person}) < self.missing(agreed) or not self.missing(agreed)


@dataclass(frozen=True, slots=True)
class Hearing:
    """A request, with what its person's groups and the settings say of it.

    Attributes:
        opened: the servers that a profile for it would open.
        groups: all of the requester's, by name.
        theirs: what those say that count there; nothing before a server is chosen.
        admins, approvers: whose word may count, whether it is enough or not; the requester may be
            among them.
        accounts: those of all who have to do with it; None where the bot does not know one.
        extended: the profile for which more time is asked.
    """

    request: Request
    rules: Rules
    opened: Sequence[ServerName]
    groups: Sequence[Group]
    theirs: Terms
    admins: tuple[UserId, ...]
    approvers: tuple[UserId, ...]
    accounts: Mapping[UserId, Person | None]
    extended: Grant | None

    @property
    def deciders(self) -> tuple[UserId, ...]:
        """Admins, then approvers."""
        return (*self.admins, *self.approvers)

    @property
    def requester(self) -> UserId:
        """The account by which whoever asks is known."""
        return self.person_of(self.request.user_id)

    @property
    def limit(self) -> int:
        """The longest of what was asked for that may be approved now, in seconds."""
        return self.theirs.limit(min(self.request.duration, self.rules.max_duration))

    @property
    def longest(self) -> int:
        """The longest duration that may be given there at all, whatever was asked for."""
        return self.theirs.limit(self.rules.max_duration)

    @property
    def longer(self) -> Sequence[int]:
        """What may be approved beyond what was asked for, from the shortest on."""
        return self.that_help(durations.longer(self.request.duration, self.longest))

    def offers(self, longest: int) -> Sequence[int]:
        """What may be approved where `longest` seconds may be given; of more time maybe none."""
        return self.that_help(durations.choices(longest))

    def that_help(self, seconds: Sequence[int]) -> Sequence[int]:
        """Of these durations, for more time, only those that end after the profile there is."""
        if self.extended is None:
            return seconds
        left = self.extended.not_after - self.request.asked_at
        return [one for one in seconds if timedelta(seconds=one) > left]

    def vote(self, duration: int) -> Vote:
        """Who has to agree to this duration, in seconds, by the settings and the groups."""
        quorums = (
            Quorum(
                group.name, frozenset(map(self.person_of, group.approvers)), group.approvals or 1
            )
            for group in self.theirs.groups
            if group.approvers
        )
        return Vote(self.theirs.approvals(self.rules.approvals_for(duration)), tuple(quorums))

    def person_of(self, account: UserId) -> UserId:
        """The account by which somebody is known who has to do with it."""
        person = self.accounts[account]
        return account if person is None or person.same_as is None else person.same_as

    def name_of(self, account: UserId) -> str:
        """Likewise the name; the number where the bot does not know them."""
        person = self.accounts[account]
        return str(account) if person is None else person.name


async def hear(case: Case, request: Request) -> Hearing:
    """Reads all of it; of whoever acts, too, in the chat."""
    opened = await destinations.opened_by(case.tx, request)
    groups = await case.tx.groups.of_person(request.user_id)
    theirs = Terms() if request.server is None else terms(groups, opened or [request.server])
    admins, approvers = await roles.deciders(
        case.tx, case.rules, [group.name for group in theirs.groups]
    )
    named = [one for group in theirs.groups for one in group.approvers]
    accounts = {request.user_id, *admins, *approvers, *named}
    if case.actor.user_id is not None:
        accounts.add(case.actor.user_id)
    known = await case.tx.people.some(accounts)
    return Hearing(
        request=request,
        rules=case.rules,
        opened=opened,
        groups=groups,
        theirs=theirs,
        admins=admins,
        approvers=approvers,
        accounts={one: known.get(one) for one in accounts},
        extended=await extended_by(case.tx, request),
    )
