"""What the delivery of a profile ends of those before it."""

from dataclasses import replace

import pytest

from bot.access import grants, revocation
from storage.records import EndReason, Grant, GrantId, GrantState, OutboxKind, Request
from tests.bot.access.kit import ANNA, EMIL, Paper, to


async def in_place_of(paper: Paper, before: Grant, asked: Request) -> Grant:
    """A certificate that is to take another one's place, as when all move to another CA."""
    fresh = replace(
        before,
        id=GrantId(f"g-fresh{asked.id}"),
        request_id=asked.id,
        serial=f"f{asked.id}",
        common_name=f"fresh-{asked.id}",
        places=(),
        state=GrantState.ISSUED,
        replaces=before.id,
    )
    async with paper.database.writing() as tx:
        await tx.grants.add(fresh)
    return fresh


@pytest.mark.parametrize("reason", [EndReason.LOST, EndReason.REVOKED])
async def test_only_what_was_lost_on_its_way_is_passed_over(
    paper: Paper, reason: EndReason
) -> None:
    """Of one that somebody ended, whatever comes after it takes nothing else along."""
    old = await paper.active()
    between = await in_place_of(paper, old, await paper.asked(ANNA))
    last = await in_place_of(paper, between, await paper.asked(EMIL))
    await paper.do(revocation.begin, [between], reason, with_replacements=False)
    await paper.heard()
    assert await paper.do(grants.delivered, last)
    receipts = [said for said in await paper.heard() if said.kind is OutboxKind.RECEIPT]
    if reason is EndReason.LOST:
        assert (await paper.grant(old.id)).end_reason is EndReason.REPLACED
        assert receipts == [to(ANNA, OutboxKind.RECEIPT, {"grants": [old.id], "look": False})]
    else:
        assert (await paper.grant(old.id)).state is GrantState.ACTIVE
        assert receipts == []
