"""What somebody has that lets them in, or may do so."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.access import holdings, importing, linking, people, revocation
from bot.access.holdings import Holding
from bot.access.importing import Certificate
from bot.access.permission import THE_BOT
from storage.records import Grant, GrantId, ServerName, UserId
from tests.bot.access.kit import ANNA, BERLIN, DAY, EMIL, MORNING, OPERATOR, PARIS, Paper, seen

UNTIL = MORNING + 400 * DAY
PHONE = UserId(1009)
ALONE = Certificate("01", "anna", MORNING, UNTIL)
BOOKS = (
    ALONE,
    replace(ALONE, serial="02"),
    replace(ALONE, serial="03", common_name="emil"),
    replace(ALONE, serial="04", common_name="apetrova"),
    replace(ALONE, serial="05", common_name="server", for_server=True),
    replace(ALONE, serial="06", common_name="anna", not_after=MORNING - DAY),
    replace(ALONE, serial="07", common_name="server", for_server=True),
)


@pytest.fixture
async def taken_over(paper: Paper) -> Paper:
    await paper.add_server(PARIS, "10.9.0.0/29")
    await paper.by(OPERATOR, importing.take_in, BOOKS)
    return paper


async def by_serial(paper: Paper, serial: str) -> Grant:
    async with paper.database.reading() as tx:
        [found] = await tx.grants.with_serials([serial])
    return found


def serials(found: Sequence[Holding]) -> list[str]:
    return [one.grant.serial.lstrip("0") for one in found]


async def of(paper: Paper, user_id: UserId) -> Sequence[Holding]:
    async with paper.database.reading() as tx:
        return await holdings.of_person(tx, paper.now, user_id)


async def beside(paper: Paper, *grants: Grant) -> list[str]:
    async with paper.database.reading() as tx:
        return serials(await holdings.beside(tx, paper.now, grants))


async def test_of_all_accounts_the_live_ones_first(taken_over: Paper) -> None:
    phone = await taken_over.by(OPERATOR, people.allow, PHONE, "Anna’s phone")
    await taken_over.by(OPERATOR, people.link, phone.person.id, ANNA)
    ended = await taken_over.active(ANNA)
    live = await taken_over.active(PHONE, PARIS)
    await taken_over.by(OPERATOR, revocation.revoke_grant, ended.id)
    for account in (ANNA, PHONE):
        found = await of(taken_over, account)
        assert [(one.grant.id, one.is_live) for one in found] == [
            (live.id, True),
            (ended.id, False),
        ]
        assert found[0].unproved_on == ()
        assert set(found[1].unproved_on) == {BERLIN, PARIS}
    assert await of(taken_over, EMIL) == []
    async with taken_over.database.reading() as tx:
        assert list(await tx.people.accounts_of(PHONE)) == [ANNA, PHONE]


async def drop(paper: Paper, *servers: ServerName) -> None:
    """Servers are taken out before they have proved anything."""
    async with paper.database.writing() as tx:
        for server in servers:
            await tx.proofs.drop_open(server, paper.now)
        await revocation.close_proved(paper.case(tx, THE_BOT))


async def unproved(paper: Paper) -> list[GrantId]:
    async with paper.database.reading() as tx:
        return [one.grant.id for one in await holdings.unproved_for_good(tx, paper.now)]


async def lets_in(paper: Paper, grant_id: GrantId) -> bool:
    grant = await paper.grant(grant_id)
    async with paper.database.reading() as tx:
        return await holdings.may_let_in(tx, paper.now, grant)


async def test_what_a_removed_server_has_not_proved_counts_as_long_as_the_certificate(
    taken_over: Paper,
) -> None:
    grant = await taken_over.active(ANNA)
    assert await lets_in(taken_over, grant.id)
    await taken_over.by(OPERATOR, revocation.revoke_grant, grant.id)
    assert await lets_in(taken_over, grant.id)
    assert await unproved(taken_over) == []
    await drop(taken_over, BERLIN, PARIS)
    assert await unproved(taken_over) == [grant.id]
    assert await lets_in(taken_over, grant.id)
    assert [one.grant.id for one in await of(taken_over, ANNA)] == [grant.id]
    taken_over.now = grant.not_after
    assert await unproved(taken_over) == []
    assert not await lets_in(taken_over, grant.id)
    assert await of(taken_over, ANNA) == []


async def test_what_every_server_has_proved_is_over(taken_over: Paper) -> None:
    grant = await taken_over.active(ANNA)
    await taken_over.by(OPERATOR, revocation.revoke_grant, grant.id)
    looks = [seen(grant, name) for name in (BERLIN, PARIS)]
    await taken_over.do(revocation.record_proofs, looks)
    assert await of(taken_over, ANNA) == []
    assert not await lets_in(taken_over, grant.id)
    assert await unproved(taken_over) == []


async def test_beside_one_that_is_nobodys_others_of_its_name_count(taken_over: Paper) -> None:
    first = await by_serial(taken_over, "01")
    assert await beside(taken_over, first) == ["2"]
    assert await beside(taken_over, await by_serial(taken_over, "03")) == []
    # A server's opens nothing.
    assert await beside(taken_over, await by_serial(taken_over, "05")) == []
    # Somebody's of that name, too: nobody knows whose the first one is.
    await taken_over.by(OPERATOR, linking.link, (await by_serial(taken_over, "02")).id, ANNA)
    assert await beside(taken_over, first) == ["2"]


async def test_beside_somebodys_only_what_is_theirs_or_nobodys(taken_over: Paper) -> None:
    await taken_over.by(OPERATOR, linking.link, (await by_serial(taken_over, "01")).id, ANNA)
    first = await by_serial(taken_over, "01")
    assert await beside(taken_over, first) == ["2"]
    await taken_over.by(OPERATOR, linking.link, (await by_serial(taken_over, "02")).id, EMIL)
    assert await beside(taken_over, first) == []
    own = await taken_over.active(ANNA)
    assert await beside(taken_over, first) == [own.serial]
    assert await beside(taken_over, own) == ["1"]
    assert await beside(taken_over, own, first) == []


async def test_what_may_be_somebodys_by_its_name(taken_over: Paper) -> None:
    async def maybe(*accounts: UserId) -> list[str]:
        async with taken_over.database.reading() as tx:
            found = await holdings.maybe_theirs(tx, accounts)
        return sorted(grant.serial for grant in found)

    assert await maybe(ANNA) == ["01", "02", "04"]
    assert await maybe(EMIL) == ["03"]
    assert await maybe(EMIL, ANNA) == ["01", "02", "03", "04"]
    assert await maybe(UserId(7)) == []
