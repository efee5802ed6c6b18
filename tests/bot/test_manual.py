"""The manual page and the completion say what the commands say."""

import subprocess
from pathlib import Path

import pytest

from bot.cli import manual


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    manual.write(folder)
    return folder


def test_every_command_is_in_the_manual(written: Path) -> None:
    page = (written / manual.PLACES["man"]).read_text()
    typed = [name for name, _ in manual.commands()]
    assert "vpnbot server group add" in typed
    for name in typed[1:]:
        assert f".B {name}".replace("-", "\\-") in page
    # Nothing in a sentence is taken for a macro.
    macros = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert macros <= {".TH", ".SH", ".B", ".I", ".TP", ".RS", ".RE"}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("vpnbot re", {"revoke", "restore", "request"}),
        ("vpnbot server gr", {"group"}),
        ("vpnbot server group ", {"add", "edit", "list", "remove", "--help"}),
        ("vpnbot grant issue anna --du", {"--duration"}),
        ("vpnbot user allow 5 --na", {"--name"}),
    ],
)
def test_what_tab_offers(written: Path, line: str, offered: set[str]) -> None:
    script = (
        f"source {written / manual.PLACES['bash']}\n"
        f"COMP_LINE='{line}'; read -ra COMP_WORDS <<< \"$COMP_LINE\"\n"
        '[[ $COMP_LINE == *" " ]] && COMP_WORDS+=("")\n'
        'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _vpnbot; echo "${COMPREPLY[@]}"'
    )
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert set(ran.stdout.split()) == offered


def test_no_help_is_cut(written: Path) -> None:
    assert (written / manual.PLACES["zsh"]).read_text().startswith("#compdef vpnbot\n")
    for typed, command in manual.commands():
        if getattr(command, "commands", None):
            context = command.context_class(command, info_name=typed, terminal_width=80)
            said = command.get_help(context)
            assert "..." not in said.replace("[ARGS]...", "")
            assert "…" not in said
