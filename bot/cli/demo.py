"""`vpnbot demo`: the whole product without Telegram."""

import asyncio
import errno
import logging
import os
import signal
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from shlex import quote
from typing import Annotated
from urllib.parse import urlsplit

import typer

from bot.cli.shared import say, say_blocks
from bot.errors import NotDone
from bot.process import logs
from bot.settings import PREFIX
from demo.errors import DemoError

# What a port answers that somebody else has, or that only root may have.
_PORT = frozenset({errno.EADDRINUSE, errno.EACCES})


def demo(
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="The page's port; 0 is any.")
    ] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Opens no browser.")] = False,
    tour: Annotated[bool, typer.Option("--tour", help="Plays the story here, and exits.")] = False,
) -> None:
    """Tries the whole product on this machine, in a browser or in the terminal."""
    if find_spec("aiohttp") is None:
        raise NotDone("The demo needs its extra; run: pip install 'vpn-access-bot[demo]'")
    logs.set_up(level=logging.ERROR)
    # Neither the demo's OpenVPN nor a browser gets the operator's secrets.
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        del os.environ[name]
    # Whoever closes the terminal wants it to end, with all that it started; unless by nohup.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGINT))
    with told_in_one_line(port):
        if not tour:
            asyncio.run(_serve(port, open_browser=not no_browser))
            return
        from bot.cli.tour import play  # noqa: PLC0415

        if not asyncio.run(play()):
            raise typer.Exit(1)


@contextmanager
def told_in_one_line(port: int) -> Iterator[None]:
    """Raises NotDone for what keeps a machine from showing the demo."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _PORT and error.filename is None:
            raise NotDone(f"Port {port} can't be used ({reason}); try --port 0.") from error
        place = "" if error.filename is None else f" ({error.filename})"
        raise NotDone(f"The demo broke off: {reason.rstrip('.')}{place}.") from error
    except DemoError as error:
        raise NotDone(f"The demo broke off: {error}") from error


def way_over_ssh(environment: Mapping[str, str], url: str) -> str | None:
    """The command that brings the page to whoever sits at another machine; None at this one."""
    # Client's address and port, then this machine's (sshd(8), ENVIRONMENT).
    ends = environment.get("SSH_CONNECTION", "").split()
    if len(ends) != 4:  # noqa: PLR2004
        return None
    port = urlsplit(url).port
    user = environment.get("SUDO_USER") or environment.get("USER") or "root"
    to_sshd = "" if ends[3] == "22" else f" -p {quote(ends[3])}"
    return f"    ssh -L {port}:127.0.0.1:{port}{to_sshd} {quote(f'{user}@{ends[2]}')}"


async def _serve(port: int, *, open_browser: bool) -> None:
    from bot.showcase import open_showcase  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    is_for_good = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    for number in (signal.SIGINT, signal.SIGTERM, *(() if is_for_good else (signal.SIGHUP,))):
        loop.add_signal_handler(number, stop.set)
    async with open_showcase(port) as showcase:
        # Scripts read the first line.
        say(showcase.telegram.url)
        say_blocks([showcase.banner])
        way = way_over_ssh(os.environ, showcase.telegram.url)
        if way is not None:
            say("You are here by SSH. On your own machine, run this, and open the address there:")
            say(way)
        say("Press Ctrl-C to end it; nothing is left behind.")
        if open_browser:
            await asyncio.to_thread(webbrowser.open, showcase.telegram.url)
        await stop.wait()
