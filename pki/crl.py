"""Certificate revocation lists: what goes in, and what is read back from a server."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from pki.errors import DamagedCrl, ForeignCrl
from pki.extensions import extension_of
from pki.issuer_names import same_name
from pki.key_ids import authority_key_id, authority_public_key
from pki.serial import SerialNumber

# An expired CRL shuts everybody out, so it lives for a week and is signed again every day.
CRL_LIFETIME = timedelta(days=7)
# A CRL from the future shuts everybody out too: this is how far a server's clock may lag.
CRL_BACKDATE = timedelta(days=1)

# A database counts to 63; a list with a higher number is none of ours.
NUMBER_BITS = 62

_PEM_BEGIN, _PEM_END = b"-----BEGIN ", b"-----END "
# One revocation looks several times at the list that it replaces and at its own, and with a
# hundred thousand entries each reading takes half a second, and what is remembered 16 MB.
_REMEMBERED = 4


class RevocationReason(StrEnum):
    """Those of RFC 5280, 5.3.1, but for removeFromCRL, which takes a revocation back.

    The last four happen to no certificate of ours; a CA that was taken over may have used them.
    """

    KEY_COMPROMISE = "key_compromise"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation_of_operation"
    AFFILIATION_CHANGED = "affiliation_changed"
    UNSPECIFIED = "unspecified"
    CA_COMPROMISE = "ca_compromise"
    CERTIFICATE_HOLD = "certificate_hold"
    PRIVILEGE_WITHDRAWN = "privilege_withdrawn"
    AA_COMPROMISE = "aa_compromise"


_REASONS = {
    x509.ReasonFlags.key_compromise: RevocationReason.KEY_COMPROMISE,
    x509.ReasonFlags.superseded: RevocationReason.SUPERSEDED,
    x509.ReasonFlags.cessation_of_operation: RevocationReason.CESSATION_OF_OPERATION,
    x509.ReasonFlags.affiliation_changed: RevocationReason.AFFILIATION_CHANGED,
    x509.ReasonFlags.ca_compromise: RevocationReason.CA_COMPROMISE,
    x509.ReasonFlags.certificate_hold: RevocationReason.CERTIFICATE_HOLD,
    x509.ReasonFlags.privilege_withdrawn: RevocationReason.PRIVILEGE_WITHDRAWN,
    x509.ReasonFlags.aa_compromise: RevocationReason.AA_COMPROMISE,
}


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of a CRL. `revoked_at` is aware."""

    serial: SerialNumber
    revoked_at: datetime
    reason: RevocationReason


@dataclass(frozen=True, slots=True)
class CrlFacts:
    """What a CRL says. The dates are aware, in UTC; whether they fit is the caller's to judge."""

    number: int
    this_update: datetime
    next_update: datetime
    serials: frozenset[SerialNumber]

    @property
    def signed_at(self) -> datetime:
        """One of ours is backdated, and its lifetime tells it; any other begins when it is made."""
        if self.next_update - self.this_update == CRL_BACKDATE + CRL_LIFETIME:
            return self.this_update + CRL_BACKDATE
        return self.this_update


def read_crl(pem: bytes, *issuers: x509.Certificate) -> CrlFacts:
    """Reads a CRL and checks that OpenVPN will heed it for this CA's certificates.

    While one CA takes another's place, the file has a list of each, all signed together: a CA
    that a server trusts and whose list is missing has nobody revoked. What is said of the file
    then holds for each list in it.

    (1) The file is one whole CRL; or, where a server trusts other CAs, too, several of which one
    is of this CA. OpenVPN loads them all, and of several of one CA it judges by any.
    (2) It has a number that ours can have, an end, and no critical extension, which would narrow
    what it speaks of.
    (3) It names this CA as its issuer, and this CA's key has signed it.
    (4) It names the key by nothing but its identifier; see `authority_key_id`.

    Args:
        issuers: the bot's CA, or both; at least one.

    Raises:
        DamagedCrl: (1) or (2) fails, or the lists were not signed together.
        ForeignCrl: (3) or (4) fails.
        DamagedAuthority: an issuer has a kind of key that signs nothing here.
    """
    first, *more = (_read_of(issuer, pem) for issuer in issuers)
    if any(facts.number != first.number for facts in more):
        raise DamagedCrl("The CRLs of the two CAs weren't signed together; publish them again.")
    lists = (first, *more)
    return CrlFacts(
        number=first.number,
        this_update=max(facts.this_update for facts in lists),
        next_update=min(facts.next_update for facts in lists),
        serials=first.serials.intersection(*(facts.serials for facts in more)),
    )


@lru_cache(maxsize=_REMEMBERED)
def _read_of(issuer: x509.Certificate, pem: bytes) -> CrlFacts:
    crl = _of(issuer, pem)  # (1)
    try:
        facts = _facts(crl)  # (2)
        is_named = same_name(crl.issuer, issuer.subject)
        is_signed = is_named and crl.is_signature_valid(authority_public_key(issuer))
        key_id = extension_of(crl.extensions, x509.AuthorityKeyIdentifier)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise DamagedCrl("The CRL can't be read; publish it again.") from error
    if not is_named:  # (3)
        raise ForeignCrl("The CRL was issued by another CA; publish ours.")
    if not is_signed:  # (3)
        raise ForeignCrl("The CRL wasn't signed with this CA's key; publish it again.")
    # (4) Where it names none, OpenVPN goes by the issuer's name, which has been compared.
    if key_id is not None and key_id != authority_key_id(issuer):
        raise ForeignCrl("The CRL names its CA in a way that OpenVPN may not match; publish ours.")
    return facts


def revocation_of(entry: x509.RevokedCertificate) -> Revocation:
    """An entry of any CRL, with the same care for its reason.

    Raises:
        ValueError, x509.DuplicateExtension: the entry cannot be read.
    """
    return Revocation(
        serial=SerialNumber(entry.serial_number),
        revoked_at=entry.revocation_date_utc,
        reason=_REASONS.get(reason_flag(entry), RevocationReason.UNSPECIFIED),
    )


def reason_flag(entry: x509.RevokedCertificate) -> x509.ReasonFlags:
    """The reason as it stands there. Raises as `revocation_of` does."""
    said = extension_of(entry.extensions, x509.CRLReason)
    return x509.ReasonFlags.unspecified if said is None else said.reason


def crl_number(pem: bytes) -> int | None:
    """The number that a file's first CRL claims to have, or None. Nothing is checked: only to be
    told.
    """
    try:
        return _number(_parse(pem)[0].extensions)
    except (DamagedCrl, ValueError, x509.DuplicateExtension):
        return None


def _parse(pem: bytes) -> list[x509.CertificateRevocationList]:
    _, *parts = pem.split(_PEM_BEGIN)
    if not parts:
        raise DamagedCrl("The file doesn't hold exactly one CRL; publish it again.")
    blocks = []
    for part in parts:
        body, end, rest = part.partition(_PEM_END)
        if not end:
            raise DamagedCrl("The file isn't a whole CRL; publish it again.")
        blocks.append(_PEM_BEGIN + body + end + rest.partition(b"\n")[0])
    try:
        return [x509.load_pem_x509_crl(block) for block in blocks]
    except (ValueError, x509.InvalidVersion) as error:
        raise DamagedCrl("The file isn't a whole CRL; publish it again.") from error


def _of(issuer: x509.Certificate, pem: bytes) -> x509.CertificateRevocationList:
    """The only one that OpenSSL may take for this CA's: by its name, and by the key it names."""
    crls = _parse(pem)
    if len(crls) == 1:
        return crls[0]
    fitting = [crl for crl in crls if _may_be_of(issuer, crl)]
    if not fitting:
        raise ForeignCrl("The CRLs were issued by other CAs; publish ours.")
    if len(fitting) > 1:
        raise DamagedCrl("The file doesn't hold exactly one CRL of this CA; publish it again.")
    return fitting[0]


def _may_be_of(issuer: x509.Certificate, crl: x509.CertificateRevocationList) -> bool:
    try:
        if not same_name(crl.issuer, issuer.subject):
            return False
        named = extension_of(crl.extensions, x509.AuthorityKeyIdentifier)
    except (ValueError, x509.DuplicateExtension) as error:
        raise DamagedCrl("The file isn't a whole CRL; publish it again.") from error
    ours = authority_key_id(issuer).key_identifier
    return named is None or named.key_identifier in (None, ours)


def _facts(crl: x509.CertificateRevocationList) -> CrlFacts:
    if crl.next_update_utc is None:
        raise DamagedCrl("The CRL has no end; publish it again.")
    if any(extension.critical for extension in crl.extensions):
        raise DamagedCrl("The CRL speaks of some certificates only; publish it again.")
    return CrlFacts(
        number=_number(crl.extensions),
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        serials=frozenset(SerialNumber(entry.serial_number) for entry in crl),
    )


def _number(extensions: x509.Extensions) -> int:
    counter = extension_of(extensions, x509.CRLNumber)
    if counter is None:
        raise DamagedCrl("The CRL has no number; publish it again.")
    if counter.crl_number.bit_length() > NUMBER_BITS:
        raise DamagedCrl("The CRL has a number that is too high; publish it again.")
    return counter.crl_number
