"""A database that came out of a backup: what was under way is closed, or in doubt."""

from bot.access import restored
from bot.access.permission import THE_BOT
from storage.records import ChatId, GrantState, InboxItem, OutboxKind, RequestState
from tests.bot.access.kit import ANNA, BERLIN, BORIS, CLARA, EMIL, PARIS, Noted, Paper, notice

MADE_AT = "2026-03-01T00:00:00Z"


async def restore(paper: Paper) -> None:
    await paper.do(restored.begin_again, made_at=MADE_AT)


async def test_what_was_on_its_way_may_have_arrived(paper: Paper) -> None:
    there, grant = await paper.active(EMIL), (await paper.approved()).grant
    await paper.forget()
    await restore(paper)
    assert (await paper.grant(grant.id)).state is GrantState.ISSUED
    assert await paper.grant(there.id) == there
    about = {"user_id": ANNA, "serial": grant.serial, "common_name": grant.common_name}
    assert await paper.noted() == [
        Noted(THE_BOT.key, "grant.doubt", f"grant:{grant.id}", {"name": "vpnbot", **about}),
        Noted(THE_BOT.key, "backup.restore", "backup", {"name": "vpnbot", "made_at": MADE_AT}),
    ]
    assert await paper.heard() == []
    async with paper.database.reading() as tx:
        # Nothing of it is tried again as if it had never begun.
        due = await tx.outbox.due(paper.now, 100)
        assert [one.kind for one in due if one.kind is OutboxKind.DELIVER] == []
        assert len(await tx.outbox.open(OutboxKind.DELIVER)) == 2


async def test_what_lies_on_the_servers_may_be_newer(paper: Paper) -> None:
    grant = await paper.active()
    async with paper.database.writing() as tx:
        await tx.crl.add_spares(["0abc"])
    await restore(paper)
    async with paper.database.reading() as tx:
        server = await tx.servers.get(BERLIN)
        assert server is not None
        assert server.restored_at == paper.now
        assert await tx.addresses.due_files(BERLIN) == {grant.id: paper.now}
        assert await tx.crl.spares() == []


async def test_what_people_wrote_was_handled_since(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.inbox.store([InboxItem(5, ChatId(ANNA), "{}", paper.now)])
    await restore(paper)
    async with paper.database.reading() as tx:
        assert await tx.inbox.waiting() == 0


async def test_who_waits_asks_again_and_hears_it_once(two_servers: Paper) -> None:
    paper = two_servers
    requests = [await paper.asked(), await paper.asked(server=PARIS), await paper.asked(EMIL)]
    await paper.forget()
    await restore(paper)
    for request in requests:
        assert (await paper.request(request.id)).state is RequestState.CANCELLED
    assert await paper.heard() == [
        *(notice(one, "request_outdated") for one in (ANNA, EMIL)),
        *(notice(one, "restored", made_at=MADE_AT, count=3) for one in (BORIS, CLARA)),
    ]
