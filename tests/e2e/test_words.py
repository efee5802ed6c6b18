"""How much somebody has to do and to read: whole messages, as they come."""

import pytest

from demo.testing import DemoMessage, PersonChat
from tests.bot.reading import LONGEST
from tests.company import Company, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


def unfolded(message: DemoMessage) -> int:
    """The words that stand there before anything is opened."""
    said = message.text.encode("utf-16-le")
    for entity in reversed(message.entities):
        if entity["type"] == "expandable_blockquote":
            begin = 2 * entity["offset"]
            said = said[:begin] + said[begin + 2 * entity["length"] :]
    return len(said.decode("utf-16-le").split())


def too_long(chat: PersonChat) -> list[tuple[int, str]]:
    said = [(unfolded(one), one.text) for one in chat.messages if one.from_bot]
    return [one for one in said if one[0] > LONGEST]


async def test_one_message_one_tap_and_the_file_is_there(company: Company) -> None:
    who, boris = await company.hires(), company.boris
    answers = len(boris.answers)
    await who.says("/requestvpn")
    await boris.taps("Approve", message=await company.card(boris, who))
    profile = await who.receives_document()
    assert profile.document is not None
    typed = [one.text for one in who.messages if not one.from_bot]
    assert typed == ["/requestvpn"]
    await company.settled()
    assert len(boris.answers) == answers + 1


@pytest.mark.long
async def test_nobody_reads_more_than_sixty_words_at_once(company: Company) -> None:
    who, boris = await company.hires(), company.boris
    for chat in (who, boris):
        for text in ("/start", "/help", "/myvpn"):
            await chat.says(text)
    await company.approved("/requestvpn 8h office visiting a customer in Lyon", who)
    await who.says("/myvpn")
    await who.says("/requestvpn")
    await boris.says(f"/revoke {who.person.id}")
    await boris.hears("Revoked")
    await company.asks(who)
    await boris.taps("Deny", message=await company.card(boris, who))
    await boris.says(f"/pause {who.person.id} until 2d")
    await who.hears("paused your VPN access")
    await boris.says(f"/remove {who.person.id}")
    await who.hears("took you off the list")
    for text in ("/pending", "/grants", "/servers", "/invite", "/allow", "/audit"):
        await boris.says(text)
    await until(lambda: len(boris.messages) > 15)
    await company.settled()
    for chat in (who, boris):
        assert too_long(chat) == []
