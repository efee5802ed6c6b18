"""What is given at once, without anybody's yes: to whom, and how that is told."""

from collections.abc import Iterator

from tests.gate.case import SECOND, Case, deciders
from tests.gate.snapshot import Request

GROUP = "oncall"
ACTOR = f"group:{GROUP}"
LONGEST = 8 * 3600


_DAY = 86_400 * SECOND


def is_held_back(case: Case, request: Request) -> bool:
    """Whether an admin has decided anything against whoever asks, within a day."""
    accounts = case.before.accounts_of(request.user_id)
    since = case.deed.at - _DAY
    said = [
        one.decided_at or 0
        for one in case.before.requests.values()
        if one.user_id in accounts and one.state == "denied"
    ]
    ended = [
        one.revoked_at or 0
        for one in case.before.grants.values()
        if one.user_id in accounts and one.end_reason in {"revoked", "removed"}
    ]
    return any(at > since for at in (*said, *ended))


def stands(case: Case, request: Request) -> bool:
    """Whether a request, as it is now, is covered: by whoever asks, for so long, for one server."""
    person = case.before.person_of(request.user_id)
    has = [
        grant
        for account in case.before.accounts_of(person)
        for grant in case.before.live_of(account)
        if grant.imported_at is None and grant.server == request.server
    ]
    return (
        GROUP in case.before.groups_of(request.user_id)
        and request.server is not None
        and request.starts_at is None
        and 0 < request.duration <= LONGEST
        and case.laws.needed(request.duration) == case.laws.approvals
        and case.may_have
        and case.same_person(request.user_id, case.deed.person)
        and not has
        and not is_held_back(case, request)
    )


def given_at_once(case: Case) -> list[Request]:
    """Those that were decided as they were made, or as their server was chosen."""
    return [
        request
        for request in case.after.requests.values()
        if request.decided_by == ACTOR
        and getattr(case.before.requests.get(request.id), "state", None) in {None, "choosing"}
    ]


def told(case: Case) -> Iterator[str]:
    """It is in the trail as what it is, and everybody who decides otherwise hears of it."""
    for request in given_at_once(case):
        acts = {entry.action for entry in case.after.trail if entry.actor == ACTOR}
        if acts != {"request.approve", "grant.reserve"}:
            yield f"the trail does not tell that request {request.id} was given at once"
        cards = {
            row.chat_id
            for row in case.after.said
            if row.kind == "card" and row.payload["request"] == request.id
        }
        for one in deciders(case.after, case.laws, request):
            if one not in cards and not case.same_person(one, request.user_id):
                yield f"{one} was not told that request {request.id} was given at once"
    named = {entry.actor for entry in case.after.trail}
    if ACTOR in named and not given_at_once(case):
        yield "something was done by a group's word that gave nothing"


def kept_back(case: Case) -> Iterator[str]:
    """Where it is covered and there is room, it does not wait."""
    for request in case.new_requests():
        if request.state == "pending" and stands(case, request) and has_room(case, request):
            yield f"request {request.id} should have been given at once"


def has_room(case: Case, request: Request) -> bool:
    return request.server is not None and case.has_room(request.server)


def puts_themselves_in(case: Case) -> Iterator[str]:
    """Nobody gets there by their own word: that would be a yes to their own requests."""
    for user_id, groups in case.after.groups.items():
        is_new = GROUP in groups and GROUP not in case.before.groups.get(user_id, ())
        if is_new and case.same_person(user_id, case.deed.person):
            yield f"{user_id} put themselves where access is given at once"
