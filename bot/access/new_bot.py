"""Another bot speaks for the same books: with a new token, the messages of the old one are gone."""

from bot.access import messages, requests
from bot.access.case import Case


async def speaks(case: Case, bot_id: int) -> bool:
    """Notes which bot speaks; whether it is another one than before.

    Messages have numbers of their own in each bot's chats, so nothing that the earlier bot has
    posted may be edited. What waits for a decision is shown anew. Nobody has pressed Start yet.

    Args:
        bot_id: the number of its account.
    """
    before = await case.tx.posted.bot()
    if before == bot_id:
        return False
    await case.tx.posted.belong_to(bot_id)
    if before is None:  # earlier versions did not note it
        return False
    await case.tx.posted.forget_all()
    await case.tx.outbox.forget_edits()
    await case.tx.inbox.forget_handled()
    await case.tx.people.forget_reachable()
    await case.record("bot.change", f"bot:{bot_id}", before=before)
    for request in await case.tx.requests.pending():
        await requests.announce(case, request)
        await messages.asked(case, request)
    return True
