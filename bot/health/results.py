"""What a check says."""

from dataclasses import dataclass
from typing import Any

from bot.texts.health import Complaint


@dataclass(frozen=True, slots=True)
class Fine:
    """All that was looked at is as it should be."""

    text: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, and how to mend it: a line each."""

    wrong: str
    mend: str


Result = Fine | Trouble


def trouble(complaint: Complaint, **values: Any) -> Trouble:
    """The complaint with its values."""
    return Trouble(complaint.wrong.format(**values), complaint.mend.format(**values))


def trouble_from(error: Exception, mend: str) -> Trouble:
    """An error of ours; its line says how to mend it after a semicolon, else `mend` does."""
    wrong, _, own = str(error).partition("; ")
    if not own:
        return Trouble(wrong, mend)
    return Trouble(f"{wrong}.", own[0].upper() + own[1:])
