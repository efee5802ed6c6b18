"""Revocation lists that somebody else put there, read with more patience than our own.

`pki.crl.read_crl` asks whether OpenVPN will heed a list of ours from now on. Here it is enough that
a list can be read: whom it names must stay out, however it names its key, with a number or without,
lapsed or not.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pki.crl import NUMBER_BITS, Revocation, reason_flag, revocation_of
from pki.errors import DamagedCrl
from pki.extensions import extension_of
from pki.issuer_names import same_name
from pki.key_ids import authority_key_id, authority_public_key
from pki.serial import SERIAL_BITS

# OpenSSL reads every block of this name (PEM_read_bio_X509_CRL), and passes over all else.
_BEGIN = b"-----BEGIN X509 CRL-----"
_BLOCK = re.compile(_BEGIN + rb"(.*?)-----END X509 CRL-----", re.DOTALL)
_SEQUENCE = b"\x30"


@dataclass(frozen=True, slots=True)
class FoundCrl:
    """A list as it was found. Dates are aware, in UTC.

    Attributes:
        pem: the same list in PEM, and nothing around it.
        issuer: the CA's name, for people to read.
        key_id: of the key that signed it, as far as the list says.
        is_ours: the bot's CA has signed it.
        stands_alone: one of the bot's does not take its place: it is of another CA, or of the
            bot's under another name, by which OpenSSL goes.
        is_namesake: it has our CA's name, was signed by another key, and does not say by which:
            OpenSSL would try it on our certificates, too.
        revocations: of a list of ours, all that it refuses.
    """

    pem: bytes = field(repr=False)
    issuer: str
    key_id: bytes | None = field(repr=False)
    number: int | None
    this_update: datetime
    next_update: datetime | None
    is_ours: bool
    stands_alone: bool
    is_namesake: bool
    revocations: tuple[Revocation, ...] = field(repr=False)


def read_crls(content: bytes, *issuers: x509.Certificate) -> tuple[FoundCrl, ...]:
    """All lists in a file, in their order: in PEM, with anything around them; or one in DER.

    OpenVPN reads no DER, and so refuses nobody by it; whoever put it there meant to.

    Args:
        issuers: the bot's CA, or both while one takes the other's place.

    Raises:
        DamagedCrl: there is none, or one is not whole, or names a serial that cannot be.
        DamagedAuthority: an issuer has a kind of key that signs nothing here.
    """
    blocks = _BLOCK.findall(content)
    if len(blocks) != content.count(_BEGIN):
        raise DamagedCrl("A revocation list in it has no end")
    try:
        ders = [base64.b64decode(b"".join(block.split()), validate=True) for block in blocks]
        if not ders and content.startswith(_SEQUENCE):
            ders = [content]
        crls = tuple(_read(x509.load_der_x509_crl(der), issuers) for der in ders)
    except (
        *(binascii.Error, ValueError, TypeError),
        *(x509.InvalidVersion, x509.DuplicateExtension),
    ) as error:
        raise DamagedCrl("A revocation list in it isn't whole") from error
    if not crls:
        raise DamagedCrl("It holds no revocation list")
    return crls


def kept_lists(
    before: Iterable[FoundCrl], there: Iterable[FoundCrl], now: datetime
) -> tuple[FoundCrl, ...]:
    """The lists of other CAs that go into the next file.

    Of a CA without any so far all that lie there: which of them OpenVPN takes is not for us to
    say. Later its newest, because its people are revoked by its own operator; but no older one, and
    none from the future, may take the place of one that is kept.

    Args:
        before: those that were kept until now.
        there: those that were found in the file.
    """
    kept = _by_key(before)
    for key, lists in _by_key(there).items():
        if key not in kept:
            kept[key] = list({each.pem: each for each in lists}.values())
            continue
        last = max(each.this_update for each in kept[key])
        newer = [each for each in lists if last < each.this_update <= now]
        if newer:
            kept[key] = [max(newer, key=lambda each: each.this_update)]
    return tuple(each for lists in kept.values() for each in lists)


def _by_key(lists: Iterable[FoundCrl]) -> dict[tuple[str, bytes | None], list[FoundCrl]]:
    groups: dict[tuple[str, bytes | None], list[FoundCrl]] = {}
    for each in lists:
        groups.setdefault((each.issuer, each.key_id), []).append(each)
    return groups


def _read(crl: x509.CertificateRevocationList, issuers: Sequence[x509.Certificate]) -> FoundCrl:
    named_like = [issuer for issuer in issuers if same_name(crl.issuer, issuer.subject)]
    is_ours = any(_is_signed_by(crl, issuer, has_name=issuer in named_like) for issuer in issuers)
    named = extension_of(crl.extensions, x509.AuthorityKeyIdentifier)
    key_id = None if named is None else named.key_identifier
    counter = extension_of(crl.extensions, x509.CRLNumber)
    number = None if counter is None else counter.crl_number
    if number is not None and number.bit_length() > NUMBER_BITS:
        number = None  # no counter reaches it, so ours could not go on above it
    return FoundCrl(
        pem=crl.public_bytes(Encoding.PEM),
        issuer=crl.issuer.rfc4514_string(),
        key_id=key_id,
        number=number,
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        is_ours=is_ours,
        stands_alone=not (is_ours and named_like),
        is_namesake=not is_ours
        and any(key_id in (None, authority_key_id(issuer).key_identifier) for issuer in named_like),
        revocations=_revocations(crl) if is_ours else (),
    )


def _is_signed_by(
    crl: x509.CertificateRevocationList, issuer: x509.Certificate, *, has_name: bool
) -> bool:
    """A signature that cannot be checked here counts where the name is ours.

    cryptography calls every MD5 signature invalid. What is taken from a list shuts people out, and
    lets nobody in.
    """
    try:
        if isinstance(crl.signature_hash_algorithm, hashes.MD5):
            return has_name
        return crl.is_signature_valid(authority_public_key(issuer))
    except UnsupportedAlgorithm:
        return has_name


def _revocations(crl: x509.CertificateRevocationList) -> tuple[Revocation, ...]:
    unique: dict[int, Revocation] = {}
    for entry in crl:
        # Whom this reason stands at, OpenSSL lets in.
        if reason_flag(entry) is x509.ReasonFlags.remove_from_crl:
            continue
        if not 0 < entry.serial_number < 1 << SERIAL_BITS:
            raise ValueError("No certificate can have that serial")
        unique.setdefault(entry.serial_number, revocation_of(entry))
    return tuple(unique.values())


def revocations_of(lists: Sequence[FoundCrl]) -> tuple[Revocation, ...]:
    """All that lists of ours refuse, each serial once, with its earliest date."""
    latest_first = sorted(
        (entry for each in lists for entry in each.revocations),
        key=lambda entry: entry.revoked_at,
        reverse=True,
    )
    return tuple({entry.serial: entry for entry in latest_first}.values())
