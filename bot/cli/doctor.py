"""`vpnbot doctor`: looks at everything, and says how to mend what is wrong."""

import asyncio

from bot.cli.shared import say, settings_of_owner
from bot.errors import BadDataFolder, BadSettings, NotDone
from bot.health.results import Fine, Result, trouble_from
from bot.process.clock import utc_now
from bot.settings import Settings
from bot.texts import health as words


def doctor() -> None:
    """Checks everything; exit status 0 only if all is well."""
    try:
        settings = settings_of_owner()
    except BadSettings as error:
        tell(trouble_from(error, words.SETTING_WRONG_MEND))
        raise NotDone(words.FOUND_ONE) from error
    except BadDataFolder as error:
        tell(trouble_from(error, words.FOLDER_SHUT.mend))
        raise NotDone(words.FOUND_ONE) from error
    count = asyncio.run(_examine(settings))
    if count:
        raise NotDone(words.FOUND_ONE if count == 1 else words.FOUND.format(count=count))
    say(words.ALL_WELL)


async def _examine(settings: Settings) -> int:
    """Prints each result as soon as it is known; gives the number of findings."""
    # Slow to import, because of the Telegram client.
    from bot.health.examine import examine  # noqa: PLC0415

    count = 0
    async for result in examine(settings, utc_now):
        tell(result)
        count += not isinstance(result, Fine)
    return count


def tell(result: Result) -> None:
    """A line where all is well, and two where something is to be mended."""
    if isinstance(result, Fine):
        say(f"ok     {result.text}")
        return
    say(f"WRONG  {result.wrong}")
    say(f"       {result.mend}")
