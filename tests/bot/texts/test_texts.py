"""The words: each code has its own, each fits its values, and no value becomes markup."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from string import Formatter
from types import ModuleType
from typing import Any

import pytest

from bot.access.messages import DeliverNote, Notice
from bot.access.refusals import Refusal, Refused
from bot.access.revocation import _OWNER_KNOWS
from bot.chat.posts import _notice
from bot.texts import (
    captions,
    chat,
    groups,
    health,
    keys,
    life,
    online,
    questions,
    receipts,
    refusals,
)
from bot.texts.fill import (
    Plural,
    Template,
    blocks,
    fill,
    moment,
)
from storage.records import CanaryTrouble, EndReason, GrantState, RequestState
from tests.bot.reading import EVIL, marks, shown
from tests.bot.texts.refusal_values import REFUSALS
from tests.storage.kit import make_grant
from vpn.findings import FindingCode

NOW = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)
# What the code passes to each template of bot.texts.chat.
CHAT = {
    "STRANGER": "id",
    "HELLO": "name",
    "ADMIN_NOT_LISTED": "id",
    "GROUP": "link",
    "ASKED": "server duration count",
    "ASKED_NOBODY": "server duration",
    "ASKED_STATES": "server duration Admin",
    "CARD_TITLE": "id name",
    "CARD_PERSON": "username id",
    "CARD_PERSON_NO_USERNAME": "id",
    "CARD_SERVER": "server",
    "CARD_SET": "name servers",
    "CHOOSE_SET": "name servers",
    "CARD_DURATION": "duration",
    "CARD_REASON": "reason",
    "CARD_LAST_USE": "at",
    "LAST_USE": "at amount",
    "CARD_HAS": "count",
    "CARD_OPENS": "servers",
    "CARD_LIMIT": "duration",
    "CARD_HAS_UNPROVED": "count",
    "CARD_WAITS": "until",
    "CARD_STATES": "admin duration at",
    "CARD_AGREED": "admin duration",
    "CARD_NEEDS": "count",
    "AGREED_TOAST": "count",
    "APPROVED_TOAST": "name",
    "APPROVED_BLOCKED_TOAST": "name",
    "DENIED_TOAST": "name",
    "AUDIT_HEAD": "count head",
    "MY_REQUEST": "id server duration until",
    "MY_REQUEST_CHOOSING": "id duration",
    "MY_GRANT": "server until state common_name address",
    "MY_RENEWING": "server",
    "MY_GRANT_DROPPED": "common_name",
    "MY_OTHER_ACCOUNT": "name",
    "ONE_PROFILE_ENDED": "server Admin",
    "STILL_YOURS_LINE": "server until common_name",
    "STILL_YOURS_IMPORTED": "common_name until",
    "CONFIRM_GIVE_UP": "server common_name until",
    "CONFIRM_RENEW": "server common_name until",
    "PENDING_COUNT": "count",
    "GRANTS_COUNT": "count",
    "GRANT_LINE": "name server until state common_name id",
    "GRANT_UNPROVED": "servers",
    "AND_MORE": "count listing",
    "PENDING_MORE": "count",
    "PART": "first last total",
    "FOUND_MANY": "count",
    "NOBODY_HAS": "who",
    "GRANTS_NONE_OF": "who",
    "ADMIN_KNOWN": "name id",
    "ADMIN_UNKNOWN": "id",
    "BUTTON_ALLOW": "name",
    "AND_MORE_TO_CHOOSE": "count command",
    "USERS_COUNT": "count",
    "USER_LINE": "name id",
    "USER_LINE_USERNAME": "name username id",
    "ALLOWED": "name",
    "RENAMED": "name",
    "REMOVED": "name",
    "REMOVED_ENDING": "name",
    "REMOVED_ACCOUNTS": "names",
    "REMOVED_ACCOUNTS_ONLY": "names",
    "SERVER_UP": "name remote count",
    "SERVER_DOWN": "name remote",
    "SERVER_CRL": "number signed until",
    "SERVER_CERTIFICATE": "until",
    "BUTTON_APPROVE": "duration",
    "BUTTON_NEW_PROFILE": "server",
    "BUTTON_GIVE_UP": "server",
    "BUTTON_REVOKE_GRANT": "common_name",
    "BUTTON_REVOKE_PERSON": "name",
    "BUTTON_REVOKE_REST": "name",
    "BUTTON_REMOVE_PERSON": "name",
    "ACCESS_ENDED": "server Admin",
    "EARLIER_ACCESS_ENDED": "common_name Admin",
    "MY_GRANT_POOL": "server until state common_name",
    "MY_GRANT_IMPORTED": "until state common_name",
    "MY_GRANT_ENDING": "server common_name",
    "MY_GRANT_ENDING_IMPORTED": "common_name",
    "GRANT_LINE_IMPORTED": "name until state common_name id",
    "OLD_CERTIFICATES": "count",
    "OLD_CERTIFICATE": "common_name",
    "OLD_CERTIFICATE_LINE": "serial until",
    "OLD_CERTIFICATE_NUMBERED": "number serial until",
    "PAGE": "number pages",
    "BUTTON_REVOKE_ONE_OF": "common_name until",
    "BUTTON_REVOKE_NUMBERED": "number",
    "LINKED": "count common_name name",
    "BUTTON_OLD_CERTIFICATES": "count",
    "BUTTON_LINK": "name",
}
CAPTIONS = {
    "CAPTIONS": "server file",
    "CAPTIONS_UNPROVED": "server file",
    "CAPTION_USE": "until",
    "CAPTION_USE_ARCHIVE": "until",
}
KEYS = {
    "SHOWN": "passphrase",
    "SHOWN_BEFORE": "at",
    "BUTTON_CHOOSE": "way",
}
LIFE = {
    "CARD_DELIVERED": "name until",
    "CARD_ENDED": "name Admin at",
    "CARD_APPROVED_OVER": "admin duration at",
    "CARD_CLOSED": "admin at",
    "CARD_CLOSED_REMOVED": "admin name at",
    "PAST_DENIED": "Admin server at",
    "PAST_ENDED": "Admin server at",
    "ASKED_FOR": "duration asked",
    "ASKED_DELIVERED": "Admin server duration",
    "ASKED_CLOSED": "Admin server duration",
    "ASKED_ENDED": "Admin Ender server at",
    "DEAD_WHY": "Admin server at",
}
QUESTIONS = {
    "CONFIRM_REVOKE_PERSON": "count name",
    "CONFIRM_REVOKE_GRANT": "common_name name",
    "CONFIRM_REMOVE": "name",
    "CONFIRM_ALLOW": "name username id",
    "CONFIRM_REVOKE_IMPORTED": "common_name name serial until",
    "LATE": "age command",
    "LATE_GOING_ON": "command",
}
GROUPS = {
    "CARD_NOT_OPEN": "server",
    "CARD_GROUPS": "groups",
    "CARD_QUORUM": "group count names",
    "COUNT": "count",
    "LINE": "name people",
    "PEOPLE": "count",
    "TITLE": "name",
    "ADDRESSES": "networks",
    "ROUTES": "routes",
    "DNS": "dns",
    "SERVERS": "servers",
    "LONGEST": "duration",
    "APPROVALS": "count",
    "APPROVAL_OF": "count names",
    "MEMBERS": "names",
    "MORE": "count",
    "JOINED": "name group",
    "LEFT": "name group",
    "DUE": "count",
    "APPROVERS": "names",
}
ONLINE = {
    "TOO_LONG": "count",
    "COUNT": "count",
    "SILENT": "servers",
    "TITLE": "number name server since",
    "TITLE_UNKNOWN": "number common_name server since",
    "ADDRESSES": "real inner",
    "ADDRESSES_OUTSIDE": "real",
    "DATA": "sent received common_name",
    "DATA_UNKNOWN": "sent received",
    "BUTTON_CUT": "number name",
    "BUTTON_REVOKE": "number name",
    "CUT": "server name",
    "CUT_OVER": "server name",
    "CUT_NOT_THERE": "server name",
    "CUT_LEFT": "server name",
    "CUT_SILENT": "server name",
    "CUT_NO_SERVER": "server",
}
RECEIPTS = {
    "PROVED": "count name",
    "PROVED_NO_SERVER": "name",
    "PROVED_SOME": "count name",
    "UNPROVED": "name",
    "UNPROVED_OF": "count open name",
    "LEFT_LIVE": "name",
    "LEFT_UNPROVED": "name",
    "LEFT": "common_name server until",
    "LEFT_IMPORTED": "common_name until",
    "LEFT_ENDING": "common_name servers",
    "LEFT_ENDING_NOWHERE": "common_name",
    "LEFT_TERMINAL": "who",
    "MAYBE": "count names name",
    "DROPPED": "count servers name",
    "DROPPED_OWNER": "count servers name",
    "SERVER_DROPPED": "server",
    "MORE_SERVERS": "count",
    "MORE_SERVERS_UNPROVED": "count unproved",
    "GRANT": "common_name serial",
    "SERVER_PROVED": "server",
    "PROVED_CRL": "number",
    "PROVED_CCD": "count",
    "PROVED_CUT": "count",
    "SERVER_UNPROVED": "server",
    "FOUND": "finding",
    "SERVER_NOT_TRIED": "server",
    "TOOK": "seconds",
    "WHY": "Admin",
    "MILLISECONDS": "count",
    "SECONDS": "count",
    "MINUTES": "count",
    "UNKNOWN_FINDING": "code",
    "AND_MORE": "count",
}
SEEN = {"server": "berlin", "names": "anna-k3m9, carl-x2b4", "count": 2}
TRIED = {"server": "berlin", "remote": "vpn.example.com:1194/udp"}
NOTICES: dict[str, dict[str, Any]] = {
    "request_denied": {"server": "berlin", "admin": "Boris"},
    "request_expired": {"server": "berlin"},
    "request_outdated": {},
    "request_withdrawn": {"server": "berlin"},
    "no_admin_reachable": {"server": "berlin"},
    "access_given": {},
    "removed": {"admin": "Boris", "by": "telegram:2001"},
    "revoked_by": {"admin": "Boris", "by": "telegram:2001", "name": "Anna", "servers": "berlin"},
    "access_over": {"name": "Anna", "server": "berlin"},
    "access_ended": {"server": "berlin", "reason": "revoked"},
    "earlier_access_ended": {"common_name": "anna", "reason": "revoked"},
    "delivery_delayed": {"server": "berlin"},
    "delivery_delayed_admins": {"name": "Anna", "server": "berlin"},
    "undeliverable": {"name": "Anna", "server": "berlin"},
    "not_taken": {"server": "berlin"},
    "not_taken_admins": {"name": "Anna", "server": "berlin", "id": 1001},
    "no_card": {"server": "berlin"},
    "templates_broken": {},
    "no_room": {"name": "Anna", "server": "berlin"},
    "crl_unpublished": {"server": "berlin", "until": NOW.isoformat()},
    "crl_published": {"server": "berlin"},
    "host_key_changed": {"server": "berlin"},
    "host_key_agreed": {"server": "berlin"},
    "crl_replaced": {"server": "berlin"},
    "ca_ends": {"until": NOW.isoformat()},
    "adopted_certificate_ends": {
        "server": "berlin",
        "until": NOW.isoformat(),
        "config": "/etc/openvpn/server/server.conf",
        "remote": "vpn.example.com:1194/udp",
    },
    "server_certificate_ends": {"server": "berlin", "until": NOW.isoformat()},
    "certificates_end": {"count": 2, "days": 7, "names": "anna, bob"},
    "strangers_cut_off": SEEN,
    "strangers_left": SEEN,
    "strangers_files": SEEN,
    "strangers_unknown": SEEN | {"choices": [[1, "anna"], [2, "carl"]]},
    "over_cut_off": SEEN,
    "over_left": SEEN,
    "nobody_over_seen": {"server": "berlin"},
    "nobody_can_see": {"server": "berlin"},
    **dict.fromkeys((f"canary_{trouble}" for trouble in CanaryTrouble), TRIED),
    "canary_well": {"server": "berlin"},
    "canary_lets_in": {"server": "berlin"},
    "used_twice": SEEN,
    "profiles_move": {"count": 2},
    "servers_certificates_end": {"count": 2, "days": 7, "names": "server, gate"},
    "restored": {"made_at": NOW.isoformat(), "count": 2},
    "strangers_cut": {"server": "berlin", "names": "anna-k3m9 carl-x2b4"},
    "clock_ahead": {"seconds": 40 * 86_400},
    "clock_behind": {"seconds": 1800},
    "server_clock_ahead": {"server": "berlin", "seconds": 40 * 86_400},
    "server_clock_behind": {"server": "berlin", "seconds": 1800},
    "server_clock_agreed": {"server": "berlin"},
    "clock_agreed": {},
    "clock_believed": {"minutes": 5},
    "audit_head": {"count": 412, "head": "412:" + "9f" * 32},
}
# Plain text: buttons, toasts, menus.
_PLAIN = re.compile(r"BUTTON_\w+|\w+_TOAST|MENU")


def templates(module: ModuleType) -> Iterator[tuple[str, Template]]:
    """Every template of a module, by the name of its constant."""
    for name, value in vars(module).items():
        if not name.isupper():
            continue
        for found in value.values() if isinstance(value, dict) else (value,):
            if isinstance(found, Plural) or type(found) is str:
                yield name, found


def fields(template: Template) -> set[str]:
    sentences = (template,) if isinstance(template, str) else template
    return {name for text in sentences for _, name, _, _ in Formatter().parse(text) if name}


IN_CHAT = [
    (name, template)
    for module in (captions, chat, life, questions, online, groups)
    for name, template in templates(module)
    if not _PLAIN.fullmatch(name)
]


@pytest.mark.parametrize(
    ("module", "table"),
    [
        (chat, CHAT),
        (life, LIFE),
        (captions, CAPTIONS),
        (keys, KEYS),
        (questions, QUESTIONS),
        (online, ONLINE),
        (groups, GROUPS),
        (receipts, RECEIPTS),
    ],
)
def test_no_template_wants_a_value_that_the_code_does_not_pass(
    module: ModuleType, table: Mapping[str, str]
) -> None:
    for name, template in templates(module):
        if name != "NOTICES":  # those are looked at one by one below
            assert fields(template) <= set(table.get(name, "").split()), name
    assert set(table) <= {name for name, _ in templates(module)}


def test_a_template_with_one_and_many_counts() -> None:
    for module, table in ((chat, CHAT), (online, ONLINE), (groups, GROUPS), (receipts, RECEIPTS)):
        for name, template in templates(module):
            if isinstance(template, Plural) and name != "NOTICES":
                assert "count" in table[name].split(), name


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_every_text_is_html_that_telegram_takes(count: int) -> None:
    for name, template in IN_CHAT:
        values = dict.fromkeys(fields(template), "value")
        text = fill(template, **values | {"count": count})
        assert 0 < len(shown(text).text) <= 4096, name
        assert "{" not in text, name


@pytest.mark.parametrize("value", [EVIL, "</b>", "<", "&amp;", "O'Brien & Sons <x@y.example>"])
def test_a_value_stays_what_it_is(value: str) -> None:
    for name, template in IN_CHAT:
        harmless = dict.fromkeys(fields(template), "x")
        text = fill(template, **{"count": 2} | dict.fromkeys(fields(template), value))
        assert marks(text) == marks(fill(template, **{"count": 2} | harmless)), name
        assert value in shown(text).text or not fields(template), name


# --- each code has its words ----------------------------------------------------------------------


def test_every_notice_has_its_words_and_its_values() -> None:
    assert set(NOTICES) == {code.value for code in Notice}
    assert set(chat.NOTICES) == set(Notice) - {Notice.ACCESS_ENDED, Notice.EARLIER_ACCESS_ENDED}


@pytest.mark.parametrize("code", list(Notice))
def test_every_notice_can_be_shown(code: Notice) -> None:
    text = _notice({"code": code.value, "values": NOTICES[code]})
    assert shown(text).text
    if "server" in NOTICES[code]:
        assert "berlin" in text


@pytest.mark.parametrize("code", list(Notice))
def test_no_value_of_a_notice_becomes_markup(code: Notice) -> None:
    values = NOTICES[code] | {k: EVIL for k in ("server", "name", "admin") if k in NOTICES[code]}
    evil = _notice({"code": code.value, "values": values})
    assert marks(evil) == marks(_notice({"code": code.value, "values": NOTICES[code]}))


def test_what_still_works_is_said_with_the_end() -> None:
    at_berlin, imported = make_grant(1, None), make_grant(2, None, server=None, imported_at=NOW)
    ended = {"code": "access_ended", "values": {"server": "berlin", "reason": "ended"}}
    assert shown(_notice(ended)).text.startswith("Your access to berlin has reached its end.")
    text = shown(_notice(ended, [imported])).text
    assert text.startswith("Your access to berlin has reached its end.")
    assert f"You still have:\n• {imported.common_name}, from before the takeover" in text
    text = shown(_notice(ended, [at_berlin])).text
    assert text.startswith(
        "One of your profiles for berlin has reached its end.\n\nYou still have:"
    )


def test_every_end_that_is_told_to_its_owner_has_its_words() -> None:
    # That a profile was lost is told where no fresh one can be made.
    told = {reason for reason in EndReason if reason not in _OWNER_KNOWS} | {EndReason.LOST}
    assert set(chat.ACCESS_ENDED) == told


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (captions.CAPTIONS, set(DeliverNote)),
        (captions.CAPTIONS_UNPROVED, set(DeliverNote)),
        (chat.GRANT_STATES, set(GrantState)),
        (chat.CARD_STATES, set(RequestState) - {RequestState.CHOOSING, RequestState.PENDING}),
        (chat.ASKED_STATES, set(RequestState) - {RequestState.CHOOSING, RequestState.PENDING}),
        (refusals.IN_CHAT, set(Refusal)),
        (refusals._IN_TERMINAL, set(Refusal)),
        (refusals.DECIDED, {state.value for state in RequestState}),
        (receipts.WHY, {reason.value for reason in EndReason}),
        (life.CARD_ENDED, set(EndReason)),
        (life.ASKED_ENDED, set(EndReason)),
        (life.DEAD_WHY, set(EndReason)),
        (receipts.FINDINGS, {code.value for code in FindingCode}),
    ],
)
def test_every_code_has_its_words(table: Mapping[str, str], codes: set[str]) -> None:
    assert set(table) == codes
    assert all(table.values())


def test_the_doctor_mends_findings_that_exist() -> None:
    for mends in (health.SERVER_MENDS, health.ADOPTED_MENDS):
        assert set(mends) <= {code.value for code in FindingCode}


@pytest.mark.parametrize(
    ("key", "name", "inside", "first"),
    [
        ("telegram:2001", "Boris", "Boris", "Boris"),
        ("system:root", "root", "an admin on the server", "An admin on the server"),
        ("vpnbot", "vpnbot", "", ""),
        (None, None, "", ""),
    ],
)
def test_who_acted_has_a_name(key: str | None, name: str | None, inside: str, first: str) -> None:
    assert (life.who(key, name), life.who(key, name, first=True)) == (inside, first)


# --- refusals -------------------------------------------------------------------------------------


def test_every_refusal_has_its_values() -> None:
    assert set(REFUSALS) == {code.value for code in Refusal}


@pytest.mark.parametrize("code", list(Refusal))
def test_every_refusal_says_what_to_do(code: Refusal) -> None:
    refused = Refused(code, **REFUSALS[code])
    in_chat, terminal = refusals.in_chat(refused), refusals.in_terminal(refused)
    assert shown(in_chat).text == refusals.in_toast(refused)
    for text in (in_chat, terminal):
        assert text.endswith((".", "LIST", "list", "NAME", "add")), text
        assert "\n" not in text
        assert "{" not in text
    assert len(refusals.in_toast(refused)) <= 200  # Bot API, answerCallbackQuery


@pytest.mark.parametrize("code", [code for code in Refusal if REFUSALS.get(code)])
def test_no_value_of_a_refusal_becomes_markup(code: Refusal) -> None:
    values = {k: EVIL if isinstance(v, str) else v for k, v in REFUSALS[code].items()}
    values |= {k: REFUSALS[code][k] for k in ("state",) if k in values}
    refused = Refused(code, **values)
    assert marks(refusals.in_chat(refused)) == []
    refusals.in_toast(refused)
    refusals.in_terminal(refused)


@pytest.mark.parametrize("state", list(RequestState))
def test_who_comes_late_reads_who_was_first(state: RequestState) -> None:
    text = refusals.in_toast(Refused(Refusal.ALREADY_DECIDED, state=state, admin="Boris"))
    decided = {RequestState.APPROVED, RequestState.DENIED, RequestState.CANCELLED}
    assert ("Boris" in text) == (state in decided)


@pytest.mark.parametrize(
    ("may_work", "count", "said"),
    [
        (False, 0, "This profile has ended already. Nothing was changed."),
        (False, 1, "1 other profile of the same person may still let them in."),
        (True, 0, "been ended already, but that isn’t proved everywhere: it may still work."),
    ],
)
def test_what_is_over_is_not_called_all(may_work: bool, count: int, said: str) -> None:
    over = Refused(Refusal.GRANT_OVER, may_work=may_work, count=count)
    assert said in refusals.in_toast(over)
    assert ("has ended already" in refusals.in_toast(over)) is not may_work


def test_a_duration_that_is_too_long_is_said_in_words() -> None:
    text = refusals.in_toast(Refused(Refusal.DURATION_TOO_LONG, seconds=2592060, limit=2592000))
    assert text.startswith("43201 minutes is more than the 30 days")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (60, "1 minute"),
        (90 * 60, "90 minutes"),
        (3600, "1 hour"),
        (36 * 3600, "36 hours"),
        (86_400, "1 day"),
        (604_800, "7 days"),
    ],
)
def test_a_duration_in_words(seconds: int, text: str) -> None:
    assert refusals.duration_text(seconds) == text


def test_the_first_word_of_a_button_says_what_happens() -> None:
    first = {name: str(text).split()[0] for name, text in templates(chat) if "BUTTON_" in name}
    assert first["BUTTON_APPROVE"] == "Approve"
    assert first["BUTTON_DENY"] == "Deny"
    revoking = ("GIVE_UP", "REVOKE_GRANT", "REVOKE_PERSON", "REVOKE_YES")
    assert {first[f"BUTTON_{name}"] for name in revoking} == {"Revoke"}


def test_buttons_and_toasts_are_plain_text() -> None:
    for name, template in (*templates(chat), *templates(online)):
        if _PLAIN.fullmatch(name):
            assert not re.search(r"[<>&]", str(template)), name


def test_a_caption_fits_beside_a_document() -> None:
    for caption in (*captions.CAPTIONS.values(), *captions.CAPTIONS_UNPROVED.values()):
        whole = blocks(
            fill(caption, server="x" * 32, file="x" * 100),
            fill(captions.CAPTION_USE_ARCHIVE, until=moment(NOW)),
            captions.CAPTION_HOW_TO,
            captions.CAPTION_LATER,
        )
        assert len(shown(whole).text) <= 1024  # Bot API, sendDocument
