"""A company that has a backup, for modules in which it stays as it is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bot.backup.backups import company_with_a_backup
from tests.company import Company


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backed_up() -> AsyncIterator[tuple[Company, Path]]:
    async with company_with_a_backup() as made:
        yield made


@pytest.fixture(scope="module")
def company(backed_up: tuple[Company, Path]) -> Company:
    return backed_up[0]


@pytest.fixture(scope="module")
def backup(backed_up: tuple[Company, Path]) -> Path:
    """Taken once."""
    return backed_up[1]
