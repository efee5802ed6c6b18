"""A desk to speak to: two admins, two servers, and Anna on the allowlist."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.access.case import Chance, Rules
from bot.core import Core
from bot.process.clock import since_boot, utc_now
from tests.bot.access import kit
from tests.bot.access.kit import Paper
from tests.bot.chat import posting as posts
from tests.bot.chat.desk import ANNA, BORIS, CLARA, Desk
from tests.gate.case import Laws
from tests.gate.gate import Gate
from tests.storage.kit import open_copy


@pytest.fixture
async def desk(template: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    database = await open_copy(template, tmp_path)
    gate = Gate(database, Laws((BORIS, CLARA)))
    await gate.furnish()
    made = Desk(gate)
    await made.allow(ANNA)
    await made.have_started(ANNA, BORIS, CLARA)
    await made.new()
    yield made
    await database.close()


@pytest.fixture
async def posting(template: Path, tmp_path: Path) -> AsyncIterator[posts.Desk]:
    """A desk from which rows are sent: Anna on the allowlist, and berlin."""
    async with posts.opened(template, tmp_path) as made:
        yield made


@pytest.fixture
async def paper(template: Path, tmp_path: Path) -> AsyncIterator[Paper]:
    """Anna and Emil on the allowlist, berlin and paris."""
    made = Paper(await open_copy(template, tmp_path))
    async with made.database.writing() as tx:
        await tx.people.allow(kit.ANNA, "Anna Petrova", kit.MORNING)
        await tx.people.allow(kit.EMIL, "Emil", kit.MORNING)
    await made.add_server()
    await made.add_server(kit.PARIS, "10.9.0.0/29")
    yield made
    await made.database.close()


@pytest.fixture
async def core(template: Path, tmp_path: Path) -> AsyncIterator[Core]:
    database = await open_copy(template, tmp_path)
    rules = Rules(default_duration=3600, max_duration=3600, request_ttl=3600)
    yield Core(database, rules, Chance(serial=str, code=str, token=str), utc_now, since_boot)
    await database.close()
