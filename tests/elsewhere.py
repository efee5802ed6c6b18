"""A company whose servers are elsewhere: by a real sshd, each behind a wire of its own.

Each has its own folder, connection, and OpenVPN's stand-in; the other machines are this one.
"""

import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from demo.lab.stand_in import StandIn
from demo.people import DemoPerson
from tests.company import ANNA, PEOPLE, Company, open_company
from tests.sshd import Sshd, run_sshd
from tests.wire import Wire, run_wire

ACCOUNT = f"vpnbot-f{os.getpid()}"


@dataclass
class Elsewhere:
    """One server."""

    name: str
    wire: Wire
    folder: Path
    vpn: StandIn = field(default_factory=StandIn)
    pid: int = 0

    async def start_vpn(self) -> None:
        """Its socket is open to all like OpenVPN's, which then asks who it is."""
        self.pid = await self.vpn.start(self.folder)
        (self.folder / "management.sock").chmod(0o777)


@dataclass
class FarCompany:
    company: Company
    sshd: Sshd
    servers: Sequence[Elsewhere]


@asynccontextmanager
async def far_company(
    folder: Path,
    names: Sequence[str],
    *,
    delay_s: float = 0.0,
    people: Sequence[DemoPerson] = PEOPLE,
) -> AsyncIterator[FarCompany]:
    """Furnished, with these servers and no other; the bot is not started.

    Args:
        delay_s: each way, from the end of the furnishing on.
    """
    (folder / "sshd").mkdir()
    async with AsyncExitStack() as stack:
        sshd = stack.enter_context(run_sshd(folder / "sshd"))
        wires = [stack.enter_context(run_wire(sshd.port)) for _ in names]
        company = await stack.enter_async_context(open_company(folder, people=people))
        await company.done("ca", "init")
        servers = [
            Elsewhere(name, wire, folder / name) for name, wire in zip(names, wires, strict=True)
        ]
        root = f"root@127.0.0.1:{sshd.port}"
        stack.callback(subprocess.run, ["userdel", "-r", ACCOUNT], capture_output=True, check=False)
        for number, each in enumerate(servers):
            login = f"{ACCOUNT}@127.0.0.1:{each.wire.port}"
            await company.done(
                *("server", "add", each.name, "--remote", f"127.0.0.1:{20000 + number}/udp"),
                *("--directory", str(each.folder), "--ssh", login),
                *("--host-key", sshd.fingerprint),
            )
            await company.done(
                *("server", "deploy", each.name, "--directory", str(each.folder)),
                *("--ssh", root, "--ssh-key", str(sshd.key_file)),
            )
            await each.start_vpn()
            stack.push_async_callback(each.vpn.stop)
        await company.done("user", "allow", str(ANNA.id), "--name", "Anna Petrova")
        for each in servers:
            each.wire.delay_s = delay_s
        stack.push_async_callback(company.stop)
        yield FarCompany(company, sshd, servers)
