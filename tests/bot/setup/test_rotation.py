"""One CA takes another's place: what each step waits for, and what a killed process leaves."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509

from bot.access import revocation
from bot.access.permission import THE_BOT
from bot.errors import NotDone
from bot.office import Office, open_office
from bot.settings import Settings
from bot.setup import rotation
from bot.setup.rotation import RotationState
from bot.setup.servers import deploy_server
from demo.lab.stand_in import StandIn
from pki.crl import read_crl
from pki.errors import ForeignCrl
from pki.serial import parse_serial
from storage.records import EndReason, ServerName, UserId
from storage.rotation import RotationStep
from tests.company import ANNA, PASSPHRASE, Company, company_with_stand_in

OFFICE = ServerName("office")


@pytest_asyncio.fixture
async def staffed(open_folder: Path) -> AsyncIterator[tuple[Company, StandIn]]:
    async with company_with_stand_in(open_folder) as made:
        yield made


@pytest_asyncio.fixture
async def office(staffed: tuple[Company, StandIn]) -> AsyncIterator[Office]:
    settings = Settings(data_dir=staffed[0].data)
    async with open_office(settings, passphrase=lambda: PASSPHRASE) as made:
        yield made


async def go_on(office: Office) -> tuple[RotationStep, list[str]]:
    """The step it comes to, and what is left there, each by its first words."""
    state = await rotation.go_on(office, THE_BOT)
    return state.rotation.step, [line[:28] for line in state.left]


async def deploy(office: Office, company: Company, server: StandIn) -> None:
    await deploy_server(office, THE_BOT, OFFICE)
    step, left = await go_on(office)
    assert left == ["office: OpenVPN reads that o"], step
    await server.stop()
    await server.start(company.folder / "office")


async def test_each_step_waits_for_what_the_next_one_builds_on(
    staffed: tuple[Company, StandIn], office: Office
) -> None:
    company, server = staffed
    crl = company.folder / "office" / "live" / "crl.pem"
    await company.done("grant", "issue", str(ANNA.id), "--output", "anna.ovpn")
    with pytest.raises(NotDone, match="to begin"):
        await rotation.go_on(office, THE_BOT)

    # A process was killed after it had made the CA, and before that was noted.
    await office.keyring.make_authority(2, common_name="Made before", now=datetime.now(UTC))
    made = office.keyring.certificate_of(2)
    await rotation.begin(office, THE_BOT)
    assert office.keyring.certificates()[1] == made
    with pytest.raises(NotDone, match="under way"):
        await rotation.begin(office, THE_BOT)
    both = office.keyring.certificates()
    assert read_crl(crl.read_bytes(), *both).number > 0

    shown = (await company.done("ca", "show", "--pem")).out
    assert x509.load_pem_x509_certificates(shown.encode()) == [*both]
    assert await go_on(office) == (RotationStep.TRUST, ["office: " + str(_home(company))[:20]])
    await deploy(office, company, server)
    step, left = await go_on(office)
    assert (step, left) == (RotationStep.MOVE, ["One profile of the old CA is"])
    await company.done("grant", "issue", str(ANNA.id), "--output", "new.ovpn")
    async with office.acting(THE_BOT) as case:
        first, second = await case.tx.grants.of_user(UserId(ANNA.id))
        assert (first.authority, second.authority) == (1, 2)
        await revocation.begin(case, [first], EndReason.REVOKED)
    assert (await go_on(office))[1] == ["The end of one profile of th"]
    await office.enforcer.enforce([first.id])
    assert read_crl(crl.read_bytes(), *both).serials >= {parse_serial(first.serial)}

    assert await go_on(office) == (RotationStep.RENEW, ["office: its certificate is o"])
    await deploy(office, company, server)
    assert (await go_on(office))[0] is RotationStep.RETIRE
    await deploy(office, company, server)
    # A process was killed after it had destroyed the old one, and before that was noted.
    office.keyring.destroy(1)
    assert await go_on(office) == (RotationStep.DONE, [])
    assert office.keyring.certificates() == (made,)
    with pytest.raises(ForeignCrl):
        read_crl(crl.read_bytes(), both[0])
    assert read_crl(crl.read_bytes(), made).serials >= {parse_serial(first.serial)}
    assert await rotation.look(office) == await _done(office)


def _home(company: Company) -> Path:
    return company.folder / "office"


async def _done(office: Office) -> RotationState:
    async with office.database.reading() as tx:
        last = await tx.rotation.last()
    assert last is not None
    return RotationState(last, ())


@pytest.mark.long
async def test_a_server_that_cannot_be_asked_holds_it_up(
    staffed: tuple[Company, StandIn], office: Office
) -> None:
    company, server = staffed
    await rotation.begin(office, THE_BOT)
    await deploy_server(office, THE_BOT, OFFICE)
    await server.stop()
    assert (await go_on(office))[1] == ["office: OpenVPN can't be ask"]
    (_home(company) / "ca.crt").write_text("nonsense")
    step, left = await go_on(office)
    assert (step, left[0][:8]) == (RotationStep.TRUST, "office: ")
