"""`vpnbot run`: the bot."""

import asyncio
import gc

from bot import logs
from bot.cli.shared import require_data_folder, take_on_owner
from bot.settings import load_settings


def run() -> None:
    """Runs the bot until it is told to stop."""
    # Slow to import, and no other command needs it.
    from bot.run import run_bot  # noqa: PLC0415

    # What is imported stays. To look through it for garbage takes a tenth of a second, each time.
    gc.freeze()
    logs.set_up()
    settings = load_settings()
    require_data_folder(settings)
    # The bot needs root for nothing; what does is a command of its own.
    take_on_owner(settings, for_good=True)
    asyncio.run(run_bot(settings))
