"""The people's hands and the judge's eyes: sends what somebody does, and looks at each step."""

from collections import Counter, deque
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from tests.gate import updates
from tests.gate.case import Case, Deed, Laws, Shown, What
from tests.gate.expected import missing
from tests.gate.forbidden import broken_rules
from tests.gate.gate import Gate
from tests.gate.snapshot import Eye, Snapshot
from tests.gate.standing import ACTOR
from tests.gate.updates import Json
from tests.gate.uses import broken_in_uses
from tests.gate.words import misdirected

_PACE = 30
_MINUTE = timedelta(minutes=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Button:
    """A button that was on a message once, and may be there still."""

    data: str
    chat: int

    @property
    def tap(self) -> str:
        return self.data.partition(":")[0]


@dataclass
class Rig:
    gate: Gate
    eye: Eye
    happened: Counter[str]
    steps: int = 0
    pool: list[Button] = field(default_factory=list)
    shown: dict[str, frozenset[Shown]] = field(default_factory=dict)
    # What was sent: the update, what it was, and whether it was kept so that it acts only once.
    sent: list[tuple[Json, Deed, bool]] = field(default_factory=list)
    paces: dict[int, deque[datetime]] = field(default_factory=dict)
    # The last decision that was there when each admin of the settings became one.
    by_settings: dict[int, int] = field(default_factory=dict)
    # And when others got a say.
    by_role: dict[int, int] = field(default_factory=dict)

    # Whom somebody picked from their contacts.
    picked: dict[int, tuple[int, frozenset[int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state = self.eye.look()

    async def settle(self, laws: Laws) -> None:
        """The bot starts again, with these settings."""
        last = max((one.id for one in self.state.decisions), default=0) if self.by_settings else 0
        self.by_settings = {admin: self.by_settings.get(admin, last) for admin in laws.admins}
        self.gate.settle(laws)
        await self.gate.starts()
        self.paces.clear()
        await self.happens(What.SETTINGS)

    @property
    def since(self) -> dict[int, int]:
        return self.by_role | self.by_settings

    def _note_roles(self, state: Snapshot) -> None:
        last = max((one.id for one in state.decisions), default=0)
        say = [one.user_id for one in state.roles.values() if one.role in {"admin", "approver"}]
        self.by_role = {one: self.by_role.get(one, last) for one in say}

    def wait(self, seconds: int) -> None:
        """No two things happen at the same instant."""
        self.gate.now += timedelta(seconds=seconds) + _MICROSECOND

    async def types(self, who: int, text: str) -> None:
        await self.put({"message": updates.message(who, text)}, What.TYPED, who, text=text)

    async def taps(self, who: int, data: str) -> None:
        await self.put({"callback_query": updates.tap(who, data)}, What.TAPPED, who, text=data)

    async def put(
        self, update: Json, what: What, who: int, *, text: str = "", group: int = 0
    ) -> None:
        """Something new, at this moment."""
        if "message" in update:
            update = update | {
                "message": update["message"] | {"date": int(self.gate.now.timestamp())}
            }
        deed = Deed(what, self.gate.at, who, text, group)
        await self._take(self._new(update), deed)

    async def repeat(self, which: int, *, is_copy: bool) -> None:
        """Telegram says something once more; a copy is what a client has sent again."""
        update, deed, was_kept = self.sent[which]
        if is_copy:
            update = self._new(update)
        await self._take(update, replace(deed, again=was_kept and not is_copy))

    def _new(self, update: Json) -> Json:
        """As Telegram would send it now."""
        now = {"date": int(self.gate.now.timestamp())}
        dated = {"message": update["message"] | now} if "message" in update else {}
        return update | dated | {"update_id": self._next_id()}

    async def happens(self, what: What, text: str = "") -> None:
        """Something that nobody sent has been done."""
        await self._judge(Deed(what, self.gate.at, text=text))

    def _next_id(self) -> int:
        return len(self.sent) + self.steps + 1

    async def _take(self, update: Json, deed: Deed) -> None:
        is_known = (
            deed.person in self.gate.laws.admins
            or deed.person in self.state.roles
            or self.state.is_allowed(deed.person)
        )
        acts = deed.what in {What.TYPED, What.TAPPED, What.FORWARDED}
        deed = replace(deed, at=self.gate.at, hurried=self._is_hurried(deed.person))
        if not deed.again:
            self.sent.append((update, deed, is_known and acts))
        if "users_shared" in update.get("message", {}):
            users = update["message"]["users_shared"]["users"]
            people = frozenset(user["user_id"] for user in users)
            self.picked[update["update_id"]] = (deed.person, people)
        await self.gate.takes(update)
        await self._judge(deed)

    def _is_hurried(self, who: int) -> bool:
        """Whether the limits may hold this one back; whether they must is for other tests."""
        pace = self.paces.setdefault(who, deque())
        pace.append(self.gate.now)
        while self.gate.now - pace[0] >= _MINUTE:
            pace.popleft()
        return len(pace) > _PACE

    async def _judge(self, deed: Deed) -> None:
        self.steps += 1
        before, after = self.state, self.eye.look()
        case = Case(before, after, deed, self.gate.laws, self.shown, self.since, self.picked)
        found = [*broken_rules(case), *broken_in_uses(case), *misdirected(case), *missing(case)]
        assert not found, (found, deed, self.gate.laws)
        self.state = after
        self._note_roles(after)
        self.happened.update(_changes(before, after))
        for row in after.said:
            for data, shown in await self.gate.buttons(row, after, self.since):
                self.pool.append(Button(data, row.chat_id))
                if shown is not None:
                    self.shown[data] = self.shown.get(data, frozenset()) | {shown}


class Place(Protocol):
    """Where a town is: it is new for each run, and gone afterwards."""

    def opened(self) -> Rig: ...

    def closed(self, rig: Rig) -> None: ...

    def run(self, act: Coroutine[Any, Any, None]) -> None: ...


def _changes(before: Snapshot, after: Snapshot) -> Counter[str]:
    """What happened in a step, in words."""
    found: Counter[str] = Counter()
    for request_id, request in after.requests.items():
        old = before.requests.get(request_id)
        if old is None or old.state != request.state:
            found[f"request {request.state}"] += 1
            found["undone"] += old is not None and old.state == "denied"
    for grant_id, grant in after.grants.items():
        known = before.grants.get(grant_id)
        if known is None or known.state != grant.state:
            found[f"grant {grant.state} {grant.end_reason or ''}".strip()] += 1
        found["linked"] += known is not None and known.user_id != grant.user_id
    for user_id, role in after.roles.items():
        found[f"role {role.role}"] += before.roles.get(user_id) != role
    for number, leaving in after.leavings.items():
        asked_before = before.leavings.get(number)
        found[f"leaving {leaving.state}"] += asked_before is None or asked_before != leaving
    answered = [one for one in after.knocks.values() if one.answered_at is not None]
    found["let in"] += sum(
        after.is_allowed(one.user_id) and not before.is_allowed(one.user_id) for one in answered
    )
    for one, request in before.requests.items():
        if request.state == "scheduled" and after.requests[one].decided_by == "vpnbot":
            found["not begun"] += 1
        found["begun"] += (request.state, after.requests[one].state) == ("scheduled", "approved")
    asked = after.requests.keys() - before.requests.keys()
    found["given at once"] += sum(after.requests[one].decided_by == ACTOR for one in asked)
    found["put back"] += any(entry.action == "user.restore" for entry in after.trail)
    found["role over"] += len(before.roles.keys() - after.roles.keys())
    new = after.decisions[len(before.decisions) :]
    found["agreed"] += sum(
        one.verdict == "approve" and after.requests[one.request_id].state == "pending"
        for one in new
    )
    found["reminded"] += sum(row.kind == "reminder" for row in after.said)
    found["told how"] += sum(row.kind == "how_to" for row in after.said)
    found["refused"] += sum(entry.action == "refused" for entry in after.trail)
    return found
