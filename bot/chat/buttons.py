"""Buttons and what stands behind them: short codes, with all state in the database.

Few bytes fit behind one, see `bot.limits`. The data comes back from the client, so it is parsed
like anything else that a stranger sends, and it permits nothing.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from bot.access.requests import Why
from storage.devices import Device
from storage.joining_records import FarewellId, InvitationId, LeavingId
from storage.key_records import KeyWay
from storage.records import GrantId, Payload, RequestId, ServerName, UserId
from storage.use_records import AskedUseId


class Tap(StrEnum):
    APPROVE = "ap"
    LONGER = "lo"
    DENY = "dn"
    # Why: the question, a ready-made reason, words that were typed, and back to the card.
    DENY_WHY = "dw"
    DENY_SO = "dr"
    DENY_SAID = "ds"
    CARD = "cd"
    UNDO = "ud"
    CANCEL = "cx"
    # For how long else, and why; without a duration the one asks, and the other says how.
    CHANGE = "ch"
    REASON = "wy"
    # From these back to the request.
    MINE = "mi"
    NUDGE = "nu"
    RETURN = "rt"  # of somebody who was away
    AGAIN = "ag"
    SERVER = "sv"
    SERVERS = "sp"
    RENEW = "np"
    RENEW_YES = "npy"
    MORE_TIME = "mt"
    # In answer to whoever asks and has a profile already.
    ANOTHER = "an"
    ELSEWHERE = "ew"
    GIVE_UP = "gu"
    GIVE_UP_YES = "guy"
    REVOKE_GRANT = "rg"
    REVOKE_GRANT_YES = "rgy"
    # What a receipt says is left: of the holder of this grant.
    REVOKE_REST = "rr"
    REVOKE_PERSON = "rp"
    REVOKE_PERSON_YES = "rpy"
    REMOVE = "rm"
    REMOVE_YES = "rmy"
    RESTORE = "ur"
    # Of somebody who seems to have left.
    LEFT_REMOVE = "lv"
    LEFT_KEEP = "lvk"
    OLD = "oc"
    OLD_NAME = "on"
    OLD_PEOPLE = "op"
    LINK = "lk"
    HOW_TO = "hw"
    HOW_LONG = "hl"
    COMMAND = "do"
    MEANT = "mc"
    UNLOCK = "pw"
    KEY_WAYS = "kw"
    KEY_WAY = "ky"
    TROUBLE = "tr"
    WAS_ME = "wm"
    NOT_ME = "nm"
    LATE_YES = "ly"
    # The same where what is held takes access away: it is told by its button alone.
    LATE_REVOKE = "lr"
    LATE_NO = "ln"
    CUT = "ct"
    CUT_ALWAYS = "ca"
    CUT_ALWAYS_YES = "cay"
    CUT_ASK = "cq"
    CUT_SESSION = "cs"
    ONLINE = "ol"
    GRANTS = "gr"
    USERS = "us"
    PENDING = "pd"
    REVOKE_LIST = "rvl"
    REMOVE_LIST = "rml"
    PAUSE_LIST = "pal"
    PAUSE = "pa"
    PAUSE_YES = "pay"
    RESUME = "rs"
    ALLOW = "al"
    ALLOW_YES = "aly"
    PICKED_YES = "pk"
    ASK = "as"
    INVITATIONS = "iv"
    WITHDRAW = "wd"
    JOIN = "jn"
    JOIN_YES = "jny"
    JOIN_NO = "jnn"
    KEEP = "no"


class Style(StrEnum):
    """Colours of the Bot API; a client that does not know them shows a plain button."""

    GOOD = "success"
    BAD = "danger"
    MAIN = "primary"


@dataclass(frozen=True, slots=True)
class Button:
    text: str
    data: str
    style: Style | None = None


Keyboard = tuple[tuple[Button, ...], ...]


_NO_REQUEST = RequestId(0)
_NO_GRANT = GrantId("")
_NOBODY = UserId(0)
_NO_SERVER = ServerName("")
_NO_INVITATION = InvitationId(0)
_NO_USE = AskedUseId(0)
_NO_FAREWELL = FarewellId(0)
_NO_LEAVING = LeavingId(0)


@dataclass(frozen=True, slots=True)
class Meant:
    """What a tap means, if it means anything."""

    tap: Tap
    request: RequestId = _NO_REQUEST
    grant: GrantId = _NO_GRANT
    person: UserId = _NOBODY
    duration: int | None = None
    # Of the card that was tapped, see `bot.access.approvals.card_digest`, or of the question.
    digest: str = ""
    server: ServerName = _NO_SERVER
    # Of instructions, see `bot.handover.handover`.
    topic: str = ""
    # Of the chat, see `bot.chat.commands`.
    command: str = ""
    # See `storage.key_records.KeyWay`.
    way: str = ""
    # See `storage.records.Device`.
    device: str = ""
    # See `bot.access.requests.Why`.
    why: str = ""
    # How often the request was changed before the card showed it.
    revision: int = 0
    # See `bot.chat.trouble`: a letter for each answer.
    said: str = ""
    # The number of one that is held.
    update: int = 0
    # See `storage.records.Stranger`.
    stranger: int = 0
    invitation: InvitationId = _NO_INVITATION
    use: AskedUseId = _NO_USE
    farewell: FarewellId = _NO_FAREWELL
    leaving: LeavingId = _NO_LEAVING
    # When a session began, by its server's clock, or somebody asked to join; seconds since 1970.
    since: int = 0
    # Of a list, counted from 0; None where none was turned to.
    page: int | None = None
    # What a list was narrowed by: plain words with a plus between them.
    search: str = ""


# A number is written in one way only: no button of ours carries one with a zero before it.
_PARTS = {
    "request": "[1-9][0-9]{0,14}",
    "grant": "g-[a-z0-9]{1,30}",
    "person": "[1-9][0-9]{0,15}",
    "duration": "[1-9][0-9]{0,8}",
    "digest": "[0-9a-f]{8}",
    "server": "[a-z0-9-]{1,32}",
    "topic": "[a-z0-9][a-z0-9-]{0,19}",
    "command": "[a-z]{1,16}",
    "said": "[a-z]{1,3}",
    "way": "|".join(KeyWay),
    "device": "|".join(Device),
    "why": "|".join(Why),
    "revision": "[1-9][0-9]{0,2}",
    "update": "0|[1-9][0-9]{0,17}",
    "stranger": "[1-9][0-9]{0,14}",
    "invitation": "[1-9][0-9]{0,14}",
    "use": "[1-9][0-9]{0,14}",
    "farewell": "[1-9][0-9]{0,14}",
    "leaving": "[1-9][0-9]{0,14}",
    "since": "0|[1-9][0-9]{0,10}",
    "page": "0|[1-9][0-9]{0,6}",
    "search": "[a-z0-9+]{1,40}",
}
_NUMBERS = frozenset(
    {
        "request",
        "person",
        "duration",
        "update",
        "stranger",
        "invitation",
        "use",
        "farewell",
        "leaving",
        "since",
        "page",
        "revision",
    }
)
# What each button carries, in this order. The yes to a question carries what it stood for; earlier
# versions sent it without.
_CARRIES: dict[str, tuple[str, ...]] = {
    Tap.APPROVE: ("request", "duration", "digest"),
    Tap.LONGER: ("request",),
    Tap.DENY: ("request", "revision?"),
    Tap.DENY_WHY: ("request",),
    Tap.DENY_SO: ("request", "why", "revision?"),
    Tap.DENY_SAID: ("request", "update", "revision?"),
    Tap.CARD: ("request",),
    Tap.UNDO: ("request",),
    Tap.CANCEL: ("request",),
    Tap.CHANGE: ("request", "duration?"),
    Tap.REASON: ("request",),
    Tap.MINE: ("request",),
    Tap.NUDGE: ("request",),
    Tap.RETURN: (),
    Tap.AGAIN: ("request",),
    Tap.SERVER: ("request", "server"),
    Tap.SERVERS: ("request", "page"),
    Tap.RENEW: ("grant",),
    Tap.RENEW_YES: ("grant",),
    Tap.MORE_TIME: ("grant", "update?"),
    Tap.ANOTHER: ("update", "device?"),
    Tap.ELSEWHERE: ("update",),
    Tap.GIVE_UP: ("grant",),
    Tap.GIVE_UP_YES: ("grant",),
    Tap.REVOKE_GRANT: ("grant",),
    Tap.REVOKE_GRANT_YES: ("grant", "digest?"),
    Tap.REVOKE_REST: ("grant",),
    Tap.REVOKE_PERSON: ("person",),
    Tap.REVOKE_PERSON_YES: ("person", "digest?"),
    Tap.REMOVE: ("person",),
    Tap.REMOVE_YES: ("person", "digest?"),
    Tap.RESTORE: ("farewell",),
    Tap.LEFT_REMOVE: ("leaving",),
    Tap.LEFT_KEEP: ("leaving",),
    Tap.OLD: ("page?",),
    Tap.OLD_NAME: ("grant",),
    Tap.OLD_PEOPLE: ("grant", "page?"),
    Tap.LINK: ("grant", "person", "digest?"),
    Tap.HOW_TO: ("grant", "topic"),
    Tap.HOW_LONG: ("update", "duration?"),
    Tap.COMMAND: ("command",),
    Tap.MEANT: ("update", "command"),
    Tap.UNLOCK: ("grant",),
    Tap.KEY_WAYS: (),
    Tap.KEY_WAY: ("way",),
    Tap.TROUBLE: ("grant", "said?"),
    Tap.WAS_ME: ("use",),
    Tap.NOT_ME: ("use",),
    Tap.LATE_YES: ("update",),
    Tap.LATE_REVOKE: ("update",),
    Tap.LATE_NO: ("update",),
    Tap.CUT: ("stranger",),
    Tap.CUT_ALWAYS: ("server",),
    Tap.CUT_ALWAYS_YES: ("server",),
    Tap.CUT_ASK: ("server",),
    Tap.CUT_SESSION: ("grant", "server", "since"),
    Tap.ONLINE: ("page",),
    Tap.GRANTS: ("page", "search?"),
    Tap.USERS: ("page", "search?"),
    Tap.PENDING: ("page",),
    Tap.REVOKE_LIST: ("page", "search?"),
    Tap.REMOVE_LIST: ("page", "search?"),
    Tap.PAUSE_LIST: ("page", "search?"),
    Tap.PAUSE: ("person",),
    Tap.PAUSE_YES: ("person", "digest?"),
    Tap.RESUME: ("person", "digest?"),
    Tap.ALLOW: ("person",),
    Tap.ALLOW_YES: ("person", "digest?"),
    Tap.PICKED_YES: ("update", "digest"),
    Tap.ASK: (),
    Tap.INVITATIONS: ("page",),
    Tap.WITHDRAW: ("invitation",),
    Tap.JOIN: (),
    Tap.JOIN_YES: ("person", "since"),
    Tap.JOIN_NO: ("person", "since"),
    Tap.KEEP: (),
}
# All that a card in a group is good for.
_ON_CARDS = frozenset(
    {
        *(Tap.APPROVE, Tap.LONGER, Tap.DENY, Tap.DENY_WHY, Tap.DENY_SO, Tap.CARD, Tap.UNDO),
    }
)
_REVOKING = frozenset(
    {
        *(Tap.REVOKE_GRANT, Tap.REVOKE_GRANT_YES, Tap.REVOKE_REST, Tap.REVOKE_PERSON),
        *(Tap.REVOKE_PERSON_YES, Tap.REMOVE, Tap.REMOVE_YES, Tap.PAUSE, Tap.PAUSE_YES),
        *(Tap.REVOKE_LIST, Tap.REMOVE_LIST, Tap.LATE_REVOKE, Tap.UNDO, Tap.WITHDRAW),
        *(Tap.NOT_ME, Tap.LEFT_REMOVE, Tap.PAUSE_LIST),
        *(Tap.CUT, Tap.CUT_SESSION, Tap.CUT_ALWAYS, Tap.CUT_ALWAYS_YES),
    }
)


def data(tap: Tap, *parts: object) -> str:
    """What a button carries: its code and the parts that `_CARRIES` names."""
    return ":".join((tap, *map(str, parts)))


def parse(carried: str) -> Meant | None:
    """None for data that no button of ours carries."""
    code, *parts = carried.split(":")
    names = _CARRIES.get(code)
    if names is None or len(parts) > len(names):
        return None
    values: dict[str, Any] = {}
    for name, part in zip_longest(names, parts):
        if part is None and name.endswith("?"):
            continue
        kind = name.rstrip("?")
        if part is None or not re.fullmatch(_PARTS[kind], part, re.ASCII):
            return None
        values[kind] = int(part) if kind in _NUMBERS else part
    return Meant(Tap(code), **values)


def revokes(carried: str) -> bool:
    """Whether the button leads to the end of an access, of a session, or of a way in."""
    return carried.partition(":")[0] in _REVOKING


def is_on_card(carried: str) -> bool:
    """Whether the button is one that a request's card may have in a group, too."""
    return carried.partition(":")[0] in _ON_CARDS


def to_payload(keyboard: Keyboard) -> list[list[Payload]]:
    """For storing a keyboard with a message that waits to be sent."""
    return [[{"text": b.text, "data": b.data, "style": b.style} for b in row] for row in keyboard]


def from_payload(rows: list[list[Payload]]) -> Keyboard:
    return tuple(
        tuple(Button(b["text"], b["data"], Style(b["style"]) if b["style"] else None) for b in row)
        for row in rows
    )
