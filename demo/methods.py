"""The Bot API's methods that a bot of this kind calls.

https://core.telegram.org/bots/api#available-methods; the refusals' words are Telegram's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from demo.commands import scope_key
from demo.errors import ApiError, bad_request
from demo.keyboards import inline_keyboard
from demo.markup import FormattedText, parse_html, typed, utf16_length
from demo.messages import Message, StoredFile
from demo.params import Params, UploadedFile
from demo.people import Json
from demo.world import MESSAGE_CHARACTERS, EventKind, World

CAPTION_CHARACTERS = 1024
ANSWER_CHARACTERS = 200
# getFile hands out smaller files only.
DOWNLOAD_BYTES = 20 * 1024 * 1024
LONGEST_POLL_S = 50
_CHAT_ACTIONS = frozenset({"typing", "upload_document", "upload_photo", "find_location"})
_OTHER_POLLER = (
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running"
)
_WEBHOOK_SET = (
    "Conflict: can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)

Method = Callable[[Params], Awaitable[Any]]


class Methods:
    """One bot's view of the world. Each method gives what stands in `result`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._poll = 0
        self._other_poller = False
        self.webhook_url = ""
        self._by_name: dict[str, Method] = {
            name.replace("_", ""): getattr(self, name)
            for name in dir(type(self))
            if not name.startswith("_") and callable(getattr(type(self), name)) and name != "call"
        }
        for name in _HARMLESS:
            self._by_name[name.lower()] = self._accept

    async def call(self, method: str, params: Params) -> Any:
        """Method names are case-insensitive. Raises ApiError."""
        found = self._by_name.get(method.lower())
        if found is None:
            raise ApiError(404, "Not Found: method not found")
        return await found(params)

    @property
    def other_poller(self) -> bool:
        """While true another instance polls with the same token: each poll here ends with 409."""
        return self._other_poller

    @other_poller.setter
    def other_poller(self, value: bool) -> None:
        self._other_poller = value
        self._world.updates.arrived.notify()

    async def _accept(self, _params: Params) -> bool:
        return True

    # --- updates

    async def get_me(self, _params: Params) -> Json:
        return self._world.bot.me()

    async def get_updates(self, params: Params) -> list[Json]:
        """A second poller ends the first one's poll with 409, as Telegram does."""
        if self.webhook_url:
            raise ApiError(409, _WEBHOOK_SET)
        updates = self._world.updates
        self._poll += 1
        mine = self._poll
        updates.arrived.notify()
        updates.allow(params.structure("allowed_updates"))
        updates.confirm(params.integer("offset"))
        # Waiting goes by real time, whatever the world's clock says.
        end = time.monotonic() + min(max(params.integer("timeout"), 0), LONGEST_POLL_S)
        while True:
            if mine != self._poll or self._other_poller:
                raise ApiError(409, _OTHER_POLLER)
            batch = updates.batch(params.integer("limit", 100))
            left = end - time.monotonic()
            if batch or left <= 0:
                return batch
            await updates.arrived.wait(left)

    async def set_webhook(self, params: Params) -> bool:
        """Remembered only: nothing is delivered there."""
        self.webhook_url = params.text("url")
        return True

    async def delete_webhook(self, params: Params) -> bool:
        self.webhook_url = ""
        if params.flag("drop_pending_updates"):
            self._world.updates.clear()
        return True

    async def get_webhook_info(self, _params: Params) -> Json:
        info: Json = {
            "url": self.webhook_url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._world.updates),
        }
        allowed = self._world.updates.allowed
        return info | ({"allowed_updates": allowed} if allowed is not None else {})

    # --- menus

    async def set_my_commands(self, params: Params) -> bool:
        key = scope_key(params.structure("scope"))
        if key[1] is not None:
            self._known_chat(key[1])
        commands = params.structure("commands")
        self._world.menus.put(key, params.text("language_code"), commands)
        self._world.tell(EventKind.COMMANDS, key[1] or 0)
        return True

    async def get_my_commands(self, params: Params) -> list[Json]:
        key = scope_key(params.structure("scope"))
        return self._world.menus.get(key, params.text("language_code"))

    async def delete_my_commands(self, params: Params) -> bool:
        key = scope_key(params.structure("scope"))
        self._world.menus.remove(key, params.text("language_code"))
        self._world.tell(EventKind.COMMANDS, key[1] or 0)
        return True

    # --- messages

    async def send_message(self, params: Params) -> Json:
        chat_id = self._target(params)
        content = _formatted(params, "text", "entities")
        if not content.text:
            raise bad_request("message text is empty")
        _check_length(content, MESSAGE_CHARACTERS, "message is too long")
        return self._sent(chat_id, content, params)

    async def send_document(self, params: Params) -> Json:
        chat_id = self._target(params)
        content = _formatted(params, "caption", "caption_entities")
        _check_length(content, CAPTION_CHARACTERS, "message caption is too long")
        document = self._document(params.file("document"))
        return self._sent(chat_id, content, params, document)

    def _target(self, params: Params) -> int:
        chat_id = params.chat_id()
        self._world.writable(chat_id)
        return chat_id

    def _sent(
        self,
        chat_id: int,
        content: FormattedText,
        params: Params,
        document: StoredFile | None = None,
    ) -> Json:
        message = self._world.bot_sends(
            chat_id,
            content,
            keyboard=inline_keyboard(params.structure("reply_markup")),
            document=document,
            extra=self._extra(chat_id, params),
        )
        return self._world.as_json(message)

    def _extra(self, chat_id: int, params: Params) -> Json:
        extra: Json = {}
        if params.flag("protect_content"):
            extra["has_protected_content"] = True
        if replied := self._replied(chat_id, params):
            shown = self._world.as_json(replied)
            shown.pop("reply_to_message", None)  # Telegram shows one level only
            extra["reply_to_message"] = shown
        return extra

    def _replied(self, chat_id: int, params: Params) -> Message | None:
        reply = params.structure("reply_parameters") or {}
        message_id = reply.get("message_id", params.integer("reply_to_message_id"))
        if not message_id:
            return None
        message = self._world.messages.get((chat_id, int(message_id)))
        if message is None and not reply.get("allow_sending_without_reply"):
            raise bad_request("message to be replied not found")
        return message

    def _document(self, given: UploadedFile | str) -> StoredFile:
        if isinstance(given, UploadedFile):
            if not given.content:
                raise bad_request("file must be non-empty")
            return self._world.add_file(given.name, given.mime_type, given.content)
        if given not in self._world.files:
            raise bad_request("wrong file identifier/HTTP URL specified")
        return self._world.files[given]

    async def edit_message_text(self, params: Params) -> Json:
        content = _formatted(params, "text", "entities")
        if not content.text:
            raise bad_request("message text is empty")
        _check_length(content, MESSAGE_CHARACTERS, "MESSAGE_TOO_LONG")
        if (old := self._world.messages.get(_place(params))) and old.document:
            raise bad_request("there is no text in the message to edit")
        return self._edited(params, content)

    async def edit_message_caption(self, params: Params) -> Json:
        content = _formatted(params, "caption", "caption_entities")
        _check_length(content, CAPTION_CHARACTERS, "MEDIA_CAPTION_TOO_LONG")
        if (old := self._world.messages.get(_place(params))) and not old.document:
            raise bad_request("there is no caption in the message to edit")
        return self._edited(params, content)

    async def edit_message_reply_markup(self, params: Params) -> Json:
        return self._edited(params, None)

    def _edited(self, params: Params, content: FormattedText | None) -> Json:
        """An edit without a keyboard takes the old keyboard away."""
        chat_id, message_id = _place(params)
        keyboard = inline_keyboard(params.structure("reply_markup"))
        return self._world.as_json(self._world.bot_edits(chat_id, message_id, content, keyboard))

    async def delete_message(self, params: Params) -> bool:
        self._world.bot_deletes(*_place(params))
        return True

    async def answer_callback_query(self, params: Params) -> bool:
        text = params.text("text")
        if utf16_length(text) > ANSWER_CHARACTERS:
            raise bad_request("MESSAGE_TOO_LONG")
        show_alert = params.flag("show_alert")
        self._world.bot_answers(params.text("callback_query_id"), text, show_alert=show_alert)
        return True

    async def send_chat_action(self, params: Params) -> bool:
        chat_id = self._target(params)
        if params.text("action") not in _CHAT_ACTIONS:
            raise bad_request("wrong parameter action in request")
        self._world.tell(EventKind.TYPING, chat_id)
        # The yield keeps a burst of actions from starving those who watch.
        await asyncio.sleep(0)
        return True

    # --- chats and files

    async def get_chat(self, params: Params) -> Json:
        chat = self._known_chat(params.chat_id())
        return chat | {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": {
                "unlimited_gifts": False,
                "limited_gifts": False,
                "unique_gifts": False,
                "premium_subscription": False,
                "gifts_from_channels": False,
            },
        }

    def _known_chat(self, chat_id: int) -> Json:
        """To a bot, a person who never pressed Start does not exist."""
        state = self._world.people.get(chat_id)
        if state is not None and not state.started:
            raise bad_request("chat not found")
        return self._world.chat(chat_id)

    async def get_file(self, params: Params) -> Json:
        stored = self._world.files.get(params.text("file_id"))
        if stored is None:
            raise bad_request("invalid file_id")
        if len(stored.content) > DOWNLOAD_BYTES:
            raise bad_request("file is too big")
        shown = stored.document()
        kept = {name: shown[name] for name in ("file_id", "file_unique_id", "file_size")}
        return kept | {"file_path": stored.path}


# Answered with true and otherwise without any effect here.
_HARMLESS = (
    "setMyName",
    "setMyDescription",
    "setMyShortDescription",
    "setChatMenuButton",
    "setMyDefaultAdministratorRights",
    "logOut",
    "close",
)


def _place(params: Params) -> tuple[int, int]:
    chat_id = params.chat_id()
    if not params.integer("message_id"):
        raise bad_request("message identifier is not specified")
    return chat_id, params.integer("message_id")


def _formatted(params: Params, name: str, entities: str) -> FormattedText:
    """The text with its marks, by parse mode or by given entities."""
    text = params.text(name)
    mode = params.text("parse_mode").lower()
    if mode == "html":
        return parse_html(text)
    if mode:
        raise bad_request("unsupported parse_mode")
    if given := params.structure(entities):
        return FormattedText(text, tuple(given))
    return typed(text)


def _check_length(content: FormattedText, limit: int, refusal: str) -> None:
    if utf16_length(content.text) > limit:
        raise bad_request(refusal)
