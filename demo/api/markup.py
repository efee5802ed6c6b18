"""Text with entities, from Telegram's HTML and from what people type.

The tags and their errors: https://core.telegram.org/bots/api#html-style
Offsets and lengths count UTF-16 code units: https://core.telegram.org/api/entities
"""

import html
import re
from dataclasses import dataclass

from demo.errors import ApiError, bad_request
from demo.people import Json

_SIMPLE_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
}
_TAGS = {*_SIMPLE_TAGS, "a", "span", "blockquote", "tg-emoji", "tg-time"}
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_TAG = re.compile(
    r"""<(?P<end>/?)(?P<name>[a-zA-Z0-9-]*)"""
    r"""(?P<attributes>(?:\s+[a-zA-Z-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+))?)*)\s*>"""
)
# Telegram knows these four names and numeric references; any other & stands for itself.
_REFERENCE = re.compile(r"&(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);")
_LINK_SCHEMES = ("http://", "https://", "tg://", "mailto:", "tel:")
_TYPED = re.compile(
    r"(?P<url>\bhttps?://[^\s<>\"]+[^\s<>\".,;:!?)])"
    r"|(?<![\w/<])(?P<bot_command>/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?)(?![\w/])"
    r"|(?<![\w@])(?P<mention>@[A-Za-z0-9_]{4,32})\b"
)


@dataclass(frozen=True, slots=True)
class FormattedText:
    text: str
    entities: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class _OpenTag:
    name: str
    attributes: dict[str, str]
    offset: int


def utf16_length(text: str) -> int:
    """Length in UTF-16 code units: an emoji counts two."""
    return len(text.encode("utf-16-le")) // 2


def typed(text: str) -> FormattedText:
    """What a person types: stripped, with commands, links and mentions marked."""
    return _with_found(FormattedText(text.strip()))


def parse_html(source: str) -> FormattedText:
    """HTML parse mode; raises ApiError in Telegram's words."""
    return _with_found(_stripped(_HtmlParser(source).parse()))


class _HtmlParser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._text = ""
        self._open: list[_OpenTag] = []
        self._entities: list[Json] = []

    def parse(self) -> FormattedText:
        position = 0
        while (start := self._source.find("<", position)) >= 0:
            self._add(self._source[position:start])
            position = self._tag(start)
        self._add(self._source[position:])
        if self._open:
            name = self._open[-1].name
            raise _unparsable(f'Can\'t find end tag corresponding to start tag "{name}"')
        return FormattedText(self._text, tuple(self._entities))

    def _add(self, piece: str) -> None:
        self._text += _REFERENCE.sub(lambda found: html.unescape(found.group()), piece)

    def _tag(self, start: int) -> int:
        offset = len(self._source[:start].encode())
        found = _TAG.match(self._source, start)
        if found is None:
            raise _unparsable(f'Unsupported start tag "" at byte offset {offset}')
        name = found["name"].lower()
        if found["end"]:
            self._close(name, offset)
        elif name in _TAGS:
            self._open.append(_OpenTag(name, _attributes(found), utf16_length(self._text)))
        else:
            raise _unparsable(f'Unsupported start tag "{name}" at byte offset {offset}')
        return found.end()

    def _close(self, name: str, offset: int) -> None:
        if not self._open:
            raise _unparsable(f"Unexpected end tag at byte offset {offset}")
        tag = self._open.pop()
        if name not in {tag.name, ""}:
            raise _unparsable(
                f"Unmatched end tag at byte offset {offset}, "
                f'expected "</{tag.name}>", found "</{name}>"'
            )
        length = utf16_length(self._text) - tag.offset
        kind = _kind(tag, self._text)
        if length and kind:
            self._entities.append(self._placed(tag, kind, length))

    def _placed(self, tag: _OpenTag, kind: Json, length: int) -> Json:
        place = {"offset": tag.offset, "length": length}
        # <pre><code class="language-x"> is one block of code, not code inside a block.
        if tag.name == "pre" and self._entities:
            inner = self._entities[-1]
            if inner["type"] == "code" and {k: inner[k] for k in place} == place:
                self._entities.pop()
                kind = kind | {k: v for k, v in inner.items() if k == "language"}
        return kind | place


def _attributes(found: re.Match[str]) -> dict[str, str]:
    return {
        name.lower(): html.unescape(double or single or bare)
        for name, double, single, bare in _ATTRIBUTE.findall(found["attributes"])
    }


def _kind(tag: _OpenTag, text: str) -> Json | None:
    """The entity without its place; None where the tag means nothing."""
    special = {"a": _link, "tg-time": _time, "tg-emoji": _emoji, "code": _code}
    if tag.name in special:
        return special[tag.name](tag, text)
    if tag.name == "blockquote":
        return {"type": "expandable_blockquote" if "expandable" in tag.attributes else "blockquote"}
    if tag.name == "span":
        return {"type": "spoiler"} if tag.attributes.get("class") == "tg-spoiler" else None
    return {"type": _SIMPLE_TAGS[tag.name]}


def _link(tag: _OpenTag, text: str) -> Json | None:
    inside = text.encode("utf-16-le")[tag.offset * 2 :].decode("utf-16-le")
    url = tag.attributes.get("href") or inside
    return {"type": "text_link", "url": url} if url.startswith(_LINK_SCHEMES) else None


def _time(tag: _OpenTag, _text: str) -> Json:
    try:
        unix = int(tag.attributes["unix"])
    except (KeyError, ValueError) as error:
        raise _unparsable("Wrong date-time identifier specified") from error
    entity: Json = {"type": "date_time", "unix_time": unix}
    wanted = tag.attributes.get("format", "")
    return entity | ({"date_time_format": wanted} if wanted else {})


def _emoji(tag: _OpenTag, _text: str) -> Json:
    return {"type": "custom_emoji", "custom_emoji_id": tag.attributes.get("emoji-id", "")}


def _code(tag: _OpenTag, _text: str) -> Json:
    language = tag.attributes.get("class", "").removeprefix("language-")
    return {"type": "code"} | ({"language": language} if language else {})


def _stripped(formatted: FormattedText) -> FormattedText:
    """Outer blanks go, and what marked only them goes with them."""
    text = formatted.text.lstrip()
    lead = utf16_length(formatted.text) - utf16_length(text)
    text = text.rstrip()
    entities = []
    for entity in formatted.entities:
        start = max(0, entity["offset"] - lead)
        end = min(utf16_length(text), entity["offset"] - lead + entity["length"])
        kept = entity | {"offset": start, "length": end - start}
        if entity["type"] == "code":
            kept.pop("language", None)  # it is for blocks only: inline code has none
        if end > start:
            entities.append(kept)
    return FormattedText(text, tuple(entities))


def _with_found(formatted: FormattedText) -> FormattedText:
    taken = [
        (e["offset"], e["offset"] + e["length"])
        for e in formatted.entities
        if e["type"] in {"code", "pre", "text_link", "date_time"}
    ]
    found = [
        entity
        for entity in map(_found_entity, _TYPED.finditer(formatted.text))
        if not any(
            start < entity["offset"] + entity["length"] and entity["offset"] < end
            for start, end in taken
        )
    ]
    entities = sorted(
        (*formatted.entities, *found), key=lambda entity: (entity["offset"], -entity["length"])
    )
    return FormattedText(formatted.text, tuple(entities))


def _found_entity(found: re.Match[str]) -> Json:
    return {
        "type": found.lastgroup,
        "offset": utf16_length(found.string[: found.start()]),
        "length": utf16_length(found.group()),
    }


def _unparsable(what: str) -> ApiError:
    return bad_request(f"can't parse entities: {what}")
