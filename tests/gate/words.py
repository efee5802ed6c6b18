"""Who may be told what: nothing about anybody's access goes into a wrong chat."""

import json
from collections.abc import Callable, Iterable, Iterator

from tests.gate.case import Case, What
from tests.gate.snapshot import Row

KEPT = "Nothing was changed."
HOME = "VPN access is a private matter. Write to me here: https://t.me/vpn_bot"


def misdirected(case: Case) -> Iterator[str]:
    """Yields a sentence for each message that must not go where it goes."""
    for row in case.after.said:
        if not _may_hear(case, row):
            yield f"a {row.kind} for {row.chat_id}: {json.dumps(row.payload)}"
    answers = [row for row in case.after.said if row.kind == "reply"]
    if len(answers) > 1 and not case.is_admin:
        yield "one message was answered more than once"


def _may_hear(case: Case, row: Row) -> bool:
    if row.chat_id < 0:
        return _is_pointed_home(case, row)
    if not case.is_known and case.deed.what in {What.TYPED, What.TAPPED, What.FORWARDED}:
        return _is_for_a_stranger(case, row)
    return row.chat_id in _AUDIENCE[row.kind](case, row)


def _whoever_acts(case: Case, _row: Row) -> Iterable[int]:
    return (case.deed.person,)


def _admins(case: Case, _row: Row) -> Iterable[int]:
    return case.laws.admins


def _asker(case: Case, row: Row) -> Iterable[int]:
    return (case.after.requests[row.payload["request"]].user_id,)


def _posted(case: Case, row: Row) -> Iterable[int]:
    """Where a card was once; whoever was an admin then has seen it."""
    return (row.chat_id,) if row.payload["kind"] == "card" else _asker(case, row)


def _owner(case: Case, row: Row) -> Iterable[int]:
    grant = case.after.grants[row.payload["grant"]]
    return (grant.user_id,) if grant.state == "reserved" else ()


def _admins_or_owner(case: Case, row: Row) -> Iterable[int]:
    owners = {case.after.grants[one].user_id for one in row.payload["grants"]}
    return (*case.laws.admins, *(owners if len(owners) == 1 else ()))


def _known(case: Case, _row: Row) -> Iterable[int]:
    return (*case.after.people, *case.laws.admins)


_AUDIENCE: dict[str, Callable[[Case, Row], Iterable[int]]] = {
    "reply": _whoever_acts,
    "card": _admins,
    "servers": _admins,
    "asked": _asker,
    "edit_card": _posted,
    "deliver": _owner,
    "receipt": _admins_or_owner,
    "notice": _known,
    "menu": _known,
}


def _is_pointed_home(case: Case, row: Row) -> bool:
    return (
        row.kind == "reply"
        and row.chat_id == case.deed.group
        and row.payload["text"] == HOME
        and row.payload["keyboard"] == []
    )


def _is_for_a_stranger(case: Case, row: Row) -> bool:
    """Their own id and nothing else; or that a button of old did nothing."""
    if row.chat_id != case.deed.person or row.kind != "reply" or row.payload["keyboard"]:
        return False
    text = str(row.payload["text"])
    return text.count(str(row.chat_id)) == 1 or (case.taps("no") and text == KEPT)
