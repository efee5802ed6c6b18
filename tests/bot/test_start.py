"""What a command imports, since that is most of its time."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.later import Later
from bot.cli.main import COMMANDS
from tests.forks import VPNBOT

HEAVY = frozenset({"sqlalchemy", "cryptography", "pydantic", "telegram", "asyncssh", "rich"})


_TELLING = """
import atexit, sys

atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from bot.cli.main import main

main()
"""


def _imported_by(folder: Path, *arguments: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", _TELLING, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return set(ran.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("option", ["--help", "--version", "--frobnicate"])
def test_what_needs_no_command_imports_none(option: str, tmp_path: Path) -> None:
    imported = _imported_by(tmp_path, option)

    assert "bot.cli.main" in imported
    assert imported & HEAVY == set()
    assert imported & {later.place.partition(":")[0] for later in COMMANDS} == set()


def test_a_command_imports_no_other(tmp_path: Path) -> None:
    imported = _imported_by(tmp_path, "user", "list")
    others = {"server", "init", "ca", "grant", "import_easyrsa", "adopt", "backup"}

    assert "bot.cli.user" in imported
    assert imported & {"telegram", "asyncssh", "alembic", "jinja2"} == set()
    assert imported & {"sqlalchemy.orm", "sqlalchemy.dialects.postgresql"} == set()
    assert imported & {f"bot.cli.{name}" for name in others} == set()


@pytest.mark.parametrize("later", COMMANDS, ids=lambda later: later.name)
def test_the_list_of_commands_says_what_they_say_themselves(later: Later) -> None:
    assert later.get_short_help_str(200) == later.command().get_short_help_str(200)


def test_a_slip_of_the_pen_is_answered_with_what_there_is(tmp_path: Path) -> None:
    ran = subprocess.run(
        [VPNBOT, "sever"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert "Did you mean 'server'" in ran.stderr
