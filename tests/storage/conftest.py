"""A database for each test, as a real SQLite file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.database import Database
from tests.storage.kit import open_copy


@pytest.fixture
async def database(template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_copy(template, tmp_path)
    yield opened
    await opened.close()
