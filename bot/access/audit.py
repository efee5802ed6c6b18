"""The head of the audit trail, which admins keep."""

from datetime import timedelta

from bot.access import messages
from bot.access.case import Case
from bot.access.permission import THE_BOT

SUBJECT_LENGTH = 100


_HEAD = "audit.head"
_HEAD_EVERY = timedelta(days=1)


def head_text(seq: int, digest: str) -> str:
    """A head of the trail as people note it: `412:9f3c…`."""
    return f"{seq}:{digest}"


async def announce_head(case: Case) -> bool:
    """Once a day, if anything happened, the admins get the head of the trail.

    Whoever rewrites the trail afterwards cannot rewrite what lies in the admins' chats. The first
    comes a day after the trail began. A row of a moment that is yet to come, forged or of a clock
    that was wrong, keeps nothing from being told.
    """
    last = await case.tx.audit.last()
    if last is None:
        return False
    told = await case.tx.audit.last_of(_HEAD)
    since = told or await case.tx.audit.first()
    is_known = told is not None and told.seq == last.seq
    if (
        since is not None
        and since.at <= case.now
        and (is_known or since.at + _HEAD_EVERY > case.now)
    ):
        return False
    head = head_text(last.seq, last.digest)
    await case.by(THE_BOT).record(_HEAD, "audit", head=head)
    await messages.tell_admins(case, messages.Notice.AUDIT_HEAD, count=last.seq, head=head)
    return True
