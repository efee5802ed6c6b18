"""Programs that see another time than the machine's, by libfaketime (Debian's faketime)."""

from datetime import timedelta
from pathlib import Path

import pytest

# The one for programs with threads; it is right for the others, too.
_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
needs_faketime = pytest.mark.skipif(not _LIBRARIES, reason="libfaketime is not installed")


def shifted(ahead: timedelta | Path) -> dict[str, str]:
    """What a program's environment needs, so that its clock is ahead by so much, or behind.

    How long something takes stays true: only the time of day is another. A file holds the shift
    in the form of `shift`, and a new one counts at once.
    """
    environment = {
        "LD_PRELOAD": str(_LIBRARIES[0]),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }
    if isinstance(ahead, Path):
        return environment | {"FAKETIME_TIMESTAMP_FILE": str(ahead), "FAKETIME_NO_CACHE": "1"}
    return environment | {"FAKETIME": shift(ahead)}


def shift(ahead: timedelta) -> str:
    return f"{ahead.total_seconds():+.0f}s"
