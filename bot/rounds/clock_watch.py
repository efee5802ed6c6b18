"""Says when the machine's clock comes into doubt, and keeps what the next process has to know."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from bot.access import messages
from bot.access.messages import Notice
from bot.access.permission import THE_BOT
from bot.office import Office
from bot.process.clock import PATIENCE, Standing
from storage.clock_records import ClockAnchor

log = logging.getLogger(__name__)

_LOOK_S = 0.1
# A witness that is right and wrong by turns is told of once.
_CALM = timedelta(minutes=1)
# Of what is kept: no clock goes more exactly.
_SAME = timedelta(seconds=1)


class ClockWatch:
    """What was told is kept in memory: so it is told again after a restart."""

    def __init__(self, office: Office, on_written: Callable[[], None]) -> None:
        self._office = office
        self._time = office.time
        self._on_written = on_written
        self._doubt_told = False
        self._well_since: timedelta | None = None
        self._belief_told = False
        self._kept: ClockAnchor | None = None

    async def heard(self) -> None:
        """Waits until a witness has spoken, or none is to be had."""
        while self._time.look().standing is Standing.UNHEARD:  # noqa: ASYNC110 - a clock tells it
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Tells the admins of what is new, once."""
        look = self._time.look()
        await self._keep()
        if look.in_doubt:
            self._well_since = None
            if not self._doubt_told:
                off = round(look.ahead.total_seconds())
                log.error(
                    "This machine's clock is wrong by %+d s, say Telegram and the time since its "
                    "start",
                    off,
                )
                code = Notice.CLOCK_AHEAD if off > 0 else Notice.CLOCK_BEHIND
                await self._tell("clock.doubt", code, seconds=abs(off))
                self._doubt_told = True
        elif self._doubt_told:
            self._well_since = self._well_since or look.since_boot
            if look.since_boot - self._well_since >= _CALM:
                await self._tell("clock.agree", Notice.CLOCK_AGREED)
                self._doubt_told = False
        if look.standing is Standing.BELIEVED and not self._belief_told:
            log.warning("Nothing has vouched for this machine's clock since the start; I go by it")
            minutes = PATIENCE // timedelta(minutes=1)
            await self._tell("clock.believe", Notice.CLOCK_BELIEVED, minutes=minutes)
            self._belief_told = True

    async def _tell(self, action: str, code: Notice, **values: int) -> None:
        async with self._office.acting(THE_BOT) as case:
            await case.record(action, "clock", code=code, **values)
            await messages.tell_admins(case, code, **values)
        self._on_written()

    async def _keep(self) -> None:
        """A process that starts later goes on from it; see `TrustedClock.resume`."""
        anchor = self._time.anchor()
        if anchor is None or (self._kept is not None and _same(anchor, self._kept)):
            return
        async with self._office.database.writing() as tx:
            await tx.clock.record(anchor)
        self._kept = anchor


def _same(one: ClockAnchor, other: ClockAnchor) -> bool:
    """Whether both say the same of what time it is, and since when it is in doubt."""
    apart = (one.agreed_at - one.since_boot) - (other.agreed_at - other.since_boot)
    return abs(apart) <= _SAME and one.doubted_since_boot == other.doubted_since_boot
