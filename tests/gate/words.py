"""Who may be told what: nothing about anybody's access goes into a wrong chat."""

import json
from collections.abc import Callable, Iterable, Iterator

from tests.gate.case import SECOND, Case, What, deciders
from tests.gate.left import who_is_asked
from tests.gate.say import may_deny
from tests.gate.snapshot import LIVE, Grant, Request, Row

# Word by word: a stranger learns nothing else.
STRANGER = (
    "Hello! I give VPN access to the people on my list, and you’re not on it yet.\n\n"
    "Your Telegram id is <code>{id}</code>. Send it to your admin and ask to be added."
)
ASK_TO_JOIN = [[{"text": "Ask to join", "data": "jn", "style": "primary"}]]
KEPT = "Nothing was changed."
# Who asks to join, whether an admin can be reached or not.
KNOCKED = (
    ("Asked. When an admin decides, you hear it here.\n\nYour Telegram id is <code>{id}</code>."),
    (
        "I can’t reach any admin at the moment. Please tell yours that you asked, and send them "
        "your Telegram id: <code>{id}</code>."
    ),
)
HOME = "VPN access is a private matter. Write to me here: https://t.me/vpn_bot"


def misdirected(case: Case) -> Iterator[str]:
    """Yields a sentence for each message that must not go where it goes."""
    for row in case.after.said:
        if not _may_hear(case, row):
            yield f"a {row.kind} for {row.chat_id}: {json.dumps(row.payload)}"
        elif row.kind == "reply" and not (case.is_admin or case.is_auditor):
            yield from _betrayed(case, row)
    answers = [row for row in case.after.said if row.kind == "reply"]
    if case.taps("mc") or case.taps("ly"):
        # What was meant stays to be read where it was asked, and what came of it is said below.
        answers = [row for row in answers if not row.payload.get("edit")]
    if len(answers) > 1 and not case.has_role:
        yield "one message was answered more than once"


def _may_hear(case: Case, row: Row) -> bool:
    if row.chat_id < 0:
        return _is_pointed_home(case, row)
    if not case.is_known and case.deed.what in {What.TYPED, What.TAPPED, What.FORWARDED}:
        return _is_for_a_stranger(case, row)
    return row.chat_id in _AUDIENCE[row.kind](case, row)


def _betrayed(case: Case, row: Row) -> Iterator[str]:
    """Who is no admin reads of nobody else's access, nor of what is nobody's.

    What somebody has by another account of theirs is their own. Whoever decides on more time reads
    for which profile.
    """
    said = json.dumps(row.payload)
    decided_on = _decided_on(case)
    reader = case.after.person_of(row.chat_id)
    for grant in case.after.grants.values():
        is_own = grant.user_id is not None and case.after.person_of(grant.user_id) == reader
        is_asked_about = decided_on is not None and decided_on.id == grant.id
        if not (is_own or is_asked_about) and any(mark in said for mark in _marks(grant)):
            yield f"{row.chat_id} was told of {grant.id}"


def _decided_on(case: Case) -> Grant | None:
    """The profile that is to last for longer, where whoever has a say asks for reasons for a no."""
    number = case.tapped[1] if case.taps("dw") and len(case.tapped) == 2 else ""
    is_number = number.isascii() and number.isdecimal()
    request = case.before.requests.get(int(number)) if is_number else None
    if request is None or not may_deny(case, request):
        return None
    return case.before.extended(request)


def _marks(grant: Grant) -> Iterable[str]:
    """What tells of it. A name of old may be anybody's name, so it proves nothing by itself."""
    return (grant.id, grant.serial) if grant.imported_at else (grant.id, grant.common_name)


def _whoever_acts(case: Case, _row: Row) -> Iterable[int]:
    return (case.deed.person,)


def _all_admins(case: Case) -> Iterable[int]:
    given = [one for one in case.after.roles if case.after.has_role(one, "admin")]
    return (*case.laws.admins, *given)


def _deciders(case: Case, row: Row) -> Iterable[int]:
    """And an auditor who asks for the cards."""
    if row.payload.get("again"):
        return _reminded(case, case.after.requests[row.payload["request"]])
    looks = [case.deed.person] if case.is_auditor else []
    request = case.after.requests[row.payload["request"]]
    return (*deciders(case.after, case.laws, request), *looks)


def _reminded(case: Case, request: Request) -> Iterable[int]:
    """Once by itself and once by a nudge: who has not said yes, and is not the requester."""
    before = case.before.notes_of(request)
    by_tap = case.taps("nu", request.id) and case.deed.person == request.user_id
    is_due = (by_tap and case.may_have and before.nudged_at is None) or (
        case.deed.what is What.TIME and before.reminded_at is None
    )
    if not is_due or request.state != "pending" or request.user_id in case.after.paused:
        return ()
    agreed = case.agreed(request, case.after)
    return [
        one
        for one in deciders(case.after, case.laws, request)
        if case.after.person_of(one) not in agreed
        and not case.same_person(one, request.user_id)
        and one not in case.after.paused
    ]


def _lookers(case: Case, _row: Row) -> Iterable[int]:
    looks = [case.deed.person] if case.is_auditor else []
    return (*_all_admins(case), *looks)


def _admins(case: Case, _row: Row) -> Iterable[int]:
    return _all_admins(case)


def _asker(case: Case, row: Row) -> Iterable[int]:
    return (case.after.requests[row.payload["request"]].user_id,)


def _posted(case: Case, row: Row) -> Iterable[int]:
    """Where a card was once; whoever was an admin then has seen it."""
    return (row.chat_id,) if row.payload["kind"] == "card" else _asker(case, row)


def _owner(case: Case, row: Row) -> Iterable[int]:
    grant = case.after.grants[row.payload["grant"]]
    return (grant.user_id or 0,) if grant.state == "reserved" else ()


def _whose(case: Case, row: Row) -> Iterable[int]:
    """A profile is its owner's, and an answer to /myvpn is whoever's it was."""
    subject = row.payload["subject"]
    is_profile = row.payload["kind"] == "deliver"
    return (case.after.grants[subject].user_id or 0 if is_profile else int(subject),)


def _admins_or_owner(case: Case, row: Row) -> Iterable[int]:
    undoes = [case.deed.person] if case.taps("ud") or case.taps("nm") else []
    owners = {case.after.grants[one].user_id or 0 for one in row.payload["grants"]}
    return (*_all_admins(case), *undoes, *(owners if len(owners) == 1 else ()))


def _used_owner(case: Case, row: Row) -> Iterable[int]:
    grant = case.after.grants[case.after.asked_uses[row.payload["use"]].grant_id]
    return (grant.user_id or 0,)


def _soon_without(case: Case, row: Row) -> Iterable[int]:
    """Whoever has a profile that ends within a week, and none that lasts for longer."""
    grant = case.after.grants[row.payload["grant"]]
    left = grant.not_after - case.deed.at
    is_due = case.deed.what is What.TIME and 0 < left <= 7 * 86_400 * SECOND
    has = grant.state == "active" and grant.pause is None and not case.after.later(grant)
    return (grant.user_id or 0,) if is_due and has else ()


def _asking_owner(case: Case, row: Row) -> Iterable[int]:
    """Instructions name a server: they are for whoever has a profile for it."""
    grant = case.after.grants[row.payload["grant"]]
    is_own = grant.user_id == case.deed.person and grant.imported_at is None
    return (case.deed.person,) if is_own and case.is_allowed else ()


def _holders(case: Case, _row: Row) -> Iterable[int]:
    """The operator's files go out with a profile."""
    return {one.user_id or 0 for one in case.after.grants.values() if one.state in LIVE}


def _known(case: Case, _row: Row) -> Iterable[int]:
    return (*case.after.people, *case.laws.admins)


def _served(case: Case, row: Row) -> Iterable[int]:
    """And whoever is taken out of the settings: that menu has nothing in it any more."""
    was_admin = case.deed.what is What.SETTINGS and row.payload == {}
    return (*_known(case, row), *([row.chat_id] if was_admin else ()))


def _told(case: Case, row: Row) -> Iterable[int]:
    """And a stranger who asked to join hears the admin's no."""
    asked = [case.tapped[1]] if case.is_admin and case.taps("jnn") else []
    refused = [one for one in case.before.knocks if [str(one)] == asked]
    return (*_known(case, row), *(refused if row.payload["code"] == "knock_refused" else ()))


_AUDIENCE: dict[str, Callable[[Case, Row], Iterable[int]]] = {
    "reply": _whoever_acts,
    "card": _deciders,
    "servers": _lookers,
    "resume": _admins,
    "online": _lookers,
    "invitation": _admins,
    "knock": _admins,
    "farewell": _whoever_acts,
    "leaving": who_is_asked,
    "asked_use": _used_owner,
    "cut_session": _admins,
    "asked": _asker,
    "edit_card": _posted,
    "edit": _whose,
    "deliver": _owner,
    "receipt": _admins_or_owner,
    "how_to": _asking_owner,
    "reminder": _soon_without,
    "extra_file": _holders,
    "notice": _told,
    "menu": _served,
}


def _is_pointed_home(case: Case, row: Row) -> bool:
    return (
        row.kind == "reply"
        and row.chat_id == case.deed.group
        and row.payload["text"] == HOME
        and row.payload["keyboard"] == []
    )


def _is_for_a_stranger(case: Case, row: Row) -> bool:
    """Who they are to the bot and their own id; or that a button of old did nothing."""
    if row.chat_id == case.deed.person and row.kind == "menu":
        # Who was somebody once has a menu that is to shrink.
        return row.chat_id in case.after.people
    if row.kind == "knock":
        # They ask to join: the admins are told of nobody else.
        asks = case.taps("jn") and row.payload == {"person": case.deed.person}
        return asks and row.chat_id in _all_admins(case)
    if row.chat_id != case.deed.person or row.kind != "reply":
        return False
    if row.payload["keyboard"] not in ([], ASK_TO_JOIN):
        return False
    if case.deed.what is What.TAPPED:
        said = row.payload["text"]
        knocked = said in {one.format(id=row.chat_id) for one in KNOCKED}
        return (case.taps("no") and said == KEPT) or (case.taps("jn") and knocked)
    waits = case.deed.person in case.before.knocks and row.payload["keyboard"] == []
    heard = (STRANGER, KNOCKED[0]) if waits else (STRANGER,)
    return row.payload["text"] in {one.format(id=row.chat_id) for one in heard}
