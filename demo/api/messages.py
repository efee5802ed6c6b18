"""Messages and files as the chats keep them, and how the Bot API shows them."""

from dataclasses import dataclass, field

from demo.api.keyboards import Keyboard
from demo.people import Json


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A document in memory only: a profile holds a private key."""

    file_id: str
    name: str
    mime_type: str
    content: bytes = field(repr=False)

    def document(self) -> Json:
        """The Bot API's Document."""
        return {
            "file_id": self.file_id,
            "file_unique_id": f"unique-{self.file_id}",
            "file_name": self.name,
            "mime_type": self.mime_type,
            "file_size": len(self.content),
        }


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Times are Unix seconds; `text` is the caption where there is a document."""

    message_id: int
    chat_id: int
    sender: Json
    date: int
    text: str
    entities: tuple[Json, ...] = ()
    keyboard: Keyboard = ()
    document: StoredFile | None = None
    edit_date: int | None = None
    # Fields that few messages have, in the Bot API's own form: forward_origin, sender_chat, …
    extra: Json = field(default_factory=dict)

    @property
    def from_bot(self) -> bool:
        return bool(self.sender["is_bot"]) and "sender_chat" not in self.extra

    def as_json(self, chat: Json) -> Json:
        """The Bot API's Message."""
        shown: Json = {
            "message_id": self.message_id,
            "from": self.sender,
            "chat": chat,
            "date": self.date,
        }
        shown |= self._content()
        if self.edit_date is not None:
            shown["edit_date"] = self.edit_date
        if self.keyboard:
            shown["reply_markup"] = {"inline_keyboard": [list(row) for row in self.keyboard]}
        return shown | self.extra

    def _content(self) -> Json:
        entities = list(self.entities)
        if "users_shared" in self.extra:
            return {}
        if self.document is None:
            return {"text": self.text} | ({"entities": entities} if entities else {})
        content: Json = {"document": self.document.document()}
        if self.text:
            content["caption"] = self.text
        return content | ({"caption_entities": entities} if entities else {})

    def same_content(self, other: "Message") -> bool:
        return (self.text, self.entities, self.keyboard) == (
            other.text,
            other.entities,
            other.keyboard,
        )
