"""The page in a real browser, wide with the chats side by side and narrow with one at a time."""

import re
from pathlib import Path

import telegram
from playwright.async_api import Browser, Page, expect

from demo.api.events import DeviceState
from demo.errors import LabRefused
from demo.server import DemoServer
from tests.chromium import needs_chromium

from .conftest import ALICE, BOB, CAROL, WIDE, Api, chat

KEYS = telegram.InlineKeyboardMarkup(
    [
        [telegram.InlineKeyboardButton("Approve", callback_data="yes", style="success")],
        [telegram.InlineKeyboardButton("Deny", callback_data="no", style="danger")],
        [telegram.InlineKeyboardButton("Manual", url="https://a.test/")],
    ]
)

pytestmark = needs_chromium


def content_of(path: Path) -> bytes:
    return path.read_bytes()


async def test_start_type_and_answer(server: DemoServer, bot: telegram.Bot, wide: Page) -> None:
    assert await wide.title() == "VPN Access Bot — demo"
    bob = chat(wide, BOB)
    await expect(bob.locator("textarea")).to_be_hidden()
    await bob.get_by_role("button", name="Start").click()
    await expect(bob.locator(".message.mine")).to_contain_text("/start")

    await bob.get_by_label("Message as Bob").fill("<b>bold?</b>")
    await bob.get_by_label("Message as Bob").press("Enter")
    await expect(bob.locator(".message.mine").nth(1)).to_contain_text("<b>bold?</b>")
    await bot.send_message(
        BOB, "A <b>bold <i>word</i></b> &lt;s&gt; 😀 <code>x</code>", parse_mode="HTML"
    )

    await expect(bob.locator(".theirs .text")).to_have_text("A bold word <s> 😀 x")
    await expect(bob.locator(".theirs b")).to_have_text("bold word")
    await expect(bob.locator(".theirs b i")).to_have_text("word")
    await expect(bob.locator(".theirs s")).to_have_count(0)
    assert [m.text for m in server.person(BOB).messages[:2]] == ["/start", "<b>bold?</b>"]


async def test_a_tap_its_answer_and_the_edit(
    server: DemoServer, bot: telegram.Bot, api: Api, wide: Page
) -> None:
    sent = await bot.send_message(CAROL, "card", reply_markup=KEYS)
    carol = chat(wide, CAROL)
    approve = carol.get_by_role("button", name="Approve")
    await expect(approve).to_have_class("key success")
    await expect(carol.get_by_role("link", name="Manual")).to_have_attribute(
        "href", "https://a.test/"
    )

    await approve.click()
    await expect(approve).to_have_attribute("aria-busy", "true")
    (update,) = await api.get("getUpdates", timeout=50)
    query = update["callback_query"]
    assert (query["from"]["id"], query["data"]) == (CAROL, "yes")
    await bot.answer_callback_query(query["id"], "Noted")
    await expect(carol.locator(".toast")).to_have_text("Noted")
    await expect(approve).not_to_have_attribute("aria-busy", "true")

    await bot.edit_message_text("card: approved", CAROL, sent.message_id)
    await expect(carol.locator(".theirs .text")).to_have_text("card: approved")
    await expect(carol.locator(".meta")).to_contain_text("edited")
    await expect(carol.locator(".key")).to_have_count(0)
    server.person(CAROL).deletes(sent.message_id)
    await expect(carol.locator(".message")).to_have_count(0)


async def test_an_alert_is_closed_by_its_button(
    server: DemoServer, bot: telegram.Bot, wide: Page
) -> None:
    query_id = await server.person(CAROL).taps_data(1, "x")
    await bot.answer_callback_query(query_id, "Already approved", show_alert=True)
    alert = chat(wide, CAROL).get_by_role("dialog")
    await expect(alert).to_contain_text("Already approved")

    await alert.get_by_role("button", name="OK").click()

    await expect(alert).to_be_hidden()


async def test_a_document_is_downloaded(bot: telegram.Bot, wide: Page) -> None:
    await bot.send_document(ALICE, b"profile" * 300, filename="vpn-alice.ovpn", caption="Yours")
    alice = chat(wide, ALICE)
    await expect(alice.locator(".document")).to_contain_text("vpn-alice.ovpn")
    await expect(alice.locator(".document small")).to_have_text("2.1 KB")
    await expect(alice.locator(".tunnel")).to_have_count(0)

    async with wide.expect_download() as waiting:
        await alice.get_by_role("link", name="Download vpn-alice.ovpn").click()
    download = await waiting.value

    assert download.suggested_filename == "vpn-alice.ovpn"
    assert content_of(await download.path()) == b"profile" * 300


class Refusing:
    def __init__(self, server: DemoServer) -> None:
        self.server = server
        self.refuse = False
        self.profiles: list[str] = []

    async def connect(self, person_id: int, file_id: str, profile: str) -> None:
        self.profiles.append(profile)
        if self.refuse:
            raise LabRefused("The VPN client wasn't let in: AUTH_FAILED")
        address = f"10.8.0.{1 + len(self.profiles)}"
        self.server.page.show_device(person_id, file_id, DeviceState.CONNECTED, address)

    async def disconnect(self, person_id: int, file_id: str) -> None:
        self.server.page.show_device(person_id, file_id, DeviceState.OFF)


async def test_a_tunnel_is_shown_beside_its_person(
    server: DemoServer, bot: telegram.Bot, wide: Page
) -> None:
    connector = Refusing(server)
    server.page.connector = connector
    sent = await bot.send_document(ALICE, b"profile", filename="vpn-alice.ovpn")
    assert sent.document is not None
    alice = chat(wide, ALICE)
    button, pill = alice.locator(".tunnel"), alice.locator(".device")

    await button.click()
    await expect(pill).to_have_text("10.8.0.2")
    await expect(button).to_have_text("Disconnect")
    file_id, said = sent.document.file_id, "The server ended the session."
    server.page.show_device(ALICE, file_id, DeviceState.LOST, said)
    await expect(pill).to_have_text("VPN cut")
    connector.refuse = True
    await button.click()

    await expect(pill).to_have_text("Refused")
    await expect(alice.locator(".toast")).to_contain_text("AUTH_FAILED")
    assert connector.profiles == ["profile", "profile"]


async def test_a_second_device_beside_the_first(
    server: DemoServer, bot: telegram.Bot, wide: Page
) -> None:
    server.page.connector = Refusing(server)
    for name in ("laptop.ovpn", "phone.ovpn"):
        await bot.send_document(ALICE, b"profile", filename=name)
    alice = chat(wide, ALICE)
    laptop, phone = (alice.locator(".tunnel").nth(number) for number in range(2))
    pill = alice.locator(".device")

    await laptop.click()
    await expect(pill).to_have_text("10.8.0.2")
    await expect(phone).to_have_text("Connect another device")
    await phone.click()
    await expect(pill).to_have_text("2 devices on")
    await laptop.click()
    await expect(pill).to_have_text("10.8.0.3")
    await expect(laptop).to_have_text("Connect another device")
    await pill.click()
    await expect(pill).to_be_hidden()
    await expect(phone).to_have_text("Connect with this profile")


async def test_the_command_menu(server: DemoServer, bot: telegram.Bot, wide: Page) -> None:
    await bot.set_my_commands([("requestvpn", "Ask for access"), ("revoke", "Take it away")])
    alice = chat(wide, ALICE)
    line, menu = alice.locator("textarea"), alice.get_by_role("listbox")

    await alice.get_by_role("button", name="Commands").click()
    await expect(menu.get_by_role("option")).to_have_count(2)
    await line.press("Escape")
    await expect(menu).to_be_hidden()
    await line.fill("/rev")
    await expect(menu.get_by_role("option")).to_have_text(["/revokeTake it away"])
    await line.press("Tab")
    await expect(line).to_have_value("/revoke ")
    await line.fill("/")
    await line.press("ArrowDown")
    await line.press("ArrowDown")
    await line.press("Enter")

    await expect(alice.locator(".message.mine")).to_contain_text("/revoke")
    assert [message.text for message in server.person(ALICE).messages] == ["/revoke"]


async def test_a_command_in_the_bots_words_can_be_pressed(
    server: DemoServer, bot: telegram.Bot, wide: Page
) -> None:
    await bot.send_message(ALICE, "Send /requestvpn to ask")

    await chat(wide, ALICE).get_by_role("button", name="/requestvpn").click()

    await expect(chat(wide, ALICE).locator(".message.mine")).to_have_count(1)
    assert server.person(ALICE).messages[1].text == "/requestvpn"


async def test_people_are_picked_from_the_contacts(
    server: DemoServer, bot: telegram.Bot, wide: Page
) -> None:
    wanted = telegram.KeyboardButtonRequestUsers(request_id=1, max_quantity=2)
    picker = telegram.ReplyKeyboardMarkup([[telegram.KeyboardButton("Pick", request_users=wanted)]])
    await bot.send_message(CAROL, "Whom?", reply_markup=picker)
    carol = chat(wide, CAROL)
    pick = carol.get_by_role("button", name="Pick")
    await pick.click()
    await carol.get_by_role("button", name="Cancel").click()
    await pick.click()
    await carol.get_by_label("Bob", exact=True).check()
    await carol.get_by_role("button", name="Choose").click()
    await expect(carol.locator(".message.mine")).to_contain_text("👤 Bob")
    await expect(pick).to_be_hidden()
    [update] = await bot.get_updates(allowed_updates=["message"])
    assert update.message is not None
    shared = update.message.users_shared
    assert shared is not None
    assert (shared.request_id, [user.user_id for user in shared.users]) == (1, [BOB])
    assert server.person(CAROL).picker is None


async def test_a_reply_names_its_message(bot: telegram.Bot, api: Api, wide: Page) -> None:
    sent = await bot.send_message(ALICE, "Why <do> you need it?")
    alice = chat(wide, ALICE)

    await alice.locator(".message.theirs").hover()
    await alice.get_by_role("button", name="Reply to this message").click()
    await expect(alice.locator(".mode")).to_contain_text("Why <do> you need it?")
    await alice.locator("textarea").fill("night shift")
    await alice.locator("textarea").press("Enter")

    await expect(alice.locator(".mine .quoted")).to_have_text("Why <do> you need it?")
    await expect(alice.locator(".mode")).to_be_hidden()
    (update,) = await api.get("getUpdates", timeout=50)
    assert update["message"]["text"] == "night shift"
    answered = update["message"]["reply_to_message"]
    assert answered["message_id"] == sent.message_id
    assert "reply_to_message" not in answered


async def test_times_are_shown_in_the_readers_zone(bot: telegram.Bot, wide: Page) -> None:
    text = 'until <tg-time unix="1700000000" format="t">22:13 UTC</tg-time>'
    await bot.send_message(ALICE, text, parse_mode="HTML")

    shown = chat(wide, ALICE).locator("time")

    await expect(shown).to_have_attribute("datetime", "2023-11-14T22:13:20.000Z")
    local = await wide.evaluate(
        "new Date(1700000000000).toLocaleTimeString([], {timeStyle: 'short'})"
    )
    await expect(shown).to_have_text(local)


async def test_blocking_by_the_menu(server: DemoServer, wide: Page) -> None:
    alice = chat(wide, ALICE)
    await alice.locator(".menu summary").click()
    await alice.get_by_role("button", name="Block the bot").click()
    await expect(alice.locator("textarea")).to_be_hidden()
    assert server.world.people[ALICE].blocked

    await alice.locator(".unblock").click()

    await expect(alice.locator("textarea")).to_be_visible()
    assert not server.world.people[ALICE].blocked


async def test_the_page_comes_back_after_a_restart_of_the_server(
    server: DemoServer, wide: Page, problems: list[str]
) -> None:
    await server.stop()
    await expect(wide.locator(".offline")).to_be_visible()
    await server.person(ALICE).says("meanwhile")
    await server.start()

    await expect(wide.locator(".offline")).to_be_hidden()
    await expect(chat(wide, ALICE).locator(".message")).to_have_count(1)
    problems.clear()  # the browser logs each failed attempt


async def test_wide_shows_all_chats_and_the_hints(server: DemoServer, wide: Page) -> None:
    for person_id in (ALICE, BOB, CAROL):
        await expect(chat(wide, person_id)).to_be_visible()
    await expect(wide.locator(".picker")).to_be_hidden()
    server.banner = "Real OpenVPN here"
    await expect(wide.locator(".banner")).to_have_text("Real OpenVPN here")

    await wide.get_by_text("What to try").click()
    await expect(wide.locator(".sheet")).to_be_visible()
    await wide.keyboard.press("Escape")
    await expect(wide.locator(".sheet")).to_be_hidden()


async def test_the_first_visit_shows_what_to_try(browser: Browser, server: DemoServer) -> None:
    context = await browser.new_context(viewport=WIDE)
    page = await context.new_page()
    for is_first in (True, False):
        await page.goto(server.url)
        await expect(page.locator(".chat")).to_have_count(3)
        await expect(page.locator(".sheet")).to_be_visible(visible=is_first)
    await context.close()


async def test_an_empty_chat_begins_with_start(server: DemoServer, wide: Page) -> None:
    """Also where the bot may write already, as it may to the admins."""
    carol = chat(wide, CAROL)
    start = carol.get_by_role("button", name="Start", exact=True)
    await start.click()
    await expect(carol.locator(".message.mine")).to_have_text(re.compile("^/start"))
    await expect(start).to_be_hidden()


async def test_what_somebody_is_now_stands_below_the_name(
    server: DemoServer, bot: telegram.Bot, narrow: Page
) -> None:
    await bot.send_message(CAROL, "a card")
    server.page.show_role(CAROL, "Auditor")
    await expect(chat(narrow, CAROL).locator(".role")).to_have_text("Auditor")
    await expect(narrow.get_by_role("button", name="Carol, Auditor, 1 unread")).to_be_visible()
    await narrow.reload()
    await expect(chat(narrow, CAROL).locator(".role")).to_have_text("Auditor")


async def test_a_folded_quote_opens_at_a_tap(bot: telegram.Bot, wide: Page) -> None:
    lines = "\n".join(f"line {number}" for number in range(9))
    text = f"In short.\n<blockquote expandable>{lines}</blockquote>"
    await bot.send_message(CAROL, text, parse_mode="HTML")
    quote = chat(wide, CAROL).locator("blockquote")
    await expect(quote).to_contain_text("line 8")

    async def is_whole() -> bool:
        whole: bool = await quote.evaluate("(e) => e.scrollHeight <= e.clientHeight")
        return whole

    assert not await is_whole()
    await quote.click()
    await expect(quote).to_have_class("fold open")
    assert await is_whole()


async def test_narrow_shows_one_chat_and_counts_the_unread(bot: telegram.Bot, narrow: Page) -> None:
    alice, carol = chat(narrow, ALICE), chat(narrow, CAROL)
    await expect(alice).to_be_visible()
    await expect(carol).to_be_hidden()
    for text in ("one", "two"):
        await bot.send_message(CAROL, text)
    await bot.send_message(ALICE, "seen at once")
    badges = narrow.locator(".badge:visible")
    await expect(badges).to_have_text(["2"])

    await narrow.get_by_role("button", name="Carol, Admin, 2 unread").click()

    await expect(carol).to_be_visible()
    await expect(alice).to_be_hidden()
    await expect(badges).to_have_count(0)
    wider_than_the_window = await narrow.evaluate(
        "document.documentElement.scrollWidth > window.innerWidth"
    )
    assert not wider_than_the_window


async def test_narrow_type_and_tap(
    server: DemoServer, bot: telegram.Bot, api: Api, narrow: Page
) -> None:
    await bot.send_message(ALICE, "card", reply_markup=KEYS)
    alice = chat(narrow, ALICE)
    await alice.get_by_role("button", name="Deny").click()
    await alice.locator("textarea").fill("/help")
    await alice.get_by_role("button", name="Send").click()
    await expect(alice.locator(".message.mine")).to_contain_text("/help")

    tapped, said = await api.get("getUpdates")

    assert tapped["callback_query"]["data"] == "no"
    assert said["message"]["text"] == "/help"
