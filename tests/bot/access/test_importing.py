"""Another CA's books become grants; what was revoked there stays revoked."""

from dataclasses import replace

import pytest

from bot.access import importing
from bot.access.importing import Certificate, Imported
from bot.access.refusals import Refusal
from bot.access.takeover import CrlEntry
from storage.records import EndReason, ForeignRevocation, GrantState
from tests.bot.access.kit import BERLIN, BORIS, DAY, EMIL, MORNING, OPERATOR, Noted, Paper

VALID = Certificate("01", "John Smith", MORNING - DAY, MORNING + 400 * DAY)
EXPIRED = Certificate("02", "anna", None, MORNING - DAY)
REVOKED = Certificate(
    "03", "John Smith", MORNING - 9 * DAY, MORNING + DAY, MORNING - 3 * DAY, "superseded"
)
SERVER = Certificate("04", "server", None, MORNING + DAY, for_server=True)
BOOKS = (VALID, EXPIRED, REVOKED, SERVER)


async def test_every_certificate_becomes_a_grant(paper: Paper) -> None:
    done = await paper.by(OPERATOR, importing.take_in, BOOKS, crl_number=41)
    assert done == Imported(
        {GrantState.ACTIVE: 2, GrantState.EXPIRED: 1, GrantState.REVOKED: 1}, [], 0
    )
    async with paper.database.reading() as tx:
        grants = {grant.serial: grant for grant in await tx.grants.all()}
        assert await tx.crl.last_number() == 41
    valid, expired, revoked, server = (grants[found.serial] for found in BOOKS)
    assert (valid.state, valid.common_name) == (GrantState.ACTIVE, "John Smith")
    assert (valid.not_before, valid.not_after) == (VALID.not_before, VALID.not_after)
    assert (valid.user_id, valid.request_id, valid.server, valid.address) == (None,) * 4
    assert (valid.end_reason, valid.revoked_at) == (None, None)
    assert (expired.state, expired.revoked_at) == (GrantState.EXPIRED, None)
    assert expired.end_reason is EndReason.EARLIER
    assert expired.not_before == EXPIRED.not_after
    assert (revoked.state, revoked.revoked_at) == (GrantState.REVOKED, REVOKED.revoked_at)
    assert (revoked.end_reason, revoked.crl_reason) == (EndReason.EARLIER, "superseded")
    assert server.for_server
    assert {grant.imported_at for grant in grants.values()} == {MORNING}
    assert await paper.heard() == []
    [noted] = await paper.noted()
    assert (noted.action, noted.actor) == ("ca.import", OPERATOR.key)
    assert noted.detail == {
        "name": "olga",
        "active": 2,
        "expired": 1,
        "revoked": 1,
        "ended": [],
        "listed": 0,
        "crl_number": 41,
    }


async def test_what_ends_at_this_moment_is_over(paper: Paper) -> None:
    ends = [replace(EXPIRED, not_after=MORNING), replace(VALID, end_known=False)]
    done = await paper.by(OPERATOR, importing.take_in, ends)
    assert done.added == {GrantState.EXPIRED: 1, GrantState.ACTIVE: 1}
    async with paper.database.reading() as tx:
        assert [grant.revoked_at for grant in await tx.grants.all()] == [None, None]


@pytest.mark.parametrize("is_listed", [False, True])
async def test_an_end_there_is_told_in_the_trail(paper: Paper, is_listed: bool) -> None:
    """Also one that only the other software's list knows, and of nothing else."""
    await paper.by(OPERATOR, importing.take_in, BOOKS)
    await paper.noted()
    books = [] if is_listed else [replace(VALID, revoked_at=MORNING - DAY)]
    entry = CrlEntry("99" if is_listed else VALID.serial, MORNING - DAY)
    await paper.by(OPERATOR, importing.take_in, books, listed=[entry])
    noted = (await paper.noted())[-1]
    ended = [] if is_listed else [VALID.serial]
    about = {"name": "olga", "ended": ended, "listed": int(is_listed), "crl_number": 0}
    assert noted == Noted(OPERATOR.key, "ca.import", "ca", about)


async def test_what_was_revoked_there_is_on_every_crl(paper: Paper) -> None:
    listed = [CrlEntry("99", MORNING - DAY, crl_reason="key_compromise"), CrlEntry("03", MORNING)]
    done = await paper.by(OPERATOR, importing.take_in, BOOKS, listed=listed)
    assert done.listed == 1
    async with paper.database.reading() as tx:
        [entry] = await tx.crl.entries(None)
        assert (entry.serial, entry.revoked_at, entry.crl_reason) == (
            *("03", REVOKED.revoked_at, "superseded"),
        )
        assert await tx.crl.foreign() == [
            ForeignRevocation("99", MORNING - DAY, EndReason.EARLIER, MORNING, "key_compromise")
        ]


async def test_again_only_what_is_new_comes_in(paper: Paper) -> None:
    listed = [CrlEntry("99", MORNING - DAY)]
    await paper.by(OPERATOR, importing.take_in, BOOKS, listed=listed, crl_number=41)
    await paper.forget()
    assert await paper.by(OPERATOR, importing.take_in, BOOKS, listed=listed) == Imported(ended=[])
    assert await paper.noted() == []

    since = replace(VALID, revoked_at=MORNING - DAY)
    fresh = Certificate("05", "bob", MORNING, MORNING + DAY)
    done = await paper.by(OPERATOR, importing.take_in, (since, *BOOKS[1:], fresh), crl_number=7)
    assert done.added == {GrantState.ACTIVE: 1}
    [ended] = done.ended
    grant = await paper.grant(ended.id)
    assert (grant.state, grant.revoked_at) == (GrantState.REVOKING, MORNING - DAY)
    async with paper.database.reading() as tx:
        assert await tx.crl.last_number() == 41
        [proof] = await tx.proofs.of([grant.id])
    assert (proof.server, proof.proved) == (BERLIN, False)


async def test_a_row_that_was_lost_since_ends_all_the_same(paper: Paper) -> None:
    """Only the old CRL, or a folder of the revoked, still knows of it."""
    await paper.by(OPERATOR, importing.take_in, BOOKS)
    listed = [CrlEntry(VALID.serial, MORNING - DAY)]
    done = await paper.by(OPERATOR, importing.take_in, BOOKS[1:], listed=listed)
    assert ([grant.serial for grant in done.ended], done.listed) == ([VALID.serial], 0)


async def test_an_end_that_only_the_books_know(paper: Paper) -> None:
    """Whatever they call revoked or over is on each CRL for good; who is live ends in time."""
    doubtful = [replace(found, end_known=False) for found in (VALID, EXPIRED, REVOKED)]
    await paper.by(OPERATOR, importing.take_in, doubtful)
    later = paper.now + 999 * DAY
    async with paper.database.reading() as tx:
        grants = {grant.serial: grant for grant in await tx.grants.all()}
        entries = {entry.serial: entry for entry in await tx.crl.entries(later)}
    assert grants["02"].state is GrantState.EXPIRED
    assert set(entries) == {"02", "03"}
    assert entries["02"].revoked_at == EXPIRED.not_after


async def test_what_a_server_refused_is_not_live(paper: Paper) -> None:
    """Its serial was kept before its certificate was known."""
    kept = ForeignRevocation("01", MORNING - DAY, EndReason.REVOKED, MORNING, "superseded")
    async with paper.database.writing() as tx:
        await tx.crl.add_foreign([kept, replace(kept, serial="03")])
    await paper.by(OPERATOR, importing.take_in, BOOKS)
    async with paper.database.reading() as tx:
        grants = {grant.serial: grant for grant in await tx.grants.all()}
    assert (grants["01"].state, grants["01"].revoked_at) == (GrantState.REVOKED, MORNING - DAY)
    assert grants["01"].crl_reason == "superseded"
    assert grants["03"].revoked_at == REVOKED.revoked_at


async def test_two_codes_may_be_the_same(paper: Paper) -> None:
    codes = iter(("same0001", "same0001", "other002"))
    chance = replace(paper.chance, code=lambda: next(codes))
    async with paper.database.writing() as tx:
        case = replace(paper.case(tx, OPERATOR), chance=chance)
        await importing.take_in(case, (VALID, EXPIRED))
        assert {grant.id for grant in await tx.grants.all()} == {"g-same0001", "g-other002"}


@pytest.mark.parametrize("user", [EMIL])
async def test_only_who_manages_people_takes_over(paper: Paper, user: int) -> None:
    actor = await paper.actor(EMIL)
    await paper.refuses(actor, Refusal.ADMINS_ONLY, importing.take_in, BOOKS)
    assert (await paper.actor(BORIS)).is_admin
