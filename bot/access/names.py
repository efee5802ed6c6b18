"""Names: of people as they are shown, and of certificates as OpenVPN needs them."""

import re

from anyascii import anyascii

from storage.name_keys import seen

NAME_LENGTH = 64
REASON_LENGTH = 200
_SLUG_LENGTH = 40


def clean(text: str, length: int) -> str:
    """One line without control or invisible direction characters, cut to length.

    What would show as nothing at all is empty.
    """
    line = seen(text)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def common_name(name: str, code: str) -> str:
    """A name for a certificate: a file name and a management argument at once.

    Transliterated into [a-z0-9-], for example `anna-petrova-k7f3qz2m`. The code makes it unique
    for ever; the rest is for the eye of whoever reads the server's log.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", anyascii(name).lower()).strip("-")
    slug = slug[:_SLUG_LENGTH].strip("-")
    return f"{slug or 'user'}-{code}"
