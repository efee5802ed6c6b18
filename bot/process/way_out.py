"""The way out to Telegram: through a proxy, where a setting or the environment names one.

What the environment says is understood here and not by httpx, so that `run`, `doctor` and `init`
go the same way, and each can say which: a proxy that nobody thinks of is the first cause of a
Telegram that "cannot be reached".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from bot.errors import BadSettings

SETTING = "VPNBOT_TELEGRAM_PROXY"
KINDS = ("http", "https", "socks5", "socks5h")
WANTED = (
    "write http://, https:// or socks5://, then USER:PASSWORD@ if it asks for them, then "
    "HOST:PORT; in USER and PASSWORD write @ : / ? # and % as %40 %3A %2F %3F %23 %25"
)
# Desktops write so of a SOCKS proxy, and mean the version that everybody speaks.
_PLAIN_SOCKS = "socks"
_SOCKS_PORT = 1080
# RFC 1929: a byte tells how long each is.
_LONGEST_WORD = 255


@dataclass(frozen=True, slots=True)
class WayOut:
    """A proxy.

    Attributes:
        url: with user and password, if it has them: never shown, never logged.
        source: what named it, for people: a setting, or a name in the environment.
    """

    url: str = field(repr=False)
    source: str

    @property
    def shown(self) -> str:
        """Without user and password."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    @property
    def for_curl(self) -> str:
        """The same in curl's words: there `socks5` asks this machine's resolver for the name."""
        return self.shown.replace("socks5://", "socks5h://", 1)

    @property
    def is_socks(self) -> bool:
        return self.url.startswith(_PLAIN_SOCKS)


def not_socks(way: WayOut | None) -> tuple[type[Exception], ...]:
    """What comes through httpx as it is where a proxy answers in another protocol than SOCKS 5.

    socksio is imported only where such a proxy is spoken to.
    """
    if way is None or not way.is_socks:
        return ()
    malformed: type[Exception] = import_module("socksio.exceptions").SOCKSError
    return malformed, AssertionError, ValueError


def checked_proxy(text: str) -> str:
    """The proxy's URL as httpx takes it.

    Raises:
        ValueError: it is none that we can use; the text of the error does not show it.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
        words = [unquote(part or "", errors="strict") for part in (parts.username, parts.password)]
    except ValueError:
        raise ValueError(WANTED) from None
    scheme = "socks5" if parts.scheme == _PLAIN_SOCKS else parts.scheme
    is_readable = text.isprintable() and " " not in text and "\\" not in text
    is_whole = parts.netloc.count("@") <= 1 and not (parts.path.strip("/") or parts.query)
    is_known = scheme in KINDS and bool(parts.hostname) and port != 0
    if not (is_readable and is_whole and is_known) or "#" in text:
        raise ValueError(WANTED)
    if scheme.startswith(_PLAIN_SOCKS):
        if any(len(word.encode()) > _LONGEST_WORD for word in words):
            raise ValueError(f"a SOCKS proxy takes user and password of {_LONGEST_WORD} bytes each")
        if port is None:
            return f"{scheme}://{parts.netloc}:{_SOCKS_PORT}"
    return f"{scheme}://{parts.netloc}"


def way_out(setting: str | None, api_url: str, environment: Mapping[str, str]) -> WayOut | None:
    """How to get to a Bot API server; None where nothing is in between.

    The setting is for this and no other program, so it wins. What the environment names is meant
    for the world outside: never for this machine itself, nor for what its `no_proxy` leaves out.

    Args:
        setting: a checked URL.

    Raises:
        BadSettings: the environment names a proxy that we cannot use.
    """
    if setting is not None:
        return WayOut(setting, SETTING)
    target = urlsplit(api_url)
    named = _named(target.scheme, environment)
    if named is None or _is_left_out(target.hostname or "", target.netloc, environment):
        return None
    name, text = named
    try:
        # As curl and others do: without a scheme it is HTTP.
        url = checked_proxy(text if "://" in text else f"http://{text}")
    except ValueError as error:
        raise BadSettings(
            f"{name} in the environment names a proxy that vpnbot can't use: {error}. What is "
            f"meant for vpnbot alone stands in {SETTING}."
        ) from None
    return WayOut(url, f"{name} in the environment")


def _named(scheme: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The name and the value that count: small letters first, as curl, Python and others do."""
    for name in (f"{scheme}_proxy", "all_proxy"):
        for spelt in (name, name.upper()):
            # A web server hands a request's header on under that name (CVE-2016-5385).
            is_header = spelt == "HTTP_PROXY" and "REQUEST_METHOD" in environment
            if environment.get(spelt, "").strip() and not is_header:
                return spelt, environment[spelt].strip()
    return None


def _is_left_out(host: str, netloc: str, environment: Mapping[str, str]) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        if ip_address(host).is_loopback:
            return True
    except ValueError:
        pass  # a name
    left_out = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return any(_covers(entry.strip().lower(), host, netloc) for entry in left_out.split(","))


def _covers(entry: str, host: str, netloc: str) -> bool:
    """As curl has it: `*`, a name and all below it, with or without a port, or a network."""
    if entry in ("*", host, netloc):
        return True
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        suffix = f".{entry.lstrip('.')}"
        return len(suffix) > 1 and (f".{host}".endswith(suffix) or f".{netloc}".endswith(suffix))
