"""Whose word counts on a request, and when it decides."""

from dataclasses import replace

from tests.gate.case import SECOND, Case, deciders
from tests.gate.snapshot import Request


def undoes(case: Case, old: Request) -> bool:
    """Whether whoever decided takes that back, within a minute, and still has a say."""
    return (
        case.taps("ud", old.id)
        and old.state in {"approved", "denied"}
        and old.decided_by == case.key
        and case.deed.at < (old.decided_at or 0) + 60 * SECOND
        and case.deed.person in deciders(case.before, case.laws, old)
        and not case.same_person(case.deed.person, old.user_id)
    )


def may_decide(case: Case, request: Request) -> bool:
    """Whether whoever acts has a say on this request."""
    return (
        request.state == "pending"
        and case.deed.person in deciders(case.before, case.laws, request)
        and not case.same_person(case.deed.person, request.user_id)
    )


def may_deny(case: Case, request: Request) -> bool:
    """Likewise, and also of what was approved and has not begun."""
    may_be = replace(request, state="pending") if request.state == "scheduled" else request
    return may_decide(case, may_be)


def may_agree(case: Case, old: Request) -> bool:
    """Whether this tap is a yes that counts: a fresh one, to what the card showed."""
    return (
        case.taps("ap", old.id)
        and may_decide(case, old)
        and case.deed.at < old.expires_at
        and case.before.is_allowed(old.user_id)
        and old.user_id not in case.before.paused
        and case.shows(old) in case.buttons.get(case.deed.text, ())
        and (is_enough(case, old) or _says_something_new(case, old))
    )


def is_enough(case: Case, request: Request) -> bool:
    """Whether this yes decides."""
    others = case.others(request)
    return len(others) + 1 >= case.laws.needed(min([int(case.tapped[2]), *others]))


def _says_something_new(case: Case, request: Request) -> bool:
    own = case.agreed(request, case.before).get(case.before.person_of(case.deed.person))
    return own != int(case.tapped[2])
