"""Several processes on one database: what a lock inside one process cannot show."""

import sqlite3
from pathlib import Path

import pytest

from storage.audit_records import AuditEntry
from storage.database import open_database, sqlite_url
from tests.storage.kit import answers, open_copy, start_python, start_together

_PROCESSES = 2
_ROWS = 25

_OPEN = """
import asyncio, json, sys
from storage.database import open_database

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    database = await open_database(sys.argv[1])
    async with database.writing() as tx:
        entry = await tx.crl.next_number()
    await database.close()
    print(json.dumps(entry))

asyncio.run(main())
"""

_APPEND = """
import asyncio, json, sys
from datetime import UTC, datetime
from storage.database import open_database

async def main():
    database = await open_database(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    seqs = []
    for number in range(int(sys.argv[3])):
        async with database.writing() as tx:
            entry = await tx.audit.append(
                at=datetime.now(UTC), actor=sys.argv[2], action="test", subject="",
                detail={"number": number},
            )
            seqs.append(entry.seq)
    await database.close()
    print(json.dumps(seqs))

asyncio.run(main())
"""

_HOLD = """
import asyncio, sys
from datetime import UTC, datetime
from storage.database import open_database

async def main():
    database = await open_database(sys.argv[1])
    async with database.writing() as tx:
        await tx.people.allow(1001, "Anna", datetime.now(UTC))
        print("ready", flush=True)
        sys.stdin.readline()

asyncio.run(main())
"""


async def test_processes_that_append_at_once_never_fork_the_audit_chain(
    template: Path, tmp_path: Path
) -> None:
    database = await open_copy(template, tmp_path)
    url = f"sqlite+aiosqlite:///{tmp_path / 'vpnbot.db'}"
    processes = [
        start_python(_APPEND, url, f"process {number}", str(_ROWS)) for number in range(_PROCESSES)
    ]
    start_together(processes)
    seqs = [seq for found in answers(processes) for seq in found]

    assert sorted(seqs) == list(range(1, _PROCESSES * _ROWS + 1))
    async with database.reading() as tx:
        assert await tx.audit.first_fault() is None
        entries = await tx.audit.all()
    actors = {entry.actor for entry in entries if isinstance(entry, AuditEntry)}
    assert actors == {"process 0", "process 1"}
    await database.close()


@pytest.mark.long
def test_processes_that_open_a_new_database_at_once_both_succeed(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    processes = [start_python(_OPEN, str(sqlite_url(path))) for _ in range(_PROCESSES)]
    start_together(processes)

    # Both wrote, so both found the whole schema; and no number came twice.
    assert sorted(answers(processes)) == [1, 2]
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
    connection.close()


async def test_a_process_that_is_killed_in_a_transaction_leaves_nothing_of_it(
    template: Path, tmp_path: Path
) -> None:
    await (await open_copy(template, tmp_path)).close()
    url = str(sqlite_url(tmp_path / "vpnbot.db"))
    process = start_python(_HOLD, url)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate()

    database = await open_database(url)
    async with database.writing() as tx:
        assert await tx.people.all() == []
    await database.close()
