"""Plays stories in the demo and takes the pictures of the pages: `python docs/screenshot.py`.

Needs Playwright and a Chromium at /usr/bin/chromium. `demo.png` is for the README, the others are
the main chats, for docs/for-employees.md and docs/for-admins.md; a name takes that one only.
"""

import argparse
import asyncio
from pathlib import Path

from playwright.async_api import Page, async_playwright

from bot.showcase import ANNA, BORIS, Showcase, open_showcase
from demo.people import DemoPerson

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FOLDER = Path(__file__).parent
DEMO = "demo"
CHATS = ("request", "card", "profile", "myvpn", "receipt")
# Until what moves on the page has come to rest.
_SETTLE_MS = 1500
_TWO = {"width": 860, "height": 780}
_ONE = {"width": 430, "height": 900}
# Two phones beside each other, or one, and nothing around them.
_ONLY_TWO = """
  .top { display: none }
  .chats { padding: 18px; grid-auto-columns: 1fr }
  .chats > :not([data-person="1001"]):not([data-person="2001"]) { display: none }
"""
_ONLY_ONE = """
  .top, .picker { display: none !important }
  .bottom, .welcome, .to-end { display: none !important }
  .scroll { background: #d9e5de !important }
"""


class Camera:
    def __init__(self, page: Page, folder: Path, wanted: frozenset[str]) -> None:
        self._page = page
        self._folder = folder
        self._wanted = wanted

    async def takes(self, name: str, whose: DemoPerson, messages: int = 1) -> None:
        """The last messages of a chat, as that person sees them."""
        if name not in self._wanted:
            return
        await self._page.evaluate(
            "id => document.querySelectorAll('.chat').forEach(chat => "
            "chat.classList.toggle('current', chat.dataset.person === String(id)))",
            whose.id,
        )
        chat = self._page.locator(f".chat[data-person='{whose.id}']")
        await self._page.wait_for_timeout(_SETTLE_MS)
        last = chat.locator(".log > *")
        await chat.evaluate(
            "(chat, kept) => [...chat.querySelectorAll('.log > *')]"
            ".forEach((one, at, all) => one.hidden = at < all.length - kept)",
            messages,
        )
        box = await last.last.bounding_box()
        first = await last.nth(await last.count() - messages).bounding_box()
        assert box is not None and first is not None  # noqa: PT018 - no test
        top, bottom = max(first["y"] - 14, 0), box["y"] + box["height"] + 14
        await self._page.screenshot(
            path=self._folder / f"chat-{name}.png",
            clip={"x": 0, "y": top, "width": _ONE["width"], "height": bottom - top},
        )


async def take_chats(folder: Path, wanted: frozenset[str]) -> None:
    """One story, from the request to the receipt."""
    async with open_showcase() as showcase, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = await browser.new_page(
            viewport=_ONE,  # type: ignore[arg-type]
            device_scale_factor=1.4,
            bypass_csp=True,
        )
        await page.add_init_script("localStorage.setItem('what-to-try-seen', 'yes')")
        await page.goto(showcase.telegram.url)
        await page.add_style_tag(content=_ONLY_ONE)
        await _tell(showcase, Camera(page, folder, wanted))
        await browser.close()


async def _tell(showcase: Showcase, camera: Camera) -> None:
    anna, boris = showcase.telegram.person(ANNA.id), showcase.telegram.person(BORIS.id)
    await anna.says("/start")
    await anna.hears("Hello")
    await anna.says("/requestvpn 2d office visiting a customer")
    await anna.hears("waits for the admins")
    card = await boris.hears("Request 1")
    await camera.takes("request", ANNA, messages=2)
    await camera.takes("card", BORIS)
    await boris.taps("Approve", message=card)
    await anna.receives_document()
    await boris.hears("has the profile")
    await camera.takes("profile", ANNA)
    await anna.says("/myvpn")
    await anna.hears("active")
    await camera.takes("myvpn", ANNA)
    await boris.says("/revoke Anna Petrova")
    await boris.hears("Revoked")
    await camera.takes("receipt", BORIS, messages=2)


async def take_demo(picture: Path) -> None:
    """A request, and the card that an admin gets; then the picture."""
    async with open_showcase() as showcase, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = await browser.new_page(
            viewport=_TWO,  # type: ignore[arg-type]
            device_scale_factor=2,
            bypass_csp=True,
        )
        # No first visit: that shows what to try.
        await page.add_init_script("localStorage.setItem('what-to-try-seen', 'yes')")
        await page.goto(showcase.telegram.url)
        await page.add_style_tag(content=_ONLY_TWO)
        anna, boris = showcase.telegram.person(ANNA.id), showcase.telegram.person(BORIS.id)
        await anna.says("/start")
        await anna.hears("Hello")
        await anna.says("/requestvpn 2 days office visiting a customer")
        await boris.hears("Request 1")
        await page.wait_for_timeout(_SETTLE_MS)
        await page.screenshot(path=picture)
        await browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = (DEMO, *CHATS)
    parser.add_argument("--only", action="append", choices=names, help="which; else all")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    wanted = frozenset(arguments.only or names)
    if DEMO in wanted:
        asyncio.run(take_demo(arguments.folder / f"{DEMO}.png"))
    if wanted & {*CHATS}:
        asyncio.run(take_chats(arguments.folder, wanted))


if __name__ == "__main__":
    main()
