"""Of a use of a profile its owner is asked whether that was them, and nobody else answers."""

from collections.abc import Iterator

from tests.gate.case import Case, What
from tests.gate.snapshot import LIVE, AskedUse, Grant


def says_not_me(case: Case, grant: Grant) -> bool:
    """Whether this tap is its owner's no, by whichever account, to what they were asked."""
    use = _tapped(case)
    is_theirs = case.is_allowed and case.same_person(case.deed.person, grant.user_id or 0)
    return case.taps("nm") and is_theirs and use is not None and use.grant_id == grant.id


def broken_in_uses(case: Case) -> Iterator[str]:
    """What must not happen."""
    before, after = case.before.asked_uses, case.after.asked_uses
    if not before.keys() <= after.keys():
        yield "a question about a use is gone"
    firsts = [use.grant_id for use in after.values() if use.kind == "first"]
    if len(set(firsts)) < len(firsts):
        yield "somebody was asked twice about the first use of a profile"
    for number in after.keys() - before.keys():
        grant = case.after.grants[after[number].grant_id]
        if case.deed.what is not What.LOOK:
            yield "somebody was asked about a use that nobody saw"
        if grant.user_id is None or grant.state not in LIVE or grant.for_server:
            yield f"there is nobody to ask about {grant.id}"
    for number in before.keys() & after.keys():
        old, new = before[number], after[number]
        grant = case.before.grants[old.grant_id]
        is_theirs = case.is_allowed and case.same_person(case.deed.person, grant.user_id or 0)
        answers = is_theirs and (case.taps("nm", number) or case.taps("wm", number))
        if old != new and not answers:
            yield f"question {number} was answered by somebody whose profile it is not"
        if old.was_owner == 0 and new != old:
            yield f"question {number} was answered anew after a no"


def missing_in_uses(case: Case) -> Iterator[str]:
    """What has to happen: a no ends what still lives."""
    use = _tapped(case)
    if use is None or use.was_owner == 0:
        return
    before, after = case.before.grants[use.grant_id], case.after.grants[use.grant_id]
    if says_not_me(case, before) and before.state in LIVE and after.state in LIVE:
        yield f"{after.id} lives on, and its owner said that a use was not theirs"


def _tapped(case: Case) -> AskedUse | None:
    """The use that the tapped button is about."""
    number = case.tapped[1] if len(case.tapped) == 2 else ""
    is_number = number.isascii() and number.isdecimal()
    return case.before.asked_uses.get(int(number)) if is_number else None
