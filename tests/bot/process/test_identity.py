"""Whose identity a command takes on that root starts, and what it believes before."""

import os
import sqlite3
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.shared import settings_of_env_owner, settings_of_owner
from bot.errors import BadDataFolder, BadSettings
from bot.health.state import _damage
from bot.process.data_folder import DataFolder
from bot.process.privileges import as_root
from bot.settings import read_secret
from bot.setup.first_time import find_place, make_private_folder, write_private_file
from tests.accounts import DAEMON, give
from tests.folders import open_folder

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can act as another account.")

TOKEN = "123456789:AAF-a_token_that_opens_nothing_at_all"
OTHER_UID = 65534


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the daemon account's, where root is now; afterwards root is itself again."""
    groups = os.getgroups()
    # The tests' own Python may lie in root's home; all of it that is needed is loaded by now.
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: "/")
    for name in list(os.environ):
        if name.upper().startswith("VPNBOT_"):
            monkeypatch.delenv(name)
    with open_folder() as keep:
        folder = keep / "home"
        folder.mkdir(mode=0o755)
        give(folder)
        monkeypatch.chdir(folder)
        try:
            yield folder
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)


def env(home: Path, text: str, uid: int = DAEMON.pw_uid) -> Path:
    path = home / ".env"
    path.write_text(text)
    path.chmod(0o600)
    os.chown(path, uid, -1)
    return path


def roots_folder(home: Path) -> Path:
    folder = home.parent / "roots"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def test_a_strangers_env_is_read_as_that_stranger(home: Path) -> None:
    """Though its data folder is root's own, which once made root stay root."""
    secret = roots_folder(home) / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)
    env(home, f"VPNBOT_BOT_TOKEN_FILE={secret}\nVPNBOT_DATA_DIR={secret.parent}\n")

    settings = settings_of_owner()

    assert os.geteuid() == DAEMON.pw_uid
    with pytest.raises(BadSettings, match="daemon may not read; name one"):
        settings.token()
    with pytest.raises(BadDataFolder, match="belongs to root"):
        DataFolder(settings.data_dir).check()


def test_roots_token_goes_to_no_server_that_a_stranger_names(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VPNBOT_BOT_TOKEN", TOKEN)
    env(home, "VPNBOT_TELEGRAM_API_URL=http://127.0.0.1:81\n")

    with pytest.raises(BadSettings, match="who would be sent it") as caught:
        settings_of_owner()
    assert TOKEN not in str(caught.value)
    os.seteuid(0)
    monkeypatch.setenv("VPNBOT_TELEGRAM_API_URL", "http://127.0.0.1:82")
    assert settings_of_owner().telegram_api_url == "http://127.0.0.1:82"


def test_an_env_of_roots_own_names_the_data_folder_whose_owner_counts(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    give(home / "data")
    env(home, f"VPNBOT_DATA_DIR={home}/data\nVPNBOT_APPROVALS=2\n", 0)

    assert settings_of_owner().approvals == 2
    assert os.geteuid() == DAEMON.pw_uid


@pytest.mark.parametrize("above", ["data", "deep/data"])
def test_without_an_env_the_owner_of_the_folder_counts_where_it_would_be(
    home: Path, above: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VPNBOT_DATA_DIR", f"{home}/{above}")
    monkeypatch.chdir("/")

    settings_of_owner()

    assert os.geteuid() == DAEMON.pw_uid


def test_a_data_folder_that_others_can_exchange_is_refused(home: Path) -> None:
    """Root's own folder, by a link of the bot's account: root would stay root, and believe it."""
    (home / "data").symlink_to(roots_folder(home))
    os.chown(home / "data", DAEMON.pw_uid, -1, follow_symlinks=False)

    with pytest.raises(BadDataFolder, match="doesn't belong to root"):
        settings_of_owner()
    assert list(roots_folder(home).iterdir()) == []


def test_a_link_to_a_third_accounts_data_is_refused(home: Path) -> None:
    third = home.parent / "third"
    third.mkdir(mode=0o700)
    os.chown(third, OTHER_UID, -1)
    (home / "data").symlink_to(third)
    os.chown(home / "data", DAEMON.pw_uid, -1, follow_symlinks=False)
    env(home, "VPNBOT_DATA_DIR=./data\n", 0)

    with pytest.raises(BadDataFolder, match="could put another folder in the place"):
        settings_of_owner()


def test_root_opens_no_database_that_belongs_to_others(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = home / "theirs.db"
    sqlite3.connect(database).close()
    database.touch()
    give(home)
    monkeypatch.chdir(roots_folder(home))
    monkeypatch.setenv("VPNBOT_DATABASE_URL", f"sqlite+aiosqlite:///{database}")
    with pytest.raises(BadDataFolder, match="VPNBOT_DATABASE_URL"):
        settings_of_owner()
    mine = roots_folder(home) / "mine.db"
    mine.touch()
    os.chown(mine, DAEMON.pw_uid, -1)
    monkeypatch.setenv("VPNBOT_DATABASE_URL", f"sqlite+aiosqlite:///{mine}")
    with pytest.raises(BadDataFolder, match="doesn't belong to root like the rest"):
        settings_of_owner()
    os.chown(mine, 0, -1)
    settings_of_owner()
    assert os.geteuid() == 0


def test_root_makes_no_folder_where_the_account_wants_one(home: Path) -> None:
    """/etc/systemd/system/x.service.d, for example, which would then be the account's."""
    place = roots_folder(home) / "x.service.d"
    place.parent.chmod(0o755)
    env(home, f"VPNBOT_DATA_DIR={place}\n")

    settings, became = settings_of_env_owner()
    found = find_place(settings.data_dir, is_theirs=became)

    assert (found.owner, found.is_theirs) == (DAEMON.pw_uid, True)
    with pytest.raises(Exception, match="can't be made"):
        make_private_folder(place, found.owner, is_roots_word=not found.is_theirs)
    assert not place.exists()
    make_private_folder(place, found.owner)  # what root has named is made, and given away
    assert place.stat().st_uid == DAEMON.pw_uid


def test_root_writes_no_secret_through_a_link_of_the_account(home: Path) -> None:
    aim = roots_folder(home)
    (home / "secrets").symlink_to(aim)
    os.chown(home / "secrets", DAEMON.pw_uid, -1, follow_symlinks=False)
    env(home, "")
    settings_of_env_owner()

    with pytest.raises(Exception, match="can't be written"):
        write_private_file(home / "secrets" / "bot-token", "x", DAEMON.pw_uid)
    with as_root():
        assert list(aim.iterdir()) == []


def test_whose_a_closed_folder_is(home: Path) -> None:
    folder = roots_folder(home) / "of root's" / "data"
    env(home, "")
    settings_of_env_owner()

    for act in (DataFolder(folder).is_there, DataFolder(folder).prepare):
        with pytest.raises(BadDataFolder, match=f"{folder.parent.parent} belongs to root"):
            act()
    with pytest.raises(BadDataFolder, match="belongs to root; run this command as that account"):
        DataFolder(Path("/root")).prepare()


def test_root_is_told_to_give_away_what_is_the_accounts_and_nothing_else(home: Path) -> None:
    """Whoever took over the account may name, or link to, any file of root's."""
    aim = roots_folder(home)
    aim.parent.chmod(0o755)
    aim.chmod(0o755)
    for name in ("shadow", "vpnbot.db"):
        (aim / name).touch(mode=0o600)
    own, link = home / "token", home / "link"
    own.touch(mode=0o600)
    link.symlink_to(aim / "shadow")
    env(home, "")
    settings_of_env_owner()

    with pytest.raises(BadSettings, match=f"run as root: chown daemon {own}$"):
        read_secret("--token-file", own)
    for path in (link, aim / "shadow", home / ".." / "roots" / "shadow"):
        with pytest.raises(BadSettings, match="daemon may not read; name one of its own"):
            read_secret("--token-file", path)
    folder = DataFolder(home)
    with as_root():
        (home / "vpnbot.db").touch(mode=0o600)
    found = _damage(str(home / "vpnbot.db"), folder)
    assert found is not None
    assert found.mend == f"Run as root: chown daemon: {home}/vpnbot.db; chmod 600 {home}/vpnbot.db"
    found = _damage(str(aim / "vpnbot.db"), folder)
    assert found is not None
    assert "chown" not in found.mend
