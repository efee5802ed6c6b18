"""It doesn't work: three questions by tap, what is known, and a note to the admins."""

from collections.abc import Sequence
from datetime import datetime

from bot.access import requests, revocation, trouble
from bot.access.case import Case
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal, Refused
from bot.access.trouble import Seen
from bot.chat import buttons
from bot.chat.buttons import Button, Keyboard, Meant, Tap
from bot.chat.scene import Reply, Scene, post
from bot.chat.sender import Decision
from bot.chat.views import View
from bot.core import Core
from bot.fleet.knocks import heard_of
from bot.texts import trouble as words
from bot.texts.fill import Html, blocks, escaped, fill, lines, moment
from storage.outbox import Done, Next
from storage.records import Grant, GrantId, OutboxItem, Payload
from vpn.proof.management import Knocked

# In the order in which they are asked.
_ANSWERS = (words.WHAT, words.DEVICE, words.PLACE)
_QUESTIONS = (words.ASK_WHAT, words.ASK_DEVICE, words.ASK_PLACE)


async def ask(scene: Scene, meant: Meant) -> Reply:
    """The next question, or what came of the last answer."""
    grant = await trouble.own(scene.case, meant.grant)
    said = meant.said
    if any(letter not in known for letter, known in zip(said, _ANSWERS, strict=False)):
        raise Refused(Refusal.NO_BUTTON)
    known = await trouble.seen(scene.case, grant)
    if len(said) < len(_ANSWERS):
        head = escaped("") if said else _told(grant, known)
        view = View(blocks(head, _QUESTIONS[len(said)]), _choices(grant.id, said))
        return Reply(view, edit=bool(said))
    await trouble.report(scene.case, grant, said)
    is_locked = await scene.tx.keys.locked(grant.id) is not None
    advice = words.ADVICE_LOCKED if said[0] == "p" and is_locked else words.ADVICE[said[0]]
    told = words.TOLD if await requests.admin_reachable(scene.case) else words.TOLD_NOBODY
    return Reply(View(blocks(told, _told(grant, known), escaped(advice))), edit=True)


async def look(core: Core, item: OutboxItem) -> Decision:
    """Asks the servers of a profile what they saw of it, and tells its owner and the admins."""
    async with core.database.reading() as tx:
        case = core.case(tx, THE_BOT)
        grant = await revocation.known_grant(tx, GrantId(item.payload["grant"]))
        addresses = await trouble.addresses(case, grant)
    heard = [
        {"server": one.server, "at": one.at.isoformat(), "outcome": one.outcome, "why": one.why}
        for one in await heard_of(core, grant, addresses)
    ]

    async def tell(case: Case) -> Next:
        if heard:
            await post(case.tx, item.chat_id, View(_heard(heard)), case.now)
        await trouble.tell(case, item.payload, heard)
        return Done()

    return tell


def _heard(heard: Sequence[Payload]) -> Html:
    return lines(
        *(
            fill(
                words.HEARD[Knocked(one["outcome"])],
                server=one["server"],
                at=moment(datetime.fromisoformat(one["at"])),
                why=one["why"],
            )
            for one in heard
        )
    )


async def note(case: Case, values: Payload) -> Html:
    """What an admin reads of it, as things are when it is sent."""
    grant = await case.tx.grants.get(GrantId(values["grant"]))
    assert grant is not None
    what, device, place = (
        known[letter] for letter, known in zip(values["said"], _ANSWERS, strict=True)
    )
    head = fill(
        words.NOTE,
        name=values["name"],
        common_name=grant.common_name,
        what=what,
        device=device,
        place=place,
    )
    known = await trouble.seen(case, grant)
    where = fill(words.NOTE_FROM, address=known.last.address) if known.last else ""
    # A version before this one noted nothing of what servers saw.
    return blocks(head, _heard(values.get("heard", ())), lines(_told(grant, known), where))


def _told(grant: Grant, known: Seen) -> Html:
    """First what is wrong, then what is well."""
    wrong = [fill(words.WAITING, server=server) for server in known.waiting]
    wrong += [fill(words.CLOSED, server=server) for server in known.closed]
    well: list[Html] = []
    for look in known.tried:
        said = [words.TRIED_TROUBLES[one] for one in look.troubles if one in words.TRIED_TROUBLES]
        template = said[0] if said else words.TRIED_WELL
        (wrong if said else well).append(fill(template, server=look.server, at=moment(look.at)))
    if known.last is None:
        last = Html(words.SEEN_NEVER)
    else:
        last = fill(words.SEEN, server=known.last.server, at=moment(known.last.at))
    until = fill(words.UNTIL, until=moment(grant.not_after))
    return lines(*wrong, words.LOCKED if known.is_locked else "", last, *well, until)


def _choices(grant_id: GrantId, said: str) -> Keyboard:
    return tuple(
        (Button(text, buttons.data(Tap.TROUBLE, grant_id, said + letter)),)
        for letter, text in _ANSWERS[len(said)].items()
    )
