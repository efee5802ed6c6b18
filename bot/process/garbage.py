"""Python's search for garbage, kept away from what is none.

What is imported stays until the end. Python looks through all of it again and again while more
comes, and once more as the process ends: together that was a third of what a listing took.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_USUAL = gc.get_threshold()
# So many objects more than before, some tens of megabytes, and it is time to look.
_SELDOM = 200_000


@contextmanager
def seldom_looked_for() -> Iterator[None]:
    """For a command, from its imports to its end."""
    gc.set_threshold(_SELDOM, *_USUAL[1:])
    try:
        yield
    finally:
        gc.freeze()


def looked_for_as_usual() -> None:
    """For what runs on: from here on as ever, but for all that is there by now."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
