"""Everything that `vpnbot doctor` looks at, in the order in which it is best mended."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress

from cryptography import x509

from bot.errors import BadSettings
from bot.fleet.elsewhere import close_connections, use_key
from bot.handover.handover import Handover
from bot.handover.sets import look_at_sets
from bot.health.local import (
    look_at_bot,
    look_at_configuration,
    look_at_database_place,
    look_at_folder,
    look_at_place,
    look_at_room,
)
from bot.health.look import Surroundings
from bot.health.network import look_at_telegram
from bot.health.results import Fine, Result, Trouble, trouble
from bot.health.routing import look_at_machine
from bot.health.servers import look_at_server
from bot.health.sets import results_of
from bot.health.state import look_at_authority, look_at_open_ends, look_at_past, open_checked
from bot.health.templates import look_at_templates
from bot.keyring import Keyring
from bot.process.clock import Clock
from bot.process.data_folder import DataFolder
from bot.settings import Settings
from bot.texts import health as words
from pki.errors import PkiError


async def examine(settings: Settings, clock: Clock) -> AsyncIterator[Result]:
    """Yields each result as it comes; what needs a part that is missing is left out."""
    misplaced = look_at_place(settings, os.environ)
    if misplaced is not None:
        yield misplaced
        return
    for result in look_at_configuration(settings):
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
    has_passphrase = False
    with suppress(BadSettings):  # said by the look at the secrets
        has_passphrase = settings.passphrase() is not None
    keyring = Keyring(folder, settings.passphrase)
    for result in await look_at_authority(keyring, folder, clock(), has_passphrase=has_passphrase):
        yield result
    # A passphrase that does not open the CA opens nothing else: that is one finding, not many.
    issuers, opens = tuple[x509.Certificate, ...](), False
    with suppress(PkiError):  # said by the look at the CA
        issuers = keyring.certificates()
        if has_passphrase:
            await keyring.authority()
            opens = True
    url = settings.url()
    database = await open_checked(url, folder)
    if isinstance(database, Trouble):
        yield database
        return
    use_key(settings.ssh_key_file or folder.ssh_key)
    try:
        yield Fine(words.DATABASE_FINE)
        yield look_at_bot(folder)
        for result in look_at_database_place(url.database or "", folder):
            yield result
        async with database.reading() as tx:
            servers = await tx.servers.all()
        routing = await look_at_machine(servers)
        around = Surroundings(
            folder, database, keyring, issuers, opens, clock(), settings.canary, routing
        )
        for result in await _known(settings, around, username):
            yield result
    finally:
        await close_connections()
        await database.close()


async def _known(settings: Settings, around: Surroundings, username: str | None) -> list[Result]:
    async with around.database.reading() as tx:
        past = await look_at_past(tx, around.now)
        servers = await tx.servers.all()
        sets = await look_at_sets(tx)
        open_ends = await look_at_open_ends(tx, settings.rules(), username)
    # A server that hangs holds up no other.
    looks = await asyncio.gather(*(look_at_server(server, around) for server in servers))
    of_servers = [result for look in looks for result in look] or [trouble(words.NO_SERVER)]
    unwell = {
        server.name
        for server, look in zip(servers, looks, strict=True)
        if any(isinstance(result, Trouble) for result in look)
    }
    of_sets = [result for look in sets for result in results_of(look, unwell)]
    templates = await look_at_templates(Handover(settings.templates), servers, around.now)
    return [*past, *of_servers, *of_sets, *templates, *open_ends]
