"""Profiles move to another CA without waiting for their people, see `bot.setup.rotation`.

Each gets a profile of the new CA, and the old one is ended in the moment in which the new one was
delivered (`grants.delivered`): so nobody is without one. For that time somebody has two, and of one
approval there is never more than one live grant; so the new one has an approval of its own, on the
word of whoever said that all are to move, for the same end.

Only so many are under way at a time. Each is tried once: whose chat is closed, or whose server has
no address left, moves by a new profile of their own, and is named until then.
"""

from bot.access import grants, messages
from bot.access.case import Case
from bot.access.messages import DeliverNote, Notice
from bot.access.refusals import Refused
from storage.records import Grant
from storage.rotation import RotationStep

# Telegram takes thirty messages a second, and a person's tap is not to wait behind a company.
_AT_ONCE = 10


async def begin(case: Case) -> int | None:
    """Has all profiles of the old CA moved; gives how many. None where that was said, or is early.

    The admins hear of it once.
    """
    rotation = await case.tx.rotation.last()
    if rotation is None or not await case.tx.rotation.move_all(case.now):
        return None
    count = await case.tx.rotation.count_to_move(rotation.authority)
    await case.record("ca.move_all", "ca", count=count)
    if count:
        await messages.tell_admins(case, Notice.PROFILES_MOVE, count=count)
    return count


async def move_some(case: Case) -> int:
    """Makes the next ones, as many as there is room for; gives how many."""
    rotation = await case.tx.rotation.last()
    if rotation is None or rotation.step is not RotationStep.MOVE or not case.may_give:
        return 0
    if rotation.move_all_at is None:
        return 0
    room = _AT_ONCE - len(await case.tx.grants.on_the_way())
    moved = 0
    due = await case.tx.rotation.to_move(rotation.authority, max(room, 0))
    for old in await case.tx.grants.some(due):
        if old.not_after - case.now < grants.SHORTEST_RENEWAL:
            continue
        try:
            async with case.tx.attempt():
                await _move(case, old)
        except Refused:
            continue
        moved += 1
    return moved


async def _move(case: Case, old: Grant) -> None:
    assert old.request_id is not None
    before = await case.tx.requests.get(old.request_id)
    person = await case.tx.people.get(old.owner)
    assert before is not None
    assert person is not None
    request = await case.tx.requests.add_approved(
        before, by=case.actor.key, by_name=case.actor.name, at=case.now
    )
    fresh = await grants.reserve(
        case, request, person, not_after=old.not_after, replaces=old.id, among=old.servers
    )
    await messages.deliver(case, old.owner, fresh.id, DeliverNote.MOVED)
