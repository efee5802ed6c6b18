"""Makes a grant's profile. The private key exists in memory only, from here to its delivery."""

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bot.access import grants
from bot.access.permission import THE_BOT
from bot.core import Core
from bot.errors import NotDone
from bot.fleet.fleet import Fleet
from bot.fleet.others import Others
from bot.fleet.remote import remote_of
from bot.handover.fields import Fields, fields_of, friendly_name
from bot.handover.handover import Handover, Sample, Topic
from bot.keyring import Keyring
from pki.algorithms import KeyAlgorithm
from pki.authority import pem_of
from pki.keys import matching_algorithm
from pki.locked_key import lock_key
from pki.passphrase import new_passphrase
from pki.serial import parse_serial
from pki.tls_crypt_v2 import wrap_client_key
from storage.key_records import KeyWay
from storage.records import (
    LIVE_STATES,
    Canary,
    Grant,
    GrantId,
    GrantState,
    Place,
    Server,
    ServerName,
)
from vpn.configuration.adopted import AdoptedServer
from vpn.configuration.connect_rules import check_profile
from vpn.configuration.profile import (
    DEPLOYED_PROFILE,
    ProfileMaterial,
    ProfileParts,
    ProfileSettings,
    TlsKey,
    beyond_connect,
    render_profile,
)
from vpn.configuration.shared_profile import (
    ServerSide,
    common_name_of,
    disagreements,
    shared_by,
)
from vpn.values import DEFAULT_PORT, Protocol, server_common_name

log = logging.getLogger(__name__)

# How long a profile that one server has taken in waits for the others that it is for.
_OTHERS_S = 5.0
_SLOW = (KeyAlgorithm.RSA2048, KeyAlgorithm.RSA3072)
# Nobody's: a template is tried with them.
_SAMPLE_MATERIAL = ProfileMaterial(
    ca_pem="-----BEGIN CERTIFICATE-----\nY2E=\n-----END CERTIFICATE-----",
    certificate_pem="-----BEGIN CERTIFICATE-----\ncGVyc29u\n-----END CERTIFICATE-----",
    private_key_pem="-----BEGIN PRIVATE KEY-----\ncGVyc29u\n-----END PRIVATE KEY-----",
    tls_key="-----BEGIN OpenVPN key-----\nc2VydmVy\n-----END OpenVPN key-----",
)


@dataclass(frozen=True, slots=True)
class Profile:
    """A file, ready to be handed over.

    Attributes:
        file_name, content: of the .ovpn, or of an archive with it.
        is_archive: which of the two.
        topics: the instructions that can be asked for.
        extra_files: the names of what goes along after it; an archive has it inside.
        is_locked: whether its key is under a passphrase, which waits in `Core.passphrases`.
        has_key: whether a private key is in it.
    """

    file_name: str
    content: bytes = field(repr=False)
    is_archive: bool = False
    topics: tuple[Topic, ...] = ()
    extra_files: tuple[str, ...] = ()
    is_locked: bool = False
    has_key: bool = True


class ProfileMaker:
    def __init__(
        self,
        core: Core,
        keyring: Keyring,
        fleet: Fleet,
        others: Others,
        handover: Handover,
        algorithm: KeyAlgorithm | None = None,
    ) -> None:
        self._core = core
        self._database = core.database
        self._keyring = keyring
        self._fleet = fleet
        self._others = others
        self._handover = handover
        self._algorithm = algorithm
        self._clock = core.clock
        self._jobs: set[asyncio.Task[bool]] = set()

    async def make(
        self,
        grant: Grant,
        *,
        archive: bool = False,
        way: KeyWay = KeyWay.PLAIN,
        public_key: str | None = None,
    ) -> Profile | None:
        """Brings a reserved grant to life; None if it was ended meanwhile.

        The serial has been in the database since the approval. (1) The server takes the grant
        in, asked under its lock, so that a revocation finds whatever is written; of several, one
        is enough: the others take it in once they answer, see `Fleet.let_in_waiting`. (2) All other
        servers are told to keep it out, see `others`. (3) Key and certificate are made, and all
        that goes along is put together: whatever can go wrong with the operator's own words does
        so here. (4) The grant is marked as issued by compare and set: a revocation that came in
        between wins, and the key is dropped unseen.

        Args:
            way: how its key reaches its owner.
            public_key: of the key that the owner keeps, in PEM.

        Raises:
            VpnError: the server did not take it in, or none of several.
            PkiError: the certificate could not be made.
            BadTemplate: the operator's own words cannot be used.
            NotDone: the server is gone, or the profile would not import.
        """
        if (way is KeyWay.OWN) is not (public_key is not None):
            raise NotDone("Its owner has sent no key of their own; /myvpn says how.")
        async with self._database.reading() as tx:
            found = [await tx.servers.get(name) for name in grant.servers]
            shared = grant.server and await tx.servers.set_named(grant.server)
            name = await tx.people.name_of(grant.owner)
        servers = [one for one in found if one is not None]
        if not servers:
            raise NotDone(f"The server {grant.server} was taken out.")
        waiting = await self._admit(grant, servers)  # (1)
        if waiting is None:
            return None
        await self._others.close(grant)  # (2)
        fields = fields_of(grant, servers[0], name)
        topics = self._handover.topics()
        random = bool(shared and shared.random)
        locked = way is KeyWay.LOCKED
        passphrase = new_passphrase(os.urandom) if locked else None
        text = await self._render(
            grant,
            servers,
            fields,
            random=random,
            passphrase=passphrase,
            public_key=public_key,
        )  # (3)
        if archive:
            content = await self._handover.archive(fields, text)
            profile = Profile(fields.archive_name, content, is_archive=True, topics=topics)
        else:
            extra = self._handover.extra_files()
            profile = Profile(fields.file_name, text.encode(), topics=topics, extra_files=extra)
        async with self._core.acting(THE_BOT) as case:
            if not await grants.issued(case, grant, waiting=waiting, way=way):  # (4)
                return None
        if passphrase is not None:
            self._core.passphrases.keep(grant.id, passphrase)
        return replace(profile, is_locked=locked, has_key=public_key is None)

    async def _admit(self, grant: Grant, servers: Sequence[Server]) -> Sequence[ServerName] | None:
        """Has its servers take a grant in; gives those that have not, None where it was ended."""

        async def if_live() -> Grant | None:
            async with self._database.reading() as tx:
                now = await tx.grants.get(grant.id)
            return now if now is not None and now.state in LIVE_STATES else None

        jobs = {
            server.name: asyncio.create_task(self._fleet.admit(server.name, grant, if_live))
            for server in servers
        }
        self._jobs.update(jobs.values())  # what has begun on a server is not broken off
        for job in jobs.values():
            job.add_done_callback(self._done)
        pending = {*jobs.values()}
        while pending and not any(map(_succeeded, jobs.values())):
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if pending:
            await asyncio.wait(pending, timeout=_OTHERS_S)
        done = [job for job in jobs.values() if _succeeded(job)]
        if not done:
            await next(iter(jobs.values()))  # raises why
        if not all(job.result() for job in done):
            return None
        return [name for name, job in jobs.items() if not _succeeded(job)]

    def _done(self, job: asyncio.Task[bool]) -> None:
        self._jobs.discard(job)
        if not job.cancelled() and (error := job.exception()) is not None:
            log.warning("A server does not let in a new profile yet: %s", error)

    async def try_templates(self, *, texts: bool = True) -> None:
        """Makes a profile for each server, for nobody, with all that goes along.

        Args:
            texts: whether the instructions are tried, too.

        Raises:
            BadTemplate: the operator's own words cannot be used.
        """
        async with self._database.reading() as tx:
            servers = await tx.servers.all()
        await self._handover.try_out(samples_of(servers, self._clock()), texts=texts)

    async def _render(
        self,
        grant: Grant,
        servers: Sequence[Server],
        fields: Fields,
        *,
        random: bool,
        passphrase: str | None,
        public_key: str | None,
    ) -> str:
        """Makes key and certificate, and puts the profile together as clients will read it."""
        parts = await self.parts(
            servers,
            grant,
            shown_as=fields.friendly_name,
            random=random,
            passphrase=passphrase,
            public_key=public_key,
        )
        settings, _ = client_side(servers[0])
        problems = check_profile(
            parts.text,
            key_direction=settings.key_direction,
            beyond_connect=beyond_connect(parts, settings),
            has_key=parts.has_key,
        )
        if problems:
            raise NotDone(f"The profile wouldn't import: {problems[0]}")
        return await self._handover.profile(fields, parts, settings)

    async def parts(
        self,
        servers: Sequence[Server],
        of: Grant | Canary,
        *,
        shown_as: str,
        random: bool = False,
        passphrase: str | None = None,
        public_key: str | None = None,
    ) -> ProfileParts:
        """A fresh key and its certificate, in a profile for these servers.

        While one CA takes another's place, the profile trusts both: it takes the server's old
        certificate and its new one.

        Args:
            of: who is recorded with the serial.
            shown_as: the profile's name among others.
            random: whether each client tries the servers in an order of its own.
            passphrase: what the key is put under; None: it stays open.
            public_key: of a key that its owner keeps, so that none is made; None: a fresh one.

        Raises:
            NotDone, BadSettings, PkiError: it cannot be signed, the servers' keys not be had, or
                the servers want different things of a client.
        """
        sides = sides_of(servers)
        if why := disagreements(sides):
            raise NotDone(f"No one profile opens {' and '.join(s.name for s in sides)}: {why[0]}")
        authority = await self._keyring.authority(of.authority)
        named: dict[str, Any] = {
            "common_name": of.common_name,
            "serial": parse_serial(of.serial),
            "not_before": of.not_before,
            "not_after": of.not_after,
            # What begins later begins then, and not a day earlier for whose clock lags.
            "exact": of.not_before > self._clock(),
        }
        key_pem: str | None = None
        if public_key is not None:
            certificate_pem = authority.certify_client(public_key, **named)
        else:
            algorithm = self._algorithm or matching_algorithm(authority.certificate)
            issue = partial(authority.issue_client, algorithm=algorithm, **named)
            # An RSA key takes tenths of a second, an EC key less than a thread does.
            made = await asyncio.to_thread(issue) if algorithm in _SLOW else issue()
            certificate_pem, key_pem = made.certificate_pem, made.private_key_pem
        if key_pem is not None and passphrase is not None:
            lock = partial(lock_key, key_pem, passphrase, random_bytes=os.urandom)
            key_pem = await asyncio.to_thread(lock)
        settings = sides[0].settings
        tls_keys: list[str] = []
        if settings.tls_key is not None:
            theirs = [await self._keyring.tls_key(server.name) for server in servers]
            tls_keys = theirs if len(set(theirs)) > 1 else theirs[:1]
        if settings.tls_key is TlsKey.CRYPT_V2:
            # OpenVPN hands the serial to a tls-crypt-v2-verify script, before any TLS.
            wrap = partial(wrap_client_key, metadata=of.serial.encode(), random_bytes=os.urandom)
            tls_keys = [wrap(key) for key in tls_keys]
        return render_profile(
            remote=sides[0].remote,
            server_common_name=common_name_of(sides),
            friendly_name=shown_as,
            material=ProfileMaterial(
                ca_pem="".join(map(pem_of, self._keyring.certificates())),
                certificate_pem=certificate_pem,
                private_key_pem=key_pem,
                tls_key=tls_keys[0] if tls_keys else None,
            ),
            settings=settings,
            shared=shared_by(sides, tls_keys, random=random),
        )


def _succeeded(job: asyncio.Task[bool]) -> bool:
    return job.done() and not job.cancelled() and job.exception() is None


def sides_of(servers: Sequence[Server]) -> list[ServerSide]:
    """What each of these servers asks of its clients."""
    return [ServerSide(server.name, remote_of(server), *client_side(server)) for server in servers]


def client_side(server: Server) -> tuple[ProfileSettings, str | None]:
    """What the server's configuration asks of its clients, and its certificate's name."""
    if server.adopted is None:
        return DEPLOYED_PROFILE, server_common_name(server.name)
    adopted = AdoptedServer.from_json(server.adopted)
    return adopted.profile, adopted.common_name


def samples_of(servers: Sequence[Server], now: datetime) -> list[Sample]:
    """A profile for each server, for nobody: to try the operator's templates with."""
    samples = []
    for server in servers or (_example_server(now),):
        settings, server_name = client_side(server)
        grant = Grant(
            id=GrantId("g-sample"),
            request_id=None,
            user_id=None,
            server=server.name,
            common_name="sample",
            serial="0",
            places=(Place(server.name, None),),
            state=GrantState.RESERVED,
            not_before=now,
            not_after=now + timedelta(days=7),
        )
        parts = render_profile(
            remote=remote_of(server),
            server_common_name=server_name,
            friendly_name=friendly_name(grant),
            material=_SAMPLE_MATERIAL,
            settings=settings,
        )
        samples.append(Sample(fields_of(grant, server, "Sample Person"), parts, settings))
    return samples


def _example_server(now: datetime) -> Server:
    """Templates may be there before the first server is."""
    return Server(
        name=ServerName("example"),
        remote_host="vpn.example.com",
        remote_port=DEFAULT_PORT,
        protocol=Protocol.UDP,
        listen_port=DEFAULT_PORT,
        directory="/",
        network="10.8.0.0/22",
        routes=(),
        dns=(),
        account="",
        added_at=now,
    )
