"""What somebody can do to the demo by its Trouble panel does not end it."""

from pathlib import Path

import pytest

from bot.access.permission import Actor
from bot.showcase import ANNA, BORIS, EMIL, _settings, open_showcase, role_text
from demo.api.faults import Fault, status
from tests.company import until


def test_nothing_of_the_operators_settings_gets_into_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VPNBOT_APPROVALS", "2")
    monkeypatch.setenv("vpnbot_data_dir", str(tmp_path / "of-the-operator"))
    made = _settings(tmp_path, "123456789:a-token-of-the-demo", "http://127.0.0.1:1")
    assert (made.approvals, made.data_dir) == (1, tmp_path / "data")


@pytest.mark.parametrize(
    ("actor", "text"),
    [
        (Actor("x", "X"), "Not on the allowlist"),
        (Actor("x", "X", is_allowed=True), "Employee"),
        (Actor("x", "X", is_allowed=True, is_paused=True), "Employee, paused"),
        (Actor("x", "X", is_admin=True), "Admin"),
        (Actor("x", "X", is_admin=True, is_allowed=True), "Admin, allowlisted"),
        (Actor("x", "X", is_auditor=True), "Auditor"),
        (Actor("x", "X", decides_for=frozenset()), "Approver"),
    ],
)
def test_what_the_page_calls_somebody(actor: Actor, text: str) -> None:
    assert role_text(actor) == text


@pytest.mark.long
async def test_a_bot_that_gave_up_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    """A second poller makes it give up, after a while; a refused token at once."""
    async with open_showcase() as showcase:
        telegram, anna = showcase.telegram, showcase.telegram.person(ANNA.id)
        await anna.says("/start")
        await anna.hears("Hello")
        banner = telegram.banner

        telegram.faults.append(Fault("getUpdates", 1, status(401, "Unauthorized")))
        await anna.says("/help")  # ends the poll that is under way

        await until(lambda: telegram.banner.startswith("The bot ended: Telegram refuses"))
        assert "started again" in caplog.text
        await until(lambda: telegram.banner == banner)
        await anna.says("/myvpn")
        await anna.hears("no VPN access")

        # Below the names on the page, also where the menu can't be set yet.
        boris, page = telegram.person(BORIS.id), telegram.page
        await boris.says("/allow 1002 Emil")
        await until(lambda: page._role_of(EMIL.id) == "Employee")
        await boris.says("/role 1002 auditor")
        await until(lambda: page._role_of(EMIL.id) == "Auditor, allowlisted")
        greetings = [message.text for message in anna.messages if "Hello" in message.text]
        assert len(greetings) == 2
