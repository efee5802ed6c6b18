"""`python -m tests.bench.tap`: how much of the program one tap on Approve walks through.

Counted are our functions, their calls and their files, in the real process, from the answer of
getUpdates that holds the tap to the call of sendDocument: all that runs meanwhile, whatever it is
for. On a busy machine cards are edited in that time, too, so the smallest round is what the tap
needs; `--list` names its functions, file by file.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.bench import traced
from tests.bench.acts import document_after_approval
from tests.company import company_with_stand_in

_ROUNDS = 5


@dataclass(frozen=True)
class Walk:
    """One tap.

    Attributes:
        depth: the most of our functions that stood above each other when a new one was entered.
        functions: file, name and number of calls of each.
    """

    depth: int
    functions: Sequence[tuple[str, str, int]]

    @property
    def files(self) -> Counter[str]:
        return Counter(file for file, _, _ in self.functions)

    @property
    def calls(self) -> int:
        return sum(calls for _, _, calls in self.functions)


async def _walks(folder: Path, rounds: int) -> list[Walk]:
    report = folder / "walks"
    async with company_with_stand_in(folder) as (company, _):
        # `-P`: the modules beside that program are no part of it.
        await company.start(sys.executable, "-P", traced.__file__, str(report), "run")
        for number in range(rounds + 1):
            await document_after_approval(company, (company.boris, company.clara)[number % 2])
    # The first one opens keys and fills caches, and does not count.
    return [Walk(**json.loads(line)) for line in report.read_text().splitlines()][1:]


def _table(walks: Sequence[Walk]) -> str:
    rows = {
        "functions": [len(walk.functions) for walk in walks],
        "files": [len(walk.files) for walk in walks],
        "calls": [walk.calls for walk in walks],
        "depth": [walk.depth for walk in walks],
    }
    head = f"{'':12}{'median':>8}{'min':>8}{'max':>8}"
    lines = [
        f"{name:12}{statistics.median(values):8.0f}{min(values):8}{max(values):8}"
        for name, values in rows.items()
    ]
    return "\n".join((head, *lines))


def _listing(walk: Walk) -> str:
    lines: list[str] = []
    for file, functions in groupby(sorted(walk.functions), key=lambda function: function[0]):
        names = [f"  {calls:4}  {name}" for _, name, calls in functions]
        lines += [f"{file} ({len(names)})", *names]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="What one tap on Approve walks through.")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--list", action="store_true", help="each function of the smallest round")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="vpnbot-tap-"))
    try:
        walks = asyncio.run(_walks(folder, options.rounds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(_table(walks))
    if options.list:
        print()
        print(_listing(min(walks, key=lambda walk: len(walk.functions))))


if __name__ == "__main__":
    main()
