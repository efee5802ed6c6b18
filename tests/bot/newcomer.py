"""Somebody who sets a system up: with flags, or at a terminal."""

import asyncio
import os
import pty
from dataclasses import dataclass, field
from pathlib import Path

from bot.process.env_file import env_values
from demo.people import DemoPerson
from tests.company import Ran, _free_port, launch, measured, run, until
from tests.forks import VPNBOT
from tests.hanging import PATIENCE_S

ADMIN = DemoPerson(2001, "Boris", "boris", "Admin", started=True)


@dataclass
class Newcomer:
    """Somebody in an empty folder, with a token and a passphrase in files next to it."""

    home: Path
    keep: Path
    url: str
    port: int = field(default_factory=_free_port)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.keep),
            "LANG": "C.UTF-8",
            "VPNBOT_TELEGRAM_API_URL": self.url,
        }

    @property
    def flags(self) -> dict[str, str]:
        return {
            "--token-file": str(self.keep / "token"),
            "--admin": str(ADMIN.id),
            "--server": "office",
            "--remote": f"127.0.0.1:{self.port}/udp",
            "--directory": str(self.keep / "office"),
            "--passphrase-file": str(self.keep / "passphrase"),
        }

    async def vpnbot(self, *arguments: str, **extra: str) -> Ran:
        return await run(
            [VPNBOT, *arguments], self.home, self.environment | measured(*arguments) | extra
        )

    async def init(self, *without: str, **changed: str) -> Ran:
        """Unattended; a flag is changed by its name with underscores."""
        flags = self.flags | {f"--{name.replace('_', '-')}": v for name, v in changed.items()}
        given = [part for flag in flags.items() if flag[0] not in without for part in flag]
        return await self.vpnbot("init", *given, "--yes")

    def refuses(self, ran: Ran, *words: str) -> None:
        """It says why in one line, and makes nothing."""
        assert ran.code == 1, ran
        assert ran.err.count("\n") == 1, ran
        for word in words:
            assert word in ran.err, ran
        assert self.made == []

    @property
    def made(self) -> list[str]:
        """All that there is in the folder, and the server's."""
        return sorted(path.name for path in (*self.home.iterdir(), *self.keep.glob("office")))

    @property
    def env(self) -> dict[str, str]:
        return env_values((self.home / ".env").read_text())


class Terminal:
    """Somebody who reads what is asked, and types."""

    def __init__(self, newcomer: Newcomer, *arguments: str, command: str = "init") -> None:
        self._newcomer = newcomer
        self._arguments = (command, *arguments)
        self._seen = ""
        self._changed = asyncio.Event()
        self.said = ""

    async def __aenter__(self) -> "Terminal":
        self._master, slave = pty.openpty()
        # A hidden question is asked at the terminal of the session.
        self._process = await launch(
            (VPNBOT, *self._arguments),
            self._newcomer.home,
            self._newcomer.environment,
            (slave, slave, slave),
            at_terminal=True,
        )
        os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        os.close(self._master)

    def _read(self) -> None:
        try:
            text = os.read(self._master, 65536).decode()
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._master)
            return
        self._seen += text
        self.said += text
        self._changed.set()

    async def answers(self, question: str, answer: str) -> None:
        """Types once the question has been asked; what came before it is read."""
        async with asyncio.timeout(PATIENCE_S):
            while question not in self._seen:
                assert self._process.returncode is None, self.said
                self._changed.clear()
                await self._changed.wait()
        self._seen = self._seen.partition(question)[2]
        os.write(self._master, answer.encode())

    async def leaves(self, question: str, key: str) -> int:
        """Presses a key that ends it, once it waits for the answer: as people do.

        Python loses an interrupt that comes after the question and before it begins to read.
        """
        await self.answers(question, "")
        await until(self._sleeps)
        os.write(self._master, key.encode())
        return await self.ends()

    def _sleeps(self) -> bool:
        """See proc_pid_stat(5): the state is what follows the name."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "S"

    async def ends(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            code = await self._process.wait()
        await asyncio.sleep(0)
        self._read()
        return code
