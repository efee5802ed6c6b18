"""Another program's CA goes on as ours; openssl has the last word on what it signs."""

import secrets
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pki.algorithms import KeyAlgorithm
from pki.authority import Authority
from pki.authority_files import import_authority, load_authority, load_certificate
from pki.crl import Revocation, RevocationReason, read_crl
from pki.easyrsa import open_key, read_pki
from pki.errors import AuthorityExists, UnfitAuthority, WrongPassphrase
from pki.key_ids import authority_key_id
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.pki.easyrsa_pkis import OLD_PASSPHRASE, EasyRsa2
from tests.pki.tools import (
    CA_NAME,
    CHEAP,
    NOW,
    PASSPHRASE,
    WEEK,
    authority_with,
    client,
    name_of,
    openssl,
    saved,
    serial,
)

START = datetime.now(UTC).replace(microsecond=0)


def imported(folder: Path, certificate: x509.Certificate, key: PrivateKeyTypes) -> Authority:
    return import_authority(
        folder / "ca",
        certificate=certificate,
        key=key,
        passphrase=PASSPHRASE,
        random_bytes=secrets.token_bytes,
        rounds=CHEAP,
    )


def taken_over(folder: Path, pki: Path, passphrase: str | None = None) -> Authority:
    found = read_pki(pki, now=START)
    return imported(folder, found.certificate, open_key(found, passphrase))


def key_of(authority: Authority) -> PrivateKeyTypes:
    return authority._key


def self_signed_with(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    *extensions: x509.ExtensionType,
    issuer: str = CA_NAME,
) -> x509.Certificate:
    builder = x509.CertificateBuilder(
        issuer_name=name_of(issuer),
        subject_name=name_of(CA_NAME),
        public_key=key.public_key(),
        serial_number=serial(),
        not_valid_before=NOW,
        not_valid_after=NOW + WEEK,
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    is_ed = isinstance(key, ed25519.Ed25519PrivateKey)
    return builder.sign(key, None if is_ed else hashes.SHA256())


class Signed:
    """What a CA signs from now on, in files, and what openssl thinks of it."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.kept, self.revoked = (
            authority.issue_client(
                common_name=name, serial=serial(), not_before=START, not_after=START + WEEK
            )
            for name in ("kept", "revoked")
        )
        entry = Revocation(
            self.revoked.serial, START - timedelta(hours=1), RevocationReason.AA_COMPROMISE
        )
        self.pem = authority.sign_crl(number=7, revocations=[entry], now=START)
        self.ca = saved(folder, "ca.pem", authority.certificate_pem)
        self.crl = saved(folder, "crl.pem", self.pem)

    def verify(self, certificate: str) -> str:
        leaf = saved(self.folder, "leaf.crt", certificate)
        answer = openssl(
            *("verify", "-CAfile", self.ca, "-crl_check", "-CRLfile", self.crl),
            *("-purpose", "sslclient", "-auth_level", "2", leaf),
        )
        return answer.stdout + answer.stderr

    def verify_crl(self) -> str:
        return openssl("crl", "-in", self.crl, "-CAfile", self.ca, "-noout").stderr


def check(folder: Path, authority: Authority, old: Path | None = None) -> Signed:
    """Kept, loaded, and heeded by openssl; so is a certificate from before."""
    loaded = load_authority(folder / "ca", PASSPHRASE)
    assert loaded.certificate == load_certificate(folder / "ca") == authority.certificate
    signed = Signed(folder, loaded)
    assert "verify OK" in signed.verify_crl()
    assert "leaf.crt: OK" in signed.verify(signed.kept.certificate_pem)
    assert "certificate revoked" in signed.verify(signed.revoked.certificate_pem)
    assert read_crl(signed.pem, loaded.certificate).serials == {signed.revoked.serial}
    crl = x509.load_pem_x509_crl(signed.pem)
    found = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found == authority_key_id(loaded.certificate)
    assert (found.authority_cert_issuer, found.authority_cert_serial_number) == (None, None)
    if old is not None:
        assert "leaf.crt: OK" in signed.verify(old.read_text())
    return signed


@NEEDS_EASYRSA
class TestEasyRsa:
    def test_rsa_with_a_passphrase(self, rsa_pki: EasyRsa, tmp_path: Path) -> None:
        authority = taken_over(tmp_path, rsa_pki.pki, OLD_PASSPHRASE)
        check(tmp_path, authority, old=rsa_pki.pki / "issued" / "anna.crt")
        key = load_pem_private_key(client_key(authority), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        assert key.key_size == 2048

    def test_ec_without(self, ec_pki: EasyRsa, tmp_path: Path) -> None:
        authority = taken_over(tmp_path, ec_pki.pki)
        check(tmp_path, authority, old=ec_pki.pki / "issued" / "jürgen.crt")
        key = load_pem_private_key(client_key(authority), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert isinstance(key.curve, ec.SECP384R1)

    def test_the_old_crl_holds_until_ours_comes(self, rsa_pki: EasyRsa, tmp_path: Path) -> None:
        """Old certificates name issuer and serial of the CA; ours carries the old revocations."""
        authority = taken_over(tmp_path, rsa_pki.pki, OLD_PASSPHRASE)
        found = read_pki(rsa_pki.pki, now=START)
        pem = authority.sign_crl(number=1, revocations=found.revocations, now=START + WEEK / 2)
        crl = x509.load_pem_x509_crl(pem)
        for entry in found.revocations:
            listed = crl.get_revoked_certificate_by_serial_number(entry.serial)
            assert listed is not None
            assert listed.revocation_date_utc == entry.revoked_at
        assert len(crl) == len(found.revocations) == 3

    def test_nobody_else_can_read_it(self, ec_pki: EasyRsa, tmp_path: Path) -> None:
        taken_over(tmp_path, ec_pki.pki)
        folder = tmp_path / "ca"
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
            "ca.crt": 0o600,
            "ca.p12": 0o600,
        }
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_ed25519(self, tmp_path: Path) -> None:
        pki = EasyRsa(tmp_path / "pki", algorithm="ed")
        pki("init-pki")
        pki("build-ca", "nopass", REQ_CN="Ed", CURVE="ed25519")
        with pytest.raises(UnfitAuthority, match=r"ca\.crt: The CA's .* signs nothing here") as no:
            read_pki(pki.pki, now=START)
        assert "\n" not in str(no.value)


def test_easyrsa2(easyrsa2: EasyRsa2, tmp_path: Path) -> None:
    authority = taken_over(tmp_path, easyrsa2.folder)
    check(tmp_path, authority, old=easyrsa2.folder / "anna.crt")


@pytest.mark.parametrize("name", ["Müller & Söhne", "Ж"])
def test_names_in_an_old_encoding(tmp_path: Path, name: str) -> None:
    """easy-rsa 2 wrote the terminal's UTF-8 into T61Strings. The issuer must stay as it was."""
    pki = EasyRsa2(tmp_path / "keys", subject=f"/O={name}/CN={name} CA")
    pki.issue("anna")
    authority = taken_over(tmp_path, pki.folder)
    signed = check(tmp_path, authority, old=pki.folder / "anna.crt")
    issued = x509.load_pem_x509_certificate(signed.kept.certificate_pem.encode())
    raw = authority.certificate.subject.public_bytes()
    assert issued.issuer.public_bytes() == raw
    assert raw in authority.certificate.tbs_certificate_bytes


@pytest.mark.parametrize("has_key_id", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: ec.generate_private_key(ec.SECP521R1()),
    ],
    ids=["rsa", "p521"],
)
def test_with_and_without_a_key_identifier(
    tmp_path: Path,
    make: Callable[[], rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey],
    has_key_id: bool,
) -> None:
    other = authority_with(make(), has_key_id=has_key_id, start=START - WEEK)
    authority = imported(tmp_path, other.certificate, key_of(other))
    check(tmp_path, authority)


def client_key(authority: Authority) -> bytes:
    issued = authority.issue_client(
        common_name="x", serial=serial(), not_before=START, not_after=START + WEEK
    )
    return issued.private_key_pem.encode()


class TestRefused:
    def refused(
        self, folder: Path, certificate: x509.Certificate, key: PrivateKeyTypes, said: str
    ) -> None:
        with pytest.raises(UnfitAuthority, match=said) as caught:
            imported(folder, certificate, key)
        assert "\n" not in str(caught.value)
        assert list(folder.iterdir()) == []

    def test_another_key(self, tmp_path: Path, authority: Authority, stranger: Authority) -> None:
        said = "don't belong together"
        self.refused(tmp_path, authority.certificate, key_of(stranger), said)

    def test_an_rsa_key_for_an_ec_certificate(self, tmp_path: Path, authority: Authority) -> None:
        key = rsa.generate_private_key(65537, 2048)
        self.refused(tmp_path, authority.certificate, key, "don't belong together")

    def test_a_clients_certificate(self, tmp_path: Path, authority: Authority) -> None:
        issued = client(authority)
        certificate = x509.load_pem_x509_certificate(issued.certificate_pem.encode())
        key = load_pem_private_key(issued.private_key_pem.encode(), None)
        self.refused(tmp_path, certificate, key, "isn't a CA's")

    def test_one_that_says_nothing_of_cas(self, tmp_path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.refused(tmp_path, self_signed_with(key), key, "isn't a CA's")

    def test_one_that_cannot_be_read(self, tmp_path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        odd = x509.UnrecognizedExtension(x509.BasicConstraints.oid, b"\x00")
        self.refused(tmp_path, self_signed_with(key, odd), key, "certificate can't be read")

    @pytest.mark.parametrize(("certificates", "crls"), [(True, False), (False, True)])
    def test_one_that_may_not_sign_both(
        self, tmp_path: Path, certificates: bool, crls: bool
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=certificates,
            crl_sign=crls,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = self_signed_with(key, x509.BasicConstraints(True, None), usage)
        self.refused(tmp_path, certificate, key, "may not sign both")

    def test_one_that_another_ca_issued(self, tmp_path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self_signed_with(key, x509.BasicConstraints(True, None), issuer="Root")
        self.refused(tmp_path, certificate, key, "itself issued by another one")

    def test_ed25519(self, tmp_path: Path) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        certificate = self_signed_with(key, x509.BasicConstraints(True, None))
        self.refused(tmp_path, certificate, key, "certificate's key is neither RSA nor EC")

    def test_a_dsa_key(self, tmp_path: Path, authority: Authority) -> None:
        key = dsa.generate_private_key(2048)
        self.refused(tmp_path, authority.certificate, key, "private key is neither RSA nor EC")

    @pytest.mark.parametrize(
        "options",
        [
            ("-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"),
            ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime239v1"),
        ],
        ids=["pss", "odd curve"],
    )
    def test_keys_that_only_openssl_signs_with(
        self, tmp_path: Path, authority: Authority, options: tuple[str, ...]
    ) -> None:
        files = tmp_path / "files"
        files.mkdir()
        made = openssl(
            *("req", "-x509", "-nodes", "-subj", "/CN=x", *options),
            *("-keyout", files / "ca.key", "-out", files / "ca.crt"),
        )
        assert made.returncode == 0, made.stderr
        certificate = x509.load_pem_x509_certificate((files / "ca.crt").read_bytes())
        (tmp_path / "here").mkdir()
        said = "certificate's key is neither RSA nor EC on a common curve"
        self.refused(tmp_path / "here", certificate, key_of(authority), said)

    def test_a_passphrase_that_is_none(self, tmp_path: Path, authority: Authority) -> None:
        with pytest.raises(WrongPassphrase):
            import_authority(
                tmp_path / "ca",
                certificate=authority.certificate,
                key=key_of(authority),
                passphrase="",
                random_bytes=secrets.token_bytes,
            )
        assert list(tmp_path.iterdir()) == []

    def test_where_a_ca_is_already(self, ca_folder: Path, authority: Authority) -> None:
        before = (ca_folder / "ca.p12").read_bytes()
        with pytest.raises(AuthorityExists):
            imported(ca_folder.parent, authority.certificate, key_of(authority))
        assert (ca_folder / "ca.p12").read_bytes() == before


def test_another_algorithm_by_wish(tmp_path: Path, authority: Authority) -> None:
    again = imported(tmp_path, authority.certificate, key_of(authority))
    issued = again.issue_client(
        common_name="x",
        serial=serial(),
        not_before=NOW,
        not_after=NOW + WEEK,
        algorithm=KeyAlgorithm.RSA3072,
    )
    key = load_pem_private_key(issued.private_key_pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 3072
