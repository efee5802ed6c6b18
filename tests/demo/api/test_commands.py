"""Command menus by scope and language."""

from typing import Any

import pytest

from demo.server import DemoServer
from tests.demo.conftest import ALICE, BOB, CAROL, Api

HELP = {"command": "help", "description": "What I can do"}
AIDE = {"command": "help", "description": "Ce que je sais faire"}
REVOKE = {"command": "revoke", "description": "Take access away"}


def names(menu: list[dict[str, Any]]) -> list[str]:
    return [entry["description"] for entry in menu]


async def test_the_narrowest_scope_is_shown(server: DemoServer, api: Api) -> None:
    await api.get("setMyCommands", commands=[HELP])
    assert names(server.person(ALICE).menu) == [HELP["description"]]

    await api.get("setMyCommands", commands=[REVOKE], scope={"type": "all_private_chats"})
    assert names(server.person(ALICE).menu) == [REVOKE["description"]]

    scope = {"type": "chat", "chat_id": ALICE}
    await api.get("setMyCommands", commands=[HELP, REVOKE], scope=scope)
    assert len(server.person(ALICE).menu) == 2
    assert names(server.person(CAROL).menu) == [REVOKE["description"]]


async def test_a_persons_language_comes_first(server: DemoServer, api: Api) -> None:
    await api.get("setMyCommands", commands=[HELP])
    await api.get("setMyCommands", commands=[AIDE], language_code="fr")

    assert names(server.person(CAROL).menu) == [AIDE["description"]]
    assert names(server.person(ALICE).menu) == [HELP["description"]]


async def test_a_menu_for_someone_who_never_pressed_start_is_refused(api: Api) -> None:
    scope = {"type": "chat", "chat_id": BOB}

    assert await api.refused("setMyCommands", commands=[HELP], scope=scope) == (
        "400 Bad Request: chat not found"
    )


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        ({"commands": [HELP | {"command": "Help"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [HELP | {"command": "x" * 33}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [HELP | {"description": " "}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": ["help"]}, "can't parse BotCommand: expected an Object"),
        ({"commands": [HELP] * 101}, "BOT_COMMANDS_TOO_MUCH"),
        (
            {"commands": [HELP], "scope": {"type": "everyone"}},
            "can't parse BotCommandScope: Unsupported type specified",
        ),
        (
            {"commands": [HELP], "scope": {"type": "chat"}},
            "can't parse BotCommandScope: chat_id is empty",
        ),
    ],
)
async def test_bad_menus_are_refused(api: Api, params: dict[str, Any], refusal: str) -> None:
    assert await api.refused("setMyCommands", **params) == f"400 Bad Request: {refusal}"
