"""What is said of the bot's unit: where it is, whether it fits, and what it has to be told."""

import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from bot.cli.bots_unit import fits, installed_unit, start_line, write_access

HOME = Path("/var/lib/vpnbot")
SECRETS = (HOME / "secrets" / "bot-token", HOME / "secrets" / "ca-passphrase")


def test_the_file_that_was_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert installed_unit() is None
    (tmp_path / "vpnbot.service").touch()
    assert installed_unit() == tmp_path / "vpnbot.service"
    assert start_line(Path("/opt/of fice/vpnbot.service")) == (
        "cp '/opt/of fice/vpnbot.service' /etc/systemd/system/ && systemctl daemon-reload && "
        "systemctl enable --now vpnbot"
    )


def test_it_fits_the_place_that_the_pages_name_and_no_other() -> None:
    assert fits(HOME, "vpnbot", SECRETS)
    assert not fits(Path("/srv/bot"), "vpnbot", SECRETS)
    assert not fits(HOME, "bots", SECRETS)
    assert not fits(HOME, "vpnbot", (Path("/root/token"), SECRETS[1]))
    assert not fits(HOME, "vpnbot", (None, SECRETS[1]))


@pytest.mark.parametrize(
    ("folder", "content"),
    [
        ("/opt/vpn/live", "ReadWritePaths=-/opt/vpn/live"),
        # What the unit hides as a whole has to be shown first.
        ("/home/vpn/live", "ReadWritePaths=-/home/vpn/live\\nProtectHome=no"),
        ("/var/tmp/vpn/live", "ReadWritePaths=-/var/tmp/vpn/live\\nPrivateTmp=no"),
    ],
)
def test_it_may_write_where_a_server_is(folder: str, content: str) -> None:
    make, write = write_access("office", [PurePosixPath(folder)])
    assert make == "mkdir -p /etc/systemd/system/vpnbot.service.d"
    assert write == (
        f"printf '[Service]\\n{content}\\n' > /etc/systemd/system/vpnbot.service.d/office.conf"
    )


def test_what_it_may_already_is_not_said_again(tmp_path: Path) -> None:
    assert write_access("office", [PurePosixPath("/srv/openvpn/office/live")]) == []
    folders = [PurePosixPath("/opt/vpn/live"), PurePosixPath("/opt/vpn/live/ccd")]
    lines = write_access("office", folders, tmp_path / "d")
    for line in lines:
        subprocess.run(["sh", "-c", line], check=True)
    assert (tmp_path / "d" / "office.conf").read_text() == (
        "[Service]\nReadWritePaths=-/opt/vpn/live -/opt/vpn/live/ccd\n"
    )
    assert write_access("office", folders, tmp_path / "d") == []
    assert write_access("office", [*folders, PurePosixPath("/opt/else")], tmp_path / "d")
