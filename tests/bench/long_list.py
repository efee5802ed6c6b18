"""`python -m tests.bench.long_list [NUMBER]`: one more revocation where so many are listed.

In processor time of the process that does all of it: the database's rows, the list, its file on the
server, the cut and the look. Without the number: 100,000.
"""

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bot.access import revocation
from bot.access.permission import THE_BOT
from bot.office import Office, open_office
from bot.settings import Settings
from pki.serial import new_serial, serial_hex
from storage.records import LIVE_STATES, EndReason, UserId
from tests.bench.figures import Figures, table
from tests.company import ANNA, PASSPHRASE, Company, company_with_stand_in

_LISTED = 100_000
_ROUNDS = 5
_DAY = 86_400 * 1_000_000
_ADD = """
INSERT INTO grants (id, common_name, serial, state, not_before, not_after, for_server, end_known,
                    revoked_at, end_reason, imported_at)
VALUES (?, ?, ?, 'revoked', ?, ?, 0, 1, ?, 'revoked', ?)
"""


def _fill(path: Path, number: int) -> None:
    now = time.time_ns() // 1000
    rows = [
        (
            *(f"g-old{n:07d}", f"old-{n:07d}", serial_hex(new_serial(os.urandom))),
            *(now - n, now + 90 * _DAY, now - n, now),
        )
        for n in range(number)
    ]
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(_ADD, rows)
        connection.commit()


async def _revoke_one(company: Company, office: Office, number: int) -> float:
    output = f"anna-{number}.ovpn"
    await company.done("grant", "issue", str(ANNA.id), "--output", output)
    async with office.acting(THE_BOT) as case:
        hers = await case.tx.grants.of_user(UserId(ANNA.id))
        live = [grant for grant in hers if grant.state in LIVE_STATES]
        await revocation.begin(case, live, EndReason.REVOKED)
    began = time.process_time()
    await office.enforcer.enforce([grant.id for grant in live])
    seconds = time.process_time() - began
    async with office.database.reading() as tx:
        assert not await tx.proofs.unproved()
    return seconds


async def _measure(folder: Path, number: int) -> Figures:
    figures = Figures(f"one more of {number:,}, proved")
    async with company_with_stand_in(folder) as (company, _):
        await asyncio.to_thread(_fill, company.data / "vpnbot.db", number)
        settings = Settings(data_dir=company.data)
        async with open_office(settings, passphrase=lambda: PASSPHRASE) as office:
            for each in range(_ROUNDS):
                figures.add_seconds(await _revoke_one(company, office, each))
    return figures


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else _LISTED
    folder = Path(tempfile.mkdtemp(prefix="vpnbot-long-list-"))
    try:
        figures = asyncio.run(_measure(folder, number))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table([("Processor time", [figures])]))


if __name__ == "__main__":
    main()
