"""What commands work with that act on servers: settings, data folder, database, servers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from bot.access.case import Case
from bot.access.permission import Actor
from bot.core import Core
from bot.desk import open_desk
from bot.fleet.elsewhere import close_connections, use_key
from bot.fleet.enforcement import Enforcer
from bot.fleet.fleet import Fleet
from bot.fleet.others import Others
from bot.handover.handover import Handover
from bot.handover.profiles import ProfileMaker
from bot.keyring import Keyring
from bot.process.clock import Clock, SinceBoot, TrustedClock, since_boot, utc_now
from bot.process.data_folder import DataFolder
from bot.process.reserve import Reserve
from bot.settings import Settings
from storage.transaction import Transaction

# So long an access may last beyond its end because the machine's clock is in doubt.
LONGEST_DOUBT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Office(Core):
    """What a command works with that acts on servers."""

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
    """Opens the data folder, the database and the servers; secrets are read when they are needed.

    Args:
        clock: the machine's.
        boot: the time since the machine was started.

    Raises:
        BadDataFolder, StorageError: the folder or the database cannot be used.
    """
    async with open_desk(settings, clock=clock, boot=boot) as desk:
        core, folder = desk.core, desk.folder
        use_key(settings.ssh_key_file or folder.ssh_key)
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
                time=desk.time,
                settings=settings,
                folder=desk.folder,
                reserve=desk.reserve,
                keyring=keyring,
                fleet=fleet,
                others=others,
                enforcer=Enforcer(core, fleet),
                handover=handover,
                maker=ProfileMaker(core, keyring, fleet, others, handover, settings.client_key),
            )
        finally:
            await close_connections()
