"""What every command works with, put together: settings, data folder, database, servers."""

import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.access.context import Chance, Context
from bot.core import Clock, Core
from bot.data_folder import DataFolder
from bot.enforcement import Enforcer
from bot.fleet import Fleet
from bot.handover.handover import Handover
from bot.keyring import Keyring
from bot.others import Others
from bot.profiles import ProfileMaker
from bot.settings import Settings
from pki.serial import new_serial, serial_hex
from storage.database import open_database

# Without letters and digits that are mixed up when they are read out.
_CODE_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_CODE_LENGTH = 8


def utc_now() -> datetime:
    return datetime.now(UTC)


def real_chance() -> Chance:
    """Serials and codes from the system's source of randomness."""
    return Chance(
        serial=lambda: serial_hex(new_serial(os.urandom)),
        code=lambda: "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH)),
    )


@dataclass(frozen=True, slots=True)
class Office(Core):
    """What every command works with."""

    settings: Settings
    folder: DataFolder
    keyring: Keyring
    fleet: Fleet
    others: Others
    enforcer: Enforcer
    handover: Handover
    maker: ProfileMaker

    def context(self) -> Context:
        return replace(Core.context(self), authority_ends_at=self.keyring.authority_end())


@asynccontextmanager
async def open_office(
    settings: Settings,
    *,
    passphrase: Callable[[], str | None] | None = None,
    clock: Clock = utc_now,
) -> AsyncIterator[Office]:
    """Opens the data folder and the database; secrets are read when they are needed.

    Raises:
        BadDataFolder, StorageError: the folder or the database cannot be used.
    """
    folder = DataFolder(settings.data_dir.absolute())
    folder.prepare()
    core = Core(await open_database(settings.url()), settings.rules(), real_chance(), clock)
    keyring = Keyring(folder, passphrase or settings.passphrase)
    fleet = Fleet(core, keyring, folder)
    others = Others(core, fleet)
    handover = Handover(settings.templates, archives=settings.bundle)
    try:
        yield Office(
            database=core.database,
            rules=core.rules,
            chance=core.chance,
            clock=core.clock,
            settings=settings,
            folder=folder,
            keyring=keyring,
            fleet=fleet,
            others=others,
            enforcer=Enforcer(core, fleet),
            handover=handover,
            maker=ProfileMaker(core, keyring, fleet, others, handover, settings.client_key),
        )
    finally:
        await core.database.close()
