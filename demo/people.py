"""Who takes part: the bot and the people who talk to it."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """`role` is the label that the page shows; `started`: has pressed Start before."""

    id: int
    first_name: str
    username: str | None
    role: str
    started: bool = False
    language_code: str = "en"

    def user(self) -> Json:
        """The Bot API's User."""
        user: Json = {
            "id": self.id,
            "is_bot": False,
            "first_name": self.first_name,
            "language_code": self.language_code,
        }
        return user | ({"username": self.username} if self.username else {})

    def chat(self) -> Json:
        """The Bot API's Chat: a private chat has its person's id."""
        chat: Json = {"id": self.id, "type": "private", "first_name": self.first_name}
        return chat | ({"username": self.username} if self.username else {})


@dataclass(frozen=True, slots=True)
class DemoBot:
    """The one bot; its id is the part of the token before the colon."""

    id: int
    first_name: str = "VPN Access Bot"
    username: str = "vpn_access_demo_bot"

    def user(self) -> Json:
        return {
            "id": self.id,
            "is_bot": True,
            "first_name": self.first_name,
            "username": self.username,
        }

    def me(self) -> Json:
        """What getMe answers: the User with what only a bot sees of itself.

        Privacy mode is on, as it is for every new bot: in groups it sees commands only.
        """
        return self.user() | {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }


# The account that Telegram names as the sender of an anonymous group admin's message.
ANONYMOUS_ADMIN: Json = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
