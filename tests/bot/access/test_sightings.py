"""Whom a look has found on a server: what admins hear of it, and what is kept."""

from typing import Any

import pytest

from bot.access import sightings
from bot.access.messages import Notice
from bot.access.refusals import Refusal
from bot.access.sightings import NAMED, REMEMBERED, PutBack, Sighting, enumerated
from storage.records import OutboxKind, SeenAs, ServerName, Stranger
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    DAY,
    HOUR,
    OPERATOR,
    Paper,
    notice,
    to,
)


async def report(
    paper: Paper, *found: Sighting, told: bool = True, put_back: PutBack | None = None
) -> None:
    done = await paper.do(sightings.report, BERLIN, found, lambda: True, put_back=put_back)
    assert done is told


async def strangers(paper: Paper) -> dict[str, Stranger]:
    async with paper.database.reading() as tx:
        return {stranger.name: stranger for stranger in await tx.strangers.on(BERLIN)}


def eve(seen_as: SeenAs, name: str = "eve") -> Sighting:
    return Sighting(name, seen_as)


@pytest.mark.parametrize(
    ("seen_as", "code", "action"),
    [
        (SeenAs.CUT, Notice.STRANGERS_CUT_OFF, "server.shut_out"),
        (SeenAs.LEFT, Notice.STRANGERS_LEFT, "server.shut_out"),
        (SeenAs.FILE, Notice.STRANGERS_FILES, "server.shut_out"),
        (SeenAs.OVER, Notice.OVER_CUT_OFF, "server.shut_out"),
        (SeenAs.OVER_LEFT, Notice.OVER_LEFT, "server.shut_out"),
    ],
)
async def test_it_is_told_once_a_day(
    paper: Paper, seen_as: SeenAs, code: Notice, action: str
) -> None:
    await paper.forget()
    await report(paper, eve(seen_as))
    assert await paper.heard() == [
        notice(admin, code, server=BERLIN, names="eve", count=1) for admin in (BORIS, CLARA)
    ]
    (row,) = await paper.noted()
    assert (row.action, row.subject) == (action, "server:berlin")
    assert row.detail == {"name": "vpnbot", "seen_as": seen_as, "names": ["eve"], "count": 1}
    paper.now += HOUR
    await report(paper, eve(seen_as), told=False)
    assert (await paper.heard(), await paper.noted()) == ([], [])
    paper.now += DAY - HOUR  # to the moment
    await report(paper, eve(seen_as))
    assert len(await paper.heard()) == 2


async def test_who_is_left_alone_is_shown_once(paper: Paper) -> None:
    """With a number for each, by which an admin can have them cut."""
    await paper.forget()
    router = Sighting("Bob's <router>\u202e\x07", SeenAs.UNKNOWN)
    await report(paper, router, eve(SeenAs.UNKNOWN))
    known = await strangers(paper)
    choices = [[known[router.name].id, "Bob's <router>"], [known["eve"].id, "eve"]]
    values: dict[str, Any] = {
        "server": BERLIN,
        "names": "Bob's <router>, eve",
        "count": 2,
        "choices": choices,
    }
    assert await paper.heard() == [
        notice(admin, Notice.STRANGERS_UNKNOWN, **values) for admin in (BORIS, CLARA)
    ]
    assert [row.action for row in await paper.noted()] == ["server.sight"]
    paper.now += 90 * DAY
    await report(paper, router, eve(SeenAs.UNKNOWN), told=False)


async def test_what_became_of_them_later_is_told(paper: Paper) -> None:
    for seen_as in (SeenAs.LEFT, SeenAs.CUT, SeenAs.LEFT):
        await report(paper, eve(seen_as))
    assert (await strangers(paper))["eve"].seen_as is SeenAs.LEFT


async def test_after_a_list_was_put_back_they_always_hear(paper: Paper) -> None:
    anna = Sighting("anna-1", SeenAs.OVER, "Anna")
    for _ in range(2):
        await paper.forget()
        await report(paper, anna, put_back=PutBack.LOOKED)
        (said, _) = await paper.heard()
        assert said == notice(BORIS, "over_cut_off", server=BERLIN, names="anna-1 (Anna)", count=1)
    await report(paper, eve(SeenAs.CUT), put_back=PutBack.LOOKED)
    assert [said.payload["code"] for said in await paper.heard()] == [
        *("nobody_over_seen", "nobody_over_seen"),
        *("strangers_cut_off", "strangers_cut_off"),
    ]
    await report(paper, put_back=PutBack.LOOKED)
    assert [said.payload["code"] for said in await paper.heard()] == ["nobody_over_seen"] * 2
    await report(paper, put_back=PutBack.BLIND)
    assert [said.payload["code"] for said in await paper.heard()] == ["nobody_can_see"] * 2
    await report(paper, told=False)


async def test_names_that_a_server_invents_cost_little(paper: Paper) -> None:
    """Two thousand new ones at each look, and as long as a server likes."""
    for look in range(4):
        await paper.forget()
        names = [f"{look}-{number:04}-" + "x" * 900 for number in range(2000)]
        seen_as = SeenAs.UNKNOWN if look % 2 else SeenAs.CUT
        await report(paper, *(Sighting(name, seen_as) for name in names))
        (row,) = await paper.noted()
        assert (row.detail["count"], len(row.detail["names"])) == (2000, NAMED)
        assert len(str(row.detail)) < 2000
        said = (await paper.heard())[0].payload
        assert len(str(said)) < 3000
        assert said["values"]["names"].endswith("(+1997)")
        kept = await strangers(paper)
        assert len(kept) == REMEMBERED
        assert all(len(name) == 64 for name in kept)
    # Who is there all the time is not forgotten for those who are not.
    await report(paper, eve(SeenAs.UNKNOWN), *(eve(SeenAs.CUT, f"n{n}") for n in range(500)))
    assert "eve" in await strangers(paper)


async def test_a_name_that_is_there_twice_takes_one_place(paper: Paper) -> None:
    names = [f"n{number}" for number in range(REMEMBERED)]
    await report(paper, *(eve(SeenAs.CUT, name) for name in names for _ in range(2)))
    assert set(await strangers(paper)) == set(names)


@pytest.mark.parametrize(
    ("lengths", "count", "said"),
    [
        ((125, 125), 2, (125, 125, "")),
        ((125, 126), 2, (125, " (+1)")),
        ((125, 125), 9, (125, 125, " (+7)")),
        ((1, 200, 200), 3, (1, 200, " (+1)")),
        ((300,), 1, (300, "")),
    ],
)
def test_as_many_are_named_as_fit(
    lengths: tuple[int, ...], count: int, said: tuple[int | str, ...]
) -> None:
    *named, rest = said
    assert enumerated(["x" * length for length in lengths], count) == ", ".join(
        "x" * int(length) for length in named
    ) + str(rest)


async def test_what_is_not_told_is_news_at_the_next_look(paper: Paper) -> None:
    await paper.forget()
    assert not await paper.do(sightings.report, BERLIN, [eve(SeenAs.CUT)], lambda: False)
    assert (await paper.heard(), await paper.noted()) == ([], [])
    await report(paper, eve(SeenAs.CUT))


async def test_an_admin_has_somebody_cut(paper: Paper) -> None:
    await report(paper, eve(SeenAs.UNKNOWN))
    number = (await strangers(paper))["eve"].id
    await paper.forget()
    await paper.by(await paper.actor(BORIS), sightings.cut, number)
    assert await paper.heard() == [
        to(BORIS, OutboxKind.CUT, {"server": BERLIN, "name": "eve"}, paper.now)
    ]
    (row,) = await paper.noted()
    assert (row.actor, row.action, row.detail["names"]) == ("telegram:2001", "server.cut", ["eve"])
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.ADMINS_ONLY, sightings.cut, number)
    await paper.refuses(await paper.actor(BORIS), Refusal.STRANGER_GONE, sightings.cut, number + 1)
    await paper.refuses(OPERATOR, Refusal.STRANGER_GONE, sightings.cut, number)


async def test_an_admin_chooses_that_they_are_cut(paper: Paper) -> None:
    boris = await paper.actor(BORIS)
    await paper.forget()
    for cuts in (True, True, False):
        await paper.by(boris, sightings.choose, BERLIN, cuts=cuts)
        async with paper.database.reading() as tx:
            server = await tx.servers.get(BERLIN)
        assert server is not None
        assert server.cuts_unknown is cuts
    assert [row.detail["cuts"] for row in await paper.noted()] == [True, False]
    rome = ServerName("rome")
    await paper.refuses(boris, Refusal.UNKNOWN_SERVER, sightings.choose, rome, cuts=True)
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.ADMINS_ONLY, sightings.choose, BERLIN, cuts=True)
