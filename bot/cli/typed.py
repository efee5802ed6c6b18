"""What somebody types in answer to a question."""

import getpass
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from bot.shown import one_line


def typed(question: str, *, hidden: bool = False) -> str:
    """A line from the terminal.

    Raises:
        KeyboardInterrupt: they left, by Ctrl-C or Ctrl-D.
    """
    shown = one_line(question)
    try:
        with _interrupted_at_once():
            return getpass.getpass(shown) if hidden else input(shown)
    except (EOFError, KeyboardInterrupt):
        print(flush=True)  # what is said of it does not stand behind the question
        raise KeyboardInterrupt from None


@contextmanager
def _interrupted_at_once() -> Iterator[None]:
    """In a running loop the first Ctrl-C only cancels what waits, and a question would go on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
