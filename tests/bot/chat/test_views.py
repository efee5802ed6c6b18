"""Lists as they look in a chat: what is not proved comes first, and nothing is cut in silence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.access.holdings import Holding
from bot.access.permission import Actor
from bot.access.usage import LastUse
from bot.chat import server_list, views
from bot.chat.buttons import Button, Tap
from bot.chat.pages import page_of
from bot.chat.views import View
from bot.texts import chat as words
from demo.api.markup import parse_html
from storage.pauses import PersonPause
from storage.records import (
    Grant,
    GrantId,
    GrantState,
    Pause,
    Person,
    Place,
    Proof,
    Request,
    RequestId,
    RequestState,
    Server,
    ServerName,
    UserId,
)
from vpn.findings import Finding, FindingCode, ServerStatus

NOW = datetime(2026, 3, 2, tzinfo=UTC)
BERLIN = ServerName("berlin")
PHONE = UserId(1009)
ANNA = Person(UserId(1001), "Anna Petrova", None, allowed=True, reachable=True, added_at=NOW)


def grant(number: int, **changes: Any) -> Grant:
    made = Grant(
        id=GrantId(f"g-{number:08}"),
        request_id=RequestId(number),
        user_id=ANNA.id,
        server=BERLIN,
        common_name=f"anna-petrova-{number:08}",
        serial=f"a{number:039x}",
        places=(Place(BERLIN, "10.8.0.2"),),
        state=GrantState.ACTIVE,
        not_before=NOW + number * timedelta(minutes=1),
        not_after=NOW + timedelta(days=7),
    )
    return replace(made, **changes)


def revoking(number: int, **changes: Any) -> Grant:
    return grant(number, state=GrantState.REVOKING, revoked_at=NOW, **changes)


def proof(of: Grant, server: ServerName = BERLIN) -> Proof:
    return Proof(of.id, server, proved=False, attempts=1, next_try_at=NOW)


def seen(view: View) -> str:
    """What Telegram shows, if it takes it at all."""
    text = parse_html(view.text).text
    assert len(text.encode("utf-16-le")) // 2 <= 4096  # Bot API, sendMessage
    return text


USED = LastUse(NOW + timedelta(hours=1), BERLIN, "198.51.100.7", 2_000_000, 40_000_000)


def entry(grant: Grant, *unproved_on: str, used: LastUse | None = None) -> str:
    return seen(View(views.grant_entry(grant, {ANNA.id: ANNA.name}, unproved_on, used)))


def test_each_line_says_whose_it_is_and_for_which_server() -> None:
    old = {"imported_at": NOW, "server": None}
    grants = [grant(1), grant(2, user_id=PHONE), grant(3, user_id=None, **old)]
    assert [entry(one).splitlines()[0] for one in grants] == [
        "Anna Petrova, berlin, until 2026-03-09 00:00 UTC",
        "1009, berlin, until 2026-03-09 00:00 UTC",
        "Not linked to anybody, from before the takeover, until 2026-03-09 00:00 UTC",
    ]


def test_what_is_not_proved_says_where() -> None:
    servers = [f"server-{number:02}" for number in range(20)]
    text = entry(revoking(1), *servers)
    assert "not confirmed on server-00, server-01, server-02, server-03, server-04, …: may" in text
    assert "may still get in" not in entry(grant(1)), "nothing is to be proved of what lives"


@pytest.mark.parametrize(
    ("until", "said"), [(None, "is paused. "), (NOW, "is paused until 2026-03-02 00:00 UTC. ")]
)
def test_somebody_paused_reads_until_when(until: datetime | None, said: str) -> None:
    pause = PersonPause(ANNA.id, NOW, until, "telegram:2", "Boris")
    text = seen(views.my_access(ANNA.id, [], [], {}, {}, pause))
    assert text == f"⏸ Your VPN access {said}Your profiles are kept."


def test_what_waits_for_a_server_is_said_so() -> None:
    text = entry(revoking(1, imported_at=NOW, server=None))
    assert "no server is known yet: may still get in" in text


def test_the_listing_says_when_each_was_used() -> None:
    text = entry(grant(1), used=USED)
    assert "last connected 2026-03-02 01:00 UTC, 42 MB in all" in text
    assert entry(grant(2)).endswith("not seen connected yet")


def test_the_owner_sees_it_too() -> None:
    view = views.my_access(ANNA.id, [], [Holding(grant(1))], {}, {grant(1).id: USED})
    assert seen(view).endswith("last connected 2026-03-02 01:00 UTC, 42 MB in all")
    assert seen(mine(Holding(grant(1)))).endswith("not seen connected yet")


# --- /myvpn --------------------------------------------------------------------------------------


def mine(*has: Holding) -> View:
    return views.my_access(ANNA.id, [], has, {ANNA.id: ANNA.name, PHONE: "Anna (phone)"}, {})


@pytest.mark.parametrize("changes", [{}, {"server": None, "imported_at": NOW}])
def test_what_may_still_work_is_shown_to_its_owner(changes: dict[str, Any]) -> None:
    ending = revoking(1, **changes)
    view = mine(Holding(ending, (BERLIN,)))
    assert ending.common_name in seen(view)
    assert "being switched off, and may still work until that’s done" in seen(view)
    # There is nothing left to end or to renew.
    assert view.keyboard == ()


def test_what_works_comes_first() -> None:
    assert seen(mine()) == words.MY_NOTHING
    text = seen(mine(Holding(grant(3)), Holding(revoking(4), (BERLIN,))))
    assert text.index("active") < text.index("may still work")


def test_a_server_that_was_taken_out_proves_nothing_to_the_owner_either() -> None:
    text = seen(mine(Holding(grant(1, state=GrantState.REVOKED), (BERLIN,))))
    assert "taken out before it could show that" in text
    assert "keep trying" not in text


def test_what_another_account_has_is_shown_and_can_be_ended_only() -> None:
    own, other = grant(1), grant(2, user_id=PHONE)
    view = mine(Holding(own), Holding(other))
    assert f"By your account Anna (phone):\n{BERLIN}" in seen(view)
    assert seen(view).count("By your account") == 1
    assert [[button.data for button in row] for row in view.keyboard] == [
        [f"mt:{own.id}"],
        [f"np:{own.id}", f"gu:{own.id}"],
        [f"gu:{other.id}"],
    ]


AT, UNTIL = "2026-03-02 00:00 UTC", "berlin until 2026-03-09 00:00 UTC"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "berlin until 2026-03-09 00:00 UTC\nactive, {}, address 10.8.0.2"),
        ({"places": ()}, "berlin until 2026-03-09 00:00 UTC\nactive, {}"),
        (
            {"places": (Place(BERLIN, "10.8.0.2"), Place(ServerName("rome"), "10.9.0.2"))},
            f"{UNTIL}\nactive, {{}}, address 10.8.0.2 (berlin), 10.9.0.2 (rome)",
        ),
        (
            {"pause": Pause.PAUSED},
            "berlin until 2026-03-09 00:00 UTC\npaused, {}, address 10.8.0.2",
        ),
        (
            {"imported_at": NOW, "server": None, "places": ()},
            "A profile from before the takeover, until 2026-03-09 00:00 UTC\nactive, {}. {old}",
        ),
    ],
)
def test_what_works_is_told_with_all_that_is_known_of_it(
    changes: dict[str, Any], said: str
) -> None:
    one = grant(1, **changes)
    text = said.format(one.common_name, old="/requestvpn gives you a new one to replace it.")
    assert seen(mine(Holding(one))) == f"{text}\nnot seen connected yet"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "for berlin, 1 hour: waits for an admin until 2026-03-02 00:00 UTC"),
        (
            {"starts_at": NOW},
            f"for berlin, 1 hour: waits for an admin until {AT}\nbegins {AT}",
        ),
        (
            {"server": None, "state": RequestState.CHOOSING},
            ", 1 hour: waits for you to choose a server",
        ),
        (
            {"state": RequestState.SCHEDULED, "starts_at": NOW},
            "for berlin, 1 hour: approved, begins 2026-03-02 00:00 UTC",
        ),
    ],
)
def test_what_somebody_waits_for_is_told_with_when(changes: dict[str, Any], said: str) -> None:
    one = Request(
        id=RequestId(3),
        user_id=ANNA.id,
        server=BERLIN,
        duration=3600,
        reason="",
        state=RequestState.PENDING,
        asked_at=NOW,
        expires_at=NOW,
    )
    view = views.my_access(ANNA.id, [replace(one, **changes)], [], {}, {})
    head = "Request 3" if said.startswith(",") else "Request 3 "
    assert seen(view) == head + said


def test_who_is_paused_can_give_up_a_profile_and_nothing_else() -> None:
    paused = grant(1, pause=Pause.PAUSED)
    [[only]] = mine(Holding(paused)).keyboard
    assert only.data == f"gu:{paused.id}"


def test_a_pause_that_is_not_proved_says_where() -> None:
    assert "not confirmed on berlin" in entry(grant(1, pause=Pause.PAUSING), BERLIN)
    assert "not confirmed" not in entry(grant(1, pause=Pause.PAUSED), BERLIN)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("A", "A"),
        ("AB", "A and B"),
        ("ABC", "A, B and C"),
        ("ABCD", "A, B, C and 1 more"),
    ],
)
def test_a_few_people_by_name(names: str, said: str) -> None:
    assert views.by_name([*names]) == said


def test_a_list_is_cut_in_the_open_and_only_where_it_is() -> None:
    assert views.more(views.SHOWN, "user list") == ""
    assert "… and 1 more" in views.more(views.SHOWN + 1, "user list")
    rows = [Button(str(number), "no") for number in range(views.BUTTONS_SHOWN + 1)]
    for some, is_cut in ((rows, True), (rows[:-1], False)):
        view = views.choice("Which?", some, "/revoke ID")
        assert len(view.keyboard) == views.BUTTONS_SHOWN
        assert ("These aren’t all" in view.text) is is_cut


def test_whoever_keeps_the_list_and_is_not_on_it_can_let_themselves_in() -> None:
    admin = Actor("telegram:1001", "Anna", ANNA.id, is_admin=True)
    [[yes]] = views.allow_self(admin)
    assert yes.data == f"al:{ANNA.id}"
    for nobody in (
        replace(admin, is_allowed=True),
        replace(admin, is_admin=False),
        replace(admin, user_id=None, is_operator=True),
    ):
        assert views.allow_self(nobody) == ()


def test_more_time_is_offered_until_it_was_asked_for_or_is_there() -> None:
    old, asked, free = grant(1), grant(2), grant(3)
    has = [Holding(each) for each in (old, asked, free)]
    lasting = {old.id: True, asked.id: False}
    view = views.my_access(ANNA.id, [], has, {}, {}, lasting=lasting)
    data = [button.data for row in view.keyboard for button in row]
    assert [one for one in data if one.startswith("mt:")] == [f"mt:{free.id}"]
    assert seen(view).count("ends once you’ve connected with your newer one") == 1


# --- what is left --------------------------------------------------------------------------------


def test_what_still_works_is_named_and_cut_in_the_open() -> None:
    assert views.still_yours([]) == ""
    text = seen(View(views.still_yours([grant(1), grant(2, server=None, imported_at=NOW)])))
    assert text.splitlines() == [
        "You still have:",
        "• berlin until 2026-03-09 00:00 UTC, anna-petrova-00000001",
        "• anna-petrova-00000002, from before the takeover, until 2026-03-09 00:00 UTC",
    ]
    many = [grant(number) for number in range(6)]
    assert seen(View(views.still_yours(many))).endswith("and more: /myvpn")
    assert "and more" not in seen(View(views.still_yours(many[:5])))


def test_the_rest_of_a_person_takes_one_tap_and_each_name_that_is_nobodys_another() -> None:
    nobodys = {"user_id": None, "server": None, "imported_at": NOW, "common_name": "bob"}
    left = [grant(1), grant(2, user_id=PHONE), grant(3, **nobodys), grant(4, **nobodys)]
    rows = views.revoke_rest(left, {ANNA.id: "Anna Petrova", PHONE: "Anna (phone)"})
    assert [[(button.text, button.data) for button in row] for row in rows] == [
        [("Revoke the rest of Anna Petrova", f"rr:{left[0].id}")],
        [("Revoke bob", f"rr:{left[2].id}")],
    ]
    [[only]] = views.give_up_rest(left[:1])
    assert (only.text, only.data) == (f"Revoke {left[0].common_name}", f"gu:{left[0].id}")


# --- lists to tap --------------------------------------------------------------------------------


def test_two_profiles_of_one_server_are_told_apart() -> None:
    one, other, only = grant(1), grant(2), grant(3, server=ServerName("paris"))
    old = {"imported_at": NOW, "server": None, "common_name": "anna"}
    first = grant(4, **old)
    second = grant(5, **old | {"not_after": NOW + timedelta(days=9)})
    has = [Holding(each) for each in (one, other, only, first, second)]
    view = views.my_access(ANNA.id, [], has, {ANNA.id: "Anna"}, {})
    labels = [button.text for row in view.keyboard for button in row]
    assert labels == [
        *(
            "More time for berlin (00000001)",
            "New profile for berlin (00000001)",
            "Revoke berlin (00000001)",
        ),
        *(
            "More time for berlin (00000002)",
            "New profile for berlin (00000002)",
            "Revoke berlin (00000002)",
        ),
        *("More time for paris", "New profile for paris", "Revoke paris"),
        *("Revoke anna (2026-03-09 00:00 UTC)", "Revoke anna (2026-03-11 00:00 UTC)"),
    ]


# --- /servers ------------------------------------------------------------------------------------


def server(name: str) -> Server:
    return Server(
        name=ServerName(name),
        remote_host=f"{name}.vpn.example.com",
        remote_port=1194,
        protocol="udp",
        listen_port=1194,
        directory=f"/srv/{name}",
        network="10.8.0.0/22",
        routes=(),
        dns=(),
        account="vpnbot",
        added_at=NOW,
    )


def status(name: str, *, reachable: bool) -> ServerStatus:
    return ServerStatus(
        server=name,
        reachable=reachable,
        crl_number=7,
        crl_signed_at=NOW,
        crl_next_update=NOW,
        sessions=2 if reachable else None,
        restart_pending=reachable,
        certificate_end=NOW,
        findings=(),
    )


def test_servers_that_do_not_answer_come_first_and_the_rest_is_counted() -> None:
    names = [f"server-{number:02}" for number in range(60)]
    states = [status(name, reachable=number != 59) for number, name in enumerate(names)]
    text = seen(server_list.listing([server(name) for name in names], states, {}, ()))
    assert text.startswith("⚠️ server-59")
    shown = text.count(".vpn.example.com")
    assert 10 < shown < 60
    assert f"… and {60 - shown} more; vpnbot server status shows all." in text


def test_a_server_that_lets_others_in_is_named() -> None:
    opens = replace(status("rome", reachable=True), open_to_others=(Finding(FindingCode.CRL_OLD),))
    states = [status("berlin", reachable=True), opens]
    text = seen(server_list.listing([server("berlin"), server("rome")], states, {}, ()))
    assert text.count("profiles for other servers may open it, too") == 1


# --- pages ---------------------------------------------------------------------------------------


def test_pages_lead_to_each_other_and_nowhere_else() -> None:
    items = list(range(2 * views.BUTTONS_SHOWN + 1))

    def turning(number: int | None) -> list[str]:
        return [
            button.data
            for row in page_of(items, number, size=views.BUTTONS_SHOWN).turning(Tap.OLD)
            for button in row
        ]

    assert [turning(number) for number in (None, 0, 1, 2, 9)] == [
        *(["oc:1"], ["oc:1"], ["oc:0", "oc:2"], ["oc:1"], ["oc:1"])
    ]
    pages = [page_of(items, number, size=views.BUTTONS_SHOWN) for number in range(3)]
    assert [one for page in pages for one in page.items] == items
    assert [page.text for page in pages] == [f"Page {number} of 3" for number in (1, 2, 3)]
    alone = page_of(items[: views.BUTTONS_SHOWN], None, size=views.BUTTONS_SHOWN)
    assert (alone.text, alone.turning(Tap.OLD)) == ("", ())
    assert list(page_of([], None, size=views.BUTTONS_SHOWN).items) == []


def test_what_a_server_answers() -> None:
    well = replace(status("berlin", reachable=True), restart_pending=False)
    text = seen(server_list.listing([server("berlin")], [well], {}, ()))
    for template in (words.SERVER_RESTART, words.SERVER_OPEN, words.SERVER_NO_CRL):
        assert parse_html(template).text not in text
    restart = replace(well, restart_pending=True)
    text = seen(server_list.listing([server("berlin")], [restart], {}, ()))
    assert parse_html(words.SERVER_RESTART).text in text
    missing: list[dict[str, Any]] = [
        *({"crl_number": None}, {"crl_signed_at": None}, {"crl_next_update": None})
    ]
    for changes in missing:
        without = replace(well, certificate_end=None, **changes)
        text = seen(server_list.listing([server("berlin")], [without], {}, ()))
        assert parse_html(words.SERVER_NO_CRL).text in text
    assert server_list.listing([], [], {}, ()).text == words.SERVERS_NONE


def test_a_profile_with_its_address_and_one_without() -> None:
    assert "10.8.0.2" in seen(mine(Holding(grant(1))))
    pool = seen(mine(Holding(grant(1, places=(Place(BERLIN, None),)))))
    assert "10.8.0.2" not in pool
    assert "None" not in pool
    imported = seen(mine(Holding(grant(1, server=None, imported_at=NOW))))
    assert "None" not in imported


@pytest.mark.parametrize(
    ("changes", "renewable"),
    [
        ({}, True),
        ({"state": GrantState.ISSUED}, False),
        ({"imported_at": NOW, "server": None}, False),
    ],
)
def test_a_new_profile_is_offered_where_there_can_be_one(
    changes: dict[str, Any], renewable: bool
) -> None:
    row = mine(Holding(grant(1, **changes))).keyboard[-1]
    assert (len(row) == 2) is renewable


def test_a_request_whose_server_is_not_chosen() -> None:
    request = Request(
        id=RequestId(3),
        user_id=ANNA.id,
        server=None,
        duration=3600,
        reason="",
        state=RequestState.CHOOSING,
        asked_at=NOW,
        expires_at=NOW,
    )
    view = views.my_access(ANNA.id, [request], [], {ANNA.id: ANNA.name}, {})
    assert "None" not in seen(view)
    assert len(view.keyboard) == 1
