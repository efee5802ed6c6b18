"""The end of access: recorded first, then proved on every server, and said as it is."""

from datetime import timedelta
from typing import Any

import pytest

from bot.access import grants, importing, linking, people, reopening, revocation, who
from bot.access.importing import Certificate
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal
from storage.records import (
    LIVE_STATES,
    ChatId,
    EndReason,
    GrantId,
    GrantState,
    OutboxKind,
    PostedMessage,
    Proof,
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
    notice,
    proofs,
    seen,
    to,
)

BY_BORIS: dict[str, Any] = {"admin": "Boris", "by": "telegram:2001"}
SILENT_ENDS = {
    EndReason.BY_OWNER,
    EndReason.REPLACED,
    EndReason.LOST,
    EndReason.UNDELIVERABLE,
    EndReason.NOT_TAKEN,
    EndReason.STOLEN,
    EndReason.EARLIER,
}


@pytest.mark.parametrize("state", LIVE_STATES)
@pytest.mark.parametrize("reason", list(EndReason))
async def test_every_server_has_to_prove_an_end(
    two_servers: Paper, reason: EndReason, state: GrantState
) -> None:
    paper = two_servers
    grant = (await paper.approved()).grant
    async with paper.database.writing() as tx:
        await tx.grants.move(grant.id, GrantState.RESERVED, state)
    await paper.forget()
    paper.now = MORNING + HOUR
    boris = await paper.actor(BORIS)

    [ended] = await paper.by(boris, revocation.begin, [grant], reason)

    assert ended.id == grant.id
    after = await paper.grant(grant.id)
    assert after.state is GrantState.REVOKING
    assert (after.revoked_at, after.end_reason, after.proved_at) == (paper.now, reason, None)
    assert (after.ended_by, after.ended_by_name) == ("telegram:2001", "Boris")
    # Whoever ordered it looks at once; the keeper only if they have not.
    soon = paper.now + timedelta(seconds=2)
    assert await proofs(paper, grant) == {
        name: Proof(grant.id, name, proved=False, attempts=0, next_try_at=soon)
        for name in (BERLIN, PARIS)
    }
    expected = [] if reason in SILENT_ENDS else [reason.value]
    heard = await paper.heard()
    assert [said.payload["values"]["reason"] for said in heard] == expected
    assert all(said.chat == ANNA for said in heard)
    assert await paper.noted() == [
        Noted(
            "telegram:2001",
            "grant.end",
            f"grant:{grant.id}",
            {
                "name": "Boris",
                "user_id": ANNA,
                "serial": grant.serial,
                "common_name": grant.common_name,
                "reason": reason.value,
            },
        )
    ]


async def test_who_ends_a_grant_second_does_nothing(paper: Paper) -> None:
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    before = await paper.everything()
    assert await paper.by(OPERATOR, revocation.begin, [grant], EndReason.ENDED) == []
    assert await paper.everything() == before


async def test_only_those_that_this_call_ended_are_given_back(paper: Paper) -> None:
    first, second = await paper.active(ANNA), await paper.active(EMIL)
    await paper.by(OPERATOR, revocation.begin, [first], EndReason.REVOKED)
    ended = await paper.by(OPERATOR, revocation.begin, [first, second], EndReason.REVOKED)
    assert ended == [second]


async def test_where_no_server_is_left_an_end_is_proved_at_once(paper: Paper) -> None:
    grant = await paper.active()
    async with paper.database.writing() as tx:
        await tx.servers.remove(BERLIN)
    await paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    after = await paper.grant(grant.id)
    assert (after.state, after.proved_at) == (GrantState.REVOKED, MORNING)


async def test_who_ends_their_own_access_needs_no_message_about_it(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", MORNING)
    request = await paper.asked(BORIS)
    done = await paper.yes(CLARA, request.id)
    await paper.forget()
    await paper.by(await paper.actor(BORIS), revocation.revoke_grant, done.grant.id)
    assert await paper.heard() == []


async def test_revoking_a_person_ends_all_that_they_have(two_servers: Paper) -> None:
    paper = two_servers
    berlin, paris = await paper.active(server=BERLIN), await paper.active(server=PARIS)
    other = await paper.active(EMIL)
    await paper.forget()

    ended = await paper.by(await paper.actor(BORIS), revocation.revoke_person, ANNA)

    assert {grant.id for grant in ended} == {berlin.id, paris.id}
    assert (await paper.grant(other.id)).state is GrantState.ACTIVE
    assert sorted(await paper.heard(), key=lambda said: str(said.payload)) == [
        notice(ANNA, "access_ended", server=BERLIN, reason="revoked", **BY_BORIS),
        notice(ANNA, "access_ended", server=PARIS, reason="revoked", **BY_BORIS),
        notice(CLARA, "revoked_by", name="Anna Petrova", servers="berlin, paris", **BY_BORIS),
    ]
    # Off the allowlist is something else.
    assert (await paper.person(ANNA)).allowed


async def test_revoking_again_looks_again_while_something_is_not_proved(paper: Paper) -> None:
    grant = await paper.active()
    boris = await paper.actor(BORIS)
    await paper.by(boris, revocation.revoke_person, ANNA)
    before = await paper.everything()

    again = await paper.by(boris, revocation.revoke_person, ANNA)
    assert [found.id for found in again] == [grant.id]
    assert await paper.by(boris, revocation.revoke_grant, grant.id) == again
    assert await paper.everything() == before

    await paper.do(revocation.record_proofs, [seen(grant)])
    values = await paper.refuses(boris, Refusal.NOTHING_LIVE, revocation.revoke_person, ANNA)
    assert values == {"name": "Anna Petrova", "names": [], "later": []}
    values = await paper.refuses(boris, Refusal.GRANT_OVER, revocation.revoke_grant, grant.id)
    assert values == {"may_work": False, "count": 0}


@pytest.mark.parametrize("user_id", [ANNA, EMIL, UserId(9)])
async def test_only_admins_revoke(paper: Paper, user_id: UserId) -> None:
    grant = await paper.active()
    actor = await paper.actor(user_id)
    await paper.refuses(actor, Refusal.ADMINS_ONLY, revocation.revoke_person, ANNA)
    await paper.refuses(actor, Refusal.ADMINS_ONLY, revocation.revoke_grant, grant.id)
    async with paper.database.reading() as tx:
        with pytest.raises(Exception, match="admins_only"):
            await who.meant(paper.case(tx, actor), "Anna")


async def test_whom_an_admin_may_mean(paper: Paper) -> None:
    grant = await paper.active()
    boris = await paper.actor(BORIS)
    async with paper.database.reading() as tx:
        assert [p.id for p in (await who.meant(paper.case(tx, boris), "anna petrova")).people] == [
            ANNA
        ]
        assert [g.id for g in (await who.meant(paper.case(tx, boris), grant.serial)).grants] == [
            grant.id
        ]
        assert [p.id for p in (await who.meant(paper.case(tx, boris), "anna")).near] == [ANNA]


async def test_nobody_and_nothing_that_is_not_known_can_be_revoked(paper: Paper) -> None:
    boris = await paper.actor(BORIS)
    values = await paper.refuses(boris, Refusal.UNKNOWN_PERSON, revocation.revoke_person, UserId(9))
    assert values == {"who": "9"}
    missing = GrantId("g-missing")
    await paper.refuses(boris, Refusal.UNKNOWN_GRANT, revocation.revoke_grant, missing)
    await paper.refuses(boris, Refusal.NOTHING_LIVE, revocation.revoke_person, EMIL)


async def test_the_owner_gives_up(paper: Paper) -> None:
    grant = await paper.active()
    await paper.forget()
    [ended] = await paper.by(await paper.actor(ANNA), revocation.give_up, grant.id)
    assert ended.id == grant.id
    assert (await paper.grant(grant.id)).end_reason is EndReason.BY_OWNER
    assert await paper.heard() == []


async def test_being_off_the_list_is_no_obstacle_to_giving_up(paper: Paper) -> None:
    grant = await paper.active()
    async with paper.database.writing() as tx:
        await tx.people.disallow(ANNA)
    assert await paper.by(await paper.actor(ANNA), revocation.give_up, grant.id)


async def test_nobody_gives_up_what_is_not_theirs(paper: Paper) -> None:
    grant = await paper.active()
    for user_id in (EMIL, BORIS):
        actor = await paper.actor(user_id)
        await paper.refuses(actor, Refusal.NOT_YOURS, revocation.give_up, grant.id)
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.UNKNOWN_GRANT, revocation.give_up, GrantId("g-missing"))
    await paper.by(anna, revocation.give_up, grant.id)
    await paper.refuses(anna, Refusal.GRANT_OVER, revocation.give_up, grant.id)


async def test_a_person_ends_what_they_have_by_any_account(paper: Paper) -> None:
    grant = await paper.active(EMIL)
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.NOT_YOURS, revocation.give_up, grant.id)
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    # A new profile goes to the account that asked, so only that one asks for it.
    await paper.refuses(anna, Refusal.NOT_YOURS, grants.renew, grant.id)
    [ended] = await paper.by(anna, revocation.give_up, grant.id)
    assert ended.id == grant.id
    await paper.refuses(OPERATOR, Refusal.NOT_YOURS, revocation.give_up, grant.id)


async def test_whoever_comes_late_learns_what_else_lets_them_in(paper: Paper) -> None:
    over, _ = await paper.active(), await paper.active()
    boris = await paper.actor(BORIS)
    await paper.by(boris, revocation.revoke_grant, over.id)
    await paper.do(revocation.record_proofs, [seen(over)])
    values = await paper.refuses(boris, Refusal.GRANT_OVER, revocation.revoke_grant, over.id)
    assert values["count"] == 1


async def test_a_server_that_was_taken_out_may_still_let_them_in(two_servers: Paper) -> None:
    """As long as the certificate lasts; so nobody says that there is nothing to revoke."""
    paper = two_servers
    grant = await paper.active()
    boris = await paper.actor(BORIS)
    await paper.by(boris, revocation.revoke_person, ANNA)
    await paper.do(revocation.record_proofs, [seen(grant, BERLIN)])
    async with paper.database.writing() as tx:
        await tx.proofs.drop_open(PARIS, paper.now)
        await revocation.close_proved(paper.case(tx, THE_BOT))
    assert (await paper.grant(grant.id)).state is GrantState.REVOKED
    for asked in (
        await paper.by(boris, revocation.revoke_person, ANNA),
        await paper.by(boris, revocation.revoke_grant, grant.id),
        (await paper.by(boris, people.remove, ANNA)).grants,
    ):
        assert [found.id for found in asked] == [grant.id]
    paper.now = grant.not_after
    await paper.refuses(boris, Refusal.NOTHING_LIVE, revocation.revoke_person, ANNA)
    await paper.refuses(boris, Refusal.GRANT_OVER, revocation.revoke_grant, grant.id)
    await paper.refuses(boris, Refusal.UNKNOWN_PERSON, people.remove, ANNA)


async def test_access_ends_with_its_time_and_admins_hear_only_what_is_not_proved(
    paper: Paper,
) -> None:
    grant = await paper.active()
    paper.now = grant.not_after - timedelta(microseconds=1)
    assert await paper.do(revocation.expire_due) == []
    await paper.forget()

    paper.now = grant.not_after
    # Not by a clock that is in doubt.
    paper.may_expire = False
    assert await paper.do(revocation.expire_due) == []
    paper.may_expire = True
    [ended] = await paper.do(revocation.expire_due)
    assert await paper.do(revocation.expire_due) == []

    assert ended.id == grant.id
    after = await paper.grant(grant.id)
    assert (after.state, after.end_reason) == (GrantState.REVOKING, EndReason.ENDED)
    receipt = {"grants": [grant.id], "look": False, "if_unproved": True}
    by_itself: dict[str, Any] = {"admin": "vpnbot", "by": "vpnbot"}
    assert await paper.heard() == [
        notice(ANNA, "access_ended", paper.now, server=BERLIN, reason="ended", **by_itself),
        to(BORIS, OutboxKind.RECEIPT, receipt, paper.now),
        to(CLARA, OutboxKind.RECEIPT, receipt, paper.now),
    ]
    assert [row.actor for row in await paper.noted()] == ["vpnbot"]


@pytest.mark.parametrize("tells", [True, False])
async def test_where_the_settings_say_so_admins_hear_of_every_end(
    paper: Paper, tells: bool
) -> None:
    paper.more = {"tell_ends": tells}
    ours = await paper.active()
    books = [
        Certificate("01", "old", MORNING, ours.not_after),
        Certificate("02", "server", MORNING, ours.not_after, for_server=True),
        Certificate("03", "emil", MORNING, ours.not_after),
    ]
    await paper.by(OPERATOR, importing.take_in, books)
    await paper.by(OPERATOR, linking.link, "emil", EMIL)
    paper.now = ours.not_after
    await paper.forget()
    assert len(await paper.do(revocation.expire_due)) == 4
    told = [
        (said.chat, said.payload["values"])
        for said in await paper.heard()
        if said.payload.get("code") == "access_over"
    ]
    ends = [("Anna Petrova", "berlin"), ("old", "old"), ("Emil", "emil")]
    assert sorted(told, key=str) == sorted(
        [
            (admin, {"name": name, "server": server})
            for name, server in ends
            for admin in (BORIS, CLARA)
            if tells
        ],
        key=str,
    )


async def test_an_end_shows_on_the_cards_of_what_else_they_ask_for(two_servers: Paper) -> None:
    """And once it is proved on whatever shows the profile, once."""
    paper = two_servers
    grant, request = await paper.active(), await paper.asked(server=PARIS)
    async with paper.database.writing() as tx:
        card = PostedMessage(ChatId(CLARA), 7, OutboxKind.CARD, str(request.id), MORNING)
        mine = PostedMessage(ChatId(ANNA), 8, OutboxKind.DELIVER, grant.id, MORNING)
        for one in (card, mine):
            await tx.posted.remember(one)
    await paper.forget()
    await paper.by(await paper.actor(BORIS), revocation.revoke_grant, grant.id)
    edited = {"request": request.id, "message": 7, "kind": "card", "afresh": False}
    shown = to(ANNA, OutboxKind.EDIT, {"kind": "deliver", "subject": grant.id, "message": 8})
    heard = await paper.heard()
    assert to(CLARA, OutboxKind.EDIT_CARD, edited) in heard
    assert shown in heard
    # Whoever did not do it hears of it.
    name: dict[str, Any] = {"name": "Anna Petrova", "servers": "berlin"}
    assert notice(CLARA, "revoked_by", **name, **BY_BORIS) in heard
    for server, follows in ((BERLIN, []), (PARIS, [shown])):
        await paper.do(revocation.record_proofs, [seen(grant, server)])
        assert await paper.heard() == follows
    paper.now += DAY
    await paper.do(reopening.doubt_all, BERLIN, since=MORNING, found=("crl_put_back",))
    await paper.heard()
    await paper.do(revocation.record_proofs, [seen(grant, BERLIN)])
    assert await paper.heard() == []


async def test_what_has_not_ended_is_not_closed(paper: Paper) -> None:
    grant = await paper.active()
    before = await paper.everything()
    await paper.do(revocation.close, grant.id)
    assert await paper.everything() == before


async def test_an_admin_who_has_never_said_anything_has_nothing(paper: Paper) -> None:
    values = await paper.refuses(OPERATOR, Refusal.NOTHING_LIVE, revocation.revoke_person, BORIS)
    assert values == {"name": str(BORIS), "names": ()}


async def test_revoking_a_person_ends_what_their_other_account_has(paper: Paper) -> None:
    first, other = await paper.active(ANNA), await paper.active(EMIL)
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    boris = await paper.actor(BORIS)
    for account in (ANNA, EMIL):
        found = await paper.by(boris, revocation.revoke_person, account)
        assert {grant.id for grant in found} == {first.id, other.id}
    for grant in (first, other):
        assert (await paper.grant(grant.id)).state is GrantState.REVOKING


async def test_a_receipt_is_asked_for_with_a_fresh_look(paper: Paper) -> None:
    first, second = await paper.active(ANNA), await paper.active(EMIL)
    await paper.forget()
    await paper.do(revocation.ask_receipt, ChatId(BORIS), [first, second])
    payload = {"grants": [first.id, second.id], "look": True}
    assert await paper.heard() == [to(BORIS, OutboxKind.RECEIPT, payload)]


async def test_a_renewed_grant_that_expires_ends_once(paper: Paper) -> None:
    old = await paper.active()
    fresh = await paper.by(await paper.actor(ANNA), grants.renew, old.id)
    paper.now = old.not_after + DAY
    ended = await paper.do(revocation.expire_due)
    assert [grant.id for grant in ended] == [fresh.id]
    assert not await paper.by(THE_BOT, grants.delivered, fresh)
