"""What everybody on the list types: who they are to the bot, what they ask for, what they have."""

from dataclasses import replace

import pytest

from bot.access import grants, requests, roles
from bot.access.permission import THE_BOT
from bot.access.requests import Approved
from bot.chat import cards
from bot.chat.commands import start
from bot.chat.scene import Scene
from bot.texts import chat as words
from bot.texts import more_time as time_words
from bot.texts import pausing as pause_words
from bot.texts.fill import fill
from storage.records import ChatId, OutboxKind, PostedMessage, RequestId, ServerName, UserId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, DAY, EVE, Desk
from tests.bot.reading import LONGEST, unfolded

HOUR_S = 3600
WEEK_S = 7 * 24 * HOUR_S


async def asked_for(desk: Desk) -> list[tuple[str | None, int, str]]:
    async with desk.gate.database.reading() as tx:
        return [(one.server, one.duration, one.reason) for one in await tx.requests.all()]


async def test_a_stranger_learns_their_number_and_nothing_else(desk: Desk) -> None:
    assert await desk.says(EVE, "/start") == [fill(words.STRANGER, id=EVE)]
    desk.gate.now += DAY
    assert await desk.says(EVE, "/requestvpn") == [fill(words.STRANGER, id=EVE)]


async def test_help_is_for_whoever_asks(desk: Desk) -> None:
    [to_anna] = await desk.says(ANNA, "/help")
    [to_boris] = await desk.says(BORIS, "/help")
    not_listed = words.ADMIN_NOT_LISTED
    assert (words.HELP_MEMBER in to_anna, words.HELP_ADMIN in to_anna) == (True, False)
    assert (words.HELP_MEMBER in to_boris, words.HELP_ADMIN in to_boris) == (False, True)
    assert not_listed in to_boris
    await desk.allow(BORIS)
    await desk.new()
    [to_boris] = await desk.says(BORIS, "/help")
    assert (words.HELP_MEMBER in to_boris, words.HELP_ADMIN in to_boris) == (True, True)
    assert "/revoke" in to_boris
    assert max(unfolded(to_anna), unfolded(to_boris)) <= LONGEST
    assert not_listed not in to_boris


async def test_start_shows_the_menu_and_an_admin_what_was_missed(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn berlin")
    [menu, _hello] = await desk.says(ANNA, "/start")
    assert menu == "menu"
    [menu, card, _hello] = await desk.says(BORIS, "/start")
    assert (menu, card) == ("menu", "card")
    async with desk.gate.database.writing() as tx:
        place = PostedMessage(ChatId(BORIS), 5, OutboxKind.CARD, "1", desk.gate.now)
        await tx.posted.remember(place)
    assert len(await desk.says(BORIS, "/start")) == 2
    assert "card" in await desk.says(CLARA, "/start")
    # Which server is not chosen yet, so there is nothing to decide on.
    await desk.says(ANNA, "/requestvpn")
    assert len(await desk.says(BORIS, "/start")) == 2


async def test_where_a_group_has_the_cards_nobody_gets_them_by_start(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn berlin")
    core = desk.gate.core
    for group, came in ((-10055, ["menu"]), (None, ["menu", "card"])):
        own = replace(core, rules=replace(core.rules, cards_group=group))
        async with desk.gate.database.writing() as tx:
            boris = await roles.identify(tx, own.rules, UserId(BORIS), "Boris")
            await start(Scene(own.case(tx, boris), UserId(BORIS)), "")
        assert [kind for kind, _ in await desk.new()] == came


@pytest.mark.parametrize(
    ("typed", "server", "duration", "reason"),
    [
        ("8h berlin for a while", "berlin", 8 * HOUR_S, "for a while"),
        ("PARIS 2d", "paris", 48 * HOUR_S, ""),
        ("berlin", "berlin", WEEK_S, ""),
        ("berlin paris", "berlin", WEEK_S, "paris"),
        ("because of Berlin", None, WEEK_S, "because of Berlin"),
        ("for 8h on berlin visiting", "berlin", 8 * HOUR_S, "visiting"),
        ("Berlin: two days", "berlin", 48 * HOUR_S, ""),
        ("1d12h paris", "paris", 36 * HOUR_S, ""),
        ("２h", None, 2 * HOUR_S, ""),
        ("3rd floor printer", None, WEEK_S, "3rd floor printer"),
        ("10.8.0.1 is down", None, WEEK_S, "10.8.0.1 is down"),
        ("for", None, WEEK_S, "for"),
        ("berlin for", "berlin", WEEK_S, "for"),
        ("", None, WEEK_S, ""),
    ],
)
async def test_the_forms_of_a_request(
    desk: Desk, typed: str, server: str | None, duration: int, reason: str
) -> None:
    said = await desk.says(ANNA, f"/requestvpn {typed}")
    assert said == (["card", "card", "asked"] if server else ["Which server do you need?"])
    assert await asked_for(desk) == [(server, duration, reason)]


async def test_a_time_that_is_none_is_asked_back(desk: Desk) -> None:
    [said] = await desk.says(ANNA, "/requestvpn 8 berlin")
    assert "card" not in said
    assert await asked_for(desk) == []


async def test_what_somebody_has_and_has_asked_for(desk: Desk) -> None:
    assert await desk.says(ANNA, "/myvpn") == [words.MY_NOTHING]
    await desk.gate.gives(ANNA, "paris")
    await desk.says(ANNA, "/requestvpn berlin")
    [said] = await desk.says(ANNA, "/myvpn")
    assert "for berlin, 7 days: waits for an admin" in said
    assert "p1001-code0001" in said
    [said] = await desk.says(BORIS, "/myvpn")
    assert "p1001" not in said


async def test_a_hundred_servers_are_offered_page_by_page(desk: Desk) -> None:
    """A message may have a hundred buttons; and the one that was chosen last comes first."""
    async with desk.gate.database.writing() as tx:
        berlin = await tx.servers.get(ServerName("berlin"))
        assert berlin is not None
        for number in range(109):
            name = ServerName(f"site{number:03}")
            directory, network = f"/srv/{name}", f"10.100.{number}.0/24"
            await tx.servers.add(replace(berlin, name=name, directory=directory, network=network))
    await desk.says(ANNA, "/requestvpn site042")
    await desk.says(ANNA, "/requestvpn")
    async with desk.gate.database.reading() as tx:
        question = (await tx.outbox.due(desk.gate.now, 1000))[-1]
    styles = [(one["text"], one["style"]) for row in question.payload["keyboard"] for one in row]
    seen: list[str] = []
    while True:
        buttons = await desk.buttons()
        assert len(buttons) <= 13
        turning = {"‹ Back", "Next ›", "Cancel request"}
        seen += [name for name in buttons if name not in turning]
        if "Next ›" not in buttons:
            break
        [said] = await desk.taps(ANNA, buttons["Next ›"])
        assert "/requestvpn NAME" in said
    assert (seen[0], len(seen), len(set(seen))) == ("site042", 111, 111)
    assert [label for label, style in styles if style] == ["site042"]
    assert "card" in await desk.taps(ANNA, buttons[seen[-1]])
    # The question is answered: its pages turn no more.
    assert await desk.taps(ANNA, buttons["‹ Back"]) == []


@pytest.mark.parametrize("has_paris", [False, True])
async def test_a_profile_that_never_came_is_said_before_what_they_have(
    desk: Desk, has_paris: bool
) -> None:
    if has_paris:
        await desk.gate.gives(ANNA, "paris")
    await desk.says(ANNA, "/requestvpn berlin")
    async with desk.gate.database.writing() as tx:
        boris = await roles.identify(tx, desk.gate.core.rules, UserId(BORIS), "P2001")
        number = (await tx.requests.all())[-1].id
        done = await requests.approve(desk.gate.case(tx, boris), number, None)
        assert isinstance(done, Approved)
        case = desk.gate.case(tx, THE_BOT)
        assert await grants.issued(case, done.grant)
        assert await grants.undeliverable(case, done.grant, closed=False)
    await desk.gate.prove()
    await desk.new()
    async with desk.gate.database.reading() as tx:
        request = await tx.requests.get(number)
        assert request is not None
        told = await cards.asked(desk.gate.case(tx, THE_BOT), request)
    [said] = await desk.says(ANNA, "/myvpn")
    if has_paris:
        assert said.startswith(f"{told.text}\n\n")
        assert "paris" in said.removeprefix(told.text)
    else:
        assert said == told.text
    # While they are paused, that comes first.
    await desk.says(BORIS, f"/pause {ANNA}")
    await desk.new()
    [said] = await desk.says(ANNA, "/myvpn")
    assert said.startswith(pause_words.MINE)
    assert told.text not in said


async def test_what_lasts_for_less_says_so_once_there_is_a_longer_one(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    desk.gate.now += 6 * DAY
    [said] = await desk.says(ANNA, "/myvpn")
    assert time_words.MY_UNTIL_USED not in said
    async with desk.gate.database.reading() as tx:
        [grant] = await tx.grants.live_of_user(UserId(ANNA))
    await desk.taps(ANNA, f"mt:{grant.id}")
    [said] = await desk.says(ANNA, "/myvpn")
    assert time_words.MY_UNTIL_USED not in said
    async with desk.gate.database.writing() as tx:
        boris = await roles.identify(tx, desk.gate.core.rules, UserId(BORIS), "P2001")
        await requests.approve(desk.gate.case(tx, boris), RequestId(2), None)
    await desk.new()
    [said] = await desk.says(ANNA, "/myvpn")
    assert said.count(time_words.MY_UNTIL_USED) == 1


async def test_what_was_given_to_another_account_says_to_which(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.allow(EVE)
    await desk.gate.link(EVE, same_as=ANNA)
    await desk.new()
    account = fill(words.MY_OTHER_ACCOUNT, name=f"P{ANNA}")
    assert account in "\n".join(await desk.says(EVE, "/myvpn"))
    assert account not in "\n".join(await desk.says(ANNA, "/myvpn"))
