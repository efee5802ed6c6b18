"""docs/migrating-from-easy-rsa.md, command by command, with a real server and its clients."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.network import NetLab, Tunnel, lab_missing
from demo.people import DemoPerson
from demo.server import DemoServer
from tests.accounts import give, program_for_all
from tests.company import TOKEN, Ran, keep_secret
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.vpn.operator_kit import is_refused
from vpn.deploy import CLOCK_TICK_S

_MISSING = lab_missing()
pytestmark = [
    NEEDS_EASYRSA,
    pytest.mark.long,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(_MISSING is not None, reason=_MISSING or ""),
]

PAGE = Path(__file__).parents[2] / "docs" / "migrating-from-easy-rsa.md"
COMMANDS = [line.strip() for line in re.findall(r"^ {4}(\S.*)$", PAGE.read_text(), re.MULTILINE)]
INLINE = re.findall(r"`(vpnbot [^`]+)`", PAGE.read_text())
SERVER_CONF = """\
port 1194
proto udp
dev tun
topology subnet
server 10.79.0.0 255.255.255.0
ca ca.crt
cert server.crt
key server.key
tls-auth ta.key 0
dh none
crl-verify crl.pem
keepalive 1 5
user nobody
group nogroup
persist-key
persist-tun
verb 3
"""


@dataclass
class Machine:
    """The operator's machine: the page's paths are folders here."""

    root: Path
    lab: NetLab
    url: str
    easyrsa: EasyRsa
    ran: dict[str, Ran] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.root / "vpnbot"

    @property
    def openvpn(self) -> Path:
        return self.root / "openvpn" / "server"

    def here(self, command: str) -> str:
        """The command with this machine's paths, accounts, and address."""
        changes = {
            "/etc/openvpn": str(self.root / "openvpn"),
            "/var/lib/vpnbot": str(self.home),
            "/root/bot-token": str(self.root / "bot-token"),
            "-o vpnbot -g vpnbot": "-o daemon -g daemon",
            "vpn.example.com:": f"{NetLab.server_address}:",
        }
        for text, there in changes.items():
            command = command.replace(text, there)
        return command

    async def types(self, command: str) -> Ran:
        """As the page has it; systemd is not here, so its one command is carried out by hand."""
        if command.startswith("systemctl restart"):
            await asyncio.sleep(CLOCK_TICK_S)
            await self.lab.restart_server(self.openvpn)
            return Ran(0, "", "")
        process = await asyncio.create_subprocess_exec(
            *("bash", "-eo", "pipefail", "-c", self.here(command)),
            cwd=self.home,
            env={
                "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
                "HOME": str(self.root),
                "VPNBOT_TELEGRAM_API_URL": self.url,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate()
        return Ran(process.returncode or 0, out.decode(), err.decode())

    async def up_to(self, end: str) -> Ran:
        """Types what the page says next, up to and with the command that begins so."""
        for command in COMMANDS[len(self.ran) :]:
            ran = await self.types(command)
            assert ran.code == 0, (command, ran)
            self.ran[f"{len(self.ran)} {command}"] = ran
            if command.startswith(end):
                return ran
        raise AssertionError(f"The page has no {end!r} after that.")

    def old_profile(self, name: str) -> str:
        """What the script of before has mailed."""
        mailed = self.root / "mailed"
        return "\n".join(
            [
                f"client\ndev tun\nremote {NetLab.server_address} 1194 udp\nnobind\nverb 3",
                "remote-cert-tls server\nverify-x509-name CN=server\nkey-direction 1",
                f"<ca>\n{(self.openvpn / 'ca.crt').read_text()}</ca>",
                f"<cert>\n{(mailed / f'{name}.crt').read_text()}</cert>",
                f"<key>\n{(mailed / f'{name}.key').read_text()}</key>",
                f"<tls-auth>\n{(self.openvpn / 'ta.key').read_text()}</tls-auth>\n",
            ]
        )


def furnish(root: Path) -> EasyRsa:
    """What was there before: a PKI in its place, a server's folder, Bob revoked long ago."""
    easyrsa = EasyRsa(root / "openvpn" / "easy-rsa" / "pki")
    easyrsa.pki.parent.mkdir(parents=True)
    easyrsa.begin()
    easyrsa("build-server-full", "server", "nopass")
    (root / "mailed").mkdir(mode=0o700)
    for name in ("anna", "bob", "carl"):
        easyrsa.client(name)
        shutil.copy(easyrsa.pki / "issued" / f"{name}.crt", root / "mailed")
        shutil.copy(easyrsa.pki / "private" / f"{name}.key", root / "mailed")
    easyrsa("revoke", "bob")
    easyrsa("gen-crl")
    server = root / "openvpn" / "server"
    server.mkdir()
    pki = easyrsa.pki
    for path in (pki / "ca.crt", pki / "crl.pem", pki / "issued" / "server.crt"):
        shutil.copy(path, server)
        (server / path.name).chmod(0o644)
    shutil.copy(pki / "private" / "server.key", server)
    subprocess.run(["openvpn", "--genkey", "secret", server / "ta.key"], check=True)
    (server / "server.conf").write_text(SERVER_CONF)
    keep_secret(root / "bot-token", TOKEN)
    return easyrsa


def install(root: Path) -> None:
    """What the README does before: the program, and an account that is not root's."""
    program = root / "bin" / "vpnbot"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(program_for_all())} "$@"\n')
    program.chmod(0o755)
    (root / "vpnbot").mkdir(mode=0o755)
    give(root / "vpnbot")


@pytest.fixture(scope="module")
def easyrsa(module_folder: Path) -> Iterator[EasyRsa]:
    before = os.umask(0o022)
    install(module_folder)
    yield furnish(module_folder)
    os.umask(before)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(module_folder: Path, easyrsa: EasyRsa) -> AsyncIterator[Machine]:
    admin = DemoPerson(123456789, "Boris", "boris", "Admin", started=True)
    async with DemoServer(TOKEN, [admin]) as telegram, NetLab("vpnbot-move") as lab:
        made = Machine(module_folder, lab, telegram.url, easyrsa)
        await lab.start_server(made.openvpn)
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def anna(machine: Machine) -> Tunnel:
    """She is connected all the time, with what she has had for years."""
    return await machine.lab.connect(machine.old_profile("anna"))


async def works(machine: Machine, profile: str) -> None:
    """A new connection is let in. Anna's own routes are in the way of a ping."""
    await (await machine.lab.connect(profile)).close()


async def test_the_import_leaves_the_server_alone(machine: Machine, anna: Tunnel) -> None:
    before = {path.name: path.read_bytes() for path in machine.openvpn.iterdir()}
    dry = await machine.up_to("vpnbot ca import-easyrsa")
    assert "3 valid, 1 revoked, 0 expired" in dry.out
    done = await machine.up_to("vpnbot ca import-easyrsa")
    assert "Taken over: 3 valid, 1 revoked, 0 expired." in done.out
    assert before == {path.name: path.read_bytes() for path in machine.openvpn.iterdir()}
    assert await anna.ping("10.79.0.1")


async def test_a_folder_of_roots_stays_as_it_is(machine: Machine, anna: Tunnel) -> None:
    before = {path.name: path.read_bytes() for path in machine.openvpn.iterdir()}
    adopted = await machine.up_to("vpnbot server adopt")
    assert "No CRL could be put in place" in adopted.out
    assert before == {path.name: path.read_bytes() for path in machine.openvpn.iterdir()}
    for missing in ("management", "ccd-exclusive", "--apply"):
        assert missing in adopted.out
    assert (machine.openvpn / "server.conf").read_text() == SERVER_CONF
    assert await anna.ping("10.79.0.1")
    await works(machine, machine.old_profile("carl"))
    assert await is_refused(machine.lab, machine.old_profile("bob"), "certificate revoked")


async def test_what_is_missing_is_added(machine: Machine, anna: Tunnel) -> None:
    applied = await machine.up_to("vpnbot server adopt")
    assert "server.conf" in applied.out
    assert "A CRL with every revocation is in place" in applied.out
    copies = [path for path in machine.openvpn.iterdir() if path.name.startswith("server.conf.")]
    assert [path.read_text() for path in copies] == [SERVER_CONF]
    assert await anna.ping("10.79.0.1")  # nothing was restarted
    status = await machine.up_to("vpnbot server status")
    assert re.search(r"office +yes", status.out), status
    await works(machine, machine.old_profile("carl"))
    assert await is_refused(machine.lab, machine.old_profile("bob"), "certificate revoked")


async def test_a_new_profile_works_beside_the_old_ones(machine: Machine, anna: Tunnel) -> None:
    linked = await machine.up_to("vpnbot user link")
    assert "belongs to Anna Petrova (1001)" in linked.out
    issued = await machine.types("vpnbot grant issue 1001 --output new.ovpn")
    assert issued.code == 0, issued
    profile = (machine.home / "new.ovpn").read_text()
    assert "key-direction 1" in profile
    await works(machine, profile)
    await works(machine, machine.old_profile("anna"))
    assert await anna.ping("10.79.0.1")  # she has reconnected by herself


async def test_an_old_certificate_is_cut_with_proof(machine: Machine) -> None:
    profile = machine.old_profile("carl")
    carl = await machine.lab.connect(profile)
    revoked = await machine.up_to("vpnbot revoke carl")
    assert revoked.out.startswith("Revoked")
    assert "1 session was cut" in revoked.out
    await carl.close()
    assert await is_refused(machine.lab, profile, "certificate revoked")
    await works(machine, machine.old_profile("anna"))


async def test_the_old_keys_are_put_away(machine: Machine) -> None:
    purged = await machine.up_to("vpnbot ca import-easyrsa")
    assert "Removed" in purged.out
    keys = {path.name for path in (machine.easyrsa.pki / "private").iterdir()}
    assert keys == {"ca.key", "server.key"}


async def test_the_servers_certificate_is_renewed(machine: Machine) -> None:
    before = {name: (machine.openvpn / name).read_bytes() for name in ("server.crt", "server.key")}
    old = profile_of(machine)
    renewed = await machine.up_to("vpnbot server adopt")
    assert "systemctl restart" in renewed.out or "restart the OpenVPN" in renewed.out
    for name, content in before.items():
        (copy,) = machine.openvpn.glob(f"{name}.*")
        assert (machine.openvpn / name).read_bytes() != content == copy.read_bytes()
    status = await machine.types("vpnbot server status --json")
    assert '"restart_pending": true' in status.out
    await machine.up_to("systemctl restart")
    await works(machine, machine.old_profile("anna"))
    await works(machine, old)
    assert len(machine.ran) == len(COMMANDS)


def profile_of(machine: Machine) -> str:
    """Made by the bot before the renewal."""
    return (machine.home / "new.ovpn").read_text()


async def test_the_commands_within_the_text(machine: Machine) -> None:
    listing, revoke = (command for command in INLINE if "--" not in command)
    serial = machine.easyrsa.serial("anna")
    listed = await machine.types(f"COLUMNS=250 {listing}")
    assert serial in listed.out
    revoked = await machine.types(revoke.replace("HEX", serial))
    assert revoked.out.startswith("Revoked"), revoked
    assert await is_refused(machine.lab, machine.old_profile("anna"), "certificate revoked")


async def test_afterwards_all_is_well(machine: Machine) -> None:
    ran = await machine.types("vpnbot doctor")
    wrong = [line for line in ran.out.splitlines() if line.startswith("WRONG")]
    # It is not known here whether every old certificate says that it is a client's.
    assert [line for line in wrong if "office" in line] == [
        "WRONG  Server office: remote-cert-tls: it must be: remote-cert-tls client"
    ]
    assert f"vpnbot server adopt office --config {machine.openvpn}/server.conf" in ran.out
