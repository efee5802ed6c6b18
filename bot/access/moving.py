"""Profiles move to another CA without waiting for their people, see `bot.setup.rotation`.

Each gets a profile of the new CA, and the old one is ended in the moment in which the new one was
delivered (`grants.delivered`): so nobody is without one. For that time somebody has two, and of one
approval there is never more than one live grant; so the new one has an approval of its own, on the
word of whoever said that all are to move, for the same end.

Only so many are under way at a time. One that cannot be made, since its server has no address left
for example, is tried again after all the others. Whose chat is closed moves by a new profile of
their own; who is paused, when they are back. All of them are named until then.
"""

from collections.abc import Sequence

from bot.access import grants, messages
from bot.access.addresses import free_address
from bot.access.case import Case
from bot.access.keys import require_way
from bot.access.messages import DeliverNote, Notice
from bot.access.refusals import Refusal, Refused
from storage.records import Grant, GrantId
from storage.rotation import Rotation, RotationStep

# Telegram takes thirty messages a second, and a person's tap is not to wait behind a company.
_AT_ONCE = 10
# Of how many it is looked at why they wait: there is a reason that all of them share.
_LOOKED_AT = 50


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


async def move_some(
    case: Case, passed: set[GrantId] | None = None, *, at_once: int = _AT_ONCE
) -> int:
    """Makes the next ones, as many as there is room for; gives how many.

    Args:
        passed: those that could not be made, kept from one call to the next: they take no other's
            place, and their turn comes again once all others were tried.
        at_once: how many may be on their way.
    """
    rotation = await case.tx.rotation.last()
    if rotation is None or rotation.step is not RotationStep.MOVE or not case.may_give:
        return 0
    if rotation.move_all_at is None:
        return 0
    # What waits for somebody who is paused may do so for long.
    room = at_once - sum(one.pause is None for one in await case.tx.grants.on_the_way())
    if room <= 0:
        return 0
    passed = set() if passed is None else passed
    found = await case.tx.rotation.to_move(rotation.authority, room + len(passed))
    due = [one for one in found if one not in passed][:room]
    if not due:
        passed.clear()
    moved = 0
    for old in await case.tx.grants.some(due):
        try:
            async with case.tx.attempt():
                await _move(case, old)
        except Refused:
            passed.add(old.id)
            continue
        moved += 1
    return moved


async def without_address(case: Case, rotation: Rotation) -> Sequence[Grant]:
    """Of the first that wait those that do so because no address is free for a second profile."""
    if rotation.move_all_at is None:
        return ()
    found = []
    servers = {server.name: server for server in await case.tx.servers.all()}
    waiting = await case.tx.rotation.to_move(rotation.authority, _LOOKED_AT)
    for grant in await case.tx.grants.some(waiting):
        try:
            for name in servers.keys() & grant.servers:
                await free_address(case, servers[name], grant.owner)
        except Refused:
            found.append(grant)
    return found


async def _move(case: Case, old: Grant) -> None:
    if old.not_after - case.now < grants.SHORTEST_RENEWAL:
        raise Refused(Refusal.GRANT_ENDS_SOON)
    await require_way(case, old.owner)
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
