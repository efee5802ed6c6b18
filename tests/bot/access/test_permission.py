"""Who may do what, as a whole table; nobody approves their own request."""

from dataclasses import replace

import pytest

from bot.access.permission import THE_BOT, Act, Actor, may, may_decide_on, require, telegram_key
from bot.access.refusals import Refusal, Refused
from storage.records import UserId
from tests.bot.access.kit import ANNA, BORIS, CLARA, OPERATOR

STRANGER = Actor(key="telegram:9", name="Stranger", user_id=ANNA)
EMPLOYEE = Actor(key="telegram:1001", name="Anna", user_id=ANNA, is_allowed=True)
ON_LEAVE = replace(EMPLOYEE, is_paused=True)
ADMIN = Actor(key="telegram:2001", name="Boris", user_id=BORIS, is_admin=True)
ALLOWED_ADMIN = Actor(
    key="telegram:2001", name="Boris", user_id=BORIS, is_admin=True, is_allowed=True
)
ROLES = {
    "stranger": STRANGER,
    "employee": EMPLOYEE,
    "employee on leave": ON_LEAVE,
    "admin": ADMIN,
    "admin on the allowlist": ALLOWED_ADMIN,
    "operator": OPERATOR,
    "the bot": THE_BOT,
}
# fmt: off
TABLE = {
    "stranger":               "",
    "employee":               "ask look_own",
    "employee on leave":      "look_own",
    "admin":                  "decide revoke manage_people look",
    "admin on the allowlist": "ask look_own decide revoke manage_people look",
    "operator":               "decide revoke manage_people look",
    "the bot":                "decide revoke manage_people look",
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
    assert caught.value.values == ({"until": None} if expected is Refusal.PAUSED else {})


@pytest.mark.parametrize(
    ("role", "requester", "permitted"),
    [
        ("admin", ANNA, True),
        ("admin", CLARA, True),
        ("admin", BORIS, False),
        ("admin on the allowlist", ANNA, True),
        ("admin on the allowlist", BORIS, False),
        ("employee", ANNA, False),
        ("employee", BORIS, False),
        ("stranger", ANNA, False),
        # The only way for a lone admin's own request; the audit names the system account.
        ("operator", ANNA, True),
        ("operator", BORIS, True),
    ],
)
def test_nobody_decides_on_their_own_request(role: str, requester: UserId, permitted: bool) -> None:
    actor = ROLES[role]
    person = actor.user_id or UserId(0)
    assert may_decide_on(actor, person, requester) is permitted


def test_an_admin_who_is_also_the_operator_may_decide_on_the_command_line() -> None:
    both = Actor(key="system:boris", name="boris", user_id=BORIS, is_operator=True)
    assert may_decide_on(both, BORIS, BORIS)


def test_the_audit_names_people_by_their_id() -> None:
    assert telegram_key(ANNA) == "telegram:1001"


def test_an_actor_may_nothing_unless_it_is_said() -> None:
    nobody = Actor(key="x", name="x")
    assert not any(may(nobody, act) for act in Act)
