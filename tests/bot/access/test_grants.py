"""From reserved to active, a new profile for an old one, and what is lost on its way."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.access import grants, keys, revocation
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal
from storage.key_records import KeyWay
from storage.records import (
    ChatId,
    EndReason,
    Grant,
    GrantId,
    GrantState,
    OutboxKind,
    Payload,
    PostedMessage,
    ServerName,
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
    MINUTE,
    MORNING,
    OPERATOR,
    PARIS,
    Paper,
    notice,
    seen,
    to,
)

ADMINS = (BORIS, CLARA)


async def test_a_grant_becomes_active_step_by_step(paper: Paper) -> None:
    grant = (await paper.approved()).grant
    await paper.forget()

    assert await paper.do(grants.issued, grant)
    assert (await paper.grant(grant.id)).state is GrantState.ISSUED
    async with paper.database.writing() as tx:
        for number, (chat, kind, subject) in enumerate(
            (
                (BORIS, OutboxKind.CARD, str(grant.request_id)),
                (ANNA, OutboxKind.DELIVER, grant.id),
            )
        ):
            posted = PostedMessage(ChatId(chat), number, kind, subject, paper.now)
            await tx.posted.remember(posted)
    assert await paper.by(THE_BOT, grants.delivered, grant)
    assert (await paper.grant(grant.id)).state is GrantState.ACTIVE

    noted = await paper.noted()
    assert [(row.actor, row.action, row.subject) for row in noted] == [
        ("vpnbot", "grant.issue", "grant:g-code0001"),
        ("vpnbot", "grant.deliver", "grant:g-code0001"),
    ]
    # The card says so, and the profile gets its buttons.
    assert [(said.chat, said.kind) for said in await paper.heard()] == [
        (BORIS, OutboxKind.EDIT_CARD),
        (ANNA, OutboxKind.EDIT),
    ]


async def test_what_is_there_no_more_is_not_issued(paper: Paper) -> None:
    grant = replace((await paper.approved()).grant, id=GrantId("g-missing"))
    assert not await paper.do(grants.issued, grant)


@pytest.mark.parametrize("way", KeyWay)
async def test_how_its_key_reaches_its_owner_is_noted(paper: Paper, way: KeyWay) -> None:
    grant = (await paper.approved()).grant
    await paper.forget()
    assert await paper.do(grants.issued, grant, way=way)
    [noted] = await paper.noted()
    assert noted.detail.get("key") == (None if way is KeyWay.PLAIN else way)
    async with paper.database.reading() as tx:
        assert (await tx.keys.locked(grant.id) is not None) is (way is KeyWay.LOCKED)


async def test_no_step_is_taken_twice_or_out_of_order(paper: Paper) -> None:
    grant = (await paper.approved()).grant
    await paper.forget()
    assert not await paper.by(THE_BOT, grants.delivered, grant)  # not issued yet
    assert await paper.do(grants.issued, grant)
    assert not await paper.do(grants.issued, grant)
    assert await paper.by(THE_BOT, grants.delivered, grant)
    assert not await paper.by(THE_BOT, grants.delivered, grant)
    assert len(await paper.noted()) == 2


async def test_a_revocation_in_between_wins(paper: Paper) -> None:
    grant = (await paper.approved()).grant
    await paper.by(OPERATOR, revocation.revoke_grant, grant.id)
    await paper.forget()
    assert not await paper.do(grants.issued, grant)
    assert not await paper.by(THE_BOT, grants.delivered, grant)
    assert (await paper.grant(grant.id)).state is GrantState.REVOKING
    assert await paper.noted() == []


async def test_a_new_profile_keeps_the_end_and_kills_the_old_one(paper: Paper) -> None:
    old = await paper.active()
    await paper.forget()
    paper.now = MORNING + DAY

    fresh = await paper.by(await paper.actor(ANNA), grants.renew, old.id)

    assert fresh == await paper.grant(fresh.id)
    assert (fresh.state, fresh.replaces) == (GrantState.RESERVED, old.id)
    assert (fresh.not_before, fresh.not_after) == (paper.now, old.not_after)
    assert (fresh.request_id, fresh.user_id, fresh.server) == (old.request_id, ANNA, BERLIN)
    assert fresh.common_name != old.common_name
    assert fresh.serial != old.serial
    assert fresh.address != old.address  # the old one may still be connected
    ended = await paper.grant(old.id)
    assert (ended.state, ended.end_reason) == (GrantState.REVOKING, EndReason.REPLACED)
    assert ended.revoked_at == paper.now

    # She knows that the old one ends: there is no message about it but the receipt.
    deliver = {"grant": fresh.id, "note": "renewed", "round": 0}
    assert await paper.heard() == [
        to(ANNA, OutboxKind.DELIVER, deliver, paper.now),
        to(ANNA, OutboxKind.RECEIPT, {"grants": [old.id], "look": False}, paper.now),
    ]
    noted = await paper.noted()
    assert [(row.actor, row.action) for row in noted] == [
        ("telegram:1001", "grant.end"),
        ("telegram:1001", "grant.reserve"),
    ]
    assert noted[0].detail["reason"] == "replaced"


async def test_a_profile_can_be_renewed_again_and_again(paper: Paper) -> None:
    grant = await paper.active()
    anna = await paper.actor(ANNA)
    for _ in range(3):
        fresh = await paper.by(anna, grants.renew, grant.id)
        assert (fresh.not_after, fresh.replaces) == (grant.not_after, grant.id)
        await paper.do(grants.issued, fresh)
        await paper.by(THE_BOT, grants.delivered, fresh)
        grant = fresh
    async with paper.database.reading() as tx:
        assert len(await tx.grants.live_of_user(ANNA)) == 1
        assert len(await tx.grants.revoking()) == 3


async def test_the_old_one_stays_until_a_new_one_could_be_made(paper: Paper) -> None:
    """From now on everybody sends a key of their own, and she has not done so yet."""
    old = await paper.active()
    paper.key_ways = (KeyWay.OWN,)
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.NO_OWN_KEY, grants.renew, old.id)
    await paper.by(anna, keys.take, "a key in PEM")
    await paper.by(anna, grants.renew, old.id)
    assert (await paper.grant(old.id)).state is GrantState.REVOKING


async def test_only_its_owner_gets_a_new_profile(paper: Paper) -> None:
    grant = await paper.active()
    await paper.refuses(await paper.actor(EMIL), Refusal.NOT_YOURS, grants.renew, grant.id)


async def test_who_is_off_the_list_gets_no_new_profile(paper: Paper) -> None:
    grant = await paper.active()
    async with paper.database.writing() as tx:
        await tx.people.disallow(ANNA)
    await paper.refuses(await paper.actor(ANNA), Refusal.NOT_ALLOWED, grants.renew, grant.id)


async def test_a_grant_that_does_not_exist_is_not_renewed(paper: Paper) -> None:
    anna = await paper.actor(ANNA)
    values = await paper.refuses(anna, Refusal.UNKNOWN_GRANT, grants.renew, GrantId("g-missing"))
    assert values == {"grant": "g-missing"}


@pytest.mark.parametrize("is_issued", [False, True])
async def test_a_profile_on_its_way_is_not_renewed(paper: Paper, is_issued: bool) -> None:
    grant = (await paper.approved()).grant
    if is_issued:
        await paper.do(grants.issued, grant)
    await paper.refuses(await paper.actor(ANNA), Refusal.GRANT_BUSY, grants.renew, grant.id)


async def test_what_has_ended_is_not_renewed(paper: Paper) -> None:
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.revoke_grant, grant.id)
    await paper.refuses(await paper.actor(ANNA), Refusal.GRANT_OVER, grants.renew, grant.id)


async def test_the_last_minute_is_not_worth_a_new_profile(paper: Paper) -> None:
    grant = await paper.active()
    anna = await paper.actor(ANNA)
    paper.now = grant.not_after - MINUTE + timedelta(seconds=1)
    await paper.refuses(anna, Refusal.GRANT_ENDS_SOON, grants.renew, grant.id)
    paper.now = grant.not_after - MINUTE
    assert (await paper.by(anna, grants.renew, grant.id)).not_after == grant.not_after


async def test_while_the_clock_is_in_doubt_there_is_no_new_profile(paper: Paper) -> None:
    grant = await paper.active()
    paper.may_give = False
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.CLOCK_IN_DOUBT, grants.renew, grant.id)


async def test_instructions_are_for_ones_own_profile(paper: Paper) -> None:
    grant = await paper.active()
    await paper.heard()
    anna = await paper.actor(ANNA)
    await paper.by(anna, grants.how_to, grant.id, "iphone")
    how_to = {"grant": grant.id, "topic": "iphone"}
    assert await paper.heard() == [to(ANNA, OutboxKind.HOW_TO, how_to)]
    emil = await paper.actor(EMIL)
    await paper.refuses(emil, Refusal.NOT_YOURS, grants.how_to, grant.id, "iphone")
    async with paper.database.writing() as tx:
        await tx.people.disallow(ANNA)
    gone = await paper.actor(ANNA)
    await paper.refuses(gone, Refusal.NOT_ALLOWED, grants.how_to, grant.id, "iphone")


async def test_what_has_ended_gets_no_other_address(paper: Paper) -> None:
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.revoke_grant, grant.id)
    async with paper.database.reading() as tx:
        server = await tx.servers.get(BERLIN)
    assert server is not None
    before = await paper.everything()
    assert await paper.do(grants.move, server, grant) is None
    assert await paper.everything() == before


async def test_without_a_free_address_the_old_profile_stays(empty: Paper) -> None:
    paper = await tight(empty)
    grant = await paper.active()
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.NETWORK_FULL, grants.renew, grant.id)
    assert (await paper.grant(grant.id)).state is GrantState.ACTIVE


async def tight(paper: Paper) -> Paper:
    """A network with room for one."""
    await paper.add_server(BERLIN, "10.8.0.0/30")
    async with paper.database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", MORNING)
    return paper


async def lost(paper: Paper, grant: Grant, round_: int = 1, wait_s: float = 0.0) -> None:
    """Nobody knows whether the profile of an issued grant arrived."""
    await paper.do(grants.issued, grant)
    await paper.do(grants.replace_lost, grant, round_=round_, wait_s=wait_s)


async def test_what_may_be_lost_is_revoked_and_a_fresh_one_goes_out(paper: Paper) -> None:
    old = (await paper.approved()).grant
    await paper.forget()

    await lost(paper, old, wait_s=5.0)

    ended = await paper.grant(old.id)
    assert (ended.state, ended.end_reason) == (GrantState.REVOKING, EndReason.LOST)
    async with paper.database.reading() as tx:
        [fresh] = await tx.grants.live_of_user(ANNA)
    assert (fresh.replaces, fresh.not_after) == (old.id, old.not_after)
    assert fresh.serial != old.serial
    assert fresh.address != old.address
    due = MORNING + timedelta(seconds=5)
    payload = {"grant": fresh.id, "note": "replaces_lost", "round": 1}
    assert await paper.heard() == [to(ANNA, OutboxKind.DELIVER, payload, due)]
    assert [(row.actor, row.action) for row in await paper.noted()] == [
        ("vpnbot", "grant.issue"),
        ("vpnbot", "grant.end"),
        ("vpnbot", "grant.reserve"),
    ]


async def test_several_rounds_leave_one_live_grant_and_revoke_all_others(paper: Paper) -> None:
    grant = (await paper.approved()).grant
    for round_ in range(1, 5):
        await paper.forget()
        await lost(paper, grant, round_)
        async with paper.database.reading() as tx:
            [fresh] = await tx.grants.live_of_user(ANNA)
        assert fresh.replaces == grant.id
        [said] = await paper.heard()
        assert said.payload == {"grant": fresh.id, "note": "replaces_lost", "round": round_}
        grant = fresh
    async with paper.database.reading() as tx:
        assert len(await tx.grants.revoking()) == 4
        names = {found.common_name for found in await tx.grants.all()}
    assert len(names) == 5


async def test_where_no_room_is_left_the_owner_and_the_admins_are_told(empty: Paper) -> None:
    paper = await tight(empty)
    grant = (await paper.approved()).grant
    await paper.forget()

    await lost(paper, grant)

    assert (await paper.grant(grant.id)).state is GrantState.REVOKING
    async with paper.database.reading() as tx:
        assert await tx.grants.live_of_user(ANNA) == []
    assert await paper.heard() == [
        notice(ANNA, "access_ended", server=BERLIN, reason="lost"),
        notice(BORIS, "no_room", name="Anna Petrova", server=BERLIN),
        notice(CLARA, "no_room", name="Anna Petrova", server=BERLIN),
    ]


async def test_the_last_minute_is_not_worth_a_replacement(paper: Paper) -> None:
    grant = (await paper.approved()).grant
    await paper.do(grants.issued, grant)
    await paper.forget()
    other = (await paper.approved(EMIL)).grant
    await paper.do(grants.issued, other)
    await paper.forget()
    paper.now = grant.not_after - timedelta(seconds=59)
    await paper.do(grants.replace_lost, grant, round_=1, wait_s=0)
    assert (await paper.grant(grant.id)).state is GrantState.REVOKING
    assert await paper.heard() == [
        notice(ANNA, "access_ended", paper.now, server=BERLIN, reason="lost")
    ]
    # A whole minute is.
    paper.now = other.not_after - MINUTE
    await paper.do(grants.replace_lost, other, round_=1, wait_s=0)
    assert [said.kind for said in await paper.heard()] == [OutboxKind.DELIVER]


async def test_what_somebody_ended_meanwhile_is_not_replaced(paper: Paper) -> None:
    grant = (await paper.approved()).grant
    await paper.do(grants.issued, grant)
    await paper.by(OPERATOR, revocation.revoke_grant, grant.id)
    before = await paper.everything()
    await paper.do(grants.replace_lost, grant, round_=1, wait_s=0)
    assert await paper.everything() == before


def quiet_receipt(grant: Grant) -> Payload:
    """Nothing is said of it where the proof comes soon."""
    return {"grants": [grant.id], "look": False, "if_unproved": True}


async def test_who_does_not_let_the_bot_write_loses_the_access(paper: Paper) -> None:
    grant = (await paper.approved()).grant
    await paper.do(grants.issued, grant)
    await paper.forget()

    await paper.do(grants.undeliverable, grant, closed=True)

    ended = await paper.grant(grant.id)
    assert (ended.state, ended.end_reason) == (GrantState.REVOKING, EndReason.UNDELIVERABLE)
    assert await paper.heard() == [
        notice(BORIS, "undeliverable", name="Anna Petrova", server=BERLIN),
        notice(CLARA, "undeliverable", name="Anna Petrova", server=BERLIN),
        *(to(admin, OutboxKind.RECEIPT, quiet_receipt(grant)) for admin in ADMINS),
    ]


async def test_where_telegram_does_not_take_a_profile_its_owner_is_told_too(paper: Paper) -> None:
    grant = (await paper.approved()).grant
    await paper.do(grants.issued, grant)
    await paper.forget()

    assert await paper.do(grants.undeliverable, grant, closed=False)

    ended = await paper.grant(grant.id)
    assert (ended.state, ended.end_reason) == (GrantState.REVOKING, EndReason.NOT_TAKEN)
    assert await paper.heard() == [
        notice(ANNA, "not_taken", server=BERLIN),
        *(
            notice(admin, "not_taken_admins", name="Anna Petrova", server=BERLIN, id=ANNA)
            for admin in ADMINS
        ),
        *(to(admin, OutboxKind.RECEIPT, quiet_receipt(grant)) for admin in ADMINS),
    ]
    assert not await paper.do(grants.undeliverable, grant, closed=False)


async def test_one_person_does_not_use_up_a_network(paper: Paper) -> None:
    """An address rests after its profile is gone: five an hour, and the sixth waits."""
    await paper.add_server(PARIS, "10.9.0.0/28")
    grant = await paper.active(server=PARIS)
    anna = await paper.actor(ANNA)
    for _ in range(5):
        grant = await paper.by(anna, grants.renew, grant.id)
        await paper.do(grants.issued, grant)
        await paper.by(THE_BOT, grants.delivered, grant)
        paper.now += MINUTE
    values = await paper.refuses(anna, Refusal.RENEWED_TOO_OFTEN, grants.renew, grant.id)
    assert values == {"count": 5, "wait": 55 * 60}
    await paper.approved(EMIL, PARIS)
    paper.now = MORNING + HOUR
    await paper.by(anna, grants.renew, grant.id)


async def test_what_somebody_ended_meanwhile_is_not_reported_as_undeliverable(
    paper: Paper,
) -> None:
    grant = (await paper.approved()).grant
    await paper.by(OPERATOR, revocation.revoke_grant, grant.id)
    before = await paper.everything()
    await paper.do(grants.undeliverable, grant, closed=True)
    await paper.do(grants.undeliverable, grant, closed=False)
    assert await paper.everything() == before


async def test_an_abandoned_grant_ends_in_silence(paper: Paper) -> None:
    grant = (await paper.approved()).grant
    await paper.forget()
    await paper.do(grants.abandon, grant.id)
    ended = await paper.grant(grant.id)
    assert (ended.state, ended.end_reason) == (GrantState.REVOKING, EndReason.LOST)
    assert await paper.heard() == []
    assert [row.actor for row in await paper.noted()] == ["vpnbot"]


async def test_abandoning_what_is_not_there_does_nothing(paper: Paper) -> None:
    before = await paper.everything()
    await paper.do(grants.abandon, GrantId("g-missing"))
    assert await paper.everything() == before


async def test_a_delay_is_told_to_the_owner_and_the_admins(paper: Paper) -> None:
    grant = (await paper.approved()).grant
    await paper.forget()
    await paper.do(grants.delayed, grant)
    assert await paper.heard() == [
        notice(ANNA, "delivery_delayed", server=BERLIN),
        notice(BORIS, "delivery_delayed_admins", name="Anna Petrova", server=BERLIN),
        notice(CLARA, "delivery_delayed_admins", name="Anna Petrova", server=BERLIN),
    ]
    assert await paper.grant(grant.id) == grant


async def test_a_common_name_is_cut_to_fit_and_stays_unique(paper: Paper) -> None:
    long_name = UserId(77)
    async with paper.database.writing() as tx:
        await tx.people.allow(long_name, "X" * 64, MORNING)
    first = await paper.active(long_name)
    assert first.common_name == "x" * 40 + "-" + first.id.removeprefix("g-")


async def test_the_address_of_a_lost_profile_rests_like_any_other(paper: Paper) -> None:
    grant = (await paper.approved()).grant
    await lost(paper, grant)
    await paper.do(revocation.record_proofs, [seen(grant)])
    emil = (await paper.approved(EMIL)).grant
    assert emil.address != grant.address


async def test_a_request_for_no_server_is_never_reserved(paper: Paper) -> None:
    request = await paper.asked()
    async with paper.database.writing() as tx:
        await tx.servers.remove(BERLIN)
    values = await paper.refuses(
        OPERATOR,
        Refusal.UNKNOWN_SERVER,
        grants.reserve,
        replace(request, server=None),
        await paper.person(ANNA),
        not_after=MORNING + DAY,
    )
    assert values == {"server": ServerName("")}


async def test_a_serial_that_is_on_every_list_beforehand_is_used_first(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.crl.add_spares(["5ba4e"])
    first = (await paper.approved(ANNA)).grant
    second = (await paper.approved(EMIL)).grant
    assert first.serial == "5ba4e"
    assert second.serial.startswith("c0ffee")
