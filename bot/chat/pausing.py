"""/pause and /resume: who is kept out for a while, and who is back."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from bot.access import days, pausing, revocation, who
from bot.access.matching import Fits
from bot.access.permission import Act, require
from bot.chat import buttons, questions, views, whom
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.scene import Reply, Scene, say
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import pausing as said
from bot.texts import questions as asking
from bot.texts.fill import Html, blocks, escaped, fill, moment, plain_in_chat
from storage.pauses import PersonPause
from storage.records import OutboxKind, Person, UserId

_UNTIL = " until "


async def pause(scene: Scene, rest: str) -> Reply:
    """/pause [WHO [until DAY]]: at once where exactly one person fits, else a list to tap."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    if not rest:
        return await to_pause(scene)
    name, _, day = rest.partition(_UNTIL)
    until = days.parse_day(day, scene.case.now, scene.case.rules.zone) if day.strip() else None
    fits = await who.people_meant(scene.case, name.strip())
    if not fits.exactly_one:
        return await _choice(scene, name.strip(), fits)
    return await _pause_now(scene, fits.people[0].id, until)


async def tap_pause(scene: Scene, meant: Meant) -> Reply:
    """Asks, and pauses on a yes to just that."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    question = await questions.pause(scene, meant.person)
    if reply := question.unless_answered(meant):
        return reply
    done = await _pause_now(scene, meant.person, None)
    return replace(done, toast=Html(said.PAUSED_TOAST), edit=True)


async def resume(scene: Scene, rest: str) -> Reply:
    """/resume [WHO]."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    if not rest:
        return await _to_resume(scene, await scene.tx.pauses.all())
    fits = await who.people_meant(scene.case, rest)
    if fits.exactly_one:
        return await _resume_now(scene, fits.people[0].id)
    paused = await scene.tx.pauses.some(person.id for person in (*fits.people, *fits.near))
    if not paused:
        raise who.not_one(rest, fits)
    return await _to_resume(scene, paused.values())


async def tap_resume(scene: Scene, meant: Meant) -> Reply:
    """Ends the pause that the button was shown for; where that is another one by now, it asks."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    pause = await scene.tx.pauses.of(meant.person)
    if pause is None or questions.pause_digest(pause) == meant.digest:
        return await _resume_now(scene, meant.person)
    name = await who.name_of(scene.tx, meant.person)
    text = blocks(asking.QUESTION_CHANGED, Html(f"{escaped(name)}: {line(pause)}"))
    toast = Html(asking.QUESTION_CHANGED_TOAST)
    return Reply(View(text, ((_back(name, pause),),)), toast, edit=True, alert=True)


async def button(scene: Scene, person: Person) -> Button:
    """What may be done about one person who is shown."""
    pause = await scene.tx.pauses.of(person.id)
    if pause is not None:
        return _back(await who.name_of(scene.tx, person.id), pause)
    name = await who.name_of(scene.tx, person.id)
    return Button(said.BUTTON_PAUSE.format(name=name), buttons.data(Tap.PAUSE, person.id))


def line(pause: PersonPause) -> Html:
    """What a list says of somebody who is paused."""
    template = said.PERSON_PAUSED if pause.until is None else said.PERSON_PAUSED_UNTIL
    until = None if pause.until is None else moment(pause.until)
    return fill(template, since=moment(pause.since), until=until)


async def _pause_now(scene: Scene, user_id: UserId, until: datetime | None) -> Reply:
    done = await pausing.pause(scene.case, user_id, until)
    name = await who.name_of(scene.tx, user_id)
    text = fill(said.PAUSED_OPEN, name=name)
    if until is not None:
        text = fill(said.PAUSED_UNTIL, name=name, until=moment(until))
    pause = await scene.tx.pauses.of(user_id)
    assert pause is not None
    back = _back(name, pause)
    if done.grants:
        await revocation.ask_receipt(scene.case, scene.chat, done.grants)
        return Reply(View(blocks(text, words.WORKING), ((back,),)))
    return Reply(View(blocks(text, said.WITHOUT_PROFILES), ((back,),)))


async def _resume_now(scene: Scene, user_id: UserId) -> Reply:
    done = await pausing.resume(scene.case, user_id)
    name = await who.name_of(scene.tx, user_id)
    if not done.grants:
        return say(fill(said.RESUMED_NOTHING, name=name))
    payload = {"person": user_id}
    await scene.tx.outbox.add(scene.chat, OutboxKind.RESUME, payload, now=scene.case.now)
    return Reply(toast=Html(plain_in_chat(said.RESUMING, name=name)))


async def to_pause(scene: Scene, meant: Meant | None = None, search: str = "") -> Reply:
    """/pause without a name: the allowlist, to tap; or those of many on it whose names have these
    words."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    offset, search = (meant.page or 0, meant.search) if meant is not None else (0, search)
    keyboard = await whom.listed(
        scene, search, offset, label=said.BUTTON_PAUSE, each=Tap.PAUSE, all_=Tap.PAUSE_LIST
    )
    if not keyboard:
        return say(words.USERS_NONE)
    text = blocks(said.CHOOSE_PAUSE, "" if search else Html(said.USAGE))
    return Reply(View(text, keyboard), edit=meant is not None)


async def _choice(scene: Scene, name: str, fits: Fits) -> Reply:
    candidates = [person for person in (*fits.people, *fits.near) if person.allowed]
    if search := await whom.searched(scene, fits, name, shown=len(candidates)):
        return await to_pause(scene, search=search)
    if not candidates:
        raise who.not_one(name, Fits())
    rows = await views.person_buttons(scene.tx, candidates, said.BUTTON_PAUSE, Tap.PAUSE)
    return Reply(views.choice(words.CHOOSE_AMONG, rows, "/pause ID until DAY"))


async def _to_resume(scene: Scene, pauses: Iterable[PersonPause]) -> Reply:
    paused = {one.user_id: one for one in pauses}
    people = [*(await scene.tx.people.some(paused)).values()]
    if not people:
        return say(said.NOBODY_PAUSED)
    names = await who.told_apart(scene.tx, people)
    rows = [_back(name, paused[user_id], Style.MAIN) for user_id, name in names.items()]
    text = fill(said.CHOOSE_RESUME, count=len(people))
    return Reply(views.choice(text, rows, "/resume ID"))


def _back(name: str, pause: PersonPause, style: Style | None = None) -> Button:
    """Ends this pause, and no later one."""
    data = buttons.data(Tap.RESUME, pause.user_id, questions.pause_digest(pause))
    return Button(said.BUTTON_RESUME.format(name=name), data, style)
