"""Folders that OpenVPN's account can reach (pytest's own are shut), and servers that run."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.vpn.kit import Company, make_spec
from tests.vpn.running import Running, run_server


@pytest.fixture
def open_folder() -> Iterator[Path]:
    yield from _open_folders()


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    yield from _open_folders()


def _open_folders() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="vpn-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


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
