"""What the trail has to say, and of whom."""

from collections.abc import Iterator

from tests.gate.case import BY_ITSELF, Case, What
from tests.gate.standing import ACTOR


def trail(case: Case) -> Iterator[str]:
    """Yields a sentence for each rule of the trail that a step has broken."""
    acts = [entry for entry in case.after.trail if entry.action != "refused"]
    refusals = len(case.after.trail) - len(acts)
    if refusals > 1 or (refusals and acts):
        yield "a refusal that was none, or was noted twice"
    if case.deed.what in {What.TYPED, What.TAPPED, What.FORWARDED}:
        if any(entry.actor not in {case.key, ACTOR} for entry in case.after.trail):
            yield "the trail names somebody else"
        if acts and case.deed.what is What.FORWARDED:
            yield "somebody else's words did something"
    elif refusals or (acts and case.deed.what not in BY_ITSELF):
        yield "the trail tells of something that nobody could do"
    before, after = (
        (one.requests, one.grants, one.paused, one.roles, one.groups, one.listed)
        for one in (case.before, case.after)
    )
    if before != after and not acts:
        yield "something changed, and the trail does not know"
