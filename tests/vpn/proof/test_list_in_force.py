"""Whom an operator's server refuses today, wherever its configuration says so."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pki.authority import Authority
from pki.crl import Revocation, RevocationReason
from pki.serial import SerialNumber
from tests.vpn.kit import make_authority, now
from tests.vpn.operator_kit import USUAL, Operator
from vpn.host.local import LocalHost
from vpn.proof import list_in_force
from vpn.proof.list_in_force import ListInForce, read_list_in_force


@pytest.fixture
def operator(open_folder: Path) -> Operator:
    return Operator(open_folder / "office")


def signed(authority: Authority, *serials: int, number: int = 7, age: int = 0) -> bytes:
    date = now() - timedelta(days=age)
    entries = [
        Revocation(SerialNumber(serial), date, RevocationReason.SUPERSEDED) for serial in serials
    ]
    return authority.sign_crl(number=number, revocations=entries, now=date)


async def read(operator: Operator, *lines: str) -> ListInForce:
    operator.write("server.conf", USUAL + "".join(f"{line}\n" for line in lines))
    examined = await operator.examine()
    found = await read_list_in_force(
        LocalHost(Path("/")), examined.adoption, [operator.authority.certificate], now()
    )
    assert found is not None
    return found


def serials(found: ListInForce) -> list[int]:
    return sorted(entry.serial for entry in found.revocations)


def der(pem: bytes) -> bytes:
    return x509.load_pem_x509_crl(pem).public_bytes(Encoding.DER)


async def test_nobody_is_refused_without_the_line(operator: Operator) -> None:
    examined = await operator.examine()
    host, issuers = LocalHost(Path("/")), [operator.authority.certificate]
    assert await read_list_in_force(host, examined.adoption, issuers, now()) is None


@pytest.mark.parametrize("form", ["pem", "text around it", "windows", "der", "lapsed"])
async def test_a_file_in_any_form(operator: Operator, form: str) -> None:
    pem = signed(operator.authority, 5, 6, age=400 if form == "lapsed" else 0)
    content = {
        "text around it": b"Certificate Revocation List (CRL):\n" + pem + b"the end\n",
        "windows": pem.replace(b"\n", b"\r\n"),
        "der": der(pem),
    }.get(form, pem)
    (operator.directory / "crl.pem").write_bytes(content)
    found = await read(operator, "crl-verify crl.pem")
    assert (serials(found), found.number, found.problem) == ([5, 6], 7, None)
    assert found.place == f"{operator.directory}/crl.pem"
    assert {entry.reason for entry in found.revocations} == {RevocationReason.SUPERSEDED}


async def test_several_lists_of_one_ca_count_together(operator: Operator) -> None:
    old, new = signed(operator.authority, 5, number=3, age=1), signed(operator.authority, 6)
    (operator.directory / "crl.pem").write_bytes(old + new)
    found = await read(operator, "crl-verify crl.pem")
    assert (serials(found), found.number) == ([5, 6], 7)


async def test_lists_of_other_cas_are_not_lost(operator: Operator) -> None:
    other, older = make_authority("Other CA"), make_authority()
    theirs = [signed(other, 5), signed(older, 5)]
    (operator.directory / "crl.pem").write_bytes(
        theirs[0] + signed(operator.authority, 6) + theirs[1]
    )
    found = await read(operator, "crl-verify crl.pem")
    assert (serials(found), [each.pem for each in found.others]) == ([6], theirs)
    assert found.problem is None


async def test_a_block_in_the_configuration(operator: Operator) -> None:
    pem = signed(operator.authority, 5).decode() + signed(make_authority("Other CA"), 6).decode()
    for lines in ((), ("crl-verify [inline]",), ("crl-verify gone.pem",)):
        found = await read(operator, *lines, f"<crl-verify>\n{pem}</crl-verify>")
        assert (serials(found), len(found.others)) == ([5], 1)
        assert found.place == f"the <crl-verify> block of {operator.conf}"


async def test_of_two_lines_the_last_counts(operator: Operator) -> None:
    (operator.directory / "old.pem").write_bytes(signed(operator.authority, 5))
    (operator.directory / "crl.pem").write_bytes(signed(operator.authority, 6))
    found = await read(operator, "crl-verify old.pem", "crl-verify crl.pem")
    assert serials(found) == [6]


@pytest.mark.parametrize("inside", [False, True])
async def test_a_path_from_elsewhere(operator: Operator, inside: bool) -> None:
    """Below the last `cd`; and with a chroot below that."""
    operator.write("lists/crl.pem", signed(operator.authority, 5).decode())
    lines = [f"cd {operator.directory}", "cd lists", "crl-verify crl.pem"]
    if inside:
        lines = [f"chroot {operator.directory}/lists", "crl-verify /crl.pem"]
    assert serials(await read(operator, *lines)) == [5]


async def test_a_folder_of_serials(operator: Operator) -> None:
    """In decimal, as OpenVPN has it. Whoever wrote hex or a zero before it meant somebody, too."""
    for name in ("12", "0013", "FF"):
        operator.write(f"revoked/{name}", "")
    (operator.directory / "revoked/14").symlink_to("gone")
    (operator.directory / "revoked/15").mkdir()
    for name in ("README", "00", "\u0663"):
        operator.write(f"revoked/{name}", "")
    for lines in (("crl-verify revoked dir",), ("crl-verify crl.pem dir", "crl-verify revoked")):
        found = await read(operator, *lines)
        assert (serials(found), found.problem) == ([12, 13, 14, 15, 255], None)
        assert found.place == f"{operator.directory}/revoked"
        assert found.no_serials == ("00", "README", "\u0663")
        assert all(entry.revoked_at <= now() for entry in found.revocations)


async def test_the_highest_serial_has_as_many_digits_as_are_read(operator: Operator) -> None:
    operator.write(f"revoked/{(1 << 159) - 1}", "")
    found = await read(operator, "crl-verify revoked dir")
    assert (serials(found), found.problem) == ([(1 << 159) - 1], None)


@pytest.mark.parametrize(("most", "is_read"), [(3, True), (2, False)])
async def test_a_folder_of_too_many_files_is_not_read(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, most: int, is_read: bool
) -> None:
    monkeypatch.setattr(list_in_force, "_FOLDER_LIMIT", most)
    for name in ("12", "13", "14"):
        operator.write(f"revoked/{name}", "")
    found = await read(operator, "crl-verify revoked dir")
    assert (serials(found), found.problem is None) == ([12, 13, 14] if is_read else [], is_read)


async def test_a_file_from_the_future_is_dated_today(operator: Operator) -> None:
    before, day = now(), timedelta(days=1)
    for name, at in (("12", before - day), ("13", before + day)):
        path = operator.write(f"revoked/{name}", "")
        os.utime(path, (at.timestamp(), at.timestamp()))
    found = await read(operator, "crl-verify revoked dir")
    dates = {entry.serial: entry.revoked_at for entry in found.revocations}
    past, future = dates[SerialNumber(12)], dates[SerialNumber(13)]
    assert abs(past - (before - day)) < timedelta(seconds=1)
    assert before <= future <= now()


@pytest.mark.parametrize("name", ["0", "-5", str(1 << 159), "1" + "0" * 60])
async def test_a_serial_that_no_list_can_name_stays_refused(operator: Operator, name: str) -> None:
    """OpenVPN looks for it by any number that a certificate has; a list takes 159 bits at most."""
    operator.write(f"revoked/{name}", "")
    operator.write("revoked/7", "")
    found = await read(operator, "crl-verify revoked dir")
    assert f"refuses the serial {name}, which no list" in (found.problem or "")
    assert serials(found) == [7]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\x30\x03\x02\x01\x05",
        b"-----BEGIN X509 CRL-----\nhello\n-----END X509 CRL-----\n",
        b"-----BEGIN X509 CRL-----\nMIIB",
        None,
    ],
)
async def test_what_cannot_be_read_says_so(operator: Operator, content: bytes | None) -> None:
    path = operator.directory / "crl.pem"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    found = await read(operator, "crl-verify crl.pem")
    assert "nothing takes the list's place" in (found.problem or "")
    assert (found.revocations, found.others) == ((), ())


async def test_a_part_of_it_is_not_enough(operator: Operator) -> None:
    """Who is on the second one is not known."""
    whole, part = signed(operator.authority, 5), signed(operator.authority, 6)[:-90]
    (operator.directory / "crl.pem").write_bytes(whole + part)
    found = await read(operator, "crl-verify crl.pem")
    assert found.problem
    assert found.revocations == ()


@pytest.mark.parametrize("line", ["crl-verify gone dir", "crl-verify ca.crt dir", "crl-verify ."])
async def test_what_is_not_there(operator: Operator, line: str) -> None:
    assert (await read(operator, line)).problem


async def test_the_cas_own_serial_would_shut_everybody_out(operator: Operator) -> None:
    serial = operator.authority.certificate.serial_number
    (operator.directory / "crl.pem").write_bytes(signed(operator.authority, serial, 5))
    operator.write(f"revoked/{serial}", "")
    found = await read(operator, "crl-verify crl.pem")
    assert "the CA's own certificate" in (found.problem or "")
    assert serials(found) == [5]
    found = await read(operator, "crl-verify revoked dir")
    assert "the CA's own certificate" in (found.problem or "")
    assert serials(found) == []


async def test_a_folder_refuses_other_cas_too(operator: Operator) -> None:
    """For those nothing can be signed here."""
    operator.write("revoked/12", "")
    own = operator.authority.certificate_pem
    for ca in (own + make_authority("Other CA").certificate_pem, "nonsense", None):
        operator.write("ca.crt", ca or "")
        if ca is None:
            (operator.directory / "ca.crt").unlink()
        found = await read(operator, "crl-verify revoked dir")
        assert "for its own only" in (found.problem or "")
        assert serials(found) == [12]
    operator.write("ca.crt", own)
    assert (await read(operator, "crl-verify revoked dir")).problem is None
    assert (await read(operator, "crl-verify revoked dir", "capath .")).problem
    (operator.directory / "revoked/12").unlink()
    assert (await read(operator, "crl-verify revoked dir", "capath .")).problem is None


async def test_a_namesake_without_a_key_identifier(operator: Operator) -> None:
    """OpenSSL would try it on our certificates, and refuse them all for its signature."""
    other = make_authority()
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(other.certificate.subject)
        .last_update(now())
        .next_update(now() + timedelta(days=9))
    )
    pem = builder.sign(other._key, hashes.SHA256()).public_bytes(Encoding.PEM)
    (operator.directory / "crl.pem").write_bytes(signed(operator.authority, 5) + pem)
    found = await read(operator, "crl-verify crl.pem")
    assert "the same name" in (found.problem or "")
    assert (serials(found), found.others) == ([5], ())
