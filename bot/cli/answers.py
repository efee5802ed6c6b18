"""The answers that `vpnbot init` needs: from flags, from what is set already, or by asking.

Nothing is written here. Each answer is checked at once.
"""

import asyncio
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pydantic import SecretStr
from telegram.error import TelegramError

from bot.access.matching import as_user_id
from bot.access.people import parse_user_id
from bot.cli.asking import Asker
from bot.cli.server_choice import ServerFlags, choose_server
from bot.cli.shared import say
from bot.errors import BadSettings
from bot.health.network import greet, reason_of
from bot.process.env_file import env_values, read_env
from bot.process.way_out import SETTING as PROXY
from bot.process.way_out import checked_proxy
from bot.settings import PREFIX, Settings, read_secret
from bot.setup.first_time import Place, edit_env
from bot.setup.servers import ServerToAdd
from pki.authority_files import load_authority
from pki.errors import AuthorityMissing
from pki.passphrase import check_new_passphrase

_MADE_UP_BYTES = 24


@dataclass(frozen=True, slots=True)
class Flags:
    """What was given on the command line."""

    token_file: Path | None
    admins: tuple[str, ...]
    server: ServerFlags
    passphrase_file: Path | None
    proxy_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret and the file that keeps it.

    Attributes:
        path: None where a setting holds the secret itself.
        is_new: whether the file has yet to be written.
    """

    value: str = field(repr=False)
    path: Path | None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class _SecretName:
    setting: str
    flag: str
    file: str


_TOKEN = _SecretName("BOT_TOKEN", "--token-file", "bot-token")
_PASSPHRASE = _SecretName("CA_PASSPHRASE", "--passphrase-file", "ca-passphrase")


@dataclass(frozen=True, slots=True)
class Answers:
    """All that is needed, checked.

    Attributes:
        username: the bot's; None where Telegram could not be asked.
        new_server: to be added; None where there is one already.
        server: the name of one that is there; None where none was named.
        directory: the server's folder as it was typed, now or as a flag; None where it was not.
        env: the new text of `.env`; None where it stays as it is.
    """

    token: Secret
    username: str | None
    passphrase: Secret
    new_server: ServerToAdd | None
    server: str | None
    directory: PurePosixPath | None
    env: str | None


def gather(settings: Settings, flags: Flags, place: Place, asker: Asker) -> Answers:
    """Everything, in the order in which a person is asked."""
    if flags.proxy_file is not None:
        settings = _with_proxy(settings, read_secret("--proxy-file", flags.proxy_file))
    settings.way_out()  # one that cannot be used is said before anything is asked
    token, username = _token(settings, flags, place, asker)
    if username is None:
        settings, username = _by_proxy(settings, token.value, asker)
    way = settings.way_out()
    admins = _admins(settings, flags, asker)
    passphrase = _passphrase(settings, flags, place, asker)
    new_server, server = choose_server(settings, flags.server, place, asker)
    wanted = {f"{PREFIX}ADMIN_IDS": admins, f"{PREFIX}DATA_DIR": str(place.folder.path)}
    if way is not None and (username or settings.telegram_proxy):
        # The bot may run where the environment is another one, as services do.
        asker.tell(f"Telegram is reached through the proxy {way.shown} ({way.source}).")
        wanted[PROXY] = way.url
    for name, secret in ((_TOKEN, token), (_PASSPHRASE, passphrase)):
        if secret.path is not None:
            wanted[f"{PREFIX}{name.setting}_FILE"] = str(secret.path)
    env = _edited_env(place, wanted, asker)
    given = flags.server.directory
    directory = PurePosixPath(given.absolute()) if given is not None else None
    if new_server is not None:
        directory = new_server.directory
    return Answers(token, username, passphrase, new_server, server, directory, env)


def _token(
    settings: Settings, flags: Flags, place: Place, asker: Asker
) -> tuple[Secret, str | None]:
    kept = _kept(_TOKEN, flags.token_file, settings.bot_token, settings.bot_token_file, place)
    if kept is not None:
        return kept, _check_token(settings, kept.value)

    def check(text: str) -> tuple[Secret, str | None]:
        username = _check_token(settings, text)
        return Secret(text, place.secrets / _TOKEN.file, is_new=True), username

    question = "The bot's token from @BotFather (it isn't shown)"
    secret, username = asker.ask(_TOKEN.flag, question, check, hidden=True)
    if username:
        asker.tell(f"  That is @{username}.")
    return secret, username


def _kept(
    name: _SecretName, flag: Path | None, value: SecretStr | None, path: Path | None, place: Place
) -> Secret | None:
    """A secret that need not be asked for; None where there is none."""
    if value is not None:
        if flag is not None or path is not None:
            other = name.flag if flag is not None else f"{PREFIX}{name.setting}_FILE"
            raise BadSettings(f"{PREFIX}{name.setting} is set as well as {other}; keep one.")
        return Secret(value.get_secret_value(), None)
    if flag is not None:
        return Secret(read_secret(name.flag, flag), flag.absolute())
    if path is not None:
        return Secret(read_secret(f"{PREFIX}{name.setting}_FILE", path), path.absolute())
    earlier = place.secrets / name.file
    if earlier.exists():  # an earlier run was interrupted before it wrote .env
        return Secret(read_secret(str(earlier), earlier), earlier)
    return None


def _check_token(settings: Settings, token: str) -> str | None:
    """The bot's username; None where Telegram cannot be asked now."""
    probe = settings.model_copy(update={"bot_token": SecretStr(token), "bot_token_file": None})
    try:
        probe.token()
    except BadSettings:
        raise BadSettings(
            "This isn't a bot token: copy it from @BotFather, digits, a colon, and letters."
        ) from None
    try:
        return _username(settings, token)
    except TelegramError as error:
        say(f"Telegram can't be reached: {reason_of(error)}.")
        return None


def _username(settings: Settings, token: str) -> str:
    """Raises TelegramError, TokenRefused, BadSettings."""
    return asyncio.run(greet(token, settings.telegram_api_url, settings.way_out())).username


def _with_proxy(settings: Settings, text: str) -> Settings:
    try:
        url = checked_proxy(text)
    except ValueError as error:
        raise BadSettings(f"This isn't a proxy: {error}.") from None
    return settings.model_copy(update={"telegram_proxy": SecretStr(url)})


def _by_proxy(settings: Settings, token: str, asker: Asker) -> tuple[Settings, str | None]:
    """Where Telegram does not answer: asks for a way, until one leads there, or they go on."""

    def check(text: str) -> tuple[Settings, str | None]:
        if not text:
            return settings, None
        tried = _with_proxy(settings, text)
        try:
            return tried, _username(tried, token)
        except TelegramError as error:
            # What was typed here is no setting yet.
            reason = reason_of(error).replace(f" ({PROXY})", "")
            raise BadSettings(f"Telegram doesn't answer: {reason}.") from None

    found: tuple[Settings, str | None] = (settings, None)
    if not asker.silent:
        asker.tell("Where it is blocked, a proxy leads there: socks5://USER:PASSWORD@HOST:PORT, or")
        asker.tell("http:// or https://, without USER:PASSWORD@ if it asks for none.")
        question = "A proxy (it isn't shown; Enter goes on without)"
        found = asker.ask("--proxy-file", question, check, hidden=True)
    if found[1] is None:
        say("The token isn't tried; `vpnbot doctor` does it once Telegram answers.")
    else:
        asker.tell(f"  That is @{found[1]}.")
    return found


def _admins(settings: Settings, flags: Flags, asker: Asker) -> str:
    known = flags.admins or tuple(map(str, settings.admin_ids))
    given = ",".join(known) if known else None
    question = "The admins' numeric Telegram ids, with commas between them"
    return asker.ask("--admin", question, _check_admins, given=given)


def _check_admins(text: str) -> str:
    # Before there is a bot, no /start can tell anybody's.
    parts = re.split(r"[,;\s]+", text.strip(" ,;"))
    wrong = next((part for part in parts if part and as_user_id(part) is None), None)
    if wrong is not None:
        raise BadSettings(
            f"“{wrong}” isn't a Telegram id. That's a number; Telegram Desktop shows yours in your "
            "profile, once Settings › Advanced › Experimental settings › Show Peer IDs is on."
        )
    ids = [parse_user_id(part) for part in parts if part]
    if not ids:
        raise BadSettings("At least one admin is needed, or nobody could approve anything.")
    return ",".join(map(str, dict.fromkeys(ids)))


def _passphrase(settings: Settings, flags: Flags, place: Place, asker: Asker) -> Secret:
    kept = _kept(
        _PASSPHRASE,
        flags.passphrase_file,
        settings.ca_passphrase,
        settings.ca_passphrase_file,
        place,
    )
    if kept is not None:
        _opens(place, kept.value)
        return kept
    has_ca = place.folder.ca.exists()

    def check(text: str) -> Secret:
        value = _opens(place, text) if has_ca else _chosen(text, asker)
        return Secret(value, place.secrets / _PASSPHRASE.file, is_new=True)

    question = (
        "The CA's passphrase (it isn't shown)"
        if has_ca
        else "A passphrase for the new CA (it isn't shown; Enter makes one up)"
    )
    return asker.ask(_PASSPHRASE.flag, question, check, hidden=True)


def _chosen(text: str, asker: Asker) -> str:
    if not text:
        return secrets.token_urlsafe(_MADE_UP_BYTES)
    check_new_passphrase(text)

    def check(again: str) -> bool:
        return again == text

    if not asker.ask(_PASSPHRASE.flag, "Once more", check, hidden=True):
        raise BadSettings("The two differ.")
    return text


def _opens(place: Place, passphrase: str) -> str:
    """The same passphrase, if it opens the CA that is there, or is good for a new one."""
    try:
        load_authority(place.folder.ca, passphrase)
    except AuthorityMissing:
        check_new_passphrase(passphrase)
    return passphrase


def _edited_env(place: Place, wanted: Mapping[str, str], asker: Asker) -> str | None:
    """The new `.env`; None where it says all this already.

    Raises:
        BadSettings: a setting is another one already, and nobody agreed to change it.
    """
    outside = {name.upper(): value for name, value in os.environ.items() if value}
    text = read_env(place.env)
    inside = env_values(text)
    changes = {}
    for name, value in wanted.items():
        if name in outside and not _same(name, outside[name], value):
            raise BadSettings(f"{name} in the environment is another one; unset it first.")
        if name not in inside:
            changes[name] = value
        elif not _same(name, inside[name], value):
            if not asker.agrees(f"{name} in .env is another one. Replace it?"):
                raise BadSettings(f"{name} in .env is another one; change it there. No change yet.")
            changes[name] = value
    return edit_env(text, changes) if changes else None


def _same(name: str, one: str, other: str) -> bool:
    if name == f"{PREFIX}ADMIN_IDS":
        return _check_admins(one) == _check_admins(other)
    if name == PROXY:
        return one == other
    return Path(one).absolute() == Path(other).absolute()
