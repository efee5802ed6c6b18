"""`.env`: every line is understood or told, and only its owner and root could have written it."""

import os
import stat
from pathlib import Path
from shlex import quote

import pytest
from dotenv import dotenv_values

from bot.errors import BadSettings
from bot.process.env_file import env_owner, env_values, parse_env, read_env
from bot.setup.first_time import edit_env
from tests.accounts import DAEMON, give
from tests.folders import open_folder

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give files away.")
TWO = {"VPNBOT_APPROVALS": "2"}


def made(folder: Path, content: bytes | str, mode: int = 0o600) -> Path:
    path = folder / ".env"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def refused(path: Path) -> str:
    with pytest.raises(BadSettings) as caught:
        env_values(read_env(path))
    line = str(caught.value)
    assert "\n" not in line
    assert "hidden" not in line
    return line


@pytest.mark.parametrize(
    "line",
    [
        "VPNBOT_APPROVALS=2",
        "  VPNBOT_APPROVALS = 2  ",
        "export VPNBOT_APPROVALS=2",
        "export\tVPNBOT_APPROVALS='2'",
        "vpnbot_approvals=2",
        "VPNBOT_APPROVALS='2'",
        'VPNBOT_APPROVALS="2"  # two',
        "VPNBOT_APPROVALS=2 # two",
        "VPNBOT_APPROVALS=2\r",
        "\ufeffVPNBOT_APPROVALS=2",
        "\ufeff# a comment\r\n\r\n \t\r\nVPNBOT_APPROVALS=2\r\n",
        "VPNBOT_APPROVALS=2\nvpnbot_approvals='2'",
        "OTHER=1\nOTHER=2\nVPNBOT_APPROVALS=2",
    ],
)
def test_what_is_understood_counts(tmp_path: Path, line: str) -> None:
    values = env_values(read_env(made(tmp_path, line)))

    assert {name: value for name, value in values.items() if name != "OTHER"} == TWO


@pytest.mark.parametrize(
    "line",
    [
        *("VPNBOT_APPROVALS: hidden", "VPNBOT_APPROVALS hidden", "VPNBOT_APPROVALS", "=hidden"),
        *("VPNBOT_APPROVALS:=hidden", "VPNBOT-APPROVALS=hidden", "VPNBOT_ APPROVALS=hidden"),
        *("'VPNBOT_APPROVALS'=hidden", '"VPNBOT_APPROVALS"=hidden', "set VPNBOT_APPROVALS=hidden"),
        *("VPNBOT_APPROVALS='hidden", 'VPNBOT_APPROVALS="hidden', "VPNBOT_APPROVALS='hidden'x"),
        *("VPNBOT_APPROVALS=#hidden", "export 'hidden'=1", "- VPNBOT_APPROVALS=hidden"),
        *("VPNBOT_APPROVALS\u00a0=hidden", "\u200bVPNBOT_APPROVALS=hidden", "; hidden"),
        *("VPNBOT_АPPROVALS=hidden", "2VPNBOT_APPROVALS=hidden", "// hidden", "[hidden]"),
        *("VPNBOT_APPROVALS=hid\x00den", "# hidden\rVPNBOT_APPROVALS=2", "# hidden\x85A=1"),
        *("# hidden\u2028VPNBOT_APPROVALS=2", "# hidden\x0bA=1", 'A="hidden\\n"', "export hidden"),
    ],
)
def test_what_is_not_understood_is_told_by_its_number(tmp_path: Path, line: str) -> None:
    path = made(tmp_path, f"# first\nVPNBOT_DATA_DIR=/d\n\n{line}\nVPNBOT_BUNDLE=1\n")

    assert refused(path).startswith("Line 4 of .env ")


def test_a_value_over_several_lines_takes_no_setting_with_it(tmp_path: Path) -> None:
    path = made(tmp_path, "# first\nOTHER='hidden\nVPNBOT_APPROVALS=2\n'\n")

    assert refused(path).startswith("Line 2 of .env ")


@pytest.mark.parametrize(
    "content", [b"A=1\nB=\xff\xfe\n", "A=1\nÄ=hidden".encode("utf-16"), b"A=1\n\xe4"]
)
def test_what_is_no_text_is_told_by_its_number(tmp_path: Path, content: bytes) -> None:
    line = refused(made(tmp_path, content))

    assert line.startswith(("Line 1 of .env isn't text", "Line 2 of .env isn't text"))


def test_one_name_with_two_values_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, "VPNBOT_APPROVALS=2\nvpnbot_approvals='hidden'\n")

    assert refused(path) == "VPNBOT_APPROVALS is in .env twice, with two values; keep one."


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a b", "a b"),
        ("a#b", "a#b"),
        ("it's", "it's"),
        ("=a=b=", "=a=b="),
        ("a\\b", "a\\b"),
        (r"'it\'s \\ \d'", r"it's \ \d"),
        (r'"say \"hi\" \\"', r'say "hi" \\'[:-1]),
        ("'# no comment'", "# no comment"),
        ("пароль 🔑", "пароль 🔑"),
    ],
)
def test_values_are_read_as_others_read_them(tmp_path: Path, written: str, value: str) -> None:
    path = made(tmp_path, f"VPNBOT_CA_PASSPHRASE={written}\n")

    assert env_values(read_env(path)) == {"VPNBOT_CA_PASSPHRASE": value}
    assert dotenv_values(path) == {"VPNBOT_CA_PASSPHRASE": value}


def test_nothing_is_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOTS_SECRET", "hidden")
    path = made(tmp_path, "A=1\nVPNBOT_TELEGRAM_API_URL=https://h/${ROOTS_SECRET}${A}$A`id`\n")

    assert env_values(read_env(path))["VPNBOT_TELEGRAM_API_URL"] == (
        "https://h/${ROOTS_SECRET}${A}$A`id`"
    )


def test_the_lines_make_up_the_text_again() -> None:
    text = "# c\r\n\nOTHER='x'\nvpnbot_admin_ids=1\nVPNBOT_ADMIN_IDS=1"

    assert "".join(line.text for line in parse_env(text)) == text
    edited = edit_env(text, {"VPNBOT_ADMIN_IDS": "3", "VPNBOT_DATA_DIR": "/d d"})
    assert edited == "# c\r\n\nOTHER='x'\nVPNBOT_ADMIN_IDS=3\nVPNBOT_DATA_DIR='/d d'\n"


# --- whose it is ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o602, 0o620, 0o666, 0o660])
def test_what_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = made(tmp_path, "VPNBOT_ADMIN_IDS=1\n", mode)

    assert refused(path).endswith(f"run: chmod go-w {quote(str(path))}")
    path.chmod(mode & ~0o022)
    assert env_values(read_env(path)) == {"VPNBOT_ADMIN_IDS": "1"}


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
@pytest.mark.parametrize("place", ["it's open", "it's open/below/it"])
def test_what_others_may_replace_is_refused(tmp_path: Path, mode: int, place: str) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True)
    shared = tmp_path / "it's open"
    path = made(folder, "VPNBOT_ADMIN_IDS=1\n")
    shared.chmod(mode)

    assert refused(path).endswith(f"run: chmod go-w {quote(str(shared))}")
    shared.chmod(mode | stat.S_ISVTX)
    assert env_values(read_env(path)) == {"VPNBOT_ADMIN_IDS": "1"}


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.mkdir()
    assert "ordinary file" in refused(path)
    path.rmdir()
    os.mkfifo(path)
    assert "ordinary file" in refused(path)
    path.unlink()
    path.symlink_to("nothing")
    assert "leads nowhere" in refused(path)
    path.unlink()
    assert read_env(path) == ""
    assert env_owner(path) is None


def test_no_endless_file_is_read(tmp_path: Path) -> None:
    path = made(tmp_path, "A=1\n")
    os.truncate(path, 300 * 1024)

    assert "more than 256 KiB" in refused(path)


@NEEDS_ROOT
def test_root_reads_no_file_of_others(tmp_path: Path) -> None:
    path = made(tmp_path, "VPNBOT_ADMIN_IDS=1\n")
    give(path)

    assert env_owner(path) == DAEMON.pw_uid
    assert "belongs to daemon" in refused(path)


@NEEDS_ROOT
def test_root_follows_no_link_of_others() -> None:
    """Neither to a file of root's own, nor one with a second name there."""
    with open_folder() as keep:
        theirs, mine = keep / "theirs", made(keep, "VPNBOT_ADMIN_IDS=1\n")
        theirs.mkdir()
        path = theirs / ".env"
        path.symlink_to(mine)
        give(theirs)
        assert env_owner(path) == DAEMON.pw_uid
        assert "can't be read" in refused(path)
        path.unlink()
        path.symlink_to(mine)  # of root's own, and nobody knows who put it there
        with pytest.raises(BadSettings, match="root doesn't follow"):
            env_owner(path)
        path.unlink()
        path.hardlink_to(mine)
        assert "is a link to a file of theirs" in refused(path)


@NEEDS_ROOT
def test_a_link_of_roots_own_in_roots_own_folder_is_followed() -> None:
    with open_folder() as keep:
        (keep / "bot").mkdir()
        path = keep / ".env"
        path.symlink_to("bot/settings")
        (keep / "bot" / "settings").write_text("VPNBOT_ADMIN_IDS=1\n")
        assert env_values(read_env(path)) == {"VPNBOT_ADMIN_IDS": "1"}
        os.chown(keep / "bot" / "settings", DAEMON.pw_uid, DAEMON.pw_gid)
        assert env_owner(path) == DAEMON.pw_uid
