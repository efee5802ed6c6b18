"""A flood of strangers, met by the real program: whoever is known is served, and nobody is lost."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from demo.people import Json
from tests.company import ANNA, BORIS, CROWD, EMIL, PEOPLE, Company, company_with_stand_in, until
from tests.flood import flood

_NEW = "SELECT count(*) FROM inbox WHERE state = 'new'"
_KILLS = 4


def send(company: Company, updates: Sequence[Json]) -> None:
    for update in updates:
        company.telegram.inject(update)


async def worked_off(company: Company) -> None:
    await until(
        lambda: not company.telegram.world.updates and company.query(_NEW) == [(0,)], seconds=300
    )


async def test_whoever_is_known_is_served_in_the_middle_of_it(folder: Path) -> None:
    """Nothing of it stays; and a stranger still learns their number."""
    async with company_with_stand_in(folder) as (company, _):
        await company.emil.says("/start")
        send(company, flood(500))
        await company.anna.says("/requestvpn")
        send(company, flood(300))
        await company.boris.says("/revoke anna")
        send(company, flood(200))
        await company.start()
        assert await company.emil.hears(str(EMIL.id))
        await company.anna.hears("waits for the admins")
        await company.boris.hears("Anna Petrova")
        await worked_off(company)
        kept = company.query("SELECT chat_id, state FROM inbox WHERE state != 'quarantined'")
        assert sorted(kept) == [(ANNA.id, "done"), (BORIS.id, "done")]
        [(odd,)] = company.query("SELECT count(*) FROM inbox WHERE state = 'quarantined'")
        assert odd <= 60


@pytest.mark.long
async def test_nobody_who_is_known_is_lost_in_it_however_often_the_bot_is_killed(
    folder: Path,
) -> None:
    """Ten thousand; each of twenty members asks, and each is answered, once a request."""
    people = CROWD[:20]
    async with company_with_stand_in(folder, people=(*PEOPLE, *people)) as (company, _):
        for person in people:
            await company.done("user", "allow", str(person.id), "--name", person.first_name)
        pages = company.query("PRAGMA page_count")[0][0]
        await company.start()
        for person in people:
            send(company, flood(500))
            await company.telegram.person(person.id).says("/requestvpn")
        for _ in range(_KILLS):
            await asyncio.sleep(0.3)
            await company.kill()
            await company.start()
        for person in people:
            await company.telegram.person(person.id).hears("waits for the admins")
        await worked_off(company)
        asked = company.query("SELECT user_id, count(*) FROM requests GROUP BY user_id")
        assert sorted(asked) == sorted((person.id, 1) for person in people)
        assert company.query("PRAGMA page_count")[0][0] - pages < 256  # of 4096 bytes
        assert company.query("PRAGMA integrity_check") == [("ok",)]
        # It is over, and a stranger is answered again within a minute.
        for _ in range(70):
            await company.emil.says("/start")
            if any(str(EMIL.id) in message.text for message in company.emil.messages):
                break
            await asyncio.sleep(1)
        await company.emil.hears(str(EMIL.id))
