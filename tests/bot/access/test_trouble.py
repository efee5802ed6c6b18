"""What is known of a profile that doesn't work, and how often the admins are told."""

from datetime import timedelta
from typing import Any

from bot.access import importing, linking, trouble
from bot.access.importing import Certificate
from bot.access.messages import Notice
from bot.access.refusals import Refusal
from bot.access.trouble import Seen
from storage.records import Grant, OutboxKind, UserId
from storage.use_records import Usage
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    DAY,
    EMIL,
    MINUTE,
    OPERATOR,
    PARIS,
    Paper,
    notice,
    to,
)

INSTANT = timedelta(microseconds=1)


async def test_of_one_that_should_work_nothing_is_said(paper: Paper) -> None:
    grant = await paper.active()
    fine = Seen(None, [], [], [], is_locked=False)
    assert await paper.do(trouble.seen, grant) == fine
    async with paper.database.writing() as tx:
        await tx.servers.set_crl_published(BERLIN, paper.now - 7 * DAY, 7, "a1")
        await tx.keys.lock(grant.id)
        await tx.keys.shown(grant.id, paper.now)
    assert await paper.do(trouble.seen, grant) == fine
    # A list lasts for seven days, to the moment.
    paper.now += INSTANT
    assert (await paper.do(trouble.seen, grant)).closed == [BERLIN]


async def test_it_is_for_its_owner_while_it_is_live_and_ours(paper: Paper) -> None:
    grant = await paper.active()
    anna = await paper.actor(ANNA)
    assert await paper.by(anna, trouble.own, grant.id) == grant
    emil = await paper.actor(EMIL)
    await paper.refuses(emil, Refusal.NOT_YOURS, trouble.own, grant.id)
    books = [Certificate("beef", "old", None, paper.now + DAY)]
    await paper.by(OPERATOR, importing.take_in, books)
    (old,) = await paper.by(OPERATOR, linking.link, "old", ANNA)
    await paper.refuses(anna, Refusal.NO_BUTTON, trouble.own, old.id)
    stranger = await paper.actor(UserId(9))
    await paper.refuses(stranger, Refusal.NOT_ALLOWED, trouble.own, grant.id)


async def test_it_is_told_once_in_a_quarter_of_an_hour(paper: Paper) -> None:
    grant = await paper.active()
    anna = await paper.actor(ANNA)
    await paper.forget()
    await paper.by(anna, trouble.report, grant, "cam")
    payload = {"grant": grant.id, "name": "Anna", "said": "cam"}
    assert await paper.heard() == [to(ANNA, OutboxKind.HELP, payload)]
    (row,) = await paper.noted()
    assert (row.action, row.subject) == ("grant.trouble", f"grant:{grant.id}")
    assert row.detail["said"] == "cam"
    paper.now += 15 * MINUTE
    await paper.refuses(anna, Refusal.TOLD_LATELY, trouble.report, grant, "cam")
    # Somebody else's is another matter.
    await paper.by(await paper.actor(EMIL), trouble.report, grant, "cam")
    paper.now += INSTANT
    await paper.by(anna, trouble.report, grant, "cam")


async def test_every_admin_reads_what_was_said_and_seen(paper: Paper) -> None:
    await paper.forget()
    values: dict[str, Any] = {"name": "Anna", "grant": "g-1", "said": "cam"}
    await paper.do(trouble.tell, {**values, "more": 1}, [{"server": BERLIN}])
    assert await paper.heard() == [
        notice(admin, Notice.NEEDS_HELP, **values, heard=[{"server": BERLIN}])
        for admin in (BORIS, CLARA)
    ]


async def test_from_where_somebody_was_connected_with_any_profile(two_servers: Paper) -> None:
    paper = two_servers
    mine = [await paper.active(ANNA, server) for server in (BERLIN, PARIS)]
    emils = await paper.active(EMIL)

    def used(grant: Grant, address: str) -> Usage:
        return Usage(grant.id, BERLIN, paper.now, address, 5, 5, {}, (), None)

    async with paper.database.writing() as tx:
        rows = [(mine[0], "192.0.2.1"), (mine[1], "192.0.2.2"), (emils, "192.0.2.3")]
        await tx.usages.add([used(*row) for row in rows])
    assert await paper.do(trouble.addresses, mine[0]) == {"192.0.2.1", "192.0.2.2"}
