"""A server that runs: lets people in, shuts them out, and proves it by looking."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address

from pki.crl import CrlFacts, read_crl
from pki.errors import PkiError
from pki.key_ids import Issuers
from vpn.errors import CrlNotUsed, HostError, ManagementError, NewerCrlInPlace, NotReadable
from vpn.findings import Finding, FindingCode, ServerProof, ServerStatus, Target
from vpn.host.certificates import certificate_end
from vpn.host.interface import ServerHost
from vpn.host.machine import ccd_findings, clock_findings, or_host_error, room_findings
from vpn.host.permissions import read_linked
from vpn.layout import DEPLOYED, Layout
from vpn.names import ccd_file_name, is_ours
from vpn.proof.client_files import client_file, set_aside
from vpn.proof.crl_look import (
    CRL_NOT_USED,
    digest_of,
    entry_findings,
    look_at_crl,
    number_of,
    too_early,
)
from vpn.proof.list_in_force import ListInForce, understood
from vpn.proof.locks import (
    look_at_configuration,
    look_at_locks,
    look_at_locks_in_force,
    look_at_restart,
)
from vpn.proof.management import (
    MOST_SESSIONS,
    PID,
    STATUS,
    TIMEOUT_S,
    Management,
    Session,
    Try,
    open_management,
)
from vpn.proof.others import Neighbours, open_to_others
from vpn.proof.sessions import Answer, ToCut, cut_sessions, management_finding
from vpn.values import AS_ALL, CommonName, Pushed, ServerSpec, valid_common_name

# By OpenVPN as another account.
_FOR_ALL_TO_READ = 0o644
# OpenVPN counts the handshake's window in whole seconds, and a busy server is a little late.
_WINDOW_MARGIN = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class StrangersCut:
    """What became of names that were to go.

    Attributes:
        names: their sessions were ended, and a look afterwards found none.
        left: they are connected after each kill.
        findings: with any of them somebody may be left.
    """

    names: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveServer:
    """One server, on whatever machine its host is.

    Attributes:
        layout: where its files are; the paths are the host's.
        known_end: when its certificate ends, for where the bot's account cannot read that.
        management_timeout_s: for a whole conversation with the management interface.
    """

    spec: ServerSpec
    host: ServerHost
    _: KW_ONLY
    layout: Layout = DEPLOYED
    known_end: datetime | None = None
    management_timeout_s: float = TIMEOUT_S

    @property
    def name(self) -> str:
        return self.spec.name

    async def admit(
        self, common_name: CommonName, address: IPv4Address | None, pushed: Pushed = AS_ALL
    ) -> None:
        """Lets a certificate of this name in, with this address and no other.

        Args:
            address: None where the server's own pool gives one.
            pushed: what it gets in the place of what all get; nothing where the server has no
                files for its clients.

        Raises:
            HostError: its file could not be written.
            ValueError: the name or the address cannot be used.
        """
        if not valid_common_name(common_name):
            raise ValueError(f"{common_name!r} isn't a common name of ours")
        content = await client_file(self.host, self.layout, address, self.spec.network, pushed)
        path = self._own_file(common_name)
        if path is not None and content is not None:
            await self._put(path, content)
        elif path is not None and await self.host.stat(path) is not None:
            await self.host.remove(path)  # of an address that it had before

    async def dismiss(self, common_name: CommonName) -> None:
        """Takes away the file of a name of ours; raises HostError where it stays."""
        path = self._own_file(common_name)
        if path is not None and await self.host.stat(path) is not None:
            await self.host.remove(path)

    async def note_members(self, lines: str, *, even_if_same: bool = False) -> None:
        """Puts in place what root's script, or whoever else, tells a firewall: whose address is it.

        Nothing where the bot has no folder of its own there.

        Args:
            even_if_same: whoever waits for a change is to see one.

        Raises:
            HostError: it could not be written.
        """
        path = self.layout.members
        if path is None:
            return
        content = lines.encode()
        with suppress(NotReadable):  # by whatever lies there, which is replaced
            if not even_if_same and await self.host.read(path) == content:
                return
        await self._put(path, content)

    def talk(self) -> AbstractAsyncContextManager[Management]:
        """A conversation with its management interface, see `open_management`."""
        # Each client has an address, and one that has just left may be listed beside its new self.
        most = min(2 * self.spec.network.num_addresses, MOST_SESSIONS)
        place = self.layout.management
        return open_management(self.host, self.management_timeout_s, place=place, most=most)

    async def ask(self) -> Answer | Finding:
        """Who is connected, and what else it says of itself; or why nothing is known."""
        try:
            async with self.talk() as management:
                management.say_ahead((PID, STATUS))
                pid, sessions = await management.pid(), await management.status()
                return Answer(pid, sessions, management.server_time)
        except ManagementError as error:
            return management_finding(error)

    async def platforms(self) -> Mapping[str, str]:
        """What devices that connected lately call their systems, by their real addresses.

        They may say what they like, and nobody's access hangs on it: nothing where it is not known.
        """
        try:
            async with self.talk() as management:
                return await management.platforms()
        except ManagementError:
            return {}

    async def tries(self) -> Sequence[Try]:
        """Who knocked lately, oldest first; nothing where it is not known."""
        try:
            async with self.talk() as management:
                return await management.tries()
        except ManagementError:
            return ()

    async def sessions(self) -> tuple[Session, ...]:
        """Whoever is connected now; a name is as `vpn.names.name_in_sessions` gives it.

        Raises:
            ManagementError: the server cannot be asked, so nothing is known.
        """
        async with self.talk() as management:
            return await management.status()

    async def connected(self) -> frozenset[str]:
        """The names of certificates that are connected; none where no name says a certificate.

        Raises:
            ManagementError: the server cannot be asked, so nothing is known.
        """
        sessions = await self.sessions()
        return frozenset(s.common_name for s in sessions if self.layout.knows_names)

    async def publish(self, crl_pem: bytes, *, issuers: Issuers) -> int:
        """Puts a CRL in place, and returns its number.

        The caller holds the lock of this server's publication: between the look at what lies
        there and the rename another publisher could come.

        Raises:
            CrlNotUsed: this server reads no CRL file.
            NewerCrlInPlace: a CRL of these issuers with a higher number lies there.
            HostError: it could not be written.
            PkiError: `crl_pem` is damaged or not of these issuers.
        """
        return await self._publish(crl_pem, await self.crl_in_place(issuers), issuers)

    async def _publish(self, crl_pem: bytes, in_place: CrlFacts | None, issuers: Issuers) -> int:
        """See `publish`; with what lies there."""
        if self.layout.crl is None:
            raise CrlNotUsed(CRL_NOT_USED)
        number = read_crl(crl_pem, *issuers).number
        if in_place is not None and in_place.number > number:
            raise NewerCrlInPlace(
                f"The CRL on {self.name} has number {in_place.number}, ours has {number};"
                " publish one with a higher number."
            )
        await self._put(self.layout.crl, crl_pem)
        return number

    async def list_in_place(self, issuers: Issuers, *, unless: str | None) -> ListInForce | None:
        """What the file says that lies there.

        None where it is the file with that digest, or the server reads no CRL file.

        Raises:
            HostError: it cannot be read.
        """
        if self.layout.crl is None:
            return None
        content = await read_linked(self.host, self.layout.crl)
        if content is not None and digest_of(content) == unless:
            return None
        # Tens of thousands of entries take a part of a second.
        place = self.layout.shown(self.layout.crl)
        return await asyncio.to_thread(understood, place, content, issuers)

    async def crl_in_place(self, issuers: Issuers) -> CrlFacts | None:
        """What lies there, if it is ours; raises HostError where nobody can tell."""
        try:
            pem = None if self.layout.crl is None else await read_linked(self.host, self.layout.crl)
            return None if pem is None else read_crl(pem, *issuers)
        except (NotReadable, PkiError):
            return None

    async def cut_strangers(self, names: Collection[str]) -> StrangersCut:
        """Ends the sessions of these names, as `status` shows them, and looks that they are gone.

        Who is a stranger is for the caller to say. A certificate that the bot does not know cannot
        be put on the CRL, since its serial is not known either: what shuts it out is the second
        lock. So its file has to be gone before; who is in mid-handshake is refused at its end then.
        """
        if not names or not self.layout.knows_names:
            return StrangersCut()
        talk = await cut_sessions(self.talk, [ToCut(CommonName(name)) for name in names])
        left = set(names) if talk.left is None else {str(each.common_name) for each in talk.left}
        is_on = [
            Finding(FindingCode.SESSION_LIVE, f"{name!a} is connected.") for name in sorted(left)
        ]
        return StrangersCut(
            names=tuple(sorted(name for name in names if name not in left and talk.cut[name])),
            left=tuple(sorted(left)),
            findings=(*talk.findings, *is_on),
        )

    async def cut(
        self,
        targets: Sequence[Target],
        *,
        crl_pem: bytes | None,
        issuers: Issuers,
        now: Callable[[], datetime],
        no_crl: str | None = None,
    ) -> tuple[ServerProof, ...]:
        """Shuts certificates out and looks whether they are; one proof for each, in order.

        1. Their own files go: whoever is in mid-handshake is refused at its end.
        2. The CRL is put in place: a new handshake is refused at its beginning. Without (1) and
           (2) before it, (3) would miss a session whose name is not known yet. A session that
           lives is ended by neither: its renegotiation fails ('certificate revoked'), and it goes
           on with the key that it has.
        3. All sessions of their names are killed. The management interface's own list must then
           have none of these names; where it has one, it is killed again.
        4. What lies on the server is read back: the files are gone; the CRL is whole, of these
           issuers, valid now, no older than ours, lists the serial, and OpenVPN's account can
           read it; server.conf has both locks, and the process that answered in (3) is running
           with that file.

        Where the second lock is not there for a certificate (no ccd-exclusive, or a name that
        another one has too), nobody is refused at the end of a handshake that was under way at
        (2), and (3) misses it. It is over, one way or the other, when the handshake's window
        is: so only an attempt after that can prove anything, and it kills who slipped in.

        Of a name that another certificate has too, only sessions count that had begun when the
        CRL was seen in place. OpenVPN reads a changed CRL at the beginning of each session, so
        one that began later has passed that CRL, and cannot be of the revoked certificate.

        A step that fails does not keep the later ones from being tried, and neither does a CRL
        that could not be signed: `crl_pem` is None then. Trouble with the server
        is never raised: it is among the findings, and with any finding nothing is proved.

        Args:
            no_crl: why `crl_pem` is None, where it is.
        """
        # Nobody else publishes meanwhile, so what (2) has to know is seen during (1).
        removed, in_place = await asyncio.gather(  # (1)
            asyncio.gather(*map(self._remove_file, targets)), self._seen_in_place(issuers)
        )
        written = await self._put_crl(crl_pem, in_place, issuers, no_crl)  # (2)
        put_at = now()
        wanted = [
            # Of a name that is not this certificate's alone, others' sessions are left alone.
            ToCut(each.common_name, (each.crl_seen_at or put_at) if each.shares_name else None)
            for each in targets
        ]
        # Where no name says a certificate, a session of it would be somebody else's.
        talk = await cut_sessions(self.talk, wanted if self.layout.knows_names else ())  # (3)
        crl, locks, files = await asyncio.gather(  # (4)
            look_at_crl(self.host, self.layout, issuers=issuers, now=now()),
            or_host_error(self._look_at_locks(talk.pid)),
            asyncio.gather(*(or_host_error(self._look_at_file(target)) for target in targets)),
        )
        shared = [*written, *talk.findings, *crl.findings, *locks]
        expected = number_of(crl_pem, issuers)
        proofs = []
        for target, to_cut, *files_left in zip(targets, wanted, removed, files, strict=True):
            entry = entry_findings(target, crl.facts, expected)
            findings = [finding for each in files_left for finding in each]
            if talk.left is not None and to_cut in talk.left:
                detail = f"{target.common_name} is connected again after each kill."
                findings.append(Finding(FindingCode.SESSION_LIVE, detail))
            findings += [*entry, *shared]
            seen_at = None
            if not (entry or crl.findings or locks):
                seen_at = target.crl_seen_at or (put_at if talk.pid is not None else None)
            due = self._second_look(target, seen_at, put_at)
            if due is not None:
                findings.append(too_early(target, due))
            proofs.append(
                ServerProof(
                    server=self.name,
                    common_name=target.common_name,
                    proved=not findings,
                    crl_number=crl.facts.number if crl.facts else None,
                    sessions_cut=talk.cut[target.common_name],
                    findings=tuple(dict.fromkeys(findings)),
                    crl_seen_at=seen_at,
                    second_look_at=due,
                )
            )
        return tuple(proofs)

    async def _put(self, path: str, content: bytes) -> None:
        """Puts a file in place that OpenVPN reads as another account."""
        as_folder = self.layout.is_the_bots(path)
        await self.host.replace(path, content, mode=_FOR_ALL_TO_READ, as_folder=as_folder)

    def _own_file(self, common_name: CommonName) -> str | None:
        """The name's own file; None where it has none, or OpenVPN looks for none of that name."""
        name = ccd_file_name(common_name) if self.layout.knows_names else None
        return f"{self.layout.ccd}/{name}" if self.layout.ccd and name else None

    def _file_to_remove(self, target: Target) -> str | None:
        """Without ccd-exclusive a file is no lock, and what is not ours stays as it is."""
        if target.shares_name or not (self.layout.exclusive or is_ours(target.common_name)):
            return None
        return self._own_file(target.common_name)

    async def _remove_file(self, target: Target) -> list[Finding]:
        path = self._file_to_remove(target)
        try:
            # A look first: it ends where the folder hangs, which a removal does not.
            if path is None or await self.host.stat(path) is None:
                return []
            if not self.layout.adopted or is_ours(target.common_name):
                await self.host.remove(path)
            else:  # what an operator wrote into it is theirs
                await set_aside(self.host, self.layout, path.rpartition("/")[2])
        except HostError as error:
            return [Finding(FindingCode.CCD_NOT_REMOVED, str(error))]
        return []

    async def _look_at_file(self, target: Target) -> list[Finding]:
        path = self._file_to_remove(target)
        if path is None or await self.host.stat(path) is None:
            return []
        detail = f"{self.layout.shown(path)} is still there; remove it."
        return [Finding(FindingCode.CCD_PRESENT, detail)]

    async def _seen_in_place(self, issuers: Issuers) -> CrlFacts | HostError | None:
        try:
            return await self.crl_in_place(issuers)
        except HostError as error:
            return error

    async def _put_crl(
        self,
        crl_pem: bytes | None,
        in_place: CrlFacts | HostError | None,
        issuers: Issuers,
        no_crl: str | None,
    ) -> list[Finding]:
        if crl_pem is None:
            return [Finding(FindingCode.CRL_NOT_WRITTEN, no_crl or "There is no CRL.")]
        if isinstance(in_place, HostError):
            return [Finding(FindingCode.CRL_NOT_WRITTEN, str(in_place))]
        try:
            await self._publish(crl_pem, in_place, issuers)
        except (NewerCrlInPlace, CrlNotUsed):
            return []  # the look says whether it lists the serial, or that there is none
        except (HostError, PkiError) as error:
            return [Finding(FindingCode.CRL_NOT_WRITTEN, str(error))]
        return []

    async def _look_at_locks(self, pid: int | None) -> list[Finding]:
        looks = [look_at_locks(self.spec, self.host, self.layout)]
        # Without a pid the management interface gave no answer, which is a finding already.
        if pid is not None:
            looks.append(look_at_locks_in_force(self.host, self.layout, pid))
        return [finding for each in await asyncio.gather(*looks) for finding in each]

    def _second_look(
        self, target: Target, seen_at: datetime | None, at: datetime
    ) -> datetime | None:
        """From when on an attempt can be a proof, where this one at `at` came too early."""
        layout = self.layout
        has_second_lock = layout.exclusive and layout.knows_names and not target.shares_name
        if has_second_lock or seen_at is None:
            return None
        due = seen_at + timedelta(seconds=layout.hand_window_s) + _WINDOW_MARGIN
        return due if at < due else None

    async def status(
        self,
        *,
        issuers: Issuers,
        now: datetime,
        published: int | None = None,
        digest: str | None = None,
        others: Neighbours | None = None,
    ) -> ServerStatus:
        """What the server answers now; never raises for trouble with it.

        Without issuers the CRL's origin is not looked at.

        Args:
            published, digest: of the last CRL that was put there, as in `look_at_crl`.
            others: whom it has to keep out; None where there is nobody.
        """
        crl = await look_at_crl(
            self.host, self.layout, issuers=issuers, now=now, published=published, digest=digest
        )
        findings = list(crl.findings)
        answer = await self.ask()
        pid = sessions = ahead = pending = None
        if isinstance(answer, Finding):
            findings.append(answer)
        else:
            pid, sessions = answer.pid, len(answer.sessions)
            ahead = None if answer.time is None else answer.time - now
            findings += clock_findings(answer.time, now)
        opens = others and await open_to_others(
            self.spec, self.host, self.layout, crl=crl, pid=pid, others=others
        )
        if pid is not None:
            changed = await or_host_error(look_at_restart(self.host, self.layout, pid))
            findings += changed
            if all(finding.code is FindingCode.RESTART_PENDING for finding in changed):
                pending = bool(changed)
        findings += await or_host_error(look_at_configuration(self.spec, self.host, self.layout))
        findings += await or_host_error(ccd_findings(self.host, self.layout))
        findings += await or_host_error(room_findings(self.host, self.layout))
        return ServerStatus(
            server=self.name,
            reachable=pid is not None,
            crl_number=crl.facts.number if crl.facts else None,
            crl_signed_at=crl.facts.signed_at if crl.facts else None,
            crl_next_update=crl.facts.next_update if crl.facts else None,
            sessions=sessions,
            restart_pending=pending,
            certificate_end=await self.certificate_end(),
            clock_ahead=ahead,
            findings=tuple(dict.fromkeys(findings)),
            open_to_others=opens or (),
        )

    async def certificate_end(self) -> datetime | None:
        """When the server's own certificate ends; None where that is not known."""
        path = self.layout.certificate
        if path is None:
            return self.known_end
        try:
            return await certificate_end(self.host, path)
        except HostError:
            return self.known_end  # the same trouble is among the findings, from server.conf
