"""The time as the database knows it, and its timers, re-armed after the clock was set back."""

from datetime import datetime, timedelta

from bot.access.case import Case
from bot.access.permission import THE_BOT
from storage.audit_records import AuditEntry
from storage.transaction import Transaction

# Nothing that waits longer is known to wait for a moment of this clock.
_LONGEST_WAIT = timedelta(minutes=1)


async def latest_seen(tx: Transaction, now: datetime) -> datetime:
    """The latest moment that anything was written or signed at; now, if all that was before."""
    newest = await tx.audit.newest(1)
    written = [row.at for row in newest if isinstance(row, AuditEntry)]
    published = [server.crl_published_at for server in await tx.servers.all()]
    return max((now, *filter(None, published), *written))


async def went_back(case: Case, by: timedelta) -> None:
    """Does at once what would otherwise wait as much longer as the clock was set back.

    What had a reason to wait is tried too early, and waits again: Telegram says for how long,
    and a server is looked at once more.
    """
    latest = case.now + _LONGEST_WAIT
    await case.tx.outbox.hasten_beyond(latest, case.now)
    await case.tx.proofs.hasten_beyond(latest, case.now)
    await case.by(THE_BOT).record("clock.back", "clock", seconds=round(by.total_seconds()))
