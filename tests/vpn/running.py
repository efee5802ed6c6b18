"""A company whose OpenVPN server runs, in a network of its own."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from demo.lab.network import NetLab, lab_missing
from tests.vpn.kit import Company, Issued
from tests.vpn.operator_kit import is_refused
from vpn.deploy import CLOCK_TICK_S

_MISSING = lab_missing()

# The lab's processes are read by tasks, which live as long as the module's event loop.
IN_THE_LAB = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(_MISSING is not None, reason=_MISSING or ""),
]


class Running:
    """A company whose server runs."""

    def __init__(self, company: Company, lab: NetLab) -> None:
        self.company = company
        self.lab = lab
        self.pid = 0

    async def start(self) -> None:
        """Also again."""
        await self.stop()
        await asyncio.sleep(CLOCK_TICK_S)  # like the one who edits a file and then restarts
        self.pid = await self.lab.start_server(self.company.directory)

    async def stop(self) -> None:
        """At once: asked politely it tells its clients first, which takes two seconds."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.pid = 0
        await self.lab.stop_server()

    async def is_refused(self, issued: Issued, because: str) -> bool:
        """Whether the server refuses this profile with these words in its log.

        The client itself would learn of it by a time-out only.
        """
        return await is_refused(self.lab, issued.profile, because)


@asynccontextmanager
async def run_server(company: Company) -> AsyncIterator[Running]:
    """Deploys, publishes and starts."""
    await company.ready()
    async with NetLab("vpntest", handshake_s=15) as lab:
        made = Running(company, lab)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()
