"""The certificate authority: issues certificates and signs CRLs. Writes nothing anywhere."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)
from cryptography.x509.oid import NameOID

from pki.algorithms import KeyAlgorithm
from pki.crl import Revocation
from pki.crl_signing import signed_crl
from pki.errors import AuthorityEndsSooner
from pki.key_ids import AuthorityKey, AuthorityPublicKey, authority_key_id
from pki.keys import generate_key, matching_algorithm, signing_hash
from pki.profiles import CA, CLIENT, CertificateProfile, server_profile, with_profile
from pki.serial import SerialNumber

# Clients and servers whose clock lags by this much take a new certificate at once.
CLOCK_LAG = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate with its key: PKCS#8, unencrypted. The key exists nowhere else."""

    serial: SerialNumber
    certificate_pem: str
    private_key_pem: str = field(repr=False)


class Authority:
    """A CA whose key is open. Made by `pki.authority_files`; keep it no longer than needed."""

    def __init__(self, certificate: x509.Certificate, key: AuthorityKey) -> None:
        self.certificate = certificate
        self._key = key

    @property
    def certificate_pem(self) -> str:
        return pem_of(self.certificate)

    def issue_client(
        self,
        *,
        common_name: str,
        serial: SerialNumber,
        not_before: datetime,
        not_after: datetime,
        algorithm: KeyAlgorithm | None = None,
        exact: bool = False,
    ) -> IssuedCertificate:
        """A certificate, with a fresh key, that a client shows to a server.

        With an RSA key it takes tenths of a second; see `generate_key`.

        Args:
            common_name: 1 to 64 bytes.
            serial: recorded by the caller before this call.
            not_before: aware; CLOCK_LAG is subtracted here, unless it is `exact`.
            not_after: aware.
            algorithm: of the fresh key; where none is given, the one that matches the CA.

        Raises:
            AuthorityEndsSooner: the CA ends before `not_after`.
            ValueError: the times are naive or in the wrong order, or the name does not fit.
        """
        period = (not_before + CLOCK_LAG if exact else not_before, not_after)
        return self._issue(_named(common_name), serial, period, algorithm, is_server=False)

    def certify_client(
        self,
        public_key_pem: str,
        *,
        common_name: str,
        serial: SerialNumber,
        not_before: datetime,
        not_after: datetime,
        exact: bool = False,
    ) -> str:
        """A client's certificate, in PEM, for a key that its owner keeps. As `issue_client` in all
        else.

        Args:
            public_key_pem: as `pki.own_key.requested_key` gives it.
        """
        key = load_pem_public_key(public_key_pem.encode())
        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise TypeError("A kind of key that `requested_key` doesn't let in.")
        period = (not_before + CLOCK_LAG if exact else not_before, not_after)
        return self._sign(_named(common_name), key, serial, period, CLIENT)

    def issue_server(
        self,
        *,
        common_name: str,
        serial: SerialNumber,
        not_before: datetime,
        not_after: datetime,
        algorithm: KeyAlgorithm | None = None,
    ) -> IssuedCertificate:
        """A certificate that a server shows to its clients. As `issue_client` in all else."""
        period = (not_before, not_after)
        return self._issue(_named(common_name), serial, period, algorithm, is_server=True)

    def renew_server(
        self,
        before: x509.Certificate,
        *,
        serial: SerialNumber,
        not_before: datetime,
        not_after: datetime,
    ) -> IssuedCertificate:
        """A server's certificate in the place of an earlier one: its subject, its kind of key.

        Clients may check the subject as a whole (`verify-x509-name … subject`), and some know one
        kind of key only. As `issue_server` in all else.
        """
        is_known = isinstance(before.public_key(), ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
        algorithm = matching_algorithm(before) if is_known else None
        period = (not_before, not_after)
        return self._issue(before.subject, serial, period, algorithm, is_server=True)

    def sign_crl(self, *, number: int, revocations: Iterable[Revocation], now: datetime) -> bytes:
        """A CRL in PEM, valid from CRL_BACKDATE before `now` until CRL_LIFETIME after it.

        The number must be higher than that of every CRL before (RFC 5280, 5.2.3).
        """
        _require_aware(now)
        return signed_crl(
            self.certificate, self._key, number=number, revocations=revocations, now=now
        )

    def _issue(
        self,
        subject: x509.Name,
        serial: SerialNumber,
        period: tuple[datetime, datetime],
        algorithm: KeyAlgorithm | None,
        *,
        is_server: bool,
    ) -> IssuedCertificate:
        key = generate_key(algorithm or matching_algorithm(self.certificate))
        profile = server_profile(key.public_key()) if is_server else CLIENT
        certificate_pem = self._sign(subject, key.public_key(), serial, period, profile)
        # Accepted: without a passphrase, since it travels in the profile that it would protect.
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return IssuedCertificate(
            serial=serial,
            certificate_pem=certificate_pem,
            private_key_pem=key_pem.decode("ascii"),
        )

    def _sign(
        self,
        subject: x509.Name,
        key: AuthorityPublicKey,
        serial: SerialNumber,
        period: tuple[datetime, datetime],
        profile: CertificateProfile,
    ) -> str:
        not_before, not_after = period
        _require_aware(not_before, not_after)
        end = self.certificate.not_valid_after_utc
        if not_after > end:
            raise AuthorityEndsSooner(
                f"The CA ends on {end:%Y-%m-%d}, before this certificate would;"
                " choose an earlier end or make a new CA."
            )
        builder = _certificate(
            x509.CertificateBuilder(issuer_name=self.certificate.subject),
            subject=subject,
            public_key=key,
            serial=serial,
            period=(not_before - CLOCK_LAG, not_after),
        ).add_extension(authority_key_id(self.certificate), critical=False)
        certificate = with_profile(builder, profile).sign(self._key, signing_hash(self._key))
        return pem_of(certificate)


def self_signed(
    key: ec.EllipticCurvePrivateKey,
    *,
    common_name: str,
    serial: SerialNumber,
    now: datetime,
    lifetime: timedelta,
) -> x509.Certificate:
    """A CA's own certificate, backdated by CLOCK_LAG.

    Raises:
        ValueError: `now` is naive, or the name is empty or longer than 64 bytes.
    """
    _require_aware(now)
    name = _named(common_name)
    builder = _certificate(
        x509.CertificateBuilder(issuer_name=name),
        subject=name,
        public_key=key.public_key(),
        serial=serial,
        period=(now - CLOCK_LAG, now + lifetime),
    )
    return with_profile(builder, CA).sign(key, signing_hash(key))


def pem_of(certificate: x509.Certificate) -> str:
    """The certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate(
    builder: x509.CertificateBuilder,
    *,
    subject: x509.Name,
    public_key: AuthorityPublicKey,
    serial: SerialNumber,
    period: tuple[datetime, datetime],
) -> x509.CertificateBuilder:
    not_before, not_after = period
    return (
        builder.subject_name(subject)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _require_aware(*times: datetime) -> None:
    if any(time.tzinfo is None for time in times):
        raise ValueError("Times need a time zone.")
