"""Listings of any length: printed as they come, so that none of them has to fit into memory.

At a terminal what fits its width stands in columns, and the rest below, each with its name; where
nobody looks on, each row is one line with all of it, for grep and cut.
"""

import json
import shutil
import sys
import textwrap
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from bot.access.durations import parse_duration
from bot.cli.shared import in_json, say
from bot.shown import is_plain, one_line
from bot.texts.durations import duration_text
from bot.texts.fill import utc

# By so many rows the widths of the columns are chosen.
_LOOKED_AT = 500
_GAP = "  "
_BELOW = "    "
# Those with a time, by `stamp`, and those with a duration, by `format_duration`.
_TIMES = frozenset(
    {
        *("at", "since", "until", "paused_since", "paused_until", "made_at", "ends_at", "used_at"),
        *("not_after", "crl_this_update", "certificate_end", "tried_at"),
    }
)
_DURATIONS = frozenset({"duration"})
# Those with a word of ours for programs.
_WORDS = frozenset({"pause", "standing", "state"})
# What people read in place of a key of the JSON; of any other the words themselves.
_HEADS = {
    "at": "when",
    "bytes_received": "bytes received",
    "crl_this_update": "CRL signed",
    "certificate_end": "certificate until",
    "decided_by_name": "decided by",
    "directory": "folder",
    "max_duration": "at most",
    "max_profiles": "profiles at most",
    "not_after": "until",
    "reachable": "answers",
    "real_address": "from",
    "remote": "clients dial",
    "restart_pending": "restart",
    "seq": "row",
    "user_id": "Telegram id",
    "user_name": "who",
}
_in_json = json.JSONEncoder(ensure_ascii=False).encode


async def show_parts(
    parts: AsyncIterable[Sequence[Mapping[str, Any]]],
    columns: Sequence[str],
    *,
    as_json: bool,
    none: str,
) -> None:
    """Prints a listing whose rows come some at a time: as JSON whole, or some columns of it.

    Args:
        none: what people read where there is no row.
    """
    if as_json:
        await _json(parts)
    else:
        await _table(parts, columns, none)


def show(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, none: str
) -> None:
    """Prints a listing that is there as a whole, in the same way."""
    if as_json:
        print(in_json(rows, indent=2))
    else:
        _whole(rows, columns, none)


@lru_cache(maxsize=4096)
def stamp_of(moment: int | None) -> str | None:
    """RFC 3339, in UTC, to the second; of microseconds since 1970."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cell(column: str, value: Any) -> str:
    """A value of a listing as people read it, in the words of all that they read elsewhere."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column in _DURATIONS:
        return duration_text(parse_duration(value))
    if column in _TIMES:
        return utc(datetime.fromisoformat(value))
    if column in _WORDS:
        return str(value).replace("_", " ")
    return one_line(str(value))


async def _json(parts: AsyncIterable[Sequence[Mapping[str, Any]]]) -> None:
    before = "[\n"
    async for rows in parts:
        if rows:
            sys.stdout.write(before + ",\n".join(map(_object, rows)))
            before = ",\n"
    sys.stdout.write("[]\n" if before == "[\n" else "\n]\n")


def _object(row: Mapping[str, Any]) -> str:
    return "  {\n" + ",\n".join(f'    "{key}": {_value(row[key])}' for key in row) + "\n  }"


def _value(value: Any) -> str:
    if value is None:
        return "null"
    text = encode_basestring(value) if isinstance(value, str) else _in_json(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if is_plain(char) else json.dumps(char)[1:-1] for char in text)


async def _table(
    parts: AsyncIterable[Sequence[Mapping[str, Any]]], columns: Sequence[str], none: str
) -> None:
    waiting: list[Mapping[str, Any]] = []
    table: _Table | None = None
    async for rows in parts:
        waiting += rows
        if table is None and len(waiting) <= _LOOKED_AT:
            continue
        table = table or _begun(columns, waiting)
        for row in waiting:
            table.put(row)
        waiting.clear()
    if table is None:
        _whole(waiting, columns, none)


def _whole(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], none: str) -> None:
    if not rows:
        say(none)
        return
    table = _begun(columns, rows)
    for row in rows:
        table.put(row)


def _begun(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> "_Table":
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    table = _Table(columns, rows, room)
    table.put_heads()
    return table


class _Table:
    """Columns as wide as what is in them, as far as they fit.

    Args:
        rows: by which the widths are chosen.
        room: the terminal's width; None where nobody looks on.
    """

    def __init__(
        self, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], room: int | None
    ) -> None:
        self._room = room
        self._wide: Callable[[str], int] = len
        if room is not None:
            # Not for a program, which reads no columns.
            from rich.cells import cell_len  # noqa: PLC0415

            self._wide = cell_len
        self._widths: dict[str, int] = {}
        taken = 0
        for name in columns:
            if room is not None and all(row[name] is None for row in rows):
                continue  # a column of dashes; where a later row has it, that stands below
            texts = (_head(name), *(cell(name, row[name]) for row in rows))
            width = max(map(self._wide, texts))
            if room is None or not self._widths or taken + width <= room:
                self._widths[name] = width
                taken += width + len(_GAP)
        self._below = [name for name in columns if name not in self._widths]

    def put_heads(self) -> None:
        self._line(map(_head, self._widths))

    def put(self, row: Mapping[str, Any]) -> None:
        self._line(cell(name, row[name]) for name in self._widths)
        line = ""
        for name in self._below:
            if row[name] is None or row[name] == "":
                continue
            said = f"{_head(name)}: {cell(name, row[name])}"
            if line and len(f"{_BELOW}{line}; {said}") <= (self._room or 0):
                line = f"{line}; {said}"
            else:
                self._put_below(line)
                line = said
        self._put_below(line)

    def _put_below(self, text: str) -> None:
        """What is too long for a line goes over several; a word stays whole, such as a serial."""
        for line in textwrap.wrap(
            text,
            self._room or len(_BELOW + text),
            initial_indent=_BELOW,
            subsequent_indent=_BELOW,
            break_long_words=False,
            break_on_hyphens=False,
        ):
            sys.stdout.write(line + "\n")

    def _line(self, cells: Iterable[str]) -> None:
        padded = (
            text + " " * (width - self._wide(text))
            for text, width in zip(cells, self._widths.values(), strict=True)
        )
        sys.stdout.write(_GAP.join(padded).rstrip() + "\n")


def _head(column: str) -> str:
    return _HEADS.get(column, column.replace("_", " "))
