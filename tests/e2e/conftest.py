"""Folders that OpenVPN's account can reach: pytest's own are shut, and shut again at each start."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    yield from _folders()


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    yield from _folders()


def _folders() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="vpnbot-e2e-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)
