"""A new certificate and key in the place of an operator's server's."""

import os
import secrets
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pki.serial import new_serial
from tests.vpn.kit import DAY, make_authority, now
from tests.vpn.operator_kit import USUAL, Operator
from vpn.adopt.identity import Renewed, plan_renewal, put_identity
from vpn.deploy import ServerIdentity
from vpn.errors import NotApplied
from vpn.host.local import LocalHost

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can renew.")
FILES = ("server.key", "office server.crt")


@pytest.fixture
def operator(open_folder: Path) -> Operator:
    return Operator(open_folder / "office")


async def renew(operator: Operator) -> Renewed:
    host, issuer = LocalHost(Path("/")), operator.authority.certificate
    plan = await plan_renewal(host, await operator.examine(), issuers=[issuer])

    def issue(before: x509.Certificate) -> ServerIdentity:
        issued = operator.authority.renew_server(
            before,
            serial=new_serial(secrets.token_bytes),
            not_before=now(),
            not_after=now() + 10 * DAY,
        )
        return ServerIdentity(issued.certificate_pem, issued.private_key_pem)

    return await put_identity(host, plan, issue, issuer=issuer, now=now())


def contents(operator: Operator) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in operator.directory.iterdir()}


async def test_both_are_new_and_the_old_ones_stay(operator: Operator) -> None:
    before = contents(operator)
    renewed = await renew(operator)
    after = contents(operator)
    certificate = x509.load_pem_x509_certificate(after["office server.crt"])
    key = load_pem_private_key(after["server.key"], password=None)
    assert certificate.public_key() == key.public_key()
    old = x509.load_pem_x509_certificate(before["office server.crt"])
    assert certificate.subject == old.subject
    assert certificate.serial_number != old.serial_number
    assert renewed.certificate_end == certificate.not_valid_after_utc
    assert renewed.changed == tuple(f"{operator.directory}/{name}" for name in FILES)
    assert [after[Path(copy).name] for copy in renewed.copies] == [before[n] for n in FILES]
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {*FILES, *(Path(copy).name for copy in renewed.copies)}


async def test_keys_are_for_root_alone(operator: Operator) -> None:
    (operator.directory / "server.key").chmod(0o644)
    renewed = await renew(operator)
    for path in map(Path, (*renewed.changed, *renewed.copies)):
        mode = 0o600 if "key" in path.name else 0o644
        assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) == (mode, 0)


async def test_again_within_a_second_nothing_is_lost(operator: Operator) -> None:
    copies = {copy for _ in range(3) for copy in (await renew(operator)).copies}
    assert len(copies) == 6


async def test_what_follows_the_certificate_stays(operator: Operator) -> None:
    chain = make_authority().certificate_pem
    path = operator.directory / "office server.crt"
    path.write_text(path.read_text() + chain)
    await renew(operator)
    assert path.read_text().endswith(chain)
    assert len(x509.load_pem_x509_certificates(path.read_bytes())) == 2


async def test_links_stay_links(operator: Operator) -> None:
    path = operator.directory / "server.key"
    path.rename(operator.directory / "real.key")
    path.symlink_to("real.key")
    before = path.read_bytes()
    renewed = await renew(operator)
    assert path.is_symlink()
    assert renewed.changed[0] == str(operator.directory / "real.key")
    assert path.read_bytes() != before


async def test_what_cannot_be_renewed(operator: Operator) -> None:
    pem = (operator.directory / "office server.crt").read_text()
    key = (operator.directory / "server.key").read_text()
    operator.write("both.pem", pem + key)
    named = 'cert "office server.crt"\nkey server.key\n'
    for lines in (
        f"<cert>\n{pem}</cert>\nkey server.key\n",
        f'cert "office server.crt"\n<key>\n{key}</key>\n',
        "cert both.pem\nkey both.pem\n",
        "pkcs12 server.p12\n",
    ):
        operator.write("server.conf", USUAL.replace(named, lines))
        await is_refused(operator, "a file each")
    operator.write("server.conf", USUAL)
    for text in ("nothing", other_certificate()):
        operator.write("office server.crt", text)
        await is_refused(operator, "renew it where it was issued")


async def is_refused(operator: Operator, because: str) -> None:
    before = contents(operator)
    with pytest.raises(NotApplied, match=because):
        await renew(operator)
    assert contents(operator) == before


def other_certificate() -> str:
    issued = make_authority().issue_server(
        common_name="office server",
        serial=new_serial(secrets.token_bytes),
        not_before=now(),
        not_after=now() + DAY,
    )
    return issued.certificate_pem
