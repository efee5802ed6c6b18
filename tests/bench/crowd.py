"""A company of a thousand and one of a hundred thousand: the same acts, side by side.

The rows are made by SQL: nobody of them has asked for anything, and nothing was signed.
"""

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from storage.name_keys import name_key, person_words, username_key
from tests.bench.figures import Figures
from tests.gate import updates
from tests.gate.case import Laws
from tests.gate.gate import Gate
from tests.storage.kit import make_template, open_copy

SMALL, BIG = (1000, 1000), (100_000, 1_000_000)
_BORIS, _CLARA = 2001, 2002
_FIRST = (
    *("Anna", "Boris", "Clara", "David", "Emil", "Fatima", "Georg", "Hanna", "Igor", "Jana"),
    *("Karl", "Lena", "Mehmet", "Nina", "Oleg", "Paula", "Quentin", "Rosa", "Stefan", "Tanja"),
)
_LAST = ("Adler", "Becker", "Cohen", "Demir", "Ebert", "Fischer", "Garcia", "Huber", "Ivanov")
_FIRST_ID = 100_000
_ROUNDS = 7
# Each starts an interpreter.
_COMMAND_ROUNDS = 3
_COMMANDS = ("user list --limit 20", "grant list --limit 20", f"grant list --user {_FIRST_ID}")
_GRANTS = (
    """
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :grants)
INSERT INTO requests (id, user_id, server, duration, reason, state, asked_at, expires_at)
SELECT 1000 + n, :first + n % :people, 'berlin', 604800, '', 'approved', :now, :now FROM numbers
""",
    """
INSERT INTO grants (id, request_id, user_id, server, common_name, serial, state, not_before,
                    not_after, for_server, end_known)
SELECT 'g-' || printf('%08d', id), id, user_id, 'berlin', 'person-' || printf('%08d', id),
       printf('c%039x', id), CASE WHEN id - 1000 < :people THEN 'active' ELSE 'revoked' END,
       :now - id, :now + 86400000000 + id * 1000, 0, 1
FROM requests WHERE id >= 1000
""",
    """
INSERT INTO grant_places (grant_id, server, position, address)
SELECT id, 'berlin', 0, NULL FROM grants
""",
)


def name_of(number: int) -> str:
    """Some first names are common; the family name is nearly one's own."""
    return f"{_FIRST[number % 20]} {_LAST[number % 9]}{number:06d}"


def fill(path: Path, people: int, grants: int, now: int) -> None:
    """So many people, each with one live grant, and the others ended.

    Args:
        path: a database with its schema and a server.
        now: in microseconds since 1970.
    """
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    rows = [(_FIRST_ID + n, name_of(n), f"user{n:06d}") for n in range(people)]
    connection.executemany(
        "INSERT INTO people (id, name, username, allowed, reachable, added_at, name_key, "
        "username_key, username_seen_at) VALUES (?, ?, ?, 1, 1, ?, ?, ?, ?)",
        [(i, name, user, now, name_key(name), username_key(user), now) for i, name, user in rows],
    )
    connection.executemany(
        "INSERT INTO person_words (word, user_id) VALUES (?, ?)",
        sorted((word, i) for i, name, user in rows for word in person_words(name, user)),
    )
    values = {"grants": grants, "first": _FIRST_ID, "people": people, "now": now}
    for statement in _GRANTS:
        connection.execute(statement, values)
    connection.commit()
    connection.close()


@dataclass
class Crowd:
    """One company, and what is measured in it."""

    folder: Path
    gate: Gate
    people: int
    _number: int = 0

    @classmethod
    async def of(cls, folder: Path, people: int, grants: int) -> "Crowd":
        """Made in a new folder."""
        data = folder / "data"
        await asyncio.to_thread(data.mkdir, 0o700, parents=True)
        template = await asyncio.to_thread(make_template, folder)
        database = await open_copy(template, data)
        gate = Gate(database, Laws((_BORIS, _CLARA)))
        await gate.furnish()
        await asyncio.to_thread(fill, data / "vpnbot.db", people, grants, gate.at)
        await gate.starts()
        return cls(folder, gate, people)

    def typed(self) -> dict[str, str]:
        """What is typed, by what it is called; each names somebody who has not been named yet."""
        self._number += 1
        somebody = name_of(self.people // 2 + self._number)
        return {
            "/grants": "/grants",
            "/grants NAME": f"/grants {somebody}",
            "/grants FIRSTNAME": "/grants anna",
            "/users": "/users",
            "/users NAME": f"/users {somebody}",
            "/users FIRSTNAME": "/users anna",
            "/pending": "/pending",
            "/revoke, the list": "/revoke",
            "/remove, the list": "/remove",
            "/revoke NAME": f"/revoke {somebody}",
            "/revoke NAME, mistyped": f"/revoke {somebody[:3]}x{somebody[3:]}",
            "/revoke NAME, nobody": "/revoke Zacharias Zweistein",
            "/remove NAME": f"/remove {name_of(self.people // 3 + self._number)}",
            "/start of a member": "/start",
            "/myvpn": "/myvpn",
        }

    async def act(self, text: str) -> float:
        """Seconds from the stored update to the committed answer."""
        who = _FIRST_ID + 7 if text in ("/start", "/myvpn") else _BORIS
        self._number += 1
        # Nobody is slowed down for being quick.
        self.gate.now += timedelta(minutes=2)
        date = int(self.gate.now.timestamp())
        message = updates.message(who, text, date=date) | {"message_id": self._number}
        began = time.perf_counter()
        await self.gate.takes({"update_id": self._number, "message": message})
        return time.perf_counter() - began

    async def command(self, *arguments: str) -> tuple[float, int]:
        """Seconds that a command takes, and the bytes that it prints."""
        settings = {"VPNBOT_DATA_DIR": str(self.folder / "data"), "PATH": os.environ["PATH"]}
        vpnbot = Path(sys.executable).parent / "vpnbot"
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            vpnbot,
            *arguments,
            cwd=self.folder,
            env=settings,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, arguments
        return time.perf_counter() - began, len(said)


async def measure_chat(small: Crowd, big: Crowd) -> Sequence[Figures]:
    """Of each act, both companies in turns."""
    pairs: dict[str, tuple[Figures, Figures]] = {}
    for number in range(_ROUNDS + 1):
        for (label, one), other in zip(small.typed().items(), big.typed().values(), strict=True):
            few, many = pairs.setdefault(label, _pair(label, "ms"))
            seconds = await small.act(one), await big.act(other)
            if number:  # the first one of each warms up
                few.add_seconds(seconds[0])
                many.add_seconds(seconds[1])
    return [figures for pair in pairs.values() for figures in reversed(pair)]


def _pair(label: str, unit: str) -> tuple[Figures, Figures]:
    few = Figures(f"{label}, of {SMALL[0]:,}", unit)
    return few, Figures(f"{label}, of {BIG[0]:,}", unit, beside=(few,), aim="3 times")


async def measure(folder: Path) -> Sequence[tuple[str, Sequence[Figures]]]:
    """What is typed in the chat, and what is printed, in both companies."""
    small = await Crowd.of(folder / "small", *SMALL)
    big = await Crowd.of(folder / "big", *BIG)
    chat = await measure_chat(small, big)
    commands: list[Figures] = []
    for typed in (
        "user list --limit 20",
        "grant list --limit 20",
        f"grant list --user {_FIRST_ID}",
    ):
        few, many = _pair(f"vpnbot {typed}", "s")
        for _ in range(_COMMAND_ROUNDS):
            few.add_seconds((await small.command(*typed.split()))[0])
            many.add_seconds((await big.command(*typed.split()))[0])
        commands += [many, few]
    return (("In the chat, among many", chat), ("In the terminal, among many", commands))
