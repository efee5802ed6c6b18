"""A set of servers is asked for by one name, and gives one grant with an address on each."""

from dataclasses import replace

import pytest

from bot.access import asking, destinations, grants, groups, requests, revocation
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal
from storage.group_records import Group, GroupName
from storage.records import EndReason, Grant, Place, ServerName
from storage.set_records import ServerSet
from tests.bot.access.kit import ANNA, BERLIN, BORIS, CLARA, MORNING, OPERATOR, PARIS, Paper

DEV = GroupName("dev")
EU, ROME = ServerName("eu"), ServerName("rome")


@pytest.fixture
async def paper(paper: Paper) -> Paper:
    await paper.add_server(PARIS, "10.9.0.0/29")
    await paper.add_server(ROME, "10.10.0.0/29")
    await group(paper, PARIS, BERLIN)
    await paper.forget()
    return paper


async def group(paper: Paper, *servers: ServerName) -> None:
    async with paper.database.writing() as tx:
        await tx.servers.put_set(ServerSet(EU, servers, random=False, added_at=MORNING))


async def close(paper: Paper, name: ServerName) -> None:
    """As if its operator's configuration let nobody new in."""
    async with paper.database.writing() as tx:
        server = await tx.servers.get(name)
        assert server is not None
        adopted = {"closed": "it asks for what nobody has", "layout": {"exclusive": True}}
        await tx.servers.set_adopted(replace(server, adopted=adopted))


async def given(paper: Paper) -> Grant:
    return (await paper.approved(server=EU)).grant


async def test_one_grant_has_an_address_on_each(paper: Paper) -> None:
    grant = await given(paper)
    assert grant.server == EU
    assert grant.places == (Place(PARIS, "10.9.0.2"), Place(BERLIN, "10.8.0.2"))
    noted = [one.detail for one in await paper.noted() if one.action == "grant.reserve"]
    assert [(one["server"], one["addresses"]) for one in noted] == [
        ("eu", {"paris": "10.9.0.2", "berlin": "10.8.0.2"})
    ]
    async with paper.database.reading() as tx:
        assert [len(await tx.grants.for_others(name)) for name in (BERLIN, PARIS, ROME)] == [
            *(0, 0, 1)
        ]
    # Another one of a single server gets an address beside.
    assert (await paper.approved(server=BERLIN)).grant.address == "10.8.0.3"


async def test_every_server_has_to_prove_the_end(paper: Paper) -> None:
    grant = await given(paper)
    async with paper.database.writing() as tx:
        for name in (BERLIN, PARIS, ROME):
            await tx.servers.set_crl_published(name, paper.now, 1, "a1")
    await paper.do(revocation.begin, [grant], EndReason.REVOKED)
    async with paper.database.reading() as tx:
        proofs = {proof.server for proof in await tx.proofs.of([grant.id])}
    assert proofs == {BERLIN, PARIS, ROME}


async def test_what_came_to_a_set_later_was_not_approved(paper: Paper) -> None:
    grant = await given(paper)
    await group(paper, ROME, BERLIN)
    async with paper.database.writing() as tx:
        case = paper.case(tx, THE_BOT)
        await grants.issued(case, grant, waiting=[PARIS])
        assert [one.id for one in await tx.grants.waiting_on(PARIS)] == [grant.id]
        await tx.grants.let_in(grant.id, PARIS)
        assert await tx.grants.waiting_on(PARIS) == []
        await grants.delivered(case, grant)
    anna = await paper.actor(ANNA)
    fresh = await paper.by(anna, grants.renew, grant.id)
    assert fresh.servers == (BERLIN,)
    async with paper.database.writing() as tx:
        case = paper.case(tx, THE_BOT)
        await grants.issued(case, fresh)
        await grants.delivered(case, fresh)
    await group(paper, ROME)
    values = await paper.refuses(anna, Refusal.UNKNOWN_SERVER, grants.renew, fresh.id)
    assert values == {"server": EU}


async def test_the_groups_of_its_servers_count(paper: Paper) -> None:
    await paper.by(OPERATOR, groups.add, Group(DEV, servers=(BERLIN, PARIS), approvers=(CLARA,)))
    await paper.by(OPERATOR, groups.join, DEV, ANNA)
    await paper.heard()
    await paper.asked(server=EU)
    assert [said.chat for said in await paper.heard()] == [CLARA]


async def test_another_address_on_one_server_leaves_the_others(paper: Paper) -> None:
    grant = await given(paper)
    await paper.noted()
    await paper.by(OPERATOR, groups.add, Group(DEV, networks=("10.9.0.0/30",)))
    moved = await paper.grant(grant.id)
    assert moved.places == (Place(PARIS, "10.9.0.4"), Place(BERLIN, "10.8.0.2"))
    noted = (await paper.noted())[-1]
    about = {"server": PARIS, "address": "10.9.0.4", "was": "10.9.0.2"}
    assert about.items() <= noted.detail.items()


async def test_a_card_counts_for_the_servers_that_it_shows(paper: Paper) -> None:
    asked = await paper.asked(server=EU)

    seen = await paper.digest(asked)
    await group(paper, PARIS, ROME)
    assert await paper.digest(asked) != seen
    await paper.refuses(
        await paper.actor(BORIS), Refusal.CARD_CHANGED, requests.approve, asked.id, None, seen=seen
    )


async def test_where_no_new_profile_works_the_others_serve(paper: Paper) -> None:
    await close(paper, PARIS)
    assert (await given(paper)).servers == (BERLIN,)
    await close(paper, BERLIN)
    actor = await paper.actor(ANNA)
    await paper.refuses(
        actor, Refusal.SERVER_CLOSED, asking.ask, duration=None, server=EU, reason=""
    )


async def test_what_was_chosen_the_last_time_comes_first(paper: Paper) -> None:
    async def offered() -> list[str]:
        async with paper.database.reading() as tx:
            found = await asking.to_choose_from(paper.case(tx, THE_BOT), ANNA)
        return [one.name for one in found]

    assert await offered() == ["eu", "berlin", "paris", "rome"]
    await paper.asked(server=PARIS)
    assert await offered() == ["paris", "eu", "berlin", "rome"]
    await close(paper, ROME)
    assert await offered() == ["paris", "eu", "berlin"]
    await paper.by(OPERATOR, groups.add, Group(DEV, servers=(BERLIN, ROME)))
    await paper.by(OPERATOR, groups.join, DEV, ANNA)
    assert await offered() == ["berlin"]


async def test_a_name_that_is_nothing(paper: Paper) -> None:
    async with paper.database.reading() as tx:
        assert await destinations.find(tx, ServerName("oslo")) is None
