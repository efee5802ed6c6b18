"""Which certificates a server's CRL keeps out because they are not for it. See `others`."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from bot.access.case import Chance
from pki.serial import SerialNumber, parse_serial
from storage.records import Server, ServerName
from storage.transaction import Transaction
from vpn.layout import DEPLOYED, Layout
from vpn.others import Neighbours

# How many certificates can be given out while a server that they are not for gets no new CRL.
_SPARES = 32


def layout_of(server: Server) -> Layout:
    """Where its files are."""
    return DEPLOYED if server.adopted is None else Layout.from_json(server.adopted["layout"])


async def neighbours(tx: Transaction, server: Server) -> Neighbours | None:
    """Whom it has to keep out; None where there is no other server, or it lets none of ours in.

    Several servers of an operator's may read one CRL file, or one folder of clients' files. Such a
    list cannot keep out who is for one of them, and nor can such a folder.
    """
    others = [other for other in await tx.servers.all() if other.name != server.name]
    # As it was seen at the adoption.
    if not others or (server.adopted is not None and server.adopted.get("trusts_us") is False):
        return None
    same_crl = same_list(server, others)
    _, ccd = _places(server)
    grants = await tx.grants.for_others(server.name)
    return Neighbours(
        frozenset(parse_serial(grant.serial) for grant in grants if grant.server not in same_crl),
        same_crl=same_crl,
        same_ccd=tuple(other.name for other in others if ccd and _places(other)[1] == ccd),
    )


def same_list(server: Server, servers: Iterable[Server]) -> tuple[ServerName, ...]:
    """The other ones that read the same CRL file."""
    crl, _ = _places(server)
    others = (other for other in servers if other.name != server.name)
    return tuple(other.name for other in others if crl and _places(other)[0] == crl)


async def on_hold(tx: Transaction, server: Server, chance: Chance) -> list[SerialNumber]:
    """What the next CRL lists, with the serials of certificates to come."""
    around = await neighbours(tx, server)
    if around is None:
        return []
    spares = list(await tx.crl.spares())
    fresh = [chance.serial() for _ in range(_SPARES - len(spares))]
    await tx.crl.add_spares(fresh)
    return [*around.serials, *map(parse_serial, (*spares, *fresh))]


def _places(server: Server) -> tuple[PurePosixPath | None, PurePosixPath | None]:
    """Its CRL and its folder of clients' files, from the root of its machine."""
    layout = layout_of(server)
    home = PurePosixPath("/" if layout.adopted else server.directory)
    return (layout.crl and home / layout.crl) or None, (layout.ccd and home / layout.ccd) or None
