"""The way to Telegram through real proxies on loopback, and what is said where it is shut."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from telegram.error import NetworkError, TimedOut

from bot.chat.client import connect
from bot.chat.outcomes import Outcome, failure_of
from bot.process.way_out import WayOut
from demo.server import DemoServer
from tests.bot.health.kit import everybody_pressed_start, only
from tests.bot.newcomer import ADMIN, Newcomer, Terminal
from tests.company import (
    PASSPHRASE,
    TOKEN,
    Company,
    as_if_bot_ran,
    company_with_stand_in,
    keep_secret,
)
from tests.folders import open_folder
from tests.proxies import Proxy, behind_tls, certificate_for, listening, proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")

# No resolver knows it: only who is asked through a proxy gets there.
HOST = "api.telegram.invalid"
USER, WORD = "anna", "s3cret-of-hers"
SETTING = "VPNBOT_TELEGRAM_PROXY"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path) -> AsyncIterator[Company]:
    async with company_with_stand_in(module_folder) as (made, _):
        everybody_pressed_start(made)
        made.extra |= {
            "VPNBOT_TELEGRAM_API_URL": f"http://{HOST}",
            "VPNBOT_TELEGRAM_API_CLEARTEXT": "true",
        }
        yield made


@pytest.fixture
def running(company: Company) -> Iterator[None]:
    with as_if_bot_ran(company.data):
        yield


def port_of(telegram: DemoServer) -> int:
    return int(telegram.url.rpartition(":")[2])


async def test_a_bot_behind_socks(company: Company) -> None:
    """All that it says and hears goes through, and its log has no password."""
    async with proxy("socks5", port_of(company.telegram), USER, WORD) as socks:
        company.extra[SETTING] = socks.url
        try:
            await company.start()
            assert (await company.approved()).startswith("client")
            assert await company.stop() == 0
        finally:
            del company.extra[SETTING]
    assert set(socks.asked_for) == {HOST}
    assert f"through the proxy socks5://{socks.at} ({SETTING})" in company.log
    assert WORD not in company.log


@pytest.mark.long
@pytest.mark.parametrize("name", ["ALL_PROXY", SETTING])
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.usefixtures("running")
async def test_doctor_behind_socks(company: Company, scheme: str, name: str) -> None:
    async with proxy(scheme, port_of(company.telegram), USER, WORD) as socks:
        ran = await company.vpnbot("doctor", **{name: socks.url})
    assert f"Telegram is reached through {scheme}://{socks.at} ({name}" in ran.out
    assert "WRONG" not in ran.out
    assert set(socks.asked_for) == {HOST}
    assert WORD not in ran.out + ran.err


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.usefixtures("running")
async def test_doctor_behind_connect(company: Company, tmp_path: Path, scheme: str) -> None:
    """Telegram speaks TLS, so an HTTP proxy is asked for a tunnel; it may speak TLS itself."""
    context = certificate_for(tmp_path / "ca.pem", HOST, "127.0.0.1")
    own = context if scheme == "https" else None
    async with (
        behind_tls(port_of(company.telegram), context) as port,
        proxy(scheme, port, USER, WORD, context=own) as tunnel,
    ):
        ran = await company.vpnbot(
            "doctor",
            VPNBOT_TELEGRAM_API_URL=f"https://{HOST}",
            HTTPS_PROXY=tunnel.url,
            SSL_CERT_FILE=str(tmp_path / "ca.pem"),
        )
    assert f"Telegram is reached through {scheme}://{tunnel.at} (HTTPS_PROXY" in ran.out
    assert "WRONG" not in ran.out
    assert set(tunnel.asked_for) == {HOST}


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.usefixtures("running")
async def test_a_wrong_password(company: Company, scheme: str) -> None:
    async with proxy(scheme, 9, USER, "another") as shut:
        url = shut.url.replace("another", WORD)
        ran = await company.vpnbot(
            "doctor", VPNBOT_TELEGRAM_API_URL=f"https://{HOST}", **{SETTING: url}
        )
    assert shut.refused
    only(ran, f"through the proxy {scheme}://{shut.at} ({SETTING})", "curl -v --proxy")
    assert WORD not in ran.out + ran.err


@pytest.mark.usefixtures("running")
async def test_nobody_listens(company: Company) -> None:
    ran = await company.vpnbot("doctor", ALL_PROXY="socks5://127.0.0.1:9")
    only(ran, "through the proxy socks5://127.0.0.1:9 (ALL_PROXY in the environment)", "socks5h://")


async def test_one_that_cannot_be_used(company: Company) -> None:
    for command in ("doctor", "run"):
        ran = await company.vpnbot(command, ALL_PROXY=f"socks4://{USER}:{WORD}@127.0.0.1:9")
        said = ran.out + ran.err
        assert ran.code == 1
        assert "ALL_PROXY in the environment names a proxy that vpnbot can't use" in said
        assert "Traceback" not in said
        assert WORD not in said


async def _a_web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()


@pytest.mark.usefixtures("running")
async def test_it_speaks_no_socks(company: Company) -> None:
    """An HTTP proxy's port with the wrong scheme: nothing was done, so all is tried again."""
    async with listening(_a_web_server) as port:
        url = f"socks5://127.0.0.1:{port}"
        ran = await company.vpnbot("doctor", **{SETTING: url})
        only(ran, "doesn't speak SOCKS 5", "curl")
        bot = connect(TOKEN, f"http://{HOST}", way=WayOut(url, SETTING)).bot
        with pytest.raises(NetworkError, match=r"SOCKS 5, through the proxy") as caught:
            await bot.initialize()
        assert failure_of(caught.value).outcome is Outcome.NOT_DONE
        await bot.shutdown()


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_what_a_proxy_refuses_was_not_done(scheme: str) -> None:
    async with proxy(scheme, 9, USER, WORD) as shut:
        way = WayOut(f"{scheme}://{shut.at}", SETTING)
        bot = connect(TOKEN, f"https://{HOST}", way=way).bot
        with pytest.raises(NetworkError, match="through the proxy") as caught:
            await bot.initialize()
        assert failure_of(caught.value).outcome is Outcome.NOT_DONE
        await bot.shutdown()


async def test_a_proxy_that_says_nothing() -> None:
    """Whatever it leaves open ends."""

    async def silent(reader: asyncio.StreamReader, _: object) -> None:
        while await reader.read(100):
            pass
        closed.set()

    closed = asyncio.Event()
    async with listening(silent) as port:
        way = WayOut(f"socks5://127.0.0.1:{port}", SETTING)
        telegram = connect(TOKEN, f"http://{HOST}", way=way)
        assert telegram.polling.longest_call_s == 120
        telegram.polling.longest_call_s = 0.05
        with pytest.raises(TimedOut, match="through the proxy"):
            await telegram.polling.post(f"http://{HOST}/x")
        await asyncio.wait_for(closed.wait(), 60)
        await telegram.bot.shutdown()


async def test_init_asks_for_a_proxy() -> None:
    """Where Telegram does not answer; and what leads there is kept for the service."""
    with open_folder() as keep:
        home = keep / "home"
        home.mkdir()
        for name, secret in (("token", TOKEN), ("passphrase", PASSPHRASE)):
            keep_secret(keep / name, secret)
        newcomer = Newcomer(home, keep, f"http://{HOST}")
        async with (
            DemoServer(TOKEN, [ADMIN]) as telegram,
            proxy("socks5", port_of(telegram), USER, WORD) as socks,
        ):
            await _asked(newcomer, socks)
            assert newcomer.env[SETTING] == socks.url
            assert (home / ".env").stat().st_mode & 0o777 == 0o600
            keep_secret(keep / "proxy", socks.url)
            again = await newcomer.vpnbot(
                "init", "--proxy-file", str(keep / "proxy"), "--yes", **CLEARTEXT
            )
            assert again.code == 0, again
            assert WORD not in again.out


CLEARTEXT = {"VPNBOT_TELEGRAM_API_CLEARTEXT": "true"}


class _Clear(Newcomer):
    @property
    def environment(self) -> dict[str, str]:
        return super().environment | CLEARTEXT


async def _asked(newcomer: Newcomer, socks: Proxy) -> None:
    flags = [part for flag in newcomer.flags.items() for part in flag]
    clear = _Clear(newcomer.home, newcomer.keep, newcomer.url, newcomer.port)
    async with Terminal(clear, *flags) as terminal:
        await terminal.answers("Telegram can't be reached", "")
        await terminal.answers("A proxy (it isn't shown", "nonsense\n")
        await terminal.answers("This isn't a proxy", "")
        await terminal.answers("A proxy (it isn't shown", "socks5://127.0.0.1:9\n")
        await terminal.answers("Telegram doesn't answer", "")
        await terminal.answers("A proxy (it isn't shown", f"{socks.url}\n")
        await terminal.answers("That is @", "")
        assert await terminal.ends() == 0, terminal.said
    assert WORD not in terminal.said


@pytest.mark.long
async def test_what_led_there_from_the_environment_is_kept() -> None:
    with open_folder() as keep:
        home = keep / "home"
        home.mkdir()
        for name, secret in (("token", TOKEN), ("passphrase", PASSPHRASE)):
            keep_secret(keep / name, secret)
        newcomer = _Clear(home, keep, f"http://{HOST}")
        async with (
            DemoServer(TOKEN, [ADMIN]) as telegram,
            proxy("socks5", port_of(telegram)) as socks,
        ):
            flags = [part for flag in newcomer.flags.items() for part in flag]
            ran = await newcomer.vpnbot("init", *flags, "--yes", ALL_PROXY=socks.url)
        assert ran.code == 0, ran
        assert newcomer.env[SETTING] == socks.url
