"""Reads an update: who says what, and whether it may count at all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from telegram import CallbackQuery, Chat, ChatMemberUpdated, Message, SharedUser, Update, User

from bot import limits
from bot.access import invitations
from bot.access.matching import LARGEST_ID
from bot.access.names import NAME_LENGTH, clean
from bot.chat import buttons
from storage.name_keys import name_key
from storage.records import ChatId, UserId

# Messages that act are typed into the private chat by a person, just now.
ALLOWED_UPDATES = ["message", "callback_query", "my_chat_member", "chat_member"]
_TEXT_LENGTH = 1024
# Telegram gives at most 32.
_USERNAME_LENGTH = 64
# Of a command with the bot's name.
_WORD_LENGTH = 80
# Behind a command in a sentence.
_BEHIND = ".,;:!?"
_FILE_ID_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Sender:
    user_id: UserId
    name: str
    username: str | None


@dataclass(frozen=True, slots=True)
class Typed:
    """A new message in the private chat; `command` is empty where it is none."""

    sender: Sender
    command: str
    rest: str
    # By Telegram's clock; it may have waited there while nobody fetched it.
    at: datetime
    file: "SentFile | None" = None
    # The message that it answers, if it answers one.
    replies_to: int | None = None
    # Its own number.
    message_id: int = 0


@dataclass(frozen=True, slots=True)
class SentFile:
    """What came with a message.

    Attributes:
        file_id: by which Telegram gives it out; empty for a picture.
        size: in bytes, as Telegram says.
    """

    file_id: str
    size: int


@dataclass(frozen=True, slots=True)
class PickedPerson:
    """Somebody from the sender's contacts, as those call them."""

    user_id: UserId
    name: str
    username: str | None


@dataclass(frozen=True, slots=True)
class Picked:
    """People whom the sender has picked, by the button for it."""

    sender: Sender
    people: tuple[PickedPerson, ...]


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Words of somebody else, passed on: they never act, whatever command they are."""

    sender: Sender
    command: str


@dataclass(frozen=True, slots=True)
class Tapped:
    """A tap on a button. The data comes from the client: it may be forged; the chat doesn't."""

    sender: Sender
    query_id: str
    data: str
    message_id: int | None
    # Where it was, if not in the private chat.
    group: int | None = None


@dataclass(frozen=True, slots=True)
class InGroup:
    """A command in a group: one for us is answered with a link to the private chat.

    Attributes:
        bot: the username behind its @; empty where it names none.
        topic: of a forum, in which it was written.
    """

    chat_id: int
    command: str
    bot: str = ""
    topic: int | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """A person started or blocked the bot."""

    user_id: UserId
    reachable: bool


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody has come into a group, or is not in it any more, by whoever's hand."""

    chat_id: int
    user_id: UserId
    is_member: bool


@dataclass(frozen=True, slots=True)
class GroupMoved:
    """Telegram has made a supergroup of a group, which has another number from now on."""

    before: ChatId
    now: ChatId


@dataclass(frozen=True, slots=True)
class Nothing:
    """An update that changes nothing: edited, anonymous, from a channel, from a bot; and what
    Telegram says by itself, of which nobody waits for an answer."""


# What a chat shows between the messages, such as another wallpaper (Bot API, type Message).
_SERVICE = """
    boost_added channel_chat_created chat_background_set chat_owner_changed chat_owner_left
    chat_shared checklist_tasks_added checklist_tasks_done connected_website delete_chat_photo
    direct_message_price_changed forum_topic_closed forum_topic_created forum_topic_edited
    forum_topic_reopened general_forum_topic_hidden general_forum_topic_unhidden gift
    gift_upgrade_sent giveaway_completed giveaway_created group_chat_created left_chat_member
    managed_bot_created message_auto_delete_timer_changed migrate_from_chat_id migrate_to_chat_id
    new_chat_members new_chat_photo new_chat_title paid_message_price_changed passport_data
    pinned_message poll_option_added poll_option_deleted proximity_alert_triggered refunded_payment
    successful_payment suggested_post_approval_failed suggested_post_approved
    suggested_post_declined suggested_post_paid suggested_post_refunded supergroup_chat_created
    unique_gift video_chat_ended video_chat_participants_invited video_chat_scheduled
    video_chat_started web_app_data write_access_allowed"""
SERVICE = frozenset(_SERVICE.split())

# What a person does in their private chat.
Acted = Typed | Forwarded | Tapped | Picked
Incoming = Acted | InGroup | Blocked | Membership | GroupMoved | Nothing


def read_update(update: Update) -> Incoming:
    """Only what is new and from a person counts, and but for taps on cards what is private."""
    if update.message is not None:
        return _moved(update.message) or _message(update.message)
    if update.callback_query is not None:
        return _tap(update.callback_query)
    change = update.my_chat_member
    if change is not None and change.chat.type == Chat.PRIVATE:
        return Blocked(_user_id(change.chat.id), change.new_chat_member.status == "member")
    if update.chat_member is not None:
        return _membership(update.chat_member)
    return Nothing()


# Whose chat it is, by the kind of update.
_BELONGS = {
    "message": "chat",
    "callback_query": "from",
    "my_chat_member": "chat",
    "chat_member": "chat",
}


def sender_of(update: Any) -> int:
    """Whose private chat, or which group, a raw update belongs to; 0 where that cannot be told.

    Nothing that an update could hold makes it fail: what cannot be read counts as a stranger's.
    """
    if not isinstance(update, dict):
        return 0
    for kind, whom in _BELONGS.items():
        found = update.get(kind)
        place = found.get(whom) if isinstance(found, dict) else None
        number = place.get("id") if isinstance(place, dict) else None
        if type(number) is int and abs(number) < LARGEST_ID:
            return number
    return 0


# What takes access away.
REVOKING = frozenset({"revoke", "remove", "pause"})


def revokes(incoming: Incoming, admins: Collection[UserId]) -> bool:
    """Whether it is an admin's word, or tap, that takes access away."""
    match incoming:
        case Typed(sender, command):
            return sender.user_id in admins and command in REVOKING
        case Tapped():
            return incoming.sender.user_id in admins and buttons.revokes(incoming.data)
        case _:
            return False


def raw_revokes(update: Any, admins: Collection[UserId]) -> bool:
    """The same of a raw update. As with `sender_of`, nothing makes it fail."""
    try:
        return revokes(read_update(Update.de_json(update, None)), admins)
    except Exception:  # noqa: BLE001 - what cannot be read revokes nothing
        return False


def raw_invitation(update: Any) -> str:
    """What a raw update may bring by an invitation's link; empty where it brings nothing."""
    message = update.get("message") if isinstance(update, dict) else None
    text = message.get("text") if isinstance(message, dict) else None
    if not isinstance(text, str):
        return ""
    command, _, rest = _command_in(text[:_TEXT_LENGTH])
    return rest if command == "start" and invitations.is_token(rest) else ""


def raw_command(update: Any) -> tuple[str, str]:
    """The command that a raw update may be, and the bot it names; nothing makes it fail.

    Empty where it can be none.
    """
    message = update.get("message") if isinstance(update, dict) else None
    text = message.get("text") if isinstance(message, dict) else None
    return _command_in(text[:_TEXT_LENGTH])[:2] if isinstance(text, str) else ("", "")


def _tap(query: CallbackQuery) -> Incoming:
    message = query.message
    group = None if message is None or message.chat.type == Chat.PRIVATE else message.chat.id
    if query.from_user.is_bot or query.data is None:
        return Nothing()
    # In a group there are cards alone; whether it is the one for them, the worker knows.
    if group is not None and not buttons.is_on_card(query.data):
        return Nothing()
    message_id = None if message is None else message.message_id
    return Tapped(_sender(query.from_user), query.id, query.data, message_id, group)


def raw_moves(update: Any, groups: Collection[int | None]) -> bool:
    """Whether a raw update may say that one of these groups has another number; never fails."""
    message = update.get("message") if isinstance(update, dict) else None
    if not isinstance(message, dict):
        return False
    is_there = sender_of(update) in groups and "migrate_to_chat_id" in message
    before = message.get("migrate_from_chat_id")
    return is_there or (type(before) is int and before in groups)


def _moved(message: Message) -> GroupMoved | None:
    """What is said of it in the group that was, and in the supergroup that is; of no other chat."""
    before, now = _group_id(message.migrate_from_chat_id), _group_id(message.chat.id)
    if before is None:
        before, now = now, _group_id(message.migrate_to_chat_id)
    return None if before is None or now is None else GroupMoved(before, now)


def _group_id(number: object) -> ChatId | None:
    """python-telegram-bot takes anything."""
    return ChatId(number) if type(number) is int and -LARGEST_ID < number < 0 else None


def _membership(change: ChatMemberUpdated) -> Incoming:
    member = change.new_chat_member
    if member.user.is_bot:
        return Nothing()
    # Whoever is restricted may be in the group, or not (Bot API, ChatMemberRestricted).
    is_in = member.status not in ("left", "kicked") and getattr(member, "is_member", True)
    return Membership(change.chat.id, _user_id(member.user.id), is_member=is_in)


def _message(message: Message) -> Incoming:
    # Half a character, which JSON can hold, is none that a database would take.
    text = (message.text or "")[:_TEXT_LENGTH].encode("utf-8", "replace").decode()
    user = message.from_user
    if user is None or user.is_bot or message.sender_chat is not None:
        return Nothing()
    command, named, rest = _command_in(text)
    if message.chat.type != Chat.PRIVATE:
        topic = message.message_thread_id if message.is_topic_message else None
        return InGroup(message.chat.id, command, named, topic) if command else Nothing()
    if message.users_shared is not None:
        return Picked(_sender(user), _picked(message.users_shared.users))
    if not text and any(getattr(message, kind, None) for kind in SERVICE):
        return Nothing()
    # A Bot API before 7.0 says of a forwarded message when it was first written, and no origin.
    is_forwarded = message.forward_origin is not None or "forward_date" in message.api_kwargs
    if is_forwarded or message.via_bot is not None:
        return Forwarded(_sender(user), command)
    replies_to = _replies_to(message)
    file, number = _file(message), _number(message.message_id) or 0
    return Typed(_sender(user), command, rest, message.date, file, replies_to, number)


def _replies_to(message: Message) -> int | None:
    """The number of the message that this one answers, as far as it can be one."""
    return _number(message.reply_to_message and message.reply_to_message.message_id)


def _number(given: object) -> int | None:
    """What can be the number of a message: python-telegram-bot takes anything."""
    return given if type(given) is int and 0 < given < LARGEST_ID else None


def _picked(users: Sequence[SharedUser]) -> tuple[PickedPerson, ...]:
    """Each once, and no more than the button asks for."""
    found: dict[UserId, PickedPerson] = {}
    for user in users[: limits.PICKED]:
        user_id = _user_id(user.user_id)
        full = " ".join(part for part in (user.first_name, user.last_name) if part)
        username = clean(user.username or "", _USERNAME_LENGTH) or None
        name = clean(full, NAME_LENGTH) or username or str(user_id)
        found[user_id] = PickedPerson(user_id, name, username)
    return tuple(found.values())


def _file(message: Message) -> SentFile | None:
    """Numbers and texts only: python-telegram-bot takes any size, and makes a text of any id."""
    if message.photo:
        return SentFile("", 0)
    found = message.document
    if found is None or len(found.file_id) > _FILE_ID_LENGTH:
        return None
    return SentFile(found.file_id, found.file_size if type(found.file_size) is int else 0)


def _command_in(text: str) -> tuple[str, str, str]:
    """The command, empty where it is none, the bot that it names, and what comes after it.

    However a phone writes it: `/Start`, `／start`, `/start.`, with marks that nobody sees before.
    """
    # Split at any white space: "/allow\n123 Anna" is a command, too.
    first, *others = text.split(maxsplit=1) or [""]
    word = first[:_WORD_LENGTH]
    word = word.lower() if word.isascii() else name_key(word)
    if not word.startswith("/"):
        return "", "", text
    command, _, named = word[1:].partition("@")
    rest = others[0].strip() if others else ""
    return command.rstrip(_BEHIND) or "?", named.rstrip(_BEHIND), rest


def _sender(user: User) -> Sender:
    username = clean(user.username or "", _USERNAME_LENGTH) or None
    return Sender(_user_id(user.id), clean(user.full_name or "", NAME_LENGTH), username)


def _user_id(number: object) -> UserId:
    """Raises ValueError where it is no number of a person: python-telegram-bot takes anything."""
    if type(number) is not int or not 0 < number < LARGEST_ID:
        raise ValueError("no number of a person")
    return UserId(number)
