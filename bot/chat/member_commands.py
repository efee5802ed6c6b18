"""Commands for everybody who is on the list: ask, look, and what help says."""

from bot.access import holdings, messages, requests
from bot.access.durations import parse_duration
from bot.access.permission import Act, require
from bot.chat import views
from bot.chat.scene import SILENT, Reply, Scene, say
from bot.texts import chat as words
from bot.texts.fill import blocks, fill
from storage.records import OutboxKind, RequestState, ServerName


async def start(scene: Scene, _rest: str) -> Reply:
    """Who you are to the bot. An admin also gets the cards that wait for a decision."""
    if scene.actor.is_admin or scene.actor.is_allowed:
        # Strangers have the menu that everybody has: a flood of theirs must not set one each time.
        await scene.tx.outbox.add(scene.chat, OutboxKind.MENU, {}, now=scene.case.now)
    if scene.actor.is_admin:
        await _missed_cards(scene)
    return await help_(scene, "")


async def help_(scene: Scene, _rest: str) -> Reply:
    """What somebody can do; a stranger learns their id and nothing else."""
    actor = scene.actor
    if not actor.is_allowed and not actor.is_admin:
        return say(fill(words.STRANGER, id=scene.user_id))
    admin = words.HELP_ADMIN if actor.is_admin else ""
    member = words.HELP_MEMBER
    if not actor.is_allowed:
        member = fill(words.ADMIN_NOT_LISTED, id=scene.user_id)
    return say(blocks(fill(words.HELLO, name=actor.name), member, admin))


async def request_vpn(scene: Scene, rest: str) -> Reply:
    """/requestvpn [duration] [server] [reason]."""
    require(scene.actor, Act.ASK)
    duration, server, reason = await _parse(scene, rest)
    asked = await requests.ask(scene.case, duration=duration, server=server, reason=reason)
    if asked.servers:
        return Reply(views.choose_server(asked.request, asked.servers))
    await messages.asked(scene.case, asked.request)
    return SILENT


async def my_vpn(scene: Scene, _rest: str) -> Reply:
    """/myvpn."""
    require(scene.actor, Act.ASK)
    open_ones = await scene.tx.requests.open_of(scene.user_id)
    has = await holdings.of_person(scene.tx, scene.case.now, scene.user_id)
    accounts = {one.grant.user_id for one in has if one.grant.user_id is not None}
    names = {account: await scene.tx.people.name_of(account) for account in accounts}
    return Reply(views.my_access(scene.user_id, open_ones, has, names))


async def _parse(scene: Scene, rest: str) -> tuple[int | None, ServerName | None, str]:
    """Duration and server in either order at the beginning; all that follows is the reason."""
    names = {known.name for known in await scene.tx.servers.all()}
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


async def _missed_cards(scene: Scene) -> None:
    """Cards that could not be sent before this admin had pressed Start."""
    for request in await scene.tx.requests.pending():
        posted = await scene.tx.posted.about(OutboxKind.CARD, str(request.id))
        if request.state is RequestState.PENDING and all(
            message.chat_id != scene.chat for message in posted
        ):
            await scene.tx.outbox.add(
                scene.chat, OutboxKind.CARD, {"request": request.id}, now=scene.case.now
            )
