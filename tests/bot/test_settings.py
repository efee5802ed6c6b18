"""Settings: what is wrong is named in one line, and no value is ever shown."""

import os
import traceback
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.access.case import Rules
from bot.access.policy import Hours, TicketPattern, Tickets
from bot.errors import BadSettings
from bot.settings import Settings, load_settings
from storage.group_records import Reason
from storage.records import UserId
from tests.bot.settings_kit import PASSPHRASE, TOKEN, leave_own_settings, load, refused, write

DAY = 86_400
NAMES = {f"VPNBOT_{field}".upper() for field in Settings.model_fields}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in."""
    leave_own_settings(tmp_path, monkeypatch)
    return tmp_path


def test_without_any_setting_the_defaults_hold(folder: Path) -> None:
    settings = load()
    assert settings.rules() == Rules(
        default_duration=7 * DAY,
        max_duration=30 * DAY,
        request_ttl=DAY,
        admins=(),
        profiles_stay=DAY,
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
        ADMIN_GROUP="-1001234567890",
        CARDS_GROUP="-1009876543210",
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
        REASON="ticket",
        TICKET_PATTERN=r"OPS-\d+",
        TICKET_HINT="the number of a ticket",
        TICKET_LINK="https://example.com/{ticket}",
        MAX_PROFILES="2",
        WORKING_HOURS="Mon-Fri 8:00-18:00",
        TIME_ZONE="Europe/Berlin",
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
        profiles_stay=DAY,
        reason=Reason.TICKET,
        tickets=Tickets(
            TicketPattern.parse(r"OPS-\d+"),
            "the number of a ticket",
            "https://example.com/{ticket}",
        ),
        max_profiles=2,
        hours=Hours.parse("Mon-Fri 8:00-18:00", ZoneInfo("Europe/Berlin")),
        group=-1001234567890,
        cards_group=-1009876543210,
        zone=ZoneInfo("Europe/Berlin"),
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
        "VPNBOT_ADMIN_GROUP",
        "VPNBOT_CARDS_GROUP",
        "VPNBOT_DATA_DIR",
        "VPNBOT_DATABASE_URL",
        "VPNBOT_CA_PASSPHRASE",
        "VPNBOT_CA_PASSPHRASE_FILE",
        "VPNBOT_TELEGRAM_API_URL",
        "VPNBOT_TELEGRAM_API_CLEARTEXT",
        "VPNBOT_TELEGRAM_PROXY",
        "VPNBOT_GRANT_DURATION",
        "VPNBOT_MAX_GRANT_DURATION",
        "VPNBOT_REQUEST_TTL",
        "VPNBOT_SSH_KEY_FILE",
        "VPNBOT_APPROVALS",
        "VPNBOT_CANARY",
        "VPNBOT_KEEP_PROOFS",
        "VPNBOT_TELL_ENDS",
        "VPNBOT_CLIENT_KEY",
        "VPNBOT_PROFILE_KEY",
        "VPNBOT_DELETE_PROFILES",
        "VPNBOT_LONG_GRANT_DURATION",
        "VPNBOT_LONG_GRANT_APPROVALS",
        "VPNBOT_REASON",
        "VPNBOT_TICKET_PATTERN",
        "VPNBOT_TICKET_HINT",
        "VPNBOT_TICKET_LINK",
        "VPNBOT_MAX_PROFILES",
        "VPNBOT_WORKING_HOURS",
        "VPNBOT_TIME_ZONE",
    } == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_an_empty_value_is_as_good_as_none(name: str) -> None:
    assert load(**{name.removeprefix("VPNBOT_"): ""}) == load()


BAD_DURATIONS = ["7", "0d", "-1d", "1y", "7days", "1.5h", "week", "9999999999d", "3651d"]
BAD: list[tuple[str, str]] = [
    *(("BOT_TOKEN", value) for value in ("abc-no-token", "12:short", "123456789:spa ce_in_it_ok")),
    *(("ADMIN_IDS", value) for value in ("boris", "@boris", "2001;2002", "0", "-5", "1.5", "２")),
    *(("ADMIN_IDS", value) for value in ("2001 2002", "12345678901234567")),
    *(("ADMIN_GROUP", value) for value in ("2001", "@nonsense", "-0", "-1.5", "--55", "−55")),
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
    *(("KEEP_PROOFS", value) for value in ("29d", "off", "nonsense")),
    *(("DELETE_PROFILES", value) for value in ("48h", "2d", "nonsense", "-1h")),
    *(("PROFILE_KEY", value) for value in ("nonsense", "plain;passphrase", ",", "Plain")),
    *(("BUNDLE", value) for value in ("perhaps", "2", "zip")),
    *(("APPROVALS", value) for value in ("0", "11", "-1", "two", "1.5", "nonsense")),
    *(("LONG_GRANT_APPROVALS", value) for value in ("0", "11", "-1", "two", "1.5", "nonsense")),
    *(("REASON", value) for value in ("nonsense", "yes", "Ticket")),
    *(("TICKET_PATTERN", value) for value in ("(nonsense)", "nonsense**", "[nonsense", "x{9,2}")),
    ("TICKET_HINT", "nonsense" * 20),
    *(("TICKET_LINK", value) for value in ("nonsense", "https://nonsense", "https://{ticket}/")),
    *(("MAX_PROFILES", value) for value in ("0", "-1", "1001", "nonsense")),
    *(("WORKING_HOURS", value) for value in ("nonsense", "Mon 18:00-8:00", "Tue-Thu")),
    *(("TIME_ZONE", value) for value in ("nonsense", "Europe/nonsense", "../nonsense", "/etc")),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_named_and_not_shown(name: str, value: str) -> None:
    line = refused(**{name: value})
    assert line.startswith(f"VPNBOT_{name} can't be used: ")
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
    assert refused(DATABASE_URL=url).startswith("VPNBOT_DATABASE_URL can't be used")


@pytest.mark.parametrize(
    "name", ["VPNBOT_TOKEN", "VPNBOT_ADMIN_ID", "vpnbot_oops", "VPNBOT_", "VPNBOTAPPROVALS"]
)
def test_an_unknown_name_of_ours_in_the_environment_stops_the_start(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "hidden-value")
    line = refused()
    assert line.startswith(f"{name} in the environment isn't a setting")
    assert "hidden" not in line


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("VPNBOT_OOPS", "VPNBOT_OOPS=hidden"),
        ("VPNBOT_OOPS", "export VPNBOT_OOPS='hidden'"),
        ("VPNBOTAPPROVALS", "vpnbotApprovals = hidden"),
        ("VPN_BOT_APPROVALS", "VPN_BOT_APPROVALS=hidden"),
    ],
)
def test_an_unknown_name_of_ours_in_the_file_stops_the_start(
    folder: Path, name: str, line: str
) -> None:
    (folder / ".env").write_text(f"OTHER=1\n{line}\n")
    found = refused()
    assert found.startswith(f"{name} in .env isn't a setting")
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
    assert line.startswith("VPNBOT_GRANT_DURATION can't be used")
    assert "hidden" not in line


def test_a_file_that_is_no_text_is_said_so(folder: Path) -> None:
    (folder / ".env").write_bytes(b"VPNBOT_BOT_TOKEN=\xff\xfe\x00")
    assert refused() == "Line 1 of .env isn't text in UTF-8; write it anew."


def test_the_default_duration_must_not_exceed_the_longest_one() -> None:
    line = refused(GRANT_DURATION="8d", MAX_GRANT_DURATION="7d")
    assert line.startswith("VPNBOT_GRANT_DURATION is longer than VPNBOT_MAX_GRANT_DURATION")
    assert load(GRANT_DURATION="7d", MAX_GRANT_DURATION="7d").grant_duration == 7 * DAY


def test_what_only_some_commands_need_is_asked_for_when_it_is_needed() -> None:
    settings = load()
    with pytest.raises(BadSettings, match="VPNBOT_BOT_TOKEN_FILE isn't set"):
        settings.token()
    with pytest.raises(BadSettings, match="VPNBOT_ADMIN_IDS isn't set"):
        settings.require_admins()


@pytest.mark.parametrize("ids", ["", ",", " , ,"])
def test_an_empty_list_of_admins_is_none(ids: str) -> None:
    with pytest.raises(BadSettings, match="VPNBOT_ADMIN_IDS isn't set"):
        load(ADMIN_IDS=ids).require_admins()


def test_more_approvals_than_admins_could_never_be_had() -> None:
    with pytest.raises(BadSettings) as caught:
        load(ADMIN_IDS="2001", APPROVALS="2").require_admins()
    assert str(caught.value).startswith("VPNBOT_APPROVALS asks for more")
    load(ADMIN_IDS="2001,2002", APPROVALS="2").require_admins()


def test_a_token_is_stripped_and_nothing_else_changes() -> None:
    assert load(BOT_TOKEN=f"  {TOKEN} ").token() == TOKEN


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
