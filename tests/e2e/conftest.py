"""Companies in folders that OpenVPN's account can reach: pytest's own are shut at each start."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.stand_in import StandIn
from tests.company import CROWD, PEOPLE, Company, company_with_stand_in


@pytest.fixture
def folder(open_folder: Path) -> Path:
    return open_folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(module_folder: Path) -> AsyncIterator[tuple[Company, StandIn]]:
    """One company for the whole module; each test hires its own people."""
    async with company_with_stand_in(module_folder, people=(*PEOPLE, *CROWD)) as (company, server):
        await company.start()
        yield company, server


@pytest.fixture
def company(shared: tuple[Company, StandIn]) -> Company:
    return shared[0]


@pytest.fixture
def server(shared: tuple[Company, StandIn]) -> StandIn:
    return shared[1]
