"""An operator's server with a bot that is not root's, as the documentation has it."""

import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.network import NetLab, lab_missing
from tests.accounts import give, program_for_all
from tests.bot.health.kit import NEEDS_ROOT, findings
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
    """The folder of a server of the operator's, as Debian has it: root's, and open to read.

    Args:
        network: None where the folder is there already.
    """

    def __init__(self, company: Company, easyrsa: EasyRsa, name: str, network: str | None) -> None:
        self.company = company
        self.name = name
        self.folder = company.folder / name
        if network is None:
            return
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

    async def tries(self, *more: str) -> Ran:
        remote = ("--remote", f"{NetLab.server_address}:1194/udp")
        return await self.company.vpnbot(
            *("server", "adopt", self.name, "--config", str(self.conf)), *remote, *more
        )

    async def adopt(self, *more: str) -> Ran:
        ran = await self.tries(*more)
        assert ran.code == 0, ran
        return ran


@pytest.fixture(scope="module")
def berlin(company: Company, easyrsa: EasyRsa) -> Home:
    return Home(company, easyrsa, "berlin", "10.81.0.0")


@pytest.mark.long
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


@pytest.mark.long
async def test_a_receipt_tells_the_operators_crl_from_a_damaged_one(
    company: Company, berlin: Home
) -> None:
    ran = await company.vpnbot("revoke", "carl")
    assert ran.code == 1
    assert "isn't the bot's: it was written by another program" in ran.out
    assert "damaged" not in ran.out
    crl = berlin.folder / "crl.pem"
    whole = crl.read_text()
    crl.write_text(whole * 2)
    assert "damaged" in (await company.vpnbot("revoke", "carl")).out
    crl.write_text(whole)


@pytest.mark.long
async def test_the_bots_folder_is_the_accounts(company: Company, berlin: Home) -> None:
    ran = await berlin.adopt("--apply")
    assert "A CRL with every revocation is in place" in ran.out
    live = berlin.folder / "server-live"
    assert f"ReadWritePaths=-{live} -{live}/ccd" in ran.out
    owner = company.data.stat().st_uid
    assert {path.stat().st_uid for path in (live, *live.rglob("*"))} == {owner}
    assert {path.stat().st_uid for path in berlin.folder.iterdir() if path != live} == {0}


@pytest.mark.long
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
    async with NetLab("adopted", handshake_s=15) as lab:
        await lab.start_server(home.folder)
        tunnel = await lab.connect(profile)
        assert await tunnel.ping("10.83.0.1"), tunnel.log
        await tunnel.close()
    await company.vpnbot("revoke", str(ANNA.id))
    await company.done("server", "remove", name)


def text_of(path: Path) -> str:
    return path.read_text()


@pytest.mark.long
async def test_the_end_of_a_certificate_that_only_root_can_read(
    company: Company, easyrsa: EasyRsa
) -> None:
    """The admins hear of it, with the command that renews it."""
    easyrsa("build-server-full", "short", "nopass", CERT_EXPIRE="20")
    for name, network, inline in (("pisa", "10.85.0.0", True), ("siena", "10.86.0.0", False)):
        home = Home(company, easyrsa, name, network)
        shutil.copy(easyrsa.pki / "private" / "short.key", home.folder / "server.key")
        certificate = home.folder / "server.crt"
        certificate.write_text(easyrsa.pem("short"))
        if inline:
            block = f"<cert>\n{easyrsa.pem('short')}</cert>\n"
            home.write(home.conf.read_text().replace("cert server.crt\n", block))
        home.folder.chmod(0o700)
        await home.adopt()
        ends = {
            row["name"]: row["certificate_end"]
            for row in (await company.vpnbot("server", "status", "--json")).rows
        }
        assert ends[name] is not None
    await company.start()
    for name in ("pisa", "siena"):
        told = await company.boris.hears(f"The certificate of {name} ends at")
        conf = company.folder / name / "server.conf"
        assert f"vpnbot server adopt {name} --config {conf} --remote" in told.text
        assert "--renew-certificate" in told.text
    assert await company.stop() == 0


@pytest.mark.long
async def test_what_the_warning_says_is_done(company: Company, easyrsa: EasyRsa) -> None:
    adopt = ("--remote", f"{NetLab.server_address}:1194/udp", "--renew-certificate")
    pisa, siena = (company.folder / name / "server.conf" for name in ("pisa", "siena"))
    refused = await company.vpnbot("server", "adopt", "pisa", "--config", str(pisa), *adopt)
    assert (refused.code, refused.out) == (1, "")
    assert "a file of its own" in refused.err
    done = await company.done("server", "adopt", "siena", "--config", str(siena), *adopt)
    assert "a new certificate of the same name" in done.out
    key = siena.parent / "server.key"
    assert (key.stat().st_uid, key.stat().st_mode & 0o777) == (0, 0o600)
    text = (siena.parent / "server.crt").read_text()
    assert "CN=short" in openssl(text, "-subject", "-nameopt", "RFC2253")
    assert "rsaEncryption" in openssl(text, "-text")
    assert company.query("SELECT 1 FROM audit WHERE action = 'server.renew'")


def openssl(pem: str, *arguments: str) -> str:
    command = ["openssl", "x509", "-noout", *arguments]
    done = subprocess.run(command, input=pem, capture_output=True, text=True, check=True)
    return done.stdout


def address_of(company: Company, common_name: str) -> str | None:
    ((address,),) = company.query(
        "SELECT address FROM grant_places JOIN grants ON id = grant_id WHERE common_name = ?",
        common_name,
    )
    return None if address is None else str(address)


@pytest.mark.long
async def test_an_address_that_the_operator_gives_away_later(
    company: Company, easyrsa: EasyRsa
) -> None:
    rome = Home(company, easyrsa, "rome", "10.84.0.0")
    rome.write(rome.conf.read_text().replace("255.255.255.0", "255.255.255.0 nopool"))
    await rome.adopt("--apply")
    # Whoever comes next would have got this one.
    theirs = "ifconfig-push {} 255.255.255.0\n"
    (rome.ccd / "printer").write_text(theirs.format("10.84.0.2"))
    file = company.folder / "rome.ovpn"
    await company.done("grant", "issue", str(ANNA.id), "--output", str(file), "--server", "rome")
    (name,) = (row["common_name"] for row in await company.grants() if row["server"] == "rome")
    assert address_of(company, name) == "10.84.0.3"
    assert (rome.ccd / name).read_text() == theirs.format("10.84.0.3")
    assert company.query("SELECT 1 FROM audit WHERE action = 'grant.move'")
    assert rome_findings(await company.vpnbot("doctor"), "address") == []

    (rome.ccd / "printer").write_text(theirs.format("10.84.0.3"))
    (said,) = rome_findings(await company.vpnbot("doctor"), "address")
    assert f"{name} has the address 10.84.0.3, and so has another client's file" in said
    await rome.adopt()
    # The one before rests for a while.
    assert address_of(company, name) == "10.84.0.4"
    assert (rome.ccd / name).read_text() == theirs.format("10.84.0.4")
    (rome.ccd / name).unlink()
    (said,) = rome_findings(await company.vpnbot("doctor"), "address")
    assert "is missing or differs" in said
    await rome.adopt()
    assert rome_findings(await company.vpnbot("doctor"), "address") == []


@pytest.mark.long
async def test_a_network_that_the_operator_fills_up(company: Company, easyrsa: EasyRsa) -> None:
    rome = company.folder / "rome" / "server-live" / "ccd"
    for last in range(2, 255):
        (rome / f"theirs-{last}").write_text(f"ifconfig-push 10.84.0.{last} 255.255.255.0\n")
    file = company.folder / "late.ovpn"
    issue = ("grant", "issue", str(ANNA.id), "--output", str(file), "--server", "rome")
    ran = await company.vpnbot(*issue)
    assert ran.code == 1
    assert "no other address left" in ran.err
    assert not file.exists()
    for path in rome.glob("theirs-*"):
        path.unlink()


def rome_findings(ran: Ran, word: str) -> list[str]:
    return [wrong for wrong, _ in findings(ran) if "Server rome:" in wrong and word in wrong]


@pytest.mark.long
async def test_a_network_that_the_operator_changes(company: Company, easyrsa: EasyRsa) -> None:
    """Nobody keeps an address of the old one; and where there is no room nothing is changed."""
    conf = company.folder / "rome" / "server.conf"
    rome = Home(company, easyrsa, "rome", None)
    (name,) = (
        row["common_name"]
        for row in await company.grants()
        if (row["server"], row["state"]) == ("rome", "active")
    )
    text = conf.read_text()
    conf.write_text(text.replace("10.84.0.0 255.255.255.0", "10.87.0.0 255.255.0.0"))
    await rome.adopt()
    assert address_of(company, name) == "10.87.0.2"
    assert (rome.ccd / name).read_text() == "ifconfig-push 10.87.0.2 255.255.0.0\n"

    conf.write_text(text.replace("10.84.0.0 255.255.255.0", "10.88.0.0 255.255.255.252"))
    (rome.ccd / "printer").write_text("ifconfig-push 10.88.0.2 255.255.255.252\n")
    before = company.dump()
    ran = await rome.tries()
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "10.88.0.0/30 of rome has too few addresses" in ran.err
    assert company.dump() == before

    # A client has a small network of its own then, which the server's pool gives.
    changed = text.replace("topology subnet\n", "").replace(" nopool", "")
    conf.write_text(changed)
    assert "Addresses come from the server's own pool" in (await rome.adopt()).out
    assert address_of(company, name) is None
    assert (rome.ccd / name).read_text() == "# Let in by vpnbot.\n"
    # And without ccd-exclusive it needs no file at all.
    conf.write_text(changed.replace("ccd-exclusive\n", ""))
    await rome.adopt()
    assert not (rome.ccd / name).exists()
    conf.write_text(text)
    await rome.adopt()
    assert (address_of(company, name) or "").startswith("10.84.0.")


@pytest.mark.long
async def test_where_nothing_is_open_to_the_bot(company: Company, easyrsa: EasyRsa) -> None:
    """Nothing is changed before what is missing has been done; then all of it works."""
    turin = Home(company, easyrsa, "turin", "10.89.0.0")
    crl = turin.folder / "pki" / "crl.pem"
    crl.parent.mkdir(mode=0o700)
    (turin.folder / "crl.pem").rename(crl)
    crl.chmod(0o600)
    turin.write(turin.conf.read_text().replace("crl-verify crl.pem", "crl-verify pki/crl.pem"))
    turin.conf.chmod(0o600)
    turin.folder.chmod(0o700)
    dump, files = company.dump(), sorted(company.folder.rglob("*"))
    ran = await turin.tries("--apply")
    assert (ran.code, ran.err.count("\n")) == (1, 1), ran
    assert "Nothing was changed" in ran.err, ran
    assert company.dump() == dump
    assert sorted(path for path in company.folder.rglob("*") if "data" not in path.parts) == [
        path for path in files if "data" not in path.parts
    ]
    commands = ran.err.partition("run this first: ")[2].partition(". Nothing was changed.")[0]
    subprocess.run(["sh", "-ec", commands], check=True)  # noqa: ASYNC221
    assert (turin.folder.stat().st_mode & 0o777, turin.conf.stat().st_mode & 0o777) == (
        0o710,
        0o640,
    )

    ran = await turin.adopt("--apply")
    live = company.folder / "turin-server-live"
    assert f"A CRL with every revocation is in place: {live}/crl.pem" in ran.out
    owner = company.data.stat().st_uid
    assert {path.stat().st_uid for path in (live, *live.rglob("*"))} == {owner}
    file = company.folder / "turin.ovpn"
    await company.done("grant", "issue", str(ANNA.id), "--output", str(file), "--server", "turin")
    (name,) = (row["common_name"] for row in await company.grants() if row["server"] == "turin")
    assert (live / "ccd" / name).exists()
    before = (live / "crl.pem").read_bytes()
    await company.vpnbot("revoke", name)
    assert (live / "crl.pem").read_bytes() != before
    assert not (live / "ccd" / name).exists()
    assert "nothing was changed" in (await turin.adopt("--apply")).out
