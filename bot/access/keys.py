"""How somebody's private key reaches them."""

from bot.access import messages
from bot.access.case import Case
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from storage.key_records import KeyChoice, KeyWay
from storage.records import UserId


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
