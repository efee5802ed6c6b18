"""VPN sessions, and the moment at which the server ends one: real ones, or the stand-in's."""

import asyncio
import re
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from demo.lab.network import NetLab, Tunnel
from demo.lab.stand_in import StandIn
from tests.company import Company, company_with_openvpn, company_with_stand_in

_PATIENCE_S = 20
# OpenVPN's own line about a session that `kill` has ended.
_KILLED = re.compile(r"([a-z0-9-]+)/\S+ SIGTERM\[soft,[^\]]*\] received, client-instance exiting")
_CERTIFICATE = re.compile("<cert>\n(.*?)</cert>", re.DOTALL)


class Sessions(ABC):
    """Those of one server. `ended_at` has the Unix time at which each name's session ended."""

    def __init__(self) -> None:
        self.ended_at: dict[str, float] = {}
        self._ended = asyncio.Event()

    @abstractmethod
    async def connect(self, profile: str) -> str:
        """Starts a session; gives its common name."""

    @abstractmethod
    async def close(self, common_name: str) -> None:
        """Ends the client of a session."""

    def note(self, common_name: str) -> None:
        self.ended_at.setdefault(common_name, time.time())
        self._ended.set()

    async def end_of(self, common_name: str) -> float:
        """Waits until the server has ended a session; gives the Unix time of that."""
        async with asyncio.timeout(_PATIENCE_S):
            while common_name not in self.ended_at:
                self._ended.clear()
                await self._ended.wait()
        return self.ended_at[common_name]


class RealSessions(Sessions):
    def __init__(self, lab: NetLab) -> None:
        super().__init__()
        self._lab = lab
        self._tunnels: dict[str, Tunnel] = {}
        assert lab._server is not None
        lab._server.on_line = self._read

    def _read(self, line: str) -> None:
        if found := _KILLED.search(line):
            self.note(found[1])

    async def connect(self, profile: str) -> str:
        name = common_name_of(profile)
        self._tunnels[name] = tunnel = await self._lab.connect(profile)
        assert await tunnel.ping("10.8.0.1")
        return name

    async def close(self, common_name: str) -> None:
        await self._tunnels.pop(common_name).close()


class StandInSessions(Sessions):
    def __init__(self, server: StandIn) -> None:
        super().__init__()
        self._server = server
        server._on_event = self._read

    def _read(self, event: dict[str, Any]) -> None:
        if event["event"] == "killed":
            self.note(event["common_name"])

    async def connect(self, profile: str) -> str:
        name = common_name_of(profile)
        assert await self._server.connect(name)
        return name

    async def close(self, common_name: str) -> None:
        await self._server.disconnect(common_name)


@asynccontextmanager
async def company_with_sessions(
    folder: Path, *, real: bool
) -> AsyncIterator[tuple[Company, Sessions]]:
    """A furnished company, and the sessions of its server."""
    if real:
        async with company_with_openvpn(folder) as (company, lab):
            yield company, RealSessions(lab)
    else:
        async with company_with_stand_in(folder) as (company, server):
            yield company, StandInSessions(server)


def common_name_of(profile: str) -> str:
    """The name in a profile's certificate."""
    found = _CERTIFICATE.search(profile)
    assert found is not None
    subject = x509.load_pem_x509_certificate(found[1].encode()).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
