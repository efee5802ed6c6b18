"""Which proxy is on the way to Telegram: what is set, what is found, what is refused."""

import httpx
import pytest

from bot.errors import BadSettings
from bot.process.logs import redact
from bot.process.way_out import WayOut, checked_proxy, way_out

API = "https://api.telegram.org"
SECRET = "s3cret-Of-Anna"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("https://proxy.example.com", "https://proxy.example.com"),
        ("socks5://127.0.0.1:9050/", "socks5://127.0.0.1:9050"),
        ("socks5h://u:p@[::1]:1080", "socks5h://u:p@[::1]:1080"),
        ("SOCKS5://127.0.0.1", "socks5://127.0.0.1:1080"),
        # What desktops write.
        ("socks://127.0.0.1:1080/", "socks5://127.0.0.1:1080"),
        ("http://anna:p%40ss%3A%2F%25@h:1", "http://anna:p%40ss%3A%2F%25@h:1"),
    ],
)
def test_a_proxy_as_it_is_written(text: str, url: str) -> None:
    assert checked_proxy(text) == url
    made = httpx.Proxy(url)
    assert made.url.host
    if "%40" in url:
        assert made.auth == ("anna", "p@ss:/%")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "proxy.example.com:3128",
        "socks4://h:1080",
        "socks4a://h:1080",
        "ftp://h:21",
        "http://",
        "http://:3128",
        "http://h:0",
        "http://h:99999",
        "http://h:port",
        f"http://u:{SECRET}@",
        f"http://u:{SECRET}@x@h:1",
        f"http://u:{SECRET}/x@h:1",
        f"http://u:{SECRET}#x@h:1",
        f"http://u:12#{SECRET}@h:1",
        f"http://u:{SECRET}?x@h:1",
        f"http://u:{SECRET} x@h:1",
        f"http://u:{SECRET}\\x@h:1",
        f"socks5://u:{'x' * 256}@h:1",
        "http://h:1/path",
        "http://h:1?q=1",
        "http://[::1",
        "http://u:%ff@h:1",
    ],
)
def test_what_is_no_proxy(text: str) -> None:
    with pytest.raises(ValueError, match=r"write http|255 bytes") as caught:
        checked_proxy(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "shown", "source"),
    [
        ({"ALL_PROXY": "socks5://h:1"}, "socks5://h:1", "ALL_PROXY in the environment"),
        ({"all_proxy": "socks5h://h:1"}, "socks5h://h:1", "all_proxy in the environment"),
        ({"all_proxy": "http://a:1", "ALL_PROXY": "http://b:1"}, "http://a:1", "all_proxy in"),
        ({"HTTPS_PROXY": "h:3128", "ALL_PROXY": "socks5://s:1"}, "http://h:3128", "HTTPS_PROXY in"),
        ({"https_proxy": " ", "ALL_PROXY": f"http://u:{SECRET}@h:1"}, "http://h:1", "ALL_PROXY in"),
        ({"ALL_PROXY": "http://h:1", "NO_PROXY": "example.com"}, "http://h:1", "ALL_PROXY in"),
    ],
)
def test_what_the_environment_names(environment: dict[str, str], shown: str, source: str) -> None:
    way = way_out(None, API, environment)
    assert way is not None
    assert way.shown == shown
    assert way.source.startswith(source)
    assert SECRET not in repr(way)


@pytest.mark.parametrize(
    ("api", "environment"),
    [
        (API, {}),
        (API, {"HTTP_PROXY": "http://h:1"}),
        (API, {"ALL_PROXY": ""}),
        (API, {"ALL_PROXY": "http://h:1", "NO_PROXY": ".telegram.org"}),
        (API, {"ALL_PROXY": "http://h:1", "no_proxy": "*"}),
        ("https://10.1.2.3:8443", {"ALL_PROXY": "http://h:1", "no_proxy": "x, 10.0.0.0/8"}),
        # A web server hands a request's header on under that name.
        ("http://api.example.com", {"HTTP_PROXY": "http://h:1", "REQUEST_METHOD": "GET"}),
        *(
            (f"http://{host}:8081", {"ALL_PROXY": "socks4://h:1"})
            for host in ("127.0.0.1", "[::1]")
        ),
        ("http://localhost:8081", {"all_proxy": "http://h:1"}),
    ],
)
def test_nothing_in_between(api: str, environment: dict[str, str]) -> None:
    assert way_out(None, api, environment) is None


@pytest.mark.parametrize("url", [f"socks4://u:{SECRET}@h:1", f"u:{SECRET}/@h:1", "quic://h:1"])
def test_one_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(BadSettings) as caught:
        way_out(None, API, {"ALL_PROXY": url})
    assert str(caught.value).startswith("ALL_PROXY in the environment names a proxy")
    assert "VPNBOT_TELEGRAM_PROXY" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_setting_wins() -> None:
    way = way_out("socks5://a:1", "http://127.0.0.1:1", {"ALL_PROXY": "socks4://b:1"})
    assert way == WayOut("socks5://a:1", "VPNBOT_TELEGRAM_PROXY")


@pytest.mark.parametrize(
    "url", ["http://u:{}@h:1", "socks5://u:{}@[::1]:1", "x postgresql://u:{}@h/db"]
)
def test_a_password_in_an_address_is_hidden_in_logs(url: str) -> None:
    assert SECRET not in redact(f"It broke: {url.format(SECRET)}")


@pytest.mark.parametrize(
    "text", ["https://t.me/bot?x=a:b@c", "ssh://root@h:22", "http://h:1/a@b", "mail a:b@c.example"]
)
def test_other_addresses_stay_readable(text: str) -> None:
    assert redact(text) == text
