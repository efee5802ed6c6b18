"""`make bench`: how long the bot takes, beside what it stands in for, in one run.

Only ratios say something about the program: the times are those of the machine at this moment.
Ends by itself in some ten minutes, and writes `docs/benchmarks.md`.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.lab.network import lab_missing
from demo.testing import PersonChat
from tests.bench import crowd, page
from tests.bench.acts import cut_after_revoke, document_after_approval
from tests.bench.books import Books
from tests.bench.elsewhere import FarBench, elsewhere_missing
from tests.bench.figures import Figures, table
from tests.bench.flood import FLOOD, flooded, percentile, stock_rate
from tests.bench.others import EC, RSA, Easyrsa, OpensslCrl, bare_kill, easyrsa_program
from tests.bench.process import IDLE_S, idle_memory, python_that_runs, start_to_first_poll
from tests.bench.sessions import Sessions, company_with_sessions
from tests.bench.takeover import Takeover
from tests.company import Company

_ROUNDS = 10
_STARTS = 5
# As the command does it.
_AS_RUN_IMPORTS = """\
from bot.process import garbage
with garbage.seldom_looked_for():
    import bot.run
    from storage.transaction import import_repositories
    import_repositories()
"""
# What of that is not ours, and would be there with a bot of no lines.
_ITS_LIBRARIES = """\
from bot.process import garbage
with garbage.seldom_looked_for():
    import telegram, httpx, cryptography.x509, pydantic_settings
    import sqlalchemy.dialects.sqlite.aiosqlite, aiosqlite
"""
# A slow machine gets fewer rounds.
_BUDGET_S = 60.0
_FEWEST = 3


class Bench:
    """All that is measured.

    Args:
        easyrsa: a CA for each kind of key; empty where easyrsa is missing.
        openssl: None where openssl is missing.
    """

    def __init__(self, easyrsa: dict[str, Easyrsa], openssl: OpensslCrl | None) -> None:
        self._easyrsa = easyrsa
        self._openssl = openssl
        self.easyrsa = {name: Figures(f"easyrsa, {name}") for name in easyrsa}
        self.document = Figures(
            "tap on Approve to the sent document",
            beside=tuple(self.easyrsa.values()),
            aim="1/8 of EC, 1/15 of RSA",
        )
        self.crl = Figures("openssl ca -gencrl")
        self.kill = Figures("bare kill")
        self.by_hand = Figures("both by hand: openssl ca -gencrl, a bare kill")
        self.cut = Figures("/revoke to the dead session", beside=(self.by_hand,), aim="3 times")
        self.proof = Figures("/revoke to the sent proof")
        self.python = Figures("an interpreter alone")
        self.imports = Figures("import bot.run", beside=(self.python,), aim="12 times")
        self.libraries = Figures("its libraries alone", beside=(self.python,))
        self.start = Figures("process to first poll", beside=(self.imports,), aim="1.2 times")
        self.rss = Figures(f"RSS after {IDLE_S:g} s idle", "MiB")
        self.pss = Figures(f"PSS after {IDLE_S:g} s idle", "MiB", aim="75 MiB")
        self.far = FarBench()
        self.takeover = Takeover()
        self.stock = Figures("python-telegram-bot’s own polling", "updates/s")
        self.flood = Figures(
            f"{FLOOD:,} of strangers", "updates/s", beside=(self.stock,), aim="1/2"
        )
        self.grown = Figures("growth of the database", "KiB", aim="1024 KiB")
        self.revoke_in_quiet = Figures("/revoke to its answer, in quiet")
        self.revoke_in_flood = Figures(
            "/revoke, handed out in a flood", beside=(self.revoke_in_quiet,)
        )
        self.ask_in_quiet = Figures("/requestvpn to its answer, in quiet")
        self.ask_in_flood = Figures(
            "/requestvpn, handed out in a flood", beside=(self.ask_in_quiet,)
        )
        self.slowest = Figures("99 % of both, in a flood", aim="1000 ms")

    async def run(self, company: Company, sessions: Sessions) -> None:
        await self._process(company)
        # The first one of each kind warms up, and does not count.
        await self._document(company, 0)
        self.document.values.clear()
        began = time.monotonic()
        for number in range(_ROUNDS):
            if number >= _FEWEST and time.monotonic() - began > _BUDGET_S:
                break
            await self._round(company, sessions, number)

    async def _process(self, company: Company) -> None:
        for _ in range(_STARTS):
            self.python.add_seconds(await python_that_runs("pass"))
            self.imports.add_seconds(await python_that_runs(_AS_RUN_IMPORTS))
            self.libraries.add_seconds(await python_that_runs(_ITS_LIBRARIES))
            await company.stop()
            self.start.add_seconds(await start_to_first_poll(company))
        rss, pss = await idle_memory(company)
        self.rss.values.append(rss)
        self.pss.values.append(pss)

    async def _round(self, company: Company, sessions: Sessions, number: int) -> None:
        """Ours and theirs alternate, so that a busy moment of the machine meets both."""
        profiles = []
        for name, ca in self._easyrsa.items():
            profiles.append(await self._document(company, number))
            self.easyrsa[name].add_seconds(await ca.build_client())
        while len(profiles) < 2:  # one for the bare kill, one for the bot's
            profiles.append(await self._document(company, number))
        bare, ours = [await sessions.connect(profile) for profile in profiles[:2]]
        if self._openssl is not None:
            self.crl.add_seconds(await self._openssl.write())
        self.kill.add_seconds(await self._bare_kill(company, sessions, bare))
        if self.crl.values:
            self.by_hand.values.append(self.crl.values[-1] + self.kill.values[-1])
        cut, proof = await cut_after_revoke(company, _admin(company, number), sessions, ours)
        self.cut.add_seconds(cut)
        self.proof.add_seconds(proof)
        await sessions.close(ours)

    async def _document(self, company: Company, number: int) -> str:
        seconds, profile = await document_after_approval(company, _admin(company, number))
        self.document.add_seconds(seconds)
        return profile

    async def _bare_kill(self, company: Company, sessions: Sessions, name: str) -> float:
        began = time.time()
        await bare_kill(company.folder / "office", name)
        ended = await sessions.end_of(name)
        await sessions.close(name)
        return ended - began

    async def run_flood(self, folder: Path) -> None:
        """Stock polling before and after, so that a busy moment of the machine meets both."""
        self.stock.values.append(await stock_rate(FLOOD))
        measured = await flooded(folder, FLOOD)
        self.stock.values.append(await stock_rate(FLOOD))
        self.flood.values += measured.rates
        self.grown.values.append(measured.grown)
        for figures, seconds in (
            (self.revoke_in_flood, measured.revoked),
            (self.revoke_in_quiet, measured.revoked_in_quiet),
            (self.ask_in_flood, measured.asked),
            (self.ask_in_quiet, measured.asked_in_quiet),
        ):
            for one in seconds:
                figures.add_seconds(one)
        self.slowest.add_seconds(percentile(measured.revoked + measured.asked, 0.99))

    @property
    def groups(self) -> page.Groups:
        return (
            ("Approval", (self.document, *self.easyrsa.values())),
            ("Revocation", (self.cut, self.proof, self.by_hand, self.crl, self.kill)),
            ("Elsewhere, by SSH", self.far.figures),
            *self.takeover.groups,
            ("Flood", (self.flood, self.stock, self.grown)),
            (
                "Known people in a flood",
                (
                    *(self.revoke_in_flood, self.revoke_in_quiet),
                    *(self.ask_in_flood, self.ask_in_quiet, self.slowest),
                ),
            ),
            (
                "Process",
                (self.start, self.imports, self.libraries, self.python, self.rss, self.pss),
            ),
        )


def _admin(company: Company, number: int) -> PersonChat:
    """In turns: the bot slows down whoever acts thirty times a minute."""
    return (company.boris, company.clara)[number % 2]


async def _easyrsa(folder: Path) -> dict[str, Easyrsa]:
    program = easyrsa_program()
    if program is None or shutil.which("openssl") is None:
        print("Left out: easyrsa or openssl is not installed, so no certificate of theirs.")
        return {}
    made = {
        "EC P-256": Easyrsa(program, folder / "easyrsa-ec", EC),
        "RSA 2048": Easyrsa(program, folder / "easyrsa-rsa", RSA),
    }
    for ca in made.values():
        await ca.prepare()
    return made


async def _openssl(folder: Path) -> OpensslCrl | None:
    if shutil.which("openssl") is None:
        print("Left out: openssl is not installed, so no bare CRL.")
        return None
    made = OpensslCrl(folder / "openssl")
    await made.prepare()
    return made


async def _main() -> None:
    before = page.Surroundings.now()
    missing = lab_missing()
    if missing is not None:
        print(f"Left out: no real OpenVPN here ({missing}); a stand-in answers in its place.")
    with _folder() as others, _folder() as home:
        bench = Bench(await _easyrsa(others), await _openssl(others))
        async with company_with_sessions(home, real=missing is None) as (company, sessions):
            await bench.run(company, sessions)
        await asyncio.to_thread(bench.takeover.run, others)
        if elsewhere_missing() is None:
            await bench.far.run()
        else:
            print(f"Left out: servers elsewhere ({elsewhere_missing()}).")
        with _folder() as flooded_home:
            await bench.run_flood(flooded_home)
        crowds = await crowd.measure(others)
        books = Books()
        await books.run(others)
    server = "a real OpenVPN server and client" if missing is None else "the stand-in"
    print(f"Sessions: {server}. Database and files: {tempfile.gettempdir()}.\n")
    groups = (*bench.groups, *books.groups, *crowds)
    print(table(groups))
    page.write(groups, before, sessions=server)


@contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="vpnbot-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(_main())
