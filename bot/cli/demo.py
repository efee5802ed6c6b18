"""`vpnbot demo`: the whole product without Telegram."""

import asyncio
import logging
import signal
import webbrowser
from importlib.util import find_spec
from typing import Annotated

import typer

from bot import logs
from bot.errors import NotDone


def demo(
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="The page's port; 0 is any.")
    ] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Opens no browser.")] = False,
    tour: Annotated[bool, typer.Option("--tour", help="Play the story here, and exit.")] = False,
) -> None:
    """Tries the whole product on this machine, in a browser or in the terminal."""
    if find_spec("aiohttp") is None:
        raise NotDone("The demo needs its extra; run: pip install 'vpn-access-bot[demo]'")
    logs.set_up(level=logging.ERROR)
    if tour:
        from bot.cli.tour import play  # noqa: PLC0415

        if not asyncio.run(play()):
            raise typer.Exit(1)
        return
    asyncio.run(_serve(port, open_browser=not no_browser))


async def _serve(port: int, *, open_browser: bool) -> None:
    from bot.showcase import open_showcase  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with open_showcase(port) as showcase:
            # Scripts read the first line.
            print(showcase.telegram.url, flush=True)
            print(showcase.banner)
            print("Press Ctrl-C to end it; nothing is left behind.", flush=True)
            if open_browser:
                await asyncio.to_thread(webbrowser.open, showcase.telegram.url)
            await stop.wait()
    except OSError as error:
        raise NotDone(f"Port {port} cannot be used ({error.strerror}); try --port 0.") from error
