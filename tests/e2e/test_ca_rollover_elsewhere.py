"""One CA takes another's place where the first was easy-rsa's: adopted servers, and others by SSH.

Each command that the rollover prints is typed as it stands there.
"""

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

from demo.lab.network import NetLab, lab_missing
from demo.lab.processes import Child
from demo.testing import PersonChat
from tests.company import ANNA, CROWD, PEOPLE, Company, Ran, open_company, until
from tests.e2e.refusing import gets_in, is_turned_away, only
from tests.e2e.test_ca_rollover import issuer
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.sshd import NEEDS_SSHD, Sshd, run_sshd
from tests.vpn.operator_kit import static_key
from vpn.deploy import CLOCK_TICK_S

pytestmark = [
    pytest.mark.long,
    pytest.mark.waits,
    pytest.mark.skipif(lab_missing() is not None, reason=lab_missing() or ""),
    NEEDS_EASYRSA,
    NEEDS_SSHD,
]

ACCOUNT = f"vpnbot-o{os.getpid()}"
NEW = "CN=VPN Access Bot CA 2"
# Where each server is, by the address of its own in the tunnel.
INSIDE = {"office": "10.81.0.1", "oslo": "10.82.0.1", "berlin": "10.8.0.1", "paris": "10.8.4.1"}
PORTS = {"office": 1194, "oslo": 1195, "berlin": 1196, "paris": 1197}
CONF = """\
port {port}
proto udp
dev tun
topology subnet
server {network} 255.255.255.0
ca "{tls}/corp ca.crt"
cert "{tls}/server.crt"
key "{tls}/server.key"
tls-auth "{tls}/ta.key" 0
dh none
crl-verify "{tls}/crl.pem"
keepalive 10 60
user nobody
group nogroup
persist-key
persist-tun
remote-cert-tls client
"""


@dataclass
class World:
    company: Company
    lab: NetLab
    sshd: Sshd
    easyrsa: EasyRsa
    running: dict[str, Child] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.company.folder

    async def restart(self, name: str) -> None:
        child = self.running.pop(name, None)
        if child is not None:
            await child.end()
        await asyncio.sleep(CLOCK_TICK_S)
        self.running[name] = await self.lab.start_beside(self.folder / name)

    async def rotate(self, *words: str) -> str:
        return (await self.company.done("ca", "rotate", *words)).out

    async def types(self, line: str) -> Ran:
        """A line of vpnbot's as it was printed; root's own key is named, which stands for hers."""
        words = shlex.split(line)
        assert words[0] == "vpnbot", line
        if "--ssh" in words:
            words += ["--ssh-key", str(self.sshd.key_file)]
        return await self.company.done(*words[1:])

    async def refuses(self, name: str, profile: str) -> bool:
        return await is_turned_away(self.lab, self.running[name], profile)

    async def gets_in(self, name: str, profile: str) -> bool:
        return await gets_in(self.lab, profile, INSIDE[name])

    async def does_what_is_left(self, said: str, *, kinds: int) -> None:
        """Types what it says of each server, and restarts that."""
        lines = [
            line.strip() for line in said.splitlines() if re.match(r"  \w+( \(.*?\))?: ", line)
        ]
        assert len(lines) == kinds, said
        for line in lines:
            name = re.split(r"[ :]", line)[0]
            if found := re.search(r": (/.*?) (lacks|still trusts) .*`vpnbot ca show --pem`", line):
                pem = (await self.company.done("ca", "show", "--pem")).out
                put(found[1], pem)
            else:
                await self.types(re.findall(r"As root: (vpnbot .*?); then", line)[0])
            assert "restart OpenVPN there" in line
            await self.restart(name)


def put(path: str, content: str) -> None:
    Path(path).write_text(content)


def write_own(world_folder: Path, easyrsa: EasyRsa, name: str, network: str) -> None:
    """A server of the operator's, whose files are elsewhere than its configuration."""
    folder, tls = world_folder / name, world_folder / f"{name} tls"
    folder.mkdir()
    tls.mkdir()
    pki = easyrsa.pki
    shutil.copy(pki / "ca.crt", tls / "corp ca.crt")
    shutil.copy(pki / "crl.pem", tls)
    shutil.copy(pki / "issued" / f"{name}.crt", tls / "server.crt")
    shutil.copy(pki / "private" / f"{name}.key", tls / "server.key")
    (tls / "ta.key").write_text(static_key())
    for path in tls.iterdir():
        path.chmod(0o600 if path.suffix == ".key" else 0o644)
    conf = CONF.format(port=PORTS[name], network=network, tls=tls)
    (folder / "server.conf").write_text(conf)


@pytest.fixture
def sshd(folder: Path) -> Iterator[Sshd]:
    (folder / "sshd").mkdir()
    with run_sshd(folder / "sshd") as made:
        yield made
    subprocess.run(["userdel", "-r", ACCOUNT], check=False, stderr=subprocess.DEVNULL)


@pytest_asyncio.fixture
async def world(folder: Path, sshd: Sshd) -> AsyncIterator[World]:
    easyrsa = EasyRsa(folder / "easyrsa" / "pki", algorithm="rsa")
    easyrsa.pki.parent.mkdir()
    easyrsa.begin()
    for name in ("office", "oslo"):
        easyrsa("build-server-full", name, "nopass")
    for name in ("walter", "zelda"):
        easyrsa.client(name)
    mailed = folder / "mailed"
    mailed.mkdir()
    for name in ("walter", "zelda"):
        for kind, file in (("issued", f"{name}.crt"), ("private", f"{name}.key")):
            shutil.copy(easyrsa.pki / kind / file, mailed)
    easyrsa("revoke", "zelda")
    easyrsa("gen-crl")
    async with (
        NetLab("rollover", handshake_s=15) as lab,
        open_company(folder, host=lab.server_address, people=(*PEOPLE, *CROWD)) as company,
    ):
        made = World(company, lab, sshd, easyrsa)
        for name, network in (("office", "10.81.0.0"), ("oslo", "10.82.0.0")):
            write_own(folder, easyrsa, name, network)
            await made.restart(name)
        await company.done("ca", "import-easyrsa", str(easyrsa.pki))
        await company.done("user", "allow", str(ANNA.id), "--name", "Anna Petrova")
        root = f"root@127.0.0.1:{sshd.port}"
        remote = {name: f"{company.host}:{port}/udp" for name, port in PORTS.items()}
        adopt = ("server", "adopt")
        own = str(folder / "office" / "server.conf")
        await company.done(
            *adopt, "office", "--config", own, "--remote", remote["office"], "--apply"
        )
        own = str(folder / "oslo" / "server.conf")
        await company.done(
            *(*adopt, "oslo", "--config", own, "--remote", remote["oslo"], "--apply"),
            *("--ssh", root, "--host-key", sshd.fingerprint, "--ssh-key", str(sshd.key_file)),
            *("--account", ACCOUNT),
        )
        await company.add_server("berlin", PORTS["berlin"])
        await company.done(
            *("server", "add", "paris", "--remote", remote["paris"]),
            *("--directory", str(folder / "paris"), "--host-key", sshd.fingerprint),
            *("--ssh", f"{ACCOUNT}@127.0.0.1:{sshd.port}"),
        )
        await company.done(
            *("server", "deploy", "paris", "--directory", str(folder / "paris")),
            *("--ssh", root, "--ssh-key", str(sshd.key_file)),
        )
        for name in PORTS:
            await made.restart(name)
        await company.done("server", "group", "add", "eu", "berlin", "paris")
        await company.done("group", "add", "dev", "--network", "10.8.6.0/24", "--server", "paris")
        await company.start()
        yield made
        await company.stop()


def of_old(world: World, name: str) -> str:
    """What somebody has had for years, for office."""
    mailed, tls = world.folder / "mailed", world.folder / "office tls"
    return "\n".join(
        [
            f"client\ndev tun\nremote {NetLab.server_address} {PORTS['office']} udp\nnobind",
            "remote-cert-tls server\nkey-direction 1",
            f"<ca>\n{(world.easyrsa.pki / 'ca.crt').read_text()}</ca>",
            f"<cert>\n{(mailed / f'{name}.crt').read_text()}</cert>",
            f"<key>\n{(mailed / f'{name}.key').read_text()}</key>",
            f"<tls-auth>\n{(tls / 'ta.key').read_text()}</tls-auth>\n",
        ]
    )


@dataclass
class Staff:
    """Somebody for each server, and for the set; and those who are out.

    Attributes:
        profiles: by what it opens.
        out: who must not get in, with the server that is tried.
    """

    world: World
    people: dict[str, PersonChat] = field(default_factory=dict)
    profiles: dict[str, str] = field(default_factory=dict)
    out: list[tuple[str, str]] = field(default_factory=list)

    async def come(self) -> None:
        company = self.world.company
        for place in (*PORTS, "eu"):
            self.people[place] = await company.hires()
            asked = f"/requestvpn 2d {place}"
            self.profiles[place] = await company.approved(asked, self.people[place])
        gone = await company.hires()
        for name in ("oslo", "paris"):
            self.out.append((name, await company.approved(f"/requestvpn 2d {name}", gone)))
        await company.boris.says(f"/revoke {company.name_of(gone)}")
        await until(lambda: {grant["state"] for grant in company.grants_of(gone)} == {"revoked"})
        self.out.append(("office", of_old(self.world, "zelda")))

    async def are_as_they_should_be(self, but: str = "") -> None:
        for name in PORTS:
            if name != but:
                assert await self.world.gets_in(name, self.profiles[name]), name
        for name in ("berlin", "paris"):
            assert await self.world.gets_in(name, only(PORTS[name], self.profiles["eu"])), name
        for name, profile in self.out:
            assert await self.world.refuses(name, profile), name

    async def gets_new(self, place: str) -> None:
        message = await self.people[place].receives_document()
        assert message.document is not None
        (name, *_) = ["berlin"] if place == "eu" else [place]
        self.out.append((name, only(PORTS[name], self.profiles[place])))
        self.profiles[place] = message.document.content.decode()
        assert issuer(self.profiles[place]) == NEW

    async def is_moved(self, place: str) -> None:
        person = self.people[place]
        grants = self.world.company.grants_of
        await until(lambda: [one["state"] for one in grants(person)] == ["revoked", "active"])


async def test_all_kinds_of_servers_get_the_new_one(world: World) -> None:
    staff = Staff(world)
    await staff.come()
    await staff.are_as_they_should_be()
    assert await world.gets_in("office", of_old(world, "walter"))
    await world.does_what_is_left(await world.rotate("--yes"), kinds=4)
    await staff.are_as_they_should_be()
    assert await world.gets_in("office", of_old(world, "walter"))
    await _people_move(world, staff)
    await world.does_what_is_left(await world.rotate(), kinds=4)
    for name in ("office", "oslo"):
        assert issuer((world.folder / f"{name} tls" / "server.crt").read_text()) == NEW
    await staff.are_as_they_should_be()
    said = await world.rotate()
    assert "Step 4" in said
    await world.does_what_is_left(said, kinds=4)
    assert "Done" in await world.rotate()
    await staff.are_as_they_should_be()
    status = {
        row["name"]: row for row in (await world.company.vpnbot("server", "status", "--json")).rows
    }
    assert {name: row["restart_pending"] for name, row in status.items()} == dict.fromkeys(
        PORTS, False
    )
    checked = (await world.company.vpnbot("doctor")).out.splitlines()
    about = [line for line in checked if re.search("CA|" + "|".join(PORTS), line)]
    assert [line for line in about if not line.startswith("ok ")] == []


async def _people_move(world: World, staff: Staff) -> None:
    """Who is paused meanwhile moves when she is back; what easy-rsa gave out ends by hand."""
    company = world.company
    said = await world.rotate()
    assert "Step 2" in said
    assert "One certificate from before the takeover is in use: walter" in said
    paused = company.name_of(staff.people["oslo"])
    await company.done("user", "pause", paused)
    assert await world.refuses("oslo", staff.profiles["oslo"])
    await company.done("revoke", "walter")
    staff.out.append(("office", of_old(world, "walter")))
    await world.rotate("--move-all")
    for place in ("office", "berlin", "paris", "eu"):
        await staff.gets_new(place)
        await staff.is_moved(place)
    assert "One profile of the old CA is in use" in await world.rotate()
    await staff.are_as_they_should_be(but="oslo")
    await company.done("user", "resume", paused)
    await staff.gets_new("oslo")
    await staff.is_moved("oslo")
    await staff.are_as_they_should_be()
