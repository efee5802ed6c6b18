"""`python -m demo`: the page with a bot that answers nothing, for a look at it."""

import argparse
import asyncio

from demo.people import DemoPerson
from demo.server import DemoServer

TOKEN = "7000000001:not-a-secret-this-bot-exists-on-loopback-only"  # noqa: S105
PEOPLE = (
    DemoPerson(1001, "Emma", "emma_e", "Employee"),
    DemoPerson(1002, "Noah", "noah_n", "Not on the allowlist"),
    DemoPerson(1003, "Olivia", "olivia_admin", "Admin", started=True),
    DemoPerson(1004, "Liam", "liam_admin", "Admin", started=True),
)


async def serve(port: int) -> None:
    """Prints the page's address and serves until it is interrupted."""
    banner = "No bot is connected: this is the empty page."
    async with DemoServer(TOKEN, PEOPLE, port=port, banner=banner) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: any free port")
    try:
        asyncio.run(serve(parser.parse_args().port))
    except KeyboardInterrupt:
        print("Stopped.")


if __name__ == "__main__":
    main()
