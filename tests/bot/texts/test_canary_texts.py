"""What is said of a try from outside, wherever servers are shown."""

from datetime import UTC, datetime

import pytest

from bot.chat import server_list
from bot.texts.canary import COMPLAINTS, NOTICES, TROUBLES, UNTRIED
from storage.records import CanaryLook, CanaryTrouble, ServerName, Untried
from tests.bot.chat.test_views import seen, server, status

BERLIN = ServerName("berlin")
NOW = datetime(2026, 3, 2, 9, 31, tzinfo=UTC)


def test_every_code_has_its_words() -> None:
    assert set(TROUBLES) == set(COMPLAINTS) == set(CanaryTrouble)
    assert set(UNTRIED) == set(Untried)
    assert {code.value for code in NOTICES} == {
        *(f"canary_{trouble}" for trouble in CanaryTrouble),
        "canary_well",
        "canary_lets_in",
    }


@pytest.mark.parametrize(
    ("look", "said"),
    [
        (CanaryLook(BERLIN, NOW), "its port is open, and it lets people in who may connect"),
        (
            CanaryLook(BERLIN, NOW, (CanaryTrouble.UNREACHABLE,)),
            "⚠️ tried from outside 2026-03-02 09:31 UTC: nothing comes back from its port",
        ),
        (
            CanaryLook(BERLIN, NOW, (CanaryTrouble.UNREACHABLE,), untried=Untried.PASSWORD),
            "not tried from outside: its clients need a password, and I have none",
        ),
        (
            CanaryLook(BERLIN, NOW, untried=Untried.OVERDUE),
            "⚠️ not tried from outside since 2026-03-02 09:31 UTC: the bot’s log may say why",
        ),
    ],
)
def test_the_chat_says_what_was_seen_last(look: CanaryLook, said: str) -> None:
    answer = server_list.listing([server("berlin")], [status("berlin", reachable=True)], {}, ())
    assert "outside" not in seen(answer)
    answer = server_list.listing(
        [server("berlin")], [status("berlin", reachable=True)], {BERLIN: look}, ()
    )
    assert said in seen(answer)
