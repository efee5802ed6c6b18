"""All that decides on anybody's access, read from the database by a connection of our own."""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIVE = frozenset({"reserved", "issued", "active"})


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    name: str
    username: str | None
    allowed: int
    reachable: int | None
    same_as: int | None
    # How often an admin has decided about them.
    revision: int


@dataclass(frozen=True, slots=True)
class Role:
    """What the admins said that somebody may do for others; `groups` of an approver."""

    user_id: int
    role: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """Times are whole microseconds since 1970, here and below."""

    id: int
    user_id: int
    server: str | None
    duration: int
    reason: str
    state: str
    asked_at: int
    expires_at: int
    decided_by: str | None
    decided_at: int | None
    starts_at: int | None
    # The request whose profile gets more time by it.
    extends: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    id: int
    request_id: int
    actor: str
    verdict: str
    duration: int | None
    at: int


@dataclass(frozen=True, slots=True)
class Grant:
    id: str
    request_id: int | None
    user_id: int | None
    server: str | None
    common_name: str
    serial: str
    state: str
    not_before: int
    not_after: int
    revoked_at: int | None
    end_reason: str | None
    replaces: str | None
    proved_at: int | None
    # When it was taken over from another CA software; None for our own.
    imported_at: int | None
    for_server: int
    # Of a live one that is kept out for a while.
    pause: str | None


@dataclass(frozen=True, slots=True)
class Notes:
    """How often a request was changed, the last decision before that, and who was reminded when."""

    request_id: int
    revision: int = 0
    after_decision: int = 0
    reminded_at: int | None = None
    nudged_at: int | None = None


@dataclass(frozen=True, slots=True)
class Knock:
    """A stranger's wish to be put on the list."""

    user_id: int
    name: str
    asked_at: int
    answered_at: int | None


@dataclass(frozen=True, slots=True)
class Left:
    """What an account was before somebody took it off the list."""

    id: int
    allowed: bool
    revision: int
    role: str | None
    groups: frozenset[str]
    is_paused: bool


@dataclass(frozen=True, slots=True)
class Farewell:
    """Somebody was taken off the list, which may be taken back for a while."""

    id: int
    by: str
    undo_until: int | None
    accounts: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class Leaving:
    """Somebody who seems to have left, and what was decided."""

    id: int
    user_id: int
    cause: str
    state: str


@dataclass(frozen=True, slots=True)
class AskedUse:
    """A use of a profile that its owner was asked about."""

    id: int
    grant_id: str
    kind: str
    was_owner: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """A new row of the outbox."""

    id: int
    chat_id: int
    kind: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A new row of the trail."""

    seq: int
    actor: str
    action: str
    subject: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    people: dict[int, Person]
    requests: dict[int, Request]
    decisions: tuple[Decision, ...]
    grants: dict[str, Grant]
    # Of requests to which anything happened beside the decisions on them.
    notes: dict[int, Notes]
    # The accounts that are paused, and until when.
    paused: dict[int, int | None]
    # By whom, as the trail names them.
    paused_by: dict[int, str]
    roles: dict[int, Role]
    # The groups that each account was put into.
    groups: dict[int, frozenset[str]]
    # Strangers who wrote lately: their names and usernames.
    newcomers: dict[int, tuple[str, str | None]]
    knocks: dict[int, Knock]
    asked_uses: dict[int, AskedUse]
    farewells: dict[int, Farewell]
    leavings: dict[int, Leaving]
    # Only what is new since the look before.
    said: tuple[Row, ...]
    trail: tuple[Entry, ...]
    # Updates that a handler broke off at.
    failed: int

    @property
    def core(self) -> tuple[object, ...]:
        """What nobody without a right may change."""
        people = {one.id: (one.name, one.allowed, one.same_as) for one in self.people.values()}
        access = self.requests, self.decisions, self.grants, self.paused, self.asked_uses
        return people, *access, self.roles, self.groups, self.farewells, self.leavings

    @property
    def listed(self) -> dict[int, int]:
        """Who is on the allowlist, and whose account each is."""
        return {one.id: one.same_as or 0 for one in self.people.values() if one.allowed}

    def person_of(self, user_id: int) -> int:
        """The account by which somebody is known."""
        person = self.people.get(user_id)
        return user_id if person is None or person.same_as is None else person.same_as

    def accounts_of(self, user_id: int) -> list[int]:
        """All accounts of a person, by whichever of them."""
        person = self.person_of(user_id)
        return sorted({person, *(one for one in self.people if self.person_of(one) == person)})

    def groups_of(self, user_id: int) -> frozenset[str]:
        """Those of a person, by whichever of their accounts."""
        theirs = [self.groups.get(one, frozenset()) for one in self.accounts_of(user_id)]
        return frozenset().union(*theirs)

    def has_role(self, user_id: int, name: str) -> bool:
        return user_id in self.roles and self.roles[user_id].role == name

    def is_allowed(self, user_id: int) -> bool:
        return user_id in self.people and bool(self.people[user_id].allowed)

    def given(self, request_id: int) -> list[Grant]:
        """What an approval gave, newest last, whatever became of it."""
        given = [one for one in self.grants.values() if one.request_id == request_id]
        return sorted(given, key=lambda one: (one.not_before, one.id))

    def extended(self, request: Request) -> Grant | None:
        """The profile that more time is asked for: as it lives, or as it was last."""
        given = self.given(request.extends) if request.extends is not None else []
        live = [one for one in given if one.state in LIVE]
        return next(iter((live or given)[::-1]), None)

    def earlier(self, grant: Grant) -> list[Grant]:
        """The live ones that work only until this one was used."""
        request = self.requests.get(grant.request_id or 0)
        found: list[Grant] = []
        while request is not None and request.extends is not None:
            found += [one for one in self.given(request.extends) if one.state in LIVE]
            request = self.requests[request.extends]
        return found

    def later(self, grant: Grant) -> list[Grant]:
        """The live ones that this one works beside until they were used."""
        return [
            one for one in self.grants.values() if one.state in LIVE and grant in self.earlier(one)
        ]

    def notes_of(self, request: Request) -> Notes:
        return self.notes.get(request.id, Notes(request.id))

    def live_of(self, user_id: int) -> list[Grant]:
        return [
            grant
            for grant in self.grants.values()
            if grant.user_id == user_id and grant.state in LIVE
        ]


class Eye:
    """Looks at the database between two steps."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._said = self._heard = 0

    def close(self) -> None:
        self._database.close()

    def look(self) -> Snapshot:
        self._database.execute("BEGIN")
        try:
            return self._look()
        finally:
            self._database.execute("COMMIT")

    def _look(self) -> Snapshot:
        said = tuple(
            Row(row_id, chat, kind, json.loads(payload))
            for row_id, chat, kind, payload in self._all("outbox", Row, f"id > {self._said}")
        )
        trail = tuple(
            Entry(*values) for values in self._all("audit", Entry, f"seq > {self._heard}", "seq")
        )
        self._said = said[-1].id if said else self._said
        self._heard = trail[-1].seq if trail else self._heard
        failed = self._database.execute("SELECT count(*) FROM inbox WHERE error LIKE 'failed%'")
        return Snapshot(
            people={row[0]: Person(*row) for row in self._all("people", Person)},
            requests={row[0]: Request(*row) for row in self._all("requests", Request)},
            decisions=tuple(Decision(*row) for row in self._all("decisions", Decision)),
            grants={row[0]: Grant(*row) for row in self._all("grants", Grant)},
            notes={row[0]: Notes(*row) for row in self._all("request_notes", Notes, order="1")},
            paused=dict(self._database.execute("SELECT user_id, until FROM pauses")),
            paused_by=dict(self._database.execute('SELECT user_id, "by" FROM pauses')),
            roles=self._roles(),
            groups=self._groups(),
            newcomers=self._newcomers(),
            knocks={row[0]: Knock(*row) for row in self._all("knocks", Knock, order="user_id")},
            asked_uses={row[0]: AskedUse(*row) for row in self._all("asked_uses", AskedUse)},
            farewells=self._farewells(),
            leavings={row[0]: Leaving(*row) for row in self._all("leavings", Leaving)},
            said=said,
            trail=trail,
            failed=failed.fetchone()[0],
        )

    def _farewells(self) -> dict[int, Farewell]:
        rows = self._database.execute("SELECT id, by, undo_until, accounts FROM farewells")
        return {
            number: Farewell(number, by, until, tuple(map(_left, json.loads(accounts))))
            for number, by, until, accounts in rows
        }

    def _roles(self) -> dict[int, Role]:
        rows = self._database.execute("SELECT user_id, role, groups FROM roles ORDER BY user_id")
        return {row[0]: Role(row[0], row[1], tuple(json.loads(row[2]))) for row in rows}

    def _groups(self) -> dict[int, frozenset[str]]:
        found: dict[int, frozenset[str]] = {}
        for user_id, name in self._database.execute("SELECT user_id, group_name FROM memberships"):
            found[user_id] = found.get(user_id, frozenset()) | {name}
        return found

    def _newcomers(self) -> dict[int, tuple[str, str | None]]:
        rows = self._database.execute("SELECT id, name, username FROM newcomers")
        return {user_id: (name, username) for user_id, name, username in rows}

    def inbox(self) -> int:
        """How many updates are kept."""
        return int(self._database.execute("SELECT count(*) FROM inbox").fetchone()[0])

    def _all(
        self, table: str, kind: type[Any], condition: str = "1", order: str = "id"
    ) -> list[tuple[Any, ...]]:
        columns = ", ".join(kind.__slots__)
        return self._database.execute(
            f"SELECT {columns} FROM {table} WHERE {condition} ORDER BY {order}"
        ).fetchall()


def _left(stored: dict[str, Any]) -> Left:
    groups, is_paused = frozenset(stored["groups"]), stored["pause"] is not None
    return Left(
        stored["id"], stored["allowed"], stored["revision"], stored["role"], groups, is_paused
    )
