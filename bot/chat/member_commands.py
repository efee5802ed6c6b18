"""Commands for everybody who is on the list: ask, and look."""

from bot.access import holdings
from bot.access.case import Case
from bot.access.lineage import Lineage
from bot.access.permission import Act, require
from bot.access.usage import last_uses
from bot.chat import cards, how_long, keys, offers, views
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts.fill import blocks
from storage.records import UserId


async def request_vpn(scene: Scene, rest: str) -> Reply:
    """/requestvpn [duration] [server] [reason]."""
    require(scene.actor, Act.ASK)
    wanted = await how_long.read(scene, rest, how_long.written_at(scene))
    if (offered := await offers.offer(scene, wanted, rest)) is not None:
        return offered
    if wanted.unclear is not None:
        return await how_long.ask_back(scene, wanted)
    return await how_long.ask(scene, wanted)


async def my_vpn(scene: Scene, _rest: str) -> Reply:
    """/myvpn."""
    require(scene.actor, Act.LOOK_OWN)
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
    lineage = await Lineage.of(tx, user_id)
    lasting = {
        one.grant.id: lineage.later(one.grant) is not None
        for one in has
        if one.is_live and lineage.lasts(one.grant)
    }
    lost = await cards.never_came(case, user_id)
    pause = await tx.pauses.of(user_id)
    if lost is None or pause is not None:
        return views.my_access(
            user_id, open_ones, has, names, used, pause, lasting, lineage.devices()
        )
    told = await cards.asked(case, lost)
    if not open_ones and not has:
        return told
    view = views.my_access(user_id, open_ones, has, names, used, None, lasting, lineage.devices())
    return View(blocks(told.text, view.text), (*told.keyboard, *view.keyboard))
