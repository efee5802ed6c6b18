"""Who was found on a server without having access there: what admins are told, and how often.

The names are those of a server, and whoever took that over invents as many as it likes. So few are
remembered, fewer are shown, each is cut to what OpenVPN takes, and of the rest there is a count.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bot.access import messages
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.names import NAME_LENGTH, clean
from bot.access.permission import THE_BOT, Act, require
from bot.access.refusals import Refusal, Refused
from storage.records import OutboxKind, SeenAs, ServerName, Stranger

# Of one server: one more, and whoever was seen longest ago is forgotten.
REMEMBERED = 200
# In one message, and in one row of the trail.
NAMED = 20
_SAID = 250
# Who comes back is told of again after this. Who is left alone was let in by somebody.
_AGAIN = timedelta(days=1)
_OVER = (SeenAs.OVER, SeenAs.OVER_LEFT)
_NOTICES = {
    SeenAs.CUT: Notice.STRANGERS_CUT_OFF,
    SeenAs.LEFT: Notice.STRANGERS_LEFT,
    SeenAs.FILE: Notice.STRANGERS_FILES,
    SeenAs.UNKNOWN: Notice.STRANGERS_UNKNOWN,
    SeenAs.OVER: Notice.OVER_CUT_OFF,
    SeenAs.OVER_LEFT: Notice.OVER_LEFT,
}


class PutBack(StrEnum):
    """What the look found that came after our list was put in its place."""

    LOOKED = "looked"
    BLIND = "blind"  # the server did not say who is on it


@dataclass(frozen=True, slots=True)
class Sighting:
    """A name on a server; `person` is whose it is, where somebody's."""

    name: str
    seen_as: SeenAs
    person: str | None = None


def stranger_name(name: str) -> str:
    """As much of a name as is kept of it; OpenVPN itself takes no more."""
    return name[:NAME_LENGTH].encode("utf-8", "replace").decode()


async def report(
    case: Case,
    server: ServerName,
    sightings: Sequence[Sighting],
    may_tell: Callable[[], bool],
    *,
    put_back: PutBack | None = None,
) -> bool:
    """Tells the admins of what they have not been told, and notes it in the trail.

    Args:
        may_tell: asked only if there is anything; where it says no, all of it is still news at
            the next look.
        put_back: our list was put in its place just now: then they hear in any case who was
            there although their access is over, or that nobody was, or that nobody can tell.
    """
    told = {stranger.name: stranger for stranger in await case.tx.strangers.on(server)}
    news = [
        each
        for each in sightings
        if (put_back is not None and each.seen_as in _OVER)
        or _is_news(case, told.get(stranger_name(each.name)), each)
    ]
    nobody = put_back is not None and not any(each.seen_as in _OVER for each in sightings)
    if not (news or nobody) or not may_tell():
        return False
    if nobody:
        blind = put_back is PutBack.BLIND
        code = Notice.NOBODY_CAN_SEE if blind else Notice.NOBODY_OVER_SEEN
        await messages.tell_admins(case, code, server=server)
    numbers = await _remember(case, server, told, sightings, news)
    by_kind: dict[SeenAs, list[Sighting]] = {}
    for sighting in news:
        by_kind.setdefault(sighting.seen_as, []).append(sighting)
    for seen_as, those in by_kind.items():
        shown = [_with_owner(sighting) for sighting in those[:NAMED]]
        await case.by(THE_BOT).record(
            "server.sight" if seen_as is SeenAs.UNKNOWN else "server.shut_out",
            f"server:{server}",
            seen_as=seen_as,
            names=shown,
            count=len(those),
        )
        values = {"server": server, "names": enumerated(shown, len(those)), "count": len(those)}
        if seen_as is SeenAs.UNKNOWN:
            names = [stranger_name(sighting.name) for sighting in those[:NAMED]]
            values["choices"] = [[numbers[n], _readable(n)] for n in names if n in numbers]
        await messages.tell_admins(case, _NOTICES[seen_as], **values)
    return True


async def _remember(
    case: Case,
    server: ServerName,
    told: Mapping[str, Stranger],
    sightings: Sequence[Sighting],
    news: Sequence[Sighting],
) -> dict[str, int]:
    """Notes what admins are told of, as far as there is room; gives the numbers by the names.

    Where there is none, those who are not there any more are forgotten, longest ago first.
    """
    here = {stranger_name(sighting.name) for sighting in sightings}
    names = dict.fromkeys(stranger_name(sighting.name) for sighting in news)
    crowd = len(told) + sum(name not in told for name in names) - REMEMBERED
    gone = [stranger.id for name, stranger in told.items() if name not in here]
    forgotten = gone[: max(crowd, 0)]
    await case.tx.strangers.forget(forgotten)
    room = REMEMBERED - len(told) + len(forgotten)
    numbers: dict[str, int] = {}
    for sighting in news:
        name = stranger_name(sighting.name)
        if name not in told and name not in numbers:
            if room == 0:
                continue
            room -= 1
        numbers[name] = await case.tx.strangers.note(server, name, sighting.seen_as, case.now)
    return numbers


async def cut(case: Case, stranger_id: int) -> Stranger:
    """An admin ends the sessions of somebody who was shown; what became of it is told them.

    Raises:
        Refused: ADMINS_ONLY, STRANGER_GONE.
    """
    require(case.actor, Act.REVOKE)
    stranger = await case.tx.strangers.get(stranger_id)
    if stranger is None or case.actor.user_id is None:
        raise Refused(Refusal.STRANGER_GONE)
    subject = f"server:{stranger.server}"
    await case.record("server.cut", subject, names=[_readable(stranger.name)])
    await case.tx.outbox.add(
        messages.private_chat(case.actor.user_id),
        OutboxKind.CUT,
        {"server": stranger.server, "name": stranger.name},
        now=case.now,
    )
    return stranger


async def choose(case: Case, server: ServerName, *, cuts: bool) -> None:
    """Whether whoever is not known on an operator's own server is cut at each look.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_SERVER.
    """
    require(case.actor, Act.REVOKE)
    known = await case.tx.servers.get(server)
    if known is None:
        raise Refused(Refusal.UNKNOWN_SERVER, server=server)
    if known.cuts_unknown is not cuts:
        await case.tx.servers.set_cuts_unknown(server, cuts=cuts)
        await case.record("server.cut_unknown", f"server:{server}", cuts=cuts)


def _is_news(case: Case, told: Stranger | None, sighting: Sighting) -> bool:
    if told is None or told.seen_as is not sighting.seen_as:
        return True
    return sighting.seen_as is not SeenAs.UNKNOWN and case.now - told.seen_at >= _AGAIN


def _readable(name: str) -> str:
    """As it can be read; some have nothing that can."""
    return clean(stranger_name(name), NAME_LENGTH) or "?"


def _with_owner(sighting: Sighting) -> str:
    name = _readable(sighting.name)
    return f"{name} ({sighting.person})" if sighting.person else name


def enumerated(shown: Sequence[str], count: int) -> str:
    """As many as fit into a sentence."""
    said = shown[0]
    for number, name in enumerate(shown[1:], start=1):
        if len(said) + len(name) > _SAID:
            return f"{said} (+{count - number})"
        said += f", {name}"
    return said if count == len(shown) else f"{said} (+{count - len(shown)})"
