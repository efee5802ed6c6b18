"""Locks between processes, by files: the kernel releases them when their process ends."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_POLL_S = 0.005


def try_lock(path: Path) -> int | None:
    """Takes the lock if it is free; gives a descriptor that holds it until it is closed."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return handle


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock.

    Accepted: whoever wants it within the microseconds of this look is told that it is taken; the
    kernel has no way to ask without taking part.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Waits for the lock without holding up the loop. Every holder bounds its own time."""
    while (handle := try_lock(path)) is None:  # noqa: ASYNC110 - the kernel sends no event
        await asyncio.sleep(_POLL_S)
    try:
        yield
    finally:
        os.close(handle)
