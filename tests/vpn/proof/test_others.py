"""When a server of an operator's is seen to keep out who has a profile for another one."""

import asyncio
import os
from pathlib import Path

import pytest

from pki.crl import Revocation, RevocationReason
from tests.vpn.kit import now
from tests.vpn.operator_kit import USUAL, Operator
from tests.vpn.proof.test_management import GREETING, HEADER
from vpn.findings import Finding, FindingCode, Target
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


async def test_a_list_that_was_put_back_keeps_out_nobody_for_certain(open_folder: Path) -> None:
    operator = Operator(open_folder / "office", USUAL + CRL)
    other, _ = operator.certificate("anna-k7f3qz2m")
    put_list(operator, other)
    status = await (await operator.live()).status(
        issuers=[operator.authority.certificate],
        now=now(),
        published=operator._number + 1,
        others=Neighbours(frozenset([other.serial])),
    )
    assert [f.code for f in status.open_to_others] == [FindingCode.CRL_PUT_BACK]


async def test_what_runs_may_have_begun_before_it_was_locked(open_folder: Path) -> None:
    """As this process has, which says that it is the server."""
    operator = Operator(open_folder / "office", f"{USUAL}{CRL}{SECOND}management m.sock unix\n")
    operator.write("ccd/anna", "")
    live = await operator.live()
    (operator.directory / "server.key").unlink()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{GREETING}SUCCESS: pid={os.getpid()}\r\n{HEADER}END\r\n".encode())
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(serve, operator.directory / "m.sock"):
        status = await live.status(
            issuers=[operator.authority.certificate],
            now=now(),
            others=Neighbours(frozenset()),
        )
    assert [f.code for f in status.open_to_others] == [FindingCode.RESTART_PENDING]
    assert status.restart_pending is True
    # The bot's account often sees no key, and not whether it changed.
    names = ("server.conf", "ca.crt", "office server.crt")
    read = ", ".join(str(operator.directory / name) for name in names)
    detail = f"OpenVPN hasn't been restarted since {read} changed; restart it."
    assert Finding(FindingCode.RESTART_PENDING, detail) in status.findings


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
