"""Durations: `30m`, `8h`, `7d`, `2w`. Kept as whole seconds."""

import re

from bot.access.refusals import Refusal, Refused

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# Ten digits would be longer than any calendar.
_DURATION = re.compile(r"([1-9][0-9]{0,8})([mhdw])", re.ASCII)
# What an admin may give, or somebody ask for, instead of what was asked for.
_LADDER = (3600, 8 * 3600, 86_400, 7 * 86_400, 30 * 86_400)
_SHORTER_CHOICES = 2
_LONGER_CHOICES = 2


def parse_duration(text: str) -> int:
    """Seconds.

    Raises:
        Refused: UNKNOWN_DURATION.
    """
    match = _DURATION.fullmatch(text.lower())
    if match is None:
        raise Refused(Refusal.UNKNOWN_DURATION, duration=text)
    return int(match[1]) * _UNITS[match[2]]


def format_duration(seconds: int) -> str:
    """The shortest way to write it that `parse_duration` reads."""
    for unit in ("w", "d", "h"):
        if seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds // 60}m"


def within_limit(seconds: int, limit: int) -> int:
    """The same duration.

    Raises:
        Refused: DURATION_TOO_LONG.
    """
    if seconds > limit:
        raise Refused(Refusal.DURATION_TOO_LONG, seconds=seconds, limit=limit)
    return seconds


def choices(requested: int) -> tuple[int, ...]:
    """What an admin may approve: what was asked for, and up to two shorter durations."""
    shorter = [step for step in _LADDER if step < requested]
    return (requested, *shorter[: -_SHORTER_CHOICES - 1 : -1])


def longer(requested: int, limit: int) -> tuple[int, ...]:
    """What an admin may approve where what was asked for is too short: up to two durations."""
    found = [step for step in _LADDER if requested < step <= limit]
    return tuple(found[:_LONGER_CHOICES])


def others(limit: int, usual: int, current: int) -> tuple[int, ...]:
    """What somebody may ask for instead of `current`, from the shortest to the longest."""
    found = {step for step in (*_LADDER, usual) if step <= limit} - {current}
    return tuple(sorted(found))
