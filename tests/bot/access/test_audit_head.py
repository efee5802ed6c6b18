"""The head of the trail goes to the admins, so that a rewritten trail is found."""

from datetime import timedelta

from bot.access import audit
from storage.records import OutboxKind
from tests.bot.access.kit import BORIS, CLARA, DAY, EMIL, Paper


async def heads(paper: Paper) -> list[str]:
    """What each admin was sent, in order."""
    said = await paper.heard()
    assert {one.kind for one in said} <= {OutboxKind.NOTICE}
    assert [one.chat for one in said] == [BORIS, CLARA][: len(said)]
    return [one.payload["values"]["head"] for one in said]


async def test_the_admins_get_the_head_once_a_day(paper: Paper) -> None:
    await paper.asked()
    await paper.forget()
    async with paper.database.reading() as tx:
        last = await tx.audit.last()
    assert last is not None

    paper.now += DAY - timedelta(seconds=1)
    assert not await paper.do(audit.announce_head)
    paper.now += timedelta(seconds=1)
    assert await paper.do(audit.announce_head)
    assert await heads(paper) == [f"{last.seq}:{last.digest}"] * 2
    await paper.asked(user_id=EMIL)
    paper.now += DAY - timedelta(seconds=1)
    assert not await paper.do(audit.announce_head)


async def test_of_a_trail_that_has_not_begun_nothing_is_told(empty: Paper) -> None:
    assert not await empty.do(audit.announce_head)
    assert await empty.noted() == []


async def test_a_day_on_which_nothing_happened_needs_no_head(paper: Paper) -> None:
    await paper.asked()
    paper.now += DAY
    assert await paper.do(audit.announce_head)
    paper.now += 2 * DAY
    assert not await paper.do(audit.announce_head)


async def test_a_head_of_tomorrow_silences_nobody(paper: Paper) -> None:
    """Whoever can write the database could forge one."""
    await paper.asked()
    await paper.forget()
    async with paper.database.writing() as tx:
        forged = await tx.audit.append(
            at=paper.now + 3650 * DAY,
            actor="vpnbot",
            action="audit.head",
            subject="audit",
            detail={},
        )
    assert await paper.do(audit.announce_head)
    assert await heads(paper) == [f"{forged.seq}:{forged.digest}"] * 2
    await paper.asked(user_id=EMIL)
    assert not await paper.do(audit.announce_head)
    paper.now += DAY
    assert await paper.do(audit.announce_head)
