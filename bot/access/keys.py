"""How somebody's private key reaches them, and the one time that its passphrase is shown."""

from bot.access import grants, messages, revocation
from bot.access.case import Case
from bot.access.messages import DeliverNote
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from storage.key_records import KeyChoice, KeyWay
from storage.records import GrantId, GrantState, UserId


async def way_for(case: Case, user_id: UserId) -> KeyWay:
    """What they chose, as long as the settings allow it; else the first that these name."""
    ways = case.rules.key_ways
    choice = await case.tx.keys.chosen(user_id) if ways[1:] else None
    return choice.way if choice is not None and choice.way in ways else ways[0]


async def own_key(case: Case, user_id: UserId) -> str | None:
    """The public key that somebody has sent; None where they have not."""
    choice = await case.tx.keys.chosen(user_id)
    return None if choice is None else choice.public_key


async def require_way(case: Case, user_id: UserId) -> None:
    """Raises Refused: NO_OWN_KEY. Nothing could be made for whoever has to send a key first."""
    if await way_for(case, user_id) is KeyWay.OWN and await own_key(case, user_id) is None:
        raise Refused(Refusal.NO_OWN_KEY)


def require_own(case: Case) -> None:
    """Raises Refused: NOT_ALLOWED, NO_FILES. Whether a key of one's own may be sent."""
    require(case.actor, Act.ASK)
    if case.actor.user_id is None or KeyWay.OWN not in case.rules.key_ways:
        raise Refused(Refusal.NO_FILES)


async def take(case: Case, public_key: str) -> None:
    """The actor's next profiles are for this key, which they keep.

    Raises:
        Refused: NOT_ALLOWED, NO_FILES.
    """
    require_own(case)
    user_id = UserId(case.actor.user_id or 0)
    await case.tx.keys.choose(KeyChoice(user_id, KeyWay.OWN, case.now, public_key))
    await messages.edit_own_list(case, user_id)
    await case.record("user.key", f"user:{user_id}", way=KeyWay.OWN)


async def choose(case: Case, way: KeyWay) -> None:
    """The actor's next profiles come like this.

    Raises:
        Refused: NOT_ALLOWED, NO_BUTTON, NO_OWN_KEY.
    """
    require(case.actor, Act.ASK)
    if case.actor.user_id is None or way not in case.rules.key_ways:
        raise Refused(Refusal.NO_BUTTON)
    key = await own_key(case, case.actor.user_id)
    if way is KeyWay.OWN and key is None:
        raise Refused(Refusal.NO_OWN_KEY)
    await case.tx.keys.choose(KeyChoice(case.actor.user_id, way, case.now, key))
    await messages.edit_own_list(case, case.actor.user_id)
    await case.record("user.key", f"user:{case.actor.user_id}", way=way)


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
    if grant.state is not GrantState.ACTIVE:
        raise Refused(Refusal.GRANT_BUSY)
    await grants.renew(case, grant.id, note=DeliverNote.KEY_LOST)
    return False
