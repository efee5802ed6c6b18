"""What words and taps mean: whom an admin means, whose end that is, what is asked for."""

from dataclasses import dataclass

from tests.gate.case import LADDER, SECOND, Case
from tests.gate.snapshot import LIVE, Grant, Request, Snapshot

# How often a request may be changed.
_MOST_CHANGES = 10
# The ready-made reasons of a no.
_WHYS = ("long", "what", "first", "later")
_ROLES = frozenset({"admin", "approver", "auditor", "none"})


@dataclass(frozen=True, slots=True)
class Meant:
    """`people` are persons: each by one account, which stands for all of theirs."""

    people: frozenset[int] = frozenset()
    grants: frozenset[str] = frozenset()


def meant(state: Snapshot, text: str) -> Meant:
    """All that fits exactly: an id, a grant, a serial, a username behind an @, or else a name."""
    word = text.strip().lower()
    if word.isascii() and word.isdigit():
        # Somebody may be called like another one's number.
        named = _named(state, _same(text))
        return Meant(
            named.people | frozenset(map(state.person_of, {int(word)} & state.people.keys())),
            named.grants,
        )
    if word.startswith("g-"):
        return Meant(grants=frozenset({word} & state.grants.keys()))
    serial = word.removeprefix("serial:")
    numbered = frozenset(g.id for g in state.grants.values() if g.serial == serial)
    if serial != word:
        return Meant(grants=numbered)
    if word.startswith("@"):
        called = [one.id for one in state.people.values() if _same(one.username) == _same(text)]
        return Meant(people=frozenset(map(state.person_of, called)))
    named = _named(state, _same(text))
    return Meant(named.people, named.grants | numbered)


def _named(state: Snapshot, name: str) -> Meant:
    """A certificate that is called like its owner is not a second meaning; nor is one in use."""
    people = frozenset(
        state.person_of(one.id)
        for one in state.people.values()
        if name in {_same(one.name), _same(one.username)}
    )
    called = [
        grant
        for grant in state.grants.values()
        if _same(grant.common_name) == name and _holder(state, grant) not in people
    ]
    unproved = [grant for grant in called if grant.state not in {"revoked", "expired"}]
    return Meant(people, frozenset(grant.id for grant in unproved or called))


def _holder(state: Snapshot, grant: Grant) -> int | None:
    return None if grant.user_id is None else state.person_of(grant.user_id)


def _same(name: str | None) -> str:
    return " ".join((name or "").removeprefix("@").casefold().split())


def revoked_by_word(case: Case) -> list[Grant]:
    """The live grants that a typed /revoke ends: where it means one person, or one grant."""
    if not (case.is_admin and case.commands("revoke") and case.arguments):
        return []
    whom = meant(case.before, case.rest)
    if len(whom.people) + len(whom.grants) != 1:
        return []
    return [
        grant
        for grant in case.before.grants.values()
        if grant.state in LIVE
        and (grant.id in whom.grants or _holder(case.before, grant) in whom.people)
    ]


def removed_by_word(case: Case) -> frozenset[int]:
    """Whom a typed /remove takes off the list: where it means one person, all their accounts."""
    return frozenset(one for one in leaves_by_word(case) if case.before.is_allowed(one))


def leaves_by_word(case: Case) -> frozenset[int]:
    """Likewise, on the list or not: they may have a role."""
    if not (case.is_admin and case.commands("remove") and case.arguments):
        return frozenset()
    found = meant(case.before, case.rest)
    # A grant means whoever holds it.
    held = (_holder(case.before, case.before.grants[one]) for one in found.grants)
    holders = {one for one in held if one is not None}
    whom = found.people or frozenset(holders)
    if len(whom) != 1 or (found.people and holders - found.people):
        return frozenset()
    return frozenset(one for one in case.before.people if case.before.person_of(one) in whom)


def paused_by_word(case: Case, command: str = "pause") -> frozenset[int]:
    """Whom a typed /pause or /resume means, by all their accounts: where that is one person."""
    if not (case.is_admin and case.commands(command) and case.arguments):
        return frozenset()
    return _accounts(case.before, _persons(case.before, case.rest.partition(" until ")[0]))


def grouped_by_word(case: Case) -> frozenset[int]:
    """Whom a typed /group puts into a group or takes out of it, by all their accounts."""
    match case.rest.split(maxsplit=2) if case.is_admin and case.commands("group") else []:
        case [_, verb, whom] if verb.lower() in {"add", "remove"}:
            return _accounts(case.before, _persons(case.before, whom))
    return frozenset()


def _accounts(state: Snapshot, people: frozenset[int]) -> frozenset[int]:
    """All accounts of whom was meant, where that is one person."""
    whose = [one for person in people for one in state.accounts_of(person)]
    return frozenset(whose) if len(people) == 1 else frozenset()


def _persons(state: Snapshot, text: str) -> frozenset[int]:
    """The people that are meant: for a grant its holder."""
    whom = meant(state, text)
    holders = {_holder(state, state.grants[grant]) for grant in whom.grants}
    return whom.people | {holder for holder in holders if holder is not None}


def appoints(case: Case, user_id: int) -> bool:
    """Whether an admin says what somebody's role is: by their number, or by what means them."""
    typed = case.arguments
    at = next((n for n, one in enumerate(typed[1:], 1) if one.lower() in _ROLES), 0)
    if not (case.is_admin and case.commands("role") and at) or user_id in case.laws.admins:
        return False
    whom = " ".join(typed[:at])
    if whom.isascii() and whom.isdigit():
        return int(whom) == user_id
    return _persons(case.before, whom) == {case.before.person_of(user_id)}


def linked_by_tap(case: Case, grant: Grant) -> int | None:
    """Whose a grant is from this tap on: all that is nobody's yet and has the name of one."""
    if not (case.is_admin and case.taps("lk") and case.answers):
        return None
    named = case.before.grants.get(case.tapped[1])
    whose = int(case.tapped[2]) if case.tapped[2].isdigit() else 0
    is_meant = named is not None and named.common_name == grant.common_name
    is_nobodys = grant.user_id is None and grant.state in LIVE and not grant.for_server
    return whose if is_meant and is_nobodys and case.before.is_allowed(whose) else None


def asks_for_more_time(case: Case, request: Request) -> bool:
    """For one's own profile that is there, for longer, and not a second time."""
    grant = case.before.grants.get(case.tapped[1]) if case.taps("mt") else None
    if case.taps("ag") and case.tapped[1].isdecimal():
        earlier = case.before.requests.get(int(case.tapped[1]))
        grant = None if earlier is None else case.before.extended(earlier)
    return (
        grant is not None
        and grant.state == "active"
        and (grant.user_id, grant.server) == (case.deed.person, request.server)
        and grant.request_id == request.extends
        and case.deed.at + request.duration * SECOND > grant.not_after
        and not case.before.later(grant)
    )


def changes(case: Case, old: Request) -> bool:
    """Whether whoever asked wants it for another time, of those that are offered."""
    wished = case.tapped[2] if len(case.tapped) == len(("ch", "request", "duration")) else ""
    extended = case.before.extended(old)
    left = 0 if extended is None else extended.not_after - old.asked_at
    return (
        case.taps("ch", old.id)
        and old.state == "pending"
        and old.user_id == case.deed.person
        and case.may_have
        and case.deed.at < case.ends(old)
        and wished.isdecimal()
        and int(wished) in {*LADDER, case.laws.default_duration}
        and int(wished) * SECOND > left
        and int(wished) <= case.laws.max_duration
        and case.before.notes_of(old).revision < _MOST_CHANGES
    )


def denies(case: Case, request: Request) -> bool:
    """Whether the tap is a no to what the request is now, with a reason of ours or without."""
    revision = case.before.notes_of(request).revision
    shown = [str(revision)] if revision else []
    no = ["dn", str(request.id), *shown]
    because = [["dr", str(request.id), why, *shown] for why in _WHYS]
    return bool(case.tap) and case.tapped in (no, *because)
