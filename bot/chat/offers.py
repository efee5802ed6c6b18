"""What whoever has a profile already probably wants, when they ask for VPN access.

What was typed waits in the inbox until a tap; where nothing was added to the command, nothing has
to wait, and the buttons carry 0 in its place.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from telegram import Update

from bot.access import asking, holdings
from bot.access.lineage import Lineage
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.chat import buttons, how_long
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.how_long import Wanted
from bot.chat.incoming import Typed, read_update
from bot.chat.scene import Reply, Scene
from bot.chat.views import View, told_apart
from bot.texts import offers as words
from bot.texts import questions as question_words
from bot.texts.fill import Html, blocks, fill, lines, moment
from storage.devices import Device
from storage.records import Grant, GrantState, RequestState

# Who has more of them finds the rest in /myvpn.
_SHOWN = 3
_IN_A_ROW = 2
_NOTHING_TYPED = 0


async def offer(scene: Scene, wanted: Wanted, rest: str) -> Reply | None:
    """What may be meant by asking; None where they have nothing of the kind, or wait for more."""
    if wanted.starts_at is not None:
        return None  # for a time to come nothing that lives now is meant
    live = [one for one in await _live(scene) if wanted.server in {None, one.server}]
    waiting = await scene.tx.requests.open_of(scene.user_id)
    servers = {one.server for one in live}
    if not live or any(
        one.state is RequestState.PENDING and one.server in servers for one in waiting
    ):
        return None
    number = _NOTHING_TYPED
    if rest.strip() and scene.item is not None:
        number = scene.item.update_id
        await scene.tx.inbox.hold(number, scene.item.payload)
    lineage = await Lineage.of(scene.tx, scene.user_id)
    shown = live[:_SHOWN]
    names = told_apart(shown, lineage.devices())
    said = [fill(words.HAVE_ONE, name=names[one.id], until=moment(one.not_after)) for one in shown]
    rows = [
        row for one in shown for row in _rows(one, names[one.id], number, lasts=lineage.lasts(one))
    ]
    another = Button(words.BUTTON_DEVICE, buttons.data(Tap.ANOTHER, number), Style.MAIN)
    rows.append((another,))
    if wanted.server is None and len(await asking.to_choose_from(scene.case, scene.user_id)) > 1:
        rows.append((Button(words.BUTTON_SERVER, buttons.data(Tap.ELSEWHERE, number)),))
    nothing = Tap.KEEP if number == _NOTHING_TYPED else buttons.data(Tap.LATE_NO, number)
    rows.append((Button(words.BUTTON_NOTHING, nothing),))
    return Reply(View(blocks(lines(*said), words.WHAT), tuple(rows)))


async def another(scene: Scene, meant: Meant) -> Reply:
    """One more profile: first for which device, then it is asked for.

    Raises:
        Refused: NOT_YOURS, NO_BUTTON, and whatever `asking.ask` says.
    """
    require(scene.actor, Act.ASK)
    wanted = await typed_before(scene, meant.update)
    if wanted is None:
        return Reply(View(Html(question_words.LATE_GONE)), edit=True)
    if not meant.device:
        devices = [
            Button(words.DEVICES[one], buttons.data(Tap.ANOTHER, meant.update, one))
            for one in Device
        ]
        rows = [tuple(devices[at : at + _IN_A_ROW]) for at in range(0, len(devices), _IN_A_ROW)]
        return Reply(View(Html(words.WHICH_DEVICE), tuple(rows)), edit=True)
    server = wanted.server
    servers = {one.server for one in await _live(scene)}
    if server is None and len(servers) == 1:
        (server,) = servers
    await scene.tx.inbox.release(meant.update)
    wanted = replace(wanted, server=server)
    return await how_long.ask(scene, wanted, device=Device(meant.device))


async def elsewhere(scene: Scene, meant: Meant) -> Reply:
    """What was asked for, for whatever server is chosen next.

    Raises:
        Refused: NOT_YOURS, and whatever `asking.ask` says.
    """
    require(scene.actor, Act.ASK)
    wanted = await typed_before(scene, meant.update)
    if wanted is None:
        return Reply(View(Html(question_words.LATE_GONE)), edit=True)
    await scene.tx.inbox.release(meant.update)
    return await how_long.ask(scene, wanted)


async def typed_before(scene: Scene, update: int) -> Wanted | None:
    """What was typed with the command that an offer answered; None where that is gone.

    Raises:
        Refused: NOT_YOURS.
    """
    if update == _NOTHING_TYPED:
        return Wanted(None, None, "")
    payload = await scene.tx.inbox.held(update)
    if payload is None:
        return None
    typed = read_update(Update.de_json(json.loads(payload), None))
    if not isinstance(typed, Typed) or typed.sender.user_id != scene.user_id:
        raise Refused(Refusal.NOT_YOURS)
    # A word that was meant as the command is none of what was added to it.
    rest = typed.rest if typed.command else typed.rest.partition(" ")[2]
    return await how_long.read(scene, rest, typed.at)


async def _live(scene: Scene) -> Sequence[Grant]:
    """Their own profiles, by this account."""
    has = await holdings.of_accounts(scene.tx, scene.case.now, [scene.user_id])
    return [one.grant for one in has if one.is_live and one.grant.imported_at is None]


def _rows(grant: Grant, name: str, number: int, *, lasts: bool) -> list[tuple[Button, ...]]:
    if grant.state is not GrantState.ACTIVE:
        return []  # it is on its way
    more = Button(
        words.BUTTON_MORE_TIME.replace("{name}", name),
        buttons.data(Tap.MORE_TIME, grant.id, *([number] if number else [])),
    )
    lost = Button(words.BUTTON_LOST.replace("{name}", name), buttons.data(Tap.RENEW, grant.id))
    return [(lost,)] if lasts else [(more,), (lost,)]
