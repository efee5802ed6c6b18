"""What the CRL that lies on a server says of one certificate."""

from pathlib import Path

import pytest

from pki.crl import CrlFacts
from pki.serial import SerialNumber
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
