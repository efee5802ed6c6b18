"""Of somebody who seems to have left the admins are asked once, and nothing ends without a yes."""

from collections.abc import Iterable, Iterator

from tests.gate.case import Case, What
from tests.gate.snapshot import Leaving, Row, Snapshot


def is_removed_by_card(case: Case, user_id: int) -> bool:
    """Whether this tap is an admin's yes to a question that is open, by whichever account."""
    asked = _tapped(case)
    return case.taps("lv") and _may_answer(case, asked) and _is_about(case, asked, user_id)


def who_is_asked(case: Case, row: Row) -> Iterable[int]:
    """The admins, but for whoever it is about."""
    asked = case.after.leavings[row.payload["leaving"]]
    given = [one for one in case.after.roles if case.after.has_role(one, "admin")]
    whose = case.after.person_of(asked.user_id)
    return [one for one in (*case.laws.admins, *given) if case.after.person_of(one) != whose]


def broken_in_leavings(case: Case) -> Iterator[str]:
    """What must not happen."""
    before, after = case.before.leavings, case.after.leavings
    if not before.keys() <= after.keys():
        yield "a question about somebody who left is gone"
    standing = [(one.user_id, one.cause) for one in after.values() if _stands(one)]
    if len(set(standing)) < len(standing):
        yield "the admins were asked twice about the same"
    for number in after.keys() - before.keys():
        whom = after[number].user_id
        is_theirs = _moved(case, "left") and case.deed.person == whom
        if not (is_theirs and _has_anything(case.before, whom)):
            yield f"the admins were asked about {whom}, who did not leave"
    for number in before.keys() & after.keys():
        if before[number] != after[number]:
            yield from _changed(case, before[number], after[number])


def _changed(case: Case, old: Leaving, new: Leaving) -> Iterator[str]:
    gone = _has_anything(case.before, old.user_id) and not case.after.is_allowed(old.user_id)
    is_theirs = case.deed.person == old.user_id
    keeps = case.taps("lvk", old.id) and _may_answer(case, old)
    fits = {
        ("open", "kept"): keeps,
        ("open", "back"): is_theirs and _moved(case, "back"),
        ("kept", "back"): is_theirs and _moved(case, "back"),
        ("open", "removed"): gone,
        ("kept", "removed"): gone,
        ("removed", "kept"): case.taps("ur") and case.is_admin,
    }
    if not fits.get((old.state, new.state)):
        yield f"question {old.id} about {old.user_id} became {new.state}"


def missing_in_leavings(case: Case) -> Iterator[str]:
    """What has to happen: the first time they are asked, and an answer counts."""
    whom = case.deed.person
    standing = [one for one in case.before.leavings.values() if one.user_id == whom]
    is_news = not any(_stands(one) for one in standing)
    if (
        _moved(case, "left")
        and is_news
        and case.before.is_allowed(whom)
        and not _is_asked(case, whom)
    ):
        yield f"nobody was asked about {whom}, who left"
    asked = _tapped(case)
    if asked is None or not _may_answer(case, asked) or case.deed.hurried or case.deed.again:
        return
    if case.taps("lv") and case.after.is_allowed(asked.user_id):
        yield f"{asked.user_id} was not removed, by an admin's tap"
    if case.taps("lvk") and case.after.leavings[asked.id].state != "kept":
        yield f"{asked.user_id} was not kept, by an admin's tap"


def _moved(case: Case, how: str) -> bool:
    """In the group that the settings name."""
    return case.deed.what is What.MOVED and case.deed.text == how


def _is_asked(case: Case, whom: int) -> bool:
    return any(one.user_id == whom and one.state == "open" for one in case.after.leavings.values())


def _may_answer(case: Case, asked: Leaving | None) -> bool:
    if asked is None or asked.state != "open" or not case.is_admin:
        return False
    return not case.same_person(case.deed.person, asked.user_id)


def _is_about(case: Case, asked: Leaving | None, user_id: int) -> bool:
    return asked is not None and case.same_person(asked.user_id, user_id)


def _has_anything(state: Snapshot, user_id: int) -> bool:
    return state.is_allowed(user_id) or user_id in state.roles


def _stands(one: Leaving) -> bool:
    return one.state in {"open", "kept"}


def _tapped(case: Case) -> Leaving | None:
    """The question that the tapped button is about."""
    number = case.tapped[1] if case.tap in {"lv", "lvk"} and len(case.tapped) == 2 else ""
    is_number = number.isascii() and number.isdecimal()
    return case.before.leavings.get(int(number)) if is_number else None
