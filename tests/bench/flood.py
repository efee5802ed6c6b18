"""A flood of strangers: how fast it is worked off, and how long a known person waits in it.

The look-alike runs in the bench's process, the bot and what stands beside it in processes of their
own. A wait begins when the look-alike hands the update out, and ends when the answer comes in.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from demo.people import Json
from demo.server import DemoServer
from tests.company import BORIS, CLARA, CROWD, PEOPLE, TOKEN, Company, company_with_stand_in, until
from tests.flood import flood
from tests.gate import updates

FLOOD = 10_000
_KIB = 1024
_ALONE = 2
_PATIENCE_S = 600.0
_ADMINS = (BORIS.id, CLARA.id)
_NEW = "SELECT count(*) FROM inbox WHERE state = 'new'"


@dataclass
class Handed:
    """When each update was handed out for the first time, by its number."""

    telegram: DemoServer
    at: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        queue = self.telegram.world.updates
        batch = queue.batch

        def noted(limit: int) -> list[Json]:
            given = batch(limit)
            now = time.time()
            for update in given:
                self.at.setdefault(update["update_id"], now)
            return given

        queue.batch = noted  # type: ignore[method-assign]


async def stock_rate(number: int) -> float:
    """Updates in a second of python-telegram-bot's own polling.

    What nobody can read is left out of the floods here: it would never get beyond that.
    """
    async with DemoServer(TOKEN, ()) as telegram:
        handed = Handed(telegram)
        for update in flood(number, odd=False):
            telegram.inject(update)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.stock", telegram.url, TOKEN, str(number)),
            env=dict(os.environ),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        assert await process.stdout.readline() == b"done\n"
        ended = time.time()
        await process.wait()
        return number / (ended - min(handed.at.values()))


@dataclass
class Flooded:
    """What was measured of the bot: updates in a second, seconds, KiB."""

    rates: list[float] = field(default_factory=list)
    revoked: list[float] = field(default_factory=list)
    revoked_in_quiet: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    asked_in_quiet: list[float] = field(default_factory=list)
    grown: float = 0.0


async def flooded(folder: Path, number: int = FLOOD) -> Flooded:
    """Floods of strangers, with an admin's /revoke or a member's /requestvpn in each part of them.

    Everybody of the crowd has access, and asks for more: half of them in a flood, half in quiet.
    """
    measured = Flooded()
    async with company_with_stand_in(folder, people=(*PEOPLE, *CROWD)) as (company, _server):
        for person in CROWD:
            await company.done("user", "allow", str(person.id), "--name", person.first_name)
            output = str(folder / f"{person.id}.ovpn")
            await company.done("grant", "issue", str(person.id), "--output", output)
        await company.start()
        await _worked_off(company)
        handed = Handed(company.telegram)
        before = _size(company)
        # In the first one many strangers are answered, and refusals noted.
        measured.rates = [await _alone(company, handed, number) for _ in range(_ALONE)]
        measured.grown = (_size(company) - before) / _KIB
        half = len(CROWD) // 2
        revoke = [(_ADMINS[i % 2], f"/revoke {who.first_name}") for i, who in enumerate(CROWD)]
        ask = [(who.id, "/requestvpn") for who in CROWD]
        waits = partial(_waits, company, handed)
        measured.revoked = await waits(number, revoke[:half], "Revoked")
        measured.revoked_in_quiet = await waits(0, revoke[half:], "Revoked")
        measured.asked = await waits(number, ask[:half], "waits for the admins")
        measured.asked_in_quiet = await waits(0, ask[half:], "waits for the admins")
    return measured


async def _alone(company: Company, handed: Handed, number: int) -> float:
    """Nobody but strangers: updates in a second."""
    handed.at.clear()
    for update in flood(number, odd=False):
        company.telegram.inject(update)
    await _worked_off(company)
    return number / (time.time() - min(handed.at.values()))


async def _waits(
    company: Company, handed: Handed, number: int, words: Sequence[tuple[int, str]], answer: str
) -> list[float]:
    """How long each waits for the answer, from when its words were handed out.

    Each is said once the one before is answered, and so many updates of strangers wait behind it.
    """
    waits: list[float] = []
    for who, text in words:
        since = len(company.telegram.calls)
        message = updates.message(who, text, date=int(time.time()))
        for update in flood(number // 10, odd=False):
            company.telegram.inject(update)
        asked = company.telegram.inject({"message": message})
        for update in flood(number - len(company.telegram.world.updates), odd=False):
            company.telegram.inject(update)

        def answered(since: int = since, who: int = who) -> float:
            return next(
                (
                    call.at
                    for call in company.telegram.calls[since:]
                    if call.method in {"sendMessage", "editMessageText"}
                    and int(call.params["chat_id"]) == who
                    and answer in call.params["text"]
                ),
                0.0,
            )

        await until(answered, seconds=_PATIENCE_S)
        waits.append(answered() - handed.at[asked])
    await _worked_off(company)
    return waits


async def _worked_off(company: Company) -> None:
    await until(
        lambda: not company.telegram.world.updates and company.query(_NEW) == [(0,)],
        seconds=_PATIENCE_S,
    )


def _size(company: Company) -> int:
    return (company.data / "vpnbot.db").stat().st_size


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def _main() -> None:
    """The flood alone: `python -m tests.bench.flood [NUMBER]`."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else FLOOD
    with tempfile.TemporaryDirectory(prefix="vpnbot-flood-") as folder:
        print(f"stock {await stock_rate(number):.0f}/s", flush=True)
        measured = await flooded(Path(folder), number)
        rates = ", ".join(f"{rate:.0f}/s" for rate in measured.rates)
        print(f"ours {rates}, grown by {measured.grown:.0f} KiB")
        for name in ("revoked", "revoked_in_quiet", "asked", "asked_in_quiet"):
            waits = getattr(measured, name)
            shares = (f"{percentile(waits, share):.3f}" for share in (0.5, 0.99))
            print(f"{name}: median and 99 % {', '.join(shares)} s")
        print(f"stock {await stock_rate(number):.0f}/s")


if __name__ == "__main__":
    asyncio.run(_main())
