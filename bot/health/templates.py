"""The check of the operator's own words: they are made once for each server, for nobody."""

from collections.abc import Sequence
from datetime import datetime

from bot.errors import BadTemplate
from bot.handover.handover import Handover
from bot.handover.profiles import samples_of
from bot.health.results import Fine, Result, trouble_from
from bot.texts import health as words
from storage.records import Server


async def look_at_templates(
    handover: Handover, servers: Sequence[Server], now: datetime
) -> list[Result]:
    """Nothing where there is no folder of templates."""
    if handover.folder is None:
        return []
    try:
        contents = await handover.try_out(samples_of(servers, now))
    except BadTemplate as error:
        return [trouble_from(error, words.TEMPLATES_MEND)]
    template = words.TEMPLATES_FINE if contents.has_profile else words.TEMPLATES_FINE_BUILT_IN
    return [Fine(template.format(texts=len(contents.instructions), files=len(contents.files)))]
