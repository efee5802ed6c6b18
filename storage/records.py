"""The values that are stored: frozen, without any behaviour of a database.

All times are aware datetimes in UTC; durations are whole seconds.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from storage.devices import Device

UserId = NewType("UserId", int)
ChatId = NewType("ChatId", int)
RequestId = NewType("RequestId", int)
GrantId = NewType("GrantId", str)
ServerName = NewType("ServerName", str)

Payload = dict[str, Any]


class RequestState(StrEnum):
    """CHOOSING waits for its owner to pick a server, PENDING for an admin, SCHEDULED to begin."""

    CHOOSING = "choosing"
    PENDING = "pending"
    SCHEDULED = "scheduled"
    APPROVED = "approved"
    DENIED = "denied"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class GrantState(StrEnum):
    """See 'The life of a grant' in ARCHITECTURE.md."""

    RESERVED = "reserved"
    ISSUED = "issued"
    ACTIVE = "active"
    REVOKING = "revoking"
    REVOKED = "revoked"
    EXPIRED = "expired"


OPEN_STATES = (RequestState.CHOOSING, RequestState.PENDING, RequestState.SCHEDULED)
LIVE_STATES = (GrantState.RESERVED, GrantState.ISSUED, GrantState.ACTIVE)
# A grant that is being revoked may still be open on some server, so it keeps its address.
UNPROVED_STATES = (*LIVE_STATES, GrantState.REVOKING)
PROVED_STATES = (GrantState.REVOKED, GrantState.EXPIRED)


class Pause(StrEnum):
    """How far a live grant is that is kept out for a while."""

    PAUSING = "pausing"  # recorded, not yet proved on every server
    PAUSED = "paused"  # proved


class EndReason(StrEnum):
    """Why a grant ended."""

    ENDED = "ended"  # its time was over
    REVOKED = "revoked"  # an admin said so
    BY_OWNER = "by_owner"
    REMOVED = "removed"  # the person left the allowlist
    REPLACED = "replaced"  # a new profile took its place
    LOST = "lost"  # nobody knows whether the profile arrived
    UNDELIVERABLE = "undeliverable"  # its owner does not let the bot write
    NOT_TAKEN = "not_taken"  # Telegram does not take the profile
    STOLEN = "stolen"  # its owner says that somebody else has used it
    EARLIER = "earlier"  # it was over before this system took the CA over


class OutboxKind(StrEnum):
    """What is to be sent; the payload is in `OutboxItem.payload`."""

    REPLY = "reply"  # a text that a handler has written
    NOTICE = "notice"  # a text by its name, with values
    CARD = "card"  # a request, for an admin to decide
    ASKED = "asked"  # a request, as its requester sees it
    EDIT_CARD = "edit_card"  # one posted card, to be brought up to date
    EDIT = "edit"  # another posted message, to be brought up to date: a profile, or /myvpn
    OWN_KEY = "own_key"  # fetches a file that somebody sent, and says what came of it
    DELETE = "delete"  # takes a message of ours out of a chat
    DELIVER = "deliver"  # a profile; the key is made when it is sent
    EXTRA_FILE = "extra_file"  # of the operator's, to go along with a profile
    REMINDER = "reminder"  # of the end of a profile
    HELP = "help"  # asks servers what they saw of a profile that doesn't work, and tells of it
    HOW_TO = "how_to"  # instructions that somebody asked for
    RECEIPT = "receipt"  # what was proved of a revocation
    RESUME = "resume"  # lets somebody in again who was paused, and says what became of it
    SERVERS = "servers"  # what each server answers
    CUT = "cut"  # ends a stranger's session, and says what became of it
    ONLINE = "online"  # who is connected
    CUT_SESSION = "cut_session"  # ends a session of somebody's, and says what became of it
    INVITATION = "invitation"  # for an admin to pass on; the link is made when it is sent
    KNOCK = "knock"  # a stranger who asks to join, for an admin to answer
    LEAVING = "leaving"  # somebody seems to have left: an admin says whether their access ends
    FAREWELL = "farewell"  # somebody is off the list, which may be taken back for a while
    ASKED_USE = "asked_use"  # a use of a profile, of which its owner says whether it was theirs
    MENU = "menu"  # no message: the command menu of a private chat


class OutboxState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    DONE = "done"
    FAILED = "failed"


# What was tried so often steps aside: later messages go before it.
PATIENCE = 3


class InboxState(StrEnum):
    NEW = "new"
    HELD = "held"  # until whoever wrote it says that they still want it
    DONE = "done"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Person:
    id: UserId
    name: str
    username: str | None
    allowed: bool
    reachable: bool | None  # None: nobody has tried yet; False: Telegram said 403
    added_at: datetime
    # The account by which this person is known, if this is another one of theirs.
    same_as: UserId | None = None
    # When they last wrote with that username, to the day; None where that was never noted.
    username_seen_at: datetime | None = None
    # What the username was when they were put on the list, or soon after.
    allowed_username: str | None = None


@dataclass(frozen=True, slots=True)
class Server:
    name: ServerName
    remote_host: str
    remote_port: int
    protocol: str
    listen_port: int
    directory: str
    network: str
    routes: tuple[str, ...]
    dns: tuple[str, ...]
    account: str
    added_at: datetime
    crl_published_at: datetime | None = None  # the last one; None before the first time
    crl_number: int | None = None  # of that one; with a lower one an older CRL was put back
    # SHA-256 of the file that was put there, in hex: with another one somebody has changed it.
    crl_digest: str | None = None
    # When the database came out of a backup, as long as this server was not looked through since.
    restored_at: datetime | None = None
    # Since when nobody has seen that it keeps out profiles for other servers; None where it does.
    open_since: datetime | None = None
    # What was read from the operator's own configuration, as `vpn.configuration.adopted` writes it
    # down; None where the configuration is ours.
    adopted: Payload | None = None
    cuts_unknown: bool = False  # an adopted one: whoever is not known there is cut
    # Of a server on another machine: 'address' as USER@HOST:PORT, the pinned 'host_key', and
    # 'key_file', which is None where it is the bot's own key.
    ssh: Payload | None = None
    network6: str | None = None  # beside `network`; None where clients get no IPv6 address


class Verdict(StrEnum):
    """What became of a request, on whose word."""

    APPROVE = "approve"
    DENY = "deny"
    CANCEL = "cancel"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for, and what became of it.

    Attributes:
        duration: what was asked for; once it is approved, what was given.
        asked_duration: what was asked for; None in requests from before that was kept.
        decided_by_name: everybody whose yes it took.
        undo_until: until when it may be taken back; None once that is over.
        starts_at: when it is to begin; None: at once.
        extends: the request whose profile gets more time by it.
        device: what somebody who had a profile already wanted another one for.
    """

    id: RequestId
    user_id: UserId
    server: ServerName | None
    duration: int
    reason: str
    state: RequestState
    asked_at: datetime
    expires_at: datetime
    decided_by: str | None = None
    decided_by_name: str | None = None
    decided_at: datetime | None = None
    asked_duration: int | None = None
    undo_until: datetime | None = None
    starts_at: datetime | None = None
    extends: RequestId | None = None
    device: Device | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Somebody's word on a request; `actor` as in the audit trail. A later one has a higher id."""

    id: int
    request_id: RequestId
    actor: str
    verdict: Verdict
    duration: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """A server that a grant opens.

    Attributes:
        address: the client's there; None where the server gives one from a pool of its own.
    """

    server: ServerName
    address: str | None


@dataclass(frozen=True, slots=True)
class Grant:
    """A certificate and what it opens.

    Attributes:
        proved_at: when its end, or its pause, was last proved; still there where that has to be
            proved anew.
        request_id, user_id, server: None only for what was imported: nobody asked for it here,
            nobody may have said yet whose it is, and it is for whatever server trusts the CA.
        server: what was asked for and approved: a server, or a set of servers.
        serial: lower-case hex.
        places: the servers that it opens, as its profile names them; none of what was imported.
        imported_at: when it was taken over from another CA software; None for our own.
        crl_reason: that on the CRL, as `pki.crl` calls it, where `end_reason` does not say it.
        for_server: a certificate that only a server may show, so nobody gets access by it.
        ended_by, ended_by_name: who said so, as in the trail; None where that was not noted.
        end_known: whether the certificate itself said `not_after`. Else it may live longer, and
            every CRL lists it for good once it is revoked or over.
        authority: the number of the CA that signs it, see `storage.rotation`.
        pause, paused_at: of a live one that lets nobody in until its owner is resumed.
    """

    id: GrantId
    request_id: RequestId | None
    user_id: UserId | None
    server: ServerName | None
    common_name: str
    serial: str
    places: tuple[Place, ...]
    state: GrantState
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None = None
    end_reason: EndReason | None = None
    replaces: GrantId | None = None
    proved_at: datetime | None = None
    imported_at: datetime | None = None
    crl_reason: str | None = None
    for_server: bool = False
    end_known: bool = True
    ended_by: str | None = None
    ended_by_name: str | None = None
    authority: int = 1
    pause: Pause | None = None
    paused_at: datetime | None = None

    @property
    def is_out(self) -> bool:
        """Whether it is proved that it lets nobody in, for good or for a while."""
        return self.state in PROVED_STATES or self.pause is Pause.PAUSED

    @property
    def owner(self) -> UserId:
        """Whose it is. To be asked of our own only, which the database gives to somebody."""
        assert self.user_id is not None
        return self.user_id

    @property
    def servers(self) -> tuple[ServerName, ...]:
        """Those of `places`."""
        return tuple(place.server for place in self.places)

    @property
    def address(self) -> str | None:
        """That on the first of its servers; None as in `Place`."""
        return self.places[0].address if self.places else None

    def address_on(self, server: ServerName) -> str | None:
        """Its address there; None as in `Place`, and where it has no place."""
        return next((place.address for place in self.places if place.server == server), None)


@dataclass(frozen=True, slots=True)
class GrantRevocation:
    """An entry of the CRL that a grant makes; `crl_reason` as in `Grant`."""

    serial: str
    revoked_at: datetime
    reason: EndReason
    crl_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignRevocation:
    """An entry of the CRL whose grant nobody knows, so neither does anybody know its end."""

    serial: str
    revoked_at: datetime
    reason: EndReason
    first_seen_at: datetime
    crl_reason: str | None = None


# The reason in the words of `pki.crl` where a certificate is kept out by a list without being
# revoked, because it is for another server or for nobody yet.
ON_HOLD = "certificate_hold"


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one ended grant on one server."""

    grant_id: GrantId
    server: ServerName
    proved: bool
    attempts: int
    next_try_at: datetime
    crl_number: int | None = None
    sessions_cut: int | None = None
    checked_at: datetime | None = None
    # When the CRL with the entry was first seen in place there.
    crl_seen_at: datetime | None = None
    # (finding's code, technical detail) of the last attempt
    findings: tuple[tuple[str, str], ...] = ()
    dropped_at: datetime | None = None  # when its server was taken out: unproved for good

    @property
    def is_open(self) -> bool:
        """Whether its server is still asked."""
        return not self.proved and self.dropped_at is None


class SeenAs(StrEnum):
    """What became of somebody who was found on a server without having access there."""

    CUT = "cut"  # the session was ended, and a look found none
    LEFT = "left"  # whatever was tried, they may still be on
    FILE = "file"  # there was no session, and the address file is set aside
    UNKNOWN = "unknown"  # of no certificate of ours, on an operator's own server: left alone
    OVER = "over"  # their access is over; cut, and proved anew
    OVER_LEFT = "over_left"  # likewise, and not proved


@dataclass(frozen=True, slots=True)
class Stranger:
    """A name that admins were told of; `name` as `vpn.names.name_in_sessions` gives it."""

    id: int
    server: ServerName
    name: str
    seen_as: SeenAs
    seen_at: datetime


class CanaryRole(StrEnum):
    """What a certificate of the bot's own is there to show."""

    GOOD = "good"  # is let in, as people are
    REVOKED = "revoked"  # is kept out by the CRL
    FILELESS = "fileless"  # is kept out by having no address file


@dataclass(frozen=True, slots=True)
class Canary:
    """A certificate of the bot's own for one server; its key is in the running bot's memory only.

    Attributes:
        serial: lower-case hex.
        address: None for those that are never let in, and where the server gives one from a pool.
        retired_at: when its key was given up, and its address file taken away.
        authority: the number of the CA that signs it, as of a grant.
    """

    serial: str
    server: ServerName
    role: CanaryRole
    common_name: str
    address: str | None
    not_before: datetime
    not_after: datetime
    retired_at: datetime | None = None
    authority: int = 1


class CanaryTrouble(StrEnum):
    """What a server should not do, in the order in which it matters."""

    REVOKED_LET_IN = "revoked_let_in"
    REVOKED_PASSES = "revoked_passes"  # the list, and is kept out by the second lock alone
    NO_SECOND_LOCK = "no_second_lock"  # whoever has no address file is let in all the same
    GOOD_REFUSED = "good_refused"
    UNREACHABLE = "unreachable"


class Untried(StrEnum):
    """Why a server was not tried."""

    NO_OPENVPN = "no_openvpn"  # on the bot's machine
    NOT_DEPLOYED = "not_deployed"
    PASSWORD = "password"  # noqa: S105 - its clients need one that the bot does not have
    TLS_KEY = "tls_key"  # its clients need one that the bot does not have
    CLOSED = "closed"  # it takes no new profiles, or none of our CA
    RESTORED = "restored"  # it was not looked through yet
    CLOCK = "clock"  # nothing is signed by a clock that is in doubt
    NOT_PREPARED = "not_prepared"  # what a try needs could not be put there
    NETWORK_FULL = "network_full"  # it has no address to spare
    OVERDUE = "overdue"  # the last look is too old to count; never stored


@dataclass(frozen=True, slots=True)
class CanaryLook:
    """What came of the last try of a server.

    Attributes:
        troubles: those of the last try; where nothing was tried, those of before.
        told: those that admins were told of.
        untried: None where it was tried.
    """

    server: ServerName
    at: datetime
    troubles: tuple[CanaryTrouble, ...] = ()
    told: tuple[CanaryTrouble, ...] = ()
    untried: Untried | None = None


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A message of ours that may have to be edited or followed up."""

    chat_id: ChatId
    message_id: int
    kind: OutboxKind
    subject: str
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class InboxItem:
    update_id: int
    chat_id: ChatId
    payload: str = field(repr=False)
    received_at: datetime
    seq: int = field(default=0, compare=False)  # in the order of arrival; 0 until it is stored


@dataclass(frozen=True, slots=True)
class OutboxItem:
    id: int
    chat_id: ChatId
    kind: OutboxKind
    payload: Payload = field(repr=False)
    state: OutboxState
    attempts: int
    due_at: datetime
    created_at: datetime
    error: str | None = None  # why it was not sent, for the operator
