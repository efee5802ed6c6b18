"""What must not happen, whatever is typed, tapped, repeated or forged.

Each function yields a sentence for each rule that a step has broken.
"""

from collections.abc import Iterator
from dataclasses import replace

from tests.gate.case import BY_ITSELF, SECOND, Case, What, longer
from tests.gate.later import beginning_of, begins, comes, is_given, waits
from tests.gate.left import broken_in_leavings
from tests.gate.meaning import (
    asks_for_more_time,
    changes,
    denies,
    linked_by_tap,
    revoked_by_word,
)
from tests.gate.people import broken_in_people, removes
from tests.gate.say import is_enough, may_agree, may_deny, undoes
from tests.gate.snapshot import LIVE, Grant, Request
from tests.gate.standing import ACTOR, given_at_once, puts_themselves_in, stands, told
from tests.gate.trail import trail
from tests.gate.uses import says_not_me

# All else of a grant stays as it was reserved.
_CHANGES = ("state", "revoked_at", "end_reason", "proved_at", "pause")
_OVER = frozenset({"approved", "denied", "cancelled", "expired"})
_PATHS = frozenset(
    {
        ("reserved", "issued"),
        ("issued", "active"),
        *((live, "revoking") for live in LIVE),
        ("revoking", "revoked"),
        ("revoking", "expired"),
        # A look at the servers may follow so fast that both are seen as one.
        *((live, over) for live in LIVE for over in ("revoked", "expired")),
    }
)


def broken_rules(case: Case) -> Iterator[str]:
    yield from _nothing_at_all(case)
    yield from broken_in_people(case)
    yield from broken_in_leavings(case)
    yield from _new_requests(case)
    yield from _requests(case)
    yield from _decisions(case)
    yield from _new_grants(case)
    yield from _grants(case)
    yield from _always(case)
    yield from trail(case)
    yield from told(case)
    yield from puts_themselves_in(case)


def _nothing_at_all(case: Case) -> Iterator[str]:
    """Strangers, groups, anonymous and forwarded words, and repetitions change nothing."""
    what = case.deed.what
    acts = what in BY_ITSELF or (what in {What.TYPED, What.TAPPED} and case.is_known)
    # Writing makes an admin known who was not, and so does to let the bot write.
    knows = case.is_admin and what in {What.TYPED, What.TAPPED, What.FORWARDED, What.STOPPED}
    if (case.deed.again or not acts) and not knows and case.before.core != case.after.core:
        yield "somebody without any right changed something"
    if case.deed.again and (
        case.after.said or case.after.trail or case.before.core != (case.after.core)
    ):
        yield "an update that was handled before had an effect"
    if case.before.failed != case.after.failed:
        yield "a handler broke off"


# --- requests


def _new_requests(case: Case) -> Iterator[str]:
    new = case.new_requests()
    if len(new) > 1:
        yield "one command made several requests"
    for request in new:
        asks = case.asks if request.extends is None else asks_for_more_time(case, request)
        if not (case.may_have and case.may_ask() and asks):
            yield "a request that nobody with a right to it typed"
        if request.user_id != case.deed.person:
            yield "a request in somebody else's name"
        if not 0 < request.duration <= case.laws.max_duration:
            yield "a request for longer than anybody may have"
        at_once = request.decided_by == ACTOR and stands(case, request)
        if request.state not in {"pending", "choosing"} and not at_once:
            yield "a request that was decided as it was made"
        if request.expires_at != case.deed.at + case.laws.ttl * SECOND:
            yield "a request with another end than the settings say"


def _requests(case: Case) -> Iterator[str]:
    if not case.before.requests.keys() <= case.after.requests.keys():
        yield "a request is gone"
    for old, new in case.changed_requests():
        yield from _changed_request(case, old, new)


def _changed_request(case: Case, old: Request, new: Request) -> Iterator[str]:
    if old.state in _OVER and not (new.state == "pending" and undoes(case, old)):
        yield f"request {old.id} changed after it was over"
    # Only a reply says why: nobody in the town writes one.
    same = ("user_id", "reason", "asked_at", "expires_at", "extends")
    if any(getattr(old, name) != getattr(new, name) for name in same):
        yield f"request {old.id} is not what was asked"
    is_changed = changes(case, old) and new == replace(old, duration=int(case.tapped[2]))
    is_given = new.state in {"approved", "scheduled"}
    if new.duration != old.duration and not is_given and not is_changed:
        yield f"request {old.id} changed its duration"
    is_chosen = old.state == "choosing" and new.state in {"pending", "approved"}
    if new.server != old.server and not is_chosen:
        yield f"request {old.id} changed its server"
    if new.state != old.state and not _MAY_BECOME[new.state](case, old, new):
        yield f"request {old.id} went from {old.state} to {new.state}"


def _may_be_chosen(case: Case, old: Request, new: Request) -> bool:
    return (
        old.state == "choosing"
        and case.may_have
        and old.user_id == case.deed.person
        and case.taps("sv", old.id, new.server)
    )


def _may_be_reopened(case: Case, old: Request, new: Request) -> bool:
    """All that there is of the no is gone from it."""
    clean = new.decided_by is None and new.decided_at is None
    return old.state == "denied" and undoes(case, old) and clean


def _may_be_cancelled(case: Case, old: Request, _new: Request) -> bool:
    is_own = old.user_id == case.deed.person
    makes_another = old.state == "choosing" and case.asks and case.is_allowed
    takes_back = is_own and (case.taps("cx", old.id) or makes_another)
    return takes_back or comes(case, old) or removes(case, old.user_id)


def _may_be_approved(case: Case, old: Request, new: Request) -> bool:
    if _may_be_chosen(case, old, new):
        return new.decided_by == ACTOR and stands(case, new)
    if old.state == "scheduled":
        return new.state == "approved" and begins(case, old, new)
    if waits(case, old) is not (new.state == "scheduled"):
        return False
    if not may_agree(case, old):
        return False
    given = min([int(case.tapped[2]), *case.others(old)])
    is_offered = given <= min(old.duration, case.laws.max_duration) or given in longer(
        case.before, case.laws, old
    )
    return is_enough(case, old) and new.duration == given and is_offered


def _may_end(case: Case, old: Request, _new: Request) -> bool:
    return case.deed.what is What.TIME and old.expires_at <= case.deed.at


_MAY_BECOME = {
    "choosing": lambda *_: False,
    "pending": lambda *step: _may_be_chosen(*step) or _may_be_reopened(*step),
    "cancelled": _may_be_cancelled,
    "denied": lambda case, old, _new: may_deny(case, old) and denies(case, old),
    "approved": _may_be_approved,
    "scheduled": _may_be_approved,
    "expired": _may_end,
}


def _decisions(case: Case) -> Iterator[str]:
    count = len(case.before.decisions)
    if case.after.decisions[:count] != case.before.decisions:
        yield "a decision was changed afterwards"
    for decision in case.after.decisions[count:]:
        old = case.before.requests.get(decision.request_id)
        at_once = [one.id for one in given_at_once(case)]
        if decision.actor == ACTOR and [decision.request_id] == at_once:
            continue
        if old is None:
            yield "a decision on a request that there was not"
        elif decision.verdict == "approve":
            if not may_agree(case, old) or decision.actor != case.key:
                yield f"a yes to request {old.id} from somebody who has no say"
        elif case.after.requests[old.id].state == old.state:
            yield f"a {decision.verdict} of request {old.id} that decided nothing"


# --- grants


def _new_grants(case: Case) -> Iterator[str]:
    new = case.new_grants()
    if len(new) > 1 and case.deed.what not in {What.DELIVERY, What.TIME}:
        yield "one act made several grants"
    for grant in new:
        if not (_is_approved(case, grant) or _is_renewed(case, grant) or _is_replaced(case, grant)):
            yield f"a grant of {grant.user_id} that nobody approved"
        if grant.state != "reserved" or grant.not_before != beginning_of(case, grant):
            yield "a grant that does not begin at its beginning"
        if any(
            one.serial == grant.serial or one.common_name == grant.common_name
            for one in case.before.grants.values()
        ):
            yield "a serial or a name was used twice"


def _is_approved(case: Case, grant: Grant) -> bool:
    old = case.before.requests.get(grant.request_id or 0)
    new = case.after.requests.get(grant.request_id or 0)
    if old is not None and new is not None and old.state == "scheduled":
        return is_given(case, grant, old, new)
    at_once = new in given_at_once(case)
    return (
        new is not None
        and (at_once or (old is not None and (old.state, new.state) == ("pending", "approved")))
        and (grant.user_id, grant.server) == (new.user_id, new.server)
        and grant.not_after == (new.starts_at or case.deed.at) + new.duration * SECOND
        and grant.replaces is None
    )


def _follows(case: Case, grant: Grant) -> bool:
    """Whether it is the one before over again, to the same end, and that one is over."""
    old = case.before.grants.get(grant.replaces or "")
    return old is not None and (
        (old.request_id, old.user_id, old.server, old.not_after)
        == (grant.request_id, grant.user_id, grant.server, grant.not_after)
        and old.state in LIVE
        and case.after.grants[old.id].state not in LIVE
    )


def _is_renewed(case: Case, grant: Grant) -> bool:
    return (
        _follows(case, grant)
        and case.taps("npy", grant.replaces)
        and case.may_have
        and case.may_renew()
        and grant.user_id == case.deed.person
        and case.before.grants[grant.replaces or ""].state == "active"
    )


def _is_replaced(case: Case, grant: Grant) -> bool:
    return case.deed.what is What.DELIVERY and _follows(case, grant)


def _grants(case: Case) -> Iterator[str]:
    for grant_id, old in case.before.grants.items():
        new = case.after.grants.get(grant_id)
        if new is None:
            yield f"{grant_id} is gone"
            continue
        same = replace(new, **{name: getattr(old, name) for name in _CHANGES})
        if old.user_id != new.user_id and linked_by_tap(case, old) == new.user_id:
            same = replace(same, user_id=old.user_id)
        if same != old:
            yield f"{grant_id} is another one than before"
        if old.state != new.state:
            yield from _moved_grant(case, old, new)
        if old.pause == "pausing" and new.pause == "paused" and case.deed.what is not What.PROOF:
            yield f"the pause of {old.id} counts as proved, and nobody looked"


def _moved_grant(case: Case, old: Grant, new: Grant) -> Iterator[str]:
    if (old.state, new.state) not in _PATHS:
        yield f"{old.id} went from {old.state} to {new.state}"
    if old.pause is not None and (old.state, new.state) == ("reserved", "issued"):
        yield f"{old.id} was made for somebody who is paused"
    if new.state in LIVE and case.deed.what is not What.DELIVERY:
        yield f"{old.id} was delivered by nobody"
    if old.state in LIVE and new.state not in LIVE and not _may_lose(case, old, new):
        yield f"{old.id} was ended ({new.end_reason}) by somebody who must not"
    if old.state == "revoking" and case.deed.what is not What.PROOF:
        yield f"the end of {old.id} counts as proved, and nobody looked"


def _may_lose(case: Case, old: Grant, new: Grant) -> bool:
    is_own = old.user_id == case.deed.person
    match new.end_reason:
        case "revoked":
            taps = case.taps("rgy", old.id) or case.taps_on("rpy", old.user_id)
            request = case.before.requests.get(old.request_id or 0)
            undone = request is not None and request.state == "approved" and undoes(case, request)
            by_button = case.is_admin and taps and case.answers
            return by_button or undone or old in revoked_by_word(case)
        case "by_owner" | "stolen":
            gives_up = is_own and case.taps("guy", old.id)
            return gives_up if new.end_reason == "by_owner" else says_not_me(case, old)
        case "removed":
            owner = old.user_id or 0
            return removes(case, owner) and not case.after.is_allowed(owner)
        case "replaced":
            used = [one for one in case.before.later(old) if one.id == case.deed.text]
            by_use = case.deed.what is What.USE and bool(used)
            return by_use or (is_own and case.is_allowed and case.taps("npy", old.id))
        case "ended":
            return case.deed.what is What.TIME and old.not_after <= case.deed.at
        case _:
            return case.deed.what is What.DELIVERY


def _always(case: Case) -> Iterator[str]:
    yield from _live_grants(case)
    for request in case.after.requests.values():
        if request.state not in _OVER and not case.after.is_allowed(request.user_id):
            yield f"{request.user_id} is not on the list, and request {request.id} is open"
    open_ones = [
        (r.user_id, r.server) for r in case.after.requests.values() if r.state == "pending"
    ]
    if len(set(open_ones)) < len(open_ones):
        yield "two open requests of one person for one server"


def _live_grants(case: Case) -> Iterator[str]:
    """What was imported may be nobody's, and needs no approval."""
    live = [grant for grant in case.after.grants.values() if grant.state in LIVE]
    for grant in live:
        if grant.user_id is not None and not case.after.is_allowed(grant.user_id):
            yield f"{grant.user_id} is not on the list and has access"
        is_paused = grant.user_id in case.after.paused
        is_over = grant.not_after <= case.deed.at
        if is_paused and grant.pause is None and not grant.for_server:
            yield f"{grant.user_id} is paused, and {grant.id} lets them in"
        if grant.pause is not None and not is_paused and not is_over:
            yield f"{grant.user_id} is not paused, and {grant.id} keeps them out"
    ours = [grant for grant in live if grant.imported_at is None]
    if len({grant.request_id for grant in ours}) < len(ours):
        yield "two live grants for one approval"
    for grant in ours:
        request = case.after.requests[grant.request_id or 0]
        if request.state != "approved" or request.user_id != grant.user_id:
            yield f"{grant.id} lives without an approval"
