"""The Bot API's methods that the bot calls.

https://core.telegram.org/bots/api#available-methods; the refusals' words are Telegram's.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from demo.api.commands import scope_key
from demo.api.events import EventKind
from demo.api.keyboards import inline_keyboard, picker
from demo.api.markup import FormattedText, parse_html, typed, utf16_length
from demo.api.params import Params
from demo.api.world import MESSAGE_CHARACTERS, World
from demo.errors import ApiError, bad_request
from demo.people import Json

CAPTION_CHARACTERS = 1024
ANSWER_CHARACTERS = 200
LONGEST_POLL_S = 50
_OTHER_POLLER = (
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running"
)
_WEBHOOK_SET = (
    "Conflict: can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)

Method = Callable[[Params], Awaitable[Any]]


_CHAT_ACTIONS = frozenset(
    {
        *("typing", "upload_photo", "record_video", "upload_video", "record_voice"),
        *("upload_voice", "upload_document", "choose_sticker", "find_location"),
        *("record_video_note", "upload_video_note"),
    }
)


class Methods:
    """One bot's view of the world. Each method gives what stands in `result`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._poll = 0
        self._other_poller = False
        # Nothing is delivered there.
        self.webhook_url = ""
        self._by_name: dict[str, Method] = {
            "getme": self._get_me,
            "getupdates": self._get_updates,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": self._get_webhook_info,
            "setmycommands": self._set_my_commands,
            "sendmessage": self._send_message,
            "senddocument": self._send_document,
            "editmessagetext": self._edit_message_text,
            "editmessagecaption": self._edit_message_caption,
            "editmessagereplymarkup": self._edit_message_reply_markup,
            "getfile": self._get_file,
            "deletemessage": self._delete_message,
            "sendchataction": self._send_chat_action,
            "answercallbackquery": self._answer_callback_query,
        }

    async def call(self, method: str, params: Params) -> Any:
        """Method names are case-insensitive. Raises ApiError."""
        called = self._by_name.get(method.lower())
        if called is None:
            raise ApiError(404, "Not Found: method not found")
        return await called(params)

    @property
    def other_poller(self) -> bool:
        """While true another instance polls with the same token: each poll here ends with 409."""
        return self._other_poller

    @other_poller.setter
    def other_poller(self, value: bool) -> None:
        self._other_poller = value
        self._world.updates.arrived.notify()

    # --- updates

    async def _get_me(self, _params: Params) -> Json:
        return self._world.bot.me()

    async def _get_updates(self, params: Params) -> list[Json]:
        """A second poller ends the first one's poll with 409, as Telegram does."""
        if self.webhook_url:
            raise ApiError(409, _WEBHOOK_SET)
        updates = self._world.updates
        self._poll += 1
        mine = self._poll
        updates.arrived.notify()
        updates.allow(params.structure("allowed_updates"))
        updates.confirm(params.integer("offset"))
        limit = params.integer("limit", 100)

        def batch() -> list[Json]:
            if mine != self._poll or self._other_poller:
                raise ApiError(409, _OTHER_POLLER)
            return updates.batch(limit)

        return await updates.arrived.until(batch, min(params.integer("timeout"), LONGEST_POLL_S))

    async def _delete_webhook(self, params: Params) -> bool:
        self.webhook_url = ""
        if params.flag("drop_pending_updates"):
            self._world.updates.clear()
        return True

    async def _get_webhook_info(self, _params: Params) -> Json:
        info: Json = {
            "url": self.webhook_url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._world.updates),
        }
        allowed = self._world.updates.allowed
        return info | ({"allowed_updates": allowed} if allowed is not None else {})

    async def _set_my_commands(self, params: Params) -> bool:
        key = scope_key(params.structure("scope"))
        chat_id = key[1]
        if chat_id is not None:
            self._world.chat(chat_id)
            person = self._world.people.get(chat_id)
            if person is not None and not person.started:
                raise bad_request("chat not found")  # to a bot, they do not exist
        commands = params.structure("commands")
        self._world.menus.put(key, params.text("language_code"), commands)
        self._world.tell(EventKind.COMMANDS, chat_id or 0)
        return True

    # --- messages

    async def _send_message(self, params: Params) -> Json:
        chat_id = params.chat_id()
        self._world.writable(chat_id)
        content = _text(params, "message is too long")
        markup = params.structure("reply_markup")
        keyboard, asks = inline_keyboard(markup), picker(markup)
        message = self._world.bot_sends(chat_id, content, keyboard=keyboard)
        if asks is not None:
            self._world.offers_picker(chat_id, asks)
        return self._world.as_json(message)

    async def _send_document(self, params: Params) -> Json:
        chat_id = params.chat_id()
        self._world.writable(chat_id)
        caption = _formatted(params, "caption")
        _check_length(caption, CAPTION_CHARACTERS, "message caption is too long")
        given = params.file("document")
        if not given.content:
            raise bad_request("file must be non-empty")
        document = self._world.add_file(given.name, given.mime_type, given.content)
        keyboard = inline_keyboard(params.structure("reply_markup"))
        message = self._world.bot_sends(chat_id, caption, keyboard=keyboard, document=document)
        return self._world.as_json(message)

    async def _edit_message_text(self, params: Params) -> Json:
        """An edit without a keyboard takes the old keyboard away."""
        content = _text(params, "MESSAGE_TOO_LONG")
        chat_id, message_id = params.chat_id(), params.integer("message_id")
        if not message_id:
            raise bad_request("message identifier is not specified")
        old = self._world.messages.get((chat_id, message_id))
        if old is not None and old.document:
            raise bad_request("there is no text in the message to edit")
        keyboard = inline_keyboard(params.structure("reply_markup"))
        return self._world.as_json(self._world.bot_edits(chat_id, message_id, content, keyboard))

    async def _edit_message_caption(self, params: Params) -> Json:
        content = _formatted(params, "caption")
        _check_length(content, CAPTION_CHARACTERS, "message caption is too long")
        chat_id, message_id = params.chat_id(), params.integer("message_id")
        if not message_id:
            raise bad_request("message identifier is not specified")
        old = self._world.messages.get((chat_id, message_id))
        if old is not None and not old.document:
            raise bad_request("there is no caption in the message to edit")
        keyboard = inline_keyboard(params.structure("reply_markup"))
        return self._world.as_json(self._world.bot_edits(chat_id, message_id, content, keyboard))

    async def _edit_message_reply_markup(self, params: Params) -> Json:
        chat_id, message_id = params.chat_id(), params.integer("message_id")
        if not message_id:
            raise bad_request("message identifier is not specified")
        old = self._world.messages.get((chat_id, message_id))
        content = FormattedText(old.text, old.entities) if old else FormattedText("", ())
        keyboard = inline_keyboard(params.structure("reply_markup"))
        return self._world.as_json(self._world.bot_edits(chat_id, message_id, content, keyboard))

    async def _get_file(self, params: Params) -> Json:
        stored = self._world.files.get(params.text("file_id"))
        if stored is None:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        known = stored.document()
        names = ("file_id", "file_unique_id", "file_size")
        return {name: known[name] for name in names} | {"file_path": f"documents/{stored.file_id}"}

    async def _delete_message(self, params: Params) -> bool:
        self._world.bot_deletes(params.chat_id(), params.integer("message_id"))
        return True

    async def _send_chat_action(self, params: Params) -> bool:
        """It is gone in five seconds, and is no message: only its arguments are looked at."""
        self._world.writable(params.chat_id())
        if params.text("action") not in _CHAT_ACTIONS:
            raise bad_request("wrong parameter action in request")
        return True

    async def _answer_callback_query(self, params: Params) -> bool:
        text = params.text("text")
        if utf16_length(text) > ANSWER_CHARACTERS:
            raise bad_request("MESSAGE_TOO_LONG")
        show_alert = params.flag("show_alert")
        self._world.bot_answers(params.text("callback_query_id"), text, show_alert=show_alert)
        return True


def _text(params: Params, too_long: str) -> FormattedText:
    content = _formatted(params, "text")
    if not content.text:
        raise bad_request("message text is empty")
    _check_length(content, MESSAGE_CHARACTERS, too_long)
    return content


def _formatted(params: Params, name: str) -> FormattedText:
    """The text with its marks, by parse mode."""
    text = params.text(name)
    mode = params.text("parse_mode").lower()
    if mode == "html":
        return parse_html(text)
    if mode:
        raise bad_request("unsupported parse_mode")
    return typed(text)


def _check_length(content: FormattedText, limit: int, refusal: str) -> None:
    if utf16_length(content.text) > limit:
        raise bad_request(refusal)
