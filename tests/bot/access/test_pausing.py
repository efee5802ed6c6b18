"""Somebody is kept out for a while: nothing is given to them, and nothing is lost."""

from datetime import timedelta
from typing import Any

import pytest

from bot.access import (
    asking,
    grants,
    pausing,
    people,
    reopening,
    requests,
    restored,
    revocation,
    takeover,
)
from bot.access.messages import Notice
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal
from bot.access.takeover import CrlEntry
from storage.records import (
    ON_HOLD,
    ChatId,
    Grant,
    GrantState,
    OutboxKind,
    Pause,
    PostedMessage,
    UserId,
)
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    DAY,
    EMIL,
    HOUR,
    MORNING,
    OPERATOR,
    PARIS,
    Noted,
    Paper,
    Said,
    notice,
    seen,
    to,
)

SECOND = timedelta(seconds=1)
OTHER = UserId(1009)


async def paused(paper: Paper, grant: Grant) -> Grant:
    """Paused, and proved on every server."""
    await paper.by(await paper.actor(BORIS), pausing.pause, ANNA, None)
    for server in (BERLIN, PARIS):
        await paper.do(revocation.record_proofs, [seen(grant, server)])
    return await paper.grant(grant.id)


async def known_on(paper: Paper) -> list[str]:
    async with paper.database.reading() as tx:
        return [grant.id for grant in await tx.grants.known_on(BERLIN)]


async def test_who_is_paused_may_have_an_end_that_is_not_proved(paper: Paper) -> None:
    """Its receipt is the one that says so."""
    grant, boris = await paper.active(), await paper.actor(BORIS)
    await paper.by(boris, revocation.revoke_grant, grant.id)
    done = await paper.by(boris, pausing.pause, ANNA, None)
    assert [(one.id, one.state) for one in done.grants] == [(grant.id, GrantState.REVOKING)]
    await paper.do(revocation.record_proofs, [seen(grant, BERLIN)])
    assert (await paper.by(boris, pausing.pause, ANNA, None)).grants == []


async def test_a_pause_is_proved_on_every_server_and_undone_as_a_whole(two_servers: Paper) -> None:
    paper = two_servers
    grant = await paper.active()
    await paper.forget()
    boris = await paper.actor(BORIS)
    done = await paper.by(boris, pausing.pause, ANNA, paper.now + DAY)
    [held] = done.grants
    assert (held.state, held.pause) == (GrantState.ACTIVE, Pause.PAUSING)
    assert await known_on(paper) == [grant.id]
    assert [one.action for one in await paper.noted()] == ["user.pause", "grant.pause"]

    await paper.do(revocation.record_proofs, [seen(grant, BERLIN)])
    assert (await paper.grant(grant.id)).pause is Pause.PAUSING
    await paper.do(revocation.record_proofs, [seen(grant, PARIS)])
    after = await paper.grant(grant.id)
    assert (after.pause, after.is_out, after.state) == (Pause.PAUSED, True, GrantState.ACTIVE)
    # No longer among those who may be there.
    assert await known_on(paper) == []
    async with paper.database.reading() as tx:
        assert await tx.pauses.serials() == [grant.serial]

    # Somebody put back an older list: all who are out are in doubt, and so are they.
    await paper.do(reopening.doubt_all, BERLIN, since=paper.now - HOUR, found=("crl_put_back",))
    assert (await paper.grant(grant.id)).pause is Pause.PAUSING
    await paper.do(revocation.record_proofs, [seen(grant, BERLIN)])
    assert (await paper.grant(grant.id)).pause is Pause.PAUSED

    resumed = await paper.by(boris, pausing.resume, ANNA)
    assert [one.pause for one in resumed.grants] == [None]
    assert await known_on(paper) == [grant.id]
    async with paper.database.reading() as tx:
        assert await tx.proofs.of([grant.id]) == []
        assert await tx.pauses.serials() == []
        # Each of its servers takes it in anew, and every CRL has to leave it out.
        assert [one.id for one in await tx.grants.waiting_on(BERLIN)] == [grant.id]
        assert await tx.pauses.crls_due() == {BERLIN, PARIS}
    async with paper.database.writing() as tx:
        number = await tx.crl.next_number()
        await tx.servers.set_crl_published(BERLIN, paper.now, number, "")
        assert await tx.pauses.crls_due() == {PARIS}


async def test_what_they_read_of_it_and_what_the_trail_keeps(paper: Paper) -> None:
    boris, until = await paper.actor(BORIS), paper.now + DAY
    by: dict[str, Any] = {"admin": "Boris", "by": boris.key}
    name: dict[str, Any] = {"name": "Boris", "user_name": "Anna Petrova"}
    end = until.isoformat()
    menu = to(ANNA, OutboxKind.MENU, {})
    for day, said, noted in (
        (until, notice(ANNA, "paused_until", until=end, **by), {"until": end}),
        (None, notice(ANNA, "paused", **by), {"until": None}),
    ):
        await paper.by(boris, pausing.pause, ANNA, day)
        assert await paper.heard() == [said, menu]
        assert await paper.noted() == [Noted(boris.key, "user.pause", f"user:{ANNA}", name | noted)]
        # Said again it is no news.
        await paper.by(boris, pausing.pause, ANNA, day)
        assert (await paper.heard(), await paper.noted()) == ([], [])
    await paper.by(boris, pausing.resume, ANNA)
    assert await paper.heard() == [notice(ANNA, "resumed", **by), menu]
    assert await paper.noted() == [Noted(boris.key, "user.resume", f"user:{ANNA}", name)]


async def test_an_admin_who_pauses_themselves_knows_it(paper: Paper) -> None:
    await paper.by(OPERATOR, people.allow, BORIS, "Boris")
    await paper.forget()
    await paper.by(await paper.actor(BORIS), pausing.pause, BORIS, None)
    assert await paper.heard() == [to(BORIS, OutboxKind.MENU, {})]


async def test_what_shows_them_shows_it_and_what_was_on_its_way_goes_on(paper: Paper) -> None:
    grant, request = await paper.active(), await paper.asked()
    async with paper.database.writing() as tx:
        for chat, kind, about in (
            (BORIS, OutboxKind.CARD, str(request.id)),
            (ANNA, OutboxKind.DELIVER, grant.id),
        ):
            await tx.posted.remember(PostedMessage(ChatId(chat), 7, kind, about, paper.now))
        for item in await tx.outbox.open(OutboxKind.DELIVER):
            await tx.outbox.claim(item.id)
        await tx.outbox.add(ChatId(ANNA), OutboxKind.DELIVER, {}, now=paper.now, wait_s=300)
    await paper.forget()
    boris = await paper.actor(BORIS)
    shown = {(BORIS, OutboxKind.EDIT_CARD), (ANNA, OutboxKind.EDIT)}
    await paper.by(boris, pausing.pause, ANNA, None)
    assert shown <= {(one.chat, one.kind) for one in await paper.heard()}
    await paper.forget()
    await paper.by(boris, pausing.resume, ANNA)
    assert shown <= {(one.chat, one.kind) for one in await paper.heard()}
    assert [one.action for one in await paper.noted()] == ["user.resume", "grant.resume"]
    async with paper.database.reading() as tx:
        waits = [one for one in await tx.outbox.open(OutboxKind.DELIVER) if not one.payload]
    assert [one.due_at for one in waits] == [paper.now]


async def test_where_there_is_no_server_a_pause_is_proved_at_once(paper: Paper) -> None:
    grant = await paper.active()
    async with paper.database.writing() as tx:
        await tx.servers.remove(BERLIN)
    await paper.by(await paper.actor(BORIS), pausing.pause, ANNA, None)
    assert (await paper.grant(grant.id)).pause is Pause.PAUSED
    before = await paper.everything()
    await paper.do(revocation.close, grant.id)
    assert await paper.everything() == before, "once"


async def test_where_a_server_is_taken_out_the_trail_says_what_it_did_not_prove(
    paper: Paper,
) -> None:
    grant = await paper.active()
    await paper.by(await paper.actor(BORIS), pausing.pause, ANNA, None)
    await paper.forget()
    async with paper.database.writing() as tx:
        server = await tx.servers.get(BERLIN)
        assert server is not None
        await revocation.take_out(paper.case(tx, OPERATOR), server)
    [noted] = await paper.noted()
    assert (noted.actor, noted.action) == (THE_BOT.key, "grant.pause_drop")
    assert noted.detail["servers"] == [BERLIN]
    assert (await paper.grant(grant.id)).pause is Pause.PAUSED


async def test_who_is_back_is_so_once_by_all_of_their_accounts(paper: Paper) -> None:
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    await paper.by(await paper.actor(BORIS), pausing.pause, EMIL, paper.now + DAY)
    await paper.forget()
    paper.now += DAY
    await paper.do(pausing.resume_due)
    told = [(one.chat, one.payload["code"]) for one in await notices(paper)]
    assert sorted(told) == [
        (ANNA, "resumed"),
        (EMIL, "resumed"),
        (BORIS, "resumed_admins"),
        (CLARA, "resumed_admins"),
    ]


async def notices(paper: Paper) -> list[Said]:
    return [said for said in await paper.heard() if said.kind is OutboxKind.NOTICE]


async def test_after_a_restore_admins_read_once_of_whom_they_have_to_see_to(paper: Paper) -> None:
    """Not of whoever was paused without an end: nothing changes for them."""
    await paper.by(OPERATOR, people.allow, OTHER, "Olga")
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    await paper.by(OPERATOR, pausing.pause, ANNA, paper.now + DAY)
    await paper.by(OPERATOR, pausing.pause, OTHER, None)
    await paper.forget()
    await paper.by(OPERATOR, restored.begin_again, made_at="")
    told = [(one.chat, one.payload["code"]) for one in await notices(paper)]
    assert sorted(told) == [
        (ANNA, "paused"),
        (EMIL, "paused"),
        (BORIS, "pause_kept"),
        (CLARA, "pause_kept"),
    ]
    noted = {one.subject: one.detail for one in await paper.noted() if one.action == "user.pause"}
    assert noted == {
        f"user:{ANNA}": {"name": "olga", "user_name": "Anna Petrova", "until": None},
        f"user:{EMIL}": {"name": "olga", "user_name": "Emil", "until": None},
    }


async def test_who_is_paused_asks_for_nothing_and_is_given_nothing(paper: Paper) -> None:
    grant = await paper.active()
    await paused(paper, grant)
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.PAUSED, asking.ask, duration=None, server=BERLIN, reason="")
    await paper.refuses(anna, Refusal.PAUSED, grants.renew, grant.id)
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.LINKED_WHILE_PAUSED, people.link, EMIL, ANNA)
    # What they asked for before waits.
    await paper.by(boris, pausing.resume, ANNA)
    request = await paper.asked()
    await paper.by(boris, pausing.pause, ANNA, None)
    await paper.refuses(boris, Refusal.REQUESTER_PAUSED, requests.approve, request.id, None)
    await paper.refused(Refusal.REQUESTER_PAUSED, requests.approve_without_delivery, request.id)
    # Giving up is no obstacle.
    await paper.by(await paper.actor(ANNA), revocation.give_up, grant.id)
    after = await paper.grant(grant.id)
    assert (after.state, after.pause, after.proved_at) == (GrantState.REVOKING, None, None)


@pytest.mark.parametrize("state", [GrantState.RESERVED, GrantState.ISSUED])
async def test_a_pause_in_the_middle_of_a_delivery_lets_nothing_out(
    paper: Paper, state: GrantState
) -> None:
    grant = (await paper.approved()).grant
    if state is GrantState.ISSUED:
        await paper.do(grants.issued, grant)
    await paper.by(await paper.actor(BORIS), pausing.pause, ANNA, None)
    assert not await paper.do(grants.issued, grant)
    assert (await paper.grant(grant.id)).state is state
    # It got lost: what takes its place waits as well.
    await paper.do(grants.replace_lost, grant, round_=1, wait_s=0)
    async with paper.database.reading() as tx:
        [fresh] = await tx.grants.live_of_user(ANNA)
    assert (fresh.replaces, fresh.pause) == (grant.id, Pause.PAUSING)
    await paper.by(await paper.actor(BORIS), pausing.resume, ANNA)
    fresh = await paper.grant(fresh.id)
    assert fresh.pause is None
    async with paper.database.reading() as tx:
        assert await tx.grants.waiting_on(BERLIN) == []  # it was never out
    assert await paper.do(grants.issued, fresh)


async def test_the_day_that_was_named_brings_them_back_once(paper: Paper) -> None:
    grant = await paper.active()
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.PAUSE_OVER, pausing.pause, ANNA, paper.now)
    await paper.by(boris, pausing.pause, ANNA, paper.now + DAY)
    await paper.by(boris, pausing.pause, ANNA, paper.now + 2 * DAY)  # another day
    await paper.forget()
    paper.now += 2 * DAY - SECOND
    await paper.do(pausing.resume_due)
    assert (await paper.grant(grant.id)).pause is Pause.PAUSING
    paper.now += SECOND
    await paper.do(pausing.resume_due)
    assert (await paper.grant(grant.id)).pause is None
    told = [said.payload["code"] for said in await paper.heard() if said.kind is OutboxKind.NOTICE]
    assert told == ["resumed", "resumed_admins", "resumed_admins"]
    assert {one.actor for one in await paper.noted()} == {THE_BOT.key}
    await paper.refuses(boris, Refusal.NOT_PAUSED, pausing.resume, ANNA)


async def test_what_ended_meanwhile_stays_out_and_removal_ends_the_pause(paper: Paper) -> None:
    grant = await paused(paper, await paper.active())
    paper.now = grant.not_after
    done = await paper.by(await paper.actor(BORIS), pausing.resume, ANNA)
    assert done.grants == []
    assert (await paper.grant(grant.id)).pause is Pause.PAUSED  # until the keeper ends it
    [ended] = await paper.do(revocation.expire_due)
    assert (await paper.grant(ended.id)).pause is None

    await paper.by(await paper.actor(BORIS), pausing.pause, ANNA, None)
    await paper.by(await paper.actor(BORIS), people.remove, ANNA)
    async with paper.database.reading() as tx:
        assert await tx.pauses.all() == []
    await paper.by(OPERATOR, people.allow, ANNA, "Anna")
    assert not (await paper.actor(ANNA)).is_paused


async def test_nobody_who_was_removed_hears_that_they_are_back(paper: Paper) -> None:
    """Not by an account either that was off the list already, and was paused with the others."""
    await paper.by(OPERATOR, people.allow, EMIL, "Emil")
    await paper.by(OPERATOR, people.remove, EMIL)
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    await paper.by(OPERATOR, pausing.pause, ANNA, paper.now + DAY)
    await paper.by(OPERATOR, people.remove, ANNA)
    async with paper.database.reading() as tx:
        assert await tx.pauses.all() == []


async def test_only_admins_pause_and_resume(paper: Paper) -> None:
    emil = await paper.actor(EMIL)
    await paper.refuses(emil, Refusal.ADMINS_ONLY, pausing.pause, ANNA, None)
    await paper.refuses(emil, Refusal.ADMINS_ONLY, pausing.resume, ANNA)
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.UNKNOWN_PERSON, pausing.pause, OTHER, None)
    await paper.refuses(boris, Refusal.NOT_PAUSED, pausing.resume, ANNA)
    await paper.by(boris, people.remove, ANNA)
    await paper.refuses(boris, Refusal.NOT_ALLOWED_YET, pausing.pause, ANNA, None)


async def test_after_a_restore_who_was_paused_since_the_backup_stays_out(paper: Paper) -> None:
    grant = await paper.active()
    entry = CrlEntry(grant.serial, paper.now, crl_reason=ON_HOLD)
    # At any other time an older list of ours may say so of a certificate to come.
    await paper.do(takeover.take_over, BERLIN, 7, [entry])
    assert (await paper.grant(grant.id)).pause is None
    await paper.do(takeover.take_over, BERLIN, 8, [entry], restored=True)
    assert (await paper.grant(grant.id)).pause is Pause.PAUSING
    assert (await paper.actor(ANNA)).is_paused


async def test_after_a_restore_no_day_of_the_backup_brings_anybody_back(paper: Paper) -> None:
    """It may have been put off, and no server's list says until when somebody is paused."""
    grant = await paper.active()
    until = paper.now + DAY
    await paper.by(await paper.actor(BORIS), pausing.pause, ANNA, until)
    await paper.forget()
    paper.now += 2 * DAY
    await paper.by(OPERATOR, restored.begin_again, made_at="")
    told = [said for said in await paper.heard() if said.kind is OutboxKind.NOTICE]
    assert [(said.chat, said.payload["code"]) for said in told] == [
        (ANNA, Notice.PAUSED),
        (BORIS, Notice.PAUSE_KEPT),
        (CLARA, Notice.PAUSE_KEPT),
    ]
    assert told[-1].payload["values"] == {"name": "Anna Petrova", "until": until.isoformat()}
    await paper.do(pausing.resume_due)
    assert (await paper.grant(grant.id)).pause is Pause.PAUSING
    [again] = (await paper.by(await paper.actor(BORIS), pausing.resume, ANNA)).grants
    assert again.pause is None


async def test_nobody_lets_themselves_in_whom_another_keeps_out(paper: Paper) -> None:
    """Nor sooner, nor by another account; what they said themselves they take back."""
    home = UserId(2005)
    async with paper.database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", MORNING)
        await tx.people.allow(home, "Boris at home", MORNING)
        await tx.people.link(home, BORIS)
    boris, clara = await paper.actor(BORIS), await paper.actor(CLARA)
    await paper.by(clara, pausing.pause, BORIS, None)
    for account in (BORIS, home):
        told = await paper.refuses(boris, Refusal.OWN_PAUSE, pausing.resume, account)
        assert told["admin"] == "Clara"
        soon = paper.now + HOUR
        await paper.refuses(boris, Refusal.OWN_PAUSE, pausing.pause, account, soon)
    await paper.by(clara, pausing.resume, BORIS)
    await paper.by(boris, pausing.pause, BORIS, paper.now + DAY)
    await paper.by(boris, pausing.resume, home)
    await paper.by(OPERATOR, pausing.pause, BORIS, None)
    await paper.refuses(boris, Refusal.OWN_PAUSE, pausing.resume, BORIS)
    await paper.by(OPERATOR, pausing.resume, BORIS)
