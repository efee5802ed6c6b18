"""What happens because of the time, with a clock of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bot.keeper import Keeper
from bot.office import Office, open_office
from bot.settings import Settings
from pki.authority import Authority, self_signed
from pki.crl import read_crl
from pki.keys import KeyAlgorithm, generate_key
from pki.serial import SerialNumber
from storage.records import OutboxKind, ServerName
from tests.bot.folders import open_folder
from tests.company import BORIS, PASSPHRASE, Company, company_with_stand_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

OFFICE = ServerName("office")
MINUTE = timedelta(minutes=1)


class Clock:
    """Shows the true time, and more."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest_asyncio.fixture(loop_scope="module")
async def company() -> AsyncIterator[Company]:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (made, _):
            yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="module")
async def office(company: Company, clock: Clock) -> AsyncIterator[Office]:
    settings = Settings(data_dir=company.data, admin_ids=(BORIS.id,))
    async with open_office(settings, passphrase=lambda: PASSPHRASE, clock=clock) as made:
        yield made


@pytest.fixture
def keeper(office: Office) -> Keeper:
    return Keeper(office, office.folder, office.fleet, office.enforcer, lambda: None)


def crl_path(company: Company) -> Path:
    return company.folder / "office/live/crl.pem"


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


async def sweep(keeper: Keeper) -> None:
    """With all that goes on beside it."""
    await keeper.sweep()
    await asyncio.gather(*keeper._jobs.values())


async def notices(office: Office) -> list[str]:
    async with office.database.reading() as tx:
        rows = await tx.outbox.due(office.clock(), 1000)
    return [row.payload["code"] for row in rows if row.kind is OutboxKind.NOTICE]


async def test_a_crl_that_another_program_put_there_is_replaced_within_a_minute(
    company: Company, office: Office, clock: Clock, keeper: Keeper
) -> None:
    for content in (foreign_crl(), b"", b"-----BEGIN X509 CRL-----\n"):
        crl_path(company).write_bytes(content)
        await sweep(keeper)
        assert crl_path(company).read_bytes() == content  # it is not looked at all the time
        clock.ahead += MINUTE
        await sweep(keeper)
        assert read_crl(crl_path(company).read_bytes(), office.keyring.certificate).number > 0
    assert (await notices(office)).count("crl_replaced") == 3


async def test_our_own_crl_is_left_alone(
    company: Company, office: Office, clock: Clock, keeper: Keeper
) -> None:
    before = crl_path(company).read_bytes()
    clock.ahead += MINUTE
    await sweep(keeper)
    assert crl_path(company).read_bytes() == before
    assert "crl_replaced" not in await notices(office)


async def test_a_crl_is_signed_again_every_day(
    company: Company, clock: Clock, keeper: Keeper
) -> None:
    before = crl_path(company).read_bytes()
    clock.ahead += timedelta(hours=23)
    await sweep(keeper)
    assert crl_path(company).read_bytes() == before
    clock.ahead += timedelta(hours=2)
    await sweep(keeper)
    assert crl_path(company).read_bytes() != before
