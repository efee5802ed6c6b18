"""Child processes whose output is collected while they run, and that are ended by their own id."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from demo.changes import Signal

_PATIENCE_S = 30


class Child:
    """One child process; its standard output and error are read line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: list[str] = []
        self._changed = Signal()
        self._reading = asyncio.create_task(self._read())
        # Called with each line as it comes.
        self.on_line: Callable[[str], None] = lambda _line: None

    @classmethod
    async def start(
        cls,
        *command: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> "Child":
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    @property
    def log(self) -> str:
        return "\n".join(self._lines)

    def tail(self, lines: int = 3) -> str:
        """The last lines on one line."""
        return " | ".join(self._lines[-lines:])

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            text = line.decode(errors="replace").rstrip()
            self._lines.append(text)
            self.on_line(text)
            self._changed.notify()
        await self._process.wait()
        self._changed.notify()

    async def write(self, text: str, *, last: bool = False) -> None:
        """To its standard input; a process that has just died is found out by its end."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(text.encode())
            await stdin.drain()
        except ConnectionError:
            return
        if last:
            stdin.close()

    async def waits_for(self, found: Callable[[], bool], seconds: float) -> bool:
        """Until `found`, the end of the process, or `seconds`; gives what `found` says then."""
        await self._changed.until(lambda: found() or self._reading.done(), seconds)
        return found()

    async def ended(self, seconds: float) -> bool:
        """Waits for its end, `seconds` at most."""
        await self.waits_for(lambda: not self.running, seconds)
        return not self.running

    async def end(self, *, patience_s: float = _PATIENCE_S) -> None:
        """SIGTERM, and SIGKILL if it has not ended soon after; all it said is read."""
        if self.running:
            self._process.terminate()
        if not await self.ended(patience_s):
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._reading
