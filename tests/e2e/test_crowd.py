"""A walk through the chat as a crowd takes it: many people, namesakes, and admins who are away.

Whatever is said on the way is held against the same rules; the page shows all of it, at both
widths.
"""

import re
from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from bot import limits
from demo.people import DemoPerson
from demo.testing import Button, DemoMessage, PersonChat
from tests.bot.reading import LONGEST
from tests.chromium import PATIENCE_MS, chromium, needs_chromium
from tests.company import BORIS, CLARA, Company, company_with_stand_in, until
from tests.e2e.test_words import unfolded
from tests.gate import updates

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]

NAME = "Anna Petrova"
ANNA_P = DemoPerson(40004711, "Anna", "annap", "Employee", started=True)
ANNA_Q = DemoPerson(40000815, "Anna", None, "Employee", started=True)
NILS = DemoPerson(1004, "Nils", "nils", "Employee", started=True)
RASHID = DemoPerson(1005, "رشيد", None, "Employee", started=True)
IDA = DemoPerson(1007, "Ida", "ida", "Employee", started=True)
OLEG = DemoPerson(1008, "Oleg", None, "Employee", started=True)
UNSEEN = DemoPerson(1006, "\u3164", None, "Stranger", started=True)
DAVE = DemoPerson(2003, "Dave", "dave", "Admin", started=True)
ELSA = DemoPerson(2004, "Elsa", None, "Admin", started=True)
FRANK = DemoPerson(2005, "Frank", "frank", "Admin")
DORA = DemoPerson(2006, "Dora", "dora", "Approver", started=True)
STRANGER = DemoPerson(1009, "Emil", "emil", "Stranger", started=True)
EMPLOYEES = (ANNA_P, ANNA_Q, NILS, RASHID, IDA, OLEG)
PEOPLE = (*EMPLOYEES, BORIS, CLARA, DAVE, ELSA, FRANK, DORA, UNSEEN, STRANGER)
MANY = 500


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path) -> AsyncIterator[Company]:
    """Five admins, of whom one never came and two block the bot; an approver and their group."""
    async with company_with_stand_in(module_folder, people=PEOPLE) as (company, _):
        admins = (BORIS, CLARA, DAVE, ELSA, FRANK)
        company.extra["VPNBOT_ADMIN_IDS"] = ",".join(str(one.id) for one in admins)
        staff = module_folder / "staff.csv"
        rows = [f"{50_000 + one},Anna Number{one:03}" for one in range(MANY)]
        named = {ANNA_P: NAME, ANNA_Q: NAME, NILS: "Nils O\u00adlsen"}
        known = [(person, named.get(person, person.first_name)) for person in EMPLOYEES]
        rows += [f"{person.id},{name}" for person, name in known]
        staff.write_text("\n".join(["id,name", *rows]) + "\n")
        await company.done("user", "import", str(staff), "--apply")
        await company.done("group", "add", "sales")
        await company.done(
            "user", "allow", str(NILS.id), "--name", "Nils Olsen", "--group", "sales"
        )
        await company.done("user", "role", str(DORA.id), "approver", "--group", "sales")
        await company.start()
        for person in (BORIS, CLARA, DAVE, ELSA, DORA, *EMPLOYEES):
            await chat(company, person).says("/start")
        await company.settled()
        for person in (DAVE, ELSA):
            chat(company, person).blocks_bot()
        await company.settled()
        yield company


def chat(company: Company, person: DemoPerson) -> PersonChat:
    return company.telegram.person(person.id)


# --- what is said --------------------------------------------------------------------------------

# What a template, or a value that somebody forgot, would look like.
_BROKEN = re.compile(r"\{\w*\}|\bNone\b|<[a-z/]+>|Traceback|\bobject at 0x|&[a-z]+;")
# Lists have as many words as they have entries.
_LIST = re.compile(
    r"on the allowlist:|VPN profiles?:|Admins, by the settings|sessions? right now|In it:"
)


def faults(message: DemoMessage) -> list[str]:
    """What nobody should have to read."""
    found = []
    labels = [button.text for row in message.buttons for button in row]
    if len(labels) != len(set(labels)):
        found.append("two equal buttons")
    if any(not label.strip() for label in labels):
        found.append("a button without a label")
    if len(labels) > limits.BUTTONS:
        found.append("too many buttons")
    if unfolded(message) > LONGEST and not _LIST.search(message.text):
        found.append(f"{unfolded(message)} words")
    if broken := _BROKEN.search(message.text):
        found.append(f"unfinished: {broken[0]}")
    return found


def said_badly(company: Company) -> list[tuple[list[str], str]]:
    """Of all that the bot has said to anybody."""
    every = [
        message
        for person in PEOPLE
        for message in chat(company, person).messages
        if message.from_bot
    ]
    return [(wrong, one.text) for one in every if (wrong := faults(one))]


async def answers(company: Company, who: PersonChat, text: str) -> Sequence[DemoMessage]:
    """All new messages that come to somebody after these words."""
    typed = await who.says(text)
    await company.settled()
    return [m for m in who.messages if m.from_bot and m.message_id > typed.message_id]


# --- the walk ------------------------------------------------------------------------------------


async def card(admin: PersonChat, name: str) -> DemoMessage:
    """The newest card of theirs, once it can be decided on."""

    def open_ones() -> list[DemoMessage]:
        title = f"{name} asks for VPN access"
        return [m for m in admin.messages if title in m.text and m.button("Approve")]

    await until(open_ones)
    return open_ones()[-1]


async def given(company: Company, who: PersonChat, text: str, *, device: str = "") -> None:
    """Somebody asks, Boris approves, and the profile is there."""
    [asked] = await answers(company, who, text)
    if device:
        await who.taps("Another device", message=asked)
        await who.taps(device, message=await who.hears("Which device is it for?"))
    await company.boris.taps("Approve", message=await card(company.boris, NAME))
    await who.receives_document()
    await until(lambda: company.grants_of(who)[-1]["state"] == "active")
    await company.settled()


async def test_two_of_one_name_from_the_request_to_the_receipt(company: Company) -> None:
    boris, clara = company.boris, company.clara
    for person in (ANNA_P, ANNA_Q):
        who = chat(company, person)
        [asked] = await answers(company, who, "/requestvpn 2h office quarterly report")
        assert "Asked: Boris and Clara." in asked.text, "nobody else can read it"
        theirs = await card(boris, NAME)
        assert str(person.id) in theirs.text
        await boris.taps("Approve 2 hours", message=theirs)
        await who.receives_document()
        await until(lambda: company.grants_of(who)[-1]["state"] == "active")  # noqa: B023
    [listed] = await answers(company, boris, f"/revoke {NAME}")
    assert labels(listed) == {f"Revoke {NAME} (@annap)", f"Revoke {NAME} (…0815)"}
    await boris.taps(f"Revoke {NAME} (…0815)", message=listed)
    question = await boris.hears("on every server now?")
    assert f"{NAME} (…0815)" in question.text
    await boris.taps("Revoke now", message=question)
    receipt = await boris.hears("can’t connect any more")
    assert f"Revoked: {NAME} (…0815)" in receipt.text
    assert f"{NAME} (…0815)" in (await clara.hears("Boris is ending")).text
    await chat(company, ANNA_Q).hears("Boris took back your access")
    assert company.grants_of(chat(company, ANNA_P))[0]["state"] == "active"
    assert said_badly(company) == []


def labels(message: DemoMessage) -> set[str]:
    return {button.text for row in message.buttons for button in row}


async def test_two_profiles_of_one_server_are_told_apart(company: Company) -> None:
    who = chat(company, ANNA_P)
    await given(company, who, "/requestvpn 3h office", device="Phone")
    [mine] = await answers(company, who, "/myvpn")
    assert {"Revoke office", "Revoke office, phone"} <= labels(mine)
    phone = company.grants_of(who)[-1]["common_name"]
    for label in ("Revoke office, phone", "New profile for office, phone"):
        await who.taps(label, message=mine)
        question = await who.hears(f"{phone}, until")
        await who.taps("Keep it", message=question)
        await who.hears("Nothing was changed")
    assert said_badly(company) == []


async def test_five_hundred_are_found_by_pages_and_by_words(company: Company) -> None:
    boris = company.boris
    for text in ("/users", "/remove", "/pause", "/users number", "/remove number"):
        [shown] = await answers(company, boris, text)
        seen = shown.text + str(labels(shown))
        while shown.button("Next ›"):
            await boris.taps("Next ›", message=shown)
            await company.settled()
            shown = next(m for m in boris.messages if m.message_id == shown.message_id)
            seen += shown.text + str(labels(shown))
        assert {*re.findall(r"Number(\d+)", seen)} == {f"{one:03}" for one in range(MANY)}, text
    listed = await company.done("user", "list", "--user", "anna number", "--json")
    assert len(listed.rows) == MANY
    [nobody] = await answers(company, boris, "/revoke anna number")
    assert "has access at the moment" in nobody.text
    assert said_badly(company) == []


DURATIONS = {
    "for 2d": "2 days",
    "2 weeks": "14 days",
    "zwei Tage": "2 days",
    "1d12h": "36 hours",
    "２ ｗ": "14 days",
    "2\ufe0f\u20e3 days": "2 days",
    "twenty-four hours": "1 day",
    "на два дня": "2 days",
    "3rd floor printer": "7 days",
}
UNCLEAR = ("dos días", "2 días", "half day", "forever", "-1d", "until friday", "2")


async def test_a_time_in_any_words_is_read_or_asked_back(company: Company) -> None:
    who = chat(company, RASHID)
    for typed, read in DURATIONS.items():
        [asked] = await answers(company, who, f"/requestvpn {typed}")
        assert f"{read}, waits for the admins" in asked.text, typed
        await who.taps("Cancel request", message=asked)
        await who.hears("is cancelled")
    who = chat(company, IDA)
    for typed in UNCLEAR:
        [question] = await answers(company, who, f"/requestvpn {typed}")
        assert "How long do you need it?" in question.text, typed
        assert {"7 days, as usual", "Forget it"} < labels(question), typed
        await who.taps("Forget it", message=question)
    assert said_badly(company) == []


NONSENSE = (
    *("hi", "vpn pls", "привет", "aide", "/requestvpm 2d", "/revoke@other_bot Anna", "/", "//"),
    *("\u3164", "\u00ad\u00ad", "\u202e/nzver", "🦆", "x" * 4096, "/help " + "y" * 4000, "?"),
    *("/MYVPN", "/myvpn@vpn_access_demo_bot please", "/start g-12345678", "-", "/１２３"),
)
_FILE: dict[str, Any] = {"file_id": "x", "file_unique_id": "y"}
_ANY = dict.fromkeys(("is_animated", "is_video", "is_closed", "allows_multiple_answers"), False)
CONTENT: dict[str, Any] = {
    "voice": {**_FILE, "duration": 3},
    "photo": [{**_FILE, "width": 9, "height": 9}],
    "sticker": {**_FILE, **_ANY, "width": 9, "height": 9, "type": "regular"},
    "location": {"latitude": 1.0, "longitude": 2.0},
    "contact": {"phone_number": "+1", "first_name": "Eve"},
    "poll": {
        **_ANY,
        "id": "1",
        "question": "?",
        "options": [],
        "total_voter_count": 0,
        "is_anonymous": True,
        "allows_revoting": False,
        "members_only": False,
        "type": "regular",
    },
}
_numbers = count(90_000)


async def test_nonsense_changes_nothing_and_leads_on(company: Company) -> None:
    """Of a member, an approver and an admin, who have other buttons each."""
    for person in (NILS, DORA, CLARA):
        who = chat(company, person)
        before = company.dump()
        for text in NONSENSE:
            said = await answers(company, who, text)
            assert said, (person.first_name, text)
            assert any(leads_on(one) for one in said), (person.first_name, text, said[-1].text)
        assert company.dump() == before
    assert said_badly(company) == []


def leads_on(message: DemoMessage) -> bool:
    """A button, or a command that can be pressed."""
    return bool(message.buttons) or any(e["type"] == "bot_command" for e in message.entities)


async def test_what_is_no_text_is_answered_too(company: Company) -> None:
    who = chat(company, OLEG)
    before = company.dump()
    for kind, content in CONTENT.items():
        made = updates.message(
            OLEG.id, "", date=who.messages[-1].date, **{"from": OLEG.user(), kind: content}
        )
        del made["text"]
        seen = len(who.messages)
        company.telegram.inject({"message": made | {"message_id": next(_numbers)}})
        await company.settled()
        [said] = who.messages[seen:]
        assert leads_on(said), kind
    await who.forwards("/requestvpn 2d")
    await who.hears("not on forwarded ones")
    typed = await who.says("/help")
    await company.settled()
    seen = len(who.messages)
    await who.edits(typed.message_id, "/requestvpn 2d")
    await company.settled()
    assert len(who.messages) == seen
    assert company.dump() == before
    assert said_badly(company) == []


async def test_in_a_group_only_what_is_ours_is_answered(company: Company) -> None:
    group = company.telegram.add_group("Staff", [NILS.id, BORIS.id])
    for text in ("/revoke@other_bot Anna", "/unknown", "/myvpn@other_bot"):
        await group.says(NILS.id, text)
    await company.settled()
    assert [one for one in group.messages if one.from_bot] == []
    await group.says(NILS.id, "/myvpn")
    await company.settled()
    [answer] = [one for one in group.messages if one.from_bot]
    assert "private matter" in answer.text


async def test_whoever_blocks_it_at_any_stage_reads_what_happened(company: Company) -> None:
    who, boris = chat(company, NILS), company.boris
    # Before the decision.
    [asked] = await answers(company, who, "/requestvpn 2h office")
    assert "Dora" in asked.text
    who.blocks_bot()
    await boris.taps("Approve", message=await card(boris, "Nils Olsen"))
    await boris.hears("didn’t get the profile")
    who.unblocks_bot()
    back = await who.hears("you had blocked me")
    await who.taps("Ask again", message=back)
    await boris.taps("Approve", message=await card(boris, "Nils Olsen"))
    await who.receives_document()
    await until(lambda: company.grants_of(who)[-1]["state"] == "active")
    # While it is revoked.
    who.blocks_bot()
    await boris.says("/revoke Nils")
    await boris.hears("Nils Olsen can’t connect any more")
    who.unblocks_bot()
    await company.settled()
    [mine] = await answers(company, who, "/myvpn")
    assert "no VPN access" in mine.text
    assert said_badly(company) == []


async def test_an_admin_who_asks_reads_who_can_answer(company: Company) -> None:
    """Neither those who block the bot, nor whoever never came."""
    clara = company.clara
    await clara.says(f"/allow {CLARA.id} Clara")
    await company.settled()
    await clara.says("/requestvpn 1h office")
    own = await clara.hears("This is your own request")
    assert "Boris can approve it." in own.text
    await company.settled()
    await clara.taps("Cancel request")
    await company.settled()
    assert said_badly(company) == []


async def test_where_no_admin_can_be_reached_an_approver_still_can(company: Company) -> None:
    nils, ida = chat(company, NILS), chat(company, IDA)
    for admin in (BORIS, CLARA):
        chat(company, admin).blocks_bot()
    await company.settled()
    [asked] = await answers(company, nils, "/requestvpn 1h office")
    assert "waits for the admins" in asked.text
    assert "Asked: Dora." in asked.text
    said = await answers(company, ida, "/requestvpn 1h office")
    assert "I can’t reach any admin" in said[0].text
    assert len(said) <= 2, "one notice, however many admins there are"
    dora = chat(company, DORA)
    await dora.taps("Approve", message=await card(dora, "Nils Olsen"))
    await nils.receives_document()
    for admin in (BORIS, CLARA):
        chat(company, admin).unblocks_bot()
    await company.settled()
    [asked] = [m for m in ida.messages if m.button("Cancel request")]
    await ida.taps("Cancel request", message=asked)
    assert said_badly(company) == []


async def test_two_admins_at_once_and_buttons_after_a_restart(company: Company) -> None:
    who, boris, clara = chat(company, ANNA_Q), company.boris, company.clara
    await answers(company, who, "/requestvpn 8h office")
    cards = [await card(one, NAME) for one in (boris, clara)]
    await company.stop()
    await company.start()
    taps = [
        await one.taps("Approve 1 hour", message=theirs)
        for one, theirs in zip((boris, clara), cards, strict=True)
    ]
    said = [(await boris.is_answered(taps[0])).text, (await clara.is_answered(taps[1])).text]
    assert said[0].startswith("Approved.")
    assert said[1] == "Too late: Boris has approved this request already."
    await who.receives_document()
    await until(lambda: company.grants_of(who)[-1]["state"] == "active")
    approve = cards[1].button("Approve 1 hour")
    assert approve
    late = await clara.taps_data(cards[1].message_id, approve.callback_data or "")
    assert "Too late" in (await clara.is_answered(late)).text
    [now] = [m for m in clara.messages if m.message_id == cards[1].message_id]
    assert "1 hour (asked: 8 hours)" in now.text
    assert said_badly(company) == []


# --- every button --------------------------------------------------------------------------------

MEMBERS = ("/start", "/help", "/myvpn", "/requestvpn", "/requestvpn 3 weeks or so", "/requestvpn")
ADMINS = (
    *("/start", "/help", "/pending", "/grants", "/online", "/users", f"/users {NAME}", "/who"),
    *("/who 10.8.0.2", "/group", "/group sales", "/group sales add Rashid", "/role", "/role Dora"),
    *("/role 1005 auditor", "/role 1005 none", "/allow", "/allow Emil", "/allow 1009 Emil Ek"),
    *("/invite", "/invite Max Muster", "/pause", "/pause Nils until 3d", "/resume", "/revoke"),
    *(f"/revoke {NAME}", "/revoke anna", "/revoke ann", "/revoke 40004711 for 2d", "/remove"),
    *("/remove Emil", "/away", "/away until 2d", "/servers", "/audit", "/requestvpn", "/myvpn"),
)


async def press_all(company: Company, who: PersonChat, texts: Sequence[str]) -> list[str]:
    """Taps a button of each kind that appears; gives what none of them should have done: nothing.

    A kind is what its data says without numbers.
    """
    pressed: set[str] = set()
    silent = []
    for text in texts:
        assert await answers(company, who, text), text
        while (found := _new_button(who, pressed)) is not None:
            message, button = found
            assert button.callback_data
            pressed.add(kind_of(button))
            before = [(m.message_id, m.text, m.buttons) for m in who.messages]
            query = await who.taps_data(message.message_id, button.callback_data)
            answer = await who.is_answered(query)
            await company.settled()
            after = [(m.message_id, m.text, m.buttons) for m in who.messages]
            if not answer.text and before == after:
                silent.append(f"{text}: {button.text}")
    return silent


def kind_of(button: Button) -> str:
    return re.sub(r"g-\w+|[0-9a-f]{8}|\d+", "#", button.callback_data or "")


def _new_button(who: PersonChat, pressed: set[str]) -> tuple[DemoMessage, Button] | None:
    for message in reversed(who.messages):
        for row in message.buttons:
            for button in row:
                if button.callback_data and kind_of(button) not in pressed:
                    return message, button
    return None


async def test_every_button_does_something(company: Company) -> None:
    for person, texts in (
        (ANNA_P, MEMBERS),
        (DORA, ("/start", "/pending", "/grants")),
        (BORIS, ADMINS),
    ):
        assert await press_all(company, chat(company, person), texts) == []
    assert said_badly(company) == []


# --- the page ------------------------------------------------------------------------------------

WIDTHS = {"wide": (1400, 860), "narrow": (390, 844)}
# Cut, outside of its chat, over another button, or without words.
LOOK = """() => {
  const found = []
  const seen = one => one.getClientRects().length > 0
  for (const chat of [...document.querySelectorAll('.chat')].filter(seen)) {
    const whole = chat.getBoundingClientRect()
    const name = chat.querySelector('h2').textContent
    for (const one of [...chat.querySelectorAll('.key, .text, .document, .role')].filter(seen)) {
      const box = one.getBoundingClientRect()
      if (one.scrollWidth > one.clientWidth + 1) found.push(`${name}: cut: ${one.textContent}`)
      if (box.left < whole.left - 1 || box.right > whole.right + 1)
        found.push(`${name}: outside: ${one.textContent}`)
    }
    for (const message of chat.querySelectorAll('.message')) {
      const keys = [...message.querySelectorAll('.key')].map(key => key.getBoundingClientRect())
      keys.forEach((one, at) => keys.slice(at + 1).forEach(two => {
        if (one.left < two.right - 1 && two.left < one.right - 1
          && one.top < two.bottom - 1 && two.top < one.bottom - 1)
          found.push(`${name}: one over the other: ${message.textContent}`)
      }))
    }
  }
  for (const one of [...document.querySelectorAll('button, a, textarea, summary')].filter(seen)) {
    const label = one.getAttribute('aria-label') || one.textContent || one.placeholder
      || (one.labels && one.labels[0] && one.labels[0].textContent)
    if (!label || !label.trim()) found.push(`without words: ${one.outerHTML}`)
  }
  const picks = [...document.querySelectorAll('.pick')].map(one => one.textContent)
  if (new Set(picks).size < picks.length) found.push(`chats of one name: ${picks}`)
  if (document.documentElement.scrollWidth > window.innerWidth) found.push('wider than the page')
  return found
}"""


@pytest.fixture(params=list(WIDTHS))
def width(request: pytest.FixtureRequest) -> tuple[int, int]:
    return WIDTHS[request.param]


@needs_chromium
async def test_all_of_it_can_be_read_on_the_page(
    company: Company, width: tuple[int, int], tmp_path: Path
) -> None:
    problems: list[str] = []
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": width[0], "height": width[1]})
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.add_init_script("localStorage.setItem('what-to-try-seen', 'yes')")
        await page.goto(company.telegram.url)
        await expect(page.locator(".chat")).to_have_count(len(PEOPLE))
        for person in PEOPLE:
            await pick(page, person)
            problems += await page.evaluate(LOOK)
            await page.screenshot(path=tmp_path / f"{width[0]}-{person.id}.png")
    assert problems == []


async def pick(page: Page, person: DemoPerson) -> None:
    """On a narrow page one chat is shown at a time."""
    chat_box = page.locator(f".chat[data-person='{person.id}']")
    if not await chat_box.is_visible():
        at = [one.id for one in PEOPLE].index(person.id)
        await page.locator(".picker button").nth(at).click()
    await expect(chat_box).to_be_visible()
