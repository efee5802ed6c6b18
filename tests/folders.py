"""Folders that every account can pass through, as OpenVPN's has to."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder() -> Iterator[Path]:
    """Outside of pytest's own, which each start of pytest closes to other accounts."""
    folder = Path(tempfile.mkdtemp(prefix="vpnbot-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
