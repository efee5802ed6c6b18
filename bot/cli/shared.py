"""What the commands share: whose identity, where to print, how to ask for the passphrase."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from bot.access.permission import Actor
from bot.cli.typed import typed
from bot.core import Core
from bot.desk import open_desk
from bot.errors import BadDataFolder, BadSettings
from bot.process.data_folder import DataFolder, account_name
from bot.process.env_file import ENV_FILE, env_owner
from bot.process.privileges import ROOT, act_as
from bot.settings import PREFIX, Settings, load_settings
from bot.shown import is_plain, one_line
from vpn.host.safe_place import weak_step

if TYPE_CHECKING:
    from bot.office import Office

_Result = TypeVar("_Result")

# Of every listing.
AsJson = Annotated[bool, typer.Option("--json", help="A list of objects.")]
Limit = Annotated[int | None, typer.Option(metavar="N", min=1, help="No more than so many.")]
# Of what does something.
ActAsJson = Annotated[bool, typer.Option("--json", help="What was done, as an object.")]
# Of what ends something for good.
Yes = Annotated[bool, typer.Option("--yes", help="Doesn't ask, as at a terminal it would.")]


def with_core(work: Callable[[Core], Awaitable[_Result]]) -> _Result:
    """Runs a command's work on the database alone, as the account that owns the data folder."""
    settings = settings_of_owner()
    require_data_folder(settings)

    async def run() -> _Result:
        async with open_desk(settings) as desk:
            return await work(desk.core)

    return asyncio.run(run())


def with_office(
    work: Callable[["Office"], Awaitable[_Result]], *, is_first: bool = False
) -> _Result:
    """Runs a command's work on data folder and servers, as the account that owns the folder.

    Args:
        is_first: whether the command may be the first one ever, and make the folder.
    """
    # Slow to import, with all that is for servers; listings go without.
    from bot.office import open_office  # noqa: PLC0415

    settings = settings_of_owner()
    if not is_first:
        require_data_folder(settings)

    async def run() -> _Result:
        async with open_office(settings, passphrase=lambda: ask_passphrase(settings)) as office:
            return await work(office)

    return asyncio.run(run())


def require_data_folder(settings: Settings) -> None:
    """An empty folder that was made in the wrong place would answer that nobody has access.

    Raises:
        BadDataFolder: there is none.
    """
    folder = DataFolder(settings.data_dir.absolute())
    if not folder.is_there():
        # Slow to import, like all that doctor looks at here.
        from bot.health.local import elsewhere, home_of_bot  # noqa: PLC0415

        there = elsewhere(settings, home_of_bot())
        if there is not None:
            raise BadDataFolder(there)
        raise BadDataFolder(
            f"There is no data folder {folder.path}: run this where .env is, or set "
            "VPNBOT_DATA_DIR. A new system begins with: vpnbot init"
        )


def settings_of_owner(*, for_good: bool = False) -> Settings:
    """The settings, read as the account that they and the data folder belong to.

    Where that is root, nobody else may own or replace the data folder or the database. For any
    other account the rest is up to the system, which opens to it what is its own, and to
    `DataFolder.check`.

    Args:
        for_good: whether nothing can make this process root again, `as_root` included.

    Raises:
        BadSettings: a setting is wrong, or `.env` is not to be trusted.
        BadDataFolder: the data folder or the database is not to be trusted.
    """
    settings, _ = settings_of_env_owner(for_good=for_good)
    if os.geteuid() != ROOT:
        return settings
    folder = DataFolder(settings.data_dir.absolute())
    owner = folder.owner()
    require_own_place(folder.path, owner, "VPNBOT_DATA_DIR")
    database = Path(settings.url().database or "").absolute()
    # What lies in a folder of mode 0700 is out of everybody else's reach.
    is_outside = ".." in database.parts or not database.is_relative_to(folder.path)
    if not act_as(owner, folder.path, for_good=for_good) and is_outside:
        require_own_place(database, ROOT, "VPNBOT_DATABASE_URL")
    return settings


def settings_of_env_owner(*, for_good: bool = False) -> tuple[Settings, bool]:
    """The settings, and whether root became another account for them.

    Root does so before it reads a byte of a `.env` that is not its own: in a stranger's folder it
    may then do what that stranger may, and no more.
    """
    env = Path(ENV_FILE).absolute()
    owner = env_owner(env) if os.geteuid() == ROOT else None
    became = owner is not None and act_as(owner, env, for_good=for_good)
    settings = load_settings()
    named_here = {name.upper() for name, value in os.environ.items() if value}
    api = "TELEGRAM_API_URL"
    is_theirs = f"{PREFIX}{api}" not in named_here and api.lower() in settings.model_fields_set
    if became and is_theirs and f"{PREFIX}BOT_TOKEN" in named_here:
        raise BadSettings(
            f"{PREFIX}BOT_TOKEN is in root's environment, and {PREFIX}{api} in a .env of "
            f"{account_name(os.geteuid())}, who would be sent it; put both into one place."
        )
    return settings, became


def require_own_place(path: Path, owner: int, setting: str) -> None:
    """Raises BadDataFolder where anybody but root and the owner could put another in its place."""
    try:
        weak = weak_step(path, owner)
        others = os.path.lexists(path) and path.lstat().st_uid not in (ROOT, owner)
    except OSError as error:
        reason = error.strerror or error
        raise BadDataFolder(
            f"{quote(str(path))} can't be looked at ({reason}); set {setting} to another place."
        ) from error
    if weak is not None:
        raise BadDataFolder(f"{weak.why}; set {setting} to another one, or run: {weak.command}")
    if others:
        raise BadDataFolder(
            f"{quote(str(path))} doesn't belong to {account_name(owner)} like the rest; set "
            f"{setting} to a place that does."
        )


def ask_passphrase(settings: Settings) -> str | None:
    """From the settings, or from whoever sits at the terminal."""
    passphrase = settings.passphrase()
    if passphrase is None and sys.stdin.isatty():
        return typed("Passphrase of the CA: ", hidden=True)
    return passphrase


def operator() -> Actor:
    """Whoever started the command, by the system's account."""
    account = account_name(os.getuid())
    return Actor(key=f"system:{account}", name=account, is_operator=True)


def say(text: str) -> None:
    """A line for whoever typed the command; never wrapped, so that scripts can read it."""
    print(one_line(text), flush=True)


def say_object(value: dict[str, Any]) -> None:
    """What was done, for a program."""
    print(in_json(value, indent=2), flush=True)


def say_steps(steps: Iterable[str]) -> None:
    """What is left to be done by hand, in the order in which it is done."""
    say("What is left to do:")
    for number, step in enumerate(steps, 1):
        say(f"  {number}. {step}")


def say_blocks(blocks: Iterable[str]) -> None:
    """Paragraphs of ours, whose values are a line each, see `fill.plain`; a free line between."""
    for number, block in enumerate(blocks):
        if number:
            say("")
        for line in block.split("\n"):
            say(line)


def in_json(value: Any, *, indent: int | None = None) -> str:
    """JSON that a person can read and a terminal can show: what does not show is escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "".join(
        char if char == "\n" or is_plain(char) else json.dumps(char)[1:-1] for char in text
    )


def stamp(moment: datetime | None) -> str | None:
    """RFC 3339, in UTC, to the second: for programs. People read `bot.texts.fill.utc`."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
