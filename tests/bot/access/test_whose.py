"""Whose an address is, or was: also where it was moved, is nobody's, or nobody can know."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.access import groups, revocation
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal, Refused
from bot.access.whose import Answer, Moment, Standing, Unknown, look_up, parse_moment
from storage.group_records import Group, GroupName
from storage.records import Canary, CanaryRole, EndReason, ServerName
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    DAY,
    EMIL,
    HOUR,
    MINUTE,
    MORNING,
    OPERATOR,
    PARIS,
    Paper,
    make_server,
    seen,
)


async def asked(paper: Paper, address: str, when: datetime | str = "") -> Answer:
    text = when if isinstance(when, str) else when.isoformat()
    return await paper.by(OPERATOR, look_up, address, text)


async def test_whose_it_is_and_was(paper: Paper) -> None:
    anna = await paper.active(ANNA)
    paper.now += DAY
    await paper.do(revocation.begin, [anna], EndReason.REVOKED)
    paper.now += MINUTE
    await paper.do(revocation.record_proofs, [seen(anna)])
    left = paper.now
    assert (await asked(paper, "10.8.0.2")).had == ()
    paper.now += 2 * HOUR
    emil = await paper.active(EMIL)
    assert emil.address == anna.address

    (now,) = (await asked(paper, "10.8.0.2")).had
    assert (now.name, now.grant, now.standing) == ("Emil", emil.id, Standing.HAS)
    assert (now.server, now.since, now.until) == (BERLIN, emil.not_before, None)
    assert (now.common_name, now.user_id) == (emil.common_name, EMIL)
    (then,) = (await asked(paper, "10.8.0.2", MORNING + HOUR)).had
    assert (then.name, then.grant, then.standing) == ("Anna Petrova", anna.id, Standing.HAD)
    assert (then.since, then.until) == (MORNING, left)
    # From the first moment to the last, which is nobody's any more.
    assert (await asked(paper, "10.8.0.2", MORNING)).had == (then,)
    at_the_end = await asked(paper, "10.8.0.2", left)
    assert (at_the_end.had, at_the_end.before) == ((), then)
    # While it rested it was nobody's, and whose it was before is said.
    between = await asked(paper, "10.8.0.2", left + MINUTE)
    assert between.had == ()
    assert between.unknown is None
    assert between.before is not None
    assert between.before.name == "Anna Petrova"
    # A whole day may be that of several.
    day = (await asked(paper, "10.8.0.2", f"{left:%Y-%m-%d}")).had
    assert [one.name for one in day] == ["Anna Petrova", "Emil"]


async def test_one_that_was_moved(paper: Paper) -> None:
    await paper.active(ANNA)
    paper.now += HOUR
    await paper.by(
        OPERATOR, groups.add, Group(GroupName("dev"), networks=("10.8.0.2/32", "10.8.0.4/32"))
    )
    (old,) = (await asked(paper, "10.8.0.2")).had
    assert (old.name, old.standing) == ("Anna Petrova", Standing.LEAVES)
    (new,) = (await asked(paper, "10.8.0.3")).had
    assert (new.name, new.standing, new.since) == ("Anna Petrova", Standing.HAS, paper.now)
    assert (await asked(paper, "10.8.0.3", MORNING)).had == ()


@pytest.mark.parametrize(
    ("address", "unknown", "server"),
    [
        ("192.0.2.7", Unknown.NO_NETWORK, None),
        ("2001:db8::7", Unknown.NO_NETWORK, None),
        ("10.8.0.1", Unknown.SERVERS_OWN, BERLIN),
        ("10.8.0.5", None, BERLIN),
        ("10.9.0.1", Unknown.SERVERS_OWN, PARIS),
        ("10.9.0.3", Unknown.BY_OPERATOR, PARIS),
        ("10.9.0.4", Unknown.FROM_POOL, PARIS),
        ("10.9.0.2", None, PARIS),
    ],
)
async def test_why_nobody_is_known(
    paper: Paper, address: str, unknown: Unknown | None, server: ServerName | None
) -> None:
    plan: dict[str, Any] = {
        "network": "10.9.0.0/29",
        "own": "10.9.0.1",
        "pool": ["10.9.0.4", "10.9.0.6"],
        "one_each": True,
    }
    adopted = {"addresses": plan, "taken": ["10.9.0.3"]}
    async with paper.database.writing() as tx:
        await tx.servers.add(replace(make_server(PARIS, "10.9.0.0/29"), adopted=adopted))
    answer = await asked(paper, address)
    assert (answer.had, answer.before, answer.unknown) == ((), None, unknown)
    assert (answer.server and answer.server.name) == server
    if server is not None:
        earlier = await asked(paper, address, MORNING - DAY)
        assert earlier.unknown is Unknown.BEFORE


async def test_the_bots_own(paper: Paper) -> None:
    canary = Canary("2a", BERLIN, CanaryRole.GOOD, "canary", "10.8.0.6", MORNING, MORNING + DAY)
    async with paper.database.writing() as tx:
        await tx.canaries.add([canary])
    (now,) = (await asked(paper, "10.8.0.6")).had
    assert (now.name, now.grant, now.standing) == (None, None, Standing.HAS)
    async with paper.database.writing() as tx:
        await tx.canaries.retire(BERLIN, MORNING + HOUR)
    paper.now += 2 * HOUR
    (then,) = (await asked(paper, "10.8.0.6", MORNING)).had
    assert (then.standing, then.until) == (Standing.HAD, MORNING + HOUR)


NOW = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)
TO_THE_MINUTE = MINUTE - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "start", "length"),
    [
        ("", NOW, timedelta()),
        ("2026-03-01 14:05", datetime(2026, 3, 1, 14, 5, tzinfo=UTC), TO_THE_MINUTE),
        ("2026-03-01T14:05Z", datetime(2026, 3, 1, 14, 5, tzinfo=UTC), TO_THE_MINUTE),
        ("2026-03-01 14:05:07 utc", datetime(2026, 3, 1, 14, 5, 7, tzinfo=UTC), timedelta()),
        ("2026-03-01T14:05:07+02:00", datetime(2026, 3, 1, 12, 5, 7, tzinfo=UTC), timedelta()),
        ("09:30", datetime(2026, 3, 2, 9, 30, tzinfo=UTC), TO_THE_MINUTE),
        ("14:05", datetime(2026, 3, 1, 14, 5, tzinfo=UTC), TO_THE_MINUTE),
        ("09:31:27", NOW, timedelta()),
        ("2026-03-02 09:31:27", NOW, timedelta()),
        ("12:05+02:00", datetime(2026, 3, 1, 10, 5, tzinfo=UTC), timedelta()),
        # As long as a time may be.
        (
            "2026-03-01 14:05:07." + "1" * 20,
            datetime(2026, 3, 1, 14, 5, 7, 111_111, tzinfo=UTC),
            timedelta(),
        ),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC), DAY - timedelta(microseconds=1)),
    ],
)
def test_times_as_people_write_them(text: str, start: datetime, length: timedelta) -> None:
    assert parse_moment(text, NOW) == Moment(start, start + length)


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "2026-03-03",
        "2026-13-01",
        "25:00",
        "2026-03-01 14:05:07." + "1" * 21,
        "2026-03-02 09:31:28",
        "0001-01-01T00:00+23:00",
    ],
)
def test_what_is_no_time_that_has_been(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_moment(text, NOW)
    assert caught.value.code is Refusal.BAD_TIME


async def test_only_admins_ask(paper: Paper) -> None:
    await paper.refuses(await paper.actor(ANNA), Refusal.ADMINS_ONLY, look_up, "10.8.0.2")
    await paper.refuses(THE_BOT, Refusal.BAD_ADDRESS, look_up, "10.8.0")
