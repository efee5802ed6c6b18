"""Notices that the machine's clock was set back."""

from datetime import datetime, timedelta

# A clock that is brought into step goes back by less. Whatever waits for a moment waits so much
# longer then, which is nothing.
CLOCK_TOLERANCE = timedelta(minutes=1)


class SetBack:
    """Compares each time with the latest that was seen."""

    def __init__(self, latest: datetime) -> None:
        self._latest = latest

    def noticed(self, now: datetime) -> timedelta | None:
        """How far the clock was set back; None where it was not, or that was noticed before."""
        back = self._latest - now
        if back <= CLOCK_TOLERANCE:
            self._latest = max(self._latest, now)
            return None
        self._latest = now
        return back
