"""A folder that somebody else than root can look into."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """pytest's own folders are shut for all but their owner."""
    place = Path(tempfile.mkdtemp(prefix="handover-test-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)
