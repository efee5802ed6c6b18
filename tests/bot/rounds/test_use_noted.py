"""What is remembered of a whole company that is connected at once."""

from typing import Any

import pytest

from bot.fleet.presence import Seen
from bot.office import Office
from bot.rounds.keeper import Keeper
from storage.records import Grant, GrantState
from tests.bot.rounds.keeping import MINUTE, OFFICE, notices
from tests.machine import Machine
from tests.storage.kit import make_grant, on_each_connection
from vpn.proof.management import Session

pytestmark = pytest.mark.asyncio(loop_scope="module")

_COMPANY = 1200


def session(grant: Grant, number: int, address: str, office: Office) -> Session:
    return Session(grant.common_name, f"{address}:1", "", office.clock(), 1, 1, number)


async def test_some_hundreds_at_a_time_and_told_once(
    office: Office, keeper: Keeper, machine: Machine
) -> None:
    values: dict[str, Any] = {"user_id": None, "server": None, "address": None}
    grants = [
        make_grant(
            1000 + number,
            None,
            common_name=f"one-{number}",
            state=GrantState.ACTIVE,
            imported_at=office.clock(),
            **values,
        )
        for number in range(_COMPANY)
    ]
    async with office.database.writing() as tx:
        await tx.grants.add_many(grants)
        server = await tx.servers.get(OFFICE)
    assert server is not None
    transactions: list[int] = []

    def note(statement: str) -> None:
        if statement.startswith("BEGIN"):
            transactions.append(0)
        elif statement.startswith(("INSERT INTO usages", "UPDATE usages")):
            transactions[-1] += 1  # of several rows each has one

    on_each_connection(office.database, note)
    for addresses in (("192.0.2.1", "192.0.2.2"), ("192.0.2.1",)):
        on = [
            (grant, session(grant, number, address, office))
            for grant in grants
            for number, address in enumerate(addresses)
        ]
        transactions.clear()
        await keeper._watch._note_use(server, Seen(on=tuple(on)))
        assert [rows for rows in transactions if rows] == [500, 500, 200]
        machine.gone_by += MINUTE
    assert (await notices(office)).count("used_twice") == 1
    async with office.database.reading() as tx:
        rows = await tx.usages.of([grant.id for grant in grants])
    assert len(rows) == _COMPANY
    assert all(row.twice_at is not None for row in rows)
