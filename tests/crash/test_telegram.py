"""The plain `vpnbot run` is killed while Telegram works on a call of its: not yet, or just done."""

import pytest

from demo.api.faults import Fault, drop_after, hang
from demo.testing import PersonChat
from tests.company import until
from tests.crash.outcome import check_company, check_live, check_request, documents, undecided
from tests.crash.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Longer than any test; whoever is killed waits no more.
_LATE_S = 600.0
_MOMENT = pytest.mark.parametrize("done", [False, True], ids=["before", "after"])


async def _hung(stage: Stage, method: str, *, done: bool) -> int:
    """The next call of this method gets no answer; gives how many there were."""
    telegram = stage.company.telegram
    telegram.faults.append(Fault(method, 1, hang(_LATE_S, after=done)))
    return sum(call.method == method for call in telegram.calls)


async def _killed_during(stage: Stage, method: str, calls: int) -> None:
    await stage.company.telegram.called(method, times=calls + 1)
    assert stage.company.telegram.faults == []
    await stage.company.kill()
    await stage.company.start()


async def _approves(stage: Stage, chat: PersonChat) -> None:
    boris = stage.company.boris
    card = await stage.button(boris, f"{chat.person.first_name} asks", "Approve")
    await boris.taps("Approve", message=card)


async def _ends_well(stage: Stage, chat: PersonChat, *, profiles: int, deaths: int) -> None:
    await stage.settle()
    await check_request(stage, chat, deaths=deaths, verdict="approved")
    check_live(stage, chat, profiles=profiles)
    check_company(stage)


@_MOMENT
async def test_while_it_sends_a_profile(plain_stage: Stage, done: bool) -> None:
    """Whether it arrived or not, the certificate dies and a fresh one comes."""
    chat = await plain_stage.hire()
    calls = await _hung(plain_stage, "sendDocument", done=done)
    await chat.says("/requestvpn")
    await _approves(plain_stage, chat)
    await _killed_during(plain_stage, "sendDocument", calls)
    if done:
        await chat.receives_document()
    await chat.receives_document()
    await _ends_well(plain_stage, chat, profiles=2, deaths=1)
    first, second = plain_stage.company.grants_of(chat)
    assert (first["state"], first["end_reason"]) == ("revoked", "lost")
    assert documents(chat) == [first["serial"], second["serial"]][0 if done else 1 :]


@_MOMENT
async def test_while_it_confirms_what_it_was_told(plain_stage: Stage, done: bool) -> None:
    """Telegram says it once more, and nothing is done twice."""
    chat = await plain_stage.hire()
    calls = await _hung(plain_stage, "getUpdates", done=done)
    await chat.says("/requestvpn")
    await _killed_during(plain_stage, "getUpdates", calls)
    await _approves(plain_stage, chat)
    await chat.receives_document()
    await _ends_well(plain_stage, chat, profiles=1, deaths=1)


@_MOMENT
async def test_while_it_sends_words(plain_stage: Stage, done: bool) -> None:
    """They come at least once; twice if they had arrived."""
    chat = await plain_stage.hire()
    calls = await _hung(plain_stage, "sendMessage", done=done)
    # A refusal is a message for one person alone, so it is the one that hangs.
    await chat.says("/requestvpn 5000d")
    await _killed_during(plain_stage, "sendMessage", calls)
    await plain_stage.settle()
    said = [message for message in chat.messages if "more than" in message.text]
    assert len(said) == (2 if done else 1)
    check_company(plain_stage)


@_MOMENT
@pytest.mark.parametrize("method", ["editMessageText", "answerCallbackQuery"])
async def test_while_it_shows_the_decision(plain_stage: Stage, method: str, done: bool) -> None:
    """An approval that was recorded is carried out, once."""
    chat = await plain_stage.hire()
    calls = await _hung(plain_stage, method, done=done)
    await chat.says("/requestvpn")
    await _approves(plain_stage, chat)
    await _killed_during(plain_stage, method, calls)
    await chat.receives_document()
    # The profile may have been on its way at that moment.
    await _ends_well(plain_stage, chat, profiles=2, deaths=1)
    for admin in (plain_stage.company.boris, plain_stage.company.clara):
        name = chat.person.first_name
        cards = [message for message in admin.messages if f"{name} asks" in message.text]
        assert "Approved by Boris" in cards[-1].text


async def test_a_card_that_came_twice_loses_its_buttons(plain_stage: Stage) -> None:
    """Of the first one nobody knows; it shows the decision as soon as somebody taps it."""
    boris, clara = plain_stage.company.boris, plain_stage.company.clara
    chat = await plain_stage.hire()
    # The words for whoever asks, and two cards: all arrive, and their answers do not.
    plain_stage.company.telegram.faults.append(Fault("sendMessage", 3, drop_after))
    await chat.says("/requestvpn")
    await until(lambda: [len(undecided(admin, chat)) for admin in (boris, clara)] == [2, 2])
    await plain_stage.settle()
    await boris.taps("Approve", message=undecided(boris, chat)[0])
    await chat.receives_document()
    await plain_stage.settle()
    assert undecided(boris, chat) == []
    (forgotten,) = undecided(clara, chat)
    late = await clara.is_answered(await clara.taps("Deny", message=forgotten))
    assert late.text == "Too late: Boris has approved this request already."
    await chat.is_answered(await chat.taps("Cancel request"))
    await plain_stage.settle()
    assert undecided(clara, chat) == []
    assert [message for message in chat.messages if message.button("Cancel")] == []
    # Nothing was said once more instead.
    cards = [one for one in clara.messages if f"{chat.person.first_name} asks" in one.text]
    assert len(cards) == 2
    await _ends_well(plain_stage, chat, profiles=1, deaths=1)
