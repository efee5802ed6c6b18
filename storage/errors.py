"""What can go wrong with the stored state.

StorageError
├── NewerSchema      the database was written by a newer version
├── ForeignDatabase  the file is no database of ours
└── DatabaseBusy     another process keeps the database locked
"""

# SQLite's result codes (https://www.sqlite.org/rescode.html), and what an operator can do.
_PASSING = {
    "SQLITE_BUSY": "another process keeps it locked; end that process",
    "SQLITE_LOCKED": "another process keeps it locked; end that process",
    "SQLITE_FULL": "the disk is full; make room there",
    "SQLITE_IOERR": "the disk doesn't read or write; see what the system says of it",
    "SQLITE_READONLY": "it is read-only; see who mounted or changed it so",
    "SQLITE_CANTOPEN": "it can't be opened; see that its folder is there and the disk not full",
    "SQLITE_NOMEM": "there is no memory left; end what takes it",
}


# A quota is an error of writing to SQLite, and its side files have errors of their own.
_NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHM", "SQLITE_CANTOPEN")


def is_passing(error: BaseException) -> bool:
    """Whether it may go well another time: a full disk, a locked database.

    Nothing was committed then, so what was begun is simply done again.
    """
    return passing_trouble(error) is not None


def is_full(error: BaseException) -> bool:
    """Whether the disk, or the account's quota on it, may be full."""
    return _sqlite_name(error).startswith(_NO_ROOM)


def passing_trouble(error: BaseException) -> str | None:
    """A passing error in one line that says what to do; None for any other."""
    name = _sqlite_name(error)
    for code, reason in _PASSING.items():
        if name.startswith(code):
            return f"The database can't be written: {reason}."
    return None


def _sqlite_name(error: BaseException) -> str:
    """Empty where it is no error of the database's operation."""
    name = getattr(getattr(error, "orig", None), "sqlite_errorname", "")
    if not name:
        return ""
    # Slow to import, and whoever looks for trouble may have none of it.
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    return name if isinstance(error, OperationalError) else ""


class StorageError(Exception):
    """The message is one line and says what to do."""


class NewerSchema(StorageError):
    """The schema's revision is unknown here: a newer vpnbot wrote it."""


class ForeignDatabase(StorageError):
    """The file cannot be read as our database."""


class DatabaseBusy(StorageError):
    """A lock on the database was not to be had in time."""
