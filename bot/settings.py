"""The settings: from the environment or `.env`, prefix VPNBOT_."""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from shlex import quote
from typing import Annotated, Any
from unicodedata import category
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.access.case import Rules
from bot.access.durations import parse_duration
from bot.access.policy import TICKETS, Hours, TicketPattern, Tickets, checked_link
from bot.access.refusals import Refused
from bot.errors import BadSettings
from bot.process.data_folder import account_name
from bot.process.env_file import ENV_FILE, env_values, parse_env, read_env
from bot.process.privileges import ROOT
from bot.process.way_out import SETTING as PROXY
from bot.process.way_out import WayOut, checked_proxy, way_out
from pki.algorithms import KeyAlgorithm
from storage.database import sqlite_url
from storage.group_records import Reason
from storage.key_records import KeyWay
from storage.records import UserId

PREFIX = "VPNBOT_"
_SECRETS = (f"{PREFIX}BOT_TOKEN", f"{PREFIX}CA_PASSPHRASE")
_TOKEN = re.compile(r"[0-9]{3,}:[A-Za-z0-9_-]{10,}", re.ASCII)
_ID = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
# A secret is a line, not a file of any size.
_SECRET_LENGTH = 4096
# Longer than the CA lives; a calendar ends, too, and then every request would fail.
_LONGEST_DURATION = 3650 * 86_400
# For as long messages about an access that is over are still brought up to date.
_SHORTEST_KEEPING = 30 * 86_400
_LONGEST_STAY = 47 * 3600
_LONGEST_HINT = 100
_PLAIN = (KeyWay.PLAIN,)


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        seconds = parse_duration(value.strip())
    except Refused as error:
        raise ValueError("write a number with m, h, d or w, for example 7d") from error
    if seconds > _LONGEST_DURATION:
        raise ValueError("write a duration of at most 3650d")
    return seconds


def _ids(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(_ID.fullmatch(part) for part in parts):
        raise ValueError(
            "write numeric Telegram ids with commas between them, for example 1001,1002"
        )
    return tuple(dict.fromkeys(int(part) for part in parts))


def _group(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"-[1-9][0-9]{0,15}", value.strip(), re.ASCII):
        raise ValueError("write the number of a group, which begins with -, such as -1001234567890")
    return value


def _token(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not _TOKEN.fullmatch(value.strip()):
        raise ValueError("copy the token from @BotFather: digits, a colon, and letters")
    return value.strip()


def _api_url(value: Any) -> Any:
    words = "write scheme and host, for example https://api.example.com"
    try:
        parts = urlsplit(str(value))
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        # Its own words would show a part of the value.
        raise ValueError(words) from None
    if not fits or parts.query or any(char.isspace() or char == "\\" for char in str(value)):
        raise ValueError(words)
    return str(value).rstrip("/")


def _proxy(value: Any) -> Any:
    return checked_proxy(value.strip()) if isinstance(value, str) else value


def _key_algorithm(value: Any) -> Any:
    if isinstance(value, str) and value not in set(KeyAlgorithm):
        raise ValueError(f"write one of {', '.join(KeyAlgorithm)}")
    return value


def _key_ways(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts or not set(parts) <= set(KeyWay):
        raise ValueError(f"write {' or '.join(KeyWay)}, or several with commas between them")
    return tuple(KeyWay(part) for part in dict.fromkeys(parts))


def _database_url(value: Any) -> Any:
    if value is None:
        return None
    words = "write an SQLAlchemy URL, for example sqlite+aiosqlite:////srv/bot.db"
    try:
        url = make_url(str(value))
    except (ArgumentError, ValueError):
        # The second is about the port, and its own words would show the value.
        raise ValueError(words) from None
    if url.drivername != "sqlite+aiosqlite":
        raise ValueError("only sqlite+aiosqlite:// can be used so far")
    if not url.database or url.database == ":memory:":
        # Memory forgets all at the end of each command.
        raise ValueError(words)
    return value


def _flag(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if value.strip().lower() not in known:
        raise ValueError("write true or false")
    return known[value.strip().lower()]


def _period(value: Any) -> Any:
    """A duration; 0 is 'off'."""
    return 0 if isinstance(value, str) and value.strip().lower() == "off" else _duration(value)


def _keeping(value: Any) -> Any:
    """How long it is kept what the servers have shown."""
    seconds = _duration(value)
    if isinstance(seconds, int) and seconds < _SHORTEST_KEEPING:
        raise ValueError("write at least 30d")
    return seconds


def _stay(value: Any) -> Any:
    """How long a message stays that Telegram lets a bot delete for 48 hours."""
    seconds = _period(value)
    if isinstance(seconds, int) and seconds > _LONGEST_STAY:
        raise ValueError("write at most 47h, since Telegram deletes nothing after 48, or off")
    return seconds


def _reason(value: Any) -> Any:
    if isinstance(value, str) and value not in set(Reason):
        raise ValueError(f"write one of {', '.join(Reason)}")
    return value


def _ticket_pattern(value: Any) -> Any:
    if isinstance(value, str):
        TicketPattern.parse(value)
    return value


def _ticket_link(value: Any) -> Any:
    return checked_link(value.strip()) if isinstance(value, str) else value


def _hint(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST_HINT:
        raise ValueError(f"write at most {_LONGEST_HINT} characters")
    return value


def _hours(value: Any) -> Any:
    """By the clock of another setting, so here it is looked at only."""
    if isinstance(value, str):
        Hours.parse(value, None)
    return value


def _zone(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("write the name of a time zone, such as Europe/Berlin") from None


_Seconds = Annotated[int, BeforeValidator(_duration)]


class Settings(BaseSettings):
    """Every setting, as it was written; what belongs together is put together by methods."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        hide_input_in_errors=True,
        frozen=True,
    )

    bot_token: Annotated[SecretStr | None, BeforeValidator(_token)] = None
    bot_token_file: Path | None = None
    admin_ids: Annotated[tuple[int, ...], NoDecode, BeforeValidator(_ids)] = ()
    admin_group: Annotated[int | None, BeforeValidator(_group)] = None
    cards_group: Annotated[int | None, BeforeValidator(_group)] = None
    data_dir: Path = Path("./data")
    database_url: Annotated[str | None, BeforeValidator(_database_url)] = None
    ca_passphrase: SecretStr | None = None
    ca_passphrase_file: Path | None = None
    telegram_api_url: Annotated[str, BeforeValidator(_api_url)] = "https://api.telegram.org"
    # It may hold a password.
    telegram_proxy: Annotated[SecretStr | None, BeforeValidator(_proxy)] = None
    telegram_api_cleartext: Annotated[bool, BeforeValidator(_flag)] = False
    grant_duration: _Seconds = 7 * 86_400
    max_grant_duration: _Seconds = 30 * 86_400
    request_ttl: _Seconds = 86_400
    approvals: Annotated[int, Field(ge=1, le=10)] = 1
    long_grant_duration: _Seconds | None = None
    long_grant_approvals: Annotated[int, Field(ge=1, le=10)] = 2
    reason: Annotated[Reason, BeforeValidator(_reason)] = Reason.OPTIONAL
    ticket_pattern: Annotated[str, BeforeValidator(_ticket_pattern)] = TICKETS.pattern.text
    ticket_hint: Annotated[str, BeforeValidator(_hint)] = TICKETS.hint
    ticket_link: Annotated[str | None, BeforeValidator(_ticket_link)] = None
    max_profiles: Annotated[int, Field(ge=1, le=1000)] | None = None
    working_hours: Annotated[str | None, BeforeValidator(_hours)] = None
    # None: the machine's.
    time_zone: Annotated[ZoneInfo | None, BeforeValidator(_zone)] = None
    tell_ends: Annotated[bool, BeforeValidator(_flag)] = False
    # In seconds; 0 is off.
    canary: Annotated[int, BeforeValidator(_period)] = 300
    keep_proofs: Annotated[int, BeforeValidator(_keeping)] = 90 * 86_400
    # None: the one in the data folder.
    ssh_key_file: Path | None = None
    templates: Path | None = None
    bundle: Annotated[bool, BeforeValidator(_flag)] = False
    # In seconds; 0 is off.
    delete_profiles: Annotated[int, BeforeValidator(_stay)] = 86_400
    # None: the kind that the CA has.
    client_key: Annotated[KeyAlgorithm | None, BeforeValidator(_key_algorithm)] = None
    profile_key: Annotated[tuple[KeyWay, ...], NoDecode, BeforeValidator(_key_ways)] = _PLAIN

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment comes before `.env`, which `load_settings` reads and passes on."""
        return env_settings, init_settings

    def rules(self) -> Rules:
        """What the use cases go by."""
        hours, pattern = self.working_hours, TicketPattern.parse(self.ticket_pattern)
        return Rules(
            default_duration=self.grant_duration,
            max_duration=self.max_grant_duration,
            request_ttl=self.request_ttl,
            admins=tuple(UserId(admin) for admin in self.admin_ids),
            approvals=self.approvals,
            long_duration=self.long_grant_duration,
            long_approvals=self.long_grant_approvals,
            tell_ends=self.tell_ends,
            profiles_stay=self.delete_profiles,
            key_ways=self.profile_key,
            reason=self.reason,
            tickets=Tickets(pattern, self.ticket_hint, self.ticket_link),
            max_profiles=self.max_profiles,
            hours=None if hours is None else Hours.parse(hours, self.time_zone),
            group=self.admin_group,
            cards_group=self.cards_group,
            zone=self.time_zone,
        )

    def url(self) -> URL:
        """Where the database is."""
        if self.database_url is None:
            return sqlite_url(self.data_dir.absolute() / "vpnbot.db")
        return make_url(self.database_url)

    def way_out(self) -> WayOut | None:
        """The proxy on the way to Telegram; None where there is none.

        Raises:
            BadSettings: the environment names one that we cannot use.
        """
        proxy = self.telegram_proxy and self.telegram_proxy.get_secret_value()
        return way_out(proxy or None, self.telegram_api_url, os.environ)

    def token(self) -> str:
        """The bot's token.

        Raises:
            BadSettings: neither given directly nor by a file, or not a token.
        """
        token = _one_secret("BOT_TOKEN", self.bot_token, self.bot_token_file)
        if token is None:
            raise BadSettings(
                "VPNBOT_BOT_TOKEN_FILE isn't set: name a file with the token from @BotFather."
            )
        if not _TOKEN.fullmatch(token):
            raise BadSettings(
                "VPNBOT_BOT_TOKEN_FILE names a file without a bot token; copy it from @BotFather."
            )
        return token

    def passphrase(self) -> str | None:
        """What opens the CA's key; None where no setting says it.

        Raises:
            BadSettings: the file cannot be read.
        """
        return _one_secret("CA_PASSPHRASE", self.ca_passphrase, self.ca_passphrase_file)

    def require_admins(self) -> None:
        """Raises BadSettings where nobody could approve anything."""
        if not self.admin_ids:
            raise BadSettings(
                "VPNBOT_ADMIN_IDS isn't set: write the numeric Telegram ids of those who approve."
            )
        for name, needed in self.approvals_needed():
            if needed > len(self.admin_ids):
                raise BadSettings(
                    f"{name} asks for more approvals than VPNBOT_ADMIN_IDS has admins; add admins, "
                    "or ask for fewer."
                )

    def approvals_needed(self) -> Iterable[tuple[str, int]]:
        """How many admins have to agree at most, by the settings that say so."""
        yield f"{PREFIX}APPROVALS", self.approvals
        if self.long_grant_duration is not None:
            yield f"{PREFIX}LONG_GRANT_APPROVALS", self.long_grant_approvals


def load_settings() -> Settings:
    """Reads and checks all settings.

    Raises:
        BadSettings: one that is wrong or unknown; the line names it and never shows a value.
    """
    text = read_env(Path(ENV_FILE).absolute())
    _refuse_unknown(os.environ, "the environment")
    _refuse_unknown((line.name for line in parse_env(text) if line.name), ENV_FILE)
    _refuse_unclear(os.environ)
    in_file = env_values(text)
    _refuse_shown(in_file)
    ours = {name: value for name, value in in_file.items() if name.startswith(PREFIX)}
    values: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): value for name, value in ours.items()
    }
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise BadSettings(_first_line(error)) from None
    if settings.grant_duration > settings.max_grant_duration:
        raise BadSettings(
            "VPNBOT_GRANT_DURATION is longer than VPNBOT_MAX_GRANT_DURATION; shorten the first."
        )
    if not settings.telegram_api_cleartext and _is_cleartext(settings.telegram_api_url):
        raise BadSettings(
            "VPNBOT_TELEGRAM_API_URL is http:// to another machine, so everybody on the way can "
            "read the token and the profiles; write https://, or set "
            "VPNBOT_TELEGRAM_API_CLEARTEXT=true."
        )
    return settings


def read_secret(setting: str, path: Path) -> str:
    """The first line of a file that holds a secret.

    A container's /run/secrets gets no exception: what it shows to all there, its root can close.

    Raises:
        BadSettings: it cannot be read, others can read it, too, or it is empty.
    """
    shown = quote(str(path.absolute()))
    try:
        with path.open(encoding="utf-8") as file:
            if open_to_others(os.fstat(file.fileno())):
                raise BadSettings(
                    f"{setting} names a file that others can read; run: chmod 600 {shown}"
                )
            text = file.read(_SECRET_LENGTH)
    except PermissionError:
        account = account_name(os.geteuid())
        # Whoever took over the account may name a file of root's, which is not to be given away.
        is_at_home = Path(os.path.realpath(path)).is_relative_to(Path.cwd())
        mend = f"run as root: chown {account} {shown}" if is_at_home else "name one of its own."
        raise BadSettings(f"{setting} names a file that {account} may not read; {mend}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it isn't a text"
        raise BadSettings(f"{setting} names a file that can't be read: {reason}.") from None
    secret = text.split("\n", 1)[0].strip()
    if not secret:
        raise BadSettings(f"{setting} names a file whose first line is empty.")
    return secret


def open_to_others(facts: os.stat_result) -> bool:
    """Whether accounts that are neither root nor the file's owner may read or change it.

    Root's group is trusted as root is, and root may give a file to the group of the account that
    reads it. The first is needed for systemd's credentials: what their group bits show is the
    access list, which names the service's account alone, see acl(5). Pipes are nobody else's:
    `--passphrase-file <(pass show backup)`.
    """
    if not stat.S_ISREG(facts.st_mode):
        return False
    is_given = facts.st_uid == ROOT and (os.geteuid() == ROOT or facts.st_gid == os.getegid())
    is_trusted = facts.st_gid == ROOT or is_given
    return bool(facts.st_mode & (stat.S_IRWXO if is_trusted else stat.S_IRWXO | stat.S_IRWXG))


def _one_secret(name: str, value: SecretStr | None, path: Path | None) -> str | None:
    if value is not None and path is not None:
        raise BadSettings(f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set; keep one.")
    if path is not None:
        return read_secret(f"{PREFIX}{name}_FILE", path)
    return None if value is None else value.get_secret_value()


def _refuse_unknown(names: Iterable[str], place: str) -> None:
    """Also where only the underscores differ: nobody reads VPNBOTAPPROVALS."""
    known = {f"{PREFIX}{field}".upper() for field in Settings.model_fields}
    bare = {name.replace("_", "") for name in known}
    for name, upper in ((name, name.upper()) for name in names):
        if upper not in known and (upper.startswith(PREFIX) or upper.replace("_", "") in bare):
            raise BadSettings(f"{name} in {place} isn't a setting of vpnbot; see .env.example.")


def _refuse_unclear(environment: Mapping[str, str]) -> None:
    """Names are read in any case, so that one may be there twice; and a value is a text."""
    seen: dict[str, str] = {}
    for name, value in environment.items():
        if not name.upper().startswith(PREFIX):
            continue
        if seen.setdefault(name.upper(), value) != value:
            raise BadSettings(
                f"{name.upper()} is in the environment twice, with two values; keep one."
            )
        if not value.isprintable() and any(category(char) in ("Cc", "Cs") for char in value):
            raise BadSettings(
                f"{name} in the environment has a line break, a control character, or bytes that "
                "are no text in UTF-8; write it anew."
            )


def _is_cleartext(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def _refuse_shown(in_file: Mapping[str, str | None]) -> None:
    """A secret in `.env` is as closed as that file is."""
    for name, value in in_file.items():
        # A proxy without a password is no secret.
        is_secret = name.upper() in _SECRETS or (name.upper() == PROXY and "@" in (value or ""))
        if value and is_secret and open_to_others(Path(ENV_FILE).stat()):
            raise BadSettings(
                f"{ENV_FILE} holds {name.upper()}, and others can read it; run: chmod 600 "
                f"{quote(str(Path(ENV_FILE).absolute()))}"
            )


def _first_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    name = f"{PREFIX}{first['loc'][0]}".upper()
    # Our validators raise ValueError with words of their own.
    words = first["ctx"]["error"] if first["type"] == "value_error" else first["msg"]
    return f"{name} can't be used: {words}."
