"""What somebody did to the files on a server: it is put right, and the admins hear of it."""

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.office import Office
from bot.rounds.keeper import Keeper
from pki.algorithms import KeyAlgorithm
from pki.authority import Authority, self_signed
from pki.crl import read_crl
from pki.keys import generate_key
from pki.serial import SerialNumber
from tests.bot.rounds.keeping import (
    MINUTE,
    OFFICE,
    audited,
    crl_findings,
    crl_path,
    notices,
    put_back_an_older_one,
    sweep,
)
from tests.company import Company
from tests.machine import Machine

pytestmark = pytest.mark.asyncio(loop_scope="module")

Change = Callable[[Company, Office], Awaitable[None]]


def foreign_crl() -> bytes:
    """What a cron job of another CA's may write."""
    key = generate_key(KeyAlgorithm.P256)
    now = datetime.now(UTC)
    certificate = self_signed(
        key,  # type: ignore[arg-type]
        common_name="Another CA",
        serial=SerialNumber(7),
        now=now,
        lifetime=timedelta(days=9),
    )
    return Authority(certificate, key).sign_crl(number=9, revocations=(), now=now)


async def test_a_crl_that_another_program_put_there_is_replaced_within_a_minute(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    for content in (foreign_crl(), b"", b"-----BEGIN X509 CRL-----\n"):
        crl_path(company).write_bytes(content)
        await sweep(keeper)
        assert crl_path(company).read_bytes() == content  # it is not looked at all the time
        machine.gone_by += MINUTE
        await sweep(keeper)
        assert read_crl(crl_path(company).read_bytes(), office.keyring.certificate).number > 0
    assert (await notices(office)).count("crl_replaced") == 3


async def put_a_higher_one(company: Company, office: Office, above: int = 900) -> None:
    """As another program that has the CA's key, and counts by itself."""
    authority = await office.keyring.authority()
    number = read_crl(crl_path(company).read_bytes(), office.keyring.certificate).number + above
    pem = authority.sign_crl(number=number, revocations=(), now=office.clock())
    crl_path(company).write_bytes(pem)


async def put_the_highest_one(company: Company, office: Office) -> None:
    """No database counts so far, so ours could not go on above it."""
    await put_a_higher_one(company, office, 1 << 100)


async def put_what_is_no_file(company: Company, office: Office) -> None:
    crl_path(company).unlink()
    os.mkfifo(crl_path(company), 0o644)


async def put_one_of_the_future(company: Company, office: Office) -> None:
    """It shuts everybody out."""
    authority = await office.keyring.authority()
    number = read_crl(crl_path(company).read_bytes(), office.keyring.certificate).number
    then = office.clock() + timedelta(days=2)
    crl_path(company).write_bytes(authority.sign_crl(number=number, revocations=(), now=then))


async def close_it_to_openvpn(company: Company, office: Office) -> None:
    """That goes on with the one that it has read, whoever is revoked."""
    crl_path(company).chmod(0o600)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (put_back_an_older_one, ["crl_put_back"]),
        (put_a_higher_one, ["crl_put_back"]),
        (put_the_highest_one, ["crl_damaged"]),
        (put_what_is_no_file, ["crl_damaged"]),
        (put_one_of_the_future, ["crl_not_yet_valid", "crl_put_back"]),
        (close_it_to_openvpn, ["crl_unreadable"]),
    ],
)
async def test_one_of_ours_that_is_of_no_use_is_replaced_too(
    company: Company,
    office: Office,
    machine: Machine,
    keeper: Keeper,
    change: Change,
    found: list[str],
) -> None:
    await change(company, office)
    machine.gone_by += MINUTE
    await sweep(keeper)
    assert await crl_findings(office) == []
    assert await audited(office, "crl.replace") == [{"name": "vpnbot", "found": found}]
    assert (await notices(office)).count("crl_replaced") == 1
    machine.gone_by += MINUTE
    await sweep(keeper)
    assert (await notices(office)).count("crl_replaced") == 1


@pytest.mark.long
async def test_a_folder_that_shuts_openvpn_out_is_told_of_once(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """A new CRL does not help; so nobody hears that all is well."""
    live = crl_path(company).parent
    live.chmod(0o700)
    for _ in range(12):
        machine.gone_by += MINUTE
        await sweep(keeper)
    assert [code for code in await notices(office) if "crl" in code] == ["crl_unpublished"]
    live.chmod(0o755)
    for _ in range(6):
        machine.gone_by += MINUTE
        await sweep(keeper)
    told = [code for code in await notices(office) if "crl" in code]
    assert told == ["crl_unpublished", "crl_published"]


async def test_our_own_crl_is_left_alone(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """Also where a restored database remembers an older one than lies there."""
    await office.fleet.publish(OFFICE)
    company.tamper("UPDATE servers SET crl_number = 1")
    before = crl_path(company).read_bytes()
    machine.gone_by += MINUTE
    await sweep(keeper)
    assert crl_path(company).read_bytes() == before
    assert "crl_replaced" not in await notices(office)


async def test_after_a_restore_an_older_crl_is_no_news(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """What lies there is taken over; the next one has a number above all."""
    await put_back_an_older_one(company, office)
    async with office.database.writing() as tx:
        await tx.servers.mark_restored(machine.clock())
    machine.gone_by += MINUTE
    await sweep(keeper)
    assert await crl_findings(office) == []
    assert "crl_replaced" not in await notices(office)
