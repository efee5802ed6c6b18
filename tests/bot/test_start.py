"""What a command imports, since that is most of its time."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.later import Later
from bot.cli.program import COMMANDS
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

    assert "bot.cli.program" in imported
    assert imported & HEAVY == set()
    assert imported & {later.place.partition(":")[0] for later in COMMANDS} == set()


# Of each listing, with the module that it is in.
LISTINGS = {
    ("user", "list"): "bot.cli.user_list",
    ("grant", "list"): "bot.cli.grant_list",
    ("server", "list"): "bot.cli.server_list",
    ("request", "list"): "bot.cli.request_list",
}


@pytest.fixture(name="folder", scope="module")
def folder_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a database, so that a listing imports no migrations."""
    folder = tmp_path_factory.mktemp("listed")
    (folder / "data").mkdir(mode=0o700)
    subprocess.run([VPNBOT, "user", "list"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return folder


@pytest.mark.parametrize("typed", LISTINGS, ids=" ".join)
def test_a_listing_imports_what_it_lists_from(typed: tuple[str, str], folder: Path) -> None:
    imported = _imported_by(folder, *typed, "--json")

    # It came as far as the database.
    assert "sqlalchemy.dialects.sqlite.aiosqlite" in imported
    assert {name for name in imported if name.startswith("bot.cli.")} <= {
        *("bot.cli.main", "bot.cli.program", "bot.cli.later", "bot.cli.groups_help"),
        "bot.cli.version",
        *("bot.cli.shared", "bot.cli.printing", "bot.cli.typed", LISTINGS[typed]),
    }
    assert imported & {"telegram", "asyncssh", "alembic", "jinja2", "httpx"} == set()
    assert imported & {"cryptography", "rich.console"} == set()
    assert imported & {"sqlalchemy.orm", "sqlalchemy.dialects.postgresql"} == set()
    # All that is for servers and for the chat.
    assert imported & {"bot.office", "bot.chat", "bot.handover", "vpn.proof"} == set()
    assert imported & {"bot.texts.chat", "bot.texts.refusals", "vpn.configuration"} == set()


def test_who_looks_for_nobody_imports_nothing_that_does(folder: Path) -> None:
    assert "bot.access.who" not in _imported_by(folder, "user", "list")
    assert "bot.access.who" in _imported_by(folder, "user", "list", "--user", "nobody")


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [
        (("--json", "--limit", "1", "--state", "off"), 0, "[]"),
        (("--limit", "0"), 2, "Invalid value for '--limit'"),
    ],
)
def test_what_is_typed_is_read(typed: tuple[str, ...], code: int, told: str, folder: Path) -> None:
    ran = subprocess.run(
        [VPNBOT, "user", "list", *typed], cwd=folder, capture_output=True, text=True, check=False
    )

    assert (ran.returncode, told in ran.stdout + ran.stderr) == (code, True)


def test_what_servers_answer_needs_no_other_command(tmp_path: Path) -> None:
    imported = _imported_by(tmp_path, "server", "status")

    assert "bot.cli.server_status" in imported
    assert imported & {"telegram", "asyncssh", "alembic", "jinja2", "bot.setup"} == set()
    assert imported & {"vpn.deploy", "vpn.adopt"} == set()
    assert imported & {f"bot.cli.{name}" for name in ("server", "adopt", "ssh", "user")} == set()


def test_the_bot_imports_no_other_command_line(tmp_path: Path) -> None:
    imported = _imported_by(tmp_path, "run")

    assert {"bot.run", "telegram", "httpx"} <= imported
    assert imported & {"rich", "pygments", "asyncssh", "alembic", "sqlalchemy.orm"} == set()
    assert imported & {"telegram.ext", "sqlalchemy.ext"} == set()
    # All that sets up.
    assert imported & {"vpn.deploy", "vpn.adopt", "bot.setup", "pki.easyrsa"} == set()


_SOUGHT = """
import gc, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            print("every", gc.get_threshold()[0], file=sys.stderr)

sys.meta_path.insert(0, Watch())
from bot.cli.main import main

main()
"""


def test_garbage_is_seldom_looked_for_before_anything_large_is_imported(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _SOUGHT, "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    _, threshold = ran.stderr.split()
    assert int(threshold) > gc.get_threshold()[0] * 10


@pytest.mark.parametrize("later", COMMANDS, ids=lambda later: later.name)
def test_the_list_of_commands_says_what_they_say_themselves(later: Later) -> None:
    assert later.get_short_help_str(200) == later.command().get_short_help_str(200)


def test_a_slip_of_the_pen_is_answered_with_what_there_is(tmp_path: Path) -> None:
    ran = subprocess.run(
        [VPNBOT, "sever"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert "Did you mean 'server'" in ran.stderr
