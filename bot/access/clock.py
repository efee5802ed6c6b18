"""Re-arms the timers in the database after the clock was set back."""

from datetime import timedelta

from bot.access.case import Case
from bot.access.permission import THE_BOT

# Nothing that waits longer is known to wait for a moment of this clock.
_LONGEST_WAIT = timedelta(minutes=1)


async def went_back(case: Case, by: timedelta) -> None:
    """Does at once what would otherwise wait as much longer as the clock was set back.

    What had a reason to wait is tried too early, and waits again: Telegram says for how long,
    and a server is looked at once more.
    """
    latest = case.now + _LONGEST_WAIT
    await case.tx.outbox.hasten_beyond(latest, case.now)
    await case.tx.proofs.hasten_beyond(latest, case.now)
    await case.by(THE_BOT).record("clock.back", "clock", seconds=round(by.total_seconds()))
