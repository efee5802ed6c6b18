"""What the CRL that lies on a server says of one certificate."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pki.authority import Authority
from pki.crl import CrlFacts
from pki.serial import SerialNumber
from tests.pki.test_crl import without_end
from tests.vpn.kit import DAY, make_authority, now
from vpn.findings import FindingCode, Target
from vpn.host.local import LocalHost
from vpn.layout import CRL, DEPLOYED
from vpn.proof.crl_look import digest_of, entry_findings, look_at_crl
from vpn.values import CommonName

ANNA = Target(CommonName("anna"), SerialNumber(5))


@pytest.mark.parametrize(
    ("number", "serials", "expected", "found"),
    [
        (7, {5}, 7, []),
        (8, {5}, 7, []),
        (7, {5}, None, []),
        # It lacks whoever was revoked since, and what it says is not what we put there.
        (6, {5}, 7, [FindingCode.CRL_OLD]),
        (6, set(), 7, [FindingCode.CRL_OLD]),
        (7, {6}, 7, [FindingCode.CRL_OLD]),
        (7, {6}, None, [FindingCode.CRL_OLD]),
        (8, {6}, 7, [FindingCode.CRL_NEWER]),
    ],
)
def test_a_list_counts_where_it_is_no_older_than_ours_and_names_the_certificate(
    number: int, serials: set[int], expected: int | None, found: list[FindingCode]
) -> None:
    listed = frozenset(map(SerialNumber, serials))
    facts = CrlFacts(number, now() - DAY, now() + DAY, listed)
    assert [finding.code for finding in entry_findings(ANNA, facts, expected)] == found


async def test_a_list_from_before_there_was_a_second_ca(tmp_path: Path) -> None:
    """As it was put there it is none of a stranger's; another one without it un-revokes people."""
    old, new = make_authority("Old"), make_authority("New")
    issuers = [old.certificate, new.certificate]
    pem = old.sign_crl(number=7, revocations=(), now=now())
    (tmp_path / "live").mkdir()
    (tmp_path / CRL).write_bytes(pem)

    async def found(digest: str) -> list[FindingCode]:
        look = await look_at_crl(
            LocalHost(tmp_path), DEPLOYED, issuers=issuers, now=now(), published=7, digest=digest
        )
        assert look.facts is None
        lists = (FindingCode.CRL_INCOMPLETE, FindingCode.CRL_FOREIGN)
        return [finding.code for finding in look.findings if finding.code in lists]

    assert await found(digest_of(pem)) == [FindingCode.CRL_INCOMPLETE]
    assert await found(digest_of(b"another")) == [FindingCode.CRL_FOREIGN]


def test_where_there_is_none_that_is_said_elsewhere() -> None:
    assert entry_findings(ANNA, None, 7) == []


SECOND = timedelta(seconds=1)
WHEN = now().replace(microsecond=0)
OURS, SAME_NAME, RENAMED = make_authority(), make_authority(), make_authority("Renamed")


def numberless(authority: Authority, *, name: Authority | None = None) -> bytes:
    """As easy-rsa writes it; valid from WHEN for a day."""
    issuer = (name or authority).certificate.subject
    builder = x509.CertificateRevocationListBuilder(issuer, WHEN, WHEN + DAY)
    return builder.sign(authority._key, hashes.SHA256()).public_bytes(Encoding.PEM)


async def seen(
    folder: Path,
    pem: bytes,
    *,
    at: datetime = WHEN,
    issued_by: Authority | None = OURS,
    published: int | None = None,
    digest: str | None = None,
    alone: bool = False,
) -> list[FindingCode]:
    (folder / "live").mkdir(exist_ok=True)
    (folder / CRL).write_bytes(pem)
    look = await look_at_crl(
        LocalHost(folder),
        DEPLOYED,
        issuers=() if issued_by is None else [issued_by.certificate],
        now=at,
        published=published,
        digest=digest,
        alone=alone,
    )
    return [finding.code for finding in look.findings]


@pytest.mark.parametrize(
    ("pem", "found"),
    [
        (numberless(OURS), [FindingCode.CRL_NOT_OURS]),
        (numberless(OURS) * 2, [FindingCode.CRL_DAMAGED]),
        # By its name alone, or by its key alone, it is nobody's.
        (numberless(SAME_NAME), [FindingCode.CRL_DAMAGED]),
        (numberless(OURS, name=RENAMED), [FindingCode.CRL_DAMAGED]),
        (without_end(numberless(OURS), OURS), [FindingCode.CRL_DAMAGED]),
    ],
)
async def test_a_list_of_this_ca_without_a_number_is_another_programs(
    open_folder: Path, pem: bytes, found: list[FindingCode]
) -> None:
    assert await seen(open_folder, pem) == found


async def test_whosever_it_is_it_has_a_number_and_an_end(open_folder: Path) -> None:
    whole = OURS.sign_crl(number=7, revocations=(), now=WHEN)
    assert await seen(open_folder, whole, issued_by=None) == []
    for pem in (numberless(OURS), without_end(whole, OURS)):
        assert await seen(open_folder, pem, issued_by=None) == [FindingCode.CRL_DAMAGED]


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (WHEN - SECOND, [FindingCode.CRL_NOT_YET_VALID]),
        (WHEN, []),
        (WHEN + DAY - SECOND, []),
        (WHEN + DAY, [FindingCode.CRL_EXPIRED]),
    ],
)
async def test_it_holds_from_its_first_second_to_before_its_last(
    open_folder: Path, at: datetime, found: list[FindingCode]
) -> None:
    expected = [FindingCode.CRL_NOT_OURS, *found]
    assert await seen(open_folder, numberless(OURS), at=at) == expected


@pytest.mark.parametrize(
    ("published", "alone", "changed"),
    [(7, False, True), (7, True, True), (6, True, True), (6, False, False), (None, True, False)],
)
async def test_the_last_list_is_as_it_was_put_there(
    open_folder: Path, published: int | None, alone: bool, changed: bool
) -> None:
    """A higher number may have been put there just now, where somebody else publishes, too."""
    pem = OURS.sign_crl(number=7, revocations=(), now=WHEN)
    for digest, found in (
        (digest_of(b"another"), [FindingCode.CRL_PUT_BACK] if changed else []),
        (digest_of(pem), []),
        (None, []),
    ):
        assert found == await seen(
            open_folder, pem, published=published, digest=digest, alone=alone
        )


async def test_links_in_a_circle_are_a_damaged_list(open_folder: Path) -> None:
    (open_folder / "live").mkdir()
    (open_folder / CRL).symlink_to("crl.pem")
    look = await look_at_crl(LocalHost(open_folder), DEPLOYED, issuers=[OURS.certificate], now=WHEN)
    assert [finding.code for finding in look.findings] == [FindingCode.CRL_DAMAGED]
