"""Commands for everybody who is on the list: ask, and look."""

from bot.access import destinations, holdings, messages, requests
from bot.access.case import Case
from bot.access.durations import parse_duration
from bot.access.permission import Act, require
from bot.access.usage import last_uses
from bot.chat import cards, choosing, keys, views
from bot.chat.scene import SILENT, Reply, Scene
from bot.chat.views import View
from bot.texts.fill import blocks
from storage.records import ServerName, UserId


async def request_vpn(scene: Scene, rest: str) -> Reply:
    """/requestvpn [duration] [server] [reason]."""
    require(scene.actor, Act.ASK)
    duration, server, reason = await _parse(scene, rest)
    asked = await requests.ask(scene.case, duration=duration, server=server, reason=reason)
    if asked.servers:
        return Reply(await choosing.question(scene, asked.request))
    await messages.asked(scene.case, asked.request)
    return SILENT


async def my_vpn(scene: Scene, _rest: str) -> Reply:
    """/myvpn."""
    require(scene.actor, Act.ASK)
    return Reply(await my_vpn_now(scene.case, scene.user_id), about=scene.user_id)


async def my_vpn_now(case: Case, user_id: UserId) -> View:
    """What somebody has and waits for, what became of their newest request, and how they get it."""
    view = await _access_of(case, user_id)
    return View(view.text, (*view.keyboard, *await keys.choice(case, user_id)))


async def _access_of(case: Case, user_id: UserId) -> View:
    tx = case.tx
    open_ones = await tx.requests.open_of(user_id)
    has = await holdings.of_person(tx, case.now, user_id)
    accounts = {one.grant.user_id for one in has if one.grant.user_id is not None}
    names = {account: await tx.people.name_of(account) for account in accounts}
    used = await last_uses(tx, [one.grant.id for one in has])
    lost = await cards.never_came(case, user_id)
    if lost is None:
        return views.my_access(user_id, open_ones, has, names, used)
    told = await cards.asked(case, lost)
    if not open_ones and not has:
        return told
    view = views.my_access(user_id, open_ones, has, names, used)
    return View(blocks(told.text, view.text), (*told.keyboard, *view.keyboard))


async def _parse(scene: Scene, rest: str) -> tuple[int | None, ServerName | None, str]:
    """Duration and server in either order at the beginning; all that follows is the reason."""
    names = {known.name for known in await destinations.every(scene.tx)}
    duration: int | None = None
    server: ServerName | None = None
    words_left = rest.split()
    while words_left:
        word = words_left[0]
        if duration is None and word[0].isascii() and word[0].isdigit():
            duration = parse_duration(word)
        elif server is None and word.lower() in names:
            server = ServerName(word.lower())
        else:
            break
        words_left.pop(0)
    return duration, server, " ".join(words_left)
