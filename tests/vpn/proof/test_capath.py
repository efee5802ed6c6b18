"""Lists beside the certificates of CAs, which no `crl-verify` names: a real server heeds them."""

from pathlib import Path

import pytest

from tests.pki.tools import openssl
from tests.vpn.kit import now
from tests.vpn.operator_kit import USUAL, Operator, connected, is_refused, restart, running
from tests.vpn.running import IN_THE_LAB
from vpn.host.local import LocalHost
from vpn.proof.list_in_force import ListInForce, read_list_in_force

pytestmark = IN_THE_LAB

INSIDE = "10.78.0.1"
HOST = LocalHost(Path("/"))


def hashed(operator: Operator, kind: str, name: str) -> str:
    done = openssl(kind, "-hash", "-noout", "-in", operator.directory / name)
    return done.stdout.strip()


def put_list(operator: Operator, pem: str) -> Path:
    """As `openssl rehash` names it."""
    operator.write("list.pem", pem)
    return operator.write(f"cas/{hashed(operator, 'crl', 'list.pem')}.r0", pem)


async def read(operator: Operator) -> ListInForce | None:
    examined = await operator.examine()
    return await read_list_in_force(
        HOST, examined.adoption, [operator.authority.certificate], now()
    )


@pytest.fixture
def operator(open_folder: Path) -> Operator:
    made = Operator(open_folder / "office", f"{USUAL}capath cas\n")
    made.write(f"cas/{hashed(made, 'x509', 'ca.crt')}.0", made.authority.certificate_pem)
    return made


@pytest.mark.long
async def test_whom_such_a_list_refuses_stays_out(operator: Operator) -> None:
    _, annas = operator.old_client("anna")
    bob, bobs = operator.old_client("bob")
    operator.revoke(bob)
    put_list(operator, operator.crl().decode())
    operator.revocations.clear()  # the books were restored from a day before
    async with running(operator) as lab:
        assert await is_refused(lab, bobs, "certificate revoked")
        found = await read(operator)
        assert found is not None
        assert [entry.serial for entry in found.revocations] == [bob.serial]
        operator.revocations += found.revocations
        await operator.apply(["anna", "bob"])
        await restart(operator, lab)
        assert await is_refused(lab, bobs, "certificate revoked")
        async with connected(lab, annas) as tunnel:
            assert await tunnel.ping(INSIDE)


async def test_all_of_them_count_together(operator: Operator) -> None:
    assert await read(operator) is None
    named, beside, in_ca = (operator.certificate(name)[0] for name in ("a", "b", "c"))
    text = ""
    for target in (in_ca, beside, named):
        operator.revocations.clear()
        operator.revoke(target)
        text = operator.crl().decode()
        if target is in_ca:
            operator.write("ca.crt", operator.authority.certificate_pem + text)
        elif target is beside:
            put_list(operator, text)
    operator.write("crl.pem", text)
    found = await read(operator)
    assert found is not None
    assert {entry.serial for entry in found.revocations} == {in_ca.serial, beside.serial}
    operator.write("server.conf", f"{USUAL}capath cas\ncrl-verify crl.pem\n")
    found = await read(operator)
    assert found is not None
    everybody = {in_ca.serial, beside.serial, named.serial}
    assert {entry.serial for entry in found.revocations} == everybody
    assert (found.number, found.problem) == (operator._number, None)


async def test_what_cannot_be_read_says_so(operator: Operator) -> None:
    path = operator.write("cas/00000000.r0", "no list")
    found = await read(operator)
    assert found is not None
    assert f"{path} can't be read" in (found.problem or "")
    path.rename(path.with_name("notes.txt"))
    assert await read(operator) is None
