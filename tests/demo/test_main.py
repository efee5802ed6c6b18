"""`python -m demo`: the address on the first line, and the page behind it."""

import asyncio
import signal
import sys

import aiohttp

from demo.lab.processes import Child


async def test_the_first_line_is_the_pages_address() -> None:
    child = await Child.start(sys.executable, "-m", "demo", "--port", "0")
    try:
        assert await child.waits_for(lambda: "\n" in child.log or child.log != "", 20)
        url = child.log.splitlines()[0]
        async with aiohttp.ClientSession() as session, session.get(f"{url}/api/state") as answer:
            state = await answer.json()
    finally:
        await child.end()

    assert [person["role"] for person in state["people"]] == [
        *("Employee", "Not on the allowlist", "Admin", "Admin"),
    ]


async def test_control_c_ends_it_in_peace() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "demo"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            await process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest = await process.stdout.read()
            assert (await process.wait(), rest) == (0, b"Stopped.\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
