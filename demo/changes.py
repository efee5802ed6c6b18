"""Waiting for a change, for any number of waiters."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

_Seen = TypeVar("_Seen")


class Signal:
    """Every call of `notify` wakes all who wait at that moment."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, look: Callable[[], _Seen], seconds: float) -> _Seen:
        """Looks now and after each change, until something is seen or the time is over.

        Gives what was seen last, which is false or empty where the time is over.
        """
        # By real time, whatever the world's clock says.
        end = time.monotonic() + seconds
        while not (seen := look()) and (left := end - time.monotonic()) > 0:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await waiter
            finally:
                self._waiters.discard(waiter)
        return seen
