"""`vpnbot doctor`: looks at everything, and says how to mend what is wrong."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterable

from bot.cli.shared import say, settings_of_owner
from bot.errors import BadDataFolder, BadSettings, NotDone
from bot.health.results import Fine, Result, Trouble, trouble_from
from bot.process.clock import utc_now
from bot.settings import Settings
from bot.texts import health as words
from bot.texts.fill import plain

_EXAMPLES = 3


def doctor() -> None:
    """Checks everything; exit status 0 only if all is well."""
    try:
        settings = settings_of_owner()
    except BadSettings as error:
        tell(trouble_from(error, words.SETTING_WRONG_MEND))
        raise NotDone(plain(words.FOUND, count=1)) from error
    except BadDataFolder as error:
        tell(trouble_from(error, words.FOLDER_SHUT.mend))
        raise NotDone(plain(words.FOUND, count=1)) from error
    count = asyncio.run(_examine(settings))
    if count:
        raise NotDone(plain(words.FOUND, count=count))
    say(words.ALL_WELL)


async def _examine(settings: Settings) -> int:
    """Prints each result as soon as it is known; gives the number of findings."""
    # Slow to import, because of the Telegram client.
    from bot.health.examine import examine  # noqa: PLC0415

    return await tell_all(examine(settings, utc_now))


async def tell_all(results: AsyncIterable[Result]) -> int:
    """Prints each; what is wrong many times in one way is one finding, with three examples."""
    first: dict[str, Trouble] = {}
    told: Counter[str] = Counter()
    async for result in results:
        if not isinstance(result, Trouble):
            tell(result)
            continue
        kind = result.kind or result.wrong
        first.setdefault(kind, result)
        told[kind] += 1
        if told[kind] <= _EXAMPLES:
            tell(result)
    for kind, times in told.items():
        if times > _EXAMPLES:
            more = words.MORE_OF_A_KIND.format(count=times - _EXAMPLES, first=first[kind].wrong)
            tell(Trouble(more, first[kind].mend))
    return sum(times if times <= _EXAMPLES else 1 for times in told.values())


def tell(result: Result) -> None:
    """A line where all is well or follows from what was told, and two for what is to be mended."""
    if not isinstance(result, Trouble):
        say(f"{'ok    ' if isinstance(result, Fine) else 'note  '} {result.text}")
        return
    say(f"WRONG  {result.wrong}")
    say(f"       {result.mend}")
