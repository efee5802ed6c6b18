"""The menus of commands: who sees which, and that Telegram takes them."""

import re

import pytest

from bot import limits
from bot.access.permission import Actor
from bot.chat.commands import COMMANDS, menu
from bot.texts import chat

ANYBODY = Actor("telegram:1", "X")


@pytest.mark.parametrize(
    ("actor", "commands"),
    [
        (ANYBODY, "help"),
        (Actor("x", "X", is_allowed=True), "requestvpn myvpn help"),
        (Actor("x", "X", is_allowed=True, is_paused=True), "myvpn help"),
        (
            Actor("x", "X", is_admin=True),
            (
                "pending grants online revoke pause resume users who group allow invite remove "
                "role away servers audit help"
            ),
        ),
        (
            Actor("x", "X", is_admin=True, is_allowed=True),
            (
                "requestvpn myvpn pending grants online revoke pause resume users who group allow "
                "invite remove role away servers audit help"
            ),
        ),
    ],
)
def test_everybody_sees_the_commands_that_they_may_use(actor: Actor, commands: str) -> None:
    assert [name for name, _ in menu(actor)] == commands.split()


def test_every_command_but_start_says_what_it_does() -> None:
    assert set(chat.MENU) == set(COMMANDS) - {"start"}
    assert list(chat.HELP) == list(chat.MENU)[:-1]


def test_every_command_of_a_menu_is_one_that_telegram_takes() -> None:
    for name, text in menu(Actor("x", "X", is_admin=True, is_allowed=True)):
        assert re.fullmatch(r"[a-z0-9_]+", name)
        assert len(name) <= limits.MENU_NAME
        assert 3 <= len(text) <= limits.MENU_TEXT
    assert len(COMMANDS) <= limits.MENU_ENTRIES
