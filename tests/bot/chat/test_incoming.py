"""Which updates count: new, private, and from a person who typed or tapped just now."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Update

from bot.chat.incoming import (
    ALLOWED_UPDATES,
    Blocked,
    Forwarded,
    GroupMoved,
    Incoming,
    InGroup,
    Membership,
    Nothing,
    Picked,
    PickedPerson,
    Sender,
    SentFile,
    Tapped,
    Typed,
    raw_command,
    raw_invitation,
    raw_moves,
    raw_revokes,
    read_update,
    sender_of,
)
from storage.records import ChatId, UserId

ANNA = {"id": 1001, "is_bot": False, "first_name": "Anna", "last_name": "P.", "username": "annap"}
PRIVATE = {"id": 1001, "type": "private", "first_name": "Anna"}
GROUP = {"id": -55, "type": "group", "title": "Staff"}
SUPERGROUP = {"id": -10055, "type": "supergroup", "title": "Staff"}
CHANNEL = {"id": -10077, "type": "channel", "title": "News"}
BOT = {"id": 9, "is_bot": True, "first_name": "Bot", "username": "vpn_bot"}
AT = datetime.fromtimestamp(1_700_000_000, UTC)
SENDER = Sender(UserId(1001), "Anna P.", "annap")


# What a member of a group may do, as each kind names it (Bot API, ChatMember).
_RIGHTS = """
    can_be_edited is_anonymous can_manage_chat can_delete_messages can_manage_video_chats
    can_restrict_members can_promote_members can_change_info can_invite_users can_post_stories
    can_edit_stories can_delete_stories"""
_MAY = """
    can_change_info can_invite_users can_pin_messages can_send_messages can_send_polls
    can_send_other_messages can_add_web_page_previews can_manage_topics can_send_audios
    can_send_documents can_send_photos can_send_videos can_send_video_notes can_send_voice_notes
    can_edit_tag can_react_to_messages"""
RESTRICTED = dict.fromkeys(_MAY.split(), True) | {"until_date": 0}


def update(**parts: Any) -> Update:
    found = Update.de_json({"update_id": 1, **parts}, None)
    assert found is not None
    return found


def message(text: str | None = "/start", **changes: Any) -> dict[str, Any]:
    made = {"message_id": 5, "date": 1_700_000_000, "chat": PRIVATE, "from": ANNA, **changes}
    return made if text is None else made | {"text": text}


def typed(command: str, rest: str, file: SentFile | None = None) -> Typed:
    """That message, as it is read."""
    return Typed(SENDER, command, rest, AT, file, message_id=5)


def read(text: str | None = "/start", **changes: Any) -> Incoming:
    return read_update(update(message=message(text, **changes)))


@pytest.mark.parametrize(
    ("text", "command", "rest"),
    [
        ("/start", "start", ""),
        ("/START", "start", ""),
        ("/start@vpn_bot", "start", ""),
        (
            "/requestvpn 2d berlin visiting  a customer",
            "requestvpn",
            "2d berlin visiting  a customer",
        ),
        ("/requestvpn@vpn_bot 2d", "requestvpn", "2d"),
        ("/allow\n1001 Anna", "allow", "1001 Anna"),
        ("/allow\u00a01001 Anna", "allow", "1001 Anna"),
        ("  /start  ", "start", ""),
        ("/", "?", ""),
        ("/@vpn_bot", "?", ""),
        ("／start", "start", ""),
        ("\u200b/Start. now", "start", "now"),
        ("/start,", "start", ""),
        ("/ start", "?", "start"),
        ("//start", "/start", ""),
        ("hello", "", "hello"),
        ("see /start", "", "see /start"),
        ("", "", ""),
    ],
)
def test_what_somebody_types_is_a_command_or_not(text: str, command: str, rest: str) -> None:
    assert read(text) == typed(command, rest)


@pytest.mark.parametrize(
    "content",
    [
        {"photo": [], "caption": "/revoke Anna"},
        {"sticker": None},
        {},
    ],
)
def test_a_picture_is_no_command_whatever_stands_below_it(content: dict[str, Any]) -> None:
    assert read(None, **content) == typed("", "")


def test_a_file_is_named_by_numbers_and_texts_only() -> None:
    given = {"file_id": "x", "file_unique_id": "y", "file_size": 812}
    found = read(None, document=given, caption="/start")
    assert found == typed("", "", SentFile("x", 812))
    picture = read(None, photo=[given | {"width": 9, "height": 9}])
    assert picture == typed("", "", SentFile("", 0))
    for odd, file in (
        ({"file_size": "many"}, SentFile("x", 0)),
        ({"file_id": "x" * 256}, SentFile("x" * 256, 812)),
        ({"file_id": "x" * 257}, None),
        ({"file_id": 5}, SentFile("5", 812)),
    ):
        assert read(None, document=given | odd) == typed("", "", file)


def test_whoever_is_picked_is_called_as_they_are_in_the_contacts() -> None:
    users = [
        {"user_id": 7, "first_name": "Dora", "last_name": "Dorn", "username": "dora"},
        {"user_id": 8, "first_name": "\u202e", "username": "finn"},
        {"user_id": 9},
    ]
    found = read(None, users_shared={"request_id": 1, "users": users})
    assert found == Picked(
        SENDER,
        (
            PickedPerson(UserId(7), "Dora Dorn", "dora"),
            PickedPerson(UserId(8), "finn", "finn"),
            PickedPerson(UserId(9), "9", None),
        ),
    )


def test_a_long_text_is_cut() -> None:
    found = read("/requestvpn " + "x" * 4000)
    assert isinstance(found, Typed)
    assert len(found.rest) < 1024


def test_a_name_is_cleaned_and_cut() -> None:
    evil = ANNA | {"first_name": "An\u202ena\n", "last_name": "P" * 200, "username": None}
    found = read("/start", **{"from": evil})
    assert isinstance(found, Typed)
    assert found.sender.name.startswith("Anna PPP")
    assert len(found.sender.name) == 64
    assert found.sender.username is None


ORIGINS = [
    {"type": "user", "date": 1, "sender_user": ANNA},
    {"type": "hidden_user", "date": 1, "sender_user_name": "Somebody"},
    {"type": "chat", "date": 1, "sender_chat": GROUP},
    {"type": "channel", "date": 1, "chat": CHANNEL, "message_id": 3},
]


@pytest.mark.parametrize("origin", ORIGINS, ids=lambda origin: str(origin["type"]))
def test_words_that_are_passed_on_never_act(origin: dict[str, Any]) -> None:
    assert read("/revoke Anna", forward_origin=origin) == Forwarded(SENDER, "revoke")
    # As an older Bot API server tells it.
    assert read("/revoke Anna", forward_date=1_700_000_000) == Forwarded(SENDER, "revoke")


def test_words_that_another_bot_wrote_never_act() -> None:
    assert read("/revoke Anna", via_bot=BOT) == Forwarded(SENDER, "revoke")


@pytest.mark.parametrize("chat", [GROUP, SUPERGROUP])
def test_a_command_in_a_group_names_a_bot_or_none(chat: dict[str, Any]) -> None:
    assert read("/requestvpn", chat=chat) == InGroup(chat["id"], "requestvpn")
    assert read("/ban@Other_Bot x", chat=chat) == InGroup(chat["id"], "ban", "other_bot")


def test_a_command_in_a_forum_is_of_its_topic() -> None:
    asked = {"chat": SUPERGROUP, "message_thread_id": 7}
    assert read("/start", is_topic_message=True, **asked) == InGroup(-10055, "start", "", 7)
    # A thread of replies is no topic.
    assert read("/start", **asked) == InGroup(-10055, "start")


@pytest.mark.parametrize("text", ["hello", "what about /start?", None])
def test_talk_in_a_group_is_none_of_our_business(text: str | None) -> None:
    assert read(text, chat=GROUP) == Nothing()


@pytest.mark.parametrize(
    "changes",
    [
        {"chat": GROUP, "sender_chat": GROUP},  # an admin who posts as the group
        {"chat": SUPERGROUP, "sender_chat": CHANNEL},
        {"sender_chat": CHANNEL},
        {"from": BOT},
        {"from": None},
    ],
)
def test_who_does_not_show_themselves_is_nobody(changes: dict[str, Any]) -> None:
    assert read("/revoke Anna", **changes) == Nothing()


@pytest.mark.parametrize(
    "kind",
    ["edited_message", "channel_post", "edited_channel_post", "business_message"],
)
def test_what_is_edited_or_posted_elsewhere_changes_nothing(kind: str) -> None:
    content = message("/revoke Anna", chat=CHANNEL if "channel" in kind else PRIVATE)
    assert read_update(update(**{kind: content})) == Nothing()


def test_an_update_that_is_not_known_changes_nothing() -> None:
    assert read_update(update()) == Nothing()
    assert read_update(update(brand_new_kind={"x": 1})) == Nothing()


def tap(**changes: Any) -> dict[str, Any]:
    query = {"id": "77", "from": ANNA, "chat_instance": "1", "data": "ap:1:60"}
    return query | {"message": message("card", **{"from": BOT})} | changes


def test_a_tap_names_its_message() -> None:
    found = read_update(update(callback_query=tap()))
    assert found == Tapped(SENDER, "77", "ap:1:60", 5)


def test_a_tap_on_a_message_that_is_too_old_has_lost_its_text() -> None:
    gone = {"chat": PRIVATE, "message_id": 5, "date": 0}
    found = read_update(update(callback_query=tap(message=gone)))
    assert found == Tapped(SENDER, "77", "ap:1:60", 5)


def test_a_tap_without_a_message_still_counts() -> None:
    found = read_update(update(callback_query=tap(message=None)))
    assert found == Tapped(SENDER, "77", "ap:1:60", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"message": message("card", chat=GROUP), "data": "rpy:1001"},
        {"message": message("card", chat=CHANNEL), "data": "np:g-1"},
        {"data": None, "game_short_name": "x"},
        {"from": BOT},
    ],
)
def test_a_tap_elsewhere_or_by_a_bot_changes_nothing(changes: dict[str, Any]) -> None:
    assert read_update(update(callback_query=tap(**changes))) == Nothing()


@pytest.mark.parametrize("data", ["ap:1:60", "dn:1", "dw:1", "dr:1:later", "ud:1", "lo:1", "cd:1"])
def test_a_card_in_a_group_names_it(data: str) -> None:
    found = read_update(update(callback_query=tap(message=message(chat=GROUP), data=data)))
    assert found == Tapped(SENDER, "77", data, 5, -55)


@pytest.mark.parametrize(
    ("status", "reachable"), [("member", True), ("kicked", False), ("left", False)]
)
def test_who_blocks_the_bot_cannot_be_reached(status: str, reachable: bool) -> None:
    change = my_chat_member(PRIVATE, status)
    assert read_update(change) == Blocked(UserId(1001), reachable)


@pytest.mark.parametrize(
    ("chat", "said", "is_moved"),
    [
        (GROUP, {"migrate_to_chat_id": -10055}, True),
        (SUPERGROUP, {"migrate_from_chat_id": -55}, True),
        (GROUP, {"migrate_to_chat_id": 10055}, False),
        (GROUP, {"migrate_to_chat_id": "-10055"}, False),
        (GROUP, {"migrate_to_chat_id": -(2**60)}, False),
        (PRIVATE, {"migrate_to_chat_id": -10055}, False),
        (SUPERGROUP, {"new_chat_title": "Staff 2"}, False),
    ],
)
def test_a_group_that_becomes_a_supergroup_has_another_number(
    chat: dict[str, Any], said: dict[str, Any], is_moved: bool
) -> None:
    """Telegram says so in both; nobody else can."""
    service = message(None, chat=chat, sender_chat=chat, **said)
    found = read_update(update(message=service))
    assert found == (GroupMoved(ChatId(-55), ChatId(-10055)) if is_moved else Nothing())
    if is_moved:
        assert raw_moves({"message": service}, {None, -55})
    assert not raw_moves({"message": service}, {None, -56})
    assert not raw_moves({"message": message(chat=GROUP)}, {-55})
    assert not raw_moves({"message": 5}, {-55})
    assert not raw_moves({"message": {"migrate_from_chat_id": [-55]}}, {-55})


@pytest.mark.parametrize("chat", [GROUP, SUPERGROUP, CHANNEL])
def test_being_put_into_a_group_changes_nothing(chat: dict[str, Any]) -> None:
    assert read_update(my_chat_member(chat, "member")) == Nothing()


@pytest.mark.parametrize(
    ("status", "more", "is_member"),
    [
        ("member", {}, True),
        ("administrator", dict.fromkeys(_RIGHTS.split(), False), True),
        ("left", {}, False),
        ("kicked", {"until_date": 0}, False),
        ("restricted", RESTRICTED | {"is_member": True}, True),
        ("restricted", RESTRICTED | {"is_member": False}, False),
    ],
)
def test_who_leaves_a_group_and_who_comes(
    status: str, more: dict[str, Any], is_member: bool
) -> None:
    moved = chat_member({"user": ANNA, "status": status} | more)
    assert read_update(moved) == Membership(-10055, UserId(1001), is_member)


def test_bots_come_and_go_unnoticed() -> None:
    assert read_update(chat_member({"user": BOT, "status": "left"})) == Nothing()


def chat_member(member: dict[str, Any]) -> Update:
    before = {"user": ANNA, "status": "member"}
    change = {"chat": SUPERGROUP, "from": ANNA, "date": 1_700_000_000, "old_chat_member": before}
    return update(chat_member=change | {"new_chat_member": member})


def my_chat_member(chat: dict[str, Any], status: str) -> Update:
    member: dict[str, Any] = {"user": BOT, "status": status}
    if status == "kicked":
        member["until_date"] = 0
    before = {"user": BOT, "status": "left"}
    return update(
        my_chat_member={
            "chat": chat,
            "from": ANNA,
            "date": 1_700_000_000,
            "old_chat_member": before,
            "new_chat_member": member,
        }
    )


@pytest.mark.parametrize(
    ("update", "sender"),
    [
        ({"message": message()}, 1001),
        ({"message": message(chat=GROUP)}, -55),
        # In order with what the person types, wherever the button was.
        ({"callback_query": tap()}, 1001),
        ({"callback_query": tap(message=message("card", chat=GROUP))}, 1001),
        ({"callback_query": tap(message=None)}, 1001),
        ({"my_chat_member": {"chat": {"id": 1001}}}, 1001),
        ({"chat_member": {"chat": {"id": -55}}}, -55),
        ({"message": None, "callback_query": tap()}, 1001),
        # What cannot be read is a stranger's.
        ({}, 0),
        ([], 0),
        (None, 0),
        ("message", 0),
        ({"message": []}, 0),
        ({"message": {"chat": 1001}}, 0),
        ({"callback_query": {"id": "1", "data": "x"}}, 0),
        ({"callback_query": {"from": None}}, 0),
        *(
            ({"message": {"chat": {"id": odd}}}, 0)
            for odd in (2**64, -(2**64), 2**52, "1001", 1001.0, True, None, [1001], float("nan"))
        ),
    ],
)
def test_whose_update_it_is(update: Any, sender: int) -> None:
    assert sender_of(update) == sender


@pytest.mark.parametrize("odd", [2**64, 2**52, 0, -5, "1001", 1001.0, True, None, [1001]])
def test_nobody_acts_under_a_number_that_is_no_persons(odd: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        read("/myvpn", **{"from": ANNA | {"id": odd}})


@pytest.mark.parametrize(
    ("number", "read_as"),
    [(1, 1), (2**52 - 1, 2**52 - 1), (0, None), (2**52, None), (True, None), ("7", None)],
)
def test_a_message_is_known_by_what_can_be_its_number(number: Any, read_as: int | None) -> None:
    found = read("why", message_id=number, reply_to_message=message("ours", message_id=number))
    assert isinstance(found, Typed)
    assert (found.message_id, found.replies_to) == (read_as or 0, read_as)


@pytest.mark.parametrize(
    ("content", "revokes"),
    [
        ({"message": message("/revoke Eve")}, True),
        ({"message": message("/Remove@vpn_bot Eve")}, True),
        ({"message": message("/pause Eve")}, True),
        ({"message": message("/resume Eve")}, False),
        ({"message": message("revoke Eve")}, False),
        ({"message": message("/revoke Eve", via_bot=BOT)}, False),
        ({"callback_query": tap(data="rpy:7")}, True),
        ({"callback_query": tap(data="ap:1:60")}, False),
        ({"message": {"text": "/revoke Eve"}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_an_admins_word_that_takes_access_away_is_told_from_all_others(
    content: Any, revokes: bool
) -> None:
    update = content if content is None else content | {"update_id": 1}
    assert raw_revokes(update, {UserId(1001)}) is revokes
    assert raw_revokes(update, {UserId(1002)}) is False


TOKEN = "x" * 22


@pytest.mark.parametrize(
    ("content", "command", "brought"),
    [
        ({"message": message(f"/start {TOKEN}")}, ("start", ""), TOKEN),
        ({"message": message(f"/Start@VPN_bot {TOKEN}")}, ("start", "vpn_bot"), TOKEN),
        ({"message": message(f"/help {TOKEN}")}, ("help", ""), ""),
        ({"message": message("/start promo")}, ("start", ""), ""),
        ({"message": message(TOKEN)}, ("", ""), ""),
        ({"message": {"text": ["/start"]}}, ("", ""), ""),
        ({"message": {}}, ("", ""), ""),
        ({"message": ["text"]}, ("", ""), ""),
        (["message"], ("", ""), ""),
    ],
)
def test_what_a_raw_update_may_bring(content: Any, command: tuple[str, str], brought: str) -> None:
    assert (raw_command(content), raw_invitation(content)) == (command, brought)


def test_half_a_character_is_read_as_a_question_mark() -> None:
    found = read("/allow 5 \ud83d\0", **{"from": ANNA | {"username": "an\ud83d\0na"}})
    assert isinstance(found, Typed)
    assert (found.rest, found.sender.username) == ("5 ?\0", "anna")


def test_only_updates_that_are_read_are_asked_for() -> None:
    assert ALLOWED_UPDATES == ["message", "callback_query", "my_chat_member", "chat_member"]


@given(text=st.text(max_size=50), first_name=st.text(max_size=70))
def test_any_text_of_anybody_is_read(text: str, first_name: str) -> None:
    found = read(text, **{"from": ANNA | {"first_name": first_name}})
    assert isinstance(found, Typed)
    assert found.sender.user_id == 1001
    assert not found.command or not found.command.isspace()
