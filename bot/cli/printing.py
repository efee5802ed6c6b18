"""Listings of any length: printed as they come, so that none of them has to fit into memory."""

import json
import sys
from collections.abc import AsyncIterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from bot.cli.shared import aligned, cell, show, titles, widths_of
from bot.shown import is_plain

# By so many rows the widths of the columns are chosen; fewer make a table that fits the terminal.
_LOOKED_AT = 500
_in_json = json.JSONEncoder(ensure_ascii=False).encode


async def show_parts(
    parts: AsyncIterable[Sequence[Mapping[str, Any]]], columns: Sequence[str], *, as_json: bool
) -> None:
    """Prints a listing whose rows come some at a time: as JSON whole, or some columns of it."""
    if as_json:
        await _json(parts)
    else:
        await _table(parts, columns)


@lru_cache(maxsize=4096)
def stamp_of(moment: int | None) -> str | None:
    """RFC 3339, in UTC, to the second; of microseconds since 1970."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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


async def _table(parts: AsyncIterable[Sequence[Mapping[str, Any]]], columns: Sequence[str]) -> None:
    waiting: list[Mapping[str, Any]] = []
    widths: list[int] = []
    async for rows in parts:
        waiting += rows
        if not widths and len(waiting) <= _LOOKED_AT:
            continue
        lines = [[cell(name, row[name]) for name in columns] for row in waiting]
        if not widths:
            widths = widths_of(columns, lines)
            lines.insert(0, titles(columns))
        sys.stdout.writelines(aligned(line, widths) + "\n" for line in lines)
        waiting.clear()
    if not widths:
        show(waiting, columns, as_json=False)
