"""When a server of an operator's is seen to keep out who has a profile for another one."""

from pathlib import Path

import pytest

from pki.crl import Revocation, RevocationReason
from tests.vpn.kit import now
from tests.vpn.operator_kit import USUAL, Operator
from vpn.findings import FindingCode, Target
from vpn.proof.others import Neighbours

CRL = "crl-verify crl.pem\n"
CCD = "client-config-dir ccd\n"
SECOND = f"{CCD}ccd-exclusive\n"
# Another server that reads the same file or folder.
SHARED = ("paris",)


@pytest.mark.parametrize(
    ("conf", "listed", "around", "code"),
    [
        (CRL, True, {}, None),
        (CRL, False, {}, FindingCode.OTHERS_NOT_LISTED),
        (CRL, True, {"same_crl": SHARED}, FindingCode.OTHERS_NOT_LISTED),
        (CRL + CCD, False, {}, FindingCode.OTHERS_NOT_LISTED),
        (CRL + SECOND, False, {}, None),
        (CRL + SECOND, False, {"same_crl": SHARED}, None),
        (CRL + SECOND, False, {"same_ccd": SHARED}, FindingCode.OTHERS_NOT_LISTED),
        (CRL + SECOND, True, {"same_ccd": SHARED}, None),
        # The file that is looked for is not the certificate's; a list goes by serials.
        (CRL + SECOND + "username-as-common-name\n", True, {}, None),
        (CRL + SECOND + "username-as-common-name\n", False, {}, FindingCode.OTHERS_NOT_LISTED),
        (CRL + "verify-client-cert none\n", True, {}, FindingCode.LOCK_MISSING),
        ("", True, {}, FindingCode.CRL_NOT_USED),
        ("crl-verify . dir\n", True, {}, FindingCode.CRL_NOT_USED),
        # What runs may not have read this yet.
        (CRL + SECOND + "management m.sock unix\n", True, {}, FindingCode.MANAGEMENT_GONE),
    ],
)
async def test_one_of_two_locks_is_enough(
    open_folder: Path,
    conf: str,
    listed: bool,
    around: dict[str, tuple[str, ...]],
    code: FindingCode | None,
) -> None:
    operator = Operator(open_folder / "office", USUAL + conf)
    (operator.directory / "ccd").mkdir()
    other, _ = operator.certificate("anna-k7f3qz2m")
    put_list(operator, other if listed else None)
    live = await operator.live()
    status = await live.status(
        issuers=[operator.authority.certificate],
        now=now(),
        others=Neighbours(frozenset([other.serial]), **around),
    )
    assert [finding.code for finding in status.open_to_others] == ([code] if code else [])


async def test_a_configuration_that_cannot_be_read(open_folder: Path) -> None:
    operator = Operator(open_folder / "office", USUAL + CRL)
    live = await operator.live()
    operator.conf.unlink()
    operator.conf.mkdir()
    status = await live.status(
        issuers=[operator.authority.certificate], now=now(), others=Neighbours(frozenset())
    )
    assert [finding.code for finding in status.open_to_others] == [FindingCode.HOST_ERROR]


def put_list(operator: Operator, on_hold: Target | None) -> None:
    if on_hold is not None:
        entry = Revocation(on_hold.serial, now(), RevocationReason.CERTIFICATE_HOLD)
        operator.revocations.append(entry)
    operator.write("crl.pem", operator.crl().decode())
