"""Which errors of the database pass, and which of them say that there is no room."""

import sqlite3

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from storage.errors import is_full, is_passing, passing_trouble


def error(name: str, kind: type[OperationalError | IntegrityError] = OperationalError) -> Exception:
    """As the driver raises it."""
    cause = sqlite3.OperationalError("x")
    cause.sqlite_errorname = name
    return kind("INSERT", None, cause)


@pytest.mark.parametrize(
    ("name", "passes", "no_room"),
    [
        ("SQLITE_BUSY", True, False),
        ("SQLITE_BUSY_SNAPSHOT", True, False),
        ("SQLITE_LOCKED", True, False),
        ("SQLITE_FULL", True, True),
        ("SQLITE_IOERR_WRITE", True, True),
        ("SQLITE_IOERR_SHMSIZE", True, True),
        ("SQLITE_IOERR_READ", True, False),
        ("SQLITE_READONLY", True, False),
        ("SQLITE_CANTOPEN", True, True),
        ("SQLITE_NOMEM", True, False),
        ("SQLITE_ERROR", False, False),
        ("SQLITE_CORRUPT", False, False),
        ("", False, False),
    ],
)
def test_what_passes(name: str, passes: bool, no_room: bool) -> None:
    found = error(name)
    assert (is_passing(found), is_full(found)) == (passes, no_room)
    said = passing_trouble(found)
    assert (said is not None) == passes
    assert said is None or said.startswith("The database can't be written: ")


@pytest.mark.parametrize(
    "found",
    [error("SQLITE_FULL", IntegrityError), ValueError("x"), OperationalError("x", None, OSError())],
)
def test_what_is_none_of_these(found: Exception) -> None:
    assert not is_passing(found)
    assert not is_full(found)
