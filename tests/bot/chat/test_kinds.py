"""Every kind of update and of message, once, and what becomes of it.

A new version of the library that knows another kind fails here, until somebody has decided.
"""

from typing import Any

import pytest
from telegram import Message, Update
from telegram.constants import MessageType, UpdateType

from bot.chat.incoming import ALLOWED_UPDATES, SERVICE, Nothing, Typed, read_update
from tests.gate import updates

ANNA = 1001
# Whatever is not asked for never comes; the reason why stands beside it.
UPDATES = {
    "message": "typed in the private chat: acts; in a group: the way to the private chat",
    "callback_query": "a tap in the private chat: acts; in a group: on cards, where it holds them",
    "my_chat_member": "started or blocked: whether somebody can be reached; in groups nothing",
    "chat_member": "who leaves the admins' group may have left: the admins are asked",
    "edited_message": "an old message may have been answered: only what is new acts",
    "channel_post": "no person speaks",
    "edited_channel_post": "no person speaks",
    "inline_query": "nothing to offer in other chats",
    "chosen_inline_result": "nothing to offer in other chats",
    "shipping_query": "nothing is sold",
    "pre_checkout_query": "nothing is sold",
    "purchased_paid_media": "nothing is sold",
    "poll": "nobody is polled",
    "poll_answer": "nobody is polled",
    "chat_join_request": "the bot administers no chats",
    "chat_boost": "the bot administers no chats",
    "removed_chat_boost": "the bot administers no chats",
    "message_reaction": "a thumb is no approval: anybody could mean anything by it",
    "message_reaction_count": "a thumb is no approval",
    "business_connection": "the bot speaks for itself, never for a person's account",
    "business_message": "the bot speaks for itself",
    "edited_business_message": "the bot speaks for itself",
    "deleted_business_messages": "the bot speaks for itself",
    "managed_bot": "the bot makes no bots",
    "guest_message": "access is a matter of the private chat",
}
# What a person sends that is no text: answered with the buttons, whatever stands below it.
CONTENT = frozenset(
    {
        *("animation", "audio", "checklist", "contact", "dice", "document", "game", "giveaway"),
        *("giveaway_winners", "invoice", "live_photo", "location", "paid_media", "photo", "poll"),
        *("sticker", "story", "venue", "video", "video_note", "voice"),
    }
)
# People from the contacts, whom an admin puts on the allowlist: see test_picking.
PICKED = frozenset({"users_shared"})
# Said about a message, beside its content.
BESIDE = frozenset(
    {
        *("text", "business_connection_id", "effect_id", "reply_to_story", "sender_boost_count"),
        *("sender_business_bot", "suggested_post_info"),
    }
)


def test_every_kind_of_update_is_decided() -> None:
    assert set(UPDATES) == {kind.value for kind in UpdateType}
    assert list(UPDATES)[: len(ALLOWED_UPDATES)] == ALLOWED_UPDATES


def test_every_kind_of_message_is_decided() -> None:
    known = {kind.value for kind in MessageType} | {"migrate_from_chat_id"}
    assert known == CONTENT | BESIDE | SERVICE | PICKED
    assert not CONTENT & SERVICE
    assert set(Message.__slots__) >= SERVICE


def of_private_chat(**content: Any) -> object:
    made = updates.message(ANNA, "", **content)
    del made["text"]
    update = Update.de_json({"update_id": 1, "message": made}, None)
    assert update is not None
    return read_update(update)


@pytest.mark.parametrize(
    "content",
    [
        {"voice": {"file_id": "x", "file_unique_id": "y", "duration": 3}},
        {"contact": {"phone_number": "+1", "first_name": "Eve"}, "caption": "/revoke 1001"},
        {"dice": {"emoji": "🎲", "value": 3}},
    ],
)
def test_content_is_answered(content: dict[str, Any]) -> None:
    found = of_private_chat(**content)
    assert isinstance(found, Typed)
    assert (found.command, found.rest) == ("", "")


@pytest.mark.parametrize(
    "content",
    [
        {"pinned_message": updates.message(ANNA, "x")},
        {"message_auto_delete_timer_changed": {"message_auto_delete_time": 86_400}},
        {"chat_background_set": {"type": {"type": "chat_theme", "theme_name": "x"}}},
        {"write_access_allowed": {}},
        {"migrate_to_chat_id": -100},
    ],
)
def test_what_telegram_says_by_itself_is_not(
    content: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # as the bot sets it
    assert of_private_chat(**content) == Nothing()
