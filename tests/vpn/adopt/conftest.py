"""A folder for an operator's server."""

from pathlib import Path

import pytest


@pytest.fixture
def home(open_folder: Path) -> Path:
    return open_folder / "office"
