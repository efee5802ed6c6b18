"""Whoever has access and asks for it is offered what they probably want."""

import pytest

from bot.access import grants, requests, roles
from bot.access.permission import THE_BOT
from bot.access.requests import Approved
from bot.texts import questions as question_words
from storage.devices import Device
from storage.records import GrantId, Request, RequestState, UserId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, DAY, EVE, Desk
from tests.gate.gate import OPERATOR


async def newest(desk: Desk) -> Request:
    async with desk.gate.database.reading() as tx:
        return (await tx.requests.all())[-1]


async def live(desk: Desk) -> list[GrantId]:
    async with desk.gate.database.reading() as tx:
        return [one.id for one in await tx.grants.live_of_user(UserId(ANNA))]


async def approved(desk: Desk) -> None:
    """The newest request; the profile arrives."""
    request, gate = await newest(desk), desk.gate
    async with gate.database.writing() as tx:
        boris = await roles.identify(tx, gate.core.rules, UserId(BORIS), "P2001")
        done = await requests.approve(gate.case(tx, boris), request.id, None)
        assert isinstance(done, Approved)
        assert await grants.issued(gate.case(tx, THE_BOT), done.grant)
        assert await grants.delivered(gate.case(tx, OPERATOR), done.grant)


async def test_a_plain_wish_is_answered_by_a_question(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    (said,) = await desk.says(ANNA, "/requestvpn")
    assert "You have <b>berlin</b> until" in said
    assert "What do you need?" in said
    (grant,) = await live(desk)
    assert await desk.buttons() == {
        "More time: berlin": f"mt:{grant}",
        "New profile for a lost one: berlin": f"np:{grant}",
        "Another device": "an:0",
        "Another server": "ew:0",
        "Nothing": "no",
    }
    assert await desk.counts() == (1, 1)


async def test_another_device_is_asked_for_by_name(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(ANNA, "/requestvpn 8h berlin on the road")
    another = (await desk.buttons())["Another device"]
    (question,) = await desk.taps(ANNA, another)
    assert question == "Which device is it for?"
    phone = (await desk.buttons())["Phone"]

    said = await desk.taps(ANNA, phone)

    assert (said.count("card"), said[-1]) == (2, "asked")
    asked = await newest(desk)
    assert (asked.server, asked.duration, asked.reason) == ("berlin", 8 * 3600, "on the road")
    assert (asked.device, asked.extends) == (Device.PHONE, None)
    # Once.
    await desk.taps(ANNA, phone)
    assert await desk.counts() == (2, 1)
    await approved(desk)
    await desk.says(ANNA, "/myvpn")
    assert "More time for berlin, phone" in await desk.buttons()


async def test_more_time_takes_what_was_typed(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(ANNA, "/requestvpn 2w the audit")
    more = (await desk.buttons())["More time: berlin"]
    await desk.taps(ANNA, more)
    asked = await newest(desk)
    assert (asked.duration, asked.reason, asked.extends) == (14 * 86_400, "the audit", 1)


async def test_another_server_is_chosen_as_ever(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(ANNA, "/requestvpn 8h")
    await desk.taps(ANNA, (await desk.buttons())["Another server"])
    asked = await newest(desk)
    assert (asked.state, asked.duration) == (RequestState.CHOOSING, 8 * 3600)


@pytest.mark.parametrize("text", ["/requestvpn paris", "/requestvpn 8h paris"])
async def test_what_they_do_not_have_is_asked_for_at_once(desk: Desk, text: str) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(ANNA, text)
    assert (await newest(desk)).server == "paris"


async def test_who_waits_for_more_of_it_reads_that(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(ANNA, "/requestvpn berlin")
    await desk.taps(ANNA, "an:0:laptop")
    (said,) = await desk.says(ANNA, "/requestvpn berlin")
    assert "You have asked for berlin already" in said


@pytest.mark.parametrize(
    "data", ["an:{update}:phone", "an:{update}", "ew:{update}", "mt:g-x:{update}"]
)
async def test_nobody_asks_by_somebody_elses_words(desk: Desk, data: str) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(ANNA, "/requestvpn 8h berlin")
    update = (await desk.buttons())["Another device"].split(":")[1]
    for who in (CLARA, EVE):
        await desk.taps(who, data.format(update=update))
    assert await desk.counts() == (1, 1)


async def test_what_lasts_already_is_not_offered_more_time(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    (grant,) = await live(desk)
    desk.gate.now += 6 * DAY
    await desk.taps(ANNA, f"mt:{grant}")
    await approved(desk)
    await desk.says(ANNA, "/requestvpn")
    labels = [one for one in await desk.buttons() if one.startswith("More time")]
    assert len(labels) == 1


async def test_another_server_is_asked_for_once(desk: Desk) -> None:
    """What was typed is kept for one tap."""
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(ANNA, "/requestvpn 8h on the road")
    elsewhere = (await desk.buttons())["Another server"]
    first = await desk.taps(ANNA, elsewhere)
    assert question_words.LATE_GONE not in first

    assert (await desk.taps(ANNA, elsewhere))[0] == question_words.LATE_GONE
