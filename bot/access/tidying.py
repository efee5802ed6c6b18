"""Takes the messages with profiles out of the chats, some time after they came.

That is hygiene: whoever has saved the file has it. What ends an access is a revocation.
"""

from datetime import timedelta

from bot.access import messages
from bot.access.case import Case
from storage.records import OutboxKind

# Telegram lets a bot delete its messages for so long (Bot API, deleteMessage).
_DELETABLE = timedelta(hours=48)
# In one commit.
_SOME = 100


async def delete_due(case: Case) -> bool:
    """Has those deleted whose time is over; whether there were any."""
    stay = case.rules.profiles_stay
    if not stay or not case.may_expire:
        return False
    due = await case.tx.posted.posted_between(
        OutboxKind.DELIVER, case.now - _DELETABLE, case.after(-stay), _SOME
    )
    for message in due:
        await messages.delete(case, message)
    return bool(due)
