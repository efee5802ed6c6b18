"""Secrets: where they may come from, and who may read them there."""

import os
import shutil
import stat
import struct
import tempfile
from pathlib import Path
from shlex import quote

import pytest

from bot.errors import BadSettings
from bot.settings import Settings, open_to_others, read_secret
from tests.bot.settings_kit import PASSPHRASE, TOKEN, leave_own_settings, load, write


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in."""
    leave_own_settings(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture(params=[("BOT_TOKEN", TOKEN), ("CA_PASSPHRASE", PASSPHRASE)], ids=lambda p: p[0])
def secret(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each of the two settings that are secrets, with a good value."""
    name, value = request.param
    return str(name), str(value)


def read(settings: Settings, name: str) -> str | None:
    return settings.token() if name == "BOT_TOKEN" else settings.passphrase()


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nsecond line\n", "  \n"])
def test_a_secret_is_the_first_line_of_its_file(
    folder: Path, secret: tuple[str, str], end: str
) -> None:
    name, value = secret
    write(folder / "secret", value + end)
    assert read(load(**{f"{name}_FILE": folder / "secret"}), name) == value


def test_a_passphrase_may_be_in_any_language(folder: Path) -> None:
    write(folder / "secret", "пароль 🔑 mit Leerzeichen\n")
    settings = load(CA_PASSPHRASE_FILE=folder / "secret")
    assert settings.passphrase() == "пароль 🔑 mit Leerzeichen"


def test_a_secret_that_is_given_twice_is_refused(folder: Path, secret: tuple[str, str]) -> None:
    name, value = secret
    write(folder / "secret", value)
    settings = load(**{name: value, f"{name}_FILE": str(folder / "secret")})
    with pytest.raises(BadSettings) as caught:
        read(settings, name)
    assert str(caught.value) == f"VPNBOT_{name} and VPNBOT_{name}_FILE are both set; keep one."


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "can't be read: No such file or directory."),
        (b"", "whose first line is empty."),
        (b"\nsecond line", "whose first line is empty."),
        (b"   \n", "whose first line is empty."),
        (b"\xff\xfe\x00secret", "can't be read: it isn't a text."),
    ],
)
def test_a_file_without_a_secret_is_said_so(
    folder: Path, secret: tuple[str, str], content: bytes | None, why: str
) -> None:
    name, _ = secret
    if content is not None:
        write(folder / "secret", content)
    settings = load(**{f"{name}_FILE": folder / "secret"})
    with pytest.raises(BadSettings) as caught:
        read(settings, name)
    line = str(caught.value)
    assert line.startswith(f"VPNBOT_{name}_FILE names a file ")
    assert line.endswith(why)


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o666, 0o444])
def test_a_file_that_others_can_read_is_refused(
    folder: Path, secret: tuple[str, str], mode: int
) -> None:
    name, value = secret
    path = write(folder / "secret", value, mode)
    settings = load(**{f"{name}_FILE": path})
    with pytest.raises(BadSettings) as caught:
        read(settings, name)
    line = f"VPNBOT_{name}_FILE names a file that others can read; run: chmod 600 {path}"
    assert str(caught.value) == line
    path.chmod(0o600)
    assert read(settings, name) == value


NOBODY = 65534
GROUPS = [
    # owner, group, mode, whether it is closed to others: for root's own use
    (0, 0, 0o640, True),
    (0, NOBODY, 0o640, True),  # given to a group by root
    (0, 0, 0o440, True),  # as a systemd credential looks where there are access lists,
    (1, 0, 0o400, True),  # and where there are none
    (1, NOBODY, 0o640, False),
    (1, 1, 0o660, False),
    (1, NOBODY, 0o610, False),
]


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give files away.")
@pytest.mark.parametrize(("owner", "group", "mode", "closed"), GROUPS)
def test_groups_that_are_trusted(
    folder: Path, owner: int, group: int, mode: int, closed: bool
) -> None:
    path = write(folder / "secret", PASSPHRASE, mode)
    os.chown(path, owner, group)
    assert open_to_others(path.stat()) is not closed


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can act as another account.")
@pytest.mark.parametrize(
    ("owner", "group", "mode", "closed"),
    [
        (0, NOBODY, 0o640, True),
        (0, 1, 0o640, False),  # of a group that is not the account's
        (NOBODY, NOBODY, 0o640, False),  # a group may have many members
        (NOBODY, NOBODY, 0o600, True),
    ],
)
def test_groups_that_an_account_trusts(
    folder: Path, owner: int, group: int, mode: int, closed: bool
) -> None:
    path = write(folder / "secret", PASSPHRASE, mode)
    os.chown(path, owner, group)
    facts = path.stat()
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        assert open_to_others(facts) is not closed
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can act as another account.")
def test_a_systemd_credential_can_be_read() -> None:
    """Root's, of mode 0400, and with an access list that lets in the service's account."""
    memory = Path("/dev/shm")
    home = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    home.chmod(0o755)
    try:
        path = write(home / "ca-passphrase", PASSPHRASE, 0o400)
        os.setxattr(path, "system.posix_acl_access", _reader(NOBODY))
        assert stat.S_IMODE(path.stat().st_mode) == 0o440
        os.seteuid(NOBODY)
        assert read_secret("VPNBOT_CA_PASSPHRASE_FILE", path) == PASSPHRASE
    finally:
        os.seteuid(0)
        shutil.rmtree(home)


def _reader(uid: int) -> bytes:
    """The kernel's form of u::r, u:UID:r, g::-, m::r, o::- (linux/posix_acl_xattr.h)."""
    anybody = 0xFFFFFFFF
    entries = (
        *((0x01, 4, anybody), (0x02, 4, uid), (0x04, 0, anybody)),
        *((0x10, 4, anybody), (0x20, 0, anybody)),
    )
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_a_pipe_is_nobody_elses() -> None:
    reader, writer = os.pipe()
    os.write(writer, f"{PASSPHRASE}\n".encode())
    os.close(writer)
    try:
        assert read_secret("--passphrase-file", Path(f"/dev/fd/{reader}")) == PASSPHRASE
    finally:
        os.close(reader)


def test_a_secret_in_an_open_env_file_is_refused(folder: Path, secret: tuple[str, str]) -> None:
    name, value = secret
    env = write(folder / ".env", f"VPNBOT_{name}={value}\nVPNBOT_ADMIN_IDS=1\n", 0o644)
    with pytest.raises(BadSettings) as caught:
        load()
    assert str(caught.value) == (
        f".env holds VPNBOT_{name}, and others can read it; run: chmod 600 {quote(str(env))}"
    )
    env.chmod(0o600)
    assert read(load(), name) == value


def test_an_open_env_file_without_a_secret_is_fine(folder: Path) -> None:
    write(folder / ".env", "VPNBOT_ADMIN_IDS=1\nVPNBOT_BOT_TOKEN=\nTOKEN=x\n", 0o644)
    assert load().admin_ids == (1,)


def test_a_folder_is_no_secret(folder: Path) -> None:
    with pytest.raises(BadSettings, match="Is a directory"):
        read_secret("VPNBOT_BOT_TOKEN_FILE", folder)


def test_a_file_without_a_token_is_said_so_and_not_shown(folder: Path) -> None:
    write(folder / "secret", "this-is-my-password\n")
    with pytest.raises(BadSettings) as caught:
        load(BOT_TOKEN_FILE=folder / "secret").token()
    assert "copy it from @BotFather" in str(caught.value)
    assert "this-is-my-password" not in str(caught.value)


def test_secrets_are_in_no_repr() -> None:
    settings = load(BOT_TOKEN=TOKEN, CA_PASSPHRASE=PASSPHRASE)
    dumped = [repr(settings), str(settings), repr(settings.bot_token), str(settings.ca_passphrase)]
    for text in dumped:
        assert TOKEN not in text
        assert TOKEN.split(":")[1] not in text
        assert PASSPHRASE not in text
