"""Reads an update: who says what, and whether it may count at all."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from telegram import Chat, Message, Update, User

from bot.access import invitations
from bot.access.matching import LARGEST_ID
from bot.access.names import NAME_LENGTH, clean
from bot.chat import buttons
from storage.records import UserId

# Messages that act are typed into the private chat by a person, just now.
ALLOWED_UPDATES = ["message", "callback_query", "my_chat_member"]
_TEXT_LENGTH = 1024
# Telegram gives at most 32.
_USERNAME_LENGTH = 64
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
class Forwarded:
    """Words of somebody else, passed on: they never act, whatever command they are."""

    sender: Sender
    command: str


@dataclass(frozen=True, slots=True)
class Tapped:
    """A tap on a button. The data comes from the client: it may be forged."""

    sender: Sender
    query_id: str
    data: str
    message_id: int | None


@dataclass(frozen=True, slots=True)
class InGroup:
    """A command in a group, which is answered with a link to the private chat."""

    chat_id: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """A person started or blocked the bot."""

    user_id: UserId
    reachable: bool


@dataclass(frozen=True, slots=True)
class Nothing:
    """An update that changes nothing: edited, anonymous, from a channel, from a bot."""


Incoming = Typed | Forwarded | Tapped | InGroup | Blocked | Nothing


def read_update(update: Update) -> Incoming:
    """Only what is new, private, and from a person counts."""
    if update.message is not None:
        return _message(update.message)
    query = update.callback_query
    if query is not None:
        message = query.message
        is_private = message is None or message.chat.type == Chat.PRIVATE
        if query.from_user.is_bot or query.data is None or not is_private:
            return Nothing()
        message_id = None if message is None else message.message_id
        return Tapped(_sender(query.from_user), query.id, query.data, message_id)
    change = update.my_chat_member
    if change is not None and change.chat.type == Chat.PRIVATE:
        return Blocked(_user_id(change.chat.id), change.new_chat_member.status == "member")
    return Nothing()


def sender_of(update: Any) -> int:
    """Whose private chat, or which group, a raw update belongs to; 0 where that cannot be told.

    Nothing that an update could hold makes it fail: what cannot be read counts as a stranger's.
    """
    if not isinstance(update, dict):
        return 0
    for kind, whom in (("message", "chat"), ("callback_query", "from"), ("my_chat_member", "chat")):
        found = update.get(kind)
        place = found.get(whom) if isinstance(found, dict) else None
        number = place.get("id") if isinstance(place, dict) else None
        if type(number) is int and abs(number) < LARGEST_ID:
            return number
    return 0


# What takes access away.
_REVOKING = frozenset({"revoke", "remove"})


def revokes(incoming: Incoming, admins: Collection[UserId]) -> bool:
    """Whether it is an admin's word, or tap, that takes access away."""
    match incoming:
        case Typed(sender, command):
            return sender.user_id in admins and command in _REVOKING
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
    command, rest = _command_in(text[:_TEXT_LENGTH])
    return rest if command == "start" and invitations.is_token(rest) else ""


def raw_command(update: Any) -> str:
    """The command that a raw update may be; empty where it can be none. Nothing makes it fail."""
    message = update.get("message") if isinstance(update, dict) else None
    text = message.get("text") if isinstance(message, dict) else None
    return _command_in(text[:_TEXT_LENGTH])[0] if isinstance(text, str) else ""


def _message(message: Message) -> Incoming:
    # Half a character, which JSON can hold, is none that a database would take.
    text = (message.text or "")[:_TEXT_LENGTH].encode("utf-8", "replace").decode()
    user = message.from_user
    if user is None or user.is_bot or message.sender_chat is not None:
        return Nothing()
    if message.chat.type != Chat.PRIVATE:
        return InGroup(message.chat.id) if text.startswith("/") else Nothing()
    command, rest = _command_in(text)
    # A Bot API before 7.0 says of a forwarded message when it was first written, and no origin.
    is_forwarded = message.forward_origin is not None or "forward_date" in message.api_kwargs
    if is_forwarded or message.via_bot is not None:
        return Forwarded(_sender(user), command)
    return Typed(_sender(user), command, rest, message.date, _file(message))


def _file(message: Message) -> SentFile | None:
    """Numbers and texts only: python-telegram-bot takes whatever stands there."""
    if message.photo:
        return SentFile("", 0)
    found = message.document
    if found is None or type(found.file_id) is not str or len(found.file_id) > _FILE_ID_LENGTH:
        return None
    return SentFile(found.file_id, found.file_size if type(found.file_size) is int else 0)


def _command_in(text: str) -> tuple[str, str]:
    """The command, empty where it is none, and what comes after it."""
    if not text.lstrip().startswith("/"):
        return "", text
    # Split at any white space: "/allow\n123 Anna" is a command, too.
    word, *others = text.split(maxsplit=1)
    return word[1:].partition("@")[0].lower() or "?", others[0].strip() if others else ""


def _sender(user: User) -> Sender:
    username = clean(user.username or "", _USERNAME_LENGTH) or None
    return Sender(_user_id(user.id), clean(user.full_name or "", NAME_LENGTH), username)


def _user_id(number: object) -> UserId:
    """Raises ValueError where it is no number of a person: python-telegram-bot takes anything."""
    if type(number) is not int or not 0 < number < LARGEST_ID:
        raise ValueError("no number of a person")
    return UserId(number)
