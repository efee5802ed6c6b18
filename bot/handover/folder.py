"""The operator's folder of templates and extra files: what is in it, and whether it can be used.

It is looked at anew for each profile, so a change needs no restart. What nothing would ever use
is refused like what cannot be used: a template under a wrong name would be missed by nobody but
the people who need it.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot import limits
from bot.errors import BadTemplate
from bot.handover.rendering import changeable_by_others, refusal
from bot.handover.trust import changeable

PROFILE = "client.ovpn.j2"
INSTRUCTIONS = "instructions"
FILES = "files"
_TEMPLATE = ".j2"
_TEXT = ".txt.j2"
# It stands in a button's data, see `bot.chat.buttons`.
_TOPIC = re.compile(r"[a-z0-9][a-z0-9-]{0,19}", re.ASCII)
MOST_TOPICS = 20
MOST_FILES = 5
# All may go into one archive.
MOST_BYTES = limits.FILE
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Contents:
    """What there is.

    Attributes:
        has_profile: a template for the profile.
        instructions: by topic, the template, relative to the folder; None where the file is
            empty, which takes the built-in one away.
        files: names and places of the extra files, in the order in which they are sent.
    """

    has_profile: bool = False
    instructions: Mapping[str, str | None] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


def look(folder: Path) -> Contents:
    """Raises BadTemplate where something in it cannot be used."""
    has_profile = False
    instructions: dict[str, str | None] = {}
    files: dict[str, Path] = {}
    for path, facts in _entries(folder, folder):
        if path.name == PROFILE:
            _require_file(folder, path, facts)
            has_profile = True
        elif path.name == INSTRUCTIONS:
            instructions = _instructions(folder, path)
        elif path.name == FILES:
            files = _files(folder, path)
        elif path.name.endswith(_TEMPLATE):
            raise _unused(folder, path, PROFILE)
        elif stat.S_ISDIR(facts.st_mode):
            raise _unused(folder, path, f"{INSTRUCTIONS} or {FILES}")
    return Contents(has_profile, instructions, files)


def _instructions(folder: Path, place: Path) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for path, facts in _entries(folder, place):
        topic = path.name.removesuffix(_TEXT)
        if topic == path.name or not _TOPIC.fullmatch(topic):
            words = f"a name has at most 20 of a-z, 0-9 and -, and {_TEXT} at its end"
            raise _refused(folder, path, words)
        _require_file(folder, path, facts)
        found[topic] = str(path.relative_to(folder)) if facts.st_size else None
    if len(found) > MOST_TOPICS:
        raise _refused(folder, place, f"there are more than {MOST_TOPICS} texts")
    return found


def _files(folder: Path, place: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    size = 0
    for path, facts in _entries(folder, place):
        _require_file(folder, path, facts)
        if facts.st_size == 0:
            raise _refused(folder, path, "it is empty, and Telegram takes no empty file")
        found[path.name] = path
        size += facts.st_size
    if len(found) > MOST_FILES:
        raise _refused(
            folder, place, f"there are {len(found)} files, and {MOST_FILES} may go along"
        )
    if size > MOST_BYTES:
        raise _refused(folder, place, f"the files have {size} bytes, and {MOST_BYTES} may go along")
    return found


def _entries(folder: Path, place: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """In the order of their names; hidden ones, and what is for including only, are left out."""
    try:
        _require_ours(folder, place)
        names = sorted(os.listdir(place))  # noqa: PTH208 - names are all that is needed
    except OSError as error:
        raise _refused(folder, place, f"it can't be looked into ({error.strerror})") from None
    for name in names:
        if name.startswith("."):
            continue
        if not name.isprintable() or len(name) > _LONGEST_NAME:
            raise _refused(folder, place, "a name is too long or can't be printed")
        path = place / name
        try:
            facts = path.stat()
            _require_ours(folder, path)
        except OSError as error:
            raise _refused(folder, path, f"it can't be read ({error.strerror})") from None
        if not name.startswith("_"):
            yield path, facts


def _require_ours(folder: Path, path: Path) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise _refused(folder, path, "it is a link that leads out of the folder")
    if place := changeable(folder, path):
        raise changeable_by_others(place)


def _require_file(folder: Path, path: Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise _refused(folder, path, "it isn't a file")
    if not os.access(path, os.R_OK, effective_ids=True):
        raise _refused(folder, path, "it can't be read (Permission denied)")


def _unused(folder: Path, path: Path, name: str) -> BadTemplate:
    return _refused(folder, path, f"nothing uses it; call it {name}, or begin its name with _")


def _refused(folder: Path, path: Path, problem: str) -> BadTemplate:
    return refusal(folder, str(path.relative_to(folder)), problem)
