"""The Trouble panel and the tricks in a chat's menu, in a real browser at two widths."""

from typing import Literal

import pytest
import telegram
from playwright.async_api import Locator, Page, expect

from demo.server import DemoServer
from demo.trouble import Setting, TroubleKind
from tests.chromium import needs_chromium

from .conftest import ALICE, CAROL, Api, chat

pytestmark = needs_chromium

_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def row(page: Page, kind: str) -> Locator:
    return page.locator(f".switch[data-kind='{kind}']")


async def menu_entry(page: Page, person_id: int, name: str) -> Locator:
    """The entry of the opened menu of this person's chat."""
    await chat(page, person_id).locator(".menu summary").click()
    return chat(page, person_id).get_by_role("button", name=name)


async def assert_fits(page: Page) -> None:
    """Nothing sticks out of the window, the panel included."""
    size = page.viewport_size
    box = await page.locator(".trouble-sheet").bounding_box()
    assert size is not None
    assert box is not None
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    assert box["y"] + box["height"] <= size["height"]
    assert not await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


async def set_and_clear(page: Page, api: Api) -> None:
    """One round with the panel, by mouse."""
    badge = page.locator(".troubled")
    await expect(page.locator(".trouble-sheet")).to_be_hidden()
    await expect(badge).to_be_hidden()

    await page.locator(".trouble summary").click()
    await expect(page.get_by_role("switch")).to_have_count(9)
    await expect(page.locator(".choices:visible")).to_have_count(0)
    await page.get_by_role("switch", name="500 Internal").check()
    await expect(badge).to_contain_text("Trouble: the next call fails")
    await row(page, "server_error").get_by_text("1 call in 5").click()
    await expect(badge).to_contain_text("Trouble: 1 call in 5 fails")
    await row(page, "server_error").get_by_text("sendDocument only").click()
    await row(page, "server_error").get_by_text("every call").click()
    await expect(badge).to_contain_text("Trouble: every sendDocument fails")
    await assert_fits(page)
    assert (await api.ask("sendDocument", chat_id=ALICE))["error_code"] == 500
    assert (await api.ask("getMe"))["ok"]

    await page.keyboard.press("Escape")
    await expect(page.locator(".trouble-sheet")).to_be_hidden()
    await page.get_by_role("button", name="Switch all trouble off").click()
    await expect(badge).to_be_hidden()
    await expect(page.locator(".trouble summary")).to_be_focused()
    assert (await api.ask("sendDocument", chat_id=ALICE))["error_code"] == 400


@pytest.mark.long
async def test_wide(wide: Page, api: Api) -> None:
    await set_and_clear(wide, api)


async def test_narrow(narrow: Page, api: Api) -> None:
    await set_and_clear(narrow, api)


async def test_what_is_on_stands_out_in_both_schemes(server: DemoServer, wide: Page) -> None:
    await server.trouble.switch_on(TroubleKind.AWAY)
    await expect(wide.locator(".troubled")).to_contain_text("Telegram is away")
    await wide.locator(".trouble summary").click()

    for scheme in _SCHEMES:
        await wide.emulate_media(color_scheme=scheme)
        assert await contrast(wide, ".troubled") >= 4.5, scheme
        assert await contrast(wide, ".all-off") >= 4.5, scheme


async def contrast(page: Page, selector: str) -> float:
    """WCAG 2 contrast of an element's words with its own background."""
    ratio: float = await page.locator(selector).evaluate(
        """element => {
            const light = (colour) => {
                const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255);
                const [r, g, b] = parts.map((c) =>
                    c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const style = getComputedStyle(element);
            const [low, high] = [light(style.color), light(style.backgroundColor)].sort(
                (a, b) => a - b);
            return (high + 0.05) / (low + 0.05);
        }"""
    )
    return ratio


async def test_the_keyboard_alone_is_enough(server: DemoServer, wide: Page) -> None:
    await wide.locator(".trouble summary").focus()
    await wide.keyboard.press("Enter")
    await expect(wide.locator(".trouble-sheet")).to_be_visible()
    await wide.keyboard.press("Tab")
    await expect(wide.get_by_role("switch", name="429")).to_be_focused()
    await wide.keyboard.press("Space")
    await expect(wide.locator(".troubled")).to_contain_text("the next call fails")
    await wide.keyboard.press("Tab")
    await expect(
        wide.get_by_role("radio", name="next call").and_(wide.locator("[name='too_many-often']"))
    ).to_be_focused()
    await wide.keyboard.press("ArrowRight")
    await expect(wide.locator(".troubled")).to_contain_text("1 call in 5 fails")
    await wide.keyboard.press("Tab")
    await wide.keyboard.press("ArrowRight")

    await expect(wide.locator(".troubled")).to_contain_text("1 sendDocument in 5 fails")
    await wide.keyboard.press("Escape")
    await expect(wide.locator(".trouble summary")).to_be_focused()


async def test_a_switch_goes_off_with_the_call_it_was_for(
    server: DemoServer, wide: Page, api: Api
) -> None:
    await wide.locator(".trouble summary").click()
    switch = wide.get_by_role("switch", name="502")
    await switch.check()
    await expect(wide.locator(".troubled")).to_be_visible()
    assert (await api.ask("getMe"))["error_code"] == 502

    await expect(switch).not_to_be_checked()
    await expect(wide.locator(".troubled")).to_be_hidden()
    await expect(wide.get_by_role("button", name="Switch all off")).to_be_disabled()


async def test_a_page_that_is_opened_later_shows_what_is_on(server: DemoServer, wide: Page) -> None:
    await server.trouble.switch_on(TroubleKind.HANG, Setting())
    await server.trouble.switch_on(TroubleKind.SECOND_POLLER)
    await wide.reload()

    await expect(wide.locator(".troubled")).to_contain_text("every call hangs + 1 more")
    await expect(wide.locator(".troubled")).to_have_attribute(
        "title", "every call hangs\na second poller"
    )
    await wide.locator(".trouble summary").click()
    await expect(wide.get_by_role("switch", name="Hangs")).to_be_checked()
    await expect(row(wide, "hang").get_by_label("every call")).to_be_checked()
    await expect(row(wide, "second_poller").locator(".choices")).to_be_hidden()
    await wide.get_by_role("button", name="Switch all off").click()
    await expect(wide.locator(".troubled")).to_be_hidden()


# --- what a person can do in the chat's menu


async def edit_and_forward(server: DemoServer, page: Page, api: Api) -> None:
    alice = chat(page, ALICE)
    line, strip = alice.locator("textarea"), alice.locator(".mode")
    edit = await menu_entry(page, ALICE, "Edit your last message")
    await expect(edit).to_be_disabled()  # a menu that was opened before there was anything
    await server.person(ALICE).says("/requestvpn 2h")
    await edit.click()
    await expect(line).to_have_value("/requestvpn 2h")
    await expect(strip).to_contain_text("new words")
    await line.fill("/requestvpn 9h")
    await line.press("Enter")
    await expect(alice.locator(".message.mine .meta")).to_contain_text("edited")
    await expect(strip).to_be_hidden()

    await (await menu_entry(page, ALICE, "Forward a message")).click()
    await expect(line).to_be_focused()
    await line.fill("/requestvpn 1h")
    await alice.get_by_role("button", name="Send").click()
    await expect(alice.locator(".forwarded")).to_have_count(1)

    await (await menu_entry(page, ALICE, "Forward a message")).click()
    await line.press("Escape")
    await expect(strip).to_be_hidden()
    await line.fill("plain")
    await line.press("Enter")
    await expect(alice.locator(".message.mine")).to_have_count(3)

    _, edited, forwarded, plain = await api.get("getUpdates")
    assert edited["edited_message"]["text"] == "/requestvpn 9h"
    assert "forward_origin" in forwarded["message"]
    assert "forward_origin" not in plain["message"]


async def test_edit_and_forward_wide(server: DemoServer, wide: Page, api: Api) -> None:
    await edit_and_forward(server, wide, api)


async def test_edit_and_forward_narrow(server: DemoServer, narrow: Page, api: Api) -> None:
    await edit_and_forward(server, narrow, api)


async def test_a_message_of_the_bot_is_deleted(bot: telegram.Bot, api: Api, wide: Page) -> None:
    carol = chat(wide, CAROL)
    await expect(await menu_entry(wide, CAROL, "Delete a message")).to_be_disabled()
    await wide.keyboard.press("Escape")
    sent = [await bot.send_message(CAROL, text) for text in ("card", "later")]
    await (await menu_entry(wide, CAROL, "Delete a message")).click()
    erasers = carol.get_by_role("button", name="Delete this message")
    await expect(erasers).to_have_count(2)
    await expect(erasers.nth(1)).to_be_focused()

    await erasers.first.click()

    await expect(carol.locator(".message .text")).to_have_text(["later"])
    await expect(erasers).to_have_count(0)
    gone = {"chat_id": CAROL, "message_id": sent[0].message_id}
    assert await api.refused("editMessageText", **gone, text="decided") == (
        "400 Bad Request: message to edit not found"
    )


async def test_choosing_is_left_by_its_own_button(bot: telegram.Bot, narrow: Page) -> None:
    await bot.send_message(ALICE, "card")
    alice = chat(narrow, ALICE)
    await (await menu_entry(narrow, ALICE, "Delete a message")).click()
    await expect(alice.get_by_role("button", name="Delete this message")).to_be_in_viewport()

    await alice.get_by_role("button", name="Cancel").click()

    await expect(alice.locator(".erase")).to_be_hidden()
    await expect(alice.locator(".message")).to_have_count(1)
