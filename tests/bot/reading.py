"""Texts as the look-alike of Telegram reads them."""

import re

from demo.api.markup import FormattedText, parse_html

# Words that somebody has to read.
LONGEST = 60
# What a value may look like when somebody means harm.
EVIL = '<b>&"\'</b><a href="https://evil.example">x</a></code>&lt;{0}{name.__class__}'


def shown(text: str) -> FormattedText:
    """As the look-alike of Telegram reads it; markup that it does not know raises."""
    return parse_html(text)


def marks(text: str) -> list[str]:
    """The kinds of our own markup, in order; links and names in a value are found by the client."""
    found_by_client = {"url", "mention", "bot_command"}
    return [e["type"] for e in shown(text).entities if e["type"] not in found_by_client]


def unfolded(text: str) -> int:
    """How many words stand there before anything is opened."""
    seen = re.sub("<blockquote expandable>.*?</blockquote>", "", text, flags=re.DOTALL)
    return len(re.sub("<[^>]*>", "", seen).split())
