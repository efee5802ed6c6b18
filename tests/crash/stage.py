"""A company whose bot dies on the way, and is started again as systemd would do it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from demo.lab.stand_in import StandIn
from demo.people import DemoPerson
from demo.testing import DemoMessage, GroupChat, PersonChat
from tests.company import Company, Ran, company_with_stand_in, until
from tests.forks import VPNBOT

ROOT = Path(__file__).resolve().parents[2]
# Under coverage every start takes twice as long, and a killed process writes none.
_UNCOVERED = ("env", "-u", "COVERAGE_PROCESS_START", "-u", "COVERAGE_PROCESS_CONFIG")
RUNNER = (*_UNCOVERED, sys.executable, "-m", "tests.crash.runner")
PLAIN = (*_UNCOVERED, VPNBOT)
_FIRST_GUEST = 50_000
_SETTLED = """
    SELECT (SELECT count(*) FROM inbox WHERE state = 'new')
         + (SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending'))
         + (SELECT count(*) FROM grants WHERE state IN ('reserved', 'issued', 'revoking'))
         + (SELECT count(*) FROM grants WHERE pause = 'pausing')
         + (SELECT count(*) FROM grant_places JOIN grants ON id = grant_id
             WHERE state = 'active' AND pause IS NULL AND waiting_since IS NOT NULL)
"""


@dataclass
class Stage:
    """The company, its stand-in server, and what happened to its bot."""

    company: Company
    server: StandIn
    # The one that the settings name.
    group: GroupChat
    _guests: "count[int]" = field(default_factory=count)

    @property
    def steps(self) -> list[str]:
        """What the runner wrote down: `armed`, the steps from there on, `killed`."""
        return (self.company.folder / "steps").read_text().splitlines()

    @property
    def deaths(self) -> int:
        return self.steps.count("killed")

    def new_guest(self) -> PersonChat:
        """Every round has people of its own, so that what one leaves behind spoils no other."""
        number = next(self._guests)
        name = f"Guest{number:03}"
        person = DemoPerson(_FIRST_GUEST + number, name, name.lower(), "Employee", started=True)
        return self.company.telegram.joins(person)

    @property
    def is_forked(self) -> bool:
        """Whether the bot is a child of the runner, which starts it again by itself."""
        return self.company.program == RUNNER

    def kill_now(self) -> bool:
        """At this instant, wherever the bot is; False where there is none for a moment."""
        assert self.company.bot is not None
        children = _children(self.company.bot.pid)
        for child in children:
            os.kill(child, signal.SIGKILL)
        return bool(children)

    async def kill_forked(self) -> None:
        """Also where it has died just now, and the next one isn't there yet."""
        before = self.deaths
        await self._until(self.kill_now)
        await self._until(lambda: self.deaths > before)

    async def hire(self) -> PersonChat:
        """Somebody new on the allowlist. The bot must run."""
        chat = self.new_guest()
        await self.company.boris.says(f"/allow {chat.person.id} {chat.person.first_name}")
        await chat.hears("on the list now")
        await self.settle()
        return chat

    async def arm(self, *plan: int) -> None:
        """The bot dies at this step from now on, the next one at the second number, and so on."""
        assert self.company.bot is not None
        (self.company.folder / "plan").write_text(" ".join(map(str, plan)))
        before = len(self.steps)
        self.company.bot.send_signal(signal.SIGUSR1)
        await self._until(lambda: "armed" in "".join(self.steps[before:]))

    async def play(self, story: Coroutine[Any, Any, None], *plan: int) -> list[str]:
        """Plays a story with a bot that dies as planned; gives its steps.

        The people go on as if nothing had happened: for them the bot was slow.
        """
        begin = len(self.steps)
        await self.arm(*plan)
        await story
        await self.settle()
        steps = self.steps[begin:]
        await self.arm(0)
        await self.settle()
        return steps

    async def settle(self) -> None:
        """Waits until the bot has nothing left to do."""
        await self._until(self._is_settled)

    def _is_settled(self) -> bool:
        # What Telegram has been asked for is in the inbox before the queue is empty.
        return not self.company.telegram.world.updates and self.company.query(_SETTLED) == [(0,)]

    async def _until(self, condition: Callable[[], object]) -> None:
        bot = self.company.bot
        await until(
            lambda: (bot is not None and bot.returncode is not None) or condition(),
        )
        assert bot is None or bot.returncode is None, self.company.log

    async def hears(self, who: PersonChat, words: str) -> DemoMessage:
        """With patience for a restart in between."""
        return await who.hears(words)

    async def button(self, who: PersonChat, words: str, button: str) -> DemoMessage:
        """The next message with these words and this button; an earlier one may have lost it."""
        while True:
            message = await self.hears(who, words)
            if message.button(button):
                return message

    @asynccontextmanager
    async def commands(self, **extra: str) -> AsyncIterator["Commands"]:
        """Somebody at the terminal, with settings of their own besides."""
        process = await asyncio.create_subprocess_exec(
            *RUNNER,
            cwd=self.company.folder,
            env=self.company.environment | extra,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            yield Commands(process, self.company.folder / f"printed-{process.pid}")
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


def _children(process: int) -> list[int]:
    """By /proc/[pid]/task/[tid]/children, see proc(5)."""
    return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


@dataclass
class Commands:
    """Runs commands, each in a new process, one after the other."""

    process: asyncio.subprocess.Process
    printed: Path

    def kill_now(self) -> None:
        """The command that runs, at this instant."""
        for child in _children(self.process.pid):
            os.kill(child, signal.SIGKILL)

    async def run(self, *words: str, dies_at: int = 0) -> Ran:
        """Both outputs are in `out`. The status is 0 where the command has fewer steps."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = json.dumps([dies_at, str(self.printed), *words])
        self.process.stdin.write(f"{order}\n".encode())
        code = int(await self.process.stdout.readline())
        return Ran(code, self.printed.read_text(), "")


@asynccontextmanager
async def open_stage(
    folder: Path, *, program: tuple[str, ...] = RUNNER, seams: str = "", **extra: str
) -> AsyncIterator[Stage]:
    """A furnished company with a running bot, in a folder that is there.

    Args:
        extra: settings besides.
    """
    async with company_with_stand_in(folder) as (company, server):
        yield await begin(company, server, program=program, seams=seams, **extra)


async def begin(
    company: Company,
    server: StandIn,
    *,
    program: tuple[str, ...] = RUNNER,
    seams: str = "",
    **extra: str,
) -> Stage:
    """A stage for a furnished company, whose bot is started."""
    folder = company.folder
    company.program = program
    group = company.telegram.add_group("Admins", [])
    company.extra |= extra | {
        "PYTHONPATH": str(ROOT),
        "CRASH_PLAN": str(folder / "plan"),
        "CRASH_STEPS": str(folder / "steps"),
        "CRASH_SEAMS": seams,
        # Whatever is left there is looked at, too.
        "TMPDIR": str(folder / "tmp"),
        "VPNBOT_ADMIN_GROUP": str(group.id),
    }
    (folder / "tmp").mkdir(mode=0o700)
    for name in ("plan", "steps"):
        (folder / name).touch()
    await company.start(*program, "run")
    stage = Stage(company, server, group)
    await stage.settle()
    return stage
