"""It doesn't work: three questions by tap, what is known, and a note to the admins."""

from bot.access import requests, trouble
from bot.access.case import Case
from bot.access.refusals import Refusal, Refused
from bot.access.trouble import Seen
from bot.chat import buttons
from bot.chat.buttons import Button, Keyboard, Meant, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import trouble as words
from bot.texts.fill import Html, blocks, escaped, fill, lines, moment
from storage.records import Grant, GrantId, Payload

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
    return blocks(head, lines(_told(grant, known), where))


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
