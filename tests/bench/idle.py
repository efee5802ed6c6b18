"""What a hundred servers on other machines cost the bot while nobody does anything.

`python -m tests.bench.idle [SERVERS]` lets a bot with one of them rest for two minutes, and then
one with twenty. Each minute it looks at each, through the connection that it keeps. The difference
is what nineteen cost, and a hundred cost so much more. It takes some eight minutes, and is no part
of `make bench`.
"""

import asyncio
import sys
import time

from tests.bench.elsewhere import elsewhere_missing, open_folder_for_all
from tests.bench.process import own_memory_of, processor_s
from tests.elsewhere import far_company
from tests.forks import VPNBOT

_SERVERS = 20
_OF_ALL = 100
_MINUTES = 2
# Its first look, and whatever a start leaves to be done.
_BEGUN_S = 75.0


async def _at_rest(servers: int) -> tuple[float, float]:
    """Processor time, as a part of one core, and memory that is the bot's alone: MiB."""
    with open_folder_for_all() as home:
        async with far_company(home, [f"s{number}" for number in range(servers)]) as far:
            # A program of its own: the tests' forked ones share their memory.
            await far.company.start(sys.executable, VPNBOT, "run")
            assert far.company.bot is not None
            pid = far.company.bot.pid
            await asyncio.sleep(_BEGUN_S)
            began, before = time.monotonic(), processor_s(pid)
            await asyncio.sleep(60 * _MINUTES)
            took = time.monotonic() - began
            return (processor_s(pid) - before) / took, own_memory_of(pid)


async def _main(servers: int) -> None:
    if (missing := elsewhere_missing()) is not None:
        raise SystemExit(f"Nothing to measure: {missing}.")
    (core, memory), (core_of_all, memory_of_all) = await _at_rest(1), await _at_rest(servers)
    for number, share, mib in ((1, core, memory), (servers, core_of_all, memory_of_all)):
        print(f"{number} at rest: {100 * share:.2f} % of a core, {mib:.1f} MiB")
    times = (_OF_ALL - 1) / (servers - 1)
    more, wider = (core_of_all - core) * times, (memory_of_all - memory) * times
    print(f"{_OF_ALL}, beside one: {100 * more:.2f} % of a core and {wider:.1f} MiB more")


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]) if len(sys.argv) > 1 else _SERVERS))
