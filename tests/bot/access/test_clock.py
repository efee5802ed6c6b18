"""A clock that was set back: nothing waits for a moment that is far ahead by now."""

from datetime import timedelta

from bot.access import clock, revocation
from storage.records import ChatId, OutboxKind
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    DAY,
    HOUR,
    MINUTE,
    MORNING,
    OPERATOR,
    Noted,
    Paper,
    proofs,
)


async def test_what_would_wait_for_longer_is_done_at_once(paper: Paper) -> None:
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.revoke_grant, grant.id)
    await paper.forget()
    paper.now = MORNING - HOUR
    async with paper.database.writing() as tx:
        for late in (MINUTE, MINUTE + timedelta(seconds=1)):
            await tx.outbox.add(ChatId(ANNA), OutboxKind.MENU, {}, now=paper.now + late)
    await paper.do(clock.went_back, timedelta(hours=1, seconds=0.4))
    assert (await proofs(paper, grant))[BERLIN].next_try_at == paper.now
    assert sorted(said.due_at for said in await paper.heard()) == [paper.now, paper.now + MINUTE]
    about = {"name": "vpnbot", "seconds": 3600}
    assert await paper.noted() == [Noted("vpnbot", "clock.back", "clock", about)]


async def test_the_latest_moment_is_that_of_what_was_written_or_signed(paper: Paper) -> None:
    """By whatever clock; now, where all of it was before."""
    await paper.asked()
    for now, latest in ((MORNING - DAY, MORNING), (MORNING + DAY, MORNING + DAY)):
        async with paper.database.reading() as tx:
            assert await clock.latest_seen(tx, now) == latest
    async with paper.database.writing() as tx:
        await tx.servers.set_crl_published(BERLIN, MORNING + HOUR, 1, "a1")
        assert await clock.latest_seen(tx, MORNING) == MORNING + HOUR
