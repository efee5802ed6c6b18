"""Everything that `vpnbot doctor` looks at, in the order in which it is best mended."""

import asyncio
from collections.abc import AsyncIterator

from cryptography import x509

from bot.clock import Clock
from bot.data_folder import DataFolder
from bot.errors import BadSettings
from bot.handover.handover import Handover
from bot.health.local import (
    look_at_database_place,
    look_at_folder,
    look_at_room,
    look_at_secrets,
    look_at_settings,
)
from bot.health.network import look_at_telegram
from bot.health.results import Fine, Result, Trouble, trouble
from bot.health.servers import Surroundings, look_at_server
from bot.health.state import (
    look_at_admins,
    look_at_audit,
    look_at_authority,
    look_at_outbox,
    look_at_proofs,
    look_at_times,
    open_checked,
)
from bot.health.templates import look_at_templates
from bot.keyring import Keyring
from bot.settings import Settings
from bot.texts import health as words
from pki.errors import PkiError
from storage.database import Database


async def examine(settings: Settings, clock: Clock) -> AsyncIterator[Result]:
    """One result after the other; where a part is missing, what does not need it goes on."""
    for result in (*look_at_settings(settings), *look_at_secrets(settings)):
        yield result
    telegram = await look_at_telegram(settings, clock)
    for result in telegram.results:
        yield result
    folder = DataFolder(settings.data_dir.absolute())
    look = look_at_folder(folder)
    for result in look.results:
        yield result
    if look.usable:
        async for result in look_at_room(folder):
            yield result
        async for result in _inside(settings, folder, clock, telegram.username):
            yield result


async def _inside(
    settings: Settings, folder: DataFolder, clock: Clock, username: str | None
) -> AsyncIterator[Result]:
    """What the data folder holds, and what the database knows."""
    has_passphrase = _has_passphrase(settings)
    keyring = Keyring(folder, settings.passphrase)
    looked = await look_at_authority(keyring, folder, clock(), has_passphrase=has_passphrase)
    for result in looked:
        yield result
    url = settings.url()
    database = await open_checked(url, folder)
    if isinstance(database, Trouble):
        yield database
        return
    try:
        yield Fine(words.DATABASE_FINE)
        for result in look_at_database_place(url.database or "", folder):
            yield result
        around = Surroundings(
            folder=folder,
            database=database,
            keyring=keyring,
            issuer=_issuer(keyring),
            # One that does not open the CA opens nothing else: that is one finding, not many.
            has_passphrase=has_passphrase and await _opens(keyring),
            now=clock(),
        )
        for result in await _known(database, settings, around, username):
            yield result
    finally:
        await database.close()


async def _known(
    database: Database, settings: Settings, around: Surroundings, username: str | None
) -> list[Result]:
    async with database.reading() as tx:
        rows = [*await look_at_times(tx, around.now), await look_at_audit(tx)]
        servers = await tx.servers.all()
        proofs = [*await look_at_proofs(tx), *await look_at_outbox(tx)]
        admins = await look_at_admins(tx, settings.rules(), username)
    # A server that hangs holds up no other.
    looks = await asyncio.gather(*(look_at_server(server, around) for server in servers))
    found = [result for look in looks for result in look] or [trouble(words.NO_SERVER)]
    own = await look_at_templates(Handover(settings.templates), servers, around.now)
    return [*rows, *found, *own, *proofs, *admins]


def _has_passphrase(settings: Settings) -> bool:
    try:
        return settings.passphrase() is not None
    except BadSettings:
        return False  # said by the look at the secrets


async def _opens(keyring: Keyring) -> bool:
    try:
        await keyring.authority()
    except PkiError:
        return False
    return True


def _issuer(keyring: Keyring) -> x509.Certificate | None:
    try:
        return keyring.certificate
    except PkiError:
        return None  # said by the look at the CA
