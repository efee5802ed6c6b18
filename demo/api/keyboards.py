"""Inline keyboards, checked as Telegram checks them.

Limits: https://core.telegram.org/bots/api#inlinekeyboardbutton
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demo.errors import bad_request
from demo.people import Json

CALLBACK_DATA_BYTES = 64
COPY_TEXT_CHARACTERS = 256
BUTTONS_PER_MESSAGE = 100
PICKED_AT_MOST = 10
STYLES = frozenset({"danger", "success", "primary"})
_LINKS = ("http://", "https://", "tg://")

Keyboard = tuple[tuple[Json, ...], ...]


def inline_keyboard(markup: Any) -> Keyboard:
    """The rows of `reply_markup`; empty for none and for keyboards of another kind."""
    if not markup:
        return ()
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    rows = markup.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request("can't parse inline keyboard: field must be an Array of Arrays")
    keyboard = tuple(tuple(_button(button) for button in row) for row in rows if row)
    if sum(map(len, keyboard)) > BUTTONS_PER_MESSAGE:
        raise bad_request("reply markup is too long")
    return keyboard


@dataclass(frozen=True, slots=True)
class Picker:
    """A button below the line to type in, by which people are picked from the contacts."""

    text: str
    request_id: int
    most: int


def picker(markup: Any) -> Picker | None:
    """The first button of a reply keyboard that asks for people; None where there is none.

    https://core.telegram.org/bots/api#keyboardbuttonrequestusers
    """
    rows = markup.get("keyboard", []) if isinstance(markup, dict) else []
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request("can't parse reply keyboard: field must be an Array of Arrays")
    for button in (button for row in rows for button in row):
        if not isinstance(button, dict) or not str(button.get("text", "")).strip():
            raise bad_request('can\'t parse keyboard button: Field "text" must be non-empty')
        wanted = button.get("request_users")
        if isinstance(wanted, dict):
            most = int(wanted.get("max_quantity", 1))
            if not 1 <= most <= PICKED_AT_MOST:
                raise bad_request("can't parse keyboard button: invalid max_quantity")
            return Picker(button["text"], int(wanted["request_id"]), most)
    return None


def _button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise _unparsable("InlineKeyboardButton must be an Object")
    text = button.get("text")
    if not isinstance(text, str) or not text.strip():
        raise _unparsable('Field "text" must be a non-empty String')
    actions = [name for name in _CHECKS if button.get(name) is not None]
    if len(actions) != 1:
        raise _unparsable("Text buttons are unallowed in the inline keyboard")
    (action,) = actions
    kept: Json = {"text": text, action: _CHECKS[action](button[action])}
    style = button.get("style")
    if style is None:
        return kept
    if style not in STYLES:
        raise _unparsable("invalid button style specified")
    return kept | {"style": style}


def _callback_data(data: Any) -> str:
    if not isinstance(data, str) or not 1 <= len(data.encode()) <= CALLBACK_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    return data


def _url(url: Any) -> str:
    if not isinstance(url, str) or not url.startswith(_LINKS):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
    return url


def _copy_text(value: Any) -> Json:
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str) or not 1 <= len(text) <= COPY_TEXT_CHARACTERS:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")
    return {"text": text}


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "callback_data": _callback_data,
    "url": _url,
    "copy_text": _copy_text,
}


def _unparsable(what: str) -> Exception:
    return bad_request(f"can't parse inline keyboard button: {what}")
