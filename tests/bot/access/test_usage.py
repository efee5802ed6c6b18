"""How profiles are used: what looks add up to, and a profile that is in two places."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.access import usage
from bot.access.messages import Notice
from bot.access.usage import LastUse, Use, address_of
from storage.records import Grant, GrantId, ServerName
from tests.bot.access.kit import BERLIN, BORIS, CLARA, EMIL, HOUR, PARIS, Paper, Said, notice
from tests.storage.kit import make_grant

MINUTE = timedelta(minutes=1)
BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOME, CAFE = BOTH = "198.51.100.7", "203.0.113.9"
IMPORTED: dict[str, Any] = {"user_id": None, "server": None, "address": None, "imported_at": BEGAN}


def use(of: Grant, received: int = 0, sent: int = 0, **changes: Any) -> Use:
    values: dict[str, Any] = {"began_at": BEGAN, "number": 0, "real_address": f"{HOME}:40312"}
    return Use(of.id, received=received, sent=sent, **values | changes)


async def look(paper: Paper, *uses: Use, server: ServerName = BERLIN, may: bool = True) -> bool:
    """A minute later than the last one; whether there was news, and it could be told."""
    paper.now += MINUTE
    return await noted(paper, server, uses, may)


async def noted(paper: Paper, server: ServerName, uses: Sequence[Use], may: bool = True) -> bool:
    async with paper.database.reading() as tx:
        changes = await usage.changes(tx, paper.now, server, uses)
    news = [change for change in changes if change.twice]
    is_told = bool(news) and may
    if is_told:
        await paper.do(usage.tell, server, news)
    await paper.do(usage.note, changes, is_told=is_told)
    return is_told


async def last(paper: Paper, of: Grant) -> LastUse | None:
    async with paper.database.reading() as tx:
        return (await usage.last_uses(tx, [of.id, GrantId("g-nobody")])).get(of.id)


async def totals(paper: Paper, of: Grant) -> tuple[int, int]:
    found = await last(paper, of)
    assert found is not None
    return found.received, found.sent


async def test_looks_add_up_over_reconnects_and_restarts(paper: Paper) -> None:
    anna = await paper.active()
    assert await last(paper, anna) is None
    await look(paper, use(anna, 100, 1000))
    assert await last(paper, anna) == LastUse(paper.now, BERLIN, HOME, 100, 1000)
    await look(paper, use(anna, 150, 1000))
    assert await totals(paper, anna) == (150, 1000)
    # They connect again: the server counts from nothing, and so it does after a restart.
    again = {"began_at": BEGAN + HOUR, "number": 7, "real_address": f"{CAFE}:9"}
    await look(paper, use(anna, 20, 30, **again))
    assert await last(paper, anna) == LastUse(paper.now, BERLIN, CAFE, 170, 1030)
    restarted = {"began_at": BEGAN + 2 * HOUR, "number": 0}
    await look(paper, use(anna, 1, 2, **restarted))
    await look(paper, use(anna, 3, 4, **restarted))
    assert await totals(paper, anna) == (173, 1034)
    # A count that goes back is one that began anew.
    await look(paper, use(anna, 1, 5, **restarted))
    assert await totals(paper, anna) == (174, 1039)


async def test_a_count_that_stands_still_is_not_added_again(paper: Paper) -> None:
    anna = await paper.active()
    for counted in ((100, 100), (100, 150), (120, 150), (120, 150)):
        await look(paper, use(anna, *counted))
        assert await totals(paper, anna) == counted


async def test_no_more_than_a_row_a_minute(paper: Paper) -> None:
    anna = await paper.active()
    await look(paper, use(anna, 100, 100))
    first = await last(paper, anna)
    paper.now += timedelta(seconds=20)
    await noted(paper, BERLIN, [use(anna, 200, 200)])
    assert await last(paper, anna) == first
    # A clock that was set back does not stop it.
    paper.now -= HOUR
    await noted(paper, BERLIN, [use(anna, 200, 200)])
    assert await totals(paper, anna) == (200, 200)


async def test_servers_and_sessions_add_up_whatever_they_say(paper: Paper) -> None:
    anna = await paper.active()
    await paper.add_server(PARIS, "10.9.0.0/29")
    await look(paper, use(anna, 1, 10), use(anna, 2, 20, number=1))
    await look(paper, use(anna, 4, 40, began_at=BEGAN - HOUR), server=PARIS)
    found = await last(paper, anna)
    assert found == LastUse(paper.now, PARIS, HOME, 7, 70)
    await look(paper, use(anna, 10**40, -5))
    received, sent = await totals(paper, anna)
    assert 2**61 < received < 2**64
    assert sent >= 70
    # Many sessions of one name are kept by their newest few.
    await look(paper, *(use(anna, 1, 1, number=number) for number in range(500)))
    async with paper.database.reading() as tx:
        kept = {row.server: len(row.sessions) for row in await tx.usages.of([anna.id])}
    assert kept[BERLIN] == 32


async def test_what_is_news_comes_first(paper: Paper) -> None:
    anna, emil = await paper.active(), await paper.active(EMIL)
    both = use(emil), use(emil, number=1, real_address=f"{CAFE}:1")
    async with paper.database.reading() as tx:
        found = await usage.changes(tx, paper.now, BERLIN, [use(anna), *both])
    assert [(one.usage.grant_id, one.twice) for one in found] == [(emil.id, BOTH), (anna.id, ())]
    # And the session with which each is seen for the first time.
    assert [one.first for one in found] == [both[0], use(anna)]
    assert all(one.is_new for one in found)


def told(paper: Paper, names: str, count: int = 1) -> list[Said]:
    values = {"server": BERLIN, "names": names, "count": count}
    return [notice(admin, Notice.USED_TWICE, paper.now, **values) for admin in (BORIS, CLARA)]


async def test_two_sessions_from_two_addresses_are_told_once_an_occasion(paper: Paper) -> None:
    anna = await paper.active()
    both = use(anna), use(anna, number=1, real_address=f"{CAFE}:1")
    await paper.forget()
    assert not await look(paper, *both, may=False)
    assert await paper.heard() == []
    assert await look(paper, *both)
    assert await paper.heard() == told(paper, f"Anna Petrova ({HOME}, {CAFE})")
    (row,) = await paper.noted()
    assert (row.action, row.subject) == ("grant.used_twice", f"grant:{anna.id}")
    assert (row.detail["server"], row.detail["addresses"]) == (BERLIN, [HOME, CAFE])
    for _ in range(90):  # as long as it goes on
        assert not await look(paper, *both)
    await look(paper, use(anna))
    paper.now += HOUR
    assert await look(paper, *both)
    assert len(await paper.heard()) == 2
    # An hour after the last sign, to the moment.
    paper.now += HOUR - 2 * MINUTE
    assert not await look(paper, *both)
    paper.now += HOUR - MINUTE
    assert await look(paper, *both)


async def test_what_a_server_invents_is_counted_and_cut(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        many = [make_grant(n, None, **IMPORTED, common_name=f"old-{n}") for n in range(30)]
        await tx.grants.add_many(many)
    await paper.forget()
    both = [use(one, number=n, real_address=f"{at}:1") for one in many for n, at in enumerate(BOTH)]
    assert await look(paper, *both)
    said = (await paper.heard())[0].payload["values"]
    assert said["count"] == 30
    assert said["names"].startswith(f"old-0 ({HOME}, {CAFE}), old-1 (")
    assert len(said["names"]) < 300
    assert len(await paper.noted()) == 20


@pytest.mark.parametrize(
    "second",
    [
        {"number": 1, "real_address": f"{HOME}:50000"},  # behind one router
        {"number": 1, "real_address": "[2001:db8::7]:1194"},  # may be the same device's
    ],
)
async def test_what_may_be_one_device_is_not_told(paper: Paper, second: dict[str, Any]) -> None:
    anna = await paper.active()
    assert not await look(paper, use(anna), use(anna, **second))


async def test_two_who_put_each_other_out_are_told(paper: Paper) -> None:
    anna = await paper.active()
    found = [
        await look(
            paper,
            use(anna, number=turn, began_at=BEGAN + turn * MINUTE, real_address=f"{place}:1"),
        )
        for turn, place in enumerate((HOME, CAFE, HOME, CAFE, HOME, HOME))
    ]
    assert found == [False, False, False, True, False, False]


@pytest.mark.parametrize(
    ("places", "apart_s", "is_told"),
    [
        ((HOME, CAFE, HOME, CAFE), 200, True),  # within ten minutes, to the second
        ((HOME, CAFE, HOME, CAFE), 201, False),
        ((HOME, CAFE, "192.0.2.1", CAFE), 60, False),
        ((HOME, CAFE, HOME, "192.0.2.1"), 60, False),
        ((HOME, HOME, HOME, HOME), 60, False),
    ],
)
async def test_turns_are_back_and_forth_within_minutes(
    paper: Paper, places: Sequence[str], apart_s: int, is_told: bool
) -> None:
    anna = await paper.active()
    found = []
    for turn, place in enumerate(places):
        paper.now += timedelta(seconds=apart_s)
        one = use(anna, number=turn, began_at=BEGAN + turn * MINUTE, real_address=f"{place}:1")
        found.append(await noted(paper, BERLIN, [one]))
    assert found == [False, False, False, is_told]


async def test_one_device_on_its_way_is_not_told(paper: Paper) -> None:
    anna = await paper.active()
    # It goes on under another address, as OpenVPN lets it.
    for place in (HOME, CAFE, HOME, CAFE, HOME):
        assert not await look(paper, use(anna, real_address=f"{place}:1"))
    # From home to the office and back, day by day.
    for turn, place in enumerate((HOME, CAFE, HOME, CAFE, HOME), 1):
        paper.now += HOUR
        began = BEGAN + turn * HOUR
        assert not await look(paper, use(anna, began_at=began, real_address=f"{place}:1"))


async def test_two_servers_at_once_are_told(paper: Paper) -> None:
    """Only what was taken over opens several; the second session began while the first was on."""
    anna = await paper.active()
    await paper.add_server(PARIS, "10.9.0.0/29")
    await look(paper, use(anna))
    later = use(anna, began_at=paper.now + MINUTE, real_address=f"{CAFE}:1")
    assert not await look(paper, later, server=PARIS)
    assert await look(paper, use(anna))
    assert not await look(paper, later, server=PARIS)


async def test_who_comes_while_the_other_one_is_seen_is_there_at_once(paper: Paper) -> None:
    anna = await paper.active()
    await paper.add_server(PARIS, "10.9.0.0/29")
    await look(paper, use(anna))
    same_moment = use(anna, began_at=paper.now, real_address=f"{CAFE}:1")
    assert await look(paper, same_moment, server=PARIS)


@pytest.mark.parametrize(
    ("shown", "address"),
    [
        ("192.0.2.2:41228", "192.0.2.2"),
        ("192.0.2.2", "192.0.2.2"),
        ("udp4:192.0.2.2:41228", "192.0.2.2"),
        ("[2001:db8::1]:1194", "2001:db8::1"),
        ("tcp6:[2001:db8::1]:1194", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("gateway:1194", "gateway"),
        ("", ""),
        ("\x1b" + "x" * 99, "x" * 63 + "…"),
    ],
)
def test_an_address_without_its_port(shown: str, address: str) -> None:
    assert address_of(shown) == address
