"""Who may do what, as a whole table; nobody approves their own request."""

from dataclasses import replace

import pytest

from bot.access.permission import (
    THE_BOT,
    Act,
    Actor,
    may,
    require,
    require_decision,
    telegram_id,
    telegram_key,
)
from bot.access.refusals import Refusal, Refused
from storage.group_records import GroupName
from storage.records import Request, RequestId, RequestState, UserId
from tests.bot.access.kit import ANNA, BERLIN, BORIS, CLARA, DAY_S, MORNING, OPERATOR

STRANGER = Actor(key="telegram:9", name="Stranger", user_id=ANNA)
EMPLOYEE = Actor(key="telegram:1001", name="Anna", user_id=ANNA, is_allowed=True)
ON_LEAVE = replace(EMPLOYEE, is_paused=True)
ADMIN = Actor(key="telegram:2001", name="Boris", user_id=BORIS, is_admin=True)
ALLOWED_ADMIN = Actor(
    key="telegram:2001", name="Boris", user_id=BORIS, is_admin=True, is_allowed=True
)
DEV, OPS = GroupName("dev"), GroupName("ops")
APPROVER = Actor(key="telegram:2001", name="Boris", user_id=BORIS, decides_for=frozenset({DEV}))
AUDITOR = Actor(key="telegram:2001", name="Boris", user_id=BORIS, is_auditor=True)
ROLES = {
    "stranger": STRANGER,
    "employee": EMPLOYEE,
    "employee on leave": ON_LEAVE,
    "admin": ADMIN,
    "admin on the allowlist": ALLOWED_ADMIN,
    "approver": APPROVER,
    "auditor": AUDITOR,
    "operator": OPERATOR,
    "the bot": THE_BOT,
}
# fmt: off
TABLE = {
    "stranger":               "",
    "employee":               "ask look_own",
    "employee on leave":      "look_own",
    "admin":                  "decide revoke manage_people see_requests look",
    "admin on the allowlist": "ask look_own decide revoke manage_people see_requests look",
    "approver":               "decide see_requests",
    "auditor":                "see_requests look",
    "operator":               "decide revoke manage_people see_requests look",
    "the bot":                "decide revoke manage_people see_requests look",
}
# fmt: on


def test_the_whole_table() -> None:
    found = {role: {act.value for act in Act if may(actor, act)} for role, actor in ROLES.items()}
    assert found == {role: set(acts.split()) for role, acts in TABLE.items()}


@pytest.mark.parametrize("act", list(Act))
@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_permitted_is_refused(role: str, act: Act) -> None:
    actor = ROLES[role]
    if may(actor, act):
        require(actor, act)
        return
    with pytest.raises(Refused) as caught:
        require(actor, act)
    # A stranger learns how to get on the list; what admins can do is not for others.
    is_own = act in {Act.ASK, Act.LOOK_OWN}
    expected = Refusal.NOT_ALLOWED if is_own else Refusal.ADMINS_ONLY
    if act is Act.ASK and actor.is_paused:
        expected = Refusal.PAUSED
    assert caught.value.code is expected
    assert caught.value.values == {}


def request_of(requester: UserId) -> Request:
    return Request(
        id=RequestId(7),
        user_id=requester,
        server=BERLIN,
        duration=DAY_S,
        reason="",
        state=RequestState.PENDING,
        asked_at=MORNING,
        expires_at=MORNING,
    )


def permitted(actor: Actor, requester: UserId, *groups: GroupName) -> Refusal | None:
    """Why not, if they may not."""
    person = actor.user_id or UserId(0)
    try:
        require_decision(actor, person, request_of(requester), requester, groups)
    except Refused as refused:
        return refused.code
    return None


@pytest.mark.parametrize(
    ("role", "requester", "why_not"),
    [
        ("admin", ANNA, None),
        ("admin", CLARA, None),
        ("admin", BORIS, Refusal.OWN_REQUEST),
        ("admin on the allowlist", ANNA, None),
        ("admin on the allowlist", BORIS, Refusal.OWN_REQUEST),
        ("employee", ANNA, Refusal.ADMINS_ONLY),
        ("employee", BORIS, Refusal.ADMINS_ONLY),
        ("stranger", ANNA, Refusal.ADMINS_ONLY),
        ("auditor", ANNA, Refusal.ADMINS_ONLY),
        # The only way for a lone admin's own request; the audit names the system account.
        ("operator", ANNA, None),
        ("operator", BORIS, None),
    ],
)
def test_nobody_decides_on_their_own_request(
    role: str, requester: UserId, why_not: Refusal | None
) -> None:
    assert permitted(ROLES[role], requester, DEV) is why_not


@pytest.mark.parametrize(
    ("requester", "groups", "why_not"),
    [
        (ANNA, (DEV,), None),
        (ANNA, (OPS, DEV), None),
        (ANNA, (OPS,), Refusal.OTHER_GROUP),
        (ANNA, (), Refusal.OTHER_GROUP),
        (BORIS, (DEV,), Refusal.OWN_REQUEST),
    ],
)
def test_an_approver_decides_for_their_groups_only(
    requester: UserId, groups: tuple[GroupName, ...], why_not: Refusal | None
) -> None:
    assert permitted(APPROVER, requester, *groups) is why_not


def test_an_approver_of_no_group_decides_on_nothing() -> None:
    nobody = Actor(key="x", name="x", user_id=BORIS, decides_for=frozenset())
    assert permitted(nobody, ANNA, DEV) is Refusal.OTHER_GROUP


def test_an_admin_who_is_also_the_operator_may_decide_on_the_command_line() -> None:
    both = Actor(key="system:boris", name="boris", user_id=BORIS, is_operator=True)
    assert permitted(both, BORIS) is None


def test_the_audit_names_people_by_their_id() -> None:
    assert telegram_key(ANNA) == "telegram:1001"
    assert telegram_id("telegram:1001") == ANNA
    for nobody in ("system:olga", "vpnbot", "telegram:", "telegram:x", "1001"):
        assert telegram_id(nobody) is None


def test_who_is_there_for_others_is_known_without_the_list() -> None:
    there = {role for role, actor in ROLES.items() if actor.has_role}
    assert there == {"admin", "admin on the allowlist", "approver", "auditor"}
    known = {role for role, actor in ROLES.items() if actor.is_known}
    assert known == {*there, "employee", "employee on leave"}


def test_an_approver_reads_for_whom_they_decide() -> None:
    both = replace(APPROVER, decides_for=frozenset({OPS, DEV}))
    with pytest.raises(Refused) as caught:
        require_decision(both, BORIS, request_of(ANNA), ANNA, ())
    assert caught.value.values == {"groups": "dev, ops"}


def test_an_actor_may_nothing_unless_it_is_said() -> None:
    nobody = Actor(key="x", name="x")
    assert not any(may(nobody, act) for act in Act)
