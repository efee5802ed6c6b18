"""Logging to standard error, with secrets kept out."""

import logging
import re
import sys
import threading
import traceback
from types import TracebackType

from storage.errors import passing_trouble

# A bot token, wherever it stands: in URLs of httpx, in errors of python-telegram-bot. No word
# boundary before it: in a URL it follows the letters "bot".
_TOKEN = re.compile(r"(?<![0-9])[0-9]{3,}(?::|%3[Aa])[A-Za-z0-9_-]{10,}")
# A private key block, or what is left of one in a cut line.
_PEM = re.compile(
    r"-----BEGIN [A-Za-z0-9 -]*(?:PRIVATE KEY|client key|server key)-----.*?"
    r"(?:-----END [A-Za-z0-9 -]*?-----|\Z)",
    re.DOTALL,
)
_HIDDEN = "[hidden]"


class RedactingFormatter(logging.Formatter):
    """Works on the finished line, so tracebacks and causes are covered, too."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class OneLineFormatter(logging.Formatter):
    """For whoever typed a command: what happened, without a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(record.getMessage())


def redact(text: str) -> str:
    """The text without tokens and private keys."""
    return _PEM.sub(_HIDDEN, _TOKEN.sub(_HIDDEN, text))


def log_failure(log: logging.Logger, what: str, error: Exception) -> None:
    """Logs what broke off: in one line where the cause may pass, else with its traceback."""
    trouble = passing_trouble(error)
    log.error("%s. %s", what, trouble or "", exc_info=None if trouble else error)


def set_up(*, level: int = logging.INFO) -> None:
    """Sends all logging to standard error, for the bot."""
    _send(level, RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))


def set_up_terminal() -> None:
    """What went wrong, one line each, for a command."""
    _send(logging.ERROR, OneLineFormatter())


def guard_crashes() -> None:
    """What nobody expected is told without secrets, too: in the program, a thread, a destructor.

    Python itself would print exceptions and warnings past the logs, as they are.
    """
    sys.excepthook = _tell_crash
    threading.excepthook = lambda crash: _tell_crash(
        crash.exc_type, crash.exc_value, crash.exc_traceback
    )
    sys.unraisablehook = lambda crash: _tell_crash(
        crash.exc_type, crash.exc_value, crash.exc_traceback
    )
    logging.captureWarnings(capture=True)


def _tell_crash(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if not issubclass(kind, SystemExit):  # a thread may end so
        lines = traceback.format_exception(kind, error, trace)
        sys.stderr.write(redact("".join(lines)))


def _send(level: int, formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # At INFO it logs every URL, and the token is in every URL.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
