"""The time that the bot goes by, and whether anything vouches for it.

A machine's clock can jump: a battery is empty, a snapshot is resumed, a time server is wrong. One
that is 40 days ahead for a minute would end every access of a company, for good. So there are
witnesses:

1. Telegram: each of its answers carries a Date.
2. The time since the machine was started (CLOCK_BOOTTIME), which no correction of the clock
   touches: together with the moment when Telegram last agreed, it says what time it must be.
3. The servers, whose management interface says their time.

Telegram's word counts as long as this run has heard it, carried on by (2). Before that, which is
after a restart of the bot, the clock is right if it has gone on without a jump since Telegram last
agreed. Only where neither is to be had, which is after a restart of the machine, the servers are
asked: one that was taken over could lie to keep accesses from ending, so it takes more than half of
them, and more than one. They are never believed for the clock, only against it; and by no lie can
one of them do more than that. Telegram could keep accesses from ending for an hour, see
`bot.rounds.keeper`, and nothing from being issued that it does not itself carry.

While the clock is in doubt, the bot goes by the last moment that Telegram agreed with, and the time
since then: so lists of revocations, entries and ends keep their true dates.

Accepted: where nothing is heard of any witness, the clock is believed. Accepted: a clock that is
wrong by less than DOUBT; it is told by `vpnbot doctor` from CLOCK_TOLERANCE on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from statistics import median_low

from storage.clock_records import ClockAnchor

# A clock that is brought into step goes back by less. Whatever waits for a moment waits so much
# longer then, which is nothing.
CLOCK_TOLERANCE = timedelta(minutes=1)
# From here on a difference does harm. A machine without a time server is so far off after months.
DOUBT = timedelta(minutes=10)
# How long a bot that starts waits for Telegram's word before it believes the clock.
PATIENCE = timedelta(minutes=5)
# What lies outside is no time that anybody means; and it leaves room to count from.
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

Clock = Callable[[], datetime]
SinceBoot = Callable[[], timedelta]


def utc_now() -> datetime:
    return datetime.now(UTC)


def since_boot() -> timedelta:
    """The time since the machine was started, sleep included."""
    return timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))


def boot_id() -> str:
    """Another one after each start of the machine; empty where it cannot be read."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


class Standing(StrEnum):
    """What is known of the machine's clock."""

    AGREED = "agreed"
    DOUBTED = "doubted"  # the witnesses say another time
    UNHEARD = "unheard"  # no witness has said anything yet
    BELIEVED = "believed"  # no witness can be had


@dataclass(frozen=True, slots=True)
class ClockLook:
    """The clock at one moment.

    Attributes:
        now: the time to go by.
        ahead: by how much the machine's clock is ahead of that.
        doubted_for: how long it has been in doubt; zero where it is not.
        since_boot: how long the machine has been up.
    """

    now: datetime
    standing: Standing
    since_boot: timedelta
    ahead: timedelta = timedelta(0)
    doubted_for: timedelta = timedelta(0)

    @property
    def in_doubt(self) -> bool:
        return self.standing is Standing.DOUBTED


@dataclass(frozen=True, slots=True)
class _Word:
    """What a witness said: the time was `told` when the answer was written, at most `age` ago."""

    told: datetime
    age: timedelta
    heard_at: timedelta

    def now(self, boot: timedelta) -> datetime:
        return self.told + (boot - self.heard_at)

    def agrees(self, wall: datetime, boot: timedelta) -> bool:
        earliest = self.now(boot)
        return earliest - DOUBT <= wall <= earliest + self.age + DOUBT


class TrustedClock:
    """The machine's clock while nothing speaks against it; called for the time to go by.

    Args:
        machine: the machine's clock.
        boot: the time since the machine was started.
        boot_id: of this start of the machine.
    """

    def __init__(
        self, machine: Clock = utc_now, *, boot: SinceBoot = since_boot, boot_id: str = ""
    ) -> None:
        self._machine = machine
        self._boot = boot
        self._boot_id = boot_id
        self._started_at = boot()
        self._telegram: _Word | None = None
        self._servers: dict[str, _Word] = {}
        self._agreed: tuple[datetime, timedelta] | None = None
        self._doubted_at: timedelta | None = None

    def __call__(self) -> datetime:
        return self.look().now

    def look(self) -> ClockLook:
        """Compares the machine's clock with all that the witnesses have said."""
        boot, machine = self._boot(), self._machine()
        standing, other = self._judge(machine, boot)
        if standing is not Standing.DOUBTED:
            self._doubted_at = None
            return ClockLook(machine, standing, boot)
        if self._doubted_at is None:
            self._doubted_at = boot
        now = other if self._agreed is None else self._carried_on(boot)
        return ClockLook(now, standing, boot, machine - now, boot - self._doubted_at)

    def _judge(self, machine: datetime, boot: timedelta) -> tuple[Standing, datetime]:
        """What the best witness says of the machine's clock, and the time that it gives."""
        if self._telegram is not None:
            agrees = self._telegram.agrees(machine, boot)
            return _standing(agrees=agrees), self._telegram.now(boot)
        if self._agreed is not None:
            carried_on = self._carried_on(boot)
            return _standing(agrees=abs(machine - carried_on) <= DOUBT), carried_on
        against = [word for word in self._servers.values() if not word.agrees(machine, boot)]
        if len(against) > max(1, len(self._servers) / 2):
            return Standing.DOUBTED, median_low(word.now(boot) for word in against)
        is_new = boot - self._started_at < PATIENCE
        return Standing.UNHEARD if is_new else Standing.BELIEVED, machine

    def _carried_on(self, boot: timedelta) -> datetime:
        assert self._agreed is not None
        agreed_at, boot_then = self._agreed
        return agreed_at + (boot - boot_then)

    def telegram_said(self, told: datetime, *, age: timedelta) -> None:
        """Takes the Date of an answer.

        Args:
            age: how long the call took at most, so how old the answer can be.
        """
        if not _EARLIEST < told < _LATEST:
            return
        boot, machine = self._boot(), self._machine()
        self._telegram = _Word(told, age, boot)
        if self._telegram.agrees(machine, boot):
            self._agreed = machine, boot

    def server_said(self, name: str, told: datetime) -> None:
        """Takes the time that a server gave just now."""
        if not _EARLIEST < told < _LATEST:
            return
        self._servers[name] = _Word(told, timedelta(0), self._boot())

    def forget_server(self, name: str) -> None:
        """It was taken out, and is no witness any more."""
        self._servers.pop(name, None)

    def anchor(self) -> ClockAnchor | None:
        """What the next process on this machine has to know; None where nothing was agreed."""
        if self._agreed is None or not self._boot_id:
            return None
        self.look()
        return ClockAnchor(self._boot_id, *self._agreed, doubted_since_boot=self._doubted_at)

    def resume(self, anchor: ClockAnchor | None) -> None:
        """Goes on from what an earlier process knew, if the machine was not started since."""
        if anchor is not None and anchor.boot_id and anchor.boot_id == self._boot_id:
            self._agreed = anchor.agreed_at, anchor.since_boot
            self._doubted_at = anchor.doubted_since_boot


def _standing(*, agrees: bool) -> Standing:
    return Standing.AGREED if agrees else Standing.DOUBTED
