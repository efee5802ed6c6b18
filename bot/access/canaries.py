"""The bot's own certificates, with which it tries each server: drawn, judged, and told of.

They are nobody's access: no listing has them, no proof waits for their end, and their keys are in
the running bot's memory only. Each is recorded before it is signed, so no look takes it for a
stranger's. The revoked one is on every CRL as 'on hold', which keeps it out just as well and is no
revocation to whoever reads the list here later, see `bot.fleet.others`.

Accepted: after a restore those that were drawn since the backup are in no books, and are set aside
like all that came later.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.access import messages
from bot.access.addresses import rested_since, spare_address
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.names import common_name
from bot.access.refusals import Refused
from bot.access.terms import ranges_of_others
from storage.records import (
    Canary,
    CanaryLook,
    CanaryRole,
    CanaryTrouble,
    Server,
    Untried,
)
from vpn.proof.knock import Answer

# What is lost with the bot's memory opens nothing for longer than this.
LIFE = timedelta(days=1)
# A look counts at least that long.
_COUNTS_FOR = timedelta(minutes=15)
_NAME = "vpnbot-canary"
# Of these admins always hear as soon as they are news.
_URGENT = frozenset(
    {CanaryTrouble.REVOKED_LET_IN, CanaryTrouble.REVOKED_PASSES, CanaryTrouble.NO_SECOND_LOCK}
)
_NOTICES = {
    CanaryTrouble.REVOKED_LET_IN: Notice.CANARY_REVOKED_LET_IN,
    CanaryTrouble.REVOKED_PASSES: Notice.CANARY_REVOKED_PASSES,
    CanaryTrouble.NO_SECOND_LOCK: Notice.CANARY_NO_SECOND_LOCK,
    CanaryTrouble.GOOD_REFUSED: Notice.CANARY_GOOD_REFUSED,
    CanaryTrouble.UNREACHABLE: Notice.CANARY_UNREACHABLE,
}


async def draw(
    case: Case, server: Server, roles: Iterable[CanaryRole], given: Collection[str]
) -> Sequence[Canary]:
    """Stores serials, names and an address for new certificates, and retires those of before.

    Their keys are gone, and their files: so the new one may have the old one's address at once. For
    people it rests, as any other. None is drawn where its address would be the last free one.

    Args:
        given: addresses that an operator's own files give away.
    """
    await case.tx.canaries.retire(server.name, case.now)
    held = await case.tx.grants.addresses_held(server.name, rested_since(case))
    try:
        beside = await ranges_of_others(case.tx, server, None)
        address = spare_address(server, held.union(given), beside)
    except Refused:
        return ()
    authority = await case.tx.rotation.signing()
    lifetime, ends = case.lifetime_of(authority), case.now + LIFE
    if lifetime is not None:
        ends = min(ends, lifetime.ends)
    drawn = [
        Canary(
            serial=case.chance.serial(),
            server=server.name,
            role=role,
            common_name=common_name(_NAME, case.chance.code()),
            address=address if role is CanaryRole.GOOD else None,
            not_before=case.now,
            not_after=ends,
            authority=authority,
        )
        for role in roles
    ]
    await case.tx.canaries.add(drawn)
    serials = {canary.role.value: canary.serial for canary in drawn}
    await case.record("canary.draw", f"server:{server.name}", **serials)
    return drawn


def judged(answers: Mapping[CanaryRole, Answer]) -> tuple[CanaryTrouble, ...]:
    """What is wrong with a server that answered like this; of who was not tried nothing is said.

    The revoked one and the one without a file never have an address file, so each shows one lock:
    the first has passed the list where it is turned away, too. A server that is silent towards
    them keeps them out, for whatever reason.
    """
    good = answers.get(CanaryRole.GOOD)
    revoked = answers.get(CanaryRole.REVOKED)
    troubles = {
        CanaryTrouble.REVOKED_LET_IN: revoked is Answer.TAKEN,
        CanaryTrouble.REVOKED_PASSES: revoked is Answer.TURNED_AWAY,
        CanaryTrouble.NO_SECOND_LOCK: answers.get(CanaryRole.FILELESS) is Answer.TAKEN,
        CanaryTrouble.GOOD_REFUSED: good in (Answer.TURNED_AWAY, Answer.BROKEN_OFF),
        CanaryTrouble.UNREACHABLE: good is Answer.UNANSWERED,
    }
    return tuple(trouble for trouble, is_so in troubles.items() if is_so)


def current(look: CanaryLook, now: datetime, period_s: int) -> CanaryLook:
    """The look as it counts now: after three periods, and a quarter of an hour, it says nothing.

    Args:
        period_s: between two tries, in seconds; 0 where they are switched off.
    """
    age = max(3 * timedelta(seconds=period_s), _COUNTS_FOR)
    return look if now - look.at <= age else replace(look, untried=Untried.OVERDUE)


async def note(
    case: Case,
    server: Server,
    seen: Sequence[CanaryTrouble] | Untried,
    may_tell: Callable[[], bool],
    *,
    tried_revoked: bool,
) -> bool:
    """Stores what came of a try; says whether the admins are told of anything.

    Of each trouble they hear once, and once that all is well again. Where nothing was tried,
    nothing is news.

    Args:
        may_tell: asked only if there is news, and none of it is urgent; where it says no, it is
            still news the next time.
        tried_revoked: whether a revoked one was among them.
    """
    before = await case.tx.canaries.look(server.name) or CanaryLook(server.name, case.now)
    if isinstance(seen, Untried):
        await case.tx.canaries.see(replace(before, at=case.now, untried=seen))
        return False
    news = [trouble for trouble in seen if trouble not in before.told]
    is_well = bool(before.told) and not seen
    is_urgent = not _URGENT.isdisjoint(news)
    tells = is_urgent or ((bool(news) or is_well) and may_tell())
    told = before.told
    if tells or seen:
        told = tuple(each for each in seen if each in before.told or tells)
    await case.tx.canaries.see(CanaryLook(server.name, case.now, tuple(seen), told))
    if not tells:
        return False
    await case.record("canary.see", f"server:{server.name}", troubles=[*seen])
    for trouble in news:
        remote = f"{server.remote_host}:{server.remote_port}/{server.protocol}"
        await messages.tell_admins(case, _NOTICES[trouble], server=server.name, remote=remote)
    if is_well:
        notice = Notice.CANARY_WELL if tried_revoked else Notice.CANARY_LETS_IN
        await messages.tell_admins(case, notice, server=server.name)
    return True
