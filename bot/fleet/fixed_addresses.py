"""Keeps grants' addresses clear of those that an operator's own files give away.

Such files come and go while the bot runs, and nobody tells it. What they give away is looked up
whenever a grant is let in; two clients with one address would cut each other off.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from bot.access import grants
from bot.access.addresses import fits
from bot.access.permission import THE_BOT
from bot.access.refusals import Refused
from bot.core import Core
from storage.records import Canary, Grant, Server, ServerName
from storage.transaction import Transaction
from vpn.errors import HostError
from vpn.names import ccd_file_name

Files = Mapping[str, frozenset[IPv4Address]]


def given_by_others(
    files: Files, server: ServerName, known: Iterable[Grant | Canary]
) -> frozenset[str]:
    """What files that belong to none of these give away.

    Args:
        files: see `vpn.proof.client_files.fixed_addresses`.
        known: all grants that are not over, and the bot's own certificates there.
    """
    own = {ccd_file_name(each.common_name) for each in known if _has_address(each, server)}
    others = (addresses for name, addresses in files.items() if name not in own)
    return frozenset(str(address) for addresses in others for address in addresses)


def _has_address(one: Grant | Canary, server: ServerName) -> bool:
    if isinstance(one, Grant):
        return one.address_on(server) is not None
    return one.server == server and one.address is not None


async def known_files(tx: Transaction, server: ServerName) -> list[Grant | Canary]:
    """Whose files on a server are of the bot's making."""
    return [*await tx.grants.not_over(), *await tx.canaries.known_on(server)]


async def clear_address(core: Core, server: Server, grant: Grant, files: Files) -> Grant | None:
    """The grant, with another address where its own cannot be used any more.

    A file of the operator's gives it to somebody, or the server's network is another one now.
    None where it was ended meanwhile. What is taken is remembered for the next grants.

    Raises:
        HostError: there is no other address.
    """
    assert server.adopted is not None  # on a server of ours nobody else gives addresses away
    async with core.database.reading() as tx:
        given = given_by_others(files, server.name, await known_files(tx, server.name))
    taken = given.union(server.adopted["taken"])
    own = grant.address_on(server.name)
    if own not in taken and fits(server, own):
        return grant
    known = replace(server, adopted=server.adopted | {"taken": sorted(taken)})
    async with core.acting(THE_BOT) as case:
        await case.tx.servers.set_adopted(known)
        try:
            return await grants.move(case, known, grant)
        except Refused as error:
            raise HostError(
                f"{own} can't be used any more, and {server.name} has no other address"
                " left; remove a client's file that nobody needs."
            ) from error
