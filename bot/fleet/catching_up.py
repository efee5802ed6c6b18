"""What lies on the servers may know more than the database.

Before anything is published or admitted on a server, under its lock:

1. Where the file in place is another one than the bot put there, the entries of our CA's lists in
   it are taken over, and their number. It came from a later state of this database, or from another
   program with our CA's key, such as easy-rsa; either way nobody comes back whom it refuses. After
   a restore that is done with every server's file before the first one is replaced: each lists all
   revocations, and the one of a server that was down may be older than that of another. On an
   adopted server the lists of other CAs stay in the file; and until a CRL of ours has been put
   there, what cannot be understood is not replaced.
2. After a restore the files of names are set aside that nobody knows (`bot.fleet.presence`): access
   that was given after the backup. Its serial is in no database, so no CRL can list it.

And after a restore, when the CRL is in place:

3. The sessions of such names are ended. Once the server has shown that none is left, it counts as
   looked through, and (2) and (3) are over.

Accepted: a revocation after the backup is unknown where no server has a CRL that lists it any more.
Whoever can write the file can also put a forged list of another CA there, which shuts out that CA's
people; its signature is not looked at here, because whom else a server trusts may change.
"""

import logging
from collections.abc import Callable, Collection, Sequence

from bot.access import takeover
from bot.access.permission import THE_BOT, Actor
from bot.access.takeover import CrlEntry, TakenOver
from bot.core import Core
from bot.fleet.live_servers import live_server
from bot.fleet.presence import compare
from bot.keyring import Keyring
from bot.reasons import END_REASONS
from pki.found_crls import kept_lists, read_crls
from pki.serial import serial_hex
from storage.records import EndReason, Server
from vpn.errors import CrlNotRead, HostError, ManagementError, NotReadable
from vpn.findings import Finding, FindingCode
from vpn.names import ccd_file_name, is_ours, name_in_sessions
from vpn.proof.client_files import client_files, set_files_aside
from vpn.proof.list_in_force import ListInForce

log = logging.getLogger(__name__)


class CatchingUp:
    def __init__(self, core: Core, keyring: Keyring) -> None:
        self._core = core
        self._database = core.database
        self._keyring = keyring

    async def before(self, server: Server) -> None:
        """(1) and (2), under the server's lock.

        Raises:
            HostError: the server's CRL cannot be read, so it must not be replaced.
        """
        if server.restored_at is not None:
            await self.everywhere()
        await self._take_over_from(server)  # (1)
        if server.restored_at is not None:
            await self._remove_files(server)  # (2)

    async def after(self, server: Server) -> None:
        """(3), under the server's lock."""
        if server.restored_at is None:
            return
        live = live_server(server)
        findings = await self._remove_files(server)
        try:
            on = await live.connected()
        except ManagementError as error:
            log.warning("%s is not looked through yet: %s", server.name, error)
            return
        cut = await live.cut_strangers(await self._strange(server, on, name_in_sessions))
        for finding in cut.findings:
            log.warning("%s is not looked through yet: %s", server.name, finding.detail)
        # Without the second lock whoever was cut can come back.
        may_return = cut.names and not live.layout.exclusive
        if not findings and not cut.findings and not may_return:
            async with self._core.acting(THE_BOT) as case:
                await takeover.looked_through(case, server.name, cut.names)

    async def everywhere(self) -> bool:
        """(1) for every server that was not looked through since a restore.

        False where a CRL cannot be read, so that nobody knows yet what it says.
        """
        async with self._database.reading() as tx:
            restored = [s for s in await tx.servers.all() if s.restored_at is not None]
        complete = True
        for server in restored:
            try:
                await self._take_over_from(server)
            except HostError as error:
                log.warning("The CRL of %s cannot be read: %s", server.name, error)
                complete = False
        return complete

    async def _take_over_from(self, server: Server) -> None:
        put_there = server.crl_digest if server.restored_at is None else None
        live = live_server(server)
        try:
            in_place = await live.list_in_place(self._keyring.certificates(), unless=put_there)
        except NotReadable as error:
            # On a server of ours nobody else knows of revocations, unless time has gone by.
            if server.adopted is not None or server.restored_at is not None:
                raise
            log.warning("What lies in the place of our list on %s: %s", server.name, error)
            return
        if in_place is None:
            return
        if in_place.problem and server.adopted is not None and server.crl_published_at is None:
            raise CrlNotRead(in_place.problem)
        await self.take_over(server, in_place)

    async def take_over(
        self, server: Server, in_place: ListInForce, actor: Actor = THE_BOT
    ) -> TakenOver:
        """What a list says that is not the bot's own: nobody comes back by what replaces it."""
        issuers = self._keyring.certificates()
        entries = [
            CrlEntry(
                serial=serial_hex(revocation.serial),
                revoked_at=revocation.revoked_at,
                # Other reasons come from a CA that was taken over; a grant has no word for them.
                reason=END_REASONS.get(revocation.reason, EndReason.REVOKED),
                crl_reason=revocation.reason.value,
            )
            for revocation in in_place.revocations
        ]
        async with self._core.acting(actor) as case:
            before = tuple(await case.tx.crl.kept(server.name))
            earlier = [each for pem in before for each in read_crls(pem.encode(), *issuers)]
            # A server of ours trusts no other CA; after a restore one that was made since.
            is_there = server.adopted is not None or server.restored_at is not None
            lists = kept_lists(earlier, in_place.others if is_there else (), case.now)
            kept = tuple(each.pem.decode() for each in lists)
            if kept != before:
                await case.tx.crl.keep(server.name, kept)
            others = sorted({each.issuer for each in in_place.others}) if kept else []
            return await takeover.take_over(
                case,
                server.name,
                in_place.number,
                entries,
                others=others,
                restored=server.restored_at is not None,
            )

    async def _remove_files(self, server: Server) -> Sequence[Finding]:
        live = live_server(server)
        try:
            names = await client_files(live.host, live.layout)
        except HostError as error:
            removed: Sequence[str] = ()
            findings: Sequence[Finding] = (Finding(FindingCode.HOST_ERROR, str(error)),)
        else:
            strange = await self._strange(server, names, ccd_file_name)
            if not live.layout.exclusive:  # then what an operator wrote there is no lock
                strange = frozenset(filter(is_ours, strange))
            removed, findings = await set_files_aside(live.host, live.layout, strange)
        for finding in findings:
            log.warning("%s is not looked through yet: %s", server.name, finding.detail)
        if removed:
            async with self._core.acting(THE_BOT) as case:
                await takeover.shut_out(case, server.name, removed)
        return findings

    async def _strange(
        self, server: Server, names: Collection[str], as_found: Callable[[str], str | None]
    ) -> frozenset[str]:
        """Names that may be of access which was given after the backup, or is over.

        On an operator's own server, of those that are in no books, only names of the form that
        the bot gives.
        """
        async with self._database.reading() as tx:
            compared = await compare(tx, server.name, names, as_found)
        if server.adopted is None:
            return compared.all
        return compared.ours.union(filter(is_ours, compared.unknown))
