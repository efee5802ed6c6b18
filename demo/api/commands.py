"""The command menus: one for each scope and language.

https://core.telegram.org/bots/api#determining-list-of-commands
"""

import re
from typing import Any

from demo.errors import bad_request
from demo.people import Json

_NAME = re.compile(r"[a-z0-9_]{1,32}")
_DESCRIPTION_CHARACTERS = 256
_MENU_ENTRIES = 100
_SCOPES = frozenset(
    {
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    }
)

ScopeKey = tuple[str, int | None]


def scope_key(scope: Any) -> ScopeKey:
    """The scope as a key; nothing given is the default scope."""
    if not scope:
        return ("default", None)
    kind = scope.get("type") if isinstance(scope, dict) else None
    if kind not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    if kind not in {"chat", "chat_administrators", "chat_member"}:
        return (str(kind), None)
    try:
        return (str(kind), int(scope["chat_id"]))
    except (KeyError, TypeError, ValueError) as error:
        raise bad_request("can't parse BotCommandScope: chat_id is empty") from error


class CommandMenus:
    def __init__(self) -> None:
        self._menus: dict[tuple[ScopeKey, str], tuple[Json, ...]] = {}

    def put(self, key: ScopeKey, language: str, commands: Any) -> None:
        if not isinstance(commands, list) or len(commands) > _MENU_ENTRIES:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        self._menus[key, language] = tuple(_command(command) for command in commands)

    def shown_to(self, person_id: int, language: str) -> list[Json]:
        """What a person sees in their private chat: the narrowest scope that has a menu."""
        scopes: tuple[ScopeKey, ...] = (
            ("chat", person_id),
            ("all_private_chats", None),
            ("default", None),
        )
        for key in scopes:
            for spoken in (language, ""):
                if menu := self._menus.get((key, spoken)):
                    return list(menu)
        return []


def _command(command: Any) -> Json:
    if not isinstance(command, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    name = str(command.get("command", "")).removeprefix("/")
    description = str(command.get("description", "")).strip()
    if not _NAME.fullmatch(name):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= _DESCRIPTION_CHARACTERS:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name, "description": description}
