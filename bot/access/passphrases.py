"""The one time that a profile's passphrase is shown."""

from bot.access import grants, revocation
from bot.access.case import Case
from bot.access.messages import DeliverNote
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from storage.records import GrantId


async def reveal(case: Case, grant_id: GrantId, *, is_here: bool) -> bool:
    """Lets the owner of a profile see its passphrase, once.

    Args:
        is_here: whether it is still in this process's memory.

    Returns:
        False where it got lost before anybody saw it: then another profile is on its way.

    Raises:
        Refused: NOT_ALLOWED, UNKNOWN_GRANT, NOT_YOURS, GRANT_OVER, NO_BUTTON, KEY_SHOWN,
            and where it got lost what `grants.renew` refuses.
    """
    require(case.actor, Act.ASK)
    grant = await revocation.own_live_grant(case, grant_id)
    locked = await case.tx.keys.locked(grant.id)
    if locked is None:
        raise Refused(Refusal.NO_BUTTON)
    if is_here:
        await case.tx.keys.shown(grant.id, case.now)
        await case.record("grant.passphrase", grant)
        return True
    if locked.shown_at is not None:
        raise Refused(Refusal.KEY_SHOWN, at=locked.shown_at)
    await grants.renew(case, grant.id, note=DeliverNote.KEY_LOST)
    return False
