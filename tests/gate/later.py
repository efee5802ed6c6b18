"""What begins later: when it may be given, and that it is neither given early nor forgotten."""

from collections.abc import Iterator

from tests.gate.case import SECOND, Case, What
from tests.gate.snapshot import Grant, Request

# The profile goes out so long before.
LEAD = 600 * SECOND
# The bot has looked at the clock.
SWEPT = "swept"


def waits(case: Case, request: Request) -> bool:
    """Whether a yes gives nothing yet."""
    return request.starts_at is not None and case.deed.at < request.starts_at - LEAD


def is_over(case: Case, request: Request) -> bool:
    """Whether nothing is left of what this yes would give."""
    seconds = min([int(case.tapped[2]), *case.others(request)])
    starts_at = request.starts_at
    return starts_at is not None and starts_at + (seconds - 60) * SECOND < case.deed.at


def comes(case: Case, request: Request) -> bool:
    """Whether its time has come, so that it is given or given up."""
    is_time = case.deed.what is What.TIME and request.state == "scheduled"
    return is_time and not waits(case, request)


def begins(case: Case, old: Request, new: Request) -> bool:
    """It is given to somebody who may have it then, by nobody's tap."""
    may_have = case.before.is_allowed(old.user_id) and old.user_id not in case.after.paused
    longest = min(old.duration, case.laws.max_duration)
    # Those who said yes have to have a say by then, and to be enough.
    is_agreed = len(case.agreed(old, case.before)) >= case.laws.needed(longest)
    return comes(case, old) and may_have and is_agreed and new.duration == longest


def is_given(case: Case, grant: Grant, old: Request, new: Request) -> bool:
    """Whether a grant is what began: from its beginning on, and no longer than from there."""
    starts_at = old.starts_at or case.deed.at
    return (
        begins(case, old, new)
        and new.state == "approved"
        and (grant.user_id, grant.server) == (old.user_id, old.server)
        and grant.not_before == max(starts_at, case.deed.at)
        and grant.not_after == starts_at + new.duration * SECOND
    )


def beginning_of(case: Case, grant: Grant) -> int:
    """Of a new grant: now, unless what it stands for begins later."""
    before = case.before.grants.get(grant.replaces or "")
    request = case.after.requests.get(grant.request_id or 0)
    starts_at = (request and request.starts_at) or 0
    return max(case.deed.at, before.not_before if before else starts_at)


def forgotten(case: Case) -> Iterator[str]:
    """Whatever the reason, nothing waits beyond its time, once the bot has looked."""
    if case.deed.text != SWEPT:
        return
    for request in case.before.requests.values():
        if comes(case, request) and case.after.requests[request.id].state == "scheduled":
            yield f"request {request.id} should have begun"
