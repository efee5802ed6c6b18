"""Whether anything vouches for the machine's clock, and what time it is where nothing does."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.process.clock import DOUBT, PATIENCE, Standing, TrustedClock, boot_id, since_boot
from storage.clock_records import ClockAnchor

START = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=s) for s in (1, 60, 3600, 86_400))
AN_INSTANT = timedelta(0)
JUMPS = [40 * DAY, -40 * DAY, HOUR, -HOUR, DOUBT + MINUTE, -DOUBT - MINUTE]


class Machine:
    """Time goes by; its clock may be wrong by something."""

    def __init__(self) -> None:
        self.up = 3 * DAY
        self.wrong_by = timedelta(0)
        self.clock = self.another_process()

    def another_process(self, boot: str = "this") -> TrustedClock:
        return TrustedClock(self.shown, boot=lambda: self.up, boot_id=boot)

    @property
    def truth(self) -> datetime:
        return START + (self.up - 3 * DAY)

    def shown(self) -> datetime:
        return self.truth + self.wrong_by

    def standing(self) -> Standing:
        return self.clock.look().standing

    def telegram(self, off: timedelta = timedelta(0), *, age: timedelta = timedelta(0)) -> None:
        self.clock.telegram_said(self.truth + off - age, age=age)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_what_telegram_says_counts(machine: Machine) -> None:
    machine.telegram()
    assert machine.standing() is Standing.AGREED
    machine.up += DAY
    assert machine.standing() is Standing.AGREED
    assert machine.clock() == machine.shown()


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_clock_that_jumps_is_in_doubt_at_once(machine: Machine, jump: timedelta) -> None:
    """Before Telegram is heard again; the true time goes on."""
    machine.telegram()
    machine.up += HOUR
    machine.wrong_by = jump
    look = machine.clock.look()
    assert (look.standing, look.now, look.ahead) == (Standing.DOUBTED, machine.truth, jump)
    machine.telegram()
    machine.up += MINUTE
    look = machine.clock.look()
    assert (look.now, look.doubted_for) == (machine.truth, MINUTE)
    machine.wrong_by = timedelta(0)
    assert machine.standing() is Standing.AGREED
    assert machine.clock.look().doubted_for == AN_INSTANT


@pytest.mark.parametrize("jump", JUMPS, ids=str)
@pytest.mark.parametrize("is_heard", [True, False])
def test_a_clock_that_jumps_between_two_runs(
    machine: Machine, jump: timedelta, is_heard: bool
) -> None:
    machine.telegram()
    kept = machine.clock.anchor()
    machine.up += DAY
    machine.wrong_by = jump
    machine.clock = machine.another_process()
    machine.clock.resume(kept)
    if is_heard:
        machine.telegram()
    look = machine.clock.look()
    assert (look.standing, look.now) == (Standing.DOUBTED, machine.truth)


def test_a_doubt_goes_on_in_the_next_run(machine: Machine) -> None:
    machine.telegram()
    machine.wrong_by = DAY
    assert machine.standing() is Standing.DOUBTED
    kept = machine.clock.anchor()
    machine.up += HOUR
    machine.clock = machine.another_process()
    machine.clock.resume(kept)
    assert machine.clock.look().doubted_for == HOUR


def test_the_clock_goes_on_in_the_next_run(machine: Machine) -> None:
    machine.telegram()
    kept = machine.clock.anchor()
    machine.up += DAY
    machine.clock = machine.another_process()
    machine.clock.resume(kept)
    assert machine.standing() is Standing.AGREED


@pytest.mark.parametrize("boot", ["another", ""])
def test_what_was_known_before_the_machine_was_started(machine: Machine, boot: str) -> None:
    """The time since then says nothing about a moment before it."""
    machine.telegram()
    kept = machine.clock.anchor()
    machine.clock = machine.another_process(boot)
    machine.clock.resume(kept)
    machine.clock.resume(None)
    assert machine.standing() is Standing.UNHEARD
    assert machine.clock.anchor() is None


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_clock_that_is_wrong_from_the_first_start_on(machine: Machine, jump: timedelta) -> None:
    machine.wrong_by = jump
    assert machine.standing() is Standing.UNHEARD
    machine.telegram()
    look = machine.clock.look()
    assert (look.standing, look.now, look.ahead) == (Standing.DOUBTED, machine.truth, jump)
    assert machine.clock.anchor() is None
    machine.wrong_by = timedelta(0)
    machine.telegram()
    assert machine.standing() is Standing.AGREED


def test_where_no_witness_is_the_clock_is_believed(machine: Machine) -> None:
    machine.wrong_by = 40 * DAY
    machine.up += PATIENCE - SECOND
    assert machine.standing() is Standing.UNHEARD
    machine.up += SECOND
    assert machine.standing() is Standing.BELIEVED
    assert machine.clock() == machine.shown()
    # What was only believed vouches for nothing.
    machine.telegram()
    assert machine.standing() is Standing.DOUBTED


def test_after_a_machine_stood_still_telegram_is_believed(machine: Machine) -> None:
    """A snapshot is resumed: its clock was put right, and nothing counted the time between."""
    machine.telegram()
    machine.wrong_by = 3 * DAY
    assert machine.standing() is Standing.DOUBTED
    machine.telegram(3 * DAY)
    assert machine.standing() is Standing.AGREED
    assert machine.clock() == machine.shown()


@pytest.mark.parametrize("off", [40 * DAY, -40 * DAY])
def test_telegram_that_lies_changes_no_time(machine: Machine, off: timedelta) -> None:
    """It stops what it carries anyway, and for an hour what ends by itself."""
    machine.telegram()
    machine.telegram(off)
    look = machine.clock.look()
    assert (look.standing, look.now) == (Standing.DOUBTED, machine.truth)


def test_an_answer_that_took_its_time(machine: Machine) -> None:
    """A long poll, or a machine that slept while the answer lay there."""
    machine.telegram(age=8 * HOUR)
    assert machine.standing() is Standing.AGREED
    machine.wrong_by = -HOUR
    assert machine.standing() is Standing.AGREED  # nobody can tell
    machine.wrong_by = HOUR
    assert machine.standing() is Standing.DOUBTED


@pytest.mark.parametrize("nonsense", [(1, 1, 1), (1970, 1, 1), (9999, 12, 31)])
def test_dates_that_make_no_sense(machine: Machine, nonsense: tuple[int, int, int]) -> None:
    told = datetime(*nonsense, tzinfo=UTC)
    machine.clock.telegram_said(told, age=AN_INSTANT)
    for name in ("berlin", "paris", "rome"):
        machine.clock.server_said(name, told)
    assert machine.standing() is Standing.UNHEARD


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        (1, 0, Standing.UNHEARD),
        (1, 5, Standing.UNHEARD),
        (2, 2, Standing.UNHEARD),
        (2, 1, Standing.DOUBTED),
        (2, 0, Standing.DOUBTED),
    ],
)
def test_servers_count_together_where_nothing_else_does(
    machine: Machine, wrong: int, right: int, expected: Standing
) -> None:
    """One that was taken over stops nothing."""
    for number in range(wrong):
        machine.clock.server_said(f"wrong-{number}", machine.truth - 40 * DAY)
    for number in range(right):
        machine.clock.server_said(f"right-{number}", machine.truth)
    look = machine.clock.look()
    assert look.standing is expected
    if expected is Standing.DOUBTED:
        assert look.now == machine.truth - 40 * DAY
    machine.telegram()
    assert machine.standing() is Standing.AGREED


def test_servers_keep_no_doubt_away(machine: Machine) -> None:
    machine.telegram()
    machine.wrong_by = 40 * DAY
    for name in ("berlin", "paris", "rome"):
        machine.clock.server_said(name, machine.shown())
    assert machine.standing() is Standing.DOUBTED


def test_a_small_difference_is_none(machine: Machine) -> None:
    machine.wrong_by = DOUBT
    machine.telegram()
    assert machine.standing() is Standing.AGREED
    assert machine.clock.anchor() == ClockAnchor("this", machine.shown(), machine.up)


def test_this_machine() -> None:
    clock = TrustedClock(boot_id=boot_id())
    assert abs(clock() - datetime.now(UTC)) < MINUTE
    assert boot_id()
    assert AN_INSTANT < since_boot() <= since_boot()


def test_a_server_that_was_taken_out_is_no_witness(machine: Machine) -> None:
    for name in ("berlin", "paris", "rome"):
        machine.clock.server_said(name, machine.truth - 40 * DAY)
    assert machine.standing() is Standing.DOUBTED
    for name in ("berlin", "paris"):
        machine.clock.forget_server(name)
    machine.clock.forget_server("never heard of")
    assert machine.standing() is Standing.UNHEARD
