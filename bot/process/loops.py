"""Parts of the bot that go on for ever, and what they do every so often."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from bot.errors import VpnbotError
from bot.process.clock import SinceBoot
from storage.errors import passing_trouble

log = logging.getLogger(__name__)

# After whatever broke a round off: long enough not to fill the log.
_PAUSE_S = 2.0


async def forever(round_: Callable[[], Awaitable[None]], *, pause_s: float = _PAUSE_S) -> None:
    """Repeats until it is cancelled.

    What is written is in the database or not at all, so a round that broke off is simply done
    again. What may pass by itself is said when it begins and when it is over.

    Raises:
        VpnbotError: what an operator has to mend first.
    """
    trouble: str | None = None
    while True:
        try:
            await round_()
        except VpnbotError:
            raise
        except Exception as error:
            before, trouble = trouble, passing_trouble(error)
            if trouble is None:
                log.exception("A round broke off; the next one follows")
            elif trouble != before:
                log.warning("%s I keep trying", trouble)
            await asyncio.sleep(pause_s)
        else:
            if trouble is not None:
                log.info("The database can be written again")
            trouble = None


class Every:
    """A timer in memory: due at once, or after the first period, and then once in each.

    Args:
        since_boot: the time since the machine was started, which nobody sets.
    """

    def __init__(self, period: timedelta, since_boot: SinceBoot, *, at_once: bool = True) -> None:
        self._period = period
        self._since_boot = since_boot
        self._at = since_boot() if at_once else since_boot() + period

    def is_due(self) -> bool:
        """Whether it is time; if so, the next time is a period later."""
        now = self._since_boot()
        if now < self._at:
            return False
        self._at = now + self._period
        return True


async def woken(event: asyncio.Event, seconds: float) -> None:
    """Waits for the event, but no longer than this."""
    # Not asyncio.wait_for: before Python 3.12 it loses a cancellation that comes together with the
    # event, and the bot would not stop.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
