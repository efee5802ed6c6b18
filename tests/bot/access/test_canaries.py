"""The bot's own certificates: drawn, judged, and told of once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from bot.access import canaries
from bot.access.addresses import REST, free_address
from bot.access.permission import THE_BOT
from storage.records import (
    Canary,
    CanaryLook,
    CanaryRole,
    CanaryTrouble,
    ChatId,
    Server,
    Untried,
)
from tests.bot.access.kit import ANNA, BERLIN, BORIS, DAY, HOUR, Noted, Paper
from vpn.proof.knock import Answer

ROLES = (CanaryRole.GOOD, CanaryRole.FILELESS, CanaryRole.REVOKED)
WELL = {
    CanaryRole.GOOD: Answer.TAKEN,
    CanaryRole.FILELESS: Answer.TURNED_AWAY,
    CanaryRole.REVOKED: Answer.BROKEN_OFF,
}
UNREACHABLE, REFUSED = (CanaryTrouble.UNREACHABLE,), (CanaryTrouble.GOOD_REFUSED,)


async def berlin(paper: Paper) -> Server:
    async with paper.database.reading() as tx:
        server = await tx.servers.get(BERLIN)
    assert server is not None
    return server


async def draw(paper: Paper, given: Sequence[str] = ()) -> Sequence[Canary]:
    server = await berlin(paper)
    async with paper.database.writing() as tx:
        return await canaries.draw(paper.case(tx, THE_BOT), server, ROLES, given)


async def note(
    paper: Paper,
    seen: Sequence[CanaryTrouble] | Untried,
    *,
    may_tell: bool = True,
    tried_revoked: bool = True,
) -> list[str]:
    """What one admin is told."""
    server = await berlin(paper)
    async with paper.database.writing() as tx:
        case = paper.case(tx, THE_BOT)
        await canaries.note(case, server, seen, lambda: may_tell, tried_revoked=tried_revoked)
        rows = await tx.outbox.due(paper.now, 100)
    return [row.payload["code"] for row in rows if row.chat_id == ChatId(BORIS)]


async def look(paper: Paper) -> CanaryLook | None:
    async with paper.database.reading() as tx:
        return await tx.canaries.look(BERLIN)


async def test_they_are_recorded_before_there_is_a_certificate(paper: Paper) -> None:
    drawn = await draw(paper)
    serials = {str(each.role): each.serial for each in drawn}
    assert await paper.noted() == [
        Noted("vpnbot", "canary.draw", "server:berlin", {"name": "vpnbot", **serials})
    ]

    async with paper.database.reading() as tx:
        assert sorted(await tx.canaries.in_use(BERLIN), key=lambda each: each.serial) == sorted(
            drawn, key=lambda each: each.serial
        )
        assert await tx.canaries.revoked() == [drawn[2].serial]
        assert await tx.grants.all() == []
    assert [each.role for each in drawn] == [*ROLES]
    assert [each.address for each in drawn] == ["10.8.0.6", None, None]
    assert {each.not_after - each.not_before for each in drawn} == {canaries.LIFE}
    assert len({each.common_name for each in drawn}) == len(ROLES)


async def test_they_end_with_the_ca(paper: Paper) -> None:
    paper.authority_ends_at = paper.now + HOUR

    assert {each.not_after for each in await draw(paper)} == {paper.now + HOUR}


async def test_its_address_is_nobody_elses_until_it_has_rested(paper: Paper) -> None:
    drawn = await draw(paper)
    async with paper.database.writing() as tx:
        await tx.canaries.add([replace(drawn[0], serial="ab", address="10.8.0.2")])

    async def next_address() -> str | None:
        server = await berlin(paper)
        async with paper.database.reading() as tx:
            return await free_address(paper.case(tx, THE_BOT), server, ANNA)

    assert await next_address() == "10.8.0.3"
    async with paper.database.writing() as tx:
        await tx.canaries.retire(BERLIN, paper.now)
    paper.now += REST - HOUR / 60
    assert await next_address() == "10.8.0.3"
    paper.now += HOUR / 60
    assert await next_address() == "10.8.0.2"


async def test_new_ones_take_the_place_of_those_of_before(paper: Paper) -> None:
    before = await draw(paper)
    after = await draw(paper)

    async with paper.database.reading() as tx:
        assert len(await tx.canaries.in_use(BERLIN)) == len(ROLES)
        assert await tx.canaries.revoked() == [after[2].serial]
        assert len(await tx.canaries.known_on(BERLIN)) == len(before) + len(after)
    assert after[0].address == before[0].address  # the key of before is gone


async def test_what_an_operators_file_gives_away_is_not_taken(paper: Paper) -> None:
    assert (await draw(paper, ["10.8.0.6", "10.8.0.5"]))[0].address == "10.8.0.4"


async def test_the_last_free_address_is_left_to_people(paper: Paper) -> None:
    assert (await draw(paper, [f"10.8.0.{last}" for last in range(2, 5)]))[0].address
    assert await draw(paper, [f"10.8.0.{last}" for last in range(2, 6)]) == ()
    async with paper.database.reading() as tx:
        assert await tx.canaries.in_use(BERLIN) == []


@pytest.mark.parametrize(
    ("changes", "troubles"),
    [
        ({}, []),
        # Silent towards those who may not come in is what a server should be.
        ({CanaryRole.FILELESS: Answer.BROKEN_OFF, CanaryRole.REVOKED: Answer.UNANSWERED}, []),
        ({CanaryRole.REVOKED: Answer.TURNED_AWAY}, [CanaryTrouble.REVOKED_PASSES]),
        ({CanaryRole.REVOKED: Answer.TAKEN}, [CanaryTrouble.REVOKED_LET_IN]),
        ({CanaryRole.FILELESS: Answer.TAKEN}, [CanaryTrouble.NO_SECOND_LOCK]),
        ({CanaryRole.GOOD: Answer.TURNED_AWAY}, REFUSED),
        ({CanaryRole.GOOD: Answer.BROKEN_OFF}, REFUSED),
        ({CanaryRole.GOOD: Answer.UNANSWERED}, UNREACHABLE),
    ],
)
def test_what_answers_mean(
    changes: Mapping[CanaryRole, Answer], troubles: Sequence[CanaryTrouble]
) -> None:
    assert list(canaries.judged({**WELL, **changes})) == list(troubles)


def test_of_who_was_not_tried_nothing_is_said() -> None:
    assert canaries.judged({}) == ()


async def test_admins_hear_once_of_each_occasion_and_once_that_it_is_over(paper: Paper) -> None:
    told: list[str] = []
    for seen in ((), UNREACHABLE, UNREACHABLE, (), (), UNREACHABLE):
        told = await note(paper, seen)
    assert told == ["canary_unreachable", "canary_well", "canary_unreachable"]
    assert await paper.noted() == [
        Noted("vpnbot", "canary.see", "server:berlin", {"name": "vpnbot", "troubles": [*seen]})
        for seen in (UNREACHABLE, (), UNREACHABLE)
    ]
    assert await look(paper) == CanaryLook(BERLIN, paper.now, UNREACHABLE, UNREACHABLE)


async def test_another_trouble_is_news_and_the_end_of_one_of_them_is_none(paper: Paper) -> None:
    both = (CanaryTrouble.REVOKED_LET_IN, CanaryTrouble.NO_SECOND_LOCK)
    await note(paper, both[1:])
    assert await note(paper, both) == ["canary_no_second_lock", "canary_revoked_let_in"]
    assert len(await note(paper, both[1:])) == 2
    # It came back, which is another occasion.
    assert (await note(paper, both))[2:] == ["canary_revoked_let_in"]


async def test_where_nothing_was_tried_nothing_is_news(paper: Paper) -> None:
    assert await note(paper, Untried.NO_OPENVPN) == []
    told = await note(paper, UNREACHABLE)
    paper.now += DAY
    assert await note(paper, Untried.CLOCK) == told
    # What was told is still to be said to be well.
    assert await look(paper) == CanaryLook(
        BERLIN, paper.now, UNREACHABLE, UNREACHABLE, Untried.CLOCK
    )
    assert (await note(paper, ()))[1:] == ["canary_well"]


async def test_what_may_not_be_told_now_is_told_later(paper: Paper) -> None:
    assert await note(paper, UNREACHABLE, may_tell=False) == []
    assert await look(paper) == CanaryLook(BERLIN, paper.now, UNREACHABLE)
    assert await note(paper, UNREACHABLE) == ["canary_unreachable"]
    assert await note(paper, (), may_tell=False) == ["canary_unreachable"]
    assert (await note(paper, ()))[1:] == ["canary_well"]


@pytest.mark.parametrize("trouble", list(CanaryTrouble)[:3])
async def test_that_somebody_gets_past_a_lock_waits_for_nothing(
    paper: Paper, trouble: CanaryTrouble
) -> None:
    assert await note(paper, (trouble,), may_tell=False) == [f"canary_{trouble}"]


async def test_where_no_revoked_one_was_tried_none_is_said_to_be_refused(paper: Paper) -> None:
    await note(paper, UNREACHABLE)
    assert (await note(paper, (), tried_revoked=False))[1:] == ["canary_lets_in"]


@pytest.mark.parametrize(("period_s", "minutes"), [(0, 15), (60, 15), (300, 15), (600, 30)])
def test_a_look_counts_for_three_periods(paper: Paper, period_s: int, minutes: int) -> None:
    seen, later = CanaryLook(BERLIN, paper.now), paper.now + minutes * HOUR / 60
    assert canaries.current(seen, later, period_s) == seen
    assert canaries.current(seen, later + HOUR / 60, period_s).untried is Untried.OVERDUE
