"""Nobody is surprised by the end of a certificate."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.access import endings, importing
from bot.access.endings import WARN_AT, ServerEnd, due
from bot.access.importing import Certificate
from storage.clock_records import EndWarning
from tests.bot.access.kit import BERLIN, BORIS, CLARA, DAY, DAY_S, MORNING, OPERATOR, Paper

RENEW = "vpnbot server deploy berlin"
SECOND = timedelta(seconds=1)
FAR = MORNING + 4000 * DAY


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (61 * DAY, None),
        (60 * DAY + SECOND, None),
        (60 * DAY, 60),
        (31 * DAY, 60),
        (30 * DAY, 30),
        (14 * DAY, 14),
        (7 * DAY, 7),
        (1 * DAY, 1),
        (SECOND, 1),
        (0 * DAY, 0),
        (-9 * DAY, 0),
    ],
)
def test_how_many_days_are_left(left: timedelta, expected: int | None) -> None:
    assert due(MORNING, MORNING + left, None) == expected


def test_each_warning_comes_once() -> None:
    end = MORNING + 100 * DAY
    last: EndWarning | None = None
    given = []
    for day in range(110):
        days = due(MORNING + day * DAY, end, last)
        if days is not None:
            given.append(days)
            last = EndWarning("ca", end, days)
    assert tuple(given) == WARN_AT


async def test_of_the_ca_a_year_ahead(paper: Paper) -> None:
    """Everybody has to move to another one, which takes its time."""
    await paper.do(
        endings.warn, MORNING + 366 * DAY, [ServerEnd(BERLIN, MORNING + 366 * DAY, RENEW)]
    )
    assert await paper.heard() == []
    await paper.do(
        endings.warn, MORNING + 365 * DAY, [ServerEnd(BERLIN, MORNING + 365 * DAY, RENEW)]
    )
    assert await codes(paper) == [(BORIS, "ca_ends"), (CLARA, "ca_ends")]


def test_after_a_long_pause_only_the_nearest_one_comes() -> None:
    end = MORNING + 3 * DAY
    assert due(MORNING, end, EndWarning("ca", end, 60)) == 7
    assert due(MORNING, end, EndWarning("ca", end, 7)) is None
    assert due(MORNING, end, EndWarning("ca", end + DAY, 7)) == 7  # it was renewed meanwhile


async def codes(paper: Paper) -> list[tuple[int, str]]:
    return [(said.chat, said.payload["code"]) for said in await paper.heard()]


async def test_every_admin_is_warned_of_the_ca_and_of_servers(paper: Paper) -> None:
    servers = [ServerEnd(BERLIN, MORNING + 13 * DAY, RENEW)]
    await paper.do(endings.warn, MORNING + 59 * DAY, servers)
    heard = await paper.heard()
    assert [(said.chat, said.payload["code"]) for said in heard] == [
        (BORIS, "ca_ends"),
        (CLARA, "ca_ends"),
        (BORIS, "server_certificate_ends"),
        (CLARA, "server_certificate_ends"),
    ]
    assert heard[2].payload["values"] == {
        "server": BERLIN,
        "until": (MORNING + 13 * DAY).isoformat(timespec="seconds"),
        "renew": RENEW,
    }
    await paper.do(endings.warn, MORNING + 59 * DAY, servers)
    assert await paper.heard() == []
    await paper.do(endings.warn, FAR, [ServerEnd(BERLIN, FAR, RENEW)])
    assert await paper.heard() == []


async def test_clients_certificates_are_told_together(paper: Paper) -> None:
    await paper.active()  # for a week: its owner knows
    books = [
        Certificate(f"{number:02}", f"old-{number}", None, MORNING + days * DAY)
        for number, days in enumerate((2, 2, 50, 400))
    ]
    await paper.by(OPERATOR, importing.take_in, books)
    await paper.forget()
    await paper.do(endings.warn, FAR, ())
    told = [said.payload["values"] for said in await paper.heard() if said.chat == BORIS]
    assert told == [
        {"count": 2, "days": 7, "names": "old-0, old-1"},
        {"count": 1, "days": 60, "names": "old-2"},
    ]
    paper.now = MORNING + 3 * DAY
    await paper.do(endings.warn, FAR, ())
    assert await paper.heard() == []  # two are over, and for that there is a receipt


async def test_of_a_servers_certificate_nobody_is_to_ask_for_another(paper: Paper) -> None:
    books = [
        Certificate(serial, name, None, MORNING + 2 * DAY, for_server=name == "server")
        for serial, name in (("01", "anna"), ("02", "server"))
    ]
    await paper.by(OPERATOR, importing.take_in, books)
    await paper.forget()
    await paper.do(endings.warn, FAR, ())
    told = [said.payload for said in await paper.heard() if said.chat == BORIS]
    assert [(payload["code"], payload["values"]["names"]) for payload in told] == [
        ("certificates_end", "anna"),
        ("servers_certificates_end", "server"),
    ]


@pytest.mark.parametrize(("many", "said"), [(20, "old-19"), (21, "old-19, …"), (40, "old-19, …")])
async def test_a_long_list_is_cut(paper: Paper, many: int, said: str) -> None:
    books = [
        Certificate(f"{number:04}", f"old-{number:02}", None, MORNING + DAY)
        for number in range(many)
    ]
    await paper.by(OPERATOR, importing.take_in, books)
    await paper.forget()
    await paper.do(endings.warn, FAR, ())
    values = (await paper.heard())[0].payload["values"]
    first = ", ".join(f"old-{number:02}" for number in range(19))
    assert values == {"count": many, "days": 1, "names": f"{first}, {said}"}


async def test_what_has_ended_needs_no_warning(paper: Paper) -> None:
    books = [Certificate("01", "old", None, MORNING + 9 * DAY)]
    await paper.by(OPERATOR, importing.take_in, books)
    await paper.by(OPERATOR, importing.take_in, [replace(books[0], revoked_at=MORNING)])
    await paper.forget()
    await paper.do(endings.warn, FAR, ())
    assert await paper.heard() == []


@pytest.mark.parametrize(("days", "names"), [(59, []), (60, ["anna-petrova-code0001"])])
async def test_whoever_has_it_for_sixty_days_hears_of_the_end(
    paper: Paper, days: int, names: list[str]
) -> None:
    paper.max_duration = 90 * DAY_S
    request = await paper.asked(duration=days * DAY_S)
    await paper.yes(BORIS, request.id)
    await paper.forget()
    await paper.do(endings.warn, FAR, ())
    told = [said.payload["values"]["names"] for said in await paper.heard() if said.chat == BORIS]
    assert told == names
