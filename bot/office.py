"""What every command works with, put together: settings, data folder, database, servers."""

import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from bot.access.case import Case, Chance
from bot.access.permission import Actor
from bot.core import Core
from bot.errors import NotDone
from bot.fleet.elsewhere import close_connections, use_key
from bot.fleet.enforcement import Enforcer
from bot.fleet.fleet import Fleet
from bot.fleet.others import Others
from bot.handover.handover import Handover
from bot.handover.profiles import ProfileMaker
from bot.keyring import Keyring
from bot.process.clock import Clock, SinceBoot, TrustedClock, boot_id, since_boot, utc_now
from bot.process.data_folder import DataFolder
from bot.process.reserve import Reserve
from bot.settings import Settings
from pki.serial import new_serial, serial_hex
from storage.database import open_database
from storage.errors import StorageError, is_full
from storage.transaction import Transaction

# Without letters and digits that are mixed up when they are read out.
_CODE_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_CODE_LENGTH = 8
_TOKEN_BYTES = 16
# So long an access may last beyond its end because the machine's clock is in doubt.
LONGEST_DOUBT = timedelta(hours=1)


def real_chance() -> Chance:
    """Serials and codes from the system's source of randomness."""
    return Chance(
        serial=lambda: serial_hex(new_serial(os.urandom)),
        # A byte is as often each of 32 letters.
        code=lambda: "".join(_CODE_LETTERS[b % 32] for b in secrets.token_bytes(_CODE_LENGTH)),
        token=lambda: secrets.token_urlsafe(_TOKEN_BYTES),
    )


@dataclass(frozen=True, slots=True)
class Office(Core):
    """What every command works with."""

    time: TrustedClock
    settings: Settings
    folder: DataFolder
    reserve: Reserve
    keyring: Keyring
    fleet: Fleet
    others: Others
    enforcer: Enforcer
    handover: Handover
    maker: ProfileMaker

    def case(self, tx: Transaction, actor: Actor) -> Case:
        look = self.time.look()
        return Case(
            tx,
            look.now,
            self.rules,
            self.chance,
            actor,
            lifetime_of=self.keyring.lifetime_of,
            may_give=not look.in_doubt,
            may_expire=not look.in_doubt or look.doubted_for >= LONGEST_DOUBT,
        )


@asynccontextmanager
async def open_office(
    settings: Settings,
    *,
    passphrase: Callable[[], str | None] | None = None,
    clock: Clock = utc_now,
    boot: SinceBoot = since_boot,
) -> AsyncIterator[Office]:
    """Opens the data folder and the database; secrets are read when they are needed.

    Args:
        clock: the machine's.
        boot: the time since the machine was started.

    Raises:
        BadDataFolder, StorageError: the folder or the database cannot be used.
    """
    folder = DataFolder(settings.data_dir.absolute())
    folder.prepare()
    use_key(settings.ssh_key_file or folder.ssh_key)
    reserve = Reserve(folder.reserve)
    try:
        database = await open_database(settings.url())
    except StorageError as error:
        # Without room for its side files SQLite does not even open.
        if not is_full(error.__cause__ or error):
            raise
        if not reserve.give_up():
            if reserve.is_disk_full():
                raise NotDone(f"The disk of {folder} is full; make room there.") from error
            raise
        reserve.note_full()
        database = await open_database(settings.url())
    time = TrustedClock(clock, boot=boot, boot_id=boot_id())
    async with database.reading() as tx:
        time.resume(await tx.clock.last())
    core = Core(database, settings.rules(), real_chance(), time, boot)
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
            since_boot=core.since_boot,
            passphrases=core.passphrases,
            time=time,
            settings=settings,
            folder=folder,
            reserve=reserve,
            keyring=keyring,
            fleet=fleet,
            others=others,
            enforcer=Enforcer(core, fleet),
            handover=handover,
            maker=ProfileMaker(core, keyring, fleet, others, handover, settings.client_key),
        )
    finally:
        await close_connections()
        await core.database.close()
