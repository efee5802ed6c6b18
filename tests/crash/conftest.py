"""Folders that OpenVPN's account could reach, and companies in them."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.crash.stage import PLAIN, Stage, open_stage
from tests.folders import open_folder

# Two cores have work for three: each waits now and then.
_COMPANIES = 3


@pytest.fixture(scope="session")
def exhaustive() -> bool:
    """Whether every step of every story is wanted: CRASH_TESTS=all, ten minutes or more."""
    return os.environ.get("CRASH_TESTS") == "all"


@pytest.fixture(scope="module")
def folders() -> Iterator[Iterator[Path]]:
    """New ones, as many as are asked for."""
    with open_folder() as home:
        yield _below(home)


def _below(home: Path) -> Iterator[Path]:
    for number in range(1000):
        folder = home / f"company-{number}"
        folder.mkdir()
        yield folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stages(folders: Iterator[Path], exhaustive: bool) -> AsyncIterator[list[Stage]]:
    """Companies that play beside each other."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                open_stage(next(folders), seams="all" if exhaustive else "")
            )
            for _ in range(_COMPANIES)
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_plain_stage(folders: Iterator[Path]) -> AsyncIterator[Stage]:
    async with open_stage(next(folders), program=PLAIN) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def plain_stage(one_plain_stage: Stage) -> AsyncIterator[Stage]:
    """A company with the plain program, which is killed from outside.

    A test that fails while the bot is stopped takes no other with it.
    """
    company = one_plain_stage.company
    if company.bot is None:
        await company.start()
    yield one_plain_stage
