"""Names of CAs: the same, or not, as OpenSSL has it."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type as Kind
from cryptography.x509.oid import NameOID

from pki.authority import Authority
from pki.crl import read_crl
from pki.errors import DamagedCrl, ForeignCrl
from pki.found_crls import read_crls
from pki.issuer_names import same_name
from pki.profiles import CA, with_profile
from tests.pki.tools import NOW, WEEK, client, openssl, saved, serial

ORGANISATION, UNIT, NAME = (
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COMMON_NAME,
)


def part(
    oid: x509.ObjectIdentifier, value: str, kind: Kind | None = None
) -> x509.NameAttribute[str]:
    return x509.NameAttribute(oid, value, kind)


def name(*parts: x509.NameAttribute[str]) -> x509.Name:
    """Organisation and unit in one part of the name, the common name in another."""
    return x509.Name(
        [x509.RelativeDistinguishedName(parts[:2]), x509.RelativeDistinguishedName(parts[2:])]
    )


OURS = name(part(ORGANISATION, "Example Ltd"), part(UNIT, "Büro"), part(NAME, "VPN CA"))
OTHERS = {
    "as it is": (OURS, True),
    "other letters": (
        name(part(ORGANISATION, "EXAMPLE ltd"), part(UNIT, "BüRO"), part(NAME, "vpn ca")),
        True,
    ),
    "more blanks": (
        name(part(ORGANISATION, " Example \t Ltd  "), part(UNIT, "Büro "), part(NAME, "VPN  CA")),
        True,
    ),
    "other types, and turned round": (
        name(
            part(UNIT, "Büro", Kind.BMPString),
            part(ORGANISATION, "Example Ltd", Kind.IA5String),
            part(NAME, "VPN CA", Kind.PrintableString),
        ),
        True,
    ),
    "no blank": (
        name(part(ORGANISATION, "ExampleLtd"), part(UNIT, "Büro"), part(NAME, "VPN CA")),
        False,
    ),
    "a letter beyond ASCII": (
        name(part(ORGANISATION, "Example Ltd"), part(UNIT, "BÜRO"), part(NAME, "VPN CA")),
        False,
    ),
    "a blank beyond ASCII": (
        name(part(ORGANISATION, "Example\u00a0Ltd"), part(UNIT, "Büro"), part(NAME, "VPN CA")),
        False,
    ),
    "another place": (
        x509.Name(
            [part(ORGANISATION, "Example Ltd"), part(UNIT, "Büro"), part(NAME, "VPN CA")],
        ),
        False,
    ),
    "another part": (
        name(part(ORGANISATION, "Example Ltd"), part(NAME, "Büro"), part(NAME, "VPN CA")),
        False,
    ),
}


def list_of(issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> bytes:
    """As another program writes it: it does not name its key."""
    builder = x509.CertificateRevocationListBuilder(issuer, NOW, NOW + WEEK)
    builder = builder.add_extension(x509.CRLNumber(4), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def authority() -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    builder = x509.CertificateBuilder(
        OURS, OURS, public, serial(), NOW - WEEK, NOW + 52 * WEEK
    ).add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    return Authority(with_profile(builder, CA).sign(key, hashes.SHA256()), key)


@pytest.mark.parametrize(("other", "is_same"), OTHERS.values(), ids=OTHERS)
class TestAsOpenssl:
    def test_a_list_of_another_ca(
        self, authority: Authority, tmp_path: Path, other: x509.Name, is_same: bool
    ) -> None:
        """What OpenSSL tries on our certificates is known as such, and nothing else is."""
        assert same_name(other, OURS) is same_name(OURS, other) is is_same
        foreign = list_of(other, ec.generate_private_key(ec.SECP256R1()))
        done = openssl(
            *("verify", "-crl_check", "-attime", str(int(NOW.timestamp()))),
            *("-CAfile", saved(tmp_path, "ca.pem", authority.certificate_pem)),
            *("-CRLfile", saved(tmp_path, "crl.pem", foreign)),
            saved(tmp_path, "client.pem", client(authority).certificate_pem),
        )
        tried = "CRL signature failure" in done.stderr
        assert tried or "unable to get certificate CRL" in done.stderr
        assert tried is is_same
        [found] = read_crls(foreign, authority.certificate)
        assert (found.is_namesake, found.is_ours) == (is_same, False)
        # Beside ours it would be tried as well.
        ours = authority.sign_crl(number=9, revocations=[], now=NOW)
        if is_same:
            with pytest.raises(DamagedCrl, match="exactly one CRL of this CA"):
                read_crl(ours + foreign, authority.certificate)
        else:
            assert read_crl(ours + foreign, authority.certificate).number == 9

    def test_a_list_by_our_key(self, authority: Authority, other: x509.Name, is_same: bool) -> None:
        """It counts for our certificates where OpenSSL takes its name for ours."""
        pem = list_of(other, authority._key)  # type: ignore[arg-type]
        [found] = read_crls(pem, authority.certificate)
        assert (found.is_ours, found.stands_alone) == (True, not is_same)
        if is_same:
            assert read_crl(pem, authority.certificate).number == 4
        else:
            with pytest.raises(ForeignCrl, match="another CA"):
                read_crl(pem, authority.certificate)
