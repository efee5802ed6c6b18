"""What somebody does with a request of theirs that waits: another time, and why they ask."""

from collections.abc import Sequence

from bot.access import approvals, changing, messages, reminding, requests
from bot.access.case import Case
from bot.access.hearing import Hearing, hear
from bot.chat import buttons, views
from bot.chat.buttons import Button, Keyboard, Meant, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import more_time as time_words
from bot.texts import offers as offer_words
from bot.texts import policy
from bot.texts import requests as request_words
from bot.texts.durations import duration_text
from bot.texts.fill import Html, blocks, fill, lines, moment, plain_in_chat
from storage.records import LIVE_STATES, OutboxKind, PostedMessage, Request, RequestId

_IN_A_ROW = 3


async def waiting(case: Case, request: Request, *, admin_reachable: bool) -> View:
    """A request that waits, as whoever asked sees it."""
    notes = await case.tx.request_notes.of(request.id)
    nudge: tuple[Button, ...] = ()
    if admin_reachable and notes.nudged_at is None:
        nudge = (Button(request_words.BUTTON_NUDGE, buttons.data(Tap.NUDGE, request.id)),)
    keyboard = (
        (
            Button(request_words.BUTTON_HOW_LONG, buttons.data(Tap.CHANGE, request.id)),
            Button(
                request_words.BUTTON_OTHER_WHY if request.reason else request_words.BUTTON_WHY,
                buttons.data(Tap.REASON, request.id),
            ),
        ),
        (*nudge, views.cancel_button(request)),
    )
    return View(await _said(case, request, admin_reachable=admin_reachable), keyboard)


async def _said(case: Case, request: Request, *, admin_reachable: bool) -> Html:
    template = words.ASKED if admin_reachable else words.ASKED_NOBODY
    heard = await hear(case, request)
    needed, extended = heard.vote(heard.limit), heard.extended
    whom = await asked_by_name(case, heard) if admin_reachable else ()
    notes = await case.tx.request_notes.of(request.id)
    return lines(
        fill(
            template,
            server=request.server,
            duration=duration_text(request.duration),
            count=needed.in_all,
        ),
        fill(request_words.ASKED_WHOM, names=views.by_name(whom)) if whom else "",
        fill(request_words.ASKED_WHY, reason=request.reason) if request.reason else "",
        fill(policy.ASKED_FROM, start=moment(request.starts_at)) if request.starts_at else "",
        fill(time_words.ASKED, until=moment(extended.not_after))
        if extended is not None and extended.state in LIVE_STATES
        else "",
        fill(request_words.ASKED_REMINDED, at=moment(notes.reminded_at))
        if notes.reminded_at
        else "",
        fill(request_words.ASKED_NUDGED, at=moment(notes.nudged_at)) if notes.nudged_at else "",
        _closed_now(case),
        Html(offer_words.ASKED_DEVICE[request.device])
        if request.device and extended is None
        else "",
    )


def _closed_now(case: Case) -> Html | str:
    """When to expect an answer, where nobody is there now."""
    hours = case.rules.hours
    if hours is None or hours.is_open(case.now):
        return ""
    return fill(policy.CLOSED_NOW, hours=hours.text, at=moment(hours.opens_at(case.now)))


async def asked_by_name(case: Case, heard: Hearing) -> Sequence[str]:
    """The names of those who can read its card, each once; never the requester's own."""
    people = {heard.requester}
    names = []
    for one in await approvals.asked(case, heard):
        person, account = heard.person_of(one), heard.accounts[one]
        if account is None or account.reachable is False or account.name == str(account.id):
            continue  # whoever is known by their number only has never written
        if person not in people:
            people.add(person)
            names.append(account.name)
    return names


async def change(scene: Scene, meant: Meant) -> Reply:
    """Another duration: which there are, and then the one that was tapped."""
    if meant.duration is not None:
        await changing.change_duration(scene.case, meant.request, meant.duration)
        await _show(scene, meant.request)
        return Reply(toast=Html(request_words.CHANGED_TOAST))
    request = await changing.changeable(scene.case, meant.request)
    durations = [
        Button(duration_text(one), buttons.data(Tap.CHANGE, request.id, one))
        for one in await changing.other_durations(scene.case, request)
    ]
    rows = [tuple(durations[at : at + _IN_A_ROW]) for at in range(0, len(durations), _IN_A_ROW)]
    return await _asks(scene, request, request_words.HOW_LONG_ELSE, tuple(rows))


async def say_why(scene: Scene, meant: Meant) -> Reply:
    """How a reason is given."""
    request = await changing.changeable(scene.case, meant.request)
    return await _asks(scene, request, request_words.HOW_TO_SAY_WHY, ())


async def back(scene: Scene, meant: Meant) -> Reply:
    """To the request as it is."""
    request = await requests.own(scene.case, meant.request)
    await _show(scene, request.id)
    return Reply()


async def nudge(scene: Scene, meant: Meant) -> Reply:
    """Brings the request back to those who have not decided."""
    asked = await reminding.nudge(scene.case, meant.request)
    await _show(scene, meant.request)
    names = [await scene.tx.people.name_of(one) for one in asked]
    toast = plain_in_chat(request_words.NUDGED_TOAST, names=views.by_name(names))
    return Reply(toast=Html(toast))


async def take_reason(scene: Scene, request_id: RequestId, typed: str) -> Reply:
    """What was written as a reply to the request."""
    await changing.change_reason(scene.case, request_id, typed)
    return Reply(View(Html(request_words.CHANGED_REASON)))


async def _asks(scene: Scene, request: Request, question: str, rows: Keyboard) -> Reply:
    reachable = await requests.reachable(scene.case, request)
    said = await _said(scene.case, request, admin_reachable=reachable)
    back = Button(request_words.BUTTON_BACK, buttons.data(Tap.MINE, request.id))
    return Reply(View(blocks(said, question), (*rows, (back,))), edit=True)


async def _show(scene: Scene, request_id: RequestId) -> None:
    """The tapped message, as it is now, whether it is remembered or not."""
    if scene.message_id is not None:
        kind, now = OutboxKind.ASKED, scene.case.now
        tapped = PostedMessage(scene.chat, scene.message_id, kind, str(request_id), now)
        await messages.edit_card(scene.case, tapped)
