"""A company that is well, for whole modules: each test leaves it so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.stand_in import StandIn
from tests.bot.health.kit import everybody_pressed_start
from tests.company import Company, as_if_bot_ran, company_with_stand_in


@pytest.fixture
def folder(open_folder: Path) -> Path:
    return open_folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def staffed(module_folder: Path) -> AsyncIterator[tuple[Company, StandIn]]:
    async with company_with_stand_in(module_folder) as made:
        everybody_pressed_start(made[0])
        with as_if_bot_ran(made[0].data):
            yield made


@pytest.fixture(scope="module")
def company(staffed: tuple[Company, StandIn]) -> Company:
    return staffed[0]
