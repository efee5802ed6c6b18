"""A bad Telegram, set by hand on the page: which faults are switched on, and how often they hit.

Tests put rules into `DemoServer.faults` instead; what is here comes after those.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from demo.api.faults import (
    Fault,
    FaultKind,
    FaultRate,
    Rule,
    drop_after,
    drop_before,
    hang,
    next_fault,
    refuse,
    status,
)
from demo.people import Json

RETRY_AFTER_S = 3
# Longer than any client waits: its own time-out ends the call.
_HANG_S = 3600
SECOND_POLLER_S = 10


class TroubleKind(StrEnum):
    TOO_MANY = "too_many"
    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    HANG = "hang"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    REFUSE = "refuse"
    SECOND_POLLER = "second_poller"
    AWAY = "away"


class HowOften(StrEnum):
    NEXT = "next"
    SOME = "some"
    EVERY = "every"


class WhichCalls(StrEnum):
    ALL = "all"
    DOCUMENTS = "documents"


# What hits a call, and what then is said to happen to it.
_FAULTS: dict[TroubleKind, tuple[FaultKind, str]] = {
    TroubleKind.TOO_MANY: (
        status(429, f"Too Many Requests: retry after {RETRY_AFTER_S}", RETRY_AFTER_S),
        "fails",
    ),
    TroubleKind.SERVER_ERROR: (status(500, "Internal Server Error"), "fails"),
    TroubleKind.BAD_GATEWAY: (status(502, "Bad Gateway"), "fails"),
    TroubleKind.HANG: (hang(_HANG_S), "hangs"),
    TroubleKind.DROP_BEFORE: (drop_before, "is cut off"),
    TroubleKind.DROP_AFTER: (drop_after, "loses its answer"),
    TroubleKind.REFUSE: (refuse, "is refused"),
}
_HITS = {
    HowOften.NEXT: "the next {}",
    HowOften.SOME: "1 {} in 5",
    HowOften.EVERY: "every {}",
}
# The methods, as a rule has them and as they are called.
_CALLS = {WhichCalls.ALL: ("*", "call"), WhichCalls.DOCUMENTS: ("sendDocument", "sendDocument")}
_CHANCES = {HowOften.SOME: 0.2, HowOften.EVERY: 1.0}


@dataclass(frozen=True, slots=True)
class Setting:
    """What one switch is set to. A second poller and an absence know neither choice."""

    often: HowOften = HowOften.EVERY
    calls: WhichCalls = WhichCalls.ALL

    def spares(self, method: str) -> bool:
        """The next call is one that says something: a poll is always the next of all."""
        next_of_all = (HowOften.NEXT, WhichCalls.ALL)
        return (self.often, self.calls) == next_of_all and method.lower() == "getupdates"


class Trouble:
    """The switches. `changed` is awaited after each change, before the switch is answered."""

    def __init__(self, random: Random, changed: Callable[[], Awaitable[None]]) -> None:
        self.second_poller_s: float = SECOND_POLLER_S
        self._random = random
        self._changed = changed
        self._on: dict[TroubleKind, Setting] = {}
        self._rules: dict[TroubleKind, list[Rule]] = {}
        self._leaving: asyncio.Task[None] | None = None

    # --- what is on

    @property
    def away(self) -> bool:
        return TroubleKind.AWAY in self._on

    @property
    def second_poller(self) -> bool:
        return TroubleKind.SECOND_POLLER in self._on

    @property
    def shut(self) -> bool:
        """Nothing at all gets through, so that the port itself can refuse."""
        return self.away or self._on.get(TroubleKind.REFUSE) == Setting()

    def shown(self) -> Json:
        """For the page: the badge's words, one line for each switch, and how they are set."""
        lines = [_line(kind, setting) for kind, setting in self._on.items()]
        more = f" + {len(lines) - 1} more" if len(lines) > 1 else ""
        return {
            "badge": f"Trouble: {lines[0]}{more}" if lines else "",
            "lines": lines,
            "on": {
                kind: {"often": setting.often, "calls": setting.calls}
                for kind, setting in self._on.items()
            },
        }

    # --- switching

    async def switch_on(self, kind: TroubleKind, setting: Setting | None = None) -> None:
        """Sets the switch anew where it is on already: a counted call is counted again."""
        self._on[kind] = setting = setting or Setting()
        if kind in _FAULTS:
            fault, _ = _FAULTS[kind]
            method, _ = _CALLS[setting.calls]
            self._rules[kind] = [
                Fault(method, 1, fault)
                if setting.often == HowOften.NEXT
                else FaultRate(method, _CHANCES[setting.often], fault, self._random)
            ]
        if kind == TroubleKind.SECOND_POLLER:
            await self._leave()
            self._leaving = asyncio.create_task(self._second_poller_leaves())
        await self._changed()

    async def switch_off(self, *kinds: TroubleKind) -> None:
        """Without a kind: everything."""
        for kind in kinds or tuple(TroubleKind):
            self._on.pop(kind, None)
            self._rules.pop(kind, None)
        if not self.second_poller:
            await self._leave()
        await self._changed()

    async def close(self) -> None:
        """What is set stays for another start, but nobody waits for the second poller to go."""
        if self.second_poller:
            await self.switch_off(TroubleKind.SECOND_POLLER)

    async def _second_poller_leaves(self) -> None:
        await asyncio.sleep(self.second_poller_s)
        self._leaving = None
        await self.switch_off(TroubleKind.SECOND_POLLER)

    async def _leave(self) -> None:
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)

    # --- hitting

    async def next_fault(self, method: str) -> FaultKind | None:
        """What hits this call; a switch for one call only goes off with it."""
        for kind, rules in tuple(self._rules.items()):
            if self._on[kind].spares(method):
                continue
            fault = next_fault(rules, method)
            if fault is not None:
                if not rules:
                    await self.switch_off(kind)
                return fault
        return None


def _line(kind: TroubleKind, setting: Setting) -> str:
    if kind == TroubleKind.SECOND_POLLER:
        return "a second poller"
    if kind == TroubleKind.AWAY:
        return "Telegram is away"
    _, calls = _CALLS[setting.calls]
    _, happens = _FAULTS[kind]
    return f"{_HITS[setting.often].format(calls)} {happens}"
