"""Was this you? Whom a look has asked, and what an answer does by then."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.access import grants, not_me, people, revocation, usage
from bot.access.messages import Notice
from bot.access.refusals import Refusal
from bot.access.usage import Use
from storage.outbox import SetAside
from storage.records import (
    ChatId,
    EndReason,
    Grant,
    GrantState,
    OutboxKind,
    PostedMessage,
    ServerName,
)
from storage.use_records import AskedUse, AskedUseId, UseKind
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    DAY,
    EMIL,
    HOUR,
    MINUTE,
    MORNING,
    OPERATOR,
    PARIS,
    Paper,
    Said,
    notice,
    seen,
    to,
)
from tests.storage.kit import make_grant

HOME, CAFE = "198.51.100.7", "203.0.113.9"
ONE = AskedUseId(1)
ADMINS = (BORIS, CLARA)


def use(of: Grant, **changes: Any) -> Use:
    values: dict[str, Any] = {"began_at": MORNING, "number": 0, "real_address": f"{HOME}:40312"}
    return Use(of.id, received=1, sent=1, **values | changes)


async def look(
    paper: Paper,
    *uses: Use,
    server: ServerName = BERLIN,
    may: bool = True,
    time: datetime | None = None,
    is_killed: bool = False,
) -> bool:
    """As a round does; whether anybody was asked."""
    paper.now += MINUTE
    async with paper.database.reading() as tx:
        changes = await usage.changes(tx, paper.now, server, uses)
    asked = await paper.do(
        not_me.ask, changes, is_told=may, server_time=time, platforms={f"{HOME}:40312": "win"}
    )
    if not is_killed:
        await paper.do(usage.note, changes, is_told=may)
    return asked


async def asked(paper: Paper, number: AskedUseId = ONE) -> AskedUse:
    async with paper.database.reading() as tx:
        found = await tx.asked_uses.get(number)
    assert found is not None
    return found


async def heard(paper: Paper) -> Sequence[Said]:
    """Without what brings other messages up to date."""
    edits = (OutboxKind.EDIT, OutboxKind.EDIT_CARD)
    return [one for one in await paper.heard() if one.kind not in edits]


async def test_the_first_use_of_a_profile_is_asked_about_once(paper: Paper) -> None:
    anna = await paper.active()
    await paper.forget()
    paper.now += HOUR
    now = paper.now
    # The server's clock is an hour ahead, and has seen them for ten seconds.
    ten = timedelta(seconds=10)
    time = now + HOUR
    first = use(anna, began_at=time - ten)
    paper.now -= MINUTE
    assert await look(paper, first, time=time, is_killed=True)
    assert await heard(paper) == [to(ANNA, OutboxKind.ASKED_USE, {"use": 1}, now)]
    said = await asked(paper)
    assert (said.grant_id, said.kind, said.server) == (anna.id, UseKind.FIRST, BERLIN)
    assert (said.addresses, said.platform) == ((HOME,), "win")
    assert said.used_at == now - ten
    assert (said.is_familiar, said.was_owner) == (None, None)
    # Killed before the use was noted: the next look finds the same, and that they were asked.
    assert not await look(paper, first)
    assert not await look(paper, first)
    assert not await look(paper, use(anna, number=7), server=PARIS)
    assert await heard(paper) == []


async def test_a_network_that_was_used_before_is_known(paper: Paper) -> None:
    anna = await paper.active()
    await look(paper, use(anna))
    paper.now += DAY
    new = await paper.by(await paper.actor(ANNA), grants.renew, anna.id)
    await paper.do(grants.issued, new)
    await paper.by(OPERATOR, grants.delivered, new)
    await look(paper, use(new, real_address="198.51.100.200:9"))
    assert (await asked(paper, AskedUseId(2))).is_familiar is True
    for number, (place, expected) in enumerate(
        ((f"{CAFE}:1", False), ("[2001:db8::1]:1", False), ("nonsense", None)), 3
    ):
        other = await paper.by(await paper.actor(ANNA), grants.renew, new.id)
        await paper.do(grants.issued, other)
        await paper.by(OPERATOR, grants.delivered, other)
        new = other
        paper.now += HOUR
        await look(paper, use(new, real_address=place))
        said = await asked(paper, AskedUseId(number))
        assert (said.is_familiar, said.platform) == (expected, None)


async def test_nobody_is_asked_about_what_is_nobodys_or_over(paper: Paper) -> None:
    anna = await paper.active()
    await paper.do(revocation.begin, [anna], EndReason.REVOKED)
    values: dict[str, Any] = {"server": None, "address": None, "imported_at": MORNING}
    async with paper.database.writing() as tx:
        nobodys = make_grant(70, None, user_id=None, common_name="old", **values)
        emils = make_grant(71, None, user_id=EMIL, common_name="emil", **values)
        await tx.grants.add_many([nobodys, emils])
    await paper.forget()
    assert not await look(paper, use(anna), use(nobodys))
    assert await look(paper, use(emils))
    assert [one.chat for one in await heard(paper)] == [EMIL]


async def test_two_places_at_once_ask_the_owner_as_often_as_admins_are_told(paper: Paper) -> None:
    anna = await paper.active()
    await look(paper, use(anna))
    await paper.forget()
    both = use(anna), use(anna, number=1, real_address=f"{CAFE}:1")
    assert not await look(paper, *both, may=False)
    assert await look(paper, *both)
    assert not await look(paper, *both)
    said = await asked(paper, AskedUseId(2))
    assert (said.kind, said.addresses, said.used_at) == (
        UseKind.TWICE,
        (HOME, CAFE),
        paper.now - MINUTE,
    )
    assert [one.payload for one in await heard(paper)] == [{"use": 2}]


async def says(paper: Paper, *, was_owner: bool, who: Any = ANNA) -> not_me.Answered:
    return await paper.by(await paper.actor(who), not_me.answer, ONE, was_owner=was_owner)


def told(paper: Paper, code: Notice, grant: Grant, admin: Any = BORIS) -> Said:
    return notice(
        admin,
        code,
        paper.now,
        name="Anna Petrova",
        common_name=grant.common_name,
        server=BERLIN,
        used_at=(MORNING + MINUTE).isoformat(),
        places=HOME,
    )


async def test_not_me_ends_it_and_tells_the_admins(paper: Paper) -> None:
    anna = await paper.active()
    await look(paper, use(anna))
    await paper.forget()
    done = await says(paper, was_owner=False)
    assert [one.id for one in done.ended] == [anna.id]
    assert (done.grant.state, done.grant.end_reason) == (GrantState.REVOKING, EndReason.STOLEN)
    receipt = {"grants": [anna.id], "look": False, "if_unproved": True}
    assert await heard(paper) == [
        one
        for admin in ADMINS
        for one in (
            told(paper, Notice.NOT_ME, anna, admin),
            to(admin, OutboxKind.RECEIPT, receipt, paper.now),
        )
    ]
    acts = [(row.action, row.actor) for row in await paper.noted()]
    assert acts == [("grant.was_not_owner", f"telegram:{ANNA}"), ("grant.end", f"telegram:{ANNA}")]
    # Again, or the other way round: nothing more comes of it.
    for was_owner in (False, True):
        again = await says(paper, was_owner=was_owner)
        assert (again.use.was_owner, again.ended) == (False, ())
    assert (await heard(paper), await paper.noted()) == ([], [])


async def test_whoever_said_yes_may_find_out_that_it_was_not_them(paper: Paper) -> None:
    anna = await paper.active()
    await look(paper, use(anna))
    done = await says(paper, was_owner=True)
    assert (done.use.was_owner, done.use.answered_at, done.ended) == (True, paper.now, ())
    await paper.forget()
    assert (await says(paper, was_owner=True)).use.was_owner
    assert await paper.noted() == [], "said again it is no news"
    paper.now += HOUR
    done = await says(paper, was_owner=False)
    assert (len(done.ended), done.use.answered_at) == (1, paper.now)


async def test_a_week_later_a_no_ends_what_still_lives_only(paper: Paper) -> None:
    anna = await paper.active()
    await look(paper, use(anna))
    await paper.do(revocation.begin, [anna], EndReason.REVOKED)
    await paper.do(revocation.record_proofs, [seen(await paper.grant(anna.id))])
    await paper.forget()
    paper.now += 7 * DAY
    done = await says(paper, was_owner=False)
    assert (list(done.ended), done.grant.end_reason) == ([], EndReason.REVOKED)
    assert await heard(paper) == [told(paper, Notice.NOT_ME_OVER, anna, one) for one in ADMINS]


async def test_a_yes_to_what_is_over_changes_nothing(paper: Paper) -> None:
    anna = await paper.active()
    await look(paper, use(anna))
    await paper.do(revocation.begin, [anna], EndReason.REVOKED)
    await paper.forget()
    assert (await says(paper, was_owner=True)).use.was_owner is None
    assert (await asked(paper)).was_owner is None
    assert (await paper.heard(), await paper.noted()) == ([], [])


async def test_an_admin_whose_profile_it_is_is_not_told_what_they_said(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", MORNING)
    request = await paper.asked(BORIS)
    done = await paper.yes(CLARA, request.id)
    await paper.do(grants.issued, done.grant)
    await paper.by(OPERATOR, grants.delivered, done.grant)
    await look(paper, use(done.grant))
    await paper.forget()
    await says(paper, was_owner=False, who=BORIS)
    chats = {one.chat for one in await heard(paper)}
    assert chats == {CLARA}


async def test_it_is_for_its_owner_to_say_by_any_of_their_accounts(paper: Paper) -> None:
    anna = await paper.active()
    await look(paper, use(anna))
    actor = await paper.actor(EMIL)
    await paper.refuses(actor, Refusal.NOT_YOURS, not_me.answer, ONE, was_owner=False)
    await paper.refuses(OPERATOR, Refusal.NOT_ALLOWED, not_me.answer, ONE, was_owner=False)
    unknown = AskedUseId(99)
    mine = await paper.actor(ANNA)
    await paper.refuses(mine, Refusal.NO_BUTTON, not_me.answer, unknown, was_owner=False)
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    done = await says(paper, was_owner=False, who=EMIL)
    assert len(done.ended) == 1


async def test_whoever_was_removed_has_nothing_left_to_say(paper: Paper) -> None:
    anna = await paper.active()
    await look(paper, use(anna))
    await paper.by(OPERATOR, people.remove, ANNA)
    actor = await paper.actor(ANNA)
    await paper.refuses(actor, Refusal.NOT_ALLOWED, not_me.answer, ONE, was_owner=False)


@pytest.mark.parametrize("ends", [True, False])
async def test_what_was_asked_is_brought_up_to_date_until_it_is_answered(
    paper: Paper, ends: bool
) -> None:
    anna = await paper.active()
    await look(paper, use(anna))
    async with paper.database.writing() as tx:
        posted = PostedMessage(ChatId(ANNA), 500, OutboxKind.ASKED_USE, "1", paper.now)
        await tx.posted.remember(posted)
    if not ends:
        await says(paper, was_owner=True)
    await paper.forget()
    await paper.do(revocation.begin, [anna], EndReason.REVOKED)
    edits = [one.payload for one in await paper.heard() if one.kind is OutboxKind.EDIT]
    edit = {"kind": "asked_use", "subject": "1", "message": 500}
    assert (edit in edits) is ends


async def unheard(paper: Paper) -> None:
    """What was to be said reaches nobody."""
    async with paper.database.writing() as tx:
        for row in await tx.outbox.open(OutboxKind.ASKED_USE):
            assert await tx.outbox.claim(row.id)
            await tx.outbox.conclude(row, SetAside(None))
    await paper.do(people.unreachable, ANNA)
    await paper.forget()


async def test_who_had_blocked_the_bot_is_asked_when_they_are_back(paper: Paper) -> None:
    grant = await paper.active()
    await look(paper, use(grant))
    await unheard(paper)
    await paper.do(people.reached, ANNA)
    questions = [one for one in await paper.heard() if one.kind == OutboxKind.ASKED_USE]
    assert [(one.chat, one.payload) for one in questions] == [(ANNA, {"use": ONE})]
    # Once: it is on its way, and then it is there.
    await paper.do(people.unreachable, ANNA)
    await paper.do(people.reached, ANNA)
    await unheard(paper)
    async with paper.database.writing() as tx:
        posted = PostedMessage(ChatId(ANNA), 7, OutboxKind.ASKED_USE, "1", paper.now)
        await tx.posted.remember(posted)
    await paper.do(people.reached, ANNA)
    assert all(one.kind != OutboxKind.ASKED_USE for one in await paper.heard())


@pytest.mark.parametrize("why", ["over", "answered", "long ago", "somebody else's"])
async def test_nor_about_what_needs_no_answer_any_more(paper: Paper, why: str) -> None:
    grant = await paper.active(EMIL if why == "somebody else's" else ANNA)
    await look(paper, use(grant))
    await unheard(paper)
    if why == "over":
        await paper.do(revocation.begin, [grant], EndReason.REVOKED)
    elif why == "answered":
        await paper.by(await paper.actor(ANNA), not_me.answer, ONE, was_owner=True)
    elif why == "long ago":
        paper.now += 7 * DAY
    await paper.forget()
    await paper.do(people.reached, ANNA)
    assert all(one.kind != OutboxKind.ASKED_USE for one in await paper.heard())


async def test_nor_about_more_than_a_few(paper: Paper) -> None:
    grant = await paper.active()
    async with paper.database.writing() as tx:
        for _ in range(5):
            one = AskedUse(grant.id, UseKind.TWICE, BERLIN, paper.now, (HOME, CAFE), paper.now)
            await tx.asked_uses.add(one)
    await unheard(paper)
    await paper.do(people.reached, ANNA)
    questions = [one for one in await paper.heard() if one.kind == OutboxKind.ASKED_USE]
    assert [one.payload["use"] for one in questions] == [3, 4, 5]
