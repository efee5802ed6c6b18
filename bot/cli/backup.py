"""`vpnbot backup` and `vpnbot restore`."""

import asyncio
import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from bot.cli.shared import operator, say, say_steps, settings_of_owner, with_office
from bot.cli.typed import typed
from bot.errors import BadSettings
from bot.office import Office
from bot.process.privileges import as_root
from bot.settings import read_secret
from bot.texts.fill import utc
from pki.passphrase import check_new_passphrase

_FLAG = "--passphrase-file"
_File = Annotated[
    Path | None,
    typer.Option(_FLAG, metavar="F", help="A file whose first line is the backup's passphrase."),
]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, made with mode 0600.")],
    passphrase_file: _File = None,
) -> None:
    """Writes all that is needed to go on, CA included, into one encrypted file."""
    # Slow to import, like all of encryption.
    from bot.backup.backup import make_backup, require_new  # noqa: PLC0415

    target = file.absolute()
    require_new(target)
    secret = _secret(passphrase_file, new=True)

    async def work(office: Office) -> None:
        made = await make_backup(office, operator(), target, secret)
        say(f"The backup of {utc(made.manifest.created_at)} is in {target}")
        say(
            "It holds the database, the CA and the servers' keys; not the bot's token, the CA's "
            "passphrase and .env. Keep those, and its own passphrase, somewhere else."
        )
        if made.without:
            say(f"Without the lost keys of {', '.join(made.without)}; run: vpnbot doctor")
        if made.manifest.audit_fault is not None:
            say("The audit trail doesn't fit the chain; run: vpnbot audit verify")

    with_office(work)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `vpnbot backup` wrote.")],
    passphrase_file: _File = None,
) -> None:
    """Puts a backup back, where there is no data folder yet or an empty one."""
    from bot.backup.archive import unpack  # noqa: PLC0415
    from bot.backup.restore import put_back, read_file, require_vacant  # noqa: PLC0415

    # What is written belongs to the account that runs the bot; the backup is root's to read.
    settings = settings_of_owner()
    require_vacant(settings)
    with as_root():
        sealed = read_file(file)
        secret = _secret(passphrase_file, new=False)
    contents = unpack(sealed, secret, str(file))
    restored = asyncio.run(put_back(settings, operator(), contents))
    say(
        f"The backup of {utc(contents.manifest.created_at)} is in {restored.folder}: "
        f"people: {restored.people}, servers: {len(restored.servers)}, "
        f"with access: {restored.grants}."
    )
    say("What was revoked since stays dead where a server still has its list of revocations.")
    steps = [
        "on a new machine: vpnbot init   (it asks for the token and the passphrase again)",
        *(
            f"on a new machine: vpnbot server deploy {quote(server)} --directory DIR"
            for server in restored.servers
        ),
        "look through: vpnbot user list; vpnbot grant list",
        "vpnbot doctor",
    ]
    say_steps(steps)


def _secret(path: Path | None, *, new: bool) -> str:
    """From the file, or typed; a new one is typed twice.

    Raises:
        BadSettings: neither is possible, or it is empty, or the two differ.
        WrongPassphrase: a new one is too short.
    """
    if path is None:
        return _typed(new=new)
    secret = read_secret(_FLAG, path)
    if new:
        check_new_passphrase(secret)
    return secret


def _typed(*, new: bool) -> str:
    if not sys.stdin.isatty():
        raise BadSettings(f"{_FLAG} is missing: name a file that holds the backup's passphrase.")
    # Spaces around it are no part of it, as in a file.
    secret = typed("Passphrase of the backup: ", hidden=True).strip()
    if not secret:
        raise BadSettings("The passphrase is empty; nothing was done. Try again.")
    if not new:
        return secret
    check_new_passphrase(secret)
    if secret != typed("Once more: ", hidden=True).strip():
        raise BadSettings("The two passphrases differ; nothing was made. Try again.")
    return secret
