"""The state of the pretended Telegram: people, chats, messages, taps and their answers.

Pure state: no network, no waiting, and the clock is an argument. What people do and what the bot
does are methods; each change is told to the listeners as an Event.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from demo.api.commands import CommandMenus
from demo.api.events import Answer, Device, Event, EventKind
from demo.api.keyboards import Keyboard, Picker
from demo.api.markup import FormattedText, typed, utf16_length
from demo.api.messages import Message, StoredFile
from demo.api.updates import CALLBACK_LIFETIME_S, UpdateQueue
from demo.errors import ApiError, NotPossible, bad_request
from demo.people import ANONYMOUS_ADMIN, DemoBot, DemoPerson, Json

Clock = Callable[[], float]
MESSAGE_CHARACTERS = 4096
_GONE_QUERY = "query is too old and response timeout expired or query ID is invalid"
_DELETABLE_S = 48 * 3600
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the "
    "same as a current content and reply markup of the message"
)


@dataclass(frozen=True, slots=True)
class PersonState:
    person: DemoPerson
    started: bool
    blocked: bool = False
    # Their account is deleted.
    gone: bool = False
    # By the file that each was given.
    devices: Mapping[str, Device] = field(default_factory=dict)
    picker: Picker | None = None


@dataclass(frozen=True, slots=True)
class Group:
    id: int
    title: str
    member_ids: frozenset[int]
    kind: str = "group"

    def chat(self) -> Json:
        return {"id": self.id, "type": self.kind, "title": self.title}


@dataclass(frozen=True, slots=True)
class _Query:
    person_id: int
    asked_at: float
    answered: bool = False


class World:
    """All that the pretended Telegram knows."""

    def __init__(
        self, bot: DemoBot, people: Iterable[DemoPerson], *, clock: Clock, first_update_id: int
    ) -> None:
        self.bot = bot
        self.clock = clock
        self.people = {person.id: PersonState(person, person.started) for person in people}
        self.groups: dict[int, Group] = {}
        self.messages: dict[tuple[int, int], Message] = {}
        self.files: dict[str, StoredFile] = {}
        self.menus = CommandMenus()
        self.updates = UpdateQueue(clock=clock, first_id=first_update_id)
        self.answers: list[Answer] = []
        self.listeners: list[Callable[[Event], None]] = []
        self._queries: dict[str, _Query] = {}
        # A bot's private chats share one row of message ids.
        self._message_ids = count(1)
        self._numbers = count(1)

    def joins(self, person: DemoPerson) -> None:
        """Somebody new is on Telegram."""
        self._change(PersonState(person, person.started))

    def tell(self, kind: EventKind, chat_id: int, content: Message | Answer | None = None) -> None:
        event = Event(kind, chat_id, content)
        for listener in tuple(self.listeners):
            listener(event)

    def now(self) -> int:
        """Dates are whole seconds everywhere in the Bot API."""
        return int(self.clock())

    def chat(self, chat_id: int) -> Json:
        """The Bot API's Chat; raises ApiError for one that the bot cannot know."""
        if chat_id in self.people:
            return self.people[chat_id].person.chat()
        if chat_id in self.groups:
            return self.groups[chat_id].chat()
        raise bad_request("chat not found")

    def as_json(self, message: Message) -> Json:
        return message.as_json(self.chat(message.chat_id))

    def messages_in(self, chat_id: int) -> list[Message]:
        return [message for (chat, _), message in self.messages.items() if chat == chat_id]

    def add_group(self, title: str, member_ids: Iterable[int]) -> Group:
        """A group with the bot in it."""
        group = Group(-4_000_000 - next(self._numbers), title, frozenset(member_ids))
        self.groups[group.id] = group
        return group

    # --- what people do

    def says(
        self,
        person_id: int,
        text: str,
        *,
        replies_to: int | None = None,
        extra: Json | None = None,
    ) -> Message:
        """A person writes in their private chat; the first time opens the chat to the bot.

        A message that is replied to goes along without what that one had replied to.
        """
        state = self._open_chat(person_id)
        if not state.started:
            self._change(replace(state, started=True))
        answered = self.messages.get((person_id, replies_to or 0))
        if answered is not None:
            quoted = self.as_json(answered)
            quoted.pop("reply_to_message", None)
            extra = {**(extra or {}), "reply_to_message": quoted}
        return self._written(person_id, state.person.user(), text, extra or {})

    def sends(self, person_id: int, name: str, content: bytes, *, photo: bool = False) -> Message:
        """A person sends a file in their private chat, or the same as a picture."""
        stored = self.add_file(name, "application/octet-stream", content)
        state = self._open_chat(person_id)
        if not state.started:
            self._change(replace(state, started=True))
        sizes: Json = {"photo": [stored.document() | {"width": 90, "height": 90}]}
        message = Message(
            next(self._message_ids),
            person_id,
            state.person.user(),
            self.now(),
            "",
            document=None if photo else stored,
            extra=sizes if photo else {},
        )
        self._keep(message, EventKind.MESSAGE)
        self.updates.put("message", self.as_json(message))
        return message

    def picks(self, person_id: int, user_ids: Iterable[int]) -> Message:
        """A person picks people from their contacts, by the button that the bot has shown."""
        state = self._open_chat(person_id)
        wanted, chosen = state.picker, list(dict.fromkeys(user_ids))
        if wanted is None:
            raise NotPossible("The bot has not asked for anybody; write /allow first.")
        if not 1 <= len(chosen) <= wanted.most:
            raise NotPossible(f"Pick at least one person, and {wanted.most} at most.")
        users = [_shared(self.people[one].person) for one in chosen]
        shared = {"request_id": wanted.request_id, "users": users}
        message = Message(
            next(self._message_ids),
            person_id,
            state.person.user(),
            self.now(),
            "",
            extra={"users_shared": shared},
        )
        self._keep(message, EventKind.MESSAGE)
        self.updates.put("message", self.as_json(message))
        self.offers_picker(person_id, None)
        return message

    def offers_picker(self, chat_id: int, picker: Picker | None) -> None:
        """Shows it below the line to type in; it goes once it was used."""
        if chat_id in self.people:
            self.people[chat_id] = replace(self.people[chat_id], picker=picker)
            self.tell(EventKind.PICKER, chat_id)

    def says_in_group(self, group_id: int, person_id: int | None, text: str) -> Message:
        """Someone writes in a group; None is an anonymous admin.

        The bot's privacy mode is on: it is told of commands and of its own name only.
        """
        group = self.groups[group_id]
        if person_id is None:
            return self._written(group.id, ANONYMOUS_ADMIN, text, {"sender_chat": group.chat()})
        if person_id not in group.member_ids:
            raise NotPossible(f"{person_id} is no member of the group; add them first.")
        return self._written(group.id, self.people[person_id].person.user(), text, {})

    def edits(self, person_id: int, message_id: int, text: str) -> Message:
        """A person changes a message of their own."""
        self._open_chat(person_id)
        old = self.messages.get((person_id, message_id))
        if old is None or old.from_bot:
            raise NotPossible("Only your own messages can be edited.")
        said = _checked(typed(text))
        new = replace(old, text=said.text, entities=said.entities, edit_date=self.now())
        self._keep(new, EventKind.EDITED)
        self.updates.put("edited_message", self.as_json(new))
        return new

    def taps(
        self, person_id: int, message_id: int, data: str, *, chat_id: int | None = None
    ) -> str:
        """A tap, or a forged one: Telegram does not check the data. Gives the query's id."""
        where = person_id if chat_id is None else chat_id
        if where == person_id:
            self._open_chat(person_id)
        query_id = f"{self.bot.id % 100_000}{person_id % 1_000_000:06}{next(self._numbers):06}"
        self._queries[query_id] = _Query(person_id, self.clock())
        chat = self.chat(where)
        message = self.messages.get((where, message_id))
        shown = (
            message.as_json(chat)
            if message
            else {"chat": chat, "message_id": message_id, "date": 0}
        )
        query = {
            "id": query_id,
            "from": self.people[person_id].person.user(),
            "message": shown,
            "chat_instance": str(-9_000_000_000 - where),
            "data": data,
        }
        self.updates.put("callback_query", query)
        return query_id

    def blocks(self, person_id: int) -> None:
        self._membership(person_id, blocked=True)

    def unblocks(self, person_id: int) -> None:
        self._membership(person_id, blocked=False)

    def deletes_account(self, person_id: int) -> None:
        """For good. The bot is not told: it learns so when it writes."""
        self._change(replace(self.people[person_id], gone=True))

    def joins_group(self, group_id: int, person_id: int) -> None:
        self._moves(group_id, person_id, "left", "member")

    def leaves_group(self, group_id: int, person_id: int) -> None:
        self._moves(group_id, person_id, "member", "left")

    def becomes_supergroup(self, group_id: int) -> Group:
        """As its owner can make it one; the bot reads of it in both."""
        before = self.groups.pop(group_id)
        after = replace(before, id=-1_000_000_000_000 + group_id, kind="supergroup")
        self.groups[after.id] = after
        said = (
            (before, {"migrate_to_chat_id": after.id}),
            (after, {"migrate_from_chat_id": before.id}),
        )
        for group, extra in said:
            message = {
                "message_id": next(self._message_ids),
                "date": self.now(),
                "chat": group.chat(),
                "from": ANONYMOUS_ADMIN,
                "sender_chat": group.chat(),
            }
            self.updates.put("message", message | extra)
        return after

    def deletes(self, person_id: int, message_id: int) -> None:
        """A person takes a message, their own or the bot's, out of the chat for both sides.

        The bot is not told: it learns so from an edit that fails.
        """
        message = self.messages.pop((person_id, message_id), None)
        if message is None:
            raise NotPossible("This message is not in the chat any more.")
        self.tell(EventKind.DELETED, person_id, message)

    def forwards(self, person_id: int, text: str) -> Message:
        """Words of someone who hides their account in forwards."""
        origin = {"type": "hidden_user", "date": self.now(), "sender_user_name": "Someone"}
        return self.says(person_id, text, extra={"forward_origin": origin})

    def loses(self, seconds: float) -> None:
        """A time without Telegram: what waits and what was tapped is so much older.

        The clock stays, so that dates do not run ahead of the bot's own clock.
        """
        self.updates.age(seconds)
        self._queries = {
            query_id: replace(query, asked_at=query.asked_at - seconds)
            for query_id, query in self._queries.items()
        }

    def shows_device(self, person_id: int, file_id: str, device: Device) -> None:
        state = self.people[person_id]
        self.people[person_id] = replace(state, devices={**state.devices, file_id: device})
        self.tell(EventKind.DEVICE, person_id)

    def _membership(self, person_id: int, *, blocked: bool) -> None:
        state = self.people[person_id]
        if state.blocked == blocked:
            return
        self._change(replace(state, blocked=blocked))
        out = {"status": "kicked", "user": self.bot.user(), "until_date": 0}
        member = {"status": "member", "user": self.bot.user()}
        change = {
            "chat": state.person.chat(),
            "from": state.person.user(),
            "date": self.now(),
            "old_chat_member": member if blocked else out,
            "new_chat_member": out if blocked else member,
        }
        self.updates.put("my_chat_member", change)

    def _moves(self, group_id: int, person_id: int, before: str, after: str) -> None:
        """The bot is told, as one that is an administrator of the group."""
        group, user = self.groups[group_id], self.people[person_id].person.user()
        is_member = person_id in group.member_ids
        if is_member != (before == "member"):
            return
        self.groups[group_id] = replace(group, member_ids=group.member_ids ^ {person_id})
        change = {
            "chat": group.chat(),
            "from": user,
            "date": self.now(),
            "old_chat_member": {"status": before, "user": user},
            "new_chat_member": {"status": after, "user": user},
        }
        self.updates.put("chat_member", change)

    def _change(self, state: PersonState) -> None:
        self.people[state.person.id] = state
        self.tell(EventKind.PERSON, state.person.id)

    def _open_chat(self, person_id: int) -> PersonState:
        state = self.people[person_id]
        if state.gone:
            raise NotPossible(f"{state.person.first_name} has deleted their account.")
        if state.blocked:
            raise NotPossible(f"{state.person.first_name} has blocked the bot; unblock it first.")
        return state

    def _written(self, chat_id: int, sender: Json, text: str, extra: Json) -> Message:
        said = _checked(typed(text))
        message = Message(
            next(self._message_ids),
            chat_id,
            sender,
            self.now(),
            said.text,
            said.entities,
            extra=extra,
        )
        self._keep(message, EventKind.MESSAGE)
        if chat_id in self.people or self._sees(message):
            self.updates.put("message", self.as_json(message))
        return message

    def _sees(self, message: Message) -> bool:
        """Privacy mode, in a group: commands that do not name another bot, and mentions."""
        mention = f"@{self.bot.username}".lower()
        first = message.text.split(maxsplit=1)[0].lower()
        for_other = "@" in first and not first.endswith(mention)
        return (first.startswith("/") and not for_other) or mention in message.text.lower()

    def _keep(self, message: Message, kind: EventKind) -> None:
        self.messages[message.chat_id, message.message_id] = message
        self.tell(kind, message.chat_id, message)

    # --- what the bot does

    def writable(self, chat_id: int) -> None:
        """Raises ApiError where the bot may not write: 403 for a person who does not let it."""
        self.chat(chat_id)
        state = self.people.get(chat_id)
        if state is None:
            return
        if state.gone:
            raise ApiError(403, "Forbidden: user is deactivated")
        if state.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        if not state.started:
            raise ApiError(403, "Forbidden: bot can't initiate conversation with a user")

    def bot_sends(
        self,
        chat_id: int,
        content: FormattedText,
        *,
        keyboard: Keyboard = (),
        document: StoredFile | None = None,
    ) -> Message:
        self.writable(chat_id)
        message = Message(
            next(self._message_ids),
            chat_id,
            self.bot.user(),
            self.now(),
            content.text,
            content.entities,
            keyboard,
            document,
        )
        self._keep(message, EventKind.MESSAGE)
        return message

    def bot_edits(
        self, chat_id: int, message_id: int, content: FormattedText, keyboard: Keyboard
    ) -> Message:
        """New buttons under the same words leave no 'edited' mark."""
        self.writable(chat_id)
        old = self.messages.get((chat_id, message_id))
        if old is None:
            raise bad_request("message to edit not found")
        if not old.from_bot:
            raise bad_request("message can't be edited")
        new = replace(old, keyboard=keyboard, text=content.text, entities=content.entities)
        if new.same_content(old):
            raise bad_request(_NOT_MODIFIED)
        if (new.text, new.entities) != (old.text, old.entities):
            new = replace(new, edit_date=self.now())
        self._keep(new, EventKind.EDITED)
        return new

    def bot_deletes(self, chat_id: int, message_id: int) -> None:
        """Its own messages, and what a person has sent in their private chat, for two days."""
        self.writable(chat_id)
        message = self.messages.get((chat_id, message_id))
        if message is None:
            raise bad_request("message to delete not found")
        is_deletable = message.from_bot or chat_id > 0
        if not is_deletable or self.now() - message.date > _DELETABLE_S:
            raise bad_request("message can't be deleted for everyone")
        del self.messages[chat_id, message_id]
        self.tell(EventKind.DELETED, chat_id, message)

    def bot_answers(self, query_id: str, text: str, *, show_alert: bool) -> None:
        """One answer for each tap, and only while the person may still be waiting for it."""
        query = self._queries.get(query_id)
        if query is None or query.answered or self.clock() - query.asked_at > CALLBACK_LIFETIME_S:
            raise bad_request(_GONE_QUERY)
        self._queries[query_id] = replace(query, answered=True)
        answer = Answer(query_id, query.person_id, text, show_alert)
        self.answers.append(answer)
        self.tell(EventKind.ANSWER, query.person_id, answer)

    def add_file(self, name: str, mime_type: str, content: bytes) -> StoredFile:
        file_id = f"BQACAgIAAxkBAAI{next(self._numbers):06}"
        stored = StoredFile(file_id, name, mime_type, content)
        self.files[file_id] = stored
        return stored


def _checked(said: FormattedText) -> FormattedText:
    if not said.text:
        raise NotPossible("An empty message cannot be sent.")
    if utf16_length(said.text) > MESSAGE_CHARACTERS:
        raise NotPossible(f"A message holds {MESSAGE_CHARACTERS} characters at most.")
    return said


def _shared(person: DemoPerson) -> Json:
    """The Bot API's SharedUser."""
    names = ("first_name", "last_name", "username")
    known = person.user()
    return {"user_id": person.id} | {name: known[name] for name in names if name in known}
