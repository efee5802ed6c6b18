"""`.env`: whose it is, who else could change it, and what it says.

It names the admins and what opens the CA, so nothing in it is passed over: a line that a parser
would skip may be the one that asks for two approvals. And nothing is filled in from the
environment, where whoever started the program may keep secrets of their own.
"""

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from bot.errors import BadSettings
from bot.process.data_folder import account_name
from bot.process.privileges import ROOT
from vpn.host.safe_place import shared_above, unsafe_above

ENV_FILE = ".env"
_LONGEST = 256 * 1024
_FOR_OTHERS_TO_WRITE = stat.S_IWGRP | stat.S_IWOTH
# NAME=value, NAME='value' or NAME="value", then perhaps a comment after a blank. In quotes a
# backslash stands before a quote or another backslash. `export` is what a shell wants to read.
_SETTING = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=
        (?:[ \t]*(?:'(?P<single>(?:\\.|[^'\\])*)'
                   |"(?P<double>(?:\\[\\'"]|[^"\\])*)"
                   |(?P<plain>[^ \t'"\#].*?)))?
        (?:[ \t]+\#.*)?[ \t]*""",
    re.VERBOSE,
)
_ESCAPED = re.compile(r"\\([\\'\"])")
_BREAKS = ("Cc", "Zl", "Zp")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands there.

    Attributes:
        name: of the setting, in upper case; None for a comment, and where the line is empty.
    """

    text: str
    name: str | None = None
    value: str = ""


def env_owner(path: Path) -> int | None:
    """Whose it is; None where there is none. A link is whose who made it.

    Root asks before it reads a byte. Its own link stands for what it leads to, where nobody else
    could have put it there.

    Raises:
        BadSettings: it cannot be looked at, or a link of root's may be somebody else's doing.
    """
    try:
        facts = path.lstat()
        if facts.st_uid != ROOT or not stat.S_ISLNK(facts.st_mode):
            return facts.st_uid
        problem = unsafe_above(path)
        if problem is not None:
            raise BadSettings(f"{path} is a link, which root doesn't follow here: {problem}")
        return path.stat().st_uid
    except FileNotFoundError:
        if os.path.lexists(path):
            raise BadSettings(f"{path} is a link that leads nowhere; remove it.") from None
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror) from error


def read_env(path: Path) -> str:
    """The text of a `.env`; empty where there is none.

    Raises:
        BadSettings: it cannot be read, it is somebody else's, or others could change it.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # nobody waits for a pipe
    try:
        if os.geteuid() == ROOT and unsafe_above(path) is not None:
            flags |= os.O_NOFOLLOW
        handle = os.open(path, flags)
        try:
            _require_own(path, os.fstat(handle))
            content = b"".join(iter(lambda: os.read(handle, _LONGEST), b""))
        finally:
            os.close(handle)
    except FileNotFoundError:
        env_owner(path)  # tells a link that leads nowhere
        return ""
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    lines = content.removeprefix(_BOM).split(b"\n")
    text = []
    for number, line in enumerate(lines, 1):
        try:
            text.append(line.decode())
        except UnicodeDecodeError:
            raise BadSettings(
                f"Line {number} of {ENV_FILE} isn't text in UTF-8; write it anew."
            ) from None
    return "\n".join(text)


def _require_own(path: Path, facts: os.stat_result) -> None:
    """Who may write it says who is an admin, and where the token is sent.

    Root may keep it for the bot's account. For root nobody may: whoever else it belongs to, root
    has become that account before; and what has a second name may have been put here by others.
    """
    if not stat.S_ISREG(facts.st_mode):
        raise _unreadable(path, "it isn't an ordinary file")
    if facts.st_size > _LONGEST:
        raise _unreadable(path, f"it has more than {_LONGEST // 1024} KiB")
    account = os.geteuid()
    if facts.st_uid not in (ROOT, account) or (account == ROOT and facts.st_nlink > 1):
        owner = account_name(facts.st_uid)
        raise BadSettings(
            f"{path} belongs to {owner}, or is a link to a file of theirs, and this runs as "
            f"{account_name(account)}; run it as {owner}, or in a folder of your own."
        )
    shared = path if facts.st_mode & _FOR_OTHERS_TO_WRITE else shared_above(path)
    if shared is not None:
        raise BadSettings(
            f"Others may write {shared}, and so change the settings in {ENV_FILE}; look through "
            f"them, then run: chmod go-w {quote(str(shared))}"
        )


def _unreadable(path: Path, reason: str | None) -> BadSettings:
    return BadSettings(f"{path} can't be read ({reason}); mend it or remove it.")


def parse_env(text: str) -> Iterator[Line]:
    """Its lines, each with its end, so that they make up the text again.

    Raises:
        BadSettings: a line is neither a setting, nor a comment, nor empty. Its number is told, and
            nothing of what it says.
    """
    for number, line in enumerate(re.findall(r"[^\n]*\n|[^\n]+", text), 1):
        content = line.removesuffix("\n").removesuffix("\r")
        # Where an editor breaks a line and we do not, a setting could hide in a comment.
        if any(unicodedata.category(char) in _BREAKS for char in content.replace("\t", " ")):
            raise BadSettings(
                f"Line {number} of {ENV_FILE} has a control character, or an end of line that is "
                "none; write it anew."
            )
        if not content.strip() or content.lstrip().startswith("#"):
            yield Line(line)
            continue
        match = _SETTING.fullmatch(content)
        if match is None:
            raise BadSettings(
                f"Line {number} of {ENV_FILE} isn't a setting (NAME=value), a comment, or empty; "
                "write a value with quotes or blanks as 'value', all on one line."
            )
        quoted = match["single"] if match["double"] is None else match["double"]
        value = match["plain"] or "" if quoted is None else _ESCAPED.sub(r"\1", quoted)
        yield Line(line, match["name"].upper(), value)


def env_values(text: str) -> dict[str, str]:
    """What it sets, by upper-case names; an empty value counts as unset.

    Raises:
        BadSettings: a line cannot be read, or two of them say different things.
    """
    values: dict[str, str] = {}
    for line in parse_env(text):
        if line.name is None:
            continue
        is_ours = line.name.startswith("VPNBOT")
        if is_ours and values.get(line.name, line.value) != line.value:
            raise BadSettings(f"{line.name} is in {ENV_FILE} twice, with two values; keep one.")
        values[line.name] = line.value
    return {name: value for name, value in values.items() if value}
