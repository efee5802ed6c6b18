"""Re-arms the timers in the database after the clock was set back."""

from datetime import timedelta

from bot.access import audit
from bot.access.context import Context
from bot.access.permission import THE_BOT
from storage.transaction import Transaction

# Nothing that waits longer is known to wait for a moment of this clock.
_LONGEST_WAIT = timedelta(minutes=1)


async def went_back(tx: Transaction, ctx: Context, by: timedelta) -> None:
    """Does at once what would otherwise wait as much longer as the clock was set back.

    What had a reason to wait is tried too early, and waits again: Telegram says for how long,
    and a server is looked at once more.
    """
    latest = ctx.now + _LONGEST_WAIT
    await tx.outbox.hasten_beyond(latest, ctx.now)
    await tx.proofs.hasten_beyond(latest, ctx.now)
    await audit.record(tx, ctx, THE_BOT, "clock.back", "clock", seconds=round(by.total_seconds()))
