"""/revoke with servers on other machines: one beside ten, on an open link and with a delay.

All of the machines are this one: ten share its cores, which ten machines would not. So on an open
link ten take longer here than anywhere else; with a delay, what is waited for is the delay. How
much of it is the machine’s own is seen by a question that does nothing (`true`), put to one shell
that is open already, and to ten.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, time

from tests.bench.figures import Figures
from tests.elsewhere import FarCompany, far_company
from tests.sshd import SSHD
from vpn.host.ssh_link import SshLink

_ROUNDS = 5
_BARE_ROUNDS = 30
DELAY_S = 0.02


def elsewhere_missing() -> str | None:
    """Why no server can be elsewhere on this machine; None where it can."""
    return None if SSHD and os.geteuid() == 0 else "a real sshd takes openssh-server, and root"


@dataclass
class FarBench:
    one: Figures = field(default_factory=lambda: Figures("/revoke, one server"))
    ten: Figures = field(default_factory=lambda: Figures("/revoke, ten servers"))
    one_late: Figures = field(default_factory=lambda: Figures("one, 20 ms each way"))
    ten_late: Figures = field(default_factory=lambda: Figures("ten, 20 ms each way"))
    bare_one: Figures = field(default_factory=lambda: Figures("true, by one open shell"))
    bare_ten: Figures = field(default_factory=lambda: Figures("true, by ten open shells at once"))

    def __post_init__(self) -> None:
        self.ten.beside, self.ten.aim = (self.one,), "1.5 times"
        self.ten_late.beside, self.ten_late.aim = (self.one_late,), "1000 ms"
        self.bare_ten.beside = (self.bare_one,)

    @property
    def figures(self) -> tuple[Figures, ...]:
        return (
            *(self.one, self.ten, self.one_late, self.ten_late),
            *(self.bare_one, self.bare_ten),
        )

    async def run(self) -> None:
        for count, figures in ((1, (self.one, self.one_late)), (10, (self.ten, self.ten_late))):
            names = [f"s{number}" for number in range(count)]
            with open_folder_for_all() as home:
                async with far_company(home, names) as far:
                    await far.company.start()
                    await _revoked(far)  # the first one warms up
                    for delay_s, into in zip((0.0, DELAY_S), figures, strict=True):
                        for each in far.servers:
                            each.wire.delay_s = delay_s
                        for _ in range(_ROUNDS):
                            into.add_seconds(await _revoked(far))
                    if count == 1:
                        await self._bare(far)

    async def _bare(self, far: FarCompany) -> None:
        target = far.sshd.target("root")
        links = [SshLink(target) for _ in range(10)]
        for _ in range(_BARE_ROUNDS):
            for some, into in ((links[:1], self.bare_one), (links, self.bare_ten)):
                await asyncio.gather(*(link.connection() for link in some))
                began = perf_counter()
                await asyncio.gather(*(link.look("exec true") for link in some))
                into.add_seconds(perf_counter() - began)
        await asyncio.gather(*(link.close() for link in links))


async def _revoked(far: FarCompany) -> float:
    """From /revoke to the sent proof: seconds."""
    company, server = far.company, far.servers[0]
    company.tamper("UPDATE requests SET asked_at = asked_at - 3600000000", maybe=True)
    await company.approved(f"/requestvpn 2d {server.name}")
    name = company.grants_of(company.anna)[-1]["common_name"]
    await server.vpn.connect(name)
    began = time()
    await company.boris.says(f"/revoke {name}")
    await company.boris.hears("Revoked")
    sent = [call for call in company.telegram.calls if call.method == "sendMessage"]
    return next(c.at for c in reversed(sent) if c.params["text"].startswith("Revoked")) - began


@contextmanager
def open_folder_for_all() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="vpnbot-bench-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
