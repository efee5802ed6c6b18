"""Puts values into sentences, so that what somebody typed cannot become markup."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape, unescape
from typing import Any, NamedTuple

from bot.shown import one_line

_GAP = "\n\n"
# What the system hands over for bytes of a file's name that are no text, see PEP 383.
_LONE = re.compile("[\ud800-\udfff]")
_TAG = re.compile(r"<[^>]*>")
# Longer than any name or reason that we store; a forged one is cut here.
_VALUE_LENGTH = 300


class Html(str):
    """Text that is HTML already, in the subset that Telegram reads."""

    __slots__ = ()


class Plural(NamedTuple):
    """A sentence for `count` = 1, and one for all other numbers; `none` where 0 has its own."""

    one: str
    many: str
    none: str = ""


class Decision(NamedTuple):
    """A sentence for a decision by a person, and one for a `group` that gives access by itself."""

    by_person: str
    by_group: str


Template = str | Plural | Decision


def fill(template: Template, **values: Any) -> Html:
    """The sentence as HTML, every value escaped and cut to length."""
    return Html(_choose(template, values).format(**{k: _safe(v) for k, v in values.items()}))


class Plain(str):
    """A sentence without markup, whose values are a line each."""

    __slots__ = ()


def plain(template: Template, **values: Any) -> Plain:
    """The sentence for a terminal. For templates without markup."""
    return _filled(straight(_choose(template, values)), values)


def plain_in_chat(template: Template, **values: Any) -> Plain:
    """The sentence where a chat takes no markup: a button, the answer to a tap, a receipt."""
    return _filled(_choose(template, values), values)


def straight(text: str) -> str:
    """Words of ours with the apostrophe that a terminal's keyboard has.

    Not for values: a path with another one in it is pasted as it is.
    """
    return text.replace("’", "'")


def escaped(text: str) -> Html:
    """A text of ours without markup, whole."""
    return Html(escape(text))


def lines(*parts: str) -> Html:
    """Sentences below each other; empty ones are left out."""
    return Html("\n".join(part for part in parts if part))


def blocks(*parts: str) -> Html:
    """Paragraphs with a free line between them; empty ones are left out."""
    return Html(_GAP.join(part for part in parts if part))


def folded(*parts: str) -> Html:
    """Paragraphs of plain text that open at a tap; without any, nothing."""
    return fold(escaped(_GAP.join(parts)))


def fold(text: Html) -> Html:
    """What opens at a tap; nothing where it is empty."""
    return Html(f"<blockquote expandable>{text}</blockquote>" if text else "")


def length(text: str) -> int:
    """In Telegram's characters: those that are seen, in UTF-16 (Bot API, sendMessage)."""
    seen = unescape(_TAG.sub("", text)) if isinstance(text, Html) else text
    return len(seen.encode("utf-16-le")) // 2


def without_markup(text: Html, room: int) -> str:
    """What is seen of it, cut to so many of Telegram's characters."""
    return cut(unescape(_TAG.sub("", text)), room)


def cut(text: str, room: int) -> str:
    """Plain text of so many of Telegram's characters at most."""
    units = text.encode("utf-16-le")
    if len(units) <= room * 2:
        return str(text)
    return units[: room * 2 - 2].decode("utf-16-le", "ignore") + "…"


def fitting(parts: Sequence[str], room: int) -> int:
    """How many of these, from the first one on, fit below each other into so many characters."""
    for number, part in enumerate(parts):
        room -= length(part) + len(_GAP)
        if room < 0:
            return number
    return len(parts)


def moment(when: datetime) -> Html:
    """A time that Telegram shows in the reader's own zone; older clients show it in UTC."""
    return Html(f'<tg-time unix="{int(when.timestamp())}">{utc(when)}</tg-time>')


def utc(when: datetime) -> str:
    """A time for reading, in UTC, to the minute."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _filled(text: str, values: dict[str, Any]) -> Plain:
    return Plain(text.format(**{k: _on_one_line(v) for k, v in values.items()}))


def _choose(template: Template, values: dict[str, Any]) -> str:
    if isinstance(template, str):
        return template
    if isinstance(template, Decision):
        return template.by_group if values.get("group") else template.by_person
    if values["count"] == 1:
        return template.one
    return template.many if values["count"] else template.none or template.many


def _on_one_line(value: Any) -> Any:
    """What is no number could break the line, and forge the next one."""
    return value if isinstance(value, (Plain, int, float)) else one_line(str(value))


def _safe(value: Any) -> str:
    if isinstance(value, Html):
        return value
    text = _LONE.sub("\N{REPLACEMENT CHARACTER}", str(value))
    return escape(text if len(text) <= _VALUE_LENGTH else text[: _VALUE_LENGTH - 1] + "…")
