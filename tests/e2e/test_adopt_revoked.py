"""Whom a server refused before it was adopted, it refuses afterwards, whatever the books say."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509

from demo.lab.network import NetLab
from pki.found_crls import read_crls
from pki.serial import serial_hex
from tests.company import Company, Ran, open_company
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.vpn.operator_kit import connected, is_refused
from tests.vpn.running import IN_THE_LAB
from vpn.deploy import CLOCK_TICK_S

pytestmark = [NEEDS_EASYRSA, pytest.mark.asyncio(loop_scope="module")]

CONF = """\
port 1194
proto udp
dev tun
topology subnet
server 10.84.0.0 255.255.255.0
ca ca.crt
cert server.crt
key server.key
dh none
user nobody
group nogroup
persist-key
persist-tun
remote-cert-tls client
duplicate-cn
"""


@dataclass
class Office:
    """An operator's folder, with what its server trusts and refuses."""

    company: Company
    easyrsa: EasyRsa
    other: EasyRsa

    @property
    def folder(self) -> Path:
        return self.company.folder / "office"

    @property
    def crl(self) -> Path:
        return self.folder / "crl.pem"

    def write(self, *lines: str, other: bool = True) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o755)
        pki = self.easyrsa.pki
        shutil.copy(pki / "issued/server.crt", self.folder)
        shutil.copy(pki / "private/server.key", self.folder)
        trusted = [pki / "ca.crt", *([self.other.pki / "ca.crt"] if other else [])]
        (self.folder / "ca.crt").write_text("".join(path.read_text() for path in trusted))
        (self.folder / "server.conf").write_text(CONF + "".join(f"{line}\n" for line in lines))

    async def adopt(self, *flags: str) -> Ran:
        conf = str(self.folder / "server.conf")
        remote = f"{NetLab.server_address}:1194/udp"
        return await self.company.vpnbot(
            *("server", "adopt", "office", "--config", conf, "--remote", remote, *flags)
        )

    def profile(self, of: EasyRsa, name: str) -> str:
        return "\n".join(
            [
                f"client\ndev tun\nremote {NetLab.server_address} 1194 udp\nnobind\nverb 3",
                f"<ca>\n{(self.easyrsa.pki / 'ca.crt').read_text()}</ca>",
                f"<cert>\n{of.pem(name)}</cert>",
                f"<key>\n{(of.pki / f'private/{name}.key').read_text()}</key>\n",
            ]
        )

    def listed(self, path: Path | None = None) -> list[set[str]]:
        """The serials on each list in the file; nothing on those of other CAs."""
        authority = x509.load_pem_x509_certificate((self.easyrsa.pki / "ca.crt").read_bytes())
        found = read_crls((path or self.crl).read_bytes(), authority)
        return [{serial_hex(entry.serial) for entry in each.revocations} for each in found]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(module_folder: Path) -> AsyncIterator[Office]:
    """Bob was revoked, and the books were restored from the day before; so was Dora, of the CA of
    a company that was bought. The other names are all in order.
    """
    easyrsa, other = EasyRsa(module_folder / "pki"), EasyRsa(module_folder / "bought/pki")
    other.pki.parent.mkdir()
    easyrsa.begin()
    easyrsa("build-server-full", "server", "nopass")
    for name in ("anna", "bob", "carl", "edna", "finn"):
        easyrsa.client(name)
    easyrsa("gen-crl")
    shutil.copytree(easyrsa.pki, module_folder / "kept")
    pem = easyrsa.pem("bob")
    key = (easyrsa.pki / "private/bob.key").read_text()
    easyrsa("revoke", "bob")
    easyrsa("gen-crl")
    in_force = (easyrsa.pki / "crl.pem").read_bytes()
    shutil.rmtree(easyrsa.pki)
    shutil.move(module_folder / "kept", easyrsa.pki)
    assert (easyrsa.pem("bob"), (easyrsa.pki / "private/bob.key").read_text()) == (pem, key)
    other("init-pki")
    other("build-ca", "nopass", REQ_CN="Bought CA")
    for name in ("dora", "emil"):
        other.client(name)
    dora = [(other.pki / place).read_text() for place in ("issued/dora.crt", "private/dora.key")]
    other("revoke", "dora")
    other("gen-crl")
    for place, text in zip(("issued/dora.crt", "private/dora.key"), dora, strict=True):
        (other.pki / place).write_text(text)
    async with open_company(module_folder) as company:
        await company.done("ca", "import-easyrsa", str(easyrsa.pki))
        made = Office(company, easyrsa, other)
        (module_folder / "in-force.pem").write_bytes(
            in_force + (other.pki / "crl.pem").read_bytes()
        )
        yield made


async def refuses(office: Office, lab: NetLab, *revoked: tuple[EasyRsa, str]) -> None:
    for of, name in revoked:
        profile = office.profile(of, name)
        assert await is_refused(lab, profile, "certificate revoked"), name
    for of, name in ((office.easyrsa, "anna"), (office.other, "emil")):
        async with connected(lab, office.profile(of, name)) as tunnel:
            assert await tunnel.ping("10.84.0.1")


@pytest.mark.long
@IN_THE_LAB[1]
class TestWithOpenVpn:
    async def test_they_stay_out(self, office: Office) -> None:
        """As it is adopted, with what is added, after its restart, and after each later CRL."""
        office.write("crl-verify crl.pem", "client-config-dir ccd")
        (office.folder / "ccd").mkdir()
        (office.folder / "ccd/emil").touch()  # else --apply shuts out whom the bot does not know
        shutil.copy(office.company.folder / "in-force.pem", office.crl)
        out = [(office.easyrsa, "bob"), (office.other, "dora")]
        async with NetLab("adopt-crl", handshake_s=15) as lab:
            await lab.start_server(office.folder)
            await refuses(office, lab, *out)
            plain = await office.adopt()
            assert plain.code == 0, plain
            serial = office.easyrsa.serial("bob")
            refused = f"{office.crl} refuses bob, serial {serial}, though the books let them in"
            assert refused in plain.out
            assert "another CA, CN=Bought CA, until 20" in plain.out
            assert office.listed() == [{serial}, set()]
            await refuses(office, lab, *out)
            applied = await office.adopt("--apply")
            assert applied.code == 0, applied
            assert "books let in" not in applied.out
            await asyncio.sleep(CLOCK_TICK_S)
            await lab.restart_server(office.folder)
            await refuses(office, lab, *out)
            await office.company.done("revoke", "carl")
            await refuses(office, lab, *out, (office.easyrsa, "carl"))
        rows = (await office.company.done("audit", "show", "--json")).rows
        (row,) = [row for row in rows if row["action"] == "crl.take_over" and "bob" in str(row)]
        assert row["subject"] == "server:office"


@pytest.mark.long
async def test_a_folder_of_serials_is_taken_over(office: Office) -> None:
    edna = office.easyrsa.serial("edna")
    office.write("crl-verify revoked dir", other=False)
    (office.folder / "revoked").mkdir()
    (office.folder / "revoked" / str(int(edna, 16))).touch()
    (office.folder / "revoked" / "4711").touch()
    (office.folder / "revoked" / "README").touch()
    plain = await office.adopt()
    place = office.folder / "revoked"
    assert f"{place} refuses edna, serial {edna}, though the books let them in" in plain.out, plain
    assert f"{place} refuses serial 1267, of which no certificate is known" in plain.out
    assert f"{place}/README is named by no serial number" in plain.out
    applied = await office.adopt("--apply")
    assert "A CRL with every revocation is in place" in applied.out, applied
    listed, *_ = office.listed(office.folder / "server-live/crl.pem")
    assert {edna, "1267"} <= listed


@pytest.mark.long
async def test_a_block_is_taken_over(office: Office) -> None:
    """With the list of another CA in it."""
    finn = office.easyrsa.serial("finn")
    authority = office.company.folder / "later/pki"
    shutil.copytree(office.easyrsa.pki, authority)
    EasyRsa(authority)("revoke", "finn")
    EasyRsa(authority)("gen-crl")
    pem = (authority / "crl.pem").read_text() + (office.other.pki / "crl.pem").read_text()
    office.write(f"<crl-verify>\n{pem}</crl-verify>")
    applied = await office.adopt("--apply")
    assert applied.code == 0, applied
    assert f"the <crl-verify> block of {office.folder}/server.conf refuses finn" in applied.out
    path = office.folder / "server-live/crl.pem"
    ours, others = office.listed(path)
    assert (finn in ours, others) == (True, set())
    theirs_before = (office.other.pki / "crl.pem").read_text()
    assert path.read_text().endswith(theirs_before)
    # The other CA signs again; or somebody takes its list away.
    office.other("gen-crl")
    theirs = (office.other.pki / "crl.pem").read_text()
    only_ours = path.read_text().removesuffix(theirs_before)
    for name, there in (("anna", path.read_text() + theirs), ("finn", only_ours)):
        path.write_text(there)
        await office.company.vpnbot("revoke", name)
        assert len(office.listed(path)) == 2
        assert path.read_text().endswith(theirs)


@pytest.mark.long
async def test_where_it_cannot_be_read_nothing_is_replaced(office: Office) -> None:
    office.write("crl-verify crl.pem")
    office.crl.write_text("hello")
    conf = (office.folder / "server.conf").read_text()
    applied = await office.adopt("--apply")
    assert (applied.code, applied.out, applied.err.count("\n")) == (1, "", 1)
    assert "nothing takes the list's place" in applied.err
    plain = await office.adopt()
    assert plain.code == 0, plain
    assert "No CRL could be put in place" in plain.out
    revoked = await office.company.vpnbot("revoke", "anna")
    assert (revoked.code, revoked.out.split(" on ")[0]) == (
        1,
        "Not proved yet: anna may still get in",
    )
    assert office.crl.read_text() == "hello"
    assert (office.folder / "server.conf").read_text() == conf
    assert sorted(path.name for path in office.folder.iterdir()) == [
        *("ca.crt", "crl.pem", "server.conf", "server.crt", "server.key")
    ]
