"""Lists as they look in a chat: what is not proved comes first, and nothing is cut in silence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.chat import views
from bot.chat.views import View
from bot.texts import chat as words
from demo.markup import parse_html
from storage.records import (
    Grant,
    GrantId,
    GrantState,
    Person,
    Proof,
    RequestId,
    Server,
    ServerName,
    UserId,
)
from vpn.findings import Finding, FindingCode, ServerStatus

NOW = datetime(2026, 3, 2, tzinfo=UTC)
BERLIN = ServerName("berlin")
ANNA = Person(UserId(1001), "Anna Petrova", None, allowed=True, reachable=True, added_at=NOW)


def grant(number: int, **changes: Any) -> Grant:
    made = Grant(
        id=GrantId(f"g-{number:08}"),
        request_id=RequestId(number),
        user_id=ANNA.id,
        server=BERLIN,
        common_name=f"anna-petrova-{number:08}",
        serial=f"a{number:039x}",
        address="10.8.0.2",
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


# --- /grants -------------------------------------------------------------------------------------


def test_what_is_not_proved_is_never_the_part_that_is_cut() -> None:
    live = [grant(number) for number in range(30)]
    late = [revoking(100 + number) for number in range(16)]
    text = seen(views.grants_listing([*live, *late], [ANNA], [proof(one) for one in late]))
    assert text.startswith("46 accesses:")
    assert text.count("not proved on berlin: may still get in") == 16
    assert "… and 30 more; vpnbot grant list shows all." in text
    assert live[0].common_name not in text


def test_live_ones_follow_as_far_as_there_is_room() -> None:
    live = [grant(number) for number in range(30)]
    late = [revoking(100)]
    text = seen(views.grants_listing([*live, *late], [ANNA], [proof(late[0])]))
    assert text.index(late[0].common_name) < text.index(live[0].common_name)
    assert text.count("active") == views.SHOWN - 1
    assert "… and 16 more" in text


def test_more_than_a_message_can_hold_is_counted() -> None:
    late = [revoking(number) for number in range(90)]
    servers = [ServerName(f"server-{number:02}") for number in range(20)]
    proofs = [proof(one, server) for one in late for server in servers]
    text = seen(views.grants_listing([grant(200), *late], [ANNA], proofs))
    shown = text.count("may still get in")
    assert shown > 10
    assert f"… and {91 - shown} more, {90 - shown} of them not proved" in text
    assert "not proved on server-00, server-01, server-02, server-03, server-04, …: may" in text


def test_what_waits_for_a_server_is_said_so() -> None:
    text = seen(views.grants_listing([revoking(1, imported_at=NOW, server=None)], [ANNA], []))
    assert "no server is known yet: may still get in" in text


# --- /myvpn --------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"server": None, "imported_at": NOW}])
def test_what_may_still_work_is_shown_to_its_owner(changes: dict[str, Any]) -> None:
    ending = revoking(1, **changes)
    view = views.my_access([], [ending])
    assert f"{ending.common_name} may still work for a while" in seen(view)
    # There is nothing left to end or to renew.
    assert view.keyboard == ()


def test_what_is_over_is_not_shown() -> None:
    over = [grant(1, state=GrantState.REVOKED), grant(2, state=GrantState.EXPIRED)]
    assert seen(views.my_access([], over)) == words.MY_NOTHING
    text = seen(views.my_access([], [*over, grant(3), revoking(4)]))
    assert text.index("active") < text.index("may still work")


# --- lists to tap --------------------------------------------------------------------------------


def test_a_list_to_tap_says_how_the_others_are_reached() -> None:
    people = [replace(ANNA, id=UserId(number), name=f"P{number}") for number in range(1, 31)]
    view = views.whom(words.CHOOSE_REVOKE, people, [])
    assert len(view.keyboard) == views.BUTTONS_SHOWN
    assert seen(view) == "Whose access shall end?\n\n… and 10 more: write /revoke NAME."
    assert seen(views.whom(words.CHOOSE_REVOKE, people[:20], [])) == "Whose access shall end?"


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
    text = seen(views.servers_listing([server(name) for name in names], states))
    assert text.startswith("⚠️ server-59")
    shown = text.count(".vpn.example.com")
    assert 10 < shown < 60
    assert f"… and {60 - shown} more; vpnbot server status shows all." in text


def test_a_server_that_lets_others_in_is_named() -> None:
    opens = replace(status("rome", reachable=True), open_to_others=(Finding(FindingCode.CRL_OLD),))
    states = [status("berlin", reachable=True), opens]
    text = seen(views.servers_listing([server("berlin"), server("rome")], states))
    assert text.count("profiles for other servers may open it, too") == 1
