"""Databases for many small steps."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder of real files that cost no disk, where that can be had: every step commits."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="vpnbot-gate-", dir=memory if memory.is_dir() else None))
    yield folder
    shutil.rmtree(folder)
