"""`vpnbot run`: the bot."""

import asyncio

from bot.cli.shared import require_data_folder, settings_of_owner
from bot.process import garbage, logs
from storage.transaction import import_repositories


def run() -> None:
    """Runs the bot until it is told to stop."""
    # Slow to import, and no other command needs it.
    from bot.run import run_bot  # noqa: PLC0415

    import_repositories()
    garbage.looked_for_as_usual()
    logs.set_up()
    # The bot needs root for nothing; what does is a command of its own.
    settings = settings_of_owner(for_good=True)
    require_data_folder(settings)
    asyncio.run(run_bot(settings))
