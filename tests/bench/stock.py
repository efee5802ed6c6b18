"""python-telegram-bot's own polling, as its examples show it, with a handler that does nothing.

Run as `python -m tests.bench.stock API-URL TOKEN NUMBER`: says `ready`, handles so many updates,
and ends. What it fetched and did not handle yet would be lost if it were killed.
"""

import asyncio
import sys
from contextlib import suppress

from telegram import Update
from telegram.ext import Application, TypeHandler


async def _main(url: str, token: str, number: int) -> None:
    handled = 0
    done = asyncio.Event()

    async def handle(_update: Update, _context: object) -> None:
        nonlocal handled
        handled += 1
        if handled == number:
            done.set()

    builder = Application.builder().token(token).base_url(f"{url}/bot")
    application = builder.build()
    application.add_handler(TypeHandler(Update, handle))
    async with application:
        await application.start()
        print("ready", flush=True)
        assert application.updater is not None
        await application.updater.start_polling(allowed_updates=Update.ALL_TYPES)
        await done.wait()
        print("done", flush=True)
        await application.updater.stop()
        await application.stop()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
