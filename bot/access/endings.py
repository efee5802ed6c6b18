"""Warnings about certificates that end soon."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.access import messages
from bot.access.case import Case
from bot.access.messages import Notice
from storage.clock_records import EndWarning
from storage.records import LIVE_STATES, Grant, ServerName

# Days before the end; 0 is the end itself.
WARN_AT = (60, 30, 14, 7, 1, 0)
# Profiles, servers and their operators need their time to move to another CA.
WARN_OF_AUTHORITY_AT = (365, 180, 90, *WARN_AT)
AUTHORITY_NOTICE = timedelta(days=365)
# What is given for a few days or weeks ends by design, and its owner knows.
_LONG = timedelta(days=60)
_SHOWN = 20
_DAY = timedelta(days=1)
_AUTHORITY = "ca"


@dataclass(frozen=True, slots=True)
class ServerEnd:
    """When a server's own certificate ends.

    Attributes:
        renew: the shell line that gives it a new one.
    """

    server: ServerName
    ends_at: datetime
    renew: str


def due(
    now: datetime,
    ends_at: datetime,
    last: EndWarning | None,
    warn_at: Collection[int] = WARN_AT,
) -> int | None:
    """Which warning is due now, in days before the end; None where none is.

    One is given at each of `warn_at`, once, and again for another end: a renewed certificate.
    """
    passed = [days for days in warn_at if now >= ends_at - days * _DAY]
    if not passed:
        return None
    days = min(passed)
    if last is not None and last.ends_at == ends_at and last.days <= days:
        return None
    return days


async def warn(case: Case, authority_ends_at: datetime, servers: Iterable[ServerEnd]) -> None:
    """Tells the admins of every end that comes nearer: the CA's, servers', and clients'.

    Of clients' certificates there is one message for all that reach the same day, however many
    they are. An imported server's certificate has no owner who could ask for another.
    """
    told = await case.tx.end_warnings.all()
    warn_at = WARN_OF_AUTHORITY_AT
    if await _is_due(case, _AUTHORITY, authority_ends_at, told, warn_at) is not None:
        until = authority_ends_at.isoformat(timespec="seconds")
        await messages.tell_admins(case, Notice.CA_ENDS, until=until)
    for end in servers:
        if await _is_due(case, f"server:{end.server}", end.ends_at, told) is None:
            continue
        until = end.ends_at.isoformat(timespec="seconds")
        await messages.tell_admins(
            case,
            Notice.SERVER_CERTIFICATE_ENDS,
            server=end.server,
            until=until,
            renew=end.renew,
        )
    due_now: dict[tuple[int, Notice], list[Grant]] = {}
    for grant in await case.tx.grants.not_over():
        # Of an imported one it may not be known when it began.
        is_short = grant.imported_at is None and grant.not_after - grant.not_before < _LONG
        if grant.state not in LIVE_STATES or is_short:
            continue
        days = await _is_due(case, f"grant:{grant.id}", grant.not_after, told)
        if days:  # at the end itself comes the receipt
            code = Notice.SERVERS_CERTIFICATES_END if grant.for_server else Notice.CERTIFICATES_END
            due_now.setdefault((days, code), []).append(grant)
    for (days, code), grants in sorted(due_now.items()):
        names = [grant.common_name for grant in grants[:_SHOWN]]
        said = ", ".join([*names, "…"] if len(grants) > _SHOWN else names)
        await messages.tell_admins(case, code, count=len(grants), days=days, names=said)


async def _is_due(
    case: Case,
    subject: str,
    ends_at: datetime,
    told: Mapping[str, EndWarning],
    warn_at: Collection[int] = WARN_AT,
) -> int | None:
    """Which warning is due now, which counts as given from then on; None where none is."""
    days = due(case.now, ends_at, told.get(subject), warn_at)
    if days is not None:
        await case.tx.end_warnings.record(EndWarning(subject, ends_at, days))
    return days
