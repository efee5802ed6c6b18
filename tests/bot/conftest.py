"""A company whose server is a stand-in, and its office on a machine of the test's own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.office import Office
from bot.rounds.keeper import Keeper
from demo.lab.stand_in import StandIn
from tests.bot.rounds.keeping import make_keeper, opened
from tests.company import ANNA, Company, company_with_stand_in
from tests.folders import open_folder
from tests.machine import Machine


@pytest_asyncio.fixture(loop_scope="module")
async def staffed() -> AsyncIterator[tuple[Company, StandIn]]:
    """Nobody runs the bot."""
    with open_folder() as folder:
        async with company_with_stand_in(folder) as made:
            yield made


@pytest.fixture
def company(staffed: tuple[Company, StandIn]) -> Company:
    return staffed[0]


@pytest.fixture
def openvpn(staffed: tuple[Company, StandIn]) -> StandIn:
    return staffed[1]


@pytest_asyncio.fixture(loop_scope="module")
async def anna_has_access(company: Company) -> None:
    await company.done("grant", "issue", str(ANNA.id), "--output", "anna.ovpn")


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest_asyncio.fixture(loop_scope="module")
async def office(company: Company, machine: Machine) -> AsyncIterator[Office]:
    async with opened(company, machine) as made:
        yield made


@pytest.fixture
def keeper(office: Office) -> Keeper:
    return make_keeper(office)
