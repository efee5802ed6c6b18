"""What the commands share: whose identity, where to print, how to ask for the passphrase."""

import asyncio
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from bot.access.names import shows
from bot.access.permission import Actor
from bot.data_folder import DataFolder, account_name
from bot.errors import BadDataFolder
from bot.office import Office, open_office
from bot.privileges import act_as
from bot.settings import Settings, load_settings

_WIDE = 1000
# In place of a character that would speak to the terminal instead of the reader.
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_Result = TypeVar("_Result")


def with_office(work: Callable[[Office], Awaitable[_Result]], *, is_first: bool = False) -> _Result:
    """Runs a command's work on the data folder, as the account that owns it.

    Args:
        is_first: whether the command may be the first one ever, and make the folder.
    """
    settings = load_settings()
    if not is_first:
        require_data_folder(settings)
    take_on_owner(settings)

    async def run() -> _Result:
        async with open_office(settings, passphrase=lambda: ask_passphrase(settings)) as office:
            return await work(office)

    return asyncio.run(run())


def require_data_folder(settings: Settings) -> None:
    """An empty folder that was made in the wrong place would answer that nobody has access.

    Raises:
        BadDataFolder: there is none.
    """
    folder = settings.data_dir.absolute()
    if not folder.exists():
        raise BadDataFolder(
            f"There is no data folder {folder}: run this where .env is, or set VPNBOT_DATA_DIR. "
            "A new system begins with: vpnbot init"
        )


def take_on_owner(settings: Settings, *, for_good: bool = False) -> None:
    """Root acts as the data folder's owner, see `bot.privileges`."""
    act_as(DataFolder(settings.data_dir.absolute()).owner(), for_good=for_good)


def ask_passphrase(settings: Settings) -> str | None:
    """From the settings, or from whoever sits at the terminal."""
    found = settings.passphrase()
    if found is None and sys.stdin.isatty():
        return getpass.getpass("Passphrase of the CA: ")
    return found


def operator() -> Actor:
    """Whoever started the command, by the system's account."""
    account = account_name(os.getuid())
    return Actor(key=f"system:{account}", name=account, is_operator=True)


def say(text: str) -> None:
    """A line for whoever typed the command; never wrapped, so that scripts can read it."""
    print(text)


def show(rows: Sequence[dict[str, Any]], columns: Iterable[str], *, as_json: bool) -> None:
    """Prints a listing: all of it as JSON, or some columns as a table."""
    if as_json:
        print(in_json(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for column in columns:
        # A name is folded rather than cut: half a serial helps nobody.
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    # Where nobody looks on, nothing is folded: grep and cut get one line for each row.
    width = None if sys.stdout.isatty() else _WIDE
    Console(highlight=False, markup=False, width=width).print(table)


def in_json(value: Any, *, indent: int | None = None) -> str:
    """JSON that a person can read and a terminal can show: what does not show is escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "".join(char if _is_plain(char) else json.dumps(char)[1:-1] for char in text)


def on_one_line(text: str) -> str:
    """The text with a blank for each line break, and a mark for what a terminal would obey."""
    return "".join(
        " " if char.isspace() else char if shows(char) else _REPLACEMENT for char in text
    )


def _is_plain(char: str) -> bool:
    return char in " \n" or (shows(char) and not char.isspace())


def stamp(moment: datetime | None) -> str | None:
    """RFC 3339, in UTC, to the second."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return on_one_line(str(value))
