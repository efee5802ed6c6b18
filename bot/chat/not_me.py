"""Was this you? The question to the owner of a profile, and what came of it."""

from bot.access import holdings, not_me, revocation
from bot.access.case import Case
from bot.chat import buttons
from bot.chat.buttons import Button, Keyboard, Meant, Style, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import joining as joining_words
from bot.texts import not_me as words
from bot.texts.fill import Html, blocks, fill, lines, moment
from storage.records import LIVE_STATES, EndReason, Grant
from storage.use_records import AskedUse, AskedUseId, UseKind

_ASK_AGAIN = ((Button(joining_words.BUTTON_ASK, buttons.data(Tap.ASK), Style.MAIN),),)


async def tapped(scene: Scene, meant: Meant) -> Reply:
    """Takes the answer, in the place of the question."""
    earlier = await scene.tx.asked_uses.get(meant.use)
    done = await not_me.answer(scene.case, meant.use, was_owner=meant.tap is Tap.WAS_ME)
    if done.ended:
        await revocation.ask_receipt(scene.case, scene.chat, done.ended)
    is_new = done.use != earlier
    toast = words.YES_TOAST if done.use.was_owner else words.NO_OVER_TOAST
    if not is_new:
        toast = words.SAID_ALREADY_TOAST if done.use.answered_at else words.OVER_TOAST
    elif done.ended:
        toast = words.NO_TOAST
    return Reply(await view(scene.case, done.use, done.grant), Html(toast), edit=True)


async def view_of(case: Case, number: AskedUseId) -> View:
    """See `view`."""
    use = await case.tx.asked_uses.get(number)
    assert use is not None
    return await view(case, use, await revocation.known_grant(case.tx, use.grant_id))


async def view(case: Case, use: AskedUse, grant: Grant) -> View:
    """The use as its owner reads of it now: to answer, or with what came of it."""
    told = _told(use, grant)
    if use.was_owner:
        return View(blocks(told, words.YES))
    is_open = await holdings.may_let_in(case.tx, case.now, grant)
    at = moment(grant.revoked_at or grant.not_after)
    if use.was_owner is False:
        if grant.end_reason is EndReason.STOLEN and use.answered_at == grant.revoked_at:
            return View(blocks(told, words.NO), _ASK_AGAIN)
        template = words.NO_ENDING if is_open else words.NO_OVER
        return View(blocks(told, fill(template, at=at)))
    if grant.state not in LIVE_STATES:
        return View(blocks(told, fill(words.ENDING if is_open else words.OVER, at=at)))
    return View(blocks(told, words.QUESTION), _keyboard(use))


def _told(use: AskedUse, grant: Grant) -> Html:
    is_ours = grant.imported_at is None
    values = {
        "server": grant.server if is_ours else use.server,
        "common_name": grant.common_name,
        "at": moment(use.used_at),
    }
    if use.kind is UseKind.TWICE:
        template = words.TWICE if is_ours else words.TWICE_IMPORTED
        one, other = use.addresses
        return fill(template, one=one, other=other, **values)
    whence = {True: words.FROM_FAMILIAR, False: words.FROM_NEW, None: words.FROM}[use.is_familiar]
    return lines(
        fill(words.FIRST if is_ours else words.FIRST_IMPORTED, **values),
        fill(whence, address=use.addresses[0]),
        words.PLATFORMS.get(use.platform or "", ""),
    )


def _keyboard(use: AskedUse) -> Keyboard:
    return (
        (
            Button(words.BUTTON_YES, buttons.data(Tap.WAS_ME, use.id), Style.GOOD),
            Button(words.BUTTON_NO, buttons.data(Tap.NOT_ME, use.id), Style.BAD),
        ),
    )
