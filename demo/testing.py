"""What a test sees of a chat: one person who types, taps and waits for the bot's words.

alice = server.person(1)
await alice.says("/requestvpn 2h")
await alice.hears("asked")
await admin.taps("Approve")
profile = (await alice.receives_document()).document.content
"""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from demo.api.events import Answer, Event, EventKind
from demo.api.keyboards import Picker
from demo.api.messages import Message
from demo.api.world import World
from demo.changes import Signal
from demo.errors import NoSuchButton, NotHeard
from demo.people import DemoPerson, Json

__all__ = ["Button", "Call", "DemoDocument", "DemoMessage", "DemoPerson", "GroupChat", "PersonChat"]

# Nothing that comes at all takes as long, on whatever machine.
PATIENCE_S = 180.0


@dataclass(frozen=True, slots=True)
class Call:
    """A Bot API call as it came in; `at` is Unix seconds by the server's clock."""

    method: str
    params: dict[str, Any] = dataclass_field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class Button:
    """An inline button; of the three actions one is set."""

    text: str
    callback_data: str | None = None
    url: str | None = None
    copy_text: str | None = None
    style: str | None = None


@dataclass(frozen=True, slots=True)
class DemoDocument:
    file_name: str
    content: bytes = dataclass_field(repr=False)


@dataclass(frozen=True, slots=True)
class DemoMessage:
    """A message as it looks now; `text` is the caption where there is a document."""

    message_id: int
    date: int
    text: str
    entities: list[Json]
    buttons: list[list[Button]]
    document: DemoDocument | None
    from_bot: bool
    edited: bool

    def button(self, prefix: str) -> Button | None:
        """The first button whose text begins so."""
        every = (button for row in self.buttons for button in row)
        return next((button for button in every if button.text.startswith(prefix)), None)


class PersonChat:
    """One person's private chat with the bot."""

    def __init__(self, world: World, person: DemoPerson) -> None:
        self.person = person
        self._world = world
        self._changed = Signal()
        # Everything the bot has said, edits included, that no `hears` has taken yet.
        self._unheard: list[Message] = []
        self._last_words: dict[int, str] = {}
        self._received: set[int] = set()
        world.listeners.append(self._listen)

    def _listen(self, event: Event) -> None:
        if event.chat_id != self.person.id:
            return
        message = event.content
        if (
            isinstance(message, Message)
            and message.from_bot
            and event.kind != EventKind.DELETED
            # New buttons under the same words are nothing that can be heard again.
            and self._last_words.get(message.message_id) != message.text
        ):
            self._last_words[message.message_id] = message.text
            self._unheard.append(message)
        self._changed.notify()

    @property
    def messages(self) -> list[DemoMessage]:
        """All messages of the chat as they are now, oldest first, without the deleted ones."""
        return [_shown(message) for message in self._world.messages_in(self.person.id)]

    @property
    def answers(self) -> list[Answer]:
        """What this person's taps were answered with, oldest first."""
        return [answer for answer in self._world.answers if answer.person_id == self.person.id]

    async def says(self, text: str, *, replies_to: DemoMessage | None = None) -> DemoMessage:
        answered = None if replies_to is None else replies_to.message_id
        return _shown(self._world.says(self.person.id, text, replies_to=answered))

    async def sends(self, name: str, content: bytes, *, photo: bool = False) -> DemoMessage:
        """A file, or the same as a picture."""
        return _shown(self._world.sends(self.person.id, name, content, photo=photo))

    @property
    def picker(self) -> Picker | None:
        """The button by which the bot asks for people, as long as it is there."""
        return self._world.people[self.person.id].picker

    async def picks(self, *people: DemoPerson) -> DemoMessage:
        """From the contacts, by the button that the bot has shown."""
        return _shown(self._world.picks(self.person.id, [person.id for person in people]))

    async def edits(self, message_id: int, text: str) -> DemoMessage:
        return _shown(self._world.edits(self.person.id, message_id, text))

    async def forwards(self, text: str) -> DemoMessage:
        """Someone else's words, who hides their account in forwards."""
        return _shown(self._world.forwards(self.person.id, text))

    def deletes(self, message_id: int) -> None:
        """Any message of the chat, the bot's included; the bot is not told."""
        self._world.deletes(self.person.id, message_id)

    async def taps(self, button_text_prefix: str, *, message: DemoMessage | None = None) -> str:
        """Taps a button of `message`, or of the newest one that has it; gives the query's id."""
        candidates = [message] if message else list(reversed(self.messages))
        for candidate in candidates:
            button = candidate.button(button_text_prefix)
            if button and button.callback_data:
                return await self.taps_data(candidate.message_id, button.callback_data)
        raise NoSuchButton(
            f"{self.person.first_name} has no button {button_text_prefix!r}; there are: "
            f"{[button.text for m in candidates for row in m.buttons for button in row]}"
        )

    async def taps_data(self, message_id: int, data: str) -> str:
        """A tap with any data, such as a forged client can send; gives the query's id."""
        return self._world.taps(self.person.id, message_id, data)

    async def hears(self, substring: str, timeout: float = PATIENCE_S) -> DemoMessage:  # noqa: ASYNC109
        """The oldest words of the bot that contain it and were not heard before.

        An edit counts as new words. Waits `timeout` seconds; raises NotHeard.
        """
        return await self._waits(
            lambda message: substring in message.text, f"hear {substring!r}", timeout
        )

    async def receives_document(self, timeout: float = PATIENCE_S) -> DemoMessage:  # noqa: ASYNC109
        """The oldest document that was not received before; raises NotHeard.

        New words below it make it no new document.
        """
        found = await self._waits(
            lambda message: (
                message.document is not None and message.message_id not in self._received
            ),
            "receive a document",
            timeout,
        )
        self._received.add(found.message_id)
        return found

    async def _waits(
        self, fits: Callable[[Message], bool], what: str, seconds: float
    ) -> DemoMessage:
        def look() -> Message | None:
            return next(filter(fits, self._unheard), None)

        message = await self._changed.until(look, seconds)
        if message is None:
            raise NotHeard(
                f"{self.person.first_name} didn't {what} within {seconds:g} s; unheard so "
                f"far: {[message.text for message in self._unheard]}"
            )
        self._unheard.remove(message)
        return _shown(message)

    async def is_answered(self, query_id: str, timeout: float = PATIENCE_S) -> Answer:  # noqa: ASYNC109
        """The answer to one tap; raises NotHeard."""

        def look() -> Answer | None:
            return next((one for one in self.answers if one.query_id == query_id), None)

        answer = await self._changed.until(look, timeout)
        if answer is None:
            raise NotHeard(f"The tap {query_id} wasn't answered within {timeout:g} s.")
        return answer

    def blocks_bot(self) -> None:
        self._world.blocks(self.person.id)

    def unblocks_bot(self) -> None:
        self._world.unblocks(self.person.id)

    def deletes_account(self) -> None:
        """Nothing can be sent to them any more; the bot is not told."""
        self._world.deletes_account(self.person.id)

    @property
    def menu(self) -> list[Json]:
        """The command menu that this person sees."""
        return self._world.menus.shown_to(self.person.id, self.person.language_code)


class GroupChat:
    """A group that the bot is in."""

    def __init__(self, world: World, group_id: int) -> None:
        self.id = group_id
        self._world = world

    @property
    def messages(self) -> list[DemoMessage]:
        return [_shown(message) for message in self._world.messages_in(self.id)]

    async def says(self, person_id: int, text: str) -> DemoMessage:
        return _shown(self._world.says_in_group(self.id, person_id, text))

    async def says_anonymously(self, text: str) -> DemoMessage:
        """As an anonymous admin: the sender is a placeholder account, `sender_chat` the group."""
        return _shown(self._world.says_in_group(self.id, None, text))

    async def taps(self, person_id: int, message_id: int, data: str) -> str:
        return self._world.taps(person_id, message_id, data, chat_id=self.id)

    def joins(self, person_id: int) -> None:
        self._world.joins_group(self.id, person_id)

    def becomes_supergroup(self) -> "GroupChat":
        """The same group, by the number that it has from now on."""
        return GroupChat(self._world, self._world.becomes_supergroup(self.id).id)

    def leaves(self, person_id: int) -> None:
        """The bot is told, if it asks for that kind of update."""
        self._world.leaves_group(self.id, person_id)


def _shown(message: Message) -> DemoMessage:
    stored = message.document
    return DemoMessage(
        message_id=message.message_id,
        date=message.date,
        text=message.text,
        entities=list(message.entities),
        buttons=[[_button(button) for button in row] for row in message.keyboard],
        document=None if stored is None else DemoDocument(stored.name, stored.content),
        from_bot=message.from_bot,
        edited=message.edit_date is not None,
    )


def _button(button: Json) -> Button:
    return Button(
        text=button["text"],
        callback_data=button.get("callback_data"),
        url=button.get("url"),
        copy_text=button.get("copy_text", {}).get("text"),
        style=button.get("style"),
    )
