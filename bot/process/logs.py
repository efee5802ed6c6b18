"""Logging to standard error, with secrets kept out."""

import io
import logging
import re
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

from bot.shown import one_line
from storage.errors import passing_trouble

# A bot token, wherever it stands: in URLs of httpx, in errors of python-telegram-bot. No word
# boundary before it: in a URL it follows the letters "bot". A host key's fingerprint is none.
_TOKEN = re.compile(r"(?<![0-9])(?!(?<=SHA)256:)[0-9]{3,}(?::|%3[Aa])[A-Za-z0-9_-]{10,}")
# A private key block, or what is left of one in a cut line.
_PEM = re.compile(
    r"-----BEGIN [A-Za-z0-9 -]*(?:PRIVATE KEY|client key|server key)-----.*?"
    r"(?:-----END [A-Za-z0-9 -]*?-----|\Z)",
    re.DOTALL,
)
# User and password in a URL: a proxy's, a database's.
_CREDENTIALS = re.compile(r"(?<=://)[^\s/?#@]*:[^\s/?#]*(?=@)")
_HIDDEN = "[hidden]"


class RedactingFormatter(logging.Formatter):
    """Strikes secrets out, of tracebacks and causes, too; nothing foreign begins a line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own
        record.message = one_line(redact(record.message))
        return redact(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own
        return _trace(*ei)


class OneLineFormatter(logging.Formatter):
    """For whoever typed a command: what happened, without a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(redact(record.getMessage()))


def _trace(
    kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> str:
    """A traceback as Python prints it, but what an exception says begins no line of its own."""
    lines = []
    for entry in traceback.format_exception(kind, error, trace):
        first, *rest = redact(entry).removesuffix("\n").split("\n")
        is_text = bool(first) and not first.startswith(" ")
        lines += [first, *(f"  {line}" if is_text else line for line in rest)]
    return "\n".join(map(one_line, lines))


def redact(text: str) -> str:
    """The text without tokens, private keys, and passwords in URLs."""
    for secret in (_TOKEN, _PEM, _CREDENTIALS):
        text = secret.sub(_HIDDEN, text)
    return text


def log_failure(log: logging.Logger, what: str, error: Exception) -> None:
    """Logs what broke off: in one line where the cause may pass, else with its traceback."""
    trouble = passing_trouble(error)
    log.error("%s. %s", what, trouble or "", exc_info=None if trouble else error)


def set_up(*, level: int = logging.INFO) -> None:
    """Sends all logging to standard error, for the bot."""
    _send(level, RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))


def set_up_terminal() -> None:
    """What went wrong, one line each, for a command.

    What a name has that the terminal's encoding lacks is shown as an escape, there and elsewhere.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _send(logging.ERROR, OneLineFormatter())


def guard_crashes() -> None:
    """What nobody expected is told without secrets, too: in the program, a thread, a destructor.

    Python itself would print exceptions and warnings past the logs, as they are.
    """

    def tell(crash: Any) -> None:
        _tell_crash(crash.exc_type, crash.exc_value, crash.exc_traceback)

    sys.excepthook = _tell_crash
    threading.excepthook = sys.unraisablehook = tell
    logging.captureWarnings(capture=True)


def _tell_crash(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if not issubclass(kind, SystemExit):  # a thread may end so
        sys.stderr.write(f"{_trace(kind, error, trace)}\n")


def _send(level: int, formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # At INFO it logs every URL, and the token is in every URL.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
