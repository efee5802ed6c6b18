"""The program as another account runs it, and what belongs to that account."""

import os
import pwd
import sys
import sysconfig
from pathlib import Path

import httpx
import pytest

from tests.forks import VPNBOT

# Not root, and on every machine.
DAEMON = pwd.getpwnam("daemon")


def give(path: Path, account: pwd.struct_passwd = DAEMON) -> None:
    """A file, or a folder with all that is in it."""
    for each in (path, *path.rglob("*")):
        os.chown(each, account.pw_uid, account.pw_gid, follow_symlinks=False)


def program_for_all() -> tuple[str, ...]:
    """The program under a Python that every account can read: ours may lie in somebody's home."""
    python = python_for_all()
    if python == sys.executable:
        return (VPNBOT,)
    code = (Path(__file__).parents[1], Path(httpx.__file__).parents[1])
    if not all(map(_is_open, code)):
        pytest.skip("The daemon account cannot read vpnbot.")
    where = f"PYTHONPATH={os.pathsep.join(map(str, code))}"
    return ("env", where, python, "-c", "from bot.cli.main import main; main()")


def python_for_all() -> str:
    """A Python of our version that every account can run."""
    if _is_open(Path(sysconfig.get_path("stdlib"))):
        return sys.executable
    python = Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
    if not python.exists():
        pytest.skip("The daemon account can read no Python that runs vpnbot.")
    return str(python)


def _is_open(path: Path) -> bool:
    return all(each.stat().st_mode & 0o005 == 0o005 for each in (path, *path.parents))
