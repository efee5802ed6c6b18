"""One step to be judged: what somebody did, and how things were before and after it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tests.gate.snapshot import LIVE, Grant, Request, Snapshot

SECOND = 1_000_000
SERVERS = ("berlin", "paris")
# A /28 less the network, the server and the broadcast.
ADDRESSES = 13
REST = 3600 * SECOND
# How often one person may ask, and have a new profile, within an hour.
REQUESTS, RENEWALS = 10, 5
_HOUR = 3600 * SECOND
# How long before a request what was decided against its requester is still on its card.
_LATELY = 7 * 86_400 * SECOND
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([1-9][0-9]{0,8})([mhdw])")


class What(StrEnum):
    TYPED = "typed"
    TAPPED = "tapped"
    FORWARDED = "forwarded"
    IN_GROUP = "in_group"
    VOID = "void"
    STOPPED = "stopped"  # somebody blocked the bot, or let it write again
    TIME = "time"
    DELIVERY = "delivery"
    PROOF = "proof"
    LOOK = "look"  # a look finds who is connected
    LINK = "link"
    SETTINGS = "settings"
    MOVED = "moved"  # somebody left the admins' group, or came into it
    USE = "use"  # a profile was seen connected


# What nobody in the town does.
BY_ITSELF = frozenset(
    {
        *(What.TIME, What.DELIVERY, What.PROOF, What.SETTINGS, What.LINK, What.USE, What.LOOK),
        What.MOVED,
    }
)


@dataclass(frozen=True, slots=True)
class Laws:
    """The settings, and what they mean. Durations in seconds."""

    admins: tuple[int, ...]
    approvals: int = 1
    long_duration: int | None = None
    long_approvals: int = 2
    default_duration: int = 604_800
    max_duration: int = 30 * 86_400
    ttl: int = 86_400

    @property
    def several(self) -> bool:
        """Whether there is anything that takes more than one."""
        return self.needed(self.max_duration) > 1

    def needed(self, duration: int) -> int:
        if self.long_duration is None or duration < self.long_duration:
            return self.approvals
        return max(self.approvals, self.long_approvals)


@dataclass(frozen=True, slots=True)
class Deed:
    """`at` in microseconds; `text` is what was typed, or the data of a tap."""

    what: What
    at: int
    person: int = 0
    text: str = ""
    # A group, where the deed is a message in it.
    group: int = 0
    # Telegram sent this update before, and it was handled.
    again: bool = False
    # So fast that the limits may apply.
    hurried: bool = False


# What a button stood for when it was sent: what was to be read, and what had been decided.
Shown = tuple[object, ...]
LADDER = (3600, 8 * 3600, 86_400, 7 * 86_400, 30 * 86_400)


def offers(state: Snapshot, laws: Laws, request: Request) -> dict[int, int]:
    """The durations on a card, each with the number of admins who have to agree.

    More time lasts for longer than what there is, whenever it is approved.
    """
    longest = min(request.duration, laws.max_duration)
    shorter = [step for step in LADDER if step < longest][-2:]
    return {
        duration: laws.needed(duration)
        for duration in (longest, *shorter)
        if _helps(state, request, duration)
    }


def longer(state: Snapshot, laws: Laws, request: Request) -> dict[int, int]:
    """Likewise those beyond what was asked for."""
    steps = [step for step in LADDER if request.duration < step <= laws.max_duration][:2]
    return {step: laws.needed(step) for step in steps if _helps(state, request, step)}


def _helps(state: Snapshot, request: Request, duration: int) -> bool:
    extended = state.extended(request)
    return extended is None or request.asked_at + duration * SECOND > extended.not_after


def deciders(state: Snapshot, laws: Laws, request: Request) -> list[int]:
    """Whose word counts on it: the settings' admins, other admins, then approvers of its groups."""
    groups = state.groups_of(request.user_id) if request.server else frozenset()
    given = [state.roles[one] for one in sorted(state.roles) if one not in laws.admins]
    admins = [one.user_id for one in given if one.role == "admin"]
    approvers = [
        one.user_id for one in given if one.role == "approver" and not groups.isdisjoint(one.groups)
    ]
    return [*laws.admins, *admins, *approvers]


def card_shows(state: Snapshot, laws: Laws, since: int, request: Request) -> Shown:
    """On the card of an admin who has been one since that decision."""
    person = state.people[request.user_id]
    extended = state.extended(request)
    past = decided_against(state, request)
    return (
        *(request.id, request.user_id, person.name, person.username, request.server),
        *(request.duration, request.reason, tuple(offers(state, laws, request).items()), since),
        tuple(longer(state, laws, request).items()),
        *((extended.id, extended.state in LIVE) if extended else ()),
        tuple(sorted(state.groups_of(request.user_id))),
        *sorted(past),
    )


def decided_against(state: Snapshot, request: Request) -> list[tuple[str, int, str]]:
    """What admins decided against whoever asked, lately; each with its moment."""
    accounts = state.accounts_of(request.user_id)
    since_when = request.asked_at - _LATELY
    past = [
        ("ended", grant.revoked_at or 0, grant.id)
        for grant in state.grants.values()
        if grant.user_id in accounts
        and grant.end_reason in {"revoked", "removed"}
        and (grant.revoked_at or 0) > since_when
    ]
    past += [
        ("denied", one.decided_at or 0, str(one.id))
        for one in state.requests.values()
        if one.user_id in accounts and one.state == "denied" and (one.decided_at or 0) > since_when
    ]
    return past


def question_shows(state: Snapshot, data: str) -> Shown | None:
    """For the yes to a question; None for any other button."""
    # Anything may stand where a subject belongs: a client sends what it likes.
    tap, subject, whose, *_ = (*data.split(":"), "", "")
    if tap == "pay" and subject.isdecimal():
        theirs = state.accounts_of(int(subject))
        live = sorted(one.id for account in theirs for one in state.live_of(account))
        return tap, *live, *_decided(state, int(subject))
    if tap == "aly" and subject.isdecimal():
        return tap, *_calls_themselves(state, int(subject)), *_decided(state, int(subject))
    if tap in {"rpy", "rmy"} and subject.isdecimal():
        return tap, *_person_shows(state, int(subject))
    if tap == "rgy" and subject in state.grants:
        grant = state.grants[subject]
        holder = state.people.get(grant.user_id or 0)
        return tap, grant.id, grant.user_id, holder and holder.name
    if tap == "lk" and subject in state.grants and whose.isdecimal():
        name = state.grants[subject].common_name
        nobodys = [
            grant.id
            for grant in state.grants.values()
            if grant.common_name == name
            and grant.user_id is None
            and grant.state in LIVE
            and not grant.for_server
        ]
        return tap, *nobodys, *_decided(state, int(whose))
    return None


def _person_shows(state: Snapshot, user_id: int) -> Shown:
    accounts = state.accounts_of(user_id)
    theirs = [one for one in state.grants.values() if one.user_id in accounts]
    live = sorted(one.id for one in theirs if one.state in LIVE)
    ending = sorted(one.id for one in theirs if one.state == "revoking")
    return *(live or ending), bool(live), *_decided(state, user_id)


def _calls_themselves(state: Snapshot, user_id: int) -> Shown:
    person = state.people.get(user_id)
    if person is not None:
        return person.name, person.username
    return state.newcomers.get(user_id, ())


def _decided(state: Snapshot, user_id: int) -> Shown:
    people = [state.people[one] for one in state.accounts_of(user_id) if one in state.people]
    name = state.people[user_id].name if user_id in state.people else None
    return user_id, name, *((one.id, one.revision) for one in people)


@dataclass(frozen=True, slots=True)
class Case:
    before: Snapshot
    after: Snapshot
    deed: Deed
    laws: Laws
    # The buttons of cards and questions that were ever sent, with what they stood for.
    buttons: Mapping[str, frozenset[Shown]]
    # The last decision that was there when each admin became one.
    since: Mapping[int, int]
    # Whom somebody picked from their contacts, by the number of the update.
    picked: Mapping[int, tuple[int, frozenset[int]]]

    @property
    def is_admin(self) -> bool:
        return self.deed.person in self.laws.admins or self.before.has_role(
            self.deed.person, "admin"
        )

    @property
    def is_auditor(self) -> bool:
        return not self.is_admin and self.before.has_role(self.deed.person, "auditor")

    @property
    def has_role(self) -> bool:
        return self.is_admin or self.deed.person in self.before.roles

    @property
    def is_allowed(self) -> bool:
        return self.before.is_allowed(self.deed.person)

    @property
    def may_have(self) -> bool:
        """Whether whoever acts may ask for anything now."""
        return self.is_allowed and self.deed.person not in self.before.paused

    @property
    def is_known(self) -> bool:
        return self.has_role or self.is_allowed

    @property
    def key(self) -> str:
        return f"telegram:{self.deed.person}"

    @property
    def command(self) -> str:
        """Empty where the deed is none."""
        words = self.deed.text.split()
        if self.deed.what is not What.TYPED or not words or not words[0].startswith("/"):
            return ""
        return words[0][1:].partition("@")[0].lower()

    @property
    def arguments(self) -> list[str]:
        return self.deed.text.split()[1:]

    @property
    def rest(self) -> str:
        """All that follows the command."""
        return self.deed.text.split(maxsplit=1)[1] if self.arguments else ""

    @property
    def tap(self) -> str:
        return self.tapped[0] if self.deed.what is What.TAPPED else ""

    @property
    def tapped(self) -> list[str]:
        return self.deed.text.split(":")

    def commands(self, *names: str) -> bool:
        return self.command in names

    @property
    def asks(self) -> bool:
        """Whether the deed may make a request: by word, or by a tap that says what was meant."""
        by_tap = any(self.taps(name) for name in ("hl", "ag", "an", "ew", "as"))
        by_tap = by_tap or self.taps("do", "requestvpn")
        return self.commands("requestvpn") or by_tap or self.tapped_last == ["mc", "requestvpn"]

    @property
    def tapped_last(self) -> list[str]:
        return [self.tap, self.tapped[-1]]

    def taps(self, name: str, *subject: object) -> bool:
        """Whether the deed is a tap on this button, for example `dn`, 17."""
        wanted = [name, *map(str, subject)]
        return bool(self.tap) and self.tapped[: len(wanted)] == wanted

    def taps_on(self, name: str, user_id: int | None) -> bool:
        """Likewise on a button about somebody, by whichever of their accounts."""
        named = self.tapped[1] if len(self.tapped) > 1 else ""
        if user_id is None or not (self.taps(name) and named.isdigit()):
            return False
        return self.same_person(int(named), user_id)

    def has_such(self, server: str) -> bool:
        """Whether whoever acts has what they ask for, and does not wait for more of it."""
        me = self.deed.person
        has = [one for one in self.before.live_of(me) if one.imported_at is None]
        meant = {one.server for one in has if server in {"", one.server}}
        waits = {
            one.server
            for one in self.before.requests.values()
            if (one.user_id, one.state) == (me, "pending")
        }
        return bool(meant) and meant.isdisjoint(waits)

    def changed_requests(self) -> Iterator[tuple[Request, Request]]:
        for request_id, old in self.before.requests.items():
            new = self.after.requests.get(request_id)
            if new is not None and new != old:
                yield old, new

    def new_requests(self) -> list[Request]:
        return [
            request
            for request_id, request in self.after.requests.items()
            if request_id not in self.before.requests
        ]

    def new_grants(self) -> list[Grant]:
        return [
            grant
            for grant_id, grant in self.after.grants.items()
            if grant_id not in self.before.grants
        ]

    def same_person(self, one: int, other: int) -> bool:
        return self.before.person_of(one) == self.before.person_of(other)

    def agreed(self, request: Request, state: Snapshot) -> dict[int, int]:
        """The duration of each person whose yes counts, the last one said, by `state`."""
        may = deciders(state, self.laws, request)
        changed_after = state.notes_of(request).after_decision
        against = max((at for _, at, _ in decided_against(state, request)), default=-1)
        by_account: dict[int, int] = {}
        for decision in state.decisions:
            if decision.request_id != request.id or decision.verdict != "approve":
                continue
            if not decision.actor.startswith("telegram:"):
                continue
            who = int(decision.actor.removeprefix("telegram:"))
            if who not in may or self.same_person(who, request.user_id):
                continue
            is_fresh = decision.id > max(self.since[who], changed_after)
            if is_fresh and decision.at > against:
                by_account[who] = decision.duration or 0
        # Of two accounts of a person the one that is named first speaks for both.
        said: dict[int, int] = {}
        for one in may:
            if one in by_account:
                said.setdefault(self.before.person_of(one), by_account[one])
        return said

    def ends(self, request: Request) -> int:
        """When it expires, by the shorter of the limits then and now."""
        return min(request.expires_at, request.asked_at + self.laws.ttl * SECOND)

    def others(self, request: Request) -> list[int]:
        """The durations of those besides whoever acts."""
        own = self.before.person_of(self.deed.person)
        said = self.agreed(request, self.before)
        return [duration for person, duration in said.items() if person != own]

    def shows(self, request: Request) -> Shown:
        """What a card of whoever acts would stand for now."""
        since = self.since.get(self.deed.person, 0)
        return card_shows(self.before, self.laws, since, request)

    @property
    def answers(self) -> bool:
        """Whether the tapped yes is to a question that would be asked in the same way now."""
        shown = question_shows(self.before, self.deed.text) if self.tap else None
        return shown is not None and shown in self.buttons.get(self.deed.text, ())

    def may_ask(self) -> bool:
        """Whether whoever acts has not asked too often."""
        asked = [one.asked_at for one in self.before.requests.values() if self._is_theirs(one)]
        return self._within_an_hour(asked) < REQUESTS

    def may_renew(self) -> bool:
        """Whether whoever acts has not had too many new profiles."""
        grants = [one for one in self.before.grants.values() if self._is_theirs(one)]
        replaced = [one.revoked_at or 0 for one in grants if one.end_reason == "replaced"]
        return self._within_an_hour(replaced) < RENEWALS

    def _is_theirs(self, one: Request | Grant) -> bool:
        return one.user_id == self.deed.person

    def _within_an_hour(self, times: list[int]) -> int:
        return sum(at > self.deed.at - _HOUR for at in times)

    def has_room(self, server: str) -> bool:
        held = [
            grant
            for grant in self.before.grants.values()
            if grant.server == server
            and (
                grant.state not in {"revoked", "expired"}
                or (grant.proved_at or 0) > self.deed.at - REST
            )
        ]
        return len(held) < ADDRESSES


def seconds(word: str) -> int | None:
    """A duration as people write it; None for anything else."""
    found = _DURATION.fullmatch(word.lower())
    return int(found[1]) * _UNITS[found[2]] if found else None
