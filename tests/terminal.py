"""Somebody at a terminal: a pseudo-terminal, and what is typed there when a question comes."""

import asyncio
import os
import pty
import re
import termios
from asyncio.subprocess import Process
from collections.abc import Mapping
from dataclasses import dataclass

from tests.company import Company, launch
from tests.forks import Forked
from tests.hanging import PATIENCE_S

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Screen:
    """What was to be seen, without colours and movements."""

    code: int
    text: str


async def at_terminal(
    company: Company,
    *arguments: str,
    answers: tuple[tuple[str, str], ...] = (),
    columns: int = 80,
    settings: Mapping[str, str] | None = None,
) -> Screen:
    """Runs a command at a terminal of this width.

    Args:
        answers: (words of a question, what is typed then), in the order of the questions.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    try:
        process = await launch(
            (*company.program, *arguments),
            company.folder,
            {**company.environment, "TERM": "xterm", **(settings or {})},
            (theirs, theirs, theirs),
            # A session of its own: passphrases are asked for at its terminal, not at the tester's.
            at_terminal=True,
        )
    finally:
        os.close(theirs)
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await _watch(process, ours, answers)
    finally:
        os.close(ours)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _watch(
    process: Process | Forked, ours: int, answers: tuple[tuple[str, str], ...]
) -> Screen:
    text, asked_at = "", 0
    left = list(answers)
    while chunk := await asyncio.to_thread(_read, ours):
        text += chunk
        if left and left[0][0] in text[asked_at:]:
            asked_at = len(text)
            os.write(ours, f"{left.pop(0)[1]}\n".encode())
    assert not left, (text, left)
    return Screen(await process.wait(), _CONTROL.sub("", text))


def _read(ours: int) -> str:
    try:
        return os.read(ours, 65_536).decode()
    except OSError:  # how Linux says that nobody has the other side open any more
        return ""
