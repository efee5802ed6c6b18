"""The real `vpnbot`, killed at a chosen step: `python -m tests.crash.runner run`.

Nothing of the program is changed. Its steps are seen where the interpreter and the libraries show
them to anybody: audit hooks (PEP 578) for files and sockets, SQLite's trace for commits, and the
debug log of httpcore for calls to Telegram. The steps are numbered; at the chosen one the process
kills itself with SIGKILL, before the step is done.

`run` is started again whenever it was killed, as systemd would do it. It is forked, as the commands
are, from a process that has imported everything already, since that is most of the time of a start.

CRASH_PLAN names a file with numbers: the step at which the process dies, then the one at which the
next process dies, counted from its start, and so on. Whoever changes the file sends SIGUSR1; the
counting begins then. CRASH_STEPS names a file that gets a line for each counted step.
CRASH_SEAMS=all counts steps, too, that change nothing which the step before has not changed.

Without an argument it runs commands, each in a process of its own. A line of standard input is a
JSON list: the step at which the command dies (0: it does not), a file for what it prints, and the
command's words. Its exit status comes back as a line.
"""

import itertools
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import Pool, event

from bot.cli.main import main
from tests.forks import import_all

# These leave something behind, or ask somebody else for something.
LEAN = frozenset({"commit", "send", "sent", "rename", "remove", "mkdir", "create", "connect"})
_WRITING = os.O_WRONLY | os.O_RDWR
_PASSED_ON = (signal.SIGTERM, signal.SIGUSR1)
# The bot polls past the client, so its calls are those that the client does not announce.
_POLL = "getUpdates"
_endpoint: ContextVar[str] = ContextVar("endpoint", default=_POLL)


class Steps:
    """Counts, writes down, and kills."""

    def __init__(self, log: int, kinds: frozenset[str] | None) -> None:
        self._log = log
        self._kinds = kinds
        self._numbers = itertools.count(1)
        self._last = 0
        self._counting = False

    def arm(self, last: int) -> None:
        """Counts from here on, and kills at the step `last`; 0: counts no more."""
        self._counting, self._numbers, self._last = False, itertools.count(1), last
        self.write(f"armed {last}")
        self._counting = last > 0

    def step(self, kind: str, what: str = "") -> None:
        if not self._counting or (self._kinds is not None and kind not in self._kinds):
            return
        number = next(self._numbers)
        self.write(f"{number} {kind} {what}".rstrip())
        if number == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def write(self, line: str) -> None:
        os.write(self._log, f"{line}\n".encode())


def watch_system(steps: Steps) -> None:
    """Files and sockets; a hook cannot be taken away again."""
    seen: dict[str, Callable[..., None]] = {
        "os.rename": lambda _source, target, *_: steps.step("rename", _name(target)),
        "os.remove": lambda path, *_: steps.step("remove", _name(path)),
        "os.mkdir": lambda path, *_: steps.step("mkdir", _name(path)),
        "os.chmod": lambda path, *_: steps.step("chmod", _name(path)),
        "os.utime": lambda path, *_: steps.step("utime", _name(path)),
        "open": lambda path, _mode, flags: _opened(steps, path, flags),
        "socket.connect": lambda _socket, address: _connected(steps, address),
    }

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        if (watcher := seen.get(name)) and not _is_compiled(arguments):
            watcher(*arguments)

    sys.addaudithook(hook)


def watch_database(steps: Steps) -> None:
    """Right before each commit, and before whatever is asked after it."""

    def on_connect(connection: Any, _record: Any) -> None:
        connection.set_trace_callback(Traced(steps))

    event.listen(Pool, "connect", on_connect)


class Traced:
    """Told of each statement of a connection before it is carried out."""

    _committed: ClassVar[str | None] = None  # by whichever connection of the process

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._changes: list[str] = []

    def __call__(self, statement: str) -> None:
        done, Traced._committed = Traced._committed, None
        if done is not None:
            self._steps.step("committed", done)
        words = statement.split(None, 3)
        if words[0] in {"INSERT", "UPDATE", "DELETE"}:
            table = words[1] if words[0] == "UPDATE" else words[2]
            self._changes.append(f"{words[0].lower()} {table}")
        elif words[0] in {"BEGIN", "ROLLBACK"}:
            self._changes.clear()
        elif words[0] == "COMMIT":
            done = ", ".join(dict.fromkeys(self._changes))
            self._steps.step("commit", done)
            Traced._committed = done


class Listener(logging.Handler):
    """Hears what a library logs, and passes nothing on."""

    def __init__(self, logger: str, hear: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._hear = hear
        source = logging.getLogger(logger)
        source.setLevel(logging.DEBUG)
        source.propagate = False
        source.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._hear(record)


def watch_telegram(steps: Steps) -> None:
    """Before a call, when it is on its way, and when its answer begins."""
    moments = {
        "send_request_headers.started": "send",
        "send_request_body.complete": "sent",
        "receive_response_headers.complete": "answered",
    }

    def on_call(record: logging.LogRecord) -> None:
        if record.msg.startswith("Calling") and isinstance(record.args, tuple):
            _endpoint.set(str(record.args[0]))
        elif record.msg.startswith("Call to"):
            _endpoint.set(_POLL)

    def on_traffic(record: logging.LogRecord) -> None:
        moment = record.msg.partition(" ")[0]
        if moment in moments:
            steps.step(moments[moment], _endpoint.get())

    Listener("telegram.Bot", on_call)
    Listener("httpcore.http11", on_traffic)


def _opened(steps: Steps, path: Any, flags: int) -> None:
    if isinstance(path, int) or not flags & _WRITING:
        return
    name = _name(path)
    if not name.endswith(".lock") and not str(path).startswith("/dev/"):
        steps.step("create", name)


def _connected(steps: Steps, address: Any) -> None:
    if isinstance(address, (str, bytes)):  # a unix socket: the management interface
        steps.step("connect", _name(address))


def _is_compiled(arguments: tuple[Any, ...]) -> bool:
    return any(isinstance(each, (str, bytes)) and ".pyc" in _text(each) for each in arguments)


def _name(path: Any) -> str:
    return str(path) if isinstance(path, int) else Path(_text(path)).name


def _text(path: Any) -> str:
    return os.fsdecode(path)


def keep_running(steps: Steps, plan: Path) -> int:
    """Runs the bot until it ends by itself or by SIGTERM; gives its exit status."""
    # Imported only by `vpnbot run`, when it runs.
    import bot.run  # noqa: F401

    is_again = False
    while True:
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        child = os.fork()
        if child == 0:
            _serve(steps, plan, is_again=is_again)
            return 0
        heard = _pass_on(child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        # It is not reaped before the signals are blocked, so they never hit somebody else.
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != -signal.SIGKILL or signal.SIGTERM in heard:
            return max(code, 0)
        plan.write_text(plan.read_text().partition(" ")[2])
        steps.write("killed")
        is_again = True


def _pass_on(child: int) -> set[int]:
    """Hands signals on to the bot; gives those that came, as they come."""
    heard: set[int] = set()

    def hand_on(number: int, _frame: object) -> None:
        heard.add(number)
        os.kill(child, number)

    for number in _PASSED_ON:
        signal.signal(number, hand_on)
    return heard


def _serve(steps: Steps, plan: Path, *, is_again: bool) -> None:
    def arm(*_: object) -> None:
        steps.arm(int(plan.read_text().partition(" ")[0] or 0))

    if is_again:
        arm()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGUSR1, arm)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    main()


def obey(steps: Steps) -> int:
    """Runs a command for each line, one after the other."""
    import_all()
    for line in sys.stdin:
        at, printed, *words = json.loads(line)
        child = os.fork()
        if child == 0:
            output = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            for standard in (1, 2):
                os.dup2(output, standard)
            sys.argv[1:] = words
            steps.arm(at)
            main()
            return 0
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return 0


def _run() -> int:
    log = os.open(os.environ["CRASH_STEPS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    steps = Steps(log, None if os.environ.get("CRASH_SEAMS") == "all" else LEAN)
    watch_system(steps)
    watch_database(steps)
    watch_telegram(steps)
    if sys.argv[1:] == ["run"]:
        return keep_running(steps, Path(os.environ["CRASH_PLAN"]))
    return obey(steps)


if __name__ == "__main__":
    sys.exit(_run())
