"""Whoever lets the bot write again reads what they missed."""

from bot.access import messages, people
from bot.access.case import Case
from bot.chat import cards
from storage.records import UserId


async def reached(case: Case, user_id: UserId) -> None:
    """Notes that somebody can be written to.

    What is in their chat is brought up to date. Where a profile could not reach them meanwhile,
    that is said anew, with the way to ask again: nobody looks for an old message that has changed.
    """
    if not await people.reached(case, user_id):
        return
    lost = await cards.never_came(case, user_id)
    if lost is not None:
        await messages.asked(case, lost)
