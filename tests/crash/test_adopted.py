"""The bot is killed while it works on a server that its operator set up, on this machine.

Its paths are those of its own configuration, seen at the adoption, and a proof asks each time
whether they still are. The steps are those of `test_stories`, which has the other stories, too.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.stand_in import StandIn
from tests.company import furnish_by_copy, open_company
from tests.crash.stage import Stage, begin
from tests.crash.stories import APPROVE, PAUSE, RENEW, REVOKE, Story
from tests.crash.test_stories import play
from tests.vpn.operator_kit import static_key
from vpn.deploy import CLOCK_TICK_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

_COMPANIES = 2
_CONF = """\
port 1194
proto udp
dev tun
topology subnet
server 10.81.0.0 255.255.252.0 nopool
ca ca.crt
cert server.crt
key server.key
tls-auth ta.key 0
dh none
user nobody
group nogroup
remote-cert-tls client
crl-verify live/crl.pem
client-config-dir live/ccd
ccd-exclusive
management management.sock unix
"""
# A story, the first step that is tried by default, and the distance to the next ones.
_STORIES = ((APPROVE, 1, 3), (REVOKE, 1, 2), (PAUSE, 3, 4), (RENEW, 3, 7))


@asynccontextmanager
async def _adopted_stage(folder: Path, seams: str) -> AsyncIterator[Stage]:
    async with open_company(folder) as company:
        await furnish_by_copy(company)
        await company.done("server", "remove", "office")
        office = folder / "office"
        (office / "server.conf").write_text(_CONF)
        (office / "ta.key").write_text(static_key())
        await company.done(
            *("server", "adopt", "office", "--config", str(office / "server.conf")),
            *("--remote", "127.0.0.1:1194/udp"),
        )
        # Like a process that starts after its files were written: see `furnish_by_copy`.
        await asyncio.sleep(CLOCK_TICK_S)
        server = StandIn()
        await server.start(office)
        try:
            yield await begin(company, server, seams=seams)
        finally:
            await company.stop()
            await server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def adopted(folders: Iterator[Path], exhaustive: bool) -> AsyncIterator[list[Stage]]:
    seams = "all" if exhaustive else ""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(_adopted_stage(next(folders), seams))
            for _ in range(_COMPANIES)
        ]


@pytest.mark.parametrize(
    ("story", "first", "stride"), _STORIES, ids=[row[0].name for row in _STORIES]
)
async def test_killed_at_a_step(
    adopted: list[Stage], story: Story, first: int, stride: int, exhaustive: bool
) -> None:
    """Until a story is over before its step comes."""
    numbers = count(1, 1) if exhaustive else count(first, stride)
    deaths = await play(adopted, story, ((number,) for number in numbers))
    # Each of these stories has more steps than this.
    assert deaths >= 9 // stride
