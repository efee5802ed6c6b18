"""How long something is, as a person reads it."""

from bot.texts.fill import Plural, Template, plain

_UNITS: tuple[tuple[int, Template], ...] = (
    (86_400, Plural("{count} day", "{count} days")),
    (3600, Plural("{count} hour", "{count} hours")),
    (60, Plural("{count} minute", "{count} minutes")),
)


def duration_text(seconds: int) -> str:
    """For example `7 days`."""
    for size, template in _UNITS:
        if seconds % size == 0:
            return plain(template, count=seconds // size)
    return plain(_UNITS[-1][1], count=seconds // 60)


def span_text(seconds: int) -> str:
    """About how long that is, for example `40 days`."""
    for unit in (86_400, 3600):
        if seconds >= 2 * unit:
            return duration_text(round(seconds / unit) * unit)
    return duration_text(max(1, round(seconds / 60)) * 60)
