"""What is said of the bot's unit: where it is, whether it fits, and what it has to be told."""

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


def test_what_it_may_already_is_not_said_again() -> None:
    assert write_access("office", [PurePosixPath("/srv/openvpn/office/live")]) == []
