"""Ends that were proved, and are in doubt again."""

from bot.access import reopening, revocation
from bot.access.permission import THE_BOT
from storage.records import EndReason, Grant, GrantState
from tests.bot.access.kit import ANNA, BERLIN, DAY, EMIL, MINUTE, PARIS, Paper, seen


async def proved(paper: Paper, grant: Grant) -> None:
    """On every server that still has to prove it."""
    async with paper.database.reading() as tx:
        proofs = [proof for proof in await tx.proofs.of([grant.id]) if proof.is_open]
    looks = [seen(grant, proof.server, cut=1, crl_seen_at=paper.now) for proof in proofs]
    await paper.do(revocation.record_proofs, looks)


async def ended(paper: Paper, grant: Grant) -> Grant:
    await paper.by(THE_BOT, revocation.begin, [grant], EndReason.REVOKED)
    await proved(paper, grant)
    return await paper.grant(grant.id)


async def doubt(paper: Paper) -> None:
    await paper.do(reopening.doubt_all, BERLIN, since=paper.now, found={"crl_put_back"})


async def unproved(paper: Paper) -> set[tuple[str, str]]:
    async with paper.database.reading() as tx:
        return {(proof.grant_id, proof.server) for proof in await tx.proofs.unproved()}


async def test_all_who_are_out_have_to_be_proved_anew_there(paper: Paper) -> None:
    await paper.add_server(PARIS, "10.9.0.0/29")
    out = await ended(paper, await paper.active(ANNA))
    assert out.state is GrantState.REVOKED
    live = await paper.active(EMIL)
    await paper.forget()
    paper.now += MINUTE
    await doubt(paper)
    assert (await paper.grant(out.id)).state is GrantState.REVOKING
    assert await paper.grant(live.id) == live
    assert await unproved(paper) == {(out.id, BERLIN)}  # PARIS has the list that it had
    (row,) = await paper.noted()
    assert (row.action, row.detail["found"]) == ("server.doubt", ["crl_put_back"])
    assert row.detail["grants"] == 1

    # As long as the other list lies there, nothing begins anew at each look.
    await doubt(paper)
    assert await paper.noted() == []

    await proved(paper, out)
    assert (await paper.grant(out.id)).state is GrantState.REVOKED
    (again,) = await paper.noted()
    assert (again.action, again.subject) == ("server.prove_again", "server:berlin")
    assert (again.detail["grants"], again.detail["sessions"]) == (1, 1)


async def test_what_was_seen_before_counts_no_more(paper: Paper) -> None:
    """Of one whose second look was still to come."""
    grant = await paper.active(ANNA)
    await paper.by(THE_BOT, revocation.begin, [grant], EndReason.REVOKED)
    early = seen(grant, proved=False, found=[("second_look_due", "")], crl_seen_at=paper.now)
    await paper.do(revocation.record_proofs, [early])
    await doubt(paper)
    async with paper.database.reading() as tx:
        (proof,) = await tx.proofs.of([grant.id])
    assert (proof.crl_seen_at, proof.attempts, proof.is_open) == (None, 0, True)


async def test_whose_certificate_had_ended_was_refused_by_its_date(paper: Paper) -> None:
    out = await ended(paper, await paper.active(ANNA))
    await paper.forget()
    paper.now += 40 * DAY
    await doubt(paper)
    assert await paper.grant(out.id) == out
    assert await paper.noted() == []
