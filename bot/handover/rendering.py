"""Has templates rendered by a process of their own, see `bot.handover.renderer`."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from bot.errors import BadTemplate
from vpn.host.local import child_environment

_MODULE = "bot.handover.renderer"
# Where its modules are; and what measures the tests wants to measure it, too.
_OF_PYTHON = ("PYTHON", "COVERAGE_")
# The process has two seconds of a processor for itself; the rest is for a machine that is busy.
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Job:
    """A template and its fields: `file` is relative to the folder."""

    file: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text, and for each of its lines the template's line that it comes from, where known."""

    text: str
    lines: tuple[int, ...]

    def source_line(self, line: int | None) -> int | None:
        """The template's line behind a line of the text; both count from 1."""
        if line is None or not 1 <= line <= len(self.lines):
            return None
        return self.lines[line - 1]


async def render_all(folder: Path, jobs: Sequence[Job]) -> list[Rendered]:
    """Renders all of them.

    Raises:
        BadTemplate: for the first that cannot be rendered.
    """
    if not jobs:
        return []
    order = {
        "folder": str(folder),
        "jobs": [{"file": job.file, "fields": job.fields} for job in jobs],
    }
    answer = await _ask(folder, json.dumps(order).encode())
    if "changeable" in answer:
        raise changeable_by_others(Path(answer["changeable"]))
    if "problem" in answer:
        raise refusal(folder, answer["file"], answer["problem"], line=answer["line"])
    return [Rendered(each["text"], tuple(each["lines"])) for each in answer["done"]]


def refusal(folder: Path, file: str, problem: str, *, line: int | None = None) -> BadTemplate:
    """The error that names the file, the line where it is known, and how to mend it."""
    place = quote(str(folder / file))
    place = place if line is None else f"{place}, line {line}"
    return BadTemplate(
        _printable(f"{place}: {problem.rstrip('.')}; mend it, see docs/templates.md.")
    )


def changeable_by_others(path: Path) -> BadTemplate:
    """The error that says how to take that right away."""
    return BadTemplate(_printable(f"Others can change {path}; run: chmod o-w {quote(str(path))}"))


def _printable(text: str) -> str:
    r"""The same, with \n and the like for what no terminal can show, or no UTF-8 can hold."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


async def _ask(folder: Path, order: bytes) -> Any:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        # Nothing is imported from the folder where the command was typed.
        *("-P", "-m", _MODULE),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # The settings, which may hold secrets, stay here.
        env=child_environment(keep=_OF_PYTHON),
        # The real ids, too: where root started this, they would let the process become root.
        user=os.geteuid(),
        group=os.getegid(),
    )
    try:
        answer, _ = await asyncio.wait_for(process.communicate(order), _PATIENCE_S)
    except TimeoutError:
        answer = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise BadTemplate(
            f"The templates in {quote(str(folder))} take too long or too much memory; see "
            "docs/templates.md."
        )
    return json.loads(answer)
