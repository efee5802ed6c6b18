"""What holds where something happens, or fails, in the middle of a publication or a cut."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from bot.access import revocation
from bot.access.permission import THE_BOT
from bot.fleet import fleet
from bot.office import Office, open_office
from bot.process.locks import locked
from bot.settings import Settings
from demo.lab.stand_in import StandIn
from pki.crl import read_crl
from storage.records import EndReason, Grant, GrantState, ServerName, UserId
from tests.company import ANNA, PASSPHRASE, Company

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("anna_has_access"),
]

OFFICE = ServerName("office")
# As when the disk is full: what reads goes on, and no number can be given out.
_NO_NUMBERS = (
    "CREATE TRIGGER no_numbers BEFORE UPDATE ON crl_counter "
    "BEGIN SELECT RAISE(ABORT, 'no numbers'); END"
)


class Clock:
    """Shows the true time; a moment before, once, something else may happen."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] | None = None

    def __call__(self) -> datetime:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return datetime.now(UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="module")
async def office(company: Company, clock: Clock) -> AsyncIterator[Office]:
    settings = Settings(data_dir=company.data)
    async with open_office(settings, passphrase=lambda: PASSPHRASE, clock=clock) as made:
        yield made


async def grant_of_anna(office: Office) -> Grant:
    async with office.database.reading() as tx:
        (grant,) = await tx.grants.of_user(UserId(ANNA.id))
    return grant


async def test_where_no_crl_can_be_signed_the_rest_is_done(
    company: Company, openvpn: StandIn, office: Office
) -> None:
    anna = await grant_of_anna(office)
    assert await openvpn.connect(anna.common_name)
    address_file = company.folder / "office/live/ccd" / anna.common_name
    assert address_file.exists()
    async with office.database.writing() as tx:
        await revocation.begin(office.case(tx, THE_BOT), [anna], EndReason.REVOKED)
    company.tamper(_NO_NUMBERS)

    await office.enforcer.enforce([anna.id])

    assert not address_file.exists()
    assert not await openvpn.connect(anna.common_name)
    async with office.database.reading() as tx:
        (proof,) = await tx.proofs.unproved()
    assert (proof.sessions_cut, proof.attempts) == (1, 1)
    assert "crl_not_written" in [code for code, _ in proof.findings]

    company.tamper("DROP TRIGGER no_numbers")
    await office.enforcer.enforce([anna.id])
    assert (await grant_of_anna(office)).state is GrantState.REVOKED


async def test_what_comes_after_the_look_is_no_part_of_the_proof(
    company: Company, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as the lock is free another process may find that our list was taken away."""
    anna = await grant_of_anna(office)
    async with office.acting(THE_BOT) as case:
        await revocation.begin(case, [anna], EndReason.REVOKED)

    @asynccontextmanager
    async def and_then_a_list_is_missing(path: Path) -> AsyncIterator[None]:
        async with locked(path):
            yield
        monkeypatch.setattr(fleet, "locked", locked)
        (company.folder / "office/live/crl.pem").unlink()
        await office.fleet.publish(OFFICE)

    monkeypatch.setattr(fleet, "locked", and_then_a_list_is_missing)
    await office.enforcer.enforce([anna.id])

    assert (await grant_of_anna(office)).state is GrantState.REVOKING
    await office.enforcer.enforce([anna.id])
    assert (await grant_of_anna(office)).state is GrantState.REVOKED


async def test_who_ends_while_the_first_crl_is_signed_is_on_it(
    company: Company, office: Office, clock: Clock
) -> None:
    """Until it is published nobody has to be proved there, so nobody would ask for them later."""
    anna = await grant_of_anna(office)
    company.tamper("UPDATE servers SET crl_published_at = NULL")
    await office.keyring.authority()

    def meanwhile() -> None:
        sql = "UPDATE grants SET state = 'revoked', revoked_at = ?, end_reason = 'revoked'"
        company.tamper(sql, int(datetime.now(UTC).timestamp() * 1e6))

    clock.meanwhile = meanwhile
    await office.fleet.publish(OFFICE)
    found = read_crl(
        (company.folder / "office/live/crl.pem").read_bytes(), office.keyring.certificate
    )
    assert {f"{serial:x}" for serial in found.serials} == {anna.serial}
    assert company.query("SELECT crl_published_at IS NULL FROM servers") == [(0,)]


async def test_who_was_let_in_later_is_noted_before_anybody_else_may_change_that(
    company: Company, office: Office
) -> None:
    """Else a pause and a return in between would wait for nothing."""
    anna = await grant_of_anna(office)
    file = company.folder / "office" / "live" / "ccd" / anna.common_name
    file.unlink()
    company.tamper("UPDATE grant_places SET waiting_since = 1")

    async def who_waits_then() -> list[str]:
        lock = office.folder.locks / "server-office.lock"
        async with locked(lock), office.database.reading() as tx:
            return [each.id for each in await tx.grants.waiting_on(OFFICE)]

    async with office.database.writing():  # so that nothing can be noted for now
        taking = asyncio.create_task(office.fleet.let_in_waiting(OFFICE))
        while not file.exists():  # noqa: ASYNC110 - a file sends no event
            await asyncio.sleep(0.01)
        then = asyncio.create_task(who_waits_then())
        await asyncio.wait([then], timeout=0.5)
    assert [each.id for each in await taking] == [anna.id]
    assert await then == []
