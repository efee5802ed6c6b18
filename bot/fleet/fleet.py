"""The servers as the bot uses them: CRLs published, addresses admitted, access cut.

Whatever changes a server happens under its lock, which holds between processes too: two
publishers without one leave the older CRL in place, which un-revokes people.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from ipaddress import IPv4Address

from bot.access import canaries, reopening
from bot.access.addresses import fits
from bot.access.permission import THE_BOT, Actor
from bot.access.sightings import stranger_name
from bot.access.takeover import TakenOver
from bot.core import Core
from bot.errors import NotDone
from bot.fleet import state
from bot.fleet.catching_up import CatchingUp
from bot.fleet.fixed_addresses import clear_address, given_by_others, known_files
from bot.fleet.live_servers import live_server
from bot.fleet.members import Members
from bot.fleet.on_hold import has_its_own_list, sign_crl
from bot.fleet.online import OnServer, who_is_on
from bot.fleet.presence import Seen, compare, look
from bot.fleet.refit import Refitted, admit_with_terms, refit
from bot.keyring import Keyring
from bot.process.data_folder import DataFolder
from bot.process.locks import locked
from bot.process.logs import log_failure
from pki import crl
from pki.serial import SerialNumber, parse_serial
from storage.records import LIVE_STATES, Canary, CanaryRole, Grant, Server, ServerName
from vpn.errors import HostError, VpnError
from vpn.findings import LETS_IN, Finding, FindingCode, ServerProof, ServerStatus, Target
from vpn.names import look_alike, name_in_sessions
from vpn.proof.client_files import fixed_addresses
from vpn.proof.crl_look import digest_of, look_at_crl, number_of
from vpn.proof.list_in_force import ListInForce
from vpn.proof.live import StrangersCut
from vpn.proof.others import not_listed
from vpn.proof.sessions import SessionsCut, ToCut, cut_sessions
from vpn.values import CommonName

log = logging.getLogger(__name__)


class Fleet:
    def __init__(self, core: Core, keyring: Keyring, folder: DataFolder) -> None:
        self._core = core
        self._database = core.database
        self._keyring = keyring
        self._folder = folder
        self._clock = core.clock
        self._catching_up = CatchingUp(core, keyring)
        self._members = Members(core)

    def forget(self, name: ServerName) -> None:
        """Of a server that was taken out nothing is kept in memory."""
        self._members.forget(name)

    async def publish(self, name: ServerName) -> int | None:
        """Signs a CRL for a server and puts it in place; gives its number.

        None where the server was taken out meanwhile.

        Raises:
            VpnError: it could not be put in place; the old one is still there.
        """
        async with self._locked(name) as server:
            return None if server is None else await self._publish(server)

    async def _publish(self, server: Server) -> int:
        """Puts a server's next CRL in place, under its lock.

        Until the first one is there no end has to be proved on a server of ours. So that one lists
        everybody who has ended when it is noted; else there is another one.
        """
        await self._before(server)
        live = live_server(server)
        while True:
            pem = await sign_crl(self._core, self._keyring, server)
            number = await live.publish(pem, issuers=self._keyring.certificates())
            if await self._note_published(server, pem, number):
                break
        await self._catching_up.after(server)
        return number

    async def _note_published(self, server: Server, pem: bytes, number: int) -> bool:
        """Records a CRL as published; False where it is the first one and lacks somebody by now."""
        is_first = server.crl_published_at is None
        listed = crl.read_crl(pem, *self._keyring.certificates()).serials if is_first else ()
        async with self._database.writing() as tx:
            ended = await tx.crl.entries(None) if is_first else ()
            if any(parse_serial(entry.serial) not in listed for entry in ended):
                return False
            await tx.servers.set_crl_published(server.name, self._clock(), number, digest_of(pem))
        return True

    async def _before(self, server: Server) -> None:
        """Learns and records what would be lost with the CRL in place, before it is replaced.

        Raises:
            VpnError: the server's CRL cannot be read, so it must not be replaced.
        """
        alone = await has_its_own_list(self._core, server)
        # Both look at the same file at the same moment; it is not changed meanwhile.
        _, found = await asyncio.gather(
            self._catching_up.before(server), self._lets_in_by(server, alone=alone)
        )
        await self._doubt(server, found)

    async def _lets_in_by(self, server: Server, *, alone: bool) -> Collection[FindingCode]:
        """What is wrong with the list in place that lets people in."""
        if server.crl_published_at is None:
            return ()  # it never was ours
        codes = {finding.code for finding in await self._crl_findings(server, alone=alone)}
        return codes.intersection(LETS_IN)

    async def _doubt(self, server: Server, found: Collection[FindingCode]) -> None:
        """Records who may have come in by another list that lies in the place of ours.

        That is everybody who is out. A session that has begun goes on with any list, so putting
        ours back is not enough. The doubt is recorded before the only sign of it is gone.

        Accepted: another list that came and went between two looks leaves no sign.
        """
        if found and server.crl_published_at is not None:
            async with self._core.acting(THE_BOT) as case:
                await reopening.doubt_all(
                    case, server.name, since=server.crl_published_at, found=found
                )

    async def admit(
        self, name: ServerName, grant: Grant, as_wanted: Callable[[], Awaitable[Grant | None]]
    ) -> bool:
        """Gives a grant its address on its server, unless it was ended or paused meanwhile.

        The question is asked under the server's lock: a revocation that is recorded later finds
        the file and removes it, one recorded earlier leaves none behind.

        A change of groups may have given it another address since. On a server of the operator's
        making it gets another one first, where a file that has come since gives its own to
        somebody. The CRL in place may list its serial as one that is
        for nobody yet: then there is a new one.

        Args:
            as_wanted: the grant as it is stored now; None where nobody wants it any more.

        Raises:
            VpnError: the file or the CRL could not be written, or there is no other address.
        """
        async with self._locked(name) as server:
            return server is not None and await self._admit(server, grant, as_wanted)

    async def _admit(
        self, server: Server, grant: Grant, as_wanted: Callable[[], Awaitable[Grant | None]]
    ) -> bool:
        """See `admit`; under the server's lock."""
        if server.restored_at is not None:
            # The address may be in use by somebody whom the backup does not know.
            await self._catching_up.before(server)
        now = await as_wanted()
        if now is None or now.pause is not None:
            return False
        grant = now if server.name in now.servers else grant
        live = live_server(server)
        given = grant.address_on(server.name)
        if server.adopted is not None and not (given is None and fits(server, None)):
            files = await fixed_addresses(live.host, live.layout)
            clear = await clear_address(self._core, server, grant, files)
            if clear is None:
                return False
            grant = clear
        # Before anybody can come by the address: nobody gets it as who had it before.
        await self._members.note(server.name, live)
        await admit_with_terms(self._core, server, live, grant)
        try:
            in_place = await live.crl_in_place(self._keyring.certificates())
        except HostError as error:
            log.warning("The CRL of %s cannot be read: %s", server.name, error)
        else:
            if in_place is not None and parse_serial(grant.serial) in in_place.serials:
                await self._publish(server)
        return True

    async def let_in_waiting(self, name: ServerName) -> Sequence[Grant]:
        """Takes in whose profile went out while the server did not answer; gives them.

        Raises:
            VpnError: as `admit`; the others wait on.
        """
        async with self._database.reading() as tx:
            waiting = await tx.grants.waiting_on(name)
        taken = []
        for grant in waiting:

            async def if_waiting(grant: Grant = grant) -> Grant | None:
                async with self._database.reading() as tx:
                    waiting = await tx.grants.waiting_on(name)
                return next((one for one in waiting if one.id == grant.id), None)

            async with self._locked(name) as server:
                if server is None or not await self._admit(server, grant, if_waiting):
                    continue
                # Under the lock: after it a pause may have taken the file away again.
                async with self._database.writing() as tx:
                    await tx.grants.let_in(grant.id, name)
            taken.append(grant)
        return taken

    async def refit(self, name: ServerName) -> Refitted:
        """See `refit.refit` and `members`; after a restore the server is looked through first."""
        async with self._locked(name) as server:
            if server is None or server.restored_at is not None:
                return Refitted(name, left=0 if server is None else 1)
            live = live_server(server)
            await self._members.try_to_note(name, live)
            return await refit(self._core, server, live)

    async def cut(
        self,
        name: ServerName,
        still_open: Callable[[], Awaitable[Sequence[Grant]]],
        record: Callable[[Sequence[tuple[Grant, ServerProof]]], Awaitable[None]],
    ) -> None:
        """Ends grants on one server, and has recorded what was seen of each.

        The caller says, under the lock, which ones are still to be cut. Under it, too, they store
        what was seen: after it somebody may have come in again, or have put another list there.
        """
        async with self._locked(name) as server:
            grants = await still_open()
            if server is None or not grants:
                return
            pem = problem = None
            try:
                await self._before(server)
                pem = await sign_crl(self._core, self._keyring, server)
            except Exception as error:  # noqa: BLE001 - whatever it was, the other steps are tried
                log_failure(log, f"There is no CRL for {server.name}", error)
                problem = str(error) if isinstance(error, VpnError) else "No CRL could be signed."
            live = live_server(server)
            proofs = await live.cut(
                await self._targets(name, grants),
                crl_pem=pem,
                no_crl=problem,
                issuers=self._keyring.certificates(),
                now=self._clock,
            )
            number = number_of(pem, self._keyring.certificates())
            if pem and number and any(proof.crl_number == number for proof in proofs):
                await self._note_published(server, pem, number)
                await self._catching_up.after(server)
            await record(tuple(zip(grants, proofs, strict=True)))
            # The proof says nothing of the firewall, and does not wait for it.
            await self._members.try_to_note(name, live)

    async def _targets(self, name: ServerName, grants: Sequence[Grant]) -> list[Target]:
        async with self._database.reading() as tx:
            proofs = await tx.proofs.of([grant.id for grant in grants], name)
            is_shared = any(grant.imported_at for grant in grants)
            names = await tx.grants.imported_names() if is_shared else ()
        before = {proof.grant_id: proof for proof in proofs}
        staying = {look_alike(other) for other in names}
        return [
            Target(
                CommonName(grant.common_name),
                parse_serial(grant.serial),
                shares_name=look_alike(grant.common_name) in staying,
                crl_seen_at=before[grant.id].crl_seen_at,
            )
            for grant in grants
        ]

    async def renew_canaries(
        self, name: ServerName, roles: Collection[CanaryRole]
    ) -> Sequence[Canary]:
        """New certificates to try a server with, in the place of those of before.

        (1) What was there for those of before goes. (2) The new ones are recorded. (3) The one that
        is to be let in gets its file, and (4) the one that is not gets on the list. Only then they
        are signed, by the caller. Nothing where the server was taken out, or has no address to
        spare.

        Raises:
            VpnError, PkiError: something of that could not be done.
        """
        async with self._locked(name) as server:
            if server is None:
                return ()
            live = live_server(server)
            await self._clear_canaries(server)  # (1)
            given: Collection[str] = ()
            if server.adopted is not None:
                files = await fixed_addresses(live.host, live.layout)
                async with self._database.reading() as tx:
                    given = given_by_others(files, name, await known_files(tx, name))
            async with self._core.acting(THE_BOT) as case:  # (2)
                if await case.tx.servers.get(name) is None:
                    return ()  # that takes no lock of the server's
                drawn = await canaries.draw(case, server, roles, given)
            for canary in drawn:
                if canary.role is CanaryRole.GOOD:
                    address = IPv4Address(canary.address) if canary.address else None
                    await live.admit(CommonName(canary.common_name), address)  # (3)
            if CanaryRole.REVOKED in roles:
                await self._publish(server)  # (4)
            return drawn

    async def retire_canaries(self, name: ServerName) -> None:
        """Takes away what was there to try a server with; raises VpnError where it stays."""
        async with self._locked(name) as server:
            if server is not None:
                await self._clear_canaries(server)
                async with self._database.writing() as tx:
                    await tx.canaries.retire(name, self._clock())
                    await tx.canaries.unsee(name)

    async def _clear_canaries(self, server: Server) -> None:
        async with self._database.reading() as tx:
            before = await tx.canaries.in_use(server.name)
        for canary in before:
            await live_server(server).dismiss(CommonName(canary.common_name))

    async def crl_findings(
        self, server: Server, *, others: Collection[SerialNumber] = ()
    ) -> tuple[Finding, ...]:
        """Why what lies on a server is not the CRL that was published there last, in force.

        Another program, such as easy-rsa, may have put its own there; or an older one of ours
        came back with a copy of the folder. Whoever publishes at this moment makes no finding: a
        number is stored after its CRL is in place, so a finding counts where nobody does.

        Args:
            others: certificates that are for other servers, which it has to list, too.
        """
        alone = await has_its_own_list(self._core, server)
        if not await self._crl_findings(server, others, alone=alone):
            return ()
        async with self._locked(server.name) as now:
            return await self._crl_findings(now or server, others, alone=alone)

    async def _crl_findings(
        self, server: Server, others: Collection[SerialNumber] = (), *, alone: bool
    ) -> tuple[Finding, ...]:
        """What is found at one look, without the lock or under it.

        Accepted: a list with a higher number than ours is not told from our own where several
        servers read one file, since the lock is for one of them.
        """
        live = live_server(server)
        seen = await look_at_crl(
            live.host,
            live.layout,
            issuers=self._keyring.certificates(),
            now=self._clock(),
            published=server.crl_number,
            digest=server.crl_digest,
            alone=alone,
        )
        return not_listed(seen, others)

    async def look(self, name: ServerName) -> Seen:
        """See `presence.look`; after a restore see `catching_up`."""
        async with self._locked(name) as server:
            if server is None or server.restored_at is not None:
                return Seen()
            return await look(self._core, server, live_server(server))

    async def who_is_on(self, server: Server) -> OnServer:
        """See `online.who_is_on`."""
        return await who_is_on(self._core, server, live_server(server))

    async def cut_session(
        self, name: ServerName, grant: Grant, began_by: datetime
    ) -> SessionsCut | None:
        """Ends those sessions of a grant on one server that had begun by then, and looks again.

        Nothing shuts them out: with a grant that lives they may come back. None where the server
        was taken out.
        """
        async with self._locked(name) as server:
            if server is None:
                return None
            wanted = ToCut(CommonName(grant.common_name), began_by)
            return await cut_sessions(live_server(server).talk, [wanted])

    async def cut_unknown(self, name: ServerName, stranger: str) -> StrangersCut | None:
        """Ends the sessions of a name that an admin was shown.

        None where the server was taken out, or somebody of that name may be there by now.

        Args:
            stranger: as far as `storage.records.Stranger` keeps it.

        Raises:
            ManagementError: the server cannot be asked.
        """
        async with self._locked(name) as server:
            if server is None:
                return None
            live = live_server(server)
            meant = {one for one in await live.connected() if stranger_name(one) == stranger}
            async with self._database.reading() as tx:
                allowed = meant - (await compare(tx, name, meant, name_in_sessions)).all
            return None if allowed else await live.cut_strangers(meant)

    async def take_over(self, name: ServerName, in_force: ListInForce, actor: Actor) -> TakenOver:
        """Takes over whom an adopted server refuses, so that every later CRL refuses them, too.

        Raises:
            NotDone: there is no such server.
        """
        async with self._locked(name) as server:
            return await self._catching_up.take_over(_known(server, name), in_force, actor)

    @asynccontextmanager
    async def next_crl(self, name: ServerName) -> AsyncIterator[bytes]:
        """A CRL to be put in place by the caller, under the server's lock.

        What it takes the place of has been taken over: `take_over`.

        Raises:
            NotDone: there is no such server.
        """
        async with self._locked(name) as stored:
            server = _known(stored, name)
            if server.restored_at is not None:
                await self._catching_up.before(server)
            alone = await has_its_own_list(self._core, server)
            await self._doubt(server, await self._lets_in_by(server, alone=alone))
            yield await sign_crl(self._core, self._keyring, server)

    async def cut_earlier(self, name: ServerName) -> tuple[str, ...]:
        """Ends the sessions of who was in before the adoption and has no business there.

        That is whoever was revoked before the takeover, or has a profile for another server. Their
        certificates are on the CRL in place, so they do not come back. Gives their names.
        """
        async with self._locked(name) as server:
            if server is None:
                return ()
            async with self._database.reading() as tx:
                imported = await tx.grants.imported()
                over = [g for g in imported if g.revoked_at and g.state not in LIVE_STATES]
                over += await tx.grants.for_others(name)
                staying = {look_alike(other) for other in await tx.grants.imported_names()}
            names = {
                name_in_sessions(grant.common_name)
                for grant in over
                if look_alike(grant.common_name) not in staying
            }
            live = live_server(server)
            try:
                cut = await live.cut_strangers(names and names & await live.connected())
            except VpnError as error:
                log.warning("Nobody can tell who is connected to %s: %s", name, error)
                return ()
        for finding in cut.findings:
            log.warning("Somebody may be left on %s: %s", name, finding.detail)
        return cut.names

    def authority_end(self) -> datetime:
        """When the CA's certificate ends."""
        return self._keyring.certificate.not_valid_after_utc

    async def caught_up(self) -> bool:
        """Whether the database knows what the servers know: after a restore it may not."""
        return await self._catching_up.everywhere()

    async def status(self, server: Server) -> ServerStatus:
        """See `state.status`."""
        return await state.status(self._core, self._keyring, server)

    async def opens(self, server: Server) -> tuple[Finding, ...]:
        """See `state.opens`."""
        return await state.opens(self._core, self._keyring, server)

    @asynccontextmanager
    async def _locked(self, name: ServerName) -> AsyncIterator[Server | None]:
        """The server as it is stored, under its lock; None where it was taken out."""
        async with locked(self._folder.locks / f"server-{name}.lock"):
            async with self._database.reading() as tx:
                server = await tx.servers.get(name)
            yield server


def _known(server: Server | None, name: ServerName) -> Server:
    if server is None:
        raise NotDone(f"There is no server “{name}”; see: vpnbot server list")
    return server
