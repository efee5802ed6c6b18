"""The books held against the certificates themselves.

1. What a certificate says counts, in every field that decides about access: when it ends, what its
   serial is, which name OpenVPN reads in it, and whether a client may show it.
2. Whether it is revoked no certificate says. The index, the CRL, and the folder to which easy-rsa
   moves what it revokes may each know of it, and any of them is believed.
3. Where the certificate is not there, nobody knows its end: the index may have a wrong one. What it
   calls revoked or over then has to stay on every list for good.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509

from pki.easyrsa import subject
from pki.easyrsa.certificates import FoundCertificate, issued_by, names_key_of, signed_by
from pki.easyrsa.index import Row
from pki.easyrsa.values import Entry, EntryStatus, Purpose
from pki.serial import SerialNumber, serial_hex


@dataclass(frozen=True, slots=True)
class Files:
    """What the folders hold.

    Attributes:
        certificates: each, once for each file that differs.
        filed: files that lie where easy-rsa puts what it revokes, by the serial in their names or
            inside.
        named: of files that are named by another serial than is inside: those names, by what is
            inside.
    """

    certificates: Sequence[FoundCertificate]
    filed: Mapping[SerialNumber, Path]
    named: Mapping[SerialNumber, frozenset[SerialNumber]]


@dataclass(frozen=True, slots=True)
class ComparedBooks:
    """What is known of every certificate.

    Attributes:
        entries: of the index, in its order.
        lost: of certificates that it does not know.
        files: by serial, the first file with a certificate of this CA.
        differing: files that say otherwise than the index, with what they say.
    """

    entries: Sequence[Entry]
    lost: Sequence[Entry]
    files: Mapping[SerialNumber, FoundCertificate]
    differing: Sequence[tuple[FoundCertificate, str]]


def compare(rows: Sequence[Row], files: Files, authority: x509.Certificate) -> ComparedBooks:
    by_serial: dict[SerialNumber, list[FoundCertificate]] = defaultdict(list)
    for certificate in files.certificates:
        by_serial[certificate.serial].append(certificate)
    entries: list[Entry] = []
    first: dict[SerialNumber, FoundCertificate] = {}
    differing: list[tuple[FoundCertificate, str]] = []
    bare: list[Row] = []
    for row in rows:
        genuine = []
        for certificate in by_serial.pop(row.serial, ()):
            said, is_genuine = _difference(row, certificate, authority)
            if said:
                differing.append((certificate, said))
            if is_genuine:
                genuine.append(certificate)
        if genuine:
            first[row.serial] = genuine[0]
        elif row.status is EntryStatus.REVOKED:
            bare.append(row)
        entries.append(_entry(row, genuine, authority))
    lost: list[Entry] = []
    for serial, group in by_serial.items():
        # What issued itself is another certificate of the CA.
        genuine = [each for each in group if not each.is_self_issued and issued_by(each, authority)]
        if genuine:
            first[serial] = genuine[0]
            its_row = _row_of(genuine[0], bare, files.named.get(serial, frozenset()))
            lost.append(_lost_entry(genuine, its_row))
            if its_row is not None:
                other = serial_hex(its_row.serial)
                said = f"the index has it as revoked under another serial, {other}"
                differing.append((genuine[0], said))
    return ComparedBooks(entries, lost, first, differing)


def _difference(
    row: Row, certificate: FoundCertificate, authority: x509.Certificate
) -> tuple[str, bool]:
    """What a certificate says otherwise than its row, and whether it is this CA's at all."""
    if not certificate.names_issuer:
        return "it was issued by another CA, and counts for nothing", False
    said = []
    if certificate.not_after != row.not_after:
        said.append(f"it ends on {certificate.not_after:%Y-%m-%d %H:%M} UTC")
    if row.status is EntryStatus.EXPIRED and certificate.not_after > row.not_after:
        said.append("though the index calls it expired")
    if certificate.common_name and not subject.names(row.subject, certificate.common_name):
        said.append(f"it names {certificate.common_name}")
    # Where the index vouches for a certificate, its own word for who signed it will do.
    is_genuine = issued_by(certificate, authority) if said else names_key_of(certificate, authority)
    if not is_genuine:
        # A CA made anew under the same name leaves such certificates behind.
        return "another key has signed it, and it counts for nothing", False
    return ", ".join(said), True


def _entry(row: Row, genuine: Sequence[FoundCertificate], authority: x509.Certificate) -> Entry:
    named = genuine[0].common_name if genuine else ""
    entry = Entry(
        serial=row.serial,
        common_name=named or subject.common_name(row.subject) or row.subject,
        status=row.status,
        not_after=row.not_after,
        line=row.line,
        end_known=False,
        revoked_at=row.revoked_at,
        reason=row.reason,
    )
    if not genuine:
        return entry
    ends = [each.not_after for each in genuine]
    # A signature that cannot be checked proves no earlier end.
    if any(end < row.not_after for end in ends) and not all(
        signed_by(each, authority) for each in genuine
    ):
        ends.append(row.not_after)
    return replace(_of_files(entry, genuine), not_after=max(ends))


def _of_files(entry: Entry, genuine: Sequence[FoundCertificate]) -> Entry:
    """Several certificates may have one serial: whatever any of them opens counts."""
    purposes = {each.purpose for each in genuine}
    return replace(
        entry,
        common_name=genuine[0].common_name or entry.common_name,
        not_before=min(each.not_before for each in genuine),
        not_after=max(each.not_after for each in genuine),
        end_known=True,
        purpose=genuine[0].purpose
        if len(purposes) == 1
        else next(each for each in (Purpose.BOTH, Purpose.CLIENT, None) if each in purposes),
    )


def _row_of(
    certificate: FoundCertificate, bare: Iterable[Row], named: frozenset[SerialNumber]
) -> Row | None:
    """The revoked row that is this certificate's own but for its serial.

    Either the file is named by the row's serial, or the row has the certificate's name and end, and
    no other certificate fits it.
    """
    for row in bare:
        is_alike = row.not_after == certificate.not_after and bool(
            certificate.common_name and subject.names(row.subject, certificate.common_name)
        )
        if row.serial in named or is_alike:
            return row
    return None


def _lost_entry(genuine: Sequence[FoundCertificate], row: Row | None) -> Entry:
    entry = Entry(
        serial=genuine[0].serial,
        common_name="",
        status=row.status if row else EntryStatus.VALID,
        not_after=genuine[0].not_after,
        line=0,
        revoked_at=row.revoked_at if row else None,
        reason=row.reason if row else None,
    )
    return _of_files(entry, genuine)
