"""What proves an end, on every server that it concerns, and what is tried again."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from bot.access import holdings, importing, revocation
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal
from bot.access.revocation import retry_after
from storage.records import (
    ChatId,
    EndReason,
    Grant,
    GrantState,
    OutboxKind,
    Proof,
    ServerName,
)
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    DAY,
    EMIL,
    HOUR,
    MINUTE,
    MORNING,
    OPERATOR,
    PARIS,
    Paper,
    make_server,
    proofs,
    seen,
)


@pytest.mark.parametrize(
    ("reason", "final"),
    [
        (reason, GrantState.EXPIRED if reason is EndReason.ENDED else GrantState.REVOKED)
        for reason in EndReason
    ],
)
async def test_a_grant_is_over_when_every_server_has_proved_it(
    two_servers: Paper, reason: EndReason, final: GrantState
) -> None:
    paper = two_servers
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], reason)
    await paper.forget()

    assert await paper.do(revocation.record_proofs, [seen(grant, BERLIN)]) == []
    assert (await paper.grant(grant.id)).state is GrantState.REVOKING
    assert await paper.noted() == []

    paper.now = MORNING + HOUR
    assert await paper.do(revocation.record_proofs, [seen(grant, PARIS)]) == [grant.id]
    after = await paper.grant(grant.id)
    assert (after.state, after.proved_at) == (final, paper.now)
    [noted] = await paper.noted()
    assert (noted.actor, noted.action, noted.detail["state"]) == ("vpnbot", "grant.prove", final)


async def test_what_was_found_is_kept_and_tried_again(paper: Paper) -> None:
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    found = (("session_live", "10.8.0.2"), ("crl_old", ""))

    failed = seen(grant, proved=False, crl=None, found=found)
    assert await paper.do(revocation.record_proofs, [failed]) == []

    assert await proofs(paper, grant) == {
        BERLIN: Proof(
            grant.id,
            BERLIN,
            proved=False,
            attempts=1,
            next_try_at=MORNING + timedelta(seconds=2),
            crl_number=None,
            sessions_cut=0,
            checked_at=MORNING,
            findings=found,
        )
    }


async def test_sessions_that_were_cut_add_up(paper: Paper) -> None:
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    for cut in (2, 0, 1):
        await paper.do(revocation.record_proofs, [seen(grant, proved=False, cut=cut)])
    await paper.do(revocation.record_proofs, [seen(grant, cut=1, crl=9)])
    proof = (await proofs(paper, grant))[BERLIN]
    assert (proof.sessions_cut, proof.attempts, proof.crl_number) == (4, 4, 9)
    assert proof.findings == ()


async def test_a_proof_is_not_taken_back(two_servers: Paper) -> None:
    paper = two_servers
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    await paper.do(revocation.record_proofs, [seen(grant, cut=1)])
    before = await proofs(paper, grant)
    late = seen(grant, proved=False, cut=5, found=(("crl_old", ""),))
    assert await paper.do(revocation.record_proofs, [late]) == []
    assert await proofs(paper, grant) == before


async def test_an_attempt_that_nobody_asked_for_is_ignored(paper: Paper) -> None:
    grant = await paper.active()
    before = await paper.everything()
    assert await paper.do(revocation.record_proofs, [seen(grant)]) == []
    assert await paper.do(revocation.record_proofs, []) == []
    assert await paper.everything() == before


async def test_attempts_on_several_grants_are_kept_apart(paper: Paper) -> None:
    first, second = await paper.active(ANNA), await paper.active(EMIL)
    await paper.by(OPERATOR, revocation.begin, [first, second], EndReason.REVOKED)
    closed = await paper.do(revocation.record_proofs, [seen(first, proved=False), seen(second)])
    assert closed == [second.id]
    assert (await paper.grant(first.id)).state is GrantState.REVOKING


def test_the_wait_grows_and_is_capped() -> None:
    waits = [retry_after(attempts).total_seconds() for attempts in range(50)]
    assert waits[:8] == [2, 4, 8, 16, 32, 64, 128, 256]
    assert all(early <= late for early, late in pairwise(waits))
    assert set(waits[8:]) == {300}
    assert retry_after(10**9) == timedelta(minutes=5)


async def test_each_failure_is_tried_again_later_than_the_one_before(paper: Paper) -> None:
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    for wait in (2, 4, 8):
        await paper.do(revocation.record_proofs, [seen(grant, proved=False)])
        due = (await proofs(paper, grant))[BERLIN].next_try_at
        assert due == paper.now + timedelta(seconds=wait)
        paper.now = due


@pytest.mark.parametrize(("early", "wait"), [(timedelta(seconds=40), 40), (-MINUTE, 0)])
async def test_what_came_too_early_is_looked_at_again_when_it_can_be_proved(
    paper: Paper, early: timedelta, wait: int
) -> None:
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    number, look = seen(grant, proved=False)
    look = replace(look, second_look_at=paper.now + early)
    await paper.do(revocation.record_proofs, [(number, look)])
    due = (await proofs(paper, grant))[BERLIN].next_try_at
    assert due == paper.now + timedelta(seconds=wait)


async def test_receipts_that_said_not_proved_are_followed_up_at_once(paper: Paper) -> None:
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    async with paper.database.writing() as tx:
        for kind in (OutboxKind.RECEIPT, OutboxKind.NOTICE):
            await tx.outbox.add(ChatId(BORIS), kind, {}, now=MORNING, wait_s=300)
    await paper.forget()

    await paper.do(revocation.record_proofs, [seen(grant, proved=False)])
    async with paper.database.reading() as tx:
        [receipt] = await tx.outbox.open(OutboxKind.RECEIPT)
    assert receipt.due_at == MORNING + timedelta(seconds=300)

    await paper.do(revocation.record_proofs, [seen(grant)])
    async with paper.database.reading() as tx:
        [receipt] = await tx.outbox.open(OutboxKind.RECEIPT)
        [*_, other] = await tx.outbox.open(OutboxKind.NOTICE)
    assert receipt.due_at == MORNING
    assert other.due_at == MORNING + timedelta(seconds=300)


async def take_out(paper: Paper, server: ServerName) -> None:
    """As `vpnbot server remove` does."""
    async with paper.database.writing() as tx:
        found = await tx.servers.get(server)
        assert found is not None
        await revocation.take_out(paper.case(tx, THE_BOT), found)


async def test_what_a_removed_server_had_to_prove_holds_nothing_up(two_servers: Paper) -> None:
    paper = two_servers
    grant = await paper.active(server=PARIS)
    open_ = await paper.active(EMIL)
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    await paper.do(revocation.record_proofs, [seen(grant, PARIS)])
    await paper.forget()
    await take_out(paper, BERLIN)
    assert (await paper.grant(grant.id)).state is GrantState.REVOKED
    assert (await paper.grant(open_.id)).state is GrantState.ACTIVE
    # It does not count as proved, neither here nor in the trail.
    [noted] = await paper.noted()
    assert (noted.action, noted.detail["servers"]) == ("grant.drop", [BERLIN])
    assert {name: proof.proved for name, proof in (await proofs(paper, grant)).items()} == {
        BERLIN: False,
        PARIS: True,
    }


async def test_what_was_dropped_is_not_proved_by_what_comes_later(two_servers: Paper) -> None:
    paper = two_servers
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    await take_out(paper, BERLIN)
    await paper.forget()
    assert (await paper.grant(grant.id)).state is GrantState.REVOKING
    late = [seen(grant, BERLIN), seen(grant, PARIS)]
    assert await paper.do(revocation.record_proofs, late) == [grant.id]
    assert not (await proofs(paper, grant))[BERLIN].proved
    assert [noted.action for noted in await paper.noted()] == ["grant.drop"]


async def test_a_receipt_about_a_removed_server_is_followed_up_at_once(paper: Paper) -> None:
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    async with paper.database.writing() as tx:
        await tx.outbox.add(ChatId(BORIS), OutboxKind.RECEIPT, {}, now=MORNING, wait_s=300)
    await take_out(paper, BERLIN)
    async with paper.database.reading() as tx:
        [receipt] = await tx.outbox.open(OutboxKind.RECEIPT)
    assert receipt.due_at == MORNING


async def test_a_server_that_never_had_a_crl_has_nothing_to_prove(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.servers.add(replace(make_server(PARIS, "10.9.0.0/29"), crl_published_at=None))
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    assert set(await proofs(paper, grant)) == {BERLIN}
    await paper.do(revocation.record_proofs, [seen(grant)])
    assert (await paper.grant(grant.id)).state is GrantState.REVOKED


async def test_an_adopted_server_has_to_prove_before_its_first_crl(paper: Paper) -> None:
    await adopt(paper, PARIS)
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    assert set(await proofs(paper, grant)) == {BERLIN, PARIS}


async def adopt(paper: Paper, name: ServerName) -> None:
    """A server of the operator's own, without a CRL of ours so far; as `server adopt` does."""
    server = make_server(name, "10.10.0.0/29")
    async with paper.database.writing() as tx:
        if await tx.servers.get(name) is None:
            await tx.servers.add(replace(server, crl_published_at=None, adopted={}))
        await revocation.ask_adopted(paper.case(tx, THE_BOT), name)


async def imported(paper: Paper, serial: str = "01") -> Grant:
    """A certificate from before; nobody has said whose it is, or where it opens what."""
    found = importing.Certificate(serial, "carl", MORNING - DAY, MORNING + DAY)
    await paper.by(OPERATOR, importing.take_in, [found])
    async with paper.database.reading() as tx:
        [grant] = [one for one in await tx.grants.imported() if one.serial == serial]
    return grant


async def test_while_no_server_is_known_the_end_of_an_imported_one_is_not_proved(
    empty: Paper,
) -> None:
    paper = empty
    await paper.add_server()
    await take_out(paper, BERLIN)
    grant = await imported(paper)
    [ended] = await paper.by(OPERATOR, revocation.revoke_grant, grant.id)
    await paper.do(revocation.close_proved)
    assert (await paper.grant(grant.id)).state is GrantState.REVOKING
    # Said again it is looked at again.
    again = await paper.by(OPERATOR, revocation.revoke_grant, grant.id)
    assert [found.id for found in again] == [ended.id]

    paper.now = MORNING + HOUR
    await adopt(paper, PARIS)
    assert await proofs(paper, grant) == {
        PARIS: Proof(grant.id, PARIS, proved=False, attempts=0, next_try_at=paper.now)
    }
    await paper.do(revocation.record_proofs, [seen(grant, PARIS)])
    assert (await paper.grant(grant.id)).state is GrantState.REVOKED


async def test_adopting_again_asks_for_nothing_twice(paper: Paper) -> None:
    grant, own = await imported(paper), await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant, own], EndReason.REVOKED)
    await adopt(paper, PARIS)
    await paper.do(revocation.record_proofs, [seen(grant, PARIS)])
    before = await proofs(paper, grant)
    assert set(before) == {BERLIN, PARIS}
    await adopt(paper, PARIS)
    assert await proofs(paper, grant) == before
    # One of ours was never given for a server that was not known.
    assert set(await proofs(paper, own)) == {BERLIN}


async def test_a_server_that_is_adopted_again_is_asked_anew(paper: Paper) -> None:
    await adopt(paper, PARIS)
    grant = await imported(paper)
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    await take_out(paper, PARIS)
    assert not (await proofs(paper, grant))[PARIS].is_open
    await adopt(paper, PARIS)
    assert (await proofs(paper, grant))[PARIS].is_open


@pytest.mark.parametrize("is_open", [False, True])
async def test_what_opens_a_server_that_was_taken_out_is_never_proved_there(
    paper: Paper, is_open: bool
) -> None:
    """It may still run, with whatever list it read last."""
    await adopt(paper, PARIS)
    old, own = await imported(paper), await paper.active()
    if is_open:
        async with paper.database.writing() as tx:
            await tx.servers.set_open(PARIS, paper.now)
    await take_out(paper, PARIS)
    assert {(await paper.grant(one.id)).state for one in (old, own)} == {GrantState.ACTIVE}
    for grant, is_proved in ((old, False), (own, not is_open)):
        await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
        await paper.do(revocation.record_proofs, [seen(grant)])
        assert (await paper.grant(grant.id)).state is GrantState.REVOKED
        assert all(proof.proved for proof in (await proofs(paper, grant)).values()) is is_proved
        async with paper.database.reading() as tx:
            over = await paper.grant(grant.id)
            assert await holdings.may_let_in(tx, paper.now, over) is not is_proved
        # Whoever taps a button about it later does not read that it is simply over.
        values = await paper.refused(Refusal.GRANT_OVER, revocation.require_live, over)
        assert values["may_work"] is not is_proved


async def test_closing_leaves_alone_what_is_not_proved(two_servers: Paper) -> None:
    paper = two_servers
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    await paper.do(revocation.record_proofs, [seen(grant, BERLIN)])
    before = await paper.everything()
    await paper.do(revocation.close_proved)
    assert await paper.everything() == before
