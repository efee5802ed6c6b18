"""Who is connected, as an admin reads it: nobody is left out, and a tap means what was shown."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.chat import buttons, online
from bot.chat.buttons import Tap
from bot.chat.online import PAGE
from bot.chat.views import View
from bot.fleet.online import Connected, OnServer, Standing
from bot.texts import online as words
from bot.texts.online import amount
from storage.audit_records import AuditEntry
from storage.records import Grant, GrantState, OutboxKind, ServerName, UserId
from tests.bot.chat.desk import ANNA, BORIS, Desk
from tests.bot.chat.test_views import ANNA as PERSON
from tests.bot.chat.test_views import grant, seen
from vpn.findings import Finding, FindingCode
from vpn.proof.management import Session
from vpn.proof.sessions import SessionsCut, ToCut
from vpn.values import CommonName

BERLIN, PARIS = ServerName("berlin"), ServerName("paris")
BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SINCE = int(BEGAN.timestamp())
SILENT = Finding(FindingCode.MANAGEMENT_SILENT, "No answer.")
PEOPLE = {PERSON.id: PERSON.name}


def session(name: str, **changes: Any) -> Session:
    values: dict[str, Any] = {
        "common_name": name,
        "real_address": "198.51.100.7:40312",
        "virtual_address": "10.8.0.2",
        "connected_since": BEGAN,
        "bytes_received": 2_345_678,
        "bytes_sent": 12_345_678,
        "client_id": 3,
    }
    return Session(**values | changes)


def known(of: Grant, server: ServerName = BERLIN, **changes: Any) -> Connected:
    return Connected(server, session(of.common_name, **changes), Standing.KNOWN, of)


def on(*sessions: Connected, server: ServerName = BERLIN, cuts: bool = True) -> OnServer:
    return OnServer(server, cuts, sessions)


def shown(*found: OnServer, page: int = 0, numbers: dict[Any, int] | None = None) -> View:
    return online.listing(found, online.page(found, page), PEOPLE, numbers or {})


def data_of(view: View) -> list[list[str]]:
    return [[button.data for button in row] for row in view.keyboard]


def test_all_that_a_server_tells_of_a_session() -> None:
    view = shown(on(known(grant(1))))
    text = seen(view)
    assert text == (
        "1 session right now:\n\n1. Anna Petrova on berlin, since 2026-03-02 09:00 UTC\n"
        "from 198.51.100.7:40312, as 10.8.0.2\n"
        "2.3 MB sent, 12 MB received, anna-petrova-00000001"
    )
    assert data_of(view) == [[f"cs:g-00000001:berlin:{SINCE}", "rg:g-00000001"]]
    assert [b.text for b in view.keyboard[0]] == ["Cut 1: Anna Petrova", "Revoke 1: Anna Petrova"]


def test_an_end_that_is_not_proved_cannot_be_revoked_again() -> None:
    view = shown(on(known(grant(1, state=GrantState.REVOKING))))
    assert words.ENDING in seen(view)
    assert data_of(view) == [[f"cs:g-00000001:berlin:{SINCE}"]]


def test_of_an_imported_one_that_is_nobodys_the_name_is_said() -> None:
    view = shown(on(known(grant(1, user_id=None, imported_at=BEGAN, server=None))))
    assert "1. anna-petrova-00000001 on berlin" in seen(view)
    assert view.keyboard[0][0].text == "Cut 1: anna-petrova-00000001"


@pytest.mark.parametrize(
    ("standing", "cuts", "said"),
    [
        (Standing.UNKNOWN, False, words.UNKNOWN),
        (Standing.UNKNOWN, True, words.UNKNOWN_CUT),
        (Standing.NO_ACCESS, False, words.NO_ACCESS),
        (Standing.NAMELESS, False, words.NAMELESS),
        (Standing.KNOWN, False, words.SHARED),
    ],
)
def test_who_is_no_one_persons_is_shown_by_name(standing: Standing, cuts: bool, said: str) -> None:
    found = on(Connected(BERLIN, session("Bob <b>"), standing), cuts=cuts)
    view = shown(found, numbers={(BERLIN, "Bob <b>"): 7})
    assert "1. Bob <b> on berlin" in seen(view)
    assert said in seen(view)
    assert data_of(view) == ([["ct:7"]] if standing is Standing.UNKNOWN else [])
    assert shown(found).keyboard == ()  # nobody was told of that name yet


def test_a_server_that_is_silent_is_never_called_empty() -> None:
    silent = OnServer(PARIS, True, finding=SILENT)
    assert seen(shown(on())) == words.NOBODY
    assert seen(shown()).startswith("There is no server yet.")
    assert seen(shown(on(), silent)).startswith(f"{words.NOBODY_SEEN}\n\n⚠️ I can’t ask paris who")
    assert "I can’t ask paris who is on" in seen(shown(on(known(grant(1))), silent))


def test_many_come_in_pages_with_their_count() -> None:
    here = [known(grant(number)) for number in range(1, 2 * PAGE)]
    there = known(grant(2 * PAGE), PARIS)
    found = on(*here), on(there, server=PARIS)
    first, last = shown(*found), shown(*found, page=9)
    assert seen(first).startswith("16 sessions right now:")
    assert seen(first).endswith("Page 1 of 2")
    assert data_of(first)[-1] == ["ol:1"]
    assert f"16. {PERSON.name} on paris" in seen(last)
    assert data_of(last)[-1] == ["ol:0"]
    assert len(last.keyboard) == PAGE + 1


def test_whatever_a_server_says_fits_a_message() -> None:
    evil = "<b>&\u202e\U0001f600" * 40
    values = {"real_address": evil, "virtual_address": evil, "bytes_received": 10**30}
    sessions = [Connected(BERLIN, session(evil, **values), Standing.UNKNOWN)] * PAGE
    assert seen(shown(on(*sessions))).count("I end that within a minute") == PAGE


def test_the_longest_names_fit_a_message_and_can_be_cut() -> None:
    long = "\U0001f600" * 64
    people = {PERSON.id: long}
    values = {"real_address": long, "virtual_address": long}
    found = [on(*(Connected(BERLIN, session(long, **values), Standing.KNOWN, grant(1)),) * PAGE)]
    view = online.listing(found, online.page(found, 0), people, {})
    assert "more, which don’t fit here" in seen(view)  # which looks at its length, too
    assert len(view.keyboard) == PAGE


LEFT = frozenset({ToCut(CommonName("anna"))})


@pytest.mark.parametrize(
    ("done", "comes_back", "said"),
    [
        (None, True, words.CUT_NO_SERVER),
        (SessionsCut(), True, words.CUT_SILENT),
        (SessionsCut(left=LEFT, cut=Counter(anna=3)), True, words.CUT_LEFT),
        (SessionsCut(left=frozenset()), True, words.CUT_NOT_THERE),
        (SessionsCut(left=frozenset(), cut=Counter(anna=1)), True, words.CUT),
        (SessionsCut(left=frozenset(), cut=Counter(anna=1)), False, words.CUT_OVER),
    ],
)
def test_cut_is_said_only_where_it_was_seen(
    done: SessionsCut | None, comes_back: bool, said: str
) -> None:
    assert online.cut_text(done, comes_back=comes_back) == said


@pytest.mark.parametrize("text", [words.CUT, words.CUT_OVER, words.CUT_NOT_THERE])
def test_a_cut_says_nothing_of_other_sessions_of_the_person(text: str) -> None:
    """They may be on by another profile, which was not looked at."""
    assert "That session of {name}" in text
    assert "connected to" not in text


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (9_960, "10 KB"),
        (999_600, "1.0 MB"),
        (12_345_678, "12 MB"),
        (3_210_000_000, "3.2 GB"),
        (10**24, "1000000 EB"),
    ],
)
def test_an_amount_of_data(count: int, said: str) -> None:
    assert amount(count) == said


async def test_servers_are_asked_when_the_answer_goes_out(desk: Desk) -> None:
    assert await desk.says(BORIS, "/online") == ["online"]
    assert await desk.taps(ANNA, buttons.data(Tap.ONLINE, 1)) == []
    assert await desk.taps(BORIS, buttons.data(Tap.ONLINE, 1)) == ["online"]
    async with desk.gate.database.reading() as tx:
        first, turned = [one.payload for one in await tx.outbox.open(OutboxKind.ONLINE)]
    assert (first, turned) == ({"page": 0}, {"page": 1, "edit": 5})
    [refused] = await desk.says(ANNA, "/online")
    assert refused.startswith("Only admins can do this.")


def test_what_shows_as_nothing_is_a_question_mark() -> None:
    empty = "\u202e"
    found = on(Connected(BERLIN, session(empty, real_address=empty), Standing.UNKNOWN))
    view = shown(found, numbers={(BERLIN, empty): 7})
    assert "1. ? on berlin" in seen(view)
    assert "from ?, as 10.8.0.2" in seen(view)
    assert view.keyboard[0][0].text == "Cut ?"


async def test_a_cut_is_an_admins_and_is_in_the_trail(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    async with desk.gate.database.reading() as tx:
        (of_anna,) = await tx.grants.of_user(UserId(ANNA))
    tap = buttons.data(Tap.CUT_SESSION, of_anna.id, BERLIN, SINCE)
    for who, data in (
        (ANNA, tap),
        (BORIS, buttons.data(Tap.CUT_SESSION, "g-missing", BERLIN, SINCE)),
        (BORIS, buttons.data(Tap.CUT_SESSION, of_anna.id, "rome", SINCE)),
    ):
        assert await desk.taps(who, data) == []
    assert await cuts(desk) == []
    assert await desk.taps(BORIS, tap) == ["cut_session"]
    (row,) = await cuts(desk)
    assert (row.actor, row.subject) == (f"telegram:{BORIS}", f"grant:{of_anna.id}")
    assert (row.detail["server"], row.detail["since"]) == (BERLIN, BEGAN.isoformat())


async def cuts(desk: Desk) -> list[AuditEntry]:
    async with desk.gate.database.reading() as tx:
        rows = [row for row in await tx.audit.all() if isinstance(row, AuditEntry)]
    return [row for row in rows if row.action == "session.cut"]
