"""The stand-in for an OpenVPN server, started and spoken to: see `openvpn_standin`."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo.errors import LabError
from demo.lab.processes import Child

# Longer than it takes on any machine: a program that cannot do it ends by itself, and sooner.
_START_S = 60
_STOP_S = 30
_CODE_ROOT = str(Path(__file__).resolve().parents[2])


class StandIn:
    """The stand-in server as a child process, with clients that are names only.

    `on_event` is called with each event: listening, connected, refused, disconnected, killed.
    """

    def __init__(self, on_event: Callable[[dict[str, Any]], None] = lambda _event: None) -> None:
        self._on_event = on_event
        self._events: list[dict[str, Any]] = []
        self._sessions: dict[str, str] = {}
        self._child: Child | None = None

    @property
    def sessions(self) -> tuple[str, ...]:
        """The common names that are connected."""
        return tuple(self._sessions)

    def address(self, common_name: str) -> str:
        """The address of a connected client; empty for one that is not."""
        return self._sessions.get(common_name, "")

    async def start(self, directory: Path) -> int:
        """Gives the process id; raises LabError where it does not come up."""
        command = (sys.executable, "-m", "demo.lab.openvpn_standin", str(directory))
        path = os.pathsep.join(filter(None, (_CODE_ROOT, os.environ.get("PYTHONPATH"))))
        child = await Child.start(*command, env=os.environ | {"PYTHONPATH": path})
        self._events.clear()  # of a server before this one
        child.on_line = self._take
        self._child = child
        if not await child.waits_for(lambda: bool(self._events), _START_S):
            await self.stop()
            raise LabError(f"The stand-in server didn't start: {child.tail()}")
        return child.pid

    def _take(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return  # a traceback: `start` shows its tail
        name = event.get("common_name", "")
        if event["event"] == "connected":
            self._sessions[name] = event["address"]
        elif event["event"] in {"disconnected", "killed"}:
            self._sessions.pop(name, None)
        self._events.append(event)
        self._on_event(event)

    async def connect(self, common_name: str) -> bool:
        """Whether the server lets this name in."""
        child = self._child
        if child is None:
            raise LabError("The stand-in server isn't running; start it first.")
        seen = len(self._events)

        def outcome() -> str:
            for event in self._events[seen:]:
                what = str(event["event"])
                if event.get("common_name") == common_name and what in {"connected", "refused"}:
                    return what
            return ""

        await child.write(f"connect {common_name}\n")
        await child.waits_for(lambda: bool(outcome()), _START_S)
        return outcome() == "connected"

    async def set_clock(self, seconds: int) -> None:
        """Sets the server's clock so much ahead of this machine's."""
        child = self._child
        if child is None:
            raise LabError("The stand-in server isn't running; start it first.")
        seen = len(self._events)
        await child.write(f"clock {seconds}\n")
        await child.waits_for(lambda: len(self._events) > seen, _START_S)

    async def disconnect(self, common_name: str) -> None:
        child = self._child
        if child is not None:
            await child.write(f"disconnect {common_name}\n")
            await child.waits_for(lambda: common_name not in self._sessions, _START_S)

    async def stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.write("", last=True)
            await child.ended(_STOP_S)
            await child.end()
        self._sessions.clear()
