"""Chromium, as the tests of pages start it: without a window, and asking nobody for anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

_FOLDER = Path("/usr/bin")
# The first has nothing but what a page needs: its tests take a third of the time.
_NAMES = ("chromium-headless-shell", "chromium")
_INSTALLED = [path for path in map(_FOLDER.joinpath, _NAMES) if path.exists()]
_ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# Only a page that hangs takes as long.
PATIENCE_MS = 60_000

needs_chromium = pytest.mark.skipif(not _INSTALLED, reason="Chromium is not installed")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_INSTALLED[0], args=_ARGUMENTS)
        yield browser
        await browser.close()
