"""How often somebody is answered, and what that costs at most."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.access.permission import Actor
from bot.chat.throttle import Limits, Throttle
from storage.records import UserId

NOW = timedelta(days=3)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def test_so_many_pass_in_a_period_and_no_more() -> None:
    throttle = Throttle(2, MINUTE)
    assert [throttle.passes(1, NOW) for _ in range(4)] == [True, True, False, False]
    assert not throttle.passes(1, NOW + MINUTE - SECOND)
    assert throttle.passes(1, NOW + MINUTE)


def test_one_does_not_use_up_what_another_has() -> None:
    throttle = Throttle(1, MINUTE)
    assert throttle.passes(1, NOW)
    assert throttle.passes(2, NOW)


@given(st.lists(st.integers(0, 500), max_size=300))
def test_memory_is_bounded_whoever_comes(keys: list[int]) -> None:
    throttle = Throttle(1, MINUTE, keys=10)
    for key in keys:
        throttle.passes(key, NOW)
    assert len(throttle._passed) <= 10


def test_whoever_was_quiet_longest_is_forgotten_first() -> None:
    throttle = Throttle(1, MINUTE, keys=2)
    assert throttle.passes(1, NOW)
    assert throttle.passes(2, NOW)
    assert not throttle.passes(1, NOW), "two are remembered"
    assert throttle.passes(3, NOW)
    assert not throttle.passes(1, NOW), "it was here after the second one"
    assert throttle.passes(2, NOW)


@given(st.lists(st.timedeltas(min_value=timedelta(0), max_value=MINUTE), max_size=80))
def test_no_period_ever_has_more(steps: list[timedelta]) -> None:
    throttle = Throttle(3, MINUTE)
    now, passed = NOW, []
    for step in steps:
        now += step
        if throttle.passes(7, now):
            passed.append(now)
    for first in passed:
        assert len([one for one in passed if first <= one < first + MINUTE]) <= 3


def test_all_strangers_together_have_a_limit_too() -> None:
    limits = Limits()
    answered = [limits.answers_stranger(user_id, NOW) for user_id in range(100)]
    assert answered.count(True) == 30
    # What somebody writes after that has a limit of its own, and so a first word is not shut out.
    answered = [limits.answers_stranger(user_id % 100, NOW + SECOND) for user_id in range(300)]
    assert answered.count(True) == 15
    assert not any(limits.answers_stranger(n, NOW + SECOND, is_typed=False) for n in range(30))


def test_a_newcomer_is_answered_three_times_and_then_once_a_minute() -> None:
    limits = Limits()
    at = [NOW + second * SECOND for second in range(40 * 60)]
    assert [limits.answers_stranger(1, now) for now in at[:5]] == [True] * 3 + [False] * 2
    assert [limits.answers_stranger(1, now) for now in at[5:]].count(True) == 39
    taps = [limits.answers_stranger(2, now, is_typed=False) for now in at[:5]]
    assert taps == [True, *[False] * 4]


def test_admins_are_let_do_more_than_others() -> None:
    limits = Limits()
    anna = Actor("telegram:1", "Anna", UserId(1), is_allowed=True)
    boris = Actor("telegram:2", "Boris", UserId(2), is_admin=True)
    assert [limits.acts_for(anna, NOW) for _ in range(31)].count(True) == 30
    assert [limits.acts_for(boris, NOW) for _ in range(121)].count(True) == 120


def person(number: int, *, is_allowed: bool = False, is_admin: bool = False) -> Actor:
    user_id = UserId(number)
    return Actor(f"telegram:{number}", "", user_id, is_allowed=is_allowed, is_admin=is_admin)


def test_who_is_too_fast_slows_down_nobody_else() -> None:
    limits = Limits()
    for _ in range(200):
        limits.acts_for(person(1, is_allowed=True), NOW)
        limits.acts_for(person(2, is_admin=True), NOW)
        limits.warns(1, NOW)
        limits.answers_group(-1, NOW)
        limits.answers_stranger(1, NOW)
    assert limits.acts_for(person(3, is_allowed=True), NOW)
    assert limits.acts_for(person(4, is_admin=True), NOW)
    assert limits.warns(3, NOW)
    assert limits.answers_group(-3, NOW)
    assert limits.answers_stranger(3, NOW)


def test_all_groups_together_have_a_limit_too() -> None:
    limits = Limits()
    assert [limits.answers_group(-one, NOW) for one in range(1, 101)].count(True) == 30


def test_of_everybody_a_few_refusals_are_written_down_and_of_all_strangers_not_many() -> None:
    limits = Limits()
    refused = [limits.audits(person(one), NOW) for one in range(1, 101) for _ in range(30)]
    assert refused[:30].count(True) == 20
    assert refused.count(True) == 300
    for known in (person(201, is_allowed=True), person(202, is_admin=True)):
        assert [limits.audits(known, NOW) for _ in range(30)].count(True) == 20
