"""A stranger asks to join, and an admin answers."""

from bot.access import joining, requests
from bot.access.case import Case
from bot.access.refusals import Refusal, Refused
from bot.chat import buttons
from bot.chat.buttons import Button, Keyboard, Meant, Style, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import chat as chat_words
from bot.texts import joining as words
from bot.texts import refusals
from bot.texts.fill import Html, fill, lines, moment, plain_in_chat
from storage.joining_records import Knock
from storage.records import UserId

_TOO_LATE = frozenset({Refusal.KNOCK_OVER, Refusal.KNOCK_ANSWERED})
_ASK: Keyboard = ((Button(words.BUTTON_JOIN, buttons.data(Tap.JOIN), Style.MAIN),),)


async def stranger(scene: Scene) -> View:
    """All that somebody hears whom nobody knows."""
    knock = await scene.tx.knocks.get(scene.user_id)
    if knock is not None and not joining.may_ask_again(scene.case, knock):
        if knock.answered_at is None:
            return View(fill(words.KNOCKED, id=scene.user_id))
        return View(fill(chat_words.STRANGER, id=scene.user_id))
    return View(fill(chat_words.STRANGER, id=scene.user_id), _ASK)


async def ask(scene: Scene, _meant: Meant) -> Reply:
    """The button of a stranger. What comes of it is said whatever else they were told."""
    await joining.ask(scene.case)
    said = words.KNOCKED if await requests.admin_reachable(scene.case) else words.KNOCKED_NOBODY
    view = View(fill(said, id=scene.user_id))
    return Reply(view, Html(words.KNOCKED_TOAST), edit=True, owed=True)


async def answer(scene: Scene, meant: Meant) -> Reply:
    """Allow or Deny on a card, which follows by itself; too late, it loses its buttons."""
    allowed = meant.tap is Tap.JOIN_YES
    try:
        done = await joining.answer(scene.case, meant.person, meant.since, allowed=allowed)
    except Refused as refused:
        if refused.code not in _TOO_LATE:
            raise
        said = View(refusals.in_chat(refused))
        return Reply(said, Html(refusals.in_toast(refused)), edit=True, alert=True)
    toast = words.ALLOWED_TOAST if allowed else words.REFUSED_TOAST
    return Reply(toast=Html(plain_in_chat(toast, name=done.name)))


async def card(case: Case, user_id: UserId) -> View:
    """As it is now: to answer, or with the answer."""
    knock = await case.tx.knocks.get(user_id)
    assert knock is not None
    if knock.answered_at is not None:
        said = words.KNOCK_ALLOWED if knock.allowed else words.KNOCK_NO
        at, admin = moment(knock.answered_at), knock.answered_by_name
        return View(fill(said, name=knock.name, admin=admin, at=at))
    if joining.is_over(case, knock):
        return View(fill(words.KNOCK_LAPSED, name=knock.name))
    removed_at = await case.tx.invitations.removed_at(user_id)
    before = Html("")
    if removed_at is not None:
        name = await case.tx.people.name_of(user_id)
        before = fill(words.KNOCK_BEFORE, name=name, at=moment(removed_at))
    who = fill(
        words.KNOCK_PERSON if knock.username else words.KNOCK_PERSON_NO_USERNAME,
        username=f"@{knock.username}",
        id=user_id,
    )
    text = lines(fill(words.KNOCK_TITLE, name=knock.name), who, before)
    return View(text, (_answers(knock),))


def _answers(knock: Knock) -> tuple[Button, ...]:
    asked_at = int(knock.asked_at.timestamp())
    yes = buttons.data(Tap.JOIN_YES, knock.user_id, asked_at)
    no = buttons.data(Tap.JOIN_NO, knock.user_id, asked_at)
    return (
        Button(words.BUTTON_JOIN_YES, yes, Style.GOOD),
        Button(words.BUTTON_JOIN_NO, no, Style.BAD),
    )
