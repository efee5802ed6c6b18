"""An operator's server with a bot that is not root's, as the documentation has it."""

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab import NetLab, lab_missing
from tests.accounts import give, program_for_all
from tests.bot.health_kit import NEEDS_ROOT
from tests.company import ANNA, Company, Ran, open_company
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.vpn.operator_kit import static_key

pytestmark = [NEEDS_EASYRSA, NEEDS_ROOT, pytest.mark.asyncio(loop_scope="module")]

NEEDS_LAB = pytest.mark.skipif(lab_missing() is not None, reason=lab_missing() or "")
CONF = """\
port 1194
proto udp
dev tun
topology subnet
server {network} 255.255.255.0
ca ca.crt
cert server.crt
key server.key
dh none
user nobody
group nogroup
persist-key
persist-tun
crl-verify crl.pem
"""


@pytest.fixture(scope="module")
def easyrsa(module_folder: Path) -> EasyRsa:
    made = EasyRsa(module_folder / "pki", algorithm="rsa")
    made.begin()
    made("build-server-full", "server", "nopass")
    for name in ("bob", "carl"):
        made.client(name)
    made("revoke", "bob")
    made("gen-crl")
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path, easyrsa: EasyRsa) -> AsyncIterator[Company]:
    """The CA is taken over; the data folder belongs to an account that has nothing else."""
    async with open_company(module_folder) as made:
        made.program = program_for_all()
        made.data.mkdir(mode=0o700)
        for path in (made.data, *(made.folder / name for name in ("token", "passphrase"))):
            give(path)
        await made.done("ca", "import-easyrsa", str(easyrsa.pki))
        await made.done("user", "allow", str(ANNA.id), "--name", "Anna Petrova")
        yield made


class Home:
    """The folder of a server of the operator's, as Debian has it: root's, and open to read."""

    def __init__(self, company: Company, easyrsa: EasyRsa, name: str, network: str) -> None:
        self.company = company
        self.name = name
        self.folder = company.folder / name
        self.folder.mkdir(mode=0o755)
        pki = easyrsa.pki
        for path in (pki / "ca.crt", pki / "crl.pem", pki / "issued" / "server.crt"):
            shutil.copy(path, self.folder)
            (self.folder / path.name).chmod(0o644)
        shutil.copy(pki / "private" / "server.key", self.folder)
        (self.folder / "server.key").chmod(0o600)
        (self.folder / "ta.key").write_text(static_key())
        (self.folder / "ta.key").chmod(0o600)
        self.write(CONF.format(network=network))

    @property
    def conf(self) -> Path:
        return self.folder / "server.conf"

    @property
    def ccd(self) -> Path:
        return self.folder / "server-live" / "ccd"

    def write(self, text: str) -> None:
        self.conf.write_text(text)

    def add(self, *lines: str) -> None:
        self.write(self.conf.read_text() + "".join(f"{line}\n" for line in lines))

    async def adopt(self, *more: str) -> Ran:
        remote = ("--remote", f"{NetLab.server_address}:1194/udp")
        ran = await self.company.vpnbot(
            *("server", "adopt", self.name, "--config", str(self.conf)), *remote, *more
        )
        assert ran.code == 0, ran
        return ran


@pytest.fixture(scope="module")
def berlin(company: Company, easyrsa: EasyRsa) -> Home:
    return Home(company, easyrsa, "berlin", "10.81.0.0")


async def test_the_old_crl_stays_where_the_account_may_not_write(
    company: Company, berlin: Home
) -> None:
    before = (berlin.folder / "crl.pem").read_bytes()
    ran = await berlin.adopt()
    assert "No CRL could be put in place" in ran.out
    assert "Permission denied" in ran.out
    # What the account may not write does not become writable by the unit's drop-in.
    assert "ReadWritePaths" not in ran.out
    assert (berlin.folder / "crl.pem").read_bytes() == before
    owners = {path.lstat().st_uid for path in company.data.rglob("*")}
    assert owners == {company.data.stat().st_uid}


async def test_a_receipt_tells_the_operators_crl_from_a_damaged_one(
    company: Company, berlin: Home
) -> None:
    ran = await company.vpnbot("revoke", "carl")
    assert ran.code == 1
    assert "is not the bot’s: it was written by another program" in ran.out
    assert "damaged" not in ran.out
    crl = berlin.folder / "crl.pem"
    whole = crl.read_text()
    crl.write_text(whole * 2)
    assert "damaged" in (await company.vpnbot("revoke", "carl")).out
    crl.write_text(whole)


async def test_the_bots_folder_is_the_accounts(company: Company, berlin: Home) -> None:
    ran = await berlin.adopt("--apply")
    assert "A CRL with every revocation is in place" in ran.out
    live = berlin.folder / "server-live"
    assert f"ReadWritePaths={live} {live}/ccd" in ran.out
    owner = company.data.stat().st_uid
    assert {path.stat().st_uid for path in (live, *live.rglob("*"))} == {owner}
    assert {path.stat().st_uid for path in berlin.folder.iterdir() if path != live} == {0}


@NEEDS_LAB
@pytest.mark.parametrize(
    ("name", "line", "direction"),
    [
        ("bergen", "tls-auth ta.key", []),
        ("oslo", "tls-auth ta.key 1", ["key-direction 0"]),
        ("narvik", "fragment 1200", []),
    ],
)
async def test_a_profile_for_whatever_the_server_asks(
    company: Company, easyrsa: EasyRsa, name: str, line: str, direction: list[str]
) -> None:
    home = Home(company, easyrsa, name, "10.83.0.0")
    home.add(line)
    await home.adopt()
    file = company.folder / f"{name}.ovpn"
    await company.done("grant", "issue", str(ANNA.id), "--output", str(file), "--server", name)
    profile = text_of(file)
    assert re.findall("^key-direction .*", profile, re.MULTILINE) == direction
    async with NetLab("adopted") as lab:
        await lab.start_server(home.folder)
        tunnel = await lab.connect(profile)
        assert await tunnel.ping("10.83.0.1"), tunnel.log
        await tunnel.close()
    await company.vpnbot("revoke", str(ANNA.id))
    await company.done("server", "remove", name)


def text_of(path: Path) -> str:
    return path.read_text()
