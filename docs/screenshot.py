"""Plays a story in the demo and takes the picture for the README: `python docs/screenshot.py`.

Needs Playwright and a Chromium at /usr/bin/chromium. With --narrow it shows a phone's width, with
a last argument it writes to another file.
"""

import argparse
import asyncio
from pathlib import Path

from playwright.async_api import async_playwright

from bot.showcase import ANNA, BORIS, Showcase, open_showcase

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
PICTURE = Path(__file__).with_name("demo.png")
# Until what moves on the page has come to rest.
_SETTLE_MS = 1500
_PHONES = {"width": 860, "height": 780}
_NARROW = {"width": 390, "height": 844}
# Two phones beside each other, and nothing around them.
_ONLY_TWO = """
  .top { display: none }
  .chats { padding: 18px; grid-auto-columns: 1fr }
  .chats > :not([data-person="1001"]):not([data-person="2001"]) { display: none }
"""


async def take(picture: Path, *, narrow: bool) -> None:
    """A request, and the card that an admin gets; then the picture."""
    async with open_showcase() as showcase, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = await browser.new_page(
            viewport=_NARROW if narrow else _PHONES,  # type: ignore[arg-type]
            device_scale_factor=2,
            bypass_csp=True,
        )
        # No first visit: that shows what to try.
        await page.add_init_script("localStorage.setItem('what-to-try-seen', 'yes')")
        await page.goto(showcase.telegram.url)
        if not narrow:
            await page.add_style_tag(content=_ONLY_TWO)
        await _play(showcase)
        await page.wait_for_timeout(_SETTLE_MS)
        await page.screenshot(path=picture)
        await browser.close()


async def _play(showcase: Showcase) -> None:
    anna, boris = showcase.telegram.person(ANNA.id), showcase.telegram.person(BORIS.id)
    await anna.says("/start")
    await anna.hears("Hello")
    await anna.says("/requestvpn 2 days office visiting a customer")
    await boris.hears("Request 1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--narrow", action="store_true")
    parser.add_argument("picture", nargs="?", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    asyncio.run(take(arguments.picture, narrow=arguments.narrow))


if __name__ == "__main__":
    main()
