"""Plays a story in the demo and takes the picture for the README: `python docs/screenshot.py`.

Needs Playwright and a Chromium at /usr/bin/chromium. With --narrow it shows a phone's width, with
a last argument it writes to another file.
"""

import argparse
import asyncio
from pathlib import Path

from playwright.async_api import Page, async_playwright

from bot.showcase import ANNA, BORIS, CLARA, EMIL, Showcase, open_showcase

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
# Long enough for the watch on the tunnel to see that it is dead.
_SETTLE_MS = 3500
_WIDE = {"width": 1480, "height": 900}
_NARROW = {"width": 390, "height": 844}


async def take(picture: Path, *, narrow: bool) -> None:
    """One request from /start to the receipt, then the picture."""
    async with open_showcase() as showcase, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = await browser.new_page(
            viewport=_NARROW if narrow else _WIDE,  # type: ignore[arg-type]
            device_scale_factor=1.5,
        )
        await page.goto(showcase.telegram.url)
        await _play(showcase, page)
        await page.wait_for_timeout(_SETTLE_MS)
        await page.screenshot(path=picture)
        await browser.close()


async def _play(showcase: Showcase, page: Page) -> None:
    anna, boris = showcase.telegram.person(ANNA.id), showcase.telegram.person(BORIS.id)
    emil, clara = showcase.telegram.person(EMIL.id), showcase.telegram.person(CLARA.id)
    await emil.says("/start")
    await emil.hears("Hello")
    await anna.says("/start")
    await anna.hears("Hello")
    await anna.says("/requestvpn 2d visiting a customer")
    await anna.hears("is with the admins")
    await boris.hears("Request 1")
    await clara.hears("Request 1")
    await boris.taps("Approve 2 days")
    await anna.receives_document()
    await clara.hears("Approved by")
    await page.get_by_role("button", name="Connect with this profile").click()
    await page.get_by_text("10.8.0.2:").wait_for()
    await boris.says("/revoke Anna Petrova")
    await boris.hears("Revoked:", timeout=30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--narrow", action="store_true")
    parser.add_argument("picture", nargs="?", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    asyncio.run(take(arguments.picture, narrow=arguments.narrow))


if __name__ == "__main__":
    main()
