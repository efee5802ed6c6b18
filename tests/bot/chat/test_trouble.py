"""It doesn't work: what its owner reads, and what the admins do."""

from datetime import timedelta

import pytest

from bot.access.permission import THE_BOT
from bot.chat import trouble
from bot.chat.trouble import note
from bot.texts import trouble as words
from storage.outbox import Done
from storage.records import (
    CanaryLook,
    CanaryTrouble,
    Grant,
    GrantId,
    OutboxKind,
    ServerName,
    Untried,
    UserId,
)
from storage.use_records import Usage
from tests.bot.chat.desk import ANNA, BORIS, CLARA, Desk
from tests.bot.reading import shown
from vpn.proof.management import Knocked

BERLIN = ServerName("berlin")
MINUTE = timedelta(minutes=1)


async def given(desk: Desk) -> Grant:
    """Anna has a profile for berlin."""
    await desk.gate.gives(ANNA, BERLIN)
    await desk.new()
    async with desk.gate.database.reading() as tx:
        (grant,) = await tx.grants.of_user(UserId(ANNA))
    return grant


async def servers_are_asked(desk: Desk) -> None:
    """What the last answer has put into the outbox is done; nobody is there to answer."""
    async with desk.gate.database.reading() as tx:
        rows = await tx.outbox.due(desk.gate.now, 100)
    [item] = [row for row in rows if row.kind is OutboxKind.HELP]
    decision = await trouble.look(desk.gate.core, item)
    assert callable(decision)
    async with desk.gate.core.acting(THE_BOT) as case:
        assert await decision(case) == Done()


async def test_three_answers_go_to_every_admin_with_what_is_known(desk: Desk) -> None:
    grant = await given(desk)
    [asked] = await desk.taps(ANNA, f"tr:{grant.id}")
    assert words.SEEN_NEVER in asked
    assert "What happens?" in asked
    [device] = await desk.taps(ANNA, (await desk.buttons())["It never connects"])
    assert "device" in device
    await desk.taps(ANNA, (await desk.buttons())["Android"])
    last = (await desk.buttons())["On mobile data"]
    assert last == f"tr:{grant.id}:cam"
    await desk.taps(ANNA, last)
    await servers_are_asked(desk)
    async with desk.gate.database.reading() as tx:
        rows = await tx.outbox.due(desk.gate.now, 100)
        notes = [row for row in rows if row.kind is OutboxKind.NOTICE]
        text = await note(desk.gate.case(tx, THE_BOT), notes[-1].payload["values"])
    assert {row.chat_id for row in notes[-2:]} == {BORIS, CLARA}
    read = shown(text).text
    assert f"P{ANNA} can’t get in with {grant.common_name}" in read
    assert "It never connects. Android. On mobile data." in read
    told = [row.payload["text"] for row in rows if row.kind is OutboxKind.REPLY][-1]
    assert words.TOLD in told
    assert words.ADVICE["c"] in told
    await desk.new()
    # Once: the same again is said to be known.
    assert await desk.taps(ANNA, last) == []
    desk.gate.now += timedelta(minutes=16)
    assert len(await desk.taps(ANNA, last)) == 2


@pytest.mark.parametrize("is_locked", [True, False])
async def test_the_advice_is_for_what_happens(desk: Desk, is_locked: bool) -> None:
    grant = await given(desk)
    if is_locked:
        async with desk.gate.database.writing() as tx:
            await tx.keys.lock(grant.id)
    everything = {*words.ADVICE.values(), words.ADVICE_LOCKED}
    for what, advice in (
        ("p", words.ADVICE_LOCKED if is_locked else words.ADVICE["p"]),
        ("c", words.ADVICE["c"]),
    ):
        desk.gate.now += timedelta(hours=1)
        read = shown((await desk.taps(ANNA, f"tr:{grant.id}:{what}am"))[-1]).text
        assert [one for one in everything if one in read] == [advice]


async def test_where_no_admin_can_be_reached_that_is_said(desk: Desk) -> None:
    grant = await given(desk)
    await desk.have_started(BORIS, CLARA)
    async with desk.gate.database.writing() as tx:
        for admin in (BORIS, CLARA):
            await tx.people.set_reachable(UserId(admin), reachable=False)
    said = (await desk.taps(ANNA, f"tr:{grant.id}:cam"))[-1]
    assert words.TOLD_NOBODY in said
    assert words.TOLD not in said


async def test_what_the_servers_saw_is_in_the_note(desk: Desk) -> None:
    grant = await given(desk)
    values = {
        "name": "Anna",
        "grant": grant.id,
        "said": "cam",
        "heard": [
            {"server": "berlin", "at": desk.gate.now.isoformat(), "outcome": one, "why": "<odd>"}
            for one in Knocked
        ],
    }
    async with desk.gate.database.reading() as tx:
        read = shown(await note(desk.gate.case(tx, THE_BOT), values)).text
    for said in (
        "berlin was reached with this profile",
        "and refused it: <odd>.",
        "had no place for it yet",
        "mostly its clock is wrong",
    ):
        assert said in read


async def looks(desk: Desk, look: CanaryLook) -> None:
    async with desk.gate.database.writing() as tx:
        await tx.canaries.see(look)


async def test_what_looks_and_tries_say(desk: Desk) -> None:
    grant = await given(desk)
    now = desk.gate.now
    async with desk.gate.database.writing() as tx:
        used = Usage(grant.id, BERLIN, now - MINUTE, "198.51.100.7", 5, 5, {}, (), None)
        await tx.usages.add([used])
        await tx.grants.wait_on(grant.id, [BERLIN], now)
        await tx.keys.lock(grant.id)
        await tx.servers.set_crl_published(BERLIN, now - timedelta(days=8), 7, "a1")
    await looks(desk, CanaryLook(BERLIN, now - MINUTE, (CanaryTrouble.UNREACHABLE,)))
    [asked] = await desk.taps(ANNA, f"tr:{grant.id}")
    read = shown(asked).text
    for said in (
        "Last seen connected to berlin",
        "berlin doesn’t know this profile yet",
        "The revocation list of berlin has run out",
        "I tried berlin myself",
        "it doesn’t answer",
        "Nobody has looked at its passphrase",
    ):
        assert said in read
    assert "198.51.100.7" not in read
    await looks(desk, CanaryLook(BERLIN, now - MINUTE))
    [asked] = await desk.taps(ANNA, f"tr:{grant.id}")
    assert "I got in to berlin myself" in shown(asked).text
    # What was not tried, or long ago, says nothing; nor does what concerns admins only.
    for look in (
        CanaryLook(BERLIN, now - MINUTE, untried=Untried.PASSWORD),
        CanaryLook(BERLIN, now - timedelta(hours=1)),
    ):
        await looks(desk, look)
        [asked] = await desk.taps(ANNA, f"tr:{grant.id}")
        assert "myself" not in shown(asked).text
    await looks(desk, CanaryLook(BERLIN, now, (CanaryTrouble.REVOKED_LET_IN,)))
    [asked] = await desk.taps(ANNA, f"tr:{grant.id}")
    assert "revoked" not in shown(asked).text


@pytest.mark.parametrize("said", ["x", "cx", "camm", "cax", ""])
async def test_answers_that_were_not_offered_do_nothing(desk: Desk, said: str) -> None:
    grant = await given(desk)
    assert await desk.taps(ANNA, f"tr:{grant.id}:{said}") == []


async def test_it_is_for_the_owner_of_a_live_profile(desk: Desk) -> None:
    grant = await given(desk)
    assert await desk.taps(BORIS, f"tr:{grant.id}:cam") == []
    assert await desk.taps(ANNA, f"tr:{GrantId('g-nothing')}") == []
    await desk.remove(ANNA)
    assert f"tr:{grant.id}" not in str(await desk.taps(ANNA, f"tr:{grant.id}:cam"))
