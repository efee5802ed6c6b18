"""Who is on the list, paused, in a role or a group: by nobody's word but an admin's."""

from collections.abc import Iterator

from tests.gate.case import SECOND, Case, What
from tests.gate.left import is_removed_by_card
from tests.gate.meaning import (
    appoints,
    grouped_by_word,
    leaves_by_word,
    paused_by_word,
    removed_by_word,
)
from tests.gate.snapshot import Left, Person

_KNOCKS_WAIT = 7 * 86_400 * SECOND
_NOBODY = Left(0, False, 0, None, frozenset(), False)


def broken_in_people(case: Case) -> Iterator[str]:
    """What must not happen."""
    yield from _people(case)
    yield from _paused_people(case)
    yield from _roles(case)


def missing_in_people(case: Case) -> Iterator[str]:
    """What has to happen: who is put back is on the list again.

    Nobody puts themselves into a group, nor back into it.
    """
    left = _taken_back(case)
    if any(one.groups and case.same_person(one.id, case.deed.person) for one in left):
        return
    for account in left:
        if account.allowed and not case.after.is_allowed(account.id):
            yield f"{account.id} was not put back on the list"


def was_before(case: Case, user_id: int) -> Left:
    """What an account was before the farewell that this tap takes back, if it does."""
    return next((one for one in _taken_back(case) if one.id == user_id), _NOBODY)


def _taken_back(case: Case) -> tuple[Left, ...]:
    """By whoever did it, within an hour, where nobody has decided about them since."""
    number = case.tapped[1] if len(case.tapped) == 2 else ""
    is_number = number.isascii() and number.isdecimal()
    farewell = case.before.farewells.get(int(number)) if is_number else None
    if farewell is None or not (case.is_admin and case.taps("ur")) or farewell.by != case.key:
        return ()
    is_late = farewell.undo_until is None or farewell.undo_until <= case.deed.at
    is_decided = any(
        one.id in case.before.roles
        or case.before.groups.get(one.id)
        or case.before.people[one.id].revision != one.revision
        for one in farewell.accounts
    )
    return () if is_late or is_decided else farewell.accounts


def _people(case: Case) -> Iterator[str]:
    for user_id, new in case.after.people.items():
        old = case.before.people.get(user_id)
        if old is None:
            yield from _new_person(case, new)
        elif old != new:
            yield from _changed_person(case, old, new)
    if not case.before.people.keys() <= case.after.people.keys():
        yield "somebody is forgotten"


def _new_person(case: Case, new: Person) -> Iterator[str]:
    is_self = new.id == case.deed.person and case.is_admin and not new.allowed
    by_admin = _allows(case, new.id) or appoints(case, new.id)
    if not is_self and not by_admin and case.deed.what is not What.LINK:
        yield f"{new.id} is known although no admin said so"


def _allows(case: Case, user_id: int) -> bool:
    # The number, or the username, may come before the name or behind it.
    named = {*case.arguments[:1], *case.arguments[-1:]}
    by_word = case.commands("allow") and bool(named & {str(user_id), f"@u{user_id}"})
    by_tap = case.taps("aly", user_id) and case.answers
    by_tap = by_tap or user_id in _picked(case)
    return case.is_admin and (by_word or by_tap or _lets_in(case, user_id))


def _picked(case: Case) -> frozenset[int]:
    """Whom whoever says yes has picked from their contacts."""
    number = case.tapped[1] if case.taps("pk") and len(case.tapped) == 3 else ""
    is_number = number.isascii() and number.isdecimal()
    who, people = case.picked.get(int(number) if is_number else 0, (0, frozenset()))
    return people if who == case.deed.person else frozenset()


def _lets_in(case: Case, user_id: int) -> bool:
    """Whether the tap is a yes to the card of a stranger who asked, and nobody answered before."""
    asked = case.before.knocks.get(user_id)
    return (
        asked is not None
        and asked.answered_at is None
        and case.deed.at < asked.asked_at + _KNOCKS_WAIT
        and case.taps("jny", user_id, asked.asked_at // SECOND)
    )


def _changed_person(case: Case, old: Person, new: Person) -> Iterator[str]:
    is_self = old.id == case.deed.person
    is_back = was_before(case, old.id).allowed
    if new.allowed and not old.allowed and not (_allows(case, old.id) or is_back):
        yield f"{old.id} is on the allowlist, and no admin put them there"
    if old.allowed and not new.allowed and not removes(case, old.id):
        yield f"{old.id} was taken off the list, and no admin did it"
    # Until then they were a number; an admin who gives them a role has seen what they are called.
    becomes_known = (is_self or appoints(case, old.id)) and old.name == str(old.id)
    if old.name != new.name and not _allows(case, old.id) and not becomes_known:
        yield f"the name of {old.id} changed"
    if old.same_as != new.same_as and case.deed.what is not What.LINK:
        yield f"{old.id} was linked"
    if old.username != new.username and not is_self:
        yield f"the username of {old.id} changed"
    if old.reachable != new.reachable and not is_self and case.deed.what is not What.DELIVERY:
        yield f"{old.id} became reachable or not by somebody else"


def removes(case: Case, user_id: int) -> bool:
    by_tap = case.is_admin and case.taps_on("rmy", user_id) and case.answers
    by_tap = by_tap or is_removed_by_card(case, user_id)
    return by_tap or user_id in removed_by_word(case)


def _paused_people(case: Case) -> Iterator[str]:
    """Only an admin pauses and resumes, or the day that was named has come."""
    before, after = case.before.paused, case.after.paused
    for one in after.keys() - before.keys():
        theirs = case.before.accounts_of(one)
        by_tap = case.is_admin and case.answers and any(case.taps_on("pay", x) for x in theirs)
        is_again = was_before(case, one).is_paused
        if one not in paused_by_word(case) and not by_tap and not is_again:
            yield f"{one} was paused, and no admin did it"
    for one in before.keys() - after.keys():
        theirs = case.before.accounts_of(one)
        by_tap = case.is_admin and any(case.taps("rs", x) for x in theirs)
        is_due = case.deed.what is What.TIME and (before[one] or case.deed.at + 1) <= case.deed.at
        leaves = any(removes(case, x) for x in theirs)
        if not (one in paused_by_word(case, "resume") or by_tap or is_due or leaves):
            yield f"{one} was resumed, and no admin did it"
        if is_kept_by_another(case, one) and not leaves:
            yield f"{one} let themselves in again"
    for one in before.keys() & after.keys():
        if before[one] != after[one] and one not in paused_by_word(case):
            theirs = case.before.accounts_of(one)
            by_tap = case.is_admin and case.answers and any(case.taps_on("pay", x) for x in theirs)
            if not by_tap:
                yield f"{one} is paused until another day, and no admin said so"
        if before[one] != after[one] and is_kept_by_another(case, one):
            yield f"{one} changed until when they are paused themselves"


def is_kept_by_another(case: Case, paused: int) -> bool:
    """Whether whoever acts is this one, whom somebody else has paused."""
    by = case.before.paused_by.get(paused, "")
    whose = int(by.removeprefix("telegram:")) if by.startswith("telegram:") else 0
    is_own = case.same_person(paused, case.deed.person)
    return is_own and not case.same_person(whose, paused)


# --- roles


def _roles(case: Case) -> Iterator[str]:
    """Only an admin's words give or take a role; what the settings say nobody can change."""
    before, after = case.before, case.after
    for user_id in before.roles.keys() | after.roles.keys():
        if before.roles.get(user_id) == after.roles.get(user_id):
            continue
        is_gone = removes(case, user_id) or user_id in leaves_by_word(case)
        is_over = user_id not in after.roles and is_gone
        given = after.roles.get(user_id)
        is_again = given is not None and was_before(case, user_id).role == given.role
        if not is_over and not appoints(case, user_id) and not is_again:
            yield f"the role of {user_id} changed, and no admin said so"
        had = before.roles.get(user_id)
        may_decide = given is not None and given.role != "auditor"
        if may_decide and not is_again and case.laws.several and (not had or had.role != "admin"):
            yield f"{user_id} may decide by the word of one, where several have to agree"
    for user_id in before.groups.keys() | after.groups.keys():
        if before.groups.get(user_id) == after.groups.get(user_id):
            continue
        is_again = was_before(case, user_id).groups == after.groups.get(user_id)
        if user_id not in grouped_by_word(case) and not removes(case, user_id) and not is_again:
            yield f"{user_id} belongs to other groups, and no admin said so"
