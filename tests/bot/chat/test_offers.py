"""Whoever has access and asks for it is offered what they probably want."""

import pytest

from bot.access import grants, linking, requests, roles
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal, Refused
from bot.access.requests import Approved
from bot.chat import cards
from bot.texts import more_time as time_words
from bot.texts import offers as words
from bot.texts import questions as question_words
from bot.texts import refusals
from bot.texts.fill import fill, moment
from storage.devices import Device
from storage.records import GrantId, Request, RequestState, ServerName, UserId
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
    offered = await desk.buttons()
    another = offered["Another device"]
    assert "Another server" not in offered
    assert offered["Nothing"].startswith("ln:")
    (question,) = await desk.taps(ANNA, another)
    assert question == "Which device is it for?"
    phone = (await desk.buttons())["Phone"]

    said = await desk.taps(ANNA, phone)

    assert (said.count("card"), said[-1]) == (2, "asked")
    asked = await newest(desk)
    assert (asked.server, asked.duration, asked.reason) == ("berlin", 8 * 3600, "on the road")
    assert (asked.device, asked.extends) == (Device.PHONE, None)
    # Once.
    assert await desk.taps(ANNA, phone) == [question_words.LATE_GONE]
    assert await desk.counts() == (2, 1)
    async with desk.gate.database.reading() as tx:
        view = await cards.asked(desk.gate.case(tx, THE_BOT), asked)
    assert words.ASKED_DEVICE[Device.PHONE] in view.text
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
    # It is told until when they have it, as long as they have.
    async with desk.gate.database.reading() as tx:
        case = desk.gate.case(tx, THE_BOT)
        (grant,) = await tx.grants.live_of_user(UserId(ANNA))
        said = fill(time_words.ASKED, until=moment(grant.not_after))
        assert said in (await cards.asked(case, asked)).text
    await desk.says(BORIS, f"/revoke {grant.id}")
    async with desk.gate.database.reading() as tx:
        case = desk.gate.case(tx, THE_BOT)
        assert said not in (await cards.asked(case, asked)).text


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


async def test_what_waits_for_another_server_keeps_nobody_from_the_question(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(ANNA, "/requestvpn paris")
    (said,) = await desk.says(ANNA, "/requestvpn")
    assert "What do you need?" in said
    # Nor does what begins later, for the same one.
    await desk.taps(ANNA, "cx:2")
    await desk.says(ANNA, "/requestvpn from fri 9:00 for 2d berlin")
    await scheduled(desk)
    (said,) = await desk.says(ANNA, "/requestvpn berlin")
    assert "What do you need?" in said


async def scheduled(desk: Desk) -> None:
    request = await newest(desk)
    async with desk.gate.database.writing() as tx:
        boris = await roles.identify(tx, desk.gate.core.rules, UserId(BORIS), "P2001")
        await requests.approve(desk.gate.case(tx, boris), request.id, None)
    await desk.new()


async def test_what_does_not_work_any_more_is_not_offered(desk: Desk) -> None:
    await desk.gate.take_over()
    async with desk.gate.database.writing() as tx:
        await linking.link(desk.gate.case(tx, OPERATOR), "anna", UserId(ANNA))
    await desk.gate.gives(ANNA, "berlin")
    async with desk.gate.database.reading() as tx:
        (grant,) = [one for one in await tx.grants.of_user(UserId(ANNA)) if one.server]
    await desk.says(BORIS, f"/revoke {grant.id}")
    await desk.new()
    assert "card" in await desk.says(ANNA, "/requestvpn berlin")
    await scheduled(desk)
    # On its way: there is nothing to do with it yet.
    await desk.says(ANNA, "/requestvpn berlin")
    assert list(await desk.buttons()) == ["Another device", "Nothing"]


async def test_where_there_is_one_server_no_other_is_offered(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    async with desk.gate.database.writing() as tx:
        await tx.servers.remove(ServerName("paris"))
    await desk.says(ANNA, "/requestvpn")
    assert "Another server" not in await desk.buttons()


async def test_another_device_of_one_who_has_two_servers_is_asked_for_which(desk: Desk) -> None:
    for server in ("berlin", "paris"):
        await desk.gate.gives(ANNA, server)
    await desk.taps(ANNA, "an:0:phone")
    asked = await newest(desk)
    assert (asked.state, asked.server) == (RequestState.CHOOSING, None)


async def test_whoever_may_not_ask_is_not_asked_back(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(BORIS, f"/pause {ANNA}")
    for tap in ("an:0", "an:0:phone", "ew:0"):
        assert await desk.taps(ANNA, tap) == []
    refused = refusals.in_chat(Refused(Refusal.PAUSED))
    for typed in ("/requestvpn", "/requestvpn 8 rome"):
        assert await desk.says(ANNA, typed) == [refused]
