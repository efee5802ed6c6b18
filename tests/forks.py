"""The real `vpnbot` without its start: each command is forked from a process that has it imported.

Imports are most of a command's time, and the tests start more than a thousand. Everything else is
as it is for a person: a process of its own, with its own arguments, folder, environment, standard
files and accounts, that ends as any program ends. Where the start itself is looked at (what is
imported, what other programs see of it in /proc), a test runs the file `VPNBOT`.

`python -m tests.forks FD` is the process that forks. It gets an order for each command through a
socket, and answers with two lines: the process's id, then its exit status.
"""

import array
import asyncio
import atexit
import fcntl
import gc
import importlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

VPNBOT = str(Path(sys.executable).parent / "vpnbot")
_ROOT = Path(__file__).resolve().parents[1]
_ORDER_BYTES = 200_000
_HIGHEST_FILE = 1024
Files = tuple[int | IO[bytes], int | IO[bytes], int | IO[bytes]]


@dataclass
class Forked:
    """A command that was started, with what `asyncio.subprocess.Process` has of the same names."""

    pid: int
    _answers: socket.socket
    _code: int | None = None

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        if self._code is None:
            with suppress(BlockingIOError):
                self._note(self._answers.recv(100))
        return self._code

    async def wait(self) -> int:
        while (code := self.returncode) is None:
            self._note(await asyncio.get_running_loop().sock_recv(self._answers, 100))
        return code

    def send_signal(self, number: int) -> None:
        # Whoever forks reaps it, too: once it has ended its number may be another's.
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _note(self, line: bytes) -> None:
        assert line, "The process that forks has ended."
        self._code = int(line)
        self._answers.close()


def fork(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str],
    files: Files,
    at_terminal: bool = False,
) -> Forked:
    """Starts `vpnbot` with these arguments.

    Args:
        files: its standard input, output and error, as `subprocess` takes them; no pipes.
        at_terminal: whether standard input is the terminal of a session of its own.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    order = (("vpnbot", *arguments), str(cwd), dict(env), at_terminal)
    with theirs, Path(os.devnull).open("r+b") as nothing:
        numbers = (file if isinstance(file, int) else file.fileno() for file in files)
        given = (nothing.fileno() if n == subprocess.DEVNULL else n for n in numbers)
        descriptors = array.array("i", (*given, theirs.fileno()))
        _foundry().sendmsg(
            [json.dumps(order).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
        )
    pid = int(ours.recv(100))
    ours.setblocking(False)
    return Forked(pid, ours)


_foundries: list[socket.socket] = []


def _foundry() -> socket.socket:
    """Where the process takes orders that forks for all tests of this one."""
    if not _foundries:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                (sys.executable, "-m", "tests.forks", str(theirs.fileno())),
                cwd=_ROOT,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **_coverage_in(os.environ)},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        _foundries.append(ours)

        def end() -> None:
            ours.close()
            process.wait()

        atexit.register(end)
    return _foundries[0]


# --- in the process that forks


def import_all() -> None:
    """Also what a command imports only when it needs it."""
    for name in ("bot.run", "bot.showcase", "alembic.command", "rich.table"):
        importlib.import_module(name)
    importlib.import_module("storage.transaction").import_repositories()
    for command in importlib.import_module("bot.cli.program").COMMANDS:
        command.command()
    gc.collect()
    gc.freeze()


def _serve(orders: socket.socket) -> bool:
    """Forks for each order; True in each child, False once nobody gives orders any more."""
    running: dict[int, socket.socket] = {}
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([orders, woken], [], [])
        if woken in ready:
            woken.recv(1000)
            while running:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                with running.pop(pid) as answers:
                    _tell(answers, os.waitstatus_to_exitcode(status))
        if orders in ready:
            text, files, _, _ = socket.recv_fds(orders, _ORDER_BYTES, 4)
            if not text:
                # The tests are over, or were killed: nothing of theirs stays behind.
                for pid in running:
                    os.kill(pid, signal.SIGKILL)
                return False
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _become(files[:3], *json.loads(text))
                return True
            for descriptor in files[:3]:
                os.close(descriptor)
            running[pid] = socket.socket(fileno=files[3])
            _tell(running[pid], pid)


def _tell(answers: socket.socket, number: int) -> None:
    with suppress(OSError):  # the test may be over
        answers.send(str(number).encode())


def _become(
    files: list[int], words: list[str], folder: str, environment: dict[str, str], at_terminal: bool
) -> None:
    """Makes this process what it would be if somebody had typed the command."""
    for number, descriptor in enumerate(files):
        os.dup2(descriptor, number)
    os.closerange(len(files), _HIGHEST_FILE)
    if at_terminal:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if not _coverage_in(environment) and (measuring := _measuring()):
        measuring.stop()
    sys.argv[:] = words
    sys.stdin = _text(0, "r", "surrogateescape")
    sys.stdout = _text(1, "w", "surrogateescape")
    sys.stderr = _text(2, "w", "backslashreplace")


def _coverage_in(environment: Mapping[str, str]) -> dict[str, str]:
    """What makes a process measure its coverage; empty where nobody has asked for that."""
    return {name: value for name, value in environment.items() if name.startswith("COVERAGE_")}


def _measuring() -> Any:
    """What measures this process, or None; it goes on in whatever is forked from it."""
    coverage = sys.modules.get("coverage")
    return coverage and coverage.Coverage.current()


def _text(descriptor: int, mode: str, errors: str) -> io.TextIOWrapper:
    """As the interpreter makes a standard file in the locale C.UTF-8."""
    file = io.FileIO(descriptor, mode, closefd=False)
    return io.TextIOWrapper(
        io.BufferedReader(file) if mode == "r" else io.BufferedWriter(file),
        encoding="utf-8",
        errors=errors,
        line_buffering=descriptor == 2 or os.isatty(descriptor),
    )


def _end_quickly(status: int) -> None:
    """As the interpreter ends, but for all that was imported, which nobody has to take to pieces.

    That would be half of a short command's time.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # it waits for threads
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):  # of which the interpreter itself tells, further down
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    import_all()
    if measuring := _measuring():
        measuring.save()  # so that no child writes it down once more
    if _serve(socket.socket(fileno=int(sys.argv[1]))):
        from bot.cli.main import main

        status: Any = 0
        try:
            main()
        except SystemExit as ended:
            status = ended.code or 0
            if not isinstance(status, int):
                raise
        finally:
            # Threads that end while the process does are no thing to trace: it went round for ever.
            if measuring := _measuring():
                measuring.stop()
        _end_quickly(status)
