"""The office of these tests, on a real SQLite file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.access.kit import ANNA, EMIL, MORNING, PARIS, Paper
from tests.storage.kit import open_copy


@pytest.fixture
async def empty(template: Path, tmp_path: Path) -> AsyncIterator[Paper]:
    """Nobody is known, and there is no server."""
    database = await open_copy(template, tmp_path)
    yield Paper(database)
    await database.close()


@pytest.fixture
async def paper(empty: Paper) -> Paper:
    """Anna Petrova and Emil may ask for access to one server with room for five."""
    async with empty.database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", MORNING)
        await tx.people.allow(EMIL, "Emil", MORNING)
    await empty.add_server()
    return empty


@pytest.fixture
async def two_servers(paper: Paper) -> Paper:
    await paper.add_server(PARIS, "10.9.0.0/29")
    return paper
