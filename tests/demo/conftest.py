"""A server on loopback, three people, and clients that speak to it over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import telegram
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    ViewportSize,
    expect,
)
from telegram.request import HTTPXRequest

from demo.people import DemoPerson
from demo.server import DemoServer
from tests.chromium import PATIENCE_MS, chromium

expect.set_options(timeout=PATIENCE_MS)

TOKEN = "4242:test-token"
ALICE, BOB, CAROL = 11, 12, 13
PEOPLE = (
    DemoPerson(ALICE, "Alice", "alice", "Employee", started=True),
    DemoPerson(BOB, "Bob", None, "Stranger"),
    DemoPerson(CAROL, "Carol", "carol", "Admin", started=True, language_code="fr"),
)


class ManualClock:
    """Time that passes when a test says so."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Api:
    """Raw calls: what python-telegram-bot would turn into exceptions stays visible."""

    session: aiohttp.ClientSession
    base: str

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        async with self.session.post(f"{self.base}/{method}", json=params) as response:
            answer: dict[str, Any] = await response.json()
        assert answer["ok"] == (response.status == 200)
        assert answer["ok"] or answer["error_code"] == response.status
        return answer

    async def get(self, method: str, **params: Any) -> Any:
        answer = await self.ask(method, **params)
        assert answer["ok"], answer
        return answer["result"]

    async def refused(self, method: str, **params: Any) -> str:
        """The refusal as 'code description'."""
        answer = await self.ask(method, **params)
        assert not answer["ok"], answer
        return f"{answer['error_code']} {answer['description']}"


def assert_known(model: str, content: Any) -> Any:
    """Parsed by aiogram's model of this name, with no field in it that aiogram does not know."""
    # Slow to import: whoever runs no such test does not wait for it.
    import aiogram.types

    parsed = getattr(aiogram.types, model).model_validate(content)
    assert_no_extra(parsed)
    return parsed


def assert_no_extra(value: Any) -> None:
    """However deep: no field that aiogram's models do not have."""
    from aiogram.types import TelegramObject

    if isinstance(value, TelegramObject):
        assert not value.model_extra, (type(value), value.model_extra)
        for name in type(value).model_fields:
            assert_no_extra(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            assert_no_extra(item)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A short run spares every worker the import of aiogram."""
    return True if collection_path.name == "test_aiogram.py" and not config.option.long else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all of this folder, so that one browser can serve every test."""
    shared = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(shared, append=False)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture(loop_scope="session")
async def server(clock: ManualClock) -> AsyncIterator[DemoServer]:
    async with DemoServer(TOKEN, PEOPLE, clock=clock) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def api(server: DemoServer, session: aiohttp.ClientSession) -> Api:
    return Api(session, f"{server.url}/bot{TOKEN}")


@pytest_asyncio.fixture(loop_scope="session")
async def bot(server: DemoServer) -> AsyncIterator[telegram.Bot]:
    ways = [HTTPXRequest(httpx_kwargs={"verify": False}) for _ in range(2)]  # there is no TLS
    url = f"{server.url}/bot"
    async with telegram.Bot(TOKEN, url, request=ways[0], get_updates_request=ways[1]) as client:
        yield client


# --- the page in a browser

WIDE: ViewportSize = {"width": 1400, "height": 860}
NARROW: ViewportSize = {"width": 390, "height": 800}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture
def problems() -> list[str]:
    """What the page complained of; must stay empty."""
    return []


def complained(line: ConsoleMessage, problems: list[str]) -> None:
    if line.type == "error":
        problems.append(line.text)


async def opened(
    browser: Browser, server: DemoServer, size: ViewportSize, problems: list[str]
) -> Page:
    context = await browser.new_context(viewport=size)
    context.set_default_timeout(PATIENCE_MS)
    # What a first visit shows lies over the chats.
    await context.add_init_script("localStorage.setItem('what-to-try-seen', 'yes')")
    page = await context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: complained(line, problems))
    await page.goto(server.url)
    await expect(page.locator(".chat")).to_have_count(3)
    return page


def chat(page: Page, person_id: int) -> Locator:
    return page.locator(f".chat[data-person='{person_id}']")


@pytest_asyncio.fixture(loop_scope="session")
async def wide(browser: Browser, server: DemoServer, problems: list[str]) -> AsyncIterator[Page]:
    page = await opened(browser, server, WIDE, problems)
    yield page
    await page.context.close()
    assert problems == []


@pytest_asyncio.fixture(loop_scope="session")
async def narrow(browser: Browser, server: DemoServer, problems: list[str]) -> AsyncIterator[Page]:
    page = await opened(browser, server, NARROW, problems)
    yield page
    await page.context.close()
    assert problems == []
