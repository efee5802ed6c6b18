"""What a name is looked up by: one key whatever way it is written, and its words in plain letters.

Both are made here when a name is stored and when it is looked for, or the two would differ.
"""

import re
import unicodedata

from anyascii import anyascii

# Letters and symbols that are drawn as a blank.
_BLANKS = frozenset((0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0, 0x1D159))
# Marks that are not drawn at all (Unicode, Default_Ignorable_Code_Point).
_UNSEEN = frozenset(
    (
        *(0x034F, 0x17B4, 0x17B5),
        *range(0x180B, 0x1810),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    )
)
# Behind a character it chooses how that looks: as a picture, or as a sign.
_LOOKS = frozenset((0xFE0E, 0xFE0F))
_CONTROLS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_DASH = "Pd"
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u02b9\u00b4\u0060", "'"))
_KEY_LENGTH = 160
_WORD_LENGTH = 64
# So many words of one person are kept.
MOST_WORDS = 12


def seen(text: str) -> str:
    """One line with what is seen of a text; empty where that is nothing but blanks and marks."""
    if text.isascii() and text.isprintable():  # all of it is seen, and books of a CA are full of it
        return " ".join(text.split())
    kept = "".join(
        " " if char.isspace() or ord(char) in _BLANKS else char
        for char in text
        if unicodedata.category(char) not in _CONTROLS or char.isspace()
        if ord(char) not in _UNSEEN or ord(char) in _LOOKS
    )
    line = " ".join(kept.split())
    shows = any(unicodedata.category(char)[0] not in "MZ" for char in line)
    return line if shows else ""


def name_key(name: str) -> str:
    """The same for all ways to write one name: case, normal form, blanks, dashes, what is unseen.

    Two people may have one key; a name without anything to be seen has the empty one.
    """
    folded = unicodedata.normalize("NFKC", seen(name)).casefold()
    folded = seen(unicodedata.normalize("NFKC", folded)).translate(_APOSTROPHES)
    if not folded.isascii():
        folded = "".join(
            "-" if unicodedata.category(char) == _DASH else char
            for char in folded
            if ord(char) not in _LOOKS
        )
    return folded[:_KEY_LENGTH].strip()


def username_key(username: str | None) -> str | None:
    """Of a username, with or without its @; None for none."""
    return (name_key(username.removeprefix("@")) or None) if username is not None else None


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in plain small letters."""
    words = re.findall(r"[a-z0-9]+", anyascii(name_key(text)).lower())
    return tuple(word[:_WORD_LENGTH] for word in words)


def person_words(name: str, username: str | None) -> frozenset[str]:
    """All words by which somebody is searched: also `apetrova`, as certificates often have it."""
    said = words_of(name)
    initial = {said[0][0] + said[-1]} if len(said) > 1 else set()
    return frozenset([*said, *initial, *words_of(username or "")][:MOST_WORDS])
