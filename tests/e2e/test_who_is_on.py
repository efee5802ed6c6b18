"""Who is on a real server is compared with who may be: a list that came back, and unknown names."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.access import importing, revocation
from bot.access.importing import Certificate
from bot.access.permission import THE_BOT
from bot.fleet.live_servers import live_server
from bot.office import Office, open_office
from bot.rounds.keeper import Keeper
from bot.settings import Settings
from demo.lab.network import NetLab, lab_missing
from pki.serial import parse_serial
from storage.audit_records import AuditEntry
from storage.records import EndReason, OutboxKind, SeenAs, ServerName
from tests.company import (
    ANNA,
    BORIS,
    PASSPHRASE,
    Company,
    company_with_openvpn,
    open_company,
)
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.machine import Machine

_MISSING = lab_missing()
pytestmark = [
    NEEDS_EASYRSA,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(_MISSING is not None, reason=_MISSING or ""),
]

OFFICE = ServerName("office")
MINUTE = timedelta(minutes=1)
CONF = """\
port 1194
proto udp
dev tun
topology subnet
server 10.79.0.0 255.255.255.0
ca ca.crt
cert server.crt
key server.key
dh none
crl-verify crl.pem
management m.sock unix
management-client-user root
hand-window 20
keepalive 1 5
user nobody
group nogroup
persist-key
persist-tun
verb 3
"""


class Guard:
    """The bot's rounds, a minute after the other whenever a test says so."""

    def __init__(self, office: Office, machine: Machine) -> None:
        self.office = office
        self._machine = machine
        self._keeper = Keeper(office, lambda: None)

    async def looks(self) -> None:
        self._machine.gone_by += MINUTE
        await self._keeper.sweep()
        await asyncio.gather(*self._keeper._jobs())

    async def said(self, code: str) -> list[str]:
        """What the admin was told under this name, each with the names in it."""
        async with self.office.database.reading() as tx:
            rows = await tx.outbox.open(OutboxKind.NOTICE)
        told = [row.payload for row in rows if row.payload["code"] == code]
        return [payload["values"].get("names", "") for payload in told]

    async def noted(self, action: str) -> list[AuditEntry]:
        async with self.office.database.reading() as tx:
            rows = [entry for entry in await tx.audit.all() if isinstance(entry, AuditEntry)]
        return [row for row in rows if row.action == action]

    async def on(self) -> set[str]:
        async with self.office.database.reading() as tx:
            server = await tx.servers.get(OFFICE)
        assert server is not None
        return {session.common_name for session in await live_server(server).sessions()}

    async def state(self, name: str) -> list[str]:
        async with self.office.database.reading() as tx:
            return sorted(grant.state for grant in await tx.grants.named([name]))


@asynccontextmanager
async def guarded(company: Company) -> AsyncIterator[Guard]:
    machine = Machine()
    settings = Settings(data_dir=company.data, admin_ids=(BORIS.id,), canary=0)
    async with open_office(
        settings, passphrase=lambda: PASSPHRASE, clock=machine.clock, boot=machine.since_boot
    ) as office:
        yield Guard(office, machine)


class Operator:
    """Who had the CA before, and still has its key; his clients have no tls key."""

    def __init__(self, folder: Path, easyrsa: EasyRsa, office: Office) -> None:
        self.folder = folder
        self._easyrsa = easyrsa
        self._office = office

    def gen_crl(self) -> None:
        """A job of easy-rsa's: nobody whom the bot has revoked is on its list."""
        self._easyrsa("gen-crl")
        shutil.copy(self._easyrsa.pki / "crl.pem", self.folder / "crl.pem")
        (self.folder / "crl.pem").chmod(0o644)

    async def signs(self, name: str, *, known: bool = False) -> tuple[str, str]:
        """A profile for a name, and its serial; `known` as if it had been in easy-rsa's books."""
        authority = await self._office.keyring.authority()
        serial = self._office.chance.serial()
        now = datetime.now(UTC)
        issued = authority.issue_client(
            common_name=name,
            serial=parse_serial(serial),
            not_before=now,
            not_after=now + timedelta(days=9),
        )
        if known:
            certificate = Certificate(
                serial=serial,
                common_name=name,
                not_before=now,
                not_after=now + timedelta(days=9),
                revoked_at=None,
                crl_reason=None,
                for_server=False,
            )
            async with self._office.database.writing() as tx:
                await importing.take_in(self._office.case(tx, THE_BOT), [certificate])
        lines = [
            f"client\ndev tun\nremote {NetLab.server_address} 1194 udp\nnobind\nverb 3",
            "remote-cert-tls server",
            f"<ca>\n{authority.certificate_pem}</ca>",
            f"<cert>\n{issued.certificate_pem}</cert>\n<key>\n{issued.private_key_pem}</key>\n",
        ]
        return "\n".join(lines), serial


@pytest.mark.long
async def test_on_an_operators_own_server(module_folder: Path) -> None:
    """One story, since each chapter needs what the one before has left."""
    easyrsa = EasyRsa(module_folder / "pki")
    easyrsa.begin()
    easyrsa("build-server-full", "server", "nopass")
    easyrsa("gen-crl")
    home = module_folder / "openvpn"
    home.mkdir()
    for path in ("ca.crt", "crl.pem", "issued/server.crt", "private/server.key"):
        shutil.copy(easyrsa.pki / path, home)
    (home / "crl.pem").chmod(0o644)
    (home / "server.conf").write_text(CONF)
    async with NetLab("vpnbot-who", handshake_s=15) as lab, open_company(module_folder) as company:
        await company.done("ca", "import-easyrsa", str(easyrsa.pki))
        await lab.start_server(home)
        remote = f"{lab.server_address}:1194/udp"
        await company.done(
            *("server", "adopt", "office", "--config", str(home / "server.conf")),
            *("--remote", remote),
        )
        async with guarded(company) as guard:
            await a_list_comes_back(guard, lab, Operator(home, easyrsa, guard.office))


async def a_list_comes_back(guard: Guard, lab: NetLab, operator: Operator) -> None:
    leaver, _ = await operator.signs("old leaver", known=True)
    dead, serial = await operator.signs("twin", known=True)
    alive, _ = await operator.signs("twin", known=True)
    router, _ = await operator.signs('Bob "the:router" Smith')

    # 1. Two are revoked, and proved.
    async with guard.office.database.writing() as tx:
        found = [*await tx.grants.named(["old leaver"])]
        found += [grant for grant in await tx.grants.named(["twin"]) if grant.serial == serial]
        await revocation.begin(guard.office.case(tx, THE_BOT), found, EndReason.REVOKED)
    await guard.looks()
    await guard.looks()
    assert await guard.state("old leaver") == ["revoked"]
    assert await guard.state("twin") == ["active", "revoked"]

    # 2. easy-rsa's list comes back for a moment, and everybody with it.
    operator.gen_crl()
    tunnels = [await lab.connect(profile) for profile in (leaver, dead, router)]
    assert await guard.on() == {"old leaver", "twin", 'Bob "the:router" Smith'}

    # 3. Within a minute ours lies there again, and whoever is out has no session any more.
    await guard.looks()
    assert await guard.on() == {'Bob "the:router" Smith'}
    assert await guard.state("old leaver") == ["revoking"]  # until somebody looks once more
    assert await guard.state("twin") == ["active", "revoking"]
    assert await guard.said("crl_replaced") == [""]
    assert await guard.said("over_cut_off") == ["old leaver, twin"]
    await guard.looks()
    assert await guard.state("old leaver") == ["revoked"]
    assert await guard.state("twin") == ["active", "revoked"]
    tunnels.append(await lab.connect(alive))  # of the name that was cut as a whole
    await guard.looks()
    assert await guard.on() == {'Bob "the:router" Smith', "twin"}

    # 4. Who is in no books is left alone, and shown; until an admin says otherwise.
    assert await guard.said("strangers_unknown") == ['Bob "the:router" Smith']
    async with guard.office.database.reading() as tx:
        stranger = next(s for s in await tx.strangers.on(OFFICE) if s.seen_as is SeenAs.UNKNOWN)
    done = await guard.office.fleet.cut_unknown(OFFICE, stranger.name)
    assert done is not None
    assert (done.names, done.findings) == (('Bob "the:router" Smith',), ())
    assert await guard.on() == {"twin"}
    tunnels.append(await lab.connect(router))
    await guard.looks()
    assert await guard.on() == {'Bob "the:router" Smith', "twin"}
    async with guard.office.database.writing() as tx:
        await tx.servers.set_cuts_unknown(OFFICE, cuts=True)
    await guard.looks()
    assert await guard.on() == {"twin"}
    assert await guard.said("strangers_cut_off") == ['Bob "the:router" Smith']
    for tunnel in tunnels:
        await tunnel.close()


UNKNOWN = ["Bob Smith", "a:b", "UNDEF", 'J\u00fcrgen "Quote", & more']


async def test_on_a_server_of_ours(folder: Path) -> None:
    async with company_with_openvpn(folder) as (company, lab), guarded(company) as guard:
        await whoever_comes(company, guard, lab)


async def whoever_comes(company: Company, guard: Guard, lab: NetLab) -> None:
    ccd, crl = company.folder / "office/live/ccd", company.folder / "office/live/crl.pem"
    paths = [company.folder / "leaver.ovpn", company.folder / "friend.ovpn"]
    await company.done("grant", "issue", str(ANNA.id), "--output", str(paths[0]))
    (file,) = ccd.iterdir()
    content, list_of_before = file.read_text(), crl.read_bytes()
    await company.done("grant", "issue", str(ANNA.id), "--output", str(paths[1]))
    profile, friend = (path.read_text() for path in paths)

    # 1. Certificates that somebody signs with the CA's key, and files for them.
    authority = await guard.office.keyring.authority()
    kept = await lab.connect(friend)
    tunnels = [kept]
    for number, name in enumerate(UNKNOWN):
        issued = authority.issue_client(
            common_name=name,
            serial=parse_serial(guard.office.chance.serial()),
            not_before=datetime.now(UTC),
            not_after=datetime.now(UTC) + timedelta(days=1),
        )
        (ccd / name).write_text(content.replace("10.8.0.2", f"10.8.1.{number + 2}"))
        (ccd / name).chmod(0o644)
        cert = f"<cert>\n{issued.certificate_pem}</cert>"
        key = f"<key>\n{issued.private_key_pem}</key>"
        text = re.sub(r"<cert>.*?</cert>", cert, profile, flags=re.DOTALL)
        text = re.sub(r"<key>.*?</key>", key, text, flags=re.DOTALL)
        tunnels.append(await lab.connect(text))
    assert len(await guard.on()) == len(UNKNOWN) + 1
    await guard.looks()
    assert len(await guard.on()) == 1
    assert await kept.ping("10.8.0.1")
    aside = company.folder / "office/live/set-aside"
    assert {path.name for path in aside.iterdir()} == set(UNKNOWN)

    # 2. Somebody leaves, and comes back with a link to an older list, and their file.
    await company.done("revoke", file.name)
    older = company.folder / "older.pem"
    older.write_bytes(list_of_before)
    crl.unlink()
    crl.symlink_to(older)
    file.write_text(content)
    file.chmod(0o644)
    tunnels.append(await lab.connect(profile))
    assert file.name in await guard.on()
    await guard.looks()
    assert (file.exists(), crl.is_symlink()) == (False, False)
    assert older.read_bytes() == list_of_before
    assert len(await guard.on()) == 1
    assert await guard.state(file.name) == ["revoked"]
    assert await guard.said("crl_replaced") == [""]
    assert await guard.said("over_cut_off") == [f"{file.name} (Anna Petrova)"]
    assert await kept.ping("10.8.0.1")
    await asyncio.gather(*(tunnel.close() for tunnel in tunnels))
