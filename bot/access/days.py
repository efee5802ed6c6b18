"""Days as people name them: `2026-09-14`, `14 Sept`, `14.9.`, with a time if need be; or `3d`."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from bot.access.durations import parse_duration
from bot.access.refusals import Refusal, Refused

_NAMES = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_SHORTEST_NAME = 3
_YEAR = r"(?:[ .,]+(?P<year>[0-9]{4}))?"
_DATES = (
    re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})", re.ASCII),
    re.compile(r"(?P<day>[0-9]{1,2})\.[ ]?(?P<month>[0-9]{1,2})\.?(?P<year>[0-9]{4})?", re.ASCII),
    re.compile(rf"(?P<day>[0-9]{{1,2}})\.?[ ]?(?P<name>[a-z]+){_YEAR}", re.ASCII),
    re.compile(rf"(?P<name>[a-z]+)[ .]+(?P<day>[0-9]{{1,2}}){_YEAR}", re.ASCII),
)
_CLOCK = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
_TIME = re.compile(rf"(?P<date>.+?)(?:(?: |(?<=[0-9])t){_CLOCK})?", re.ASCII)
# Longer is no day in any way of writing it, and later is a slip of the pen.
_LONGEST = 40
_FARTHEST = timedelta(days=3660)
_YEARS_AHEAD = 9


def parse_day(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """The moment at which a day begins, or that time of it; by the clock of a zone.

    Without a year it is the next such day. A duration counts from now. Where the clocks are put
    forward over midnight, the day begins when they show its first moment.

    Args:
        zone: None: the machine's own.

    Raises:
        Refused: BAD_DAY; also of a day that was, or is too far off to be meant.
    """
    words = " ".join(text.lower().split())
    try:
        found = _read(words, now, zone) if len(words) <= _LONGEST else None
    except (ValueError, OverflowError):
        found = None
    if found is None or not now < found <= now + _FARTHEST:
        raise Refused(Refusal.BAD_DAY, day=text)
    return found


def in_utc(naive: datetime, zone: tzinfo | None) -> datetime:
    """When the clock of a zone shows this, the first time; None is the machine's own zone.

    Where it is put forward over that, it is as long after the change as that is.
    """
    found = naive.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == naive:
        return found
    # No clock ever shows it, so it is when they are past it.
    return max(found, naive.replace(tzinfo=zone, fold=1).astimezone(UTC))


def _read(words: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    if re.fullmatch(r"[0-9]+[a-z]", words, re.ASCII):
        try:
            return now + timedelta(seconds=parse_duration(words))
        except Refused:
            return None
    whole = _TIME.fullmatch(words)
    if whole is None:
        return None
    hour, minute = int(whole["hour"] or 0), int(whole["minute"] or 0)
    for pattern in _DATES:
        date = pattern.fullmatch(whole["date"])
        if date is None:
            continue
        parts = date.groupdict()
        month = _month(parts["name"]) if parts.get("name") else int(parts["month"])
        day = int(parts["day"])
        if parts["year"] is not None:
            return in_utc(datetime(int(parts["year"]), month, day, hour, minute), zone)  # noqa: DTZ001
        return _next(now, month, day, hour, minute, zone)
    return None


def _next(
    now: datetime,
    month: int,
    day: int,
    hour: int,
    minute: int,
    zone: tzinfo | None,
) -> datetime | None:
    """The next such day: that of a leap year may be some years off."""
    for year in range(now.year, now.year + _YEARS_AHEAD):
        try:
            found = in_utc(datetime(year, month, day, hour, minute), zone)  # noqa: DTZ001
        except ValueError:
            continue
        if found > now:
            return found
    return None


def _month(name: str) -> int:
    """Raises ValueError where it is no month."""
    fits = [n for n, whole in enumerate(_NAMES, 1) if whole.startswith(name)]
    if len(name) < _SHORTEST_NAME or len(fits) != 1:
        raise ValueError("no month")
    return fits[0]
