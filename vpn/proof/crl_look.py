"""Looks at the CRL that lies on a server, the way OpenVPN will see it."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from pki.crl import CrlFacts, crl_number, read_crl
from pki.errors import DamagedCrl, ForeignCrl, PkiError
from pki.issuer_names import same_name
from pki.key_ids import Issuers, authority_public_key
from pki.serial import serial_hex
from vpn.errors import HostError, NotReadable
from vpn.findings import Finding, FindingCode, Target, host_finding
from vpn.host.interface import ServerHost
from vpn.host.permissions import read_linked, shut_out
from vpn.layout import Layout

CRL_NOT_USED = (
    "The server's configuration names no CRL file (a crl-verify line without 'dir'),"
    " so OpenVPN lets revoked certificates in."
)


_PEM_BEGIN = b"-----BEGIN "


@dataclass(frozen=True, slots=True)
class CrlLook:
    """What lies there; `facts` only where it is a whole CRL of the given issuers."""

    facts: CrlFacts | None
    findings: tuple[Finding, ...]


async def look_at_crl(
    host: ServerHost,
    layout: Layout,
    *,
    issuers: Issuers,
    now: datetime,
    published: int | None = None,
    digest: str | None = None,
    alone: bool = False,
) -> CrlLook:
    """Reads the CRL back and checks all that does not depend on a certificate.

    1. OpenVPN's account can read it, through every folder above it. With a folder shut, the
       CRL that was loaded before stays in force and new revocations are ignored.
    2. It is whole, and the issuers' by name, signature and key identifier. With any other,
       OpenVPN only warns and lets everybody in. The file that was put there before a second CA
       was made lacks that one's list; nobody has a certificate of it yet.
    3. Its dates hold now. If not, OpenVPN refuses everybody.
    4. It is no older than the last one that was published there. Whoever was revoked since is not
       on an older one, so OpenVPN lets them in. And if it is the last one, the file is as it was
       put there: lists of other CAs may lie in it, too. One with a higher number may have been put
       there just now; where that cannot be, another program counts by itself.

    A CRL of this CA without a number is not the bot's: easy-rsa writes such. It is in force, but
    nothing tells which revocations it knows of.

    Without issuers nothing is said about whose it is.

    Args:
        published: the number of the last one; None where that is not known.
        digest: of the whole file with that one, see `digest_of`; likewise.
        alone: nobody else publishes there at this moment.
    """
    path = layout.crl
    if path is None:
        return CrlLook(None, (Finding(FindingCode.CRL_NOT_USED, CRL_NOT_USED),))
    findings: list[Finding] = []
    closed, pem = await asyncio.gather(
        shut_out(host, path, layout.reader), read_linked(host, path), return_exceptions=True
    )
    try:
        if isinstance(closed, BaseException):
            raise closed
        if closed:  # (1)
            findings.append(Finding(FindingCode.CRL_UNREADABLE, closed))
        if isinstance(pem, BaseException):
            raise pem
    except HostError as error:
        wrong = [host_finding(error)]
        if isinstance(error, NotReadable):
            wrong = [*findings, Finding(FindingCode.CRL_DAMAGED, str(error))]
        return CrlLook(None, tuple(wrong))
    if pem is None:
        detail = f"There is no {layout.shown(path)}; publish the CRL."
        return CrlLook(None, (Finding(FindingCode.CRL_MISSING, detail),))
    try:
        facts = read_crl(pem, *issuers) if issuers else _unchecked(pem)  # (2)
    except ForeignCrl as error:
        as_put = digest == digest_of(pem)
        code = FindingCode.CRL_INCOMPLETE if as_put else FindingCode.CRL_FOREIGN
        return CrlLook(None, (*findings, Finding(code, str(error))))
    except DamagedCrl as error:
        wrong = _not_ours(pem, issuers, now) or [Finding(FindingCode.CRL_DAMAGED, str(error))]
        return CrlLook(None, (*findings, *wrong))
    findings += _date_findings(facts, now)  # (3)
    if published is not None and facts.number < published:  # (4)
        detail = (
            f"CRL {facts.number} lies there, and CRL {published} was published; publish it again."
        )
        findings.append(Finding(FindingCode.CRL_PUT_BACK, detail))
    is_last = published is not None and (
        facts.number >= published if alone else facts.number == published
    )
    if is_last and digest not in (None, digest_of(pem)):
        detail = f"{layout.shown(path)} isn't as it was put there; publish the CRL again."
        findings.append(Finding(FindingCode.CRL_PUT_BACK, detail))
    return CrlLook(facts, tuple(findings))


def digest_of(content: bytes) -> str:
    """What tells a file that was put in place from every other one."""
    return sha256(content).hexdigest()


def _date_findings(facts: CrlFacts, now: datetime) -> list[Finding]:
    if now < facts.this_update:
        detail = f"The CRL begins at {facts.this_update:%Y-%m-%d %H:%M} UTC; check the clocks."
        return [Finding(FindingCode.CRL_NOT_YET_VALID, detail)]
    if now >= facts.next_update:
        detail = f"The CRL ended at {facts.next_update:%Y-%m-%d %H:%M} UTC; publish it again."
        return [Finding(FindingCode.CRL_EXPIRED, detail)]
    return []


def _not_ours(pem: bytes, issuers: Issuers, now: datetime) -> list[Finding]:
    """What is wrong with a CRL of this CA's that lacks the number which each of ours has."""
    if pem.count(_PEM_BEGIN) != 1:
        return []
    try:
        crl = x509.load_pem_x509_crl(pem)
        signed = any(
            same_name(crl.issuer, issuer.subject)
            and crl.is_signature_valid(authority_public_key(issuer))
            for issuer in issuers
        )
        numbers = [each for each in crl.extensions if isinstance(each.value, x509.CRLNumber)]
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension, UnsupportedAlgorithm):
        return []
    end = crl.next_update_utc
    if numbers or not signed or end is None:
        return []
    detail = "The CRL was written by another program, such as easy-rsa; publish ours."
    facts = CrlFacts(0, crl.last_update_utc, end, frozenset())
    return [Finding(FindingCode.CRL_NOT_OURS, detail), *_date_findings(facts, now)]


def _unchecked(pem: bytes) -> CrlFacts:
    """What the file claims; its entries are left out, because nothing vouches for them."""
    number = crl_number(pem)
    if number is None:
        raise DamagedCrl("The file isn't a whole CRL with a number; publish it again.")
    crl = x509.load_pem_x509_crl(pem)
    if crl.next_update_utc is None:
        raise DamagedCrl("The CRL has no end; publish it again.")
    return CrlFacts(number, crl.last_update_utc, crl.next_update_utc, frozenset())


def entry_findings(target: Target, facts: CrlFacts | None, expected: int | None) -> list[Finding]:
    """Whether the CRL that lies there is at least ours, and lists the certificate."""
    if facts is None:
        return []
    if expected is not None and facts.number < expected:
        detail = f"The CRL has number {facts.number}, ours has {expected}; publish it."
        return [Finding(FindingCode.CRL_OLD, detail)]
    if target.serial in facts.serials:
        return []
    is_newer = expected is not None and facts.number > expected
    code = FindingCode.CRL_NEWER if is_newer else FindingCode.CRL_OLD
    detail = f"CRL {facts.number} doesn't list {serial_hex(target.serial)}; publish a new one."
    return [Finding(code, detail)]


def too_early(target: Target, due: datetime) -> Finding:
    """Why nothing is proved before that moment where the CRL is the only lock."""
    detail = (
        f"Whoever was in the middle of a handshake as {target.common_name} may still get in;"
        f" that can be seen from {due:%Y-%m-%d %H:%M:%S} UTC on."
    )
    return Finding(FindingCode.SECOND_LOOK_DUE, detail)


def number_of(pem: bytes | None, issuers: Issuers) -> int | None:
    """The number of a CRL of these issuers; None where there is none, or it is of no use."""
    try:
        return None if pem is None else read_crl(pem, *issuers).number
    except PkiError:
        return None
