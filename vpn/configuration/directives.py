"""Reads the lines of an OpenVPN configuration the way that OpenVPN does.

Source: parse_line() and read_inline_file() in OpenVPN 2.6's options_parse.c, and the manual's
section 'Inline file support'.
"""

from collections.abc import Iterator
from dataclasses import dataclass

_QUOTES = "\"'"
_COMMENTS = "#;"
# What follows counts like any line, but for its being unknown: add_option() in options.c.
_OPTIONAL = ["setenv", "opt"]
# C's isspace(): Python's own notion of a space or a line's end has more characters, and a lock
# that only we can see in a file is none.
_SPACES = " \t\r\v\f"


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive; `inline` is the text between `<name>` and `</name>`."""

    name: str
    arguments: tuple[str, ...]
    line_number: int
    inline: str | None = None


def parse_directives(text: str) -> list[Directive]:
    """All directives in order; comments and empty lines are left out.

    An unclosed quote ends at the end of its line, an unclosed block at the end of the text.
    """
    directives: list[Directive] = []
    lines = iter(enumerate(text.split("\n"), start=1))
    for number, line in lines:
        words = split_words(line)
        if not words:
            continue
        if words[:2] == _OPTIONAL and len(words) > len(_OPTIONAL):
            words = words[len(_OPTIONAL) :]
        name, arguments = words[0], tuple(words[1:])
        if name.startswith("<") and name.endswith(">") and not arguments:
            directives.append(Directive(name[1:-1], (), number, _inline_text(name[1:-1], lines)))
        else:
            directives.append(Directive(name.removeprefix("--"), arguments, number))
    return directives


def _inline_text(name: str, lines: Iterator[tuple[int, str]]) -> str:
    inside: list[str] = []
    for _, line in lines:
        if line.lstrip(_SPACES).startswith(f"</{name}>"):
            break
        inside.append(line)
    return "\n".join(inside) + "\n" if inside else ""


def split_words(line: str) -> list[str]:
    """The words of a line: quotes hold spaces, a backslash keeps the next character.

    '#' and ';' begin a comment only where a word could begin.
    """
    words: list[str] = []
    rest = line.lstrip(_SPACES)
    while rest and rest[0] not in _COMMENTS:
        word, rest = _take_word(rest)
        words.append(word)
        rest = rest.lstrip(_SPACES)
    return words


def quoted(word: str) -> str:
    """The word as `split_words` reads it back, in double quotes where it needs them."""
    if word and not set(word) & set(_SPACES + _QUOTES + _COMMENTS + "\\"):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _take_word(text: str) -> tuple[str, str]:
    if text[0] in _QUOTES:
        return _take_until(text[1:], text[0])
    return _take_until(text, None)


def _take_until(text: str, quote: str | None) -> tuple[str, str]:
    """The word before the closing quote (or a space, where there is none), and what follows."""
    word: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == "\\" and quote != "'":
            word.append(text[position : position + 1])
            position += 1
        elif character == quote or (quote is None and character in _SPACES):
            break
        else:
            word.append(character)
    return "".join(word), text[position:]
