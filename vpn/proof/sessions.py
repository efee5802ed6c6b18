"""Ends sessions, and sees that they are gone."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime

from vpn.errors import (
    ForwardingForbidden,
    ManagementError,
    ManagementExposed,
    ManagementGone,
    ManagementMissing,
    ManagementSilent,
)
from vpn.findings import Finding, FindingCode
from vpn.names import can_be_killed, kill_command, name_in_sessions
from vpn.proof.management import PID, STATUS, Management, Session
from vpn.values import CommonName

# A client that comes back between the kill and the look did so before the locks held; one more
# kill ends that. Three rounds leave room for bad luck.
KILL_ROUNDS = 3
_AHEAD = 16
# What OpenVPN gives a halted client (`scheduled_exit_interval`), and some for a busy server.
HALT_S = 7.0

# Opens a conversation, see `vpn.proof.management.open_management`.
Talk = Callable[[], AbstractAsyncContextManager[Management]]


@dataclass(frozen=True, slots=True)
class ToCut:
    """Sessions that are to end.

    Attributes:
        began_by: only sessions that had begun by then; None is all of the name.
    """

    common_name: CommonName
    began_by: datetime | None = None

    @property
    def shown(self) -> str:
        """The name in OpenVPN's list of sessions."""
        return name_in_sessions(self.common_name)

    @property
    def can_be_killed(self) -> bool:
        return can_be_killed(self.shown)

    def means(self, session: Session) -> bool:
        """Whether the session is one of these.

        OpenVPN tells the beginning in whole seconds, rounded down: one that began in the second
        of `began_by` may have begun before it, and counts.
        """
        if session.common_name != self.shown:
            return False
        return self.began_by is None or session.connected_since <= self.began_by


@dataclass(slots=True)
class SessionsCut:
    """What the conversation brought.

    Attributes:
        pid: of the server; None where it did not come to that.
        cut: sessions ended, by name.
        left: what was still connected at the last look; None where there was none.
    """

    pid: int | None = None
    cut: Counter[str] = field(default_factory=Counter)
    left: frozenset[ToCut] | None = None
    findings: list[Finding] = field(default_factory=list)


async def cut_sessions(talk: Talk, wanted: Iterable[ToCut]) -> SessionsCut:
    """Ends all these sessions; what goes wrong is among the findings.

    A session whose name cannot be said in a `kill` is halted by its number, which takes the
    server some seconds: they are waited for between two conversations, because OpenVPN serves
    one client at a time.
    """
    result = SessionsCut()
    targets = frozenset(wanted)
    try:
        async with talk() as management:
            halted = await _cut_until_gone(management, targets, result)
        if halted:
            await asyncio.sleep(HALT_S)
            async with talk() as management:
                result.left = _still_on(targets, await management.status())
    except ManagementError as error:
        result.left = None
        result.findings.append(management_finding(error))
    return result


async def _cut_until_gone(
    management: Management, targets: frozenset[ToCut], result: SessionsCut
) -> bool:
    """Whether anything was halted, so that the end is still to come."""
    # Where others may use the name, a look comes first: theirs need not be cut.
    to_kill = {target for target in targets if target.began_by is None and target.can_be_killed}
    others = targets - to_kill
    halted = False
    for _ in range(KILL_ROUNDS):
        names = sorted({target.common_name for target in to_kill})
        shown = [CommonName(name_in_sessions(name)) for name in names]
        # So many at once that neither side waits for the other to read.
        ahead = [*map(kill_command, shown), STATUS] if len(shown) <= _AHEAD else []
        if result.pid is None:
            management.say_ahead([PID, *ahead])
            result.pid = await management.pid()
        elif ahead:
            management.say_ahead(ahead)
        for name, as_shown in zip(names, shown, strict=True):
            result.cut[name] += await management.kill(as_shown)
        sessions = await management.status()
        if not halted:
            halted = await _halt(management, others, sessions, result)
        result.left = _still_on(targets, sessions)
        to_kill = {target for target in result.left if target.can_be_killed}
        if not to_kill:
            break
    return halted


async def _halt(
    management: Management,
    targets: Iterable[ToCut],
    sessions: Iterable[Session],
    result: SessionsCut,
) -> bool:
    halted = False
    for session in sessions:
        meant = [each for each in targets if not each.can_be_killed and each.means(session)]
        if meant and await management.halt(session.client_id):
            halted = True
            for name in {target.common_name for target in meant}:
                result.cut[name] += 1
    return halted


def _still_on(targets: Iterable[ToCut], sessions: Iterable[Session]) -> frozenset[ToCut]:
    by_name: dict[str, list[Session]] = {}
    for session in sessions:
        by_name.setdefault(session.common_name, []).append(session)
    return frozenset(
        target for target in targets if any(map(target.means, by_name.get(target.shown, ())))
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says of itself: its process id, who is connected, and its time if it says."""

    pid: int
    sessions: tuple[Session, ...]
    time: datetime | None


_CODES: tuple[tuple[type[ManagementError], FindingCode], ...] = (
    (ManagementMissing, FindingCode.NO_MANAGEMENT),
    (ManagementExposed, FindingCode.MANAGEMENT_EXPOSED),
    (ManagementGone, FindingCode.MANAGEMENT_GONE),
    (ForwardingForbidden, FindingCode.FORWARDING_FORBIDDEN),
    (ManagementSilent, FindingCode.MANAGEMENT_SILENT),
)


def management_finding(error: ManagementError) -> Finding:
    """The error as something to be shown."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Finding(code, str(error))
    return Finding(FindingCode.MANAGEMENT_NONSENSE, str(error))
