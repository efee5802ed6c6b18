"""Buttons and what stands behind them: short codes, with all state in the database.

Telegram allows 64 bytes (Bot API, InlineKeyboardButton.callback_data). The data comes back from
the client, so it is parsed like anything else that a stranger sends, and it permits nothing.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from storage.records import GrantId, Payload, RequestId, ServerName, UserId


class Tap(StrEnum):
    APPROVE = "ap"
    DENY = "dn"
    CANCEL = "cx"
    SERVER = "sv"
    RENEW = "np"
    RENEW_YES = "npy"
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
    OLD = "oc"
    OLD_NAME = "on"
    OLD_PEOPLE = "op"
    LINK = "lk"
    HOW_TO = "hw"
    LATE_YES = "ly"
    LATE_NO = "ln"
    CUT = "ct"
    CUT_ALWAYS = "ca"
    CUT_ALWAYS_YES = "cay"
    CUT_ASK = "cq"
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

# A number is written in one way only: no button of ours carries one with a zero before it.
_APPROVE = re.compile(r"ap:([1-9][0-9]{0,14}):([1-9][0-9]{0,8}):([0-9a-f]{8})", re.ASCII)
_REQUEST = re.compile(r"(dn|cx|sv):([1-9][0-9]{0,14})(?::([a-z0-9-]{1,32}))?", re.ASCII)
# The yes to a question carries what it stood for. Earlier versions sent it without.
_DIGEST = r"(?::([0-9a-f]{8}))?"
_ALONE = r"(?=:[^:]+\Z)"
_GRANT = re.compile(
    rf"((?:npy?|guy?|rg|rr|on|op){_ALONE}|rgy):(g-[a-z0-9]{{1,30}}){_DIGEST}", re.ASCII
)
_PAGE = re.compile(r"(oc|op:g-[a-z0-9]{1,30}):(0|[1-9][0-9]{0,5})", re.ASCII)
_LINK = re.compile(rf"lk:(g-[a-z0-9]{{1,30}}):([1-9][0-9]{{0,15}}){_DIGEST}", re.ASCII)
_HOW_TO = re.compile(r"hw:(g-[a-z0-9]{1,30}):([a-z0-9][a-z0-9-]{0,19})", re.ASCII)
_PERSON = re.compile(rf"((?:rp|rm){_ALONE}|rpy|rmy):([1-9][0-9]{{0,15}}){_DIGEST}", re.ASCII)
# Of an update that is held, see `bot.chat.late`.
_LATE = re.compile(r"(ly|ln):(0|[1-9][0-9]{0,17})", re.ASCII)


_STRANGER = re.compile(r"ct:([1-9][0-9]{0,14})", re.ASCII)
_ON_SERVER = re.compile(r"(cay?|cq):([a-z0-9-]{1,32})", re.ASCII)

_NO_REQUEST = RequestId(0)
_NO_GRANT = GrantId("")
_NOBODY = UserId(0)
_NO_SERVER = ServerName("")


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
    # The number of one that is held.
    update: int = 0
    # See `storage.records.Stranger`.
    stranger: int = 0
    # Of a list, counted from 0; None where none was turned to.
    page: int | None = None


def parse(data: str) -> Meant | None:
    """None for data that no button of ours carries."""
    if found := _PAGE.fullmatch(data):
        listing = parse(found[1])
        return listing and replace(listing, page=int(found[2]))
    if data in (Tap.KEEP, Tap.OLD):
        return Meant(Tap(data))
    if found := _LATE.fullmatch(data):
        return Meant(Tap(found[1]), update=int(found[2]))
    if found := _APPROVE.fullmatch(data):
        request, duration, digest = found.groups()
        return Meant(Tap.APPROVE, RequestId(int(request)), duration=int(duration), digest=digest)
    if found := _REQUEST.fullmatch(data):
        return _about_request(Tap(found[1]), RequestId(int(found[2])), found[3])
    return _about_access(data)


def approve(request: RequestId, duration: int, digest: str) -> str:
    return f"{Tap.APPROVE}:{request}:{duration}:{digest}"


def server(request: RequestId, name: ServerName) -> str:
    return f"{Tap.SERVER}:{request}:{name}"


def link(grant: GrantId, person: UserId, digest: str) -> str:
    return f"{Tap.LINK}:{grant}:{person}:{digest}"


def answer(tap: Tap, subject: GrantId | UserId, digest: str) -> str:
    """The yes to a question; the digest stands for what was asked."""
    return f"{tap}:{subject}:{digest}"


def late(tap: Tap, update_id: int) -> str:
    return f"{tap}:{update_id}"


def how_to(grant: GrantId, topic: str) -> str:
    return f"{Tap.HOW_TO}:{grant}:{topic}"


def stranger(number: int) -> str:
    return f"{Tap.CUT}:{number}"


def on_server(tap: Tap, name: ServerName) -> str:
    """About whoever is not known on that server."""
    return f"{tap}:{name}"


def page(listing: str, number: int) -> str:
    """One page of the list that a button without a number begins."""
    return f"{listing}:{number}"


_REVOKING = frozenset(
    {
        *(Tap.REVOKE_GRANT, Tap.REVOKE_GRANT_YES, Tap.REVOKE_REST, Tap.REVOKE_PERSON),
        *(Tap.REVOKE_PERSON_YES, Tap.REMOVE, Tap.REMOVE_YES),
    }
)


def revokes(data: str) -> bool:
    """Whether the button leads to the end of an access."""
    return data.partition(":")[0] in _REVOKING


def about(tap: Tap, subject: RequestId | GrantId | UserId) -> str:
    """The data of any other button."""
    return f"{tap}:{subject}"


def to_payload(keyboard: Keyboard) -> list[list[Payload]]:
    """For storing a keyboard with a message that waits to be sent."""
    return [[{"text": b.text, "data": b.data, "style": b.style} for b in row] for row in keyboard]


def from_payload(rows: list[list[Payload]]) -> Keyboard:
    return tuple(
        tuple(Button(b["text"], b["data"], Style(b["style"]) if b["style"] else None) for b in row)
        for row in rows
    )


def _about_access(data: str) -> Meant | None:
    if found := _GRANT.fullmatch(data):
        return Meant(Tap(found[1]), grant=GrantId(found[2]), digest=found[3] or "")
    if found := _LINK.fullmatch(data):
        person = UserId(int(found[2]))
        return Meant(Tap.LINK, grant=GrantId(found[1]), person=person, digest=found[3] or "")
    if found := _HOW_TO.fullmatch(data):
        return Meant(Tap.HOW_TO, grant=GrantId(found[1]), topic=found[2])
    if found := _PERSON.fullmatch(data):
        return Meant(Tap(found[1]), person=UserId(int(found[2])), digest=found[3] or "")
    return _about_strangers(data)


def _about_strangers(data: str) -> Meant | None:
    if found := _STRANGER.fullmatch(data):
        return Meant(Tap.CUT, stranger=int(found[1]))
    if found := _ON_SERVER.fullmatch(data):
        return Meant(Tap(found[1]), server=ServerName(found[2]))
    return None


def _about_request(tap: Tap, request: RequestId, argument: str | None) -> Meant | None:
    if tap is Tap.SERVER:
        return None if argument is None else Meant(tap, request, server=ServerName(argument))
    return None if argument is not None else Meant(tap, request)
