"""What stands behind a button comes back from the client: it is read like a stranger's words."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot import limits
from bot.access.requests import Why
from bot.chat import buttons
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.commands import COMMANDS
from storage.devices import Device
from storage.joining_records import FarewellId, InvitationId, LeavingId
from storage.key_records import KeyWay
from storage.records import GrantId, RequestId, ServerName, UserId
from storage.use_records import AskedUseId

REQUESTS = st.integers(1, 10**15 - 1).map(RequestId)
GRANTS = st.from_regex(r"g-[a-z0-9]{1,30}", fullmatch=True).map(GrantId)
DIGESTS = st.text("0123456789abcdef", min_size=8, max_size=8)
PEOPLE = st.integers(1, 2**52).map(UserId)
TOPICS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,19}", fullmatch=True)
SERVERS = st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True).map(ServerName)
ABOUT_REQUEST = (
    *(Tap.DENY, Tap.LONGER, Tap.UNDO, Tap.CANCEL, Tap.AGAIN),
    *(Tap.REASON, Tap.MINE, Tap.DENY_WHY, Tap.CARD, Tap.NUDGE),
)
ABOUT_GRANT = (
    *(Tap.RENEW, Tap.RENEW_YES, Tap.GIVE_UP, Tap.GIVE_UP_YES),
    *(Tap.REVOKE_GRANT, Tap.REVOKE_GRANT_YES, Tap.REVOKE_REST, Tap.OLD_NAME, Tap.OLD_PEOPLE),
    *(Tap.UNLOCK, Tap.MORE_TIME),
)
ABOUT_NOTHING = (Tap.RETURN, Tap.KEEP, Tap.OLD, Tap.KEY_WAYS, Tap.ASK, Tap.JOIN)
UNKNOWN = (Tap.CUT_ALWAYS, Tap.CUT_ALWAYS_YES, Tap.CUT_ASK)
ABOUT_PERSON = (
    *(Tap.REVOKE_PERSON, Tap.REVOKE_PERSON_YES, Tap.REMOVE, Tap.REMOVE_YES),
    *(Tap.ALLOW, Tap.ALLOW_YES, Tap.PAUSE, Tap.PAUSE_YES, Tap.RESUME),
)
ABOUT_HELD = (Tap.LATE_YES, Tap.LATE_REVOKE, Tap.LATE_NO)
SEARCHED = (Tap.GRANTS, Tap.USERS, Tap.REVOKE_LIST, Tap.REMOVE_LIST, Tap.PAUSE_LIST)
PARTS = (*SEARCHED, Tap.PENDING, Tap.ONLINE, Tap.INVITATIONS)


def fits(data: str) -> bool:
    return 1 <= len(data.encode()) <= limits.BUTTON_DATA


def test_every_tap_is_read_back_by_one_of_these_tests() -> None:
    others = {Tap.APPROVE, Tap.SERVER, Tap.LINK, Tap.HOW_TO, Tap.CUT, *ABOUT_NOTHING, *UNKNOWN}
    others |= {Tap.HOW_LONG, Tap.COMMAND, Tap.MEANT, Tap.CHANGE, Tap.DENY_SO, Tap.DENY_SAID}
    others |= {*ABOUT_HELD, Tap.CUT_SESSION, Tap.SERVERS, *PARTS}
    others |= {Tap.WAS_ME, Tap.NOT_ME, Tap.RESTORE, Tap.ANOTHER, Tap.ELSEWHERE, Tap.PICKED_YES}
    others |= {Tap.TROUBLE, Tap.KEY_WAY, Tap.WITHDRAW, Tap.JOIN_YES, Tap.JOIN_NO}
    others |= {Tap.LEFT_REMOVE, Tap.LEFT_KEEP}
    assert {*ABOUT_REQUEST, *ABOUT_GRANT, *ABOUT_PERSON} | others == set(Tap)


@given(request=REQUESTS, duration=st.integers(1, 10**9 - 1), digest=DIGESTS)
def test_an_approval_is_read_back(request: RequestId, duration: int, digest: str) -> None:
    data = buttons.data(Tap.APPROVE, request, duration, digest)
    assert fits(data)
    assert buttons.parse(data) == Meant(
        Tap.APPROVE, request=request, duration=duration, digest=digest
    )


@given(request=REQUESTS, duration=st.none() | st.integers(1, 10**9 - 1))
def test_another_duration_is_read_back(request: RequestId, duration: int | None) -> None:
    data = buttons.data(Tap.CHANGE, request, *([duration] if duration else []))
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.CHANGE, request=request, duration=duration)


@given(
    request=REQUESTS,
    why=st.sampled_from(Why),
    update=st.integers(0, 10**18 - 1),
    revision=st.integers(0, 999),
)
def test_a_no_is_read_back(request: RequestId, why: Why, update: int, revision: int) -> None:
    shown = [revision] if revision else []
    data = buttons.data(Tap.DENY, request, *shown)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.DENY, request=request, revision=revision)
    data = buttons.data(Tap.DENY_SO, request, why, *shown)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.DENY_SO, request=request, why=why, revision=revision)
    data = buttons.data(Tap.DENY_SAID, request, update, *shown)
    assert fits(data)
    assert buttons.parse(data) == Meant(
        Tap.DENY_SAID, request=request, update=update, revision=revision
    )


@given(update=st.integers(0, 10**18 - 1), duration=st.none() | st.integers(1, 10**9 - 1))
def test_how_long_is_read_back(update: int, duration: int | None) -> None:
    data = buttons.data(Tap.HOW_LONG, update, *([duration] if duration else []))
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.HOW_LONG, update=update, duration=duration)


@given(update=st.integers(0, 10**18 - 1), command=st.sampled_from(sorted(COMMANDS)))
def test_a_command_is_read_back(update: int, command: str) -> None:
    for tap, parts in ((Tap.COMMAND, (command,)), (Tap.MEANT, (update, command))):
        data = buttons.data(tap, *parts)
        assert fits(data)
        number = update if tap is Tap.MEANT else 0
        assert buttons.parse(data) == Meant(tap, update=number, command=command)


@given(number=st.integers(1, 10**15 - 1).map(InvitationId))
def test_an_invitation_is_read_back(number: InvitationId) -> None:
    data = buttons.data(Tap.WITHDRAW, number)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.WITHDRAW, invitation=number)


@given(tap=st.sampled_from((Tap.WAS_ME, Tap.NOT_ME)), number=st.integers(1, 10**15 - 1))
def test_an_answer_about_a_use_is_read_back(tap: Tap, number: int) -> None:
    data = buttons.data(tap, number)
    assert fits(data)
    assert buttons.parse(data) == Meant(tap, use=AskedUseId(number))


@given(
    tap=st.sampled_from((Tap.LEFT_REMOVE, Tap.LEFT_KEEP)),
    number=st.integers(1, 10**15 - 1).map(LeavingId),
)
def test_an_answer_about_whoever_left_is_read_back(tap: Tap, number: LeavingId) -> None:
    data = buttons.data(tap, number)
    assert fits(data)
    assert buttons.parse(data) == Meant(tap, leaving=number)


@given(update=st.integers(0, 10**18 - 1), digest=DIGESTS)
def test_a_yes_to_those_who_were_picked_is_read_back(update: int, digest: str) -> None:
    data = buttons.data(Tap.PICKED_YES, update, digest)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.PICKED_YES, update=update, digest=digest)


@given(number=st.integers(1, 10**15 - 1).map(FarewellId))
def test_a_farewell_is_read_back(number: FarewellId) -> None:
    data = buttons.data(Tap.RESTORE, number)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.RESTORE, farewell=number)


@pytest.mark.parametrize("tap", [Tap.JOIN_YES, Tap.JOIN_NO])
@given(person=PEOPLE, since=st.integers(0, 10**10))
def test_an_answer_to_a_stranger_is_read_back(tap: Tap, person: UserId, since: int) -> None:
    data = buttons.data(tap, person, since)
    assert fits(data)
    assert buttons.parse(data) == Meant(tap, person=person, since=since)


@given(request=REQUESTS, server=SERVERS)
def test_a_server_is_read_back(request: RequestId, server: ServerName) -> None:
    data = buttons.data(Tap.SERVER, request, server)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.SERVER, request=request, server=server)


@given(request=REQUESTS, page=st.integers(0, 10**6 - 1))
def test_a_page_of_servers_is_read_back(request: RequestId, page: int) -> None:
    data = buttons.data(Tap.SERVERS, request, page)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.SERVERS, request=request, page=page)


@given(number=st.integers(1, 10**15 - 1), server=SERVERS, tap=st.sampled_from(UNKNOWN))
def test_what_is_about_strangers_is_read_back(number: int, server: ServerName, tap: Tap) -> None:
    assert buttons.parse(buttons.data(Tap.CUT, number)) == Meant(Tap.CUT, stranger=number)
    data = buttons.data(tap, server)
    assert fits(data)
    assert buttons.parse(data) == Meant(tap, server=server)


@given(grant=GRANTS, number=st.integers(0, 10**6 - 1))
def test_a_page_is_read_back(grant: GrantId, number: int) -> None:
    names = buttons.data(Tap.OLD, number)
    assert buttons.parse(names) == Meant(Tap.OLD, page=number)
    people = buttons.data(Tap.OLD_PEOPLE, grant, number)
    assert fits(people)
    assert buttons.parse(people) == Meant(Tap.OLD_PEOPLE, grant=grant, page=number)


@given(
    number=st.integers(0, 10**7 - 1),
    search=st.from_regex("[a-z0-9+]{1,40}", fullmatch=True),
    tap=st.sampled_from(PARTS),
)
def test_a_part_of_a_list_is_read_back(number: int, search: str, tap: Tap) -> None:
    assert buttons.parse(buttons.data(tap, number)) == Meant(tap, page=number)
    data = buttons.data(tap, number, search)
    assert fits(data)
    assert buttons.parse(data) == (
        Meant(tap, page=number, search=search) if tap in SEARCHED else None
    )


@given(
    code=st.from_regex("[a-z0-9]{8}", fullmatch=True), server=SERVERS, when=st.integers(0, 2**34)
)
def test_a_session_is_read_back(code: str, server: ServerName, when: int) -> None:
    """Its grant is one of ours or an imported one, whose ids have eight characters."""
    grant = GrantId(f"g-{code}")
    data = buttons.data(Tap.CUT_SESSION, grant, server, when)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.CUT_SESSION, grant=grant, server=server, since=when)


@given(number=st.integers(0, 10**6 - 1))
def test_a_page_of_sessions_is_read_back(number: int) -> None:
    assert buttons.parse(buttons.data(Tap.ONLINE, number)) == Meant(Tap.ONLINE, page=number)


@given(tap=st.sampled_from(ABOUT_REQUEST), request=REQUESTS)
def test_what_is_about_a_request_is_read_back(tap: Tap, request: RequestId) -> None:
    data = buttons.data(tap, request)
    assert fits(data)
    assert buttons.parse(data) == Meant(tap, request=request)


@given(tap=st.sampled_from(ABOUT_GRANT), grant=GRANTS)
def test_what_is_about_a_grant_is_read_back(tap: Tap, grant: GrantId) -> None:
    data = buttons.data(tap, grant)
    assert fits(data)
    assert buttons.parse(data) == Meant(tap, grant=grant)


@given(tap=st.sampled_from(ABOUT_PERSON), person=PEOPLE)
def test_what_is_about_a_person_is_read_back(tap: Tap, person: UserId) -> None:
    data = buttons.data(tap, person)
    assert fits(data)
    assert buttons.parse(data) == Meant(tap, person=person)


@given(grant=GRANTS, person=PEOPLE, digest=DIGESTS)
def test_a_link_is_read_back(grant: GrantId, person: UserId, digest: str) -> None:
    data = buttons.data(Tap.LINK, grant, person, digest)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.LINK, grant=grant, person=person, digest=digest)


@given(grant=GRANTS, person=PEOPLE, digest=DIGESTS)
def test_the_yes_to_a_question_carries_what_was_asked(
    grant: GrantId, person: UserId, digest: str
) -> None:
    for tap in (Tap.REVOKE_PERSON_YES, Tap.REMOVE_YES):
        data = buttons.data(tap, person, digest)
        assert fits(data)
        assert buttons.parse(data) == Meant(tap, person=person, digest=digest)
    data = buttons.data(Tap.REVOKE_GRANT_YES, grant, digest)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.REVOKE_GRANT_YES, grant=grant, digest=digest)


@given(
    tap=st.sampled_from((Tap.LATE_YES, Tap.LATE_REVOKE, Tap.LATE_NO)),
    update=st.integers(0, 10**18 - 1),
)
def test_what_is_held_is_read_back(tap: Tap, update: int) -> None:
    data = buttons.data(tap, update)
    assert fits(data)
    assert buttons.parse(data) == Meant(tap, update=update)


@given(grant=GRANTS, topic=TOPICS)
def test_what_asks_for_instructions_is_read_back(grant: GrantId, topic: str) -> None:
    data = buttons.data(Tap.HOW_TO, grant, topic)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.HOW_TO, grant=grant, topic=topic)


@pytest.mark.parametrize("tap", ABOUT_NOTHING)
def test_some_need_nothing_else(tap: Tap) -> None:
    assert buttons.parse(tap) == Meant(tap)


@pytest.mark.parametrize(
    "data",
    [
        *("", "ap", "ap:", "ap:1", "ap:1:60", "ap:1:60:", "ap:1:60:0badcaf", "ap:1:60:0badcafe0"),
        *("ap:1:60:0BADCAFE", "ap:1::0badcafe", "ap:1:7d:0badcafe", "ap:-1:60:0badcafe"),
        *("ap:x:60:0badcafe", " ap:1:60:0badcafe", "ap:1:60:0badcafe\n", "AP:1:60:0badcafe"),
        *("ap:1:６０:0badcafe", "ap:1234567890123456:60:0badcafe", "ap:1:1234567890:0badcafe"),
        *("dn:1:60:1", "dn:1:berlin", "cx:1:1", "dn:1234567890123456", "dn:１"),
        *("sv:1", "sv:1:", "sv:1:Berlin", "sv:1:../x", "sv:1:" + "a" * 33),
        *("np:1001", "np:g-", "np:g-A", "np:g-" + "a" * 31, "rg:g-x:1", "rgy:anna"),
        *("rp:1:0badcafe", "rm:1:0badcafe", "rg:g-x:0badcafe", "rpy:1:", "rgy:g-x:0BADCAFE"),
        *("rmy:1:0badcaf", "lk:g-x:1:", "gu:g-x:0badcafe", "npy:g-x:0badcafe"),
        *("rp:g-code0001", "rp:", "rp:-1", "rp:12345678901234567", "rm:anna"),
        *("hw:g-x", "hw:g-x:", "hw:g-x:Windows", "hw:g-x:../x", "hw:g-x:" + "a" * 21, "hw::macos"),
        *("dn:05", "ap:01:60:0badcafe", "ap:1:060:0badcafe", "rp:01001", "lk:g-x:01", "dn:0"),
        *("ct:0", "ct:", "ct:x", "ct:1234567890123456", "ca:", "cay:Berlin", "cq:" + "a" * 33),
        *("no:1", "nope", "xx:1", "approve", "dn;1", "dn:1; DROP TABLE grants"),
    ],
)
def test_what_no_button_of_ours_carries_means_nothing(data: str) -> None:
    assert buttons.parse(data) is None


@given(data=st.text(max_size=70))
@example(data="ap:" + "9" * 15 + ":" + "9" * 9 + ":0badcafe")
@example(data="sv:1:" + "9" * 32)
def test_forged_data_is_read_or_not_and_never_breaks(data: str) -> None:
    meant = buttons.parse(data)
    if meant is not None:
        # Small enough for the database, whatever was sent.
        assert 0 <= meant.request < 2**63
        assert 0 <= meant.person < 2**63
        assert 0 <= meant.update < 2**63


@given(data=st.from_regex(r"(ap|dn|cx|sv|npy?|guy?|rgy?|rpy?|rmy?|no):?[0-9a-z:-]{0,60}"))
def test_nearly_right_data_never_breaks(data: str) -> None:
    buttons.parse(data)


def test_a_keyboard_survives_the_outbox() -> None:
    keyboard = (
        (Button("Approve 7 days", "ap:1:604800:0badcafe", Style.GOOD),),
        (Button("Approve 1 day", "ap:1:86400:0badcafe"), Button("Deny", "dn:1", Style.BAD)),
    )
    stored = buttons.to_payload(keyboard)
    assert stored[0] == [
        {"text": "Approve 7 days", "data": "ap:1:604800:0badcafe", "style": "success"}
    ]
    assert stored[1][0]["style"] is None
    assert buttons.from_payload(stored) == keyboard
    assert buttons.from_payload([]) == ()


def test_colours_are_those_of_the_bot_api() -> None:
    assert {style.value for style in Style} == {"success", "danger", "primary"}


def test_a_way_of_getting_keys_is_read_back() -> None:
    for way in KeyWay:
        data = buttons.data(Tap.KEY_WAY, way)
        assert fits(data)
        assert buttons.parse(data) == Meant(Tap.KEY_WAY, way=way)
    assert buttons.parse("ky:nothing") is None


@given(grant=GRANTS, said=st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=3))
def test_what_is_said_of_a_trouble_is_read_back(grant: GrantId, said: str) -> None:
    assert buttons.parse(buttons.data(Tap.TROUBLE, grant)) == Meant(Tap.TROUBLE, grant=grant)
    data = buttons.data(Tap.TROUBLE, grant, said)
    assert fits(data)
    assert buttons.parse(data) == Meant(Tap.TROUBLE, grant=grant, said=said)


@given(update=st.integers(0, 10**18 - 1), device=st.sampled_from(Device), grant=GRANTS)
def test_what_somebody_needs_is_read_back(update: int, device: Device, grant: GrantId) -> None:
    for data, meant in (
        (buttons.data(Tap.ANOTHER, update), Meant(Tap.ANOTHER, update=update)),
        (
            buttons.data(Tap.ANOTHER, update, device),
            Meant(Tap.ANOTHER, update=update, device=device),
        ),
        (buttons.data(Tap.ELSEWHERE, update), Meant(Tap.ELSEWHERE, update=update)),
        (
            buttons.data(Tap.MORE_TIME, grant, update),
            Meant(Tap.MORE_TIME, grant=grant, update=update),
        ),
    ):
        assert fits(data)
        assert buttons.parse(data) == meant
    assert buttons.parse(f"an:{update}:toaster") is None
