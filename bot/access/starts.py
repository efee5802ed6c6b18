"""When something is to begin, as people write it: `from mon 9:00`, `from 14 Sept at 8:30`.

Read by the clock of the company's zone, see `bot.access.days.in_utc` for summer time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from bot.access import days, spoken
from bot.access.refusals import Refusal, Refused

# The profile goes out so long before.
LEAD = timedelta(minutes=10)
_FROM = frozenset({"from", "starting", "beginning"})
_SKIPPED = frozenset({"on", "next", "this"})
_NEAR = {"today": 0, "tomorrow": 1}
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(
    r"(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2}))?(?P<half>am|pm)?", re.ASCII | re.IGNORECASE
)
_SHORTEST_NAME = 3
_LONGEST = 5
_FARTHEST = timedelta(days=92)
_NOON = 12


@dataclass(frozen=True, slots=True)
class Start:
    """When it is to begin, and how many words say so."""

    at: datetime
    length: int


def leading(words: Sequence[str], now: datetime, zone: tzinfo | None) -> Start | None:
    """What these words say of a beginning; None where they begin with nothing of the kind.

    Args:
        zone: whose clock is meant; None: the machine's.

    Raises:
        Refused: BAD_START where nobody can tell when, START_PAST, START_FAR.
    """
    plain = [word.lower().strip(",;!?()\"'") for word in words]
    if plain[:1] == [] or plain[0] not in _FROM:
        return None
    at = 2 if plain[1:2] and plain[1] in _SKIPPED else 1
    following = plain[at : at + _LONGEST + 1]
    for length in range(min(len(following), _LONGEST), 0, -1):
        found = _moment(following[:length], following[length - 1 :], now, zone)
        if found is not None:
            _require_near(found, now)
            return Start(found, at + length)
    if following and (following[0][:1].isdigit() or _dates(following[0], now, zone)):
        raise Refused(Refusal.BAD_START, start=" ".join(words[: at + 2]))
    return None


def _require_near(found: datetime, now: datetime) -> None:
    if found <= now:
        raise Refused(Refusal.START_PAST, at=found)
    if found > now + _FARTHEST:
        raise Refused(Refusal.START_FAR, days=_FARTHEST.days)


def _moment(
    words: Sequence[str], last: Sequence[str], now: datetime, zone: tzinfo | None
) -> datetime | None:
    """What all of these words mean; `last` is the last of them with what follows."""
    *day, end = [word for word in words if word != "at"] or [""]
    clock = _clock(end)
    is_hour = end.isdigit()
    # 'mon 9 days' speaks of days, and a 9 without a day of anything.
    if clock is None or words[-1] == "at" or (is_hour and (not day or spoken.leading(last))):
        day, clock = [*day, end], None
    wanted = _dates(" ".join(day), now, zone) if day else _dates("today", now, zone)
    if not day:
        wanted = (*wanted, wanted[0] + timedelta(days=1))
    if wanted:
        naive = [datetime.combine(one, clock or time()) for one in wanted]
        found = [days.in_utc(one, zone) for one in naive]
        return next((one for one in found if one > now), found[0])
    # A number alone may be anything; a date with an hour says its minutes.
    text = " ".join(day) + (f" {clock:%H:%M}" if clock else "")
    if is_hour or re.fullmatch(r"[0-9]+[a-z]*", text):
        return None
    try:
        return days.parse_day(text, now, zone)
    except Refused:
        return None


def _dates(word: str, now: datetime, zone: tzinfo | None) -> tuple[date, ...]:
    """The days that are called so, the nearest first; none of a date."""
    today = now.astimezone(zone).date()
    if word in _NEAR:
        return (today + timedelta(days=_NEAR[word]),)
    name = word.rstrip(".")
    fits = [n for n, whole in enumerate(_WEEK) if whole.startswith(name)]
    if len(name) < _SHORTEST_NAME or len(fits) != 1:
        return ()
    nearest = today + timedelta(days=(fits[0] - today.weekday()) % 7)
    return nearest, nearest + timedelta(days=7)


def _clock(word: str) -> time | None:
    found = _CLOCK.fullmatch(word)
    if found is None:
        return None
    hour = int(found["hour"])
    if found["half"]:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if found["half"] == "pm" else 0)
    try:
        return time(hour, int(found["minute"] or 0))
    except ValueError:
        return None
