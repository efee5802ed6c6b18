"""What a check says."""

import re
from dataclasses import dataclass
from shlex import quote
from typing import Any

from bot.texts.health import SERVER, Complaint


@dataclass(frozen=True, slots=True)
class Fine:
    """All that was looked at is as it should be."""

    text: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, and how to mend it: a line each.

    `kind` is the same for all that is wrong in the same way.
    """

    wrong: str
    mend: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What follows from a trouble that was told already; no finding of its own."""

    text: str


Result = Fine | Trouble | Note

# At the first semicolon that is not inside a path: those with odd characters are quoted as shlex
# does it, where an apostrophe of a word of ours follows a letter.
_OWN_MEND = re.compile(r"""((?>(?<!\w)'[^']*'|"'"|.)*?); (.+)""", re.DOTALL)


class ShellLine(str):
    """A shell line that is quoted already."""

    __slots__ = ()


def trouble(complaint: Complaint, **values: Any) -> Trouble:
    """The complaint with its values."""
    wrong = complaint.wrong.format(**values)
    return Trouble(wrong, mend_with(complaint.mend, **values), complaint.wrong)


def of_server(name: str, found: Trouble) -> Trouble:
    """The same trouble, with the server's name before it."""
    return Trouble(SERVER.format(server=name, text=found.wrong), found.mend, found.kind)


def mend_with(mend: str, **values: Any) -> str:
    """The mend with its values, each quoted so that a shell takes it for one word.

    What is a `ShellLine` stands there as it is.
    """
    return mend.format(
        **{
            name: value if isinstance(value, ShellLine) else quote(str(value))
            for name, value in values.items()
        }
    )


def trouble_from(error: Exception, mend: str) -> Trouble:
    """Splits an error of ours at its semicolon into wrong and mend; without one, takes `mend`."""
    match = _OWN_MEND.fullmatch(str(error))
    if match is None:
        return Trouble(str(error), mend)
    wrong, own = match.groups()
    return Trouble(f"{wrong}.", own[0].upper() + own[1:])
