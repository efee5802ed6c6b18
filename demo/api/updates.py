"""The queue of updates, with the rules of getUpdates.

https://core.telegram.org/bots/api#getupdates; how long an update is kept for a bot that is away
was read in tdlib/telegram-bot-api: a day, and for a callback query 150 seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from demo.changes import Signal
from demo.errors import bad_request
from demo.people import Json

UPDATE_LIFETIME_S = 24 * 60 * 60
CALLBACK_LIFETIME_S = 150
# Left out unless asked for by name.
_NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
MAX_BATCH = 100


@dataclass(frozen=True, slots=True)
class Queued:
    update: Json
    kind: str
    expires_at: float


class UpdateQueue:
    """Updates wait here until an offset beyond them confirms them."""

    def __init__(self, *, clock: Callable[[], float], first_id: int) -> None:
        self._clock = clock
        self._next_id = first_id
        self._waiting: list[Queued] = []
        self._allowed: frozenset[str] | None = None
        self.arrived = Signal()

    @property
    def allowed(self) -> list[str] | None:
        return None if self._allowed is None else sorted(self._allowed)

    def allow(self, kinds: Any) -> None:
        """None keeps the earlier choice, an empty list goes back to the default."""
        if kinds is None:
            return
        if not isinstance(kinds, list):
            raise bad_request("can't parse allowed updates JSON")
        self._allowed = frozenset(kinds) or None

    def put(self, kind: str, content: Json) -> int:
        """An update that the bot did not ask for is dropped, yet has used up its id."""
        return self.put_raw({kind: content})

    def put_raw(self, update: Json) -> int:
        """Queues `update` as it is, with the next id unless it brings one; gives the id."""
        update_id = update.get("update_id")
        if update_id is None:
            update_id = self._next_id
        self._next_id = max(self._next_id, update_id) + 1
        kind = next((name for name in update if name != "update_id"), "")
        if kind in self._allowed if self._allowed else kind not in _NOT_BY_DEFAULT:
            lifetime = CALLBACK_LIFETIME_S if kind == "callback_query" else UPDATE_LIFETIME_S
            queued = {"update_id": update_id} | update
            self._waiting.append(Queued(queued, kind, self._clock() + lifetime))
            self.arrived.notify()
        return int(update_id)

    def confirm(self, offset: int) -> None:
        """All before `offset` are done with; a negative one keeps that many of the newest."""
        if offset < 0:
            self._waiting = self._waiting[offset:]
        elif offset > 0:
            self._waiting = [q for q in self._waiting if q.update["update_id"] >= offset]

    def batch(self, limit: int) -> list[Json]:
        """The oldest updates that are neither confirmed nor too old; they stay queued."""
        self._forget_old()
        size = limit if 1 <= limit <= MAX_BATCH else MAX_BATCH
        return [queued.update for queued in self._waiting[:size]]

    def __len__(self) -> int:
        self._forget_old()
        return len(self._waiting)

    def age(self, seconds: float) -> None:
        """What waits has waited for so much longer."""
        self._waiting = [replace(q, expires_at=q.expires_at - seconds) for q in self._waiting]

    def clear(self) -> None:
        self._waiting.clear()

    def _forget_old(self) -> None:
        now = self._clock()
        self._waiting = [queued for queued in self._waiting if queued.expires_at > now]
