"""Settings: what is wrong is named in one line, and no value is ever shown."""

import os
import shutil
import stat
import struct
import tempfile
import traceback
from pathlib import Path
from shlex import quote
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.access.case import Rules
from bot.errors import BadSettings
from bot.settings import Settings, load_settings, open_to_others, read_secret
from storage.records import UserId

TOKEN = "123456789:AAF-a_token_that_opens_nothing_at_all"
PASSPHRASE = "correct horse battery staple"
DAY = 86_400
NAMES = {f"VPNBOT_{field}".upper() for field in Settings.model_fields}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in, and nothing of the tester's own settings."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("VPNBOT_"):
            monkeypatch.delenv(name)
    return tmp_path


def write(path: Path, content: bytes | str, mode: int = 0o600) -> Path:
    """A file with a secret, closed to others unless it is said."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def load(**environment: str | Path) -> Settings:
    """The settings in this environment; names without the prefix."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(f"VPNBOT_{name}", str(value))
        return load_settings()


def refused(**environment: str | Path) -> str:
    """The one line that says why not."""
    with pytest.raises(BadSettings) as caught:
        load(**environment)
    line = str(caught.value)
    assert "\n" not in line
    assert line.endswith(".")
    return line


def test_without_any_setting_the_defaults_hold(folder: Path) -> None:
    settings = load()
    assert settings.rules() == Rules(
        default_duration=7 * DAY, max_duration=30 * DAY, request_ttl=DAY, admins=()
    )
    assert settings.data_dir == Path("data")
    assert settings.url().render_as_string() == f"sqlite+aiosqlite:///{folder}/data/vpnbot.db"
    assert settings.telegram_api_url == "https://api.telegram.org"
    assert settings.passphrase() is None
    assert (settings.templates, settings.bundle) == (None, False)


def test_every_setting_can_be_set(folder: Path) -> None:
    settings = load(
        BOT_TOKEN=TOKEN,
        ADMIN_IDS="2001, 2002,2001 ,",
        DATA_DIR="/srv/vpnbot",
        DATABASE_URL="sqlite+aiosqlite:////srv/other.db",
        CA_PASSPHRASE=PASSPHRASE,
        TELEGRAM_API_URL="http://127.0.0.1:8081/",
        GRANT_DURATION="8h",
        MAX_GRANT_DURATION="2w",
        REQUEST_TTL="30m",
        APPROVALS="2",
        LONG_GRANT_DURATION="1w",
        LONG_GRANT_APPROVALS="2",
        TEMPLATES="/etc/vpnbot",
        BUNDLE="Yes",
    )
    assert settings.token() == TOKEN
    assert (settings.templates, settings.bundle) == (Path("/etc/vpnbot"), True)
    assert settings.passphrase() == PASSPHRASE
    assert settings.rules() == Rules(
        default_duration=8 * 3600,
        max_duration=14 * DAY,
        request_ttl=1800,
        admins=(UserId(2001), UserId(2002)),
        approvals=2,
        long_duration=7 * DAY,
        long_approvals=2,
    )
    assert settings.data_dir == Path("/srv/vpnbot")
    assert settings.url().render_as_string() == "sqlite+aiosqlite:////srv/other.db"
    assert settings.telegram_api_url == "http://127.0.0.1:8081"
    settings.require_admins()


def test_the_names_of_the_settings_are_an_interface() -> None:
    assert {
        "VPNBOT_BOT_TOKEN",
        "VPNBOT_BUNDLE",
        "VPNBOT_TEMPLATES",
        "VPNBOT_BOT_TOKEN_FILE",
        "VPNBOT_ADMIN_IDS",
        "VPNBOT_DATA_DIR",
        "VPNBOT_DATABASE_URL",
        "VPNBOT_CA_PASSPHRASE",
        "VPNBOT_CA_PASSPHRASE_FILE",
        "VPNBOT_TELEGRAM_API_URL",
        "VPNBOT_TELEGRAM_API_CLEARTEXT",
        "VPNBOT_GRANT_DURATION",
        "VPNBOT_MAX_GRANT_DURATION",
        "VPNBOT_REQUEST_TTL",
        "VPNBOT_APPROVALS",
        "VPNBOT_CLIENT_KEY",
        "VPNBOT_LONG_GRANT_DURATION",
        "VPNBOT_LONG_GRANT_APPROVALS",
    } == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_an_empty_value_is_as_good_as_none(name: str) -> None:
    assert load(**{name.removeprefix("VPNBOT_"): ""}) == load()


BAD_DURATIONS = ["7", "0d", "-1d", "1y", "7days", "1.5h", "week", "9999999999d", "3651d"]
BAD: list[tuple[str, str]] = [
    *(("BOT_TOKEN", value) for value in ("abc-no-token", "12:short", "123456789:spa ce_in_it_ok")),
    *(("ADMIN_IDS", value) for value in ("boris", "@boris", "2001;2002", "0", "-5", "1.5", "２")),
    *(("ADMIN_IDS", value) for value in ("2001 2002", "12345678901234567")),
    *(
        ("TELEGRAM_API_URL", value)
        for value in ("vpn.example.org", "ftp://vpn.example.org", "https:///nonsense")
    ),
    *(("TELEGRAM_API_URL", value) for value in ("https://exa℀mple.com", "http://[nonsense]")),
    *(("TELEGRAM_API_URL", value) for value in ("http://[::1", "http://h:nonsense", "http://a b")),
    *(("TELEGRAM_API_URL", value) for value in ("http://h:99999", "https://h?key=hidden")),
    ("DATABASE_URL", "nonsense"),
    ("DATABASE_URL", "postgresql+asyncpg://h/hidden"),
    ("DATABASE_URL", "sqlite:////srv/hidden.db"),
    ("DATABASE_URL", "sqlite+aiosqlite:///:memory:"),
    ("DATABASE_URL", "sqlite+aiosqlite://h:nonsense/x"),
    *(("GRANT_DURATION", value) for value in BAD_DURATIONS),
    *(("MAX_GRANT_DURATION", value) for value in BAD_DURATIONS),
    *(("REQUEST_TTL", value) for value in BAD_DURATIONS),
    *(("LONG_GRANT_DURATION", value) for value in BAD_DURATIONS),
    *(("TELEGRAM_API_CLEARTEXT", value) for value in ("perhaps", "http", "nonsense")),
    ("TELEGRAM_API_URL", "http://nonsense\\@127.0.0.1"),
    *(("BUNDLE", value) for value in ("perhaps", "2", "zip")),
    *(("APPROVALS", value) for value in ("0", "11", "-1", "two", "1.5", "nonsense")),
    *(("LONG_GRANT_APPROVALS", value) for value in ("0", "11", "-1", "two", "1.5", "nonsense")),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_named_and_not_shown(name: str, value: str) -> None:
    line = refused(**{name: value})
    assert line.startswith(f"VPNBOT_{name} cannot be used: ")
    # Short ones may happen to be part of the advice.
    assert len(value) < 4 or value not in line.removeprefix(f"VPNBOT_{name}")
    assert "hidden" not in line
    assert "nonsense" not in line


SECRET = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), min_size=8, max_size=40
).map(lambda text: f"zqx{text}zqx")


@given(value=SECRET)
@example(value="zqx://[zqx]:zqx")
@example(value="https://[zqx]")
@example(value="https://zqx:zqx")
@example(value="sqlite+aiosqlite://zqx:zqx/zqx")
@example(value="zqx$HOME${HOME}zqx")
@pytest.mark.parametrize("name", sorted(NAMES))
def test_no_message_ever_shows_a_value(name: str, value: str) -> None:
    shown = said_about(name, value)
    assert "zqx" not in shown


def said_about(name: str, value: str) -> str:
    """All that could be said of it: the message with its traceback, or nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        try:
            settings = load_settings()
            settings.token()
            settings.passphrase()
            settings.url()
        except BadSettings as error:
            return "".join(traceback.format_exception(error))
    return ""


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///"])
def test_a_database_in_memory_would_forget_everything(url: str) -> None:
    assert refused(DATABASE_URL=url).startswith("VPNBOT_DATABASE_URL cannot be used")


@pytest.mark.parametrize("name", ["VPNBOT_TOKEN", "VPNBOT_ADMIN_ID", "vpnbot_oops", "VPNBOT_"])
def test_an_unknown_name_of_ours_in_the_environment_stops_the_start(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "hidden-value")
    line = refused()
    assert line.startswith(f"{name} in the environment is no setting")
    assert "hidden" not in line


@pytest.mark.parametrize("line", ["VPNBOT_OOPS=hidden", "export VPNBOT_OOPS='hidden'"])
def test_an_unknown_name_of_ours_in_the_file_stops_the_start(folder: Path, line: str) -> None:
    (folder / ".env").write_text(f"OTHER=1\n{line}\n")
    found = refused()
    assert found.startswith("VPNBOT_OOPS in .env is no setting")
    assert "hidden" not in found


def test_other_programs_names_are_none_of_our_business(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("POSTGRES_PASSWORD=x\nTOKEN=y\nXVPNBOT_A=1\nVPN=2\n")
    monkeypatch.setenv("BOT_TOKEN", "not ours")
    monkeypatch.setenv("VPNBOTTLE", "not ours either")
    assert load() == Settings.model_construct()


def test_a_name_in_two_cases_with_two_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("vpnbot_approvals", "1")
    assert refused(APPROVALS="2") == (
        "VPNBOT_APPROVALS is in the environment twice, with two values; keep one."
    )
    assert load(APPROVALS="1").approvals == 1


@pytest.mark.parametrize("value", ["a\nb", "a\x1b[2Jb", os.fsdecode(b"a\xffb")])
def test_what_is_no_line_of_text_in_the_environment_is_refused(value: str) -> None:
    for name in ("DATA_DIR", "CA_PASSPHRASE", "ADMIN_IDS"):
        assert refused(**{name: value}).startswith(f"VPNBOT_{name} in the environment has a ")


@pytest.mark.parametrize(
    "host",
    ["api.example.com", "10.0.0.1", "0.0.0.0", "127.0.0.1.example.com", "localhost.evil.com"],
)
@pytest.mark.parametrize("rest", ["", ":8081", ":8081/path"])
def test_clear_text_to_another_machine_needs_a_word_of_its_own(host: str, rest: str) -> None:
    url = f"http://{host}{rest}"
    line = refused(TELEGRAM_API_URL=url)
    assert line.startswith("VPNBOT_TELEGRAM_API_URL is http:// to another machine")
    assert line.endswith("or set VPNBOT_TELEGRAM_API_CLEARTEXT=true.")
    for word in ("0", "false", ""):
        assert refused(TELEGRAM_API_URL=url, TELEGRAM_API_CLEARTEXT=word) == line
    assert load(TELEGRAM_API_URL=url, TELEGRAM_API_CLEARTEXT="true").telegram_api_url == url
    assert load(TELEGRAM_API_URL=url.replace("http", "https")).telegram_api_cleartext is False


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.9:81", "[::1]:81", "localhost", "LOCALHOST:1"]
)
def test_loopback_needs_none(host: str) -> None:
    assert load(TELEGRAM_API_URL=f"http://{host}").telegram_api_url == f"http://{host}"


def test_settings_come_from_the_file_too(folder: Path) -> None:
    write(folder / ".env", f"VPNBOT_BOT_TOKEN={TOKEN}\nVPNBOT_GRANT_DURATION='8h'\n")
    settings = load()
    assert settings.token() == TOKEN
    assert settings.grant_duration == 8 * 3600


def test_the_environment_comes_before_the_file(folder: Path) -> None:
    (folder / ".env").write_text("VPNBOT_GRANT_DURATION=8h\nVPNBOT_REQUEST_TTL=1h\n")
    settings = load(GRANT_DURATION="9h")
    assert (settings.grant_duration, settings.request_ttl) == (9 * 3600, 3600)


def test_a_bad_value_in_the_file_is_named_and_not_shown(folder: Path) -> None:
    (folder / ".env").write_text("VPNBOT_GRANT_DURATION=hidden\n")
    line = refused()
    assert line.startswith("VPNBOT_GRANT_DURATION cannot be used")
    assert "hidden" not in line


def test_a_file_that_is_no_text_is_said_so(folder: Path) -> None:
    (folder / ".env").write_bytes(b"VPNBOT_BOT_TOKEN=\xff\xfe\x00")
    assert refused() == "Line 1 of .env is no text in UTF-8; write it anew."


def test_the_default_duration_must_not_exceed_the_longest_one() -> None:
    line = refused(GRANT_DURATION="8d", MAX_GRANT_DURATION="7d")
    assert line.startswith("VPNBOT_GRANT_DURATION is longer than VPNBOT_MAX_GRANT_DURATION")
    assert load(GRANT_DURATION="7d", MAX_GRANT_DURATION="7d").grant_duration == 7 * DAY


# --- secrets ------------------------------------------------------------------------------------


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
        (None, "cannot be read: No such file or directory."),
        (b"", "whose first line is empty."),
        (b"\nsecond line", "whose first line is empty."),
        (b"   \n", "whose first line is empty."),
        (b"\xff\xfe\x00secret", "cannot be read: it is not a text."),
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


def test_what_only_some_commands_need_is_asked_for_when_it_is_needed() -> None:
    settings = load()
    with pytest.raises(BadSettings, match="VPNBOT_BOT_TOKEN_FILE is not set"):
        settings.token()
    with pytest.raises(BadSettings, match="VPNBOT_ADMIN_IDS is not set"):
        settings.require_admins()


@pytest.mark.parametrize("ids", ["", ",", " , ,"])
def test_an_empty_list_of_admins_is_none(ids: str) -> None:
    with pytest.raises(BadSettings, match="VPNBOT_ADMIN_IDS is not set"):
        load(ADMIN_IDS=ids).require_admins()


def test_more_approvals_than_admins_could_never_be_had() -> None:
    with pytest.raises(BadSettings) as caught:
        load(ADMIN_IDS="2001", APPROVALS="2").require_admins()
    assert str(caught.value).startswith("VPNBOT_APPROVALS asks for more")
    load(ADMIN_IDS="2001,2002", APPROVALS="2").require_admins()


def test_a_token_is_stripped_and_nothing_else_changes() -> None:
    assert load(BOT_TOKEN=f"  {TOKEN} ").token() == TOKEN


def test_secrets_are_in_no_repr() -> None:
    settings = load(BOT_TOKEN=TOKEN, CA_PASSPHRASE=PASSPHRASE)
    dumped: list[Any] = [repr(settings), str(settings), settings.model_dump_json()]
    for text in dumped:
        assert TOKEN not in text
        assert TOKEN.split(":")[1] not in text
        assert PASSPHRASE not in text


def test_settings_do_not_change() -> None:
    settings = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.admin_ids = (1,)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("VPNBOT_APPROVALS", {"APPROVALS": "3"}),
        ("VPNBOT_LONG_GRANT_APPROVALS", {"LONG_GRANT_DURATION": "1d", "LONG_GRANT_APPROVALS": "3"}),
    ],
)
def test_no_more_approvals_than_admins(folder: Path, name: str, values: dict[str, str]) -> None:
    settings = load(ADMIN_IDS="2001,2002", **values)
    with pytest.raises(BadSettings, match=name):
        settings.require_admins()
