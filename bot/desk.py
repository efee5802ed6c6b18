"""What every command opens: data folder and database, and the time that it goes by.

A listing needs no more. So nothing is imported here that is for servers, certificates or Telegram.
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.access.case import Chance
from bot.core import Core
from bot.errors import NotDone
from bot.process.clock import Clock, SinceBoot, TrustedClock, boot_id, since_boot, utc_now
from bot.process.data_folder import DataFolder
from bot.process.reserve import Reserve
from bot.settings import Settings
from pki.serial import new_serial, serial_hex
from storage.database import Database, open_database
from storage.errors import StorageError, is_full

# Without letters and digits that are mixed up when they are read out.
_CODE_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_CODE_LENGTH = 8
_TOKEN_BYTES = 16


def real_chance() -> Chance:
    """Serials and codes from the system's source of randomness."""
    return Chance(
        serial=lambda: serial_hex(new_serial(os.urandom)),
        # A byte is as often each of 32 letters.
        code=lambda: "".join(_CODE_LETTERS[b % 32] for b in secrets.token_bytes(_CODE_LENGTH)),
        token=lambda: secrets.token_urlsafe(_TOKEN_BYTES),
    )


@dataclass(frozen=True, slots=True)
class Desk:
    core: Core
    time: TrustedClock
    folder: DataFolder
    reserve: Reserve


@asynccontextmanager
async def open_desk(
    settings: Settings, *, clock: Clock = utc_now, boot: SinceBoot = since_boot
) -> AsyncIterator[Desk]:
    """Opens the data folder and the database.

    Args:
        clock: the machine's.
        boot: the time since the machine was started.

    Raises:
        BadDataFolder, StorageError: the folder or the database cannot be used.
    """
    folder = DataFolder(settings.data_dir.absolute())
    folder.prepare()
    reserve = Reserve(folder.reserve)
    database = await _open_database(settings, folder, reserve)
    time = TrustedClock(clock, boot=boot, boot_id=boot_id())
    try:
        async with database.reading() as tx:
            time.resume(await tx.clock.last())
        core = Core(database, settings.rules(), real_chance(), time, boot)
        yield Desk(core, time, folder, reserve)
    finally:
        await database.close()


async def _open_database(settings: Settings, folder: DataFolder, reserve: Reserve) -> Database:
    try:
        return await open_database(settings.url())
    except StorageError as error:
        # Without room for its side files SQLite does not even open.
        if not is_full(error.__cause__ or error):
            raise
        if not reserve.give_up():
            if reserve.is_disk_full():
                raise NotDone(f"The disk of {folder} is full; make room there.") from error
            raise
        reserve.note_full()
        return await open_database(settings.url())
