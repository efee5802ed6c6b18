"""What a server's CRL lists: who is revoked, and who is not for this server. See `others`."""

import asyncio
from collections.abc import Iterable
from posixpath import join, normpath

from bot.core import Core
from bot.fleet.elsewhere import is_same_machine
from bot.fleet.live_servers import layout_of
from bot.keyring import Keyring
from bot.reasons import CRL_REASONS
from pki import crl
from pki.crl import RevocationReason
from pki.serial import SerialNumber, parse_serial
from storage.records import ForeignRevocation, GrantRevocation, Server, ServerName
from storage.transaction import Transaction
from vpn.proof.others import Neighbours

# How many certificates can be given out while a server that they are not for gets no new CRL.
_SPARES = 32


async def sign_crl(core: Core, keyring: Keyring, server: Server) -> bytes:
    """A server's next CRL; behind it the lists of other CAs that stay in the same file.

    While one CA takes another's place there is a list of each, and both list everybody. No serial
    is given out twice, so whoever is out stays out whichever of them signed the certificate, also
    where the books were wrong about that.

    1. Whoever is revoked, until the certificate has ended by any clock that counts.
    2. Revocations that were found on a server and belong to no grant. Their ends are not known, so
       they are listed for good.
    3. As 'on hold': certificates that are for other servers, those that are for nobody yet, and
       those of people who are paused; and the bot's own that every server has to refuse
       (`bot.access.canaries`).

    Raises:
        PkiError: the CA's key is not to be had.
    """
    authorities = await keyring.authorities()
    # By a clock that was ahead an end may have come that is still to come.
    published = server.crl_published_at and min(server.crl_published_at, core.clock())
    async with core.database.writing() as tx:
        number = await tx.crl.next_number()
        ended = await tx.crl.entries(published, crl.CRL_BACKDATE)
        foreign = await tx.crl.foreign()
        kept = await tx.crl.kept(server.name)
        around = await neighbours(tx, server)
        held = [*await tx.canaries.revoked(), *await tx.pauses.serials()]
        if around is not None:
            spares = await tx.crl.spares()
            fresh = [core.chance.serial() for _ in range(_SPARES - len(spares))]
            await tx.crl.add_spares(fresh)
            held += [*spares, *fresh]
    listed = [*map(_entry, ended)]  # (1)
    listed += map(_entry, foreign)  # (2)
    now = core.clock()
    on_hold = {*(around.serials if around else ()), *map(parse_serial, held)}  # (3)
    listed += [
        crl.Revocation(each, now, RevocationReason.CERTIFICATE_HOLD) for each in sorted(on_hold)
    ]
    ours = [
        # A hundred thousand entries take a fifth of a second.
        await asyncio.to_thread(authority.sign_crl, number=number, revocations=listed, now=now)
        for authority in authorities
    ]
    return b"".join([*ours, *(other.encode() for other in kept)])


def _entry(entry: GrantRevocation | ForeignRevocation) -> crl.Revocation:
    reason = RevocationReason(entry.crl_reason) if entry.crl_reason else CRL_REASONS[entry.reason]
    return crl.Revocation(_serial(entry.serial), entry.revoked_at, reason)


def _serial(stored: str) -> SerialNumber:
    """Stored in one form, so not read with the care that is taken of what people type."""
    return SerialNumber(int(stored, 16))


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
    serials = await tx.crl.for_others([server.name, *same_crl])
    return Neighbours(
        frozenset(map(_serial, serials)),
        same_crl=same_crl,
        same_ccd=tuple(
            other.name for other in beside(server, others) if ccd and _places(other)[1] == ccd
        ),
    )


def same_list(server: Server, servers: Iterable[Server]) -> tuple[ServerName, ...]:
    """The other ones that read the same CRL file."""
    crl, _ = _places(server)
    others = beside(server, servers)
    return tuple(other.name for other in others if crl and _places(other)[0] == crl)


async def has_its_own_list(core: Core, server: Server) -> bool:
    """Whether no other server reads the same CRL file."""
    async with core.database.reading() as tx:
        return not same_list(server, await tx.servers.all())


def beside(server: Server, servers: Iterable[Server]) -> list[Server]:
    """The other ones on its machine."""
    others = [each for each in servers if each.name != server.name]
    return [other for other in others if is_same_machine(other.ssh, server.ssh)]


def _places(server: Server) -> tuple[str | None, str | None]:
    """Its CRL and its folder of clients' files, from the root of its machine."""
    layout = layout_of(server)
    home = "/" if layout.adopted else server.directory
    crl, ccd = (path and normpath(join(home, path)) for path in (layout.crl, layout.ccd))
    return crl or None, ccd or None
