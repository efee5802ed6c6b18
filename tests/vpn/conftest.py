"""Folders that OpenVPN's account can reach (pytest's own are shut), and servers that run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.vpn.kit import Company, make_spec
from tests.vpn.running import Running, run_server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(module_folder: Path) -> AsyncIterator[Running]:
    """One server for a whole module: leave it as it was."""
    async with run_server(Company(make_spec(module_folder / "home"))) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def breakable(open_folder: Path) -> AsyncIterator[Running]:
    """A server of the test's own."""
    async with run_server(Company(make_spec(open_folder / "home"))) as made:
        yield made
