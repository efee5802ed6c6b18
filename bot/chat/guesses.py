"""What is typed and is no command of ours: the nearest one, and buttons instead of a dead end.

A tap on a guess does only what somebody asks for themselves, or shows something. What an admin
mistyped that would change something for others is theirs to send again.
"""

import json
from dataclasses import replace
from datetime import timedelta

from anyascii import anyascii
from telegram import Update

from bot.access.permission import Act, Actor, may
from bot.access.refusals import Refusal, Refused
from bot.chat import buttons, late
from bot.chat.buttons import Button, Keyboard, Meant, Style, Tap
from bot.chat.commands import COMMANDS, help_
from bot.chat.incoming import Typed, read_update
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import questions as asking
from bot.texts.fill import Html, fill
from storage.name_keys import name_key

_SHOWN = 3
# A word of so many letters may lack the rest, or have one wrong.
_BEGINNING = 3
_WORDS_OF_A_CRY = 3
# Somebody who taps later may not know any more what they typed.
_FRESH = timedelta(minutes=5)


async def answer(scene: Scene, typed: Typed) -> Reply:
    """To what is no command of ours; a stranger hears the same of everything."""
    if not scene.actor.is_known:
        return await help_(scene, "")
    said = _words(typed)
    if said and said[0] in words.HELP_WORDS and len(said) <= _WORDS_OF_A_CRY:
        return await help_(scene, "")
    near = _near(scene.actor, said[0] if said else "", is_command=bool(typed.command))
    unknown = words.UNKNOWN_COMMAND if typed.command else words.NOT_A_COMMAND
    if not near:
        return Reply(View(Html(unknown), keyboard(scene.actor)))
    rest = _rest(typed)
    first = near[0]
    if _is_for_a_tap(first):
        template = asking.DID_YOU_MEAN if typed.command else asking.DID_YOU_MEAN_WORD
        text = fill(template, typed=typed.command, command=first)
    else:
        text = fill(asking.DID_YOU_MEAN_COPY, whole=f"/{first} {rest}".strip())
    item = scene.item
    assert item is not None
    taps = [name for name in near if _is_for_a_tap(name)]
    if taps:
        await scene.tx.inbox.hold(item.update_id, item.payload)
    yes = [
        (
            Button(
                words.BUTTON_MEANT.format(command=f"/{name}"),
                buttons.data(Tap.MEANT, item.update_id, name),
                Style.MAIN,
            ),
        )
        for name in taps
    ]
    return Reply(View(text, (*yes, *keyboard(scene.actor))))


def keyboard(actor: Actor) -> Keyboard:
    """What most people want, a tap away."""
    if not actor.is_known:
        return ()
    names = ["requestvpn", "myvpn"] if may(actor, Act.ASK) else ["pending", "grants"]
    rows = [[*names], ["help"]]
    return tuple(
        tuple(Button(words.BUTTON_COMMANDS[name], buttons.data(Tap.COMMAND, name)) for name in row)
        for row in rows
    )


async def tapped(scene: Scene, meant: Meant) -> Reply:
    """One of the buttons of `keyboard`, below the message, which stays as it is."""
    if not scene.actor.is_known:
        raise Refused(Refusal.NOT_ALLOWED)  # any more
    if meant.command not in words.BUTTON_COMMANDS:
        raise Refused(Refusal.NO_BUTTON)
    command = COMMANDS[meant.command]
    return await command.handle(replace(scene, message_id=None), "")


async def meant(scene: Scene, meant: Meant) -> Reply:
    """The yes to a guess: does what was typed, as that command.

    Raises:
        Refused: NOT_YOURS, NO_BUTTON where it was not offered, and what the command says.
    """
    payload = await scene.tx.inbox.held(meant.update)
    if payload is None:
        return Reply(View(Html(asking.LATE_GONE)), edit=True)
    typed = read_update(Update.de_json(json.loads(payload), None))
    if not isinstance(typed, Typed) or typed.sender.user_id != scene.user_id:
        raise Refused(Refusal.NOT_YOURS)
    said = _words(typed)
    near = _near(scene.actor, said[0] if said else "", is_command=bool(typed.command))
    if meant.command not in near or not _is_for_a_tap(meant.command):
        raise Refused(Refusal.NO_BUTTON)
    as_meant = replace(typed, command=meant.command, rest=_rest(typed))
    if scene.case.now - typed.at > _FRESH and COMMANDS[meant.command].acts(as_meant.rest):
        await scene.tx.inbox.release(meant.update)
        return Reply(View(Html(asking.LATE_GONE)), edit=True)
    return await late.go_on(scene, meant, as_meant, payload)


def _words(typed: Typed) -> list[str]:
    text = f"{typed.command} {typed.rest}" if typed.command else typed.rest
    return [word.strip(".,;:!()\"'") or word for word in name_key(text).split()]


def _rest(typed: Typed) -> str:
    """What follows the command, or the word that was meant as one."""
    if typed.command:
        return typed.rest
    return typed.rest.split(maxsplit=1)[1] if len(typed.rest.split()) > 1 else ""


def _is_for_a_tap(name: str) -> bool:
    return not COMMANDS[name].changes or COMMANDS[name].act is Act.ASK


def _near(actor: Actor, word: str, *, is_command: bool) -> list[str]:
    """Which of the commands that are this person's may be meant, the likeliest first."""
    theirs = [
        name for name, command in COMMANDS.items() if command.act is None or may(actor, command.act)
    ]
    # A letter of another alphabet looks the same.
    plain = anyascii(word).lower().replace("-", "").replace("_", "")
    if plain in theirs:
        return [plain]
    if len(plain) < _BEGINNING:
        return []
    slips = [name for name in theirs if _is_one_edit_away(plain, name)]
    if slips or not is_command:
        # In a sentence only a word that is all but the command itself is meant as one.
        return slips[:_SHOWN]
    begun = [name for name in theirs if name.startswith(plain) or plain.startswith(name)]
    called = [name for name in theirs if plain in words.CALLED.get(name, ())]
    within = [name for name in theirs if plain in name]
    return list(dict.fromkeys([*called, *begun, *within]))[:_SHOWN]


def _is_one_edit_away(word: str, name: str) -> bool:
    """By one letter that is wrong, missing, too many, or that changed places with the next."""
    word, name = _without_same_beginning(word, name)
    drow, eman = _without_same_beginning(word[::-1], name[::-1])
    changed_places = len(drow) == len("ab") and drow == eman[::-1]
    return changed_places or max(len(drow), len(eman)) <= 1


def _without_same_beginning(one: str, other: str) -> tuple[str, str]:
    same = 0
    while one[same : same + 1] and one[same : same + 1] == other[same : same + 1]:
        same += 1
    return one[same:], other[same:]
