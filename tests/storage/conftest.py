"""A database for each test, as a real SQLite file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.database import Database
from tests.storage.kit import make_template, open_copy


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
async def database(template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_copy(template, tmp_path)
    yield opened
    await opened.close()
