"""The words: each code has its own, each fits its values, and no value becomes markup."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from types import ModuleType

import pytest

from bot import limits, texts
from bot.access.messages import DeliverNote, Notice
from bot.access.refusals import Refusal, Refused
from bot.access.revocation import _OWNER_KNOWS
from bot.chat.noticing import text_of
from bot.texts import (
    absence,
    chat,
    groups,
    health,
    instructions,
    joining,
    keys,
    leaving,
    life,
    machine,
    more_time,
    not_me,
    notices,
    offers,
    online,
    pausing,
    policy,
    questions,
    receipts,
    refusals,
    requests,
    roles,
    sets,
    trouble,
    whose,
)
from bot.texts.durations import duration_text
from bot.texts.fill import (
    Decision,
    Html,
    Plural,
    Template,
    blocks,
    fill,
    moment,
)
from storage.joining_records import InvitationState, LeavingCause, LeavingState
from storage.records import OPEN_STATES, EndReason, GrantState, Payload, RequestState
from tests.bot.reading import EVIL, LONGEST, marks, shown, unfolded
from tests.bot.texts.refusal_values import REFUSALS
from tests.bot.texts.values import (
    ABSENCE,
    CHAT,
    GROUPS,
    JOINING,
    KEYS,
    LEAVING,
    LIFE,
    MORE_TIME,
    NOT_ME,
    NOTICES,
    NOW,
    OFFERS,
    ONLINE,
    QUESTIONS,
    RECEIPTS,
    REQUESTS,
    TOLD,
    TROUBLE,
)
from tests.storage.kit import make_grant
from vpn.findings import FindingCode

# Plain text: buttons, toasts, menus.
_PLAIN = re.compile(r"BUTTON_\w+|\w+_TOAST|MENU")


def templates(module: ModuleType) -> Iterator[tuple[str, Template]]:
    """Every template of a module, by the name of its constant."""
    for name, value in vars(module).items():
        if not name.isupper():
            continue
        for found in value.values() if isinstance(value, dict) else (value,):
            if isinstance(found, Plural | Decision) or type(found) is str:
                yield name, found


def fields(template: Template) -> set[str]:
    sentences = (template,) if isinstance(template, str) else template
    return {name for text in sentences for _, name, _, _ in Formatter().parse(text) if name}


IN_CHAT = [
    (name, template)
    for module in (
        *(chat, notices, life, questions, online, groups, joining, leaving),
        *(absence, not_me, pausing, requests, roles, sets, trouble, whose, more_time, offers),
    )
    for name, template in templates(module)
    if not _PLAIN.fullmatch(name)
]

PAUSING = {
    "CHOOSE_RESUME": "count",
    "CONFIRM_PAUSE": "count name",
    "DAY_HINT": "id",
    "BUTTON_PAUSE": "name",
    "BUTTON_RESUME": "name",
    "PAUSED_UNTIL": "name until",
    "PAUSED_OPEN": "name",
    "RESUMED_NOTHING": "name",
    "RESUMED": "name count servers",
    "RESUMED_LATER": "name count servers",
    "RESUMING": "name",
    "PERSON_PAUSED": "since until",
    "PERSON_PAUSED_UNTIL": "since until",
    "CARD_PROFILE": "name",
    "MINE_UNTIL": "until",
    "REFUSALS": "span name id until day admin",
    "REFUSALS_TERMINAL": "span name id until day",
    "OFF_LINE": "names until id",
    "OFF_LINE_OPEN": "names until id",
    "BACK_LINE": "names count",
    "BACK_NOT_YET": "names servers",
}
SETS = {
    "AWAY": "away others",
    "ALL_AWAY": "name",
    "UNWELL": "count servers",
    "CLOSED": "name server",
    "WAITING": "name server count",
    "DIFFER": "name why",
    "NO_SECOND_LOCK": "name server",
    "LINE": "name servers said",
    "CHAT_WELL": "name servers",
    "CHAT_UNWELL": "name servers",
    "SET": "name text",
    "MEMBERS_UNWELL": "count servers",
    "LONGER": "count name",
    "SHORTER": "count name",
}
TABLES: list[tuple[ModuleType, Mapping[str, str]]] = [
    (chat, CHAT),
    (notices, TOLD),
    (life, LIFE),
    (more_time, MORE_TIME),
    (offers, OFFERS),
    (keys, KEYS),
    (trouble, TROUBLE),
    (questions, QUESTIONS),
    (online, ONLINE),
    (groups, GROUPS),
    (joining, JOINING),
    (leaving, LEAVING),
    (receipts, RECEIPTS),
    (pausing, PAUSING),
    (not_me, NOT_ME),
    (requests, REQUESTS),
    (absence, ABSENCE),
    (sets, SETS),
]


@pytest.mark.parametrize(("module", "table"), TABLES)
def test_no_template_wants_a_value_that_the_code_does_not_pass(
    module: ModuleType, table: Mapping[str, str]
) -> None:
    for name, template in templates(module):
        if name != "NOTICES":  # those are looked at one by one below
            assert fields(template) <= set(table.get(name, "").split()), name
    assert set(table) <= {name for name, _ in templates(module)}


def test_a_template_with_one_and_many_counts() -> None:
    for module, table in (
        (chat, CHAT),
        (notices, TOLD),
        (online, ONLINE),
        (groups, GROUPS),
        (receipts, RECEIPTS),
        (pausing, PAUSING),
        (requests, REQUESTS),
        (sets, SETS),
    ):
        for name, template in templates(module):
            if isinstance(template, Plural) and name != "NOTICES":
                assert "count" in table[name].split(), name


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_every_text_is_html_that_telegram_takes(count: int) -> None:
    for name, template in IN_CHAT:
        values = dict.fromkeys(fields(template), "value")
        text = fill(template, **values | {"count": count})
        assert 0 < len(shown(text).text) <= 4096, name
        assert "{" not in text, name


@pytest.mark.parametrize("topic", instructions.BUILT_IN)
@pytest.mark.parametrize("archive", [None, "office-anna-k3m9.zip"])
def test_nor_do_instructions_have_more(topic: str, archive: str | None) -> None:
    text = instructions.shown(
        instructions.BUILT_IN[topic], file="office-anna-k3m9.ovpn", server="office", archive=archive
    )
    assert unfolded(text) <= LONGEST


def test_nor_does_the_choice_of_a_key() -> None:
    assert unfolded(blocks(keys.CHOOSE, *keys.EXPLAINED.values())) <= LONGEST


_WHEN, _WHO, _SEVERAL = "2026-12-01 16:43 UTC", "Anna Petrova", "Anna Petrova, Boris and Clara"
# What stands in a text, as long as it mostly is; a name of anything else is one word.
_REAL = (
    dict.fromkeys(("at", "until", "start", "since", "used", "used_at", "begins", "made_at"), _WHEN)
    | dict.fromkeys(("name", "Name", "admin", "Admin", "who", "Ender", "user_name"), _WHO)
    | dict.fromkeys(("names", "people", "whom"), _SEVERAL)
    | dict.fromkeys(("duration", "span", "wait", "limit", "age", "left"), "2 days")
    | dict.fromkeys(("servers", "places", "groups", "others"), "office, paris and berlin")
    | dict.fromkeys(("reason", "words", "command", "typed"), "visiting a customer in Lyon")
    | {"count": 3, "id": 123456789, "why": "it doesn’t answer", "said": "it answers nobody"}
)


def test_nobody_has_to_read_more_than_sixty_words() -> None:
    """What only an investigator needs is folded."""
    told = [*IN_CHAT, *templates(receipts), *templates(keys), *templates(machine)]
    told += [(code.value, template) for code, template in notices.NOTICES.items()]
    told += [(code.value, template) for code, template in refusals.IN_CHAT.items()]
    for name, template in told:
        for text in (template,) if isinstance(template, str) else template:
            filled = fill(text, **{one: _REAL.get(one, "office") for one in fields(text)})
            assert unfolded(filled) <= LONGEST, name


@pytest.mark.parametrize("value", [EVIL, "</b>", "<", "&amp;", "O'Brien & Sons <x@y.example>"])
def test_a_value_stays_what_it_is(value: str) -> None:
    for name, template in IN_CHAT:
        harmless = dict.fromkeys(fields(template), "x")
        text = fill(template, **{"count": 2} | dict.fromkeys(fields(template), value))
        assert marks(text) == marks(fill(template, **{"count": 2} | harmless)), name
        assert value in shown(text).text or not fields(template), name


def test_no_text_hides_an_earlier_one_of_its_name() -> None:
    for path in Path(texts.__file__).parent.glob("*.py"):
        assigned = [
            target.id
            for one in ast.parse(path.read_text()).body
            if isinstance(one, ast.Assign)
            for target in one.targets
            if isinstance(target, ast.Name)
        ]
        assert len(assigned) == len(set(assigned)), path


# --- each code has its words ----------------------------------------------------------------------


def test_every_notice_has_its_words_and_its_values() -> None:
    assert set(NOTICES) == {code.value for code in Notice}
    assert set(notices.NOTICES) == set(Notice) - {Notice.ACCESS_ENDED, Notice.EARLIER_ACCESS_ENDED}


@pytest.mark.parametrize("code", list(Notice))
def test_every_notice_can_be_shown(code: Notice) -> None:
    text = text_of({"code": code.value, "values": NOTICES[code]})
    assert shown(text).text
    if "server" in NOTICES[code]:
        assert "berlin" in text


@pytest.mark.parametrize("code", list(Notice))
def test_no_value_of_a_notice_becomes_markup(code: Notice) -> None:
    values = NOTICES[code] | {k: EVIL for k in ("server", "name", "admin") if k in NOTICES[code]}
    evil = text_of({"code": code.value, "values": values})
    assert marks(evil) == marks(text_of({"code": code.value, "values": NOTICES[code]}))


def test_what_still_works_is_said_with_the_end() -> None:
    at_berlin, imported = make_grant(1, None), make_grant(2, None, server=None, imported_at=NOW)
    ended = {"code": "access_ended", "values": {"server": "berlin", "reason": "ended"}}
    assert shown(text_of(ended)).text.startswith("Your access to berlin has reached its end.")
    text = shown(text_of(ended, [imported])).text
    assert text.startswith("Your access to berlin has reached its end.")
    assert f"You still have:\n• {imported.common_name}, from before the takeover" in text
    text = shown(text_of(ended, [at_berlin])).text
    assert text.startswith(
        "One of your profiles for berlin has reached its end.\n\nYou still have:"
    )


@pytest.mark.parametrize(
    "payload",
    [
        *({"code": code, "values": NOTICES[code]} for code in ("removed", "resumed")),
        {"code": "resumed_admins", "values": {"name": "Anna", "count": 0}},
        {"code": "resumed_admins", "values": {"name": "Anna", "count": 1}},
        {"code": "resumed_admins", "values": {"name": "Anna", "count": 2}},
        {"code": "access_ended", "values": {"server": "berlin", "reason": "removed"}},
        {"code": "earlier_access_ended", "values": {"common_name": "anna", "reason": "removed"}},
    ],
)
def test_what_goes_out_with_an_act_says_nothing_of_the_servers_yet(payload: Payload) -> None:
    assert not re.search("no longer works|works? again", shown(text_of(payload)).text)


def test_every_end_that_is_told_to_its_owner_has_its_words() -> None:
    # That a profile was lost is told where no fresh one can be made.
    told = {reason for reason in EndReason if reason not in _OWNER_KNOWS} | {EndReason.LOST}
    assert set(notices.ACCESS_ENDED) == told


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (chat.CAPTIONS, set(DeliverNote)),
        (chat.CAPTIONS_UNPROVED, set(DeliverNote)),
        (chat.GRANT_STATES, set(GrantState)),
        # What is open has words of its own.
        (chat.CARD_STATES, set(RequestState) - {*OPEN_STATES}),
        (chat.ASKED_STATES, set(RequestState) - {*OPEN_STATES}),
        (leaving.CAUSES, set(LeavingCause)),
        (leaving.SETTLED, set(LeavingState) - {LeavingState.OPEN}),
        (refusals.IN_CHAT, set(Refusal) - refusals.BY_CASE),
        (refusals._IN_TERMINAL, set(Refusal) - refusals.BY_CASE),
        (refusals.DECIDED, set(RequestState)),
        (joining.CLOSED, set(InvitationState)),
        (policy.NOT_BEGUN, set(policy.NOT_BEGUN_ADMINS)),
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
    decided.add(RequestState.SCHEDULED)
    assert ("Boris" in text) == (state in decided)


@pytest.mark.parametrize(
    ("may_work", "count", "said"),
    [
        (False, 0, "This profile has ended already. Nothing was changed."),
        (False, 1, "1 other profile of the same person may still let them in."),
        (True, 0, "ended already, but may still work: that isn’t confirmed everywhere. Nothing"),
        (True, 2, "everywhere. 2 other profiles of the same person may still let them in."),
    ],
)
def test_what_is_over_is_not_called_all(may_work: bool, count: int, said: str) -> None:
    over = Refused(Refusal.GRANT_OVER, may_work=may_work, count=count)
    assert said in refusals.in_toast(over)
    assert ("has ended already" in refusals.in_toast(over)) is not may_work


def test_what_was_granted_by_a_group_is_not_said_to_be_somebodys() -> None:
    by = {"state": RequestState.APPROVED, "by": "group:oncall", "admin": "oncall"}
    text = refusals.in_toast(Refused(Refusal.ALREADY_DECIDED, **by))
    assert text == "Too late: this request was granted by the standing approval of oncall."
    by |= {"by": "system:root", "admin": "root"}
    text = refusals.in_toast(Refused(Refusal.ALREADY_DECIDED, **by))
    assert text == "Too late: an admin on the server has approved this request already."


@pytest.mark.parametrize("code", [Refusal.TOO_MANY_PROFILES, Refusal.PROFILES_FULL])
def test_one_profile_is_not_called_many(code: Refusal) -> None:
    text = refusals.in_toast(Refused(code, name="Anna", count=1))
    assert "a VPN profile already" in text
    assert "1 " not in text


@pytest.mark.parametrize(
    ("names", "later", "said"),
    [
        ((), (), "so there is nothing to revoke."),
        (("anna-old",), (), "anna-old from before the takeover is nobody’s"),
        ((), (7, 8), "with request 7, 8 begins later"),
        (("anna-old",), (7,), "anna-old, from before the takeover, may be theirs"),
    ],
)
def test_what_else_there_may_be_is_said(names: tuple[str], later: tuple[int], said: str) -> None:
    refused = Refused(Refusal.NOTHING_LIVE, name="Anna", names=names, later=later)
    assert said in refusals.in_toast(refused)
    assert len(refusals.in_toast(refused)) <= 200


@pytest.mark.parametrize("code", [Notice.NOT_BEGUN, Notice.NOT_BEGUN_ADMINS])
@pytest.mark.parametrize("why", [*policy.NOT_BEGUN, Refusal.NETWORK_FULL, Refusal.NO_SERVER])
def test_what_was_not_given_has_its_own_sentence(code: Notice, why: Refusal) -> None:
    values = {"name": "Anna", "server": "berlin", "refusal": why.value}
    text = shown(text_of({"code": code.value, "values": values})).text
    assert "berlin" in text
    assert "{" not in text
    assert unfolded(Html(text)) <= LONGEST


def test_days_are_said_as_elsewhere() -> None:
    values = {"count": 1, "days": 1, "names": "carl"}
    text = shown(text_of({"code": "certificates_end", "values": values})).text
    assert "ends within 1 day: carl" in text


def test_where_nobody_may_approve_the_command_has_the_requests_number() -> None:
    text = refusals.in_toast(Refused(Refusal.NOT_APPROVER, names=[], request=7))
    assert text.endswith("vpnbot request approve 7.")


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
    assert duration_text(seconds) == text


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
    for caption in (*chat.CAPTIONS.values(), *chat.CAPTIONS_UNPROVED.values()):
        whole = blocks(
            fill(caption, server="x" * 32, file="x" * 100),
            fill(chat.CAPTION_USE_ARCHIVE, until=moment(NOW)),
            chat.CAPTION_HOW_TO,
            keys.CAPTION_LOCKED,
            fill(chat.CAPTION_DELETED, at=moment(NOW)),
            chat.CAPTION_OPEN_ARCHIVE,
        )
        assert len(shown(whole).text) <= limits.CAPTION
        assert unfolded(whole.replace(keys.CAPTION_LOCKED, "")) <= LONGEST
