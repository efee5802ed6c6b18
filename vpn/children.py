"""What a program that is started here gets of our environment."""

import os
from collections.abc import Sequence

# What it takes to find programs and files, and to speak a language. Not a setting of whoever uses
# this library: it may hold a passphrase, and any account can read a child's that runs as it.
_NAMES = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"})


def child_environment(*, keep: Sequence[str] = ()) -> dict[str, str]:
    """The environment for a child process.

    Args:
        keep: beginnings of further names that it needs.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _NAMES or name.startswith(tuple(keep))
    }
