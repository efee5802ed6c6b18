"""What the CRL that lies on a server says of one certificate."""

import pytest

from pki.crl import CrlFacts
from pki.serial import SerialNumber
from tests.vpn.kit import DAY, now
from vpn.findings import FindingCode, Target
from vpn.proof.crl_look import entry_findings
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


def test_where_there_is_none_that_is_said_elsewhere() -> None:
    assert entry_findings(ANNA, None, 7) == []
