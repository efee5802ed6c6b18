"""Child processes: their words, their end."""

import asyncio
import sys

from demo.lab.processes import Child

STUBBORN = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
signal.pause()
"""


async def test_words_come_line_by_line_and_the_end_is_seen() -> None:
    child = await Child.start("sh", "-c", "echo one; read word; echo $word; exit 3")
    assert await child.waits_for(lambda: "one" in child.log, 60)
    assert child.running

    await child.write("two\n", last=True)

    assert await child.ended(60)
    assert (child.log, child.tail(1)) == ("one\ntwo", "two")
    await child.write("too late")
    await child.end()


async def test_what_never_comes() -> None:
    child = await Child.start("sh", "-c", "echo one")

    assert not await child.waits_for(lambda: "two" in child.log, 60)
    await child.end()


async def test_one_that_does_not_heed_sigterm_is_killed() -> None:
    child = await Child.start(sys.executable, "-c", STUBBORN)
    await child.waits_for(lambda: "deaf" in child.log, 60)

    await child.end(patience_s=0.1)

    assert not child.running


async def test_waiting_is_bounded() -> None:
    child = await Child.start("sleep", "60")

    assert not await child.ended(0.01)
    await asyncio.wait_for(child.end(), 60)
