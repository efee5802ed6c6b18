"""The checks of a server's files: whose they are, and whether each grant has its own there."""

import asyncio
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

from bot.fleet.fixed_addresses import given_by_others, known_files
from bot.fleet.live_servers import live_server, spec_of
from bot.fleet.refit import pushed_to_each
from bot.fleet.upkeep import deploy_line
from bot.health.folder import look_at_files
from bot.health.look import Look, said_of
from bot.health.results import ShellLine, Trouble, mend_with, of_server, trouble_from
from bot.process.data_folder import account_name
from bot.process.privileges import ROOT
from bot.texts import health as words
from storage.records import Grant, GrantState
from vpn.configuration.server import render_ccd
from vpn.errors import HostError
from vpn.host.interface import ServerHost
from vpn.host.permissions import owner_of
from vpn.host.safe_place import unsafe_above, weak_step_of
from vpn.layout import CCD, LIVE
from vpn.names import may_be_a_clients
from vpn.proof.client_files import fixed_addresses


async def look_at_place(look: Look) -> list[Trouble]:
    """Whether what root has put there stays there.

    In a folder of another account's own, the server's folder is that account's, too: accepted for
    a single person's machine. Where root alone could have made it, root has to keep it.
    """
    if look.server.ssh is not None:
        return await _look_at_place_elsewhere(look)
    directory = Path(look.server.directory)
    try:
        owner = (await asyncio.to_thread(directory.stat)).st_uid
        problem = unsafe_above(directory)
    except OSError:
        return []  # said by the look at the folder
    if owner != ROOT and problem is None:
        values = {"path": directory, "owner": account_name(owner)}
        return [said_of(look.server, words.HOME_FOREIGN, **values)]
    if owner != ROOT or problem is None:
        return []
    mend = mend_with(words.SERVER_MEND, deploy=ShellLine(deploy_line(look.server)))
    return [of_server(look.server.name, trouble_from(HostError(problem), mend))]


async def _look_at_place_elsewhere(look: Look) -> list[Trouble]:
    """There it is always root's: another account has no business in it."""
    host, name = look.host, look.server.name
    facts, weak = await host.stat(""), None
    if facts is not None and facts.uid != ROOT:
        owner = f"account number {facts.uid}"
        return [said_of(look.server, words.HOME_FOREIGN, path=look.server.directory, owner=owner)]
    with suppress(HostError):  # above it there may be what only root can look at
        weak = weak_step_of(await host.resolve(""), host.directory, ROOT)
    return (
        [] if weak is None else [of_server(name, Trouble(f"{weak.why}.", f"Run: {weak.command}"))]
    )


async def look_at_home(look: Look) -> list[Trouble]:
    """All checks of the home folder, so that one that cannot be read is one finding."""
    return [
        *await _look_at_owner(look),
        *await look_at_files(look.server, look.host, look.around.issuers),
        *await _look_at_ccd(look),
    ]


async def _look_at_owner(look: Look) -> list[Trouble]:
    """Whether the bot may write what it has to write."""
    server = look.server
    try:
        wanted, _ = await owner_of(look.host, server.account)
    except HostError:
        return []  # said by the look at the account
    troubles: list[Trouble] = []
    for path in (LIVE, CCD):
        facts = await look.host.stat(path)
        if facts is not None and facts.uid != wanted:
            full = f"{server.directory}/{path}"
            troubles.append(said_of(server, words.LIVE_FOREIGN, path=full, account=server.account))
    return troubles


async def _look_at_ccd(look: Look) -> list[Trouble]:
    """Compares the address files with the grants.

    1. The files, 2. the grants, 3. the files again: a file is a stranger if both looks saw it and
    no grant that is not over has its name, and is missing if neither saw it. So whatever the
    bot does in between is no finding. A grant whose end is not proved is a finding of its own.
    """
    server, host = look.server, look.host
    if await host.listdir(CCD) is None:
        return []  # said by the look at the status
    before = await _client_files(host)  # (1)
    async with look.around.database.reading() as tx:  # (2)
        here = await tx.grants.known_on(server.name)
        canaries = {each.common_name for each in await tx.canaries.known_on(server.name)}
        pushed = await pushed_to_each(tx, server, here)
    after = await _client_files(host)  # (3)
    wanted = [grant for grant in here if server.name in grant.servers and _has_file(grant)]
    missing = [grant for grant in wanted if grant.common_name not in before | after]
    network = spec_of(server).network
    for grant in wanted:
        if grant.common_name in before & after:
            content = await host.read(f"{CCD}/{grant.common_name}")
            expected = render_ccd(
                IPv4Address(grant.address_on(server.name)), network, pushed[grant.id]
            ).encode()
            if content is not None and content != expected:
                missing.append(grant)
    strangers = sorted((before & after) - {grant.common_name for grant in here} - canaries)
    return [
        *(said_of(server, words.CCD_MISSING, name=grant.common_name) for grant in missing),
        *(
            said_of(server, words.CCD_STRANGER, path=f"{server.directory}/{CCD}/{name}")
            for name in strangers
        ),
    ]


def _has_file(grant: Grant) -> bool:
    return grant.state in (GrantState.ISSUED, GrantState.ACTIVE) and grant.pause is None


async def _client_files(host: ServerHost) -> frozenset[str]:
    # What a write in progress has not put in place yet has a longer name than any client.
    return frozenset(filter(may_be_a_clients, await host.listdir(CCD) or ()))


async def look_at_addresses(look: Look) -> list[Trouble]:
    """Compares the grants with the address files among which the operator has some, too.

    As in `_look_at_ccd` what the bot does in between the two looks is no finding.
    """
    server, live = look.server, live_server(look.server)
    before = await fixed_addresses(live.host, live.layout)
    async with look.around.database.reading() as tx:
        here = await tx.grants.known_on(server.name)
        known = await known_files(tx, server.name)
    after = await fixed_addresses(live.host, live.layout)
    others = given_by_others(after, server.name, known)
    troubles: list[Trouble] = []
    for grant in here:
        given = grant.address_on(server.name)
        if given is None or not _has_file(grant):
            continue
        name, address = grant.common_name, IPv4Address(given)
        if given in others:
            troubles.append(said_of(server, words.ADDRESS_TAKEN, name=name, address=given))
        elif not any(address in files.get(name, ()) for files in (before, after)):
            troubles.append(said_of(server, words.CCD_MISSING, name=name))
    return troubles
