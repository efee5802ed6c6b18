"""What somebody asks for by /requestvpn, and the question for how long, where that is not clear.

The command waits in the inbox as it came, and the tap only adds the duration.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from telegram import Update

from bot.access import asking, destinations, messages, spoken, starts
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.chat import buttons, choosing
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.incoming import Typed, read_update
from bot.chat.scene import SILENT, Reply, Scene
from bot.chat.views import View
from bot.texts import questions as question_words
from bot.texts.durations import duration_text
from bot.texts.fill import Html, blocks, fill
from storage.devices import Device
from storage.records import ServerName

# Where nobody can tell what was meant.
_USUAL = (8 * 3600, 86_400, 7 * 86_400)
_TO = frozenset({"for", "to", "on", "at", "in"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; `unclear` are durations of which one may be meant, None where it's clear.

    Without a duration it is for as long as usual.
    """

    duration: int | None
    server: ServerName | None
    reason: str
    unclear: tuple[int, ...] | None = None
    starts_at: datetime | None = None


def written_at(scene: Scene) -> datetime:
    """When the command of this scene was written, which may have waited since."""
    typed = None
    if scene.item is not None:
        typed = read_update(Update.de_json(json.loads(scene.item.payload), None))
    return typed.at if isinstance(typed, Typed) else scene.case.now


async def read(scene: Scene, rest: str, at: datetime) -> Wanted:
    """Duration, server and beginning in any order; all that follows is the reason.

    Args:
        at: when it was written: tomorrow is the day after that.

    Raises:
        Refused: BAD_START, START_PAST, START_FAR.
    """
    names = {known.name for known in await destinations.every(scene.tx)}
    duration: int | None = None
    server: ServerName | None = None
    starts_at: datetime | None = None
    at = min(at, scene.case.now)
    left = rest.split()
    while left:
        start = starts.leading(left, at, scene.case.rules.zone)
        if start is not None and starts_at is None:
            starts_at, left = start.at, left[start.length :]
            continue
        if duration is None and (found := spoken.leading(left)):
            duration, length = found
            left = left[length:]
            continue
        word = 1 if len(left) > 1 and left[0].lower() in _TO else 0
        name = left[word].lower().strip(",.:;")
        if server is not None or name not in names:
            break
        server, left = ServerName(name), left[word + 1 :]
    unclear = spoken.guesses(left) if duration is None else None
    if unclear is not None:
        usual, most = scene.case.rules.default_duration, scene.case.rules.max_duration
        fitting = [one for one in unclear if one <= most]
        offered = fitting or [one for one in (*_USUAL, most) if unclear == () or one == most]
        unclear = tuple(dict.fromkeys(one for one in offered if one <= most and one != usual))
    return Wanted(duration, server, " ".join(left), unclear, starts_at)


async def ask(scene: Scene, wanted: Wanted, *, device: Device | None = None) -> Reply:
    """Asks the admins, or first for the server; in the place of the question that was tapped."""
    asked = await asking.ask(
        scene.case,
        duration=wanted.duration,
        server=wanted.server,
        reason=wanted.reason,
        starts_at=wanted.starts_at,
        device=device,
    )
    is_tap = scene.message_id is not None
    if asked.servers:
        return Reply(await choosing.question(scene, asked.request), edit=is_tap)
    await messages.asked(scene.case, asked.request, instead_of=scene.message_id)
    return Reply(toast=choosing.toast(asked)) if is_tap else SILENT


async def ask_back(scene: Scene, wanted: Wanted) -> Reply:
    """One tap says for how long. What was typed is kept until then."""
    assert scene.item is not None
    assert wanted.unclear is not None
    item = scene.item
    await scene.tx.inbox.hold(item.update_id, item.payload)
    usual = duration_text(scene.case.rules.default_duration)
    rows = [
        (Button(duration_text(one), buttons.data(Tap.HOW_LONG, item.update_id, one)),)
        for one in wanted.unclear
    ]
    as_usual = Button(
        question_words.BUTTON_AS_USUAL.format(duration=usual),
        buttons.data(Tap.HOW_LONG, item.update_id),
        Style.MAIN,
    )
    text = blocks(
        fill(question_words.HOW_LONG, typed=wanted.reason), Html(question_words.HOW_LONG_REASON)
    )
    forget = Button(question_words.BUTTON_LATE_NO, buttons.data(Tap.LATE_NO, item.update_id))
    return Reply(View(text, (*rows, (as_usual,), (forget,))))


async def answered(scene: Scene, meant: Meant) -> Reply:
    """The answer: one of the durations that were offered, or the usual one.

    Raises:
        Refused: NOT_YOURS, NOT_OFFERED, and whatever `asking.ask` says.
    """
    payload = await scene.tx.inbox.held(meant.update)
    if payload is None:
        return Reply(View(Html(question_words.LATE_GONE)), edit=True)
    typed = read_update(Update.de_json(json.loads(payload), None))
    if not isinstance(typed, Typed) or typed.sender.user_id != scene.user_id:
        raise Refused(Refusal.NOT_YOURS)
    require(scene.actor, Act.ASK)
    wanted = await read(scene, typed.rest, typed.at)
    if wanted.unclear is None or (meant.duration and meant.duration not in wanted.unclear):
        raise Refused(Refusal.NOT_OFFERED)
    await scene.tx.inbox.release(meant.update)
    chosen = replace(wanted, duration=meant.duration, unclear=None)
    return await ask(scene, chosen)
