"""What goes to a terminal or into a log: a line is a line, and nothing in it is an order.

Names come from certificates, from Telegram and from other machines. Whoever chooses one could move
the cursor, end a line and forge the next one, or turn the reading direction around.
"""

import unicodedata

# In place of a character that would speak to the terminal instead of the reader.
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def one_line(text: str) -> str:
    """The text with a blank for each line break, and a mark for what a terminal would obey."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        " " if char.isspace() else char if shows(char) else _REPLACEMENT for char in text
    )


def shows(char: str) -> bool:
    """Whether a character is a part of the text, rather than a control for whatever shows it."""
    # Cc and Cf hold line breaks, bells, and marks that turn the reading direction around.
    return char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def is_plain(char: str) -> bool:
    """Whether it shows as it is, a blank included, and keeps to its line."""
    return char == " " or (shows(char) and not char.isspace())
