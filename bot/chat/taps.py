"""What the buttons do. The data may be forged, so every tap goes through the use cases' checks."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.access import (
    asking,
    extending,
    grants,
    messages,
    people,
    requests,
    revocation,
    undoing,
    who,
)
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.chat import (
    absence,
    admin_commands,
    buttons,
    cards,
    choosing,
    denying,
    farewells,
    guesses,
    how_long,
    invitations,
    joining,
    keys,
    late,
    leaving,
    lists,
    longer,
    member_commands,
    more_time,
    not_me,
    offers,
    old_certificates,
    online,
    own_request,
    pausing,
    picking,
    questions,
    strangers,
    trouble,
    views,
    whom,
)
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import life, policy
from bot.texts.fill import Html, fill, moment, plain_in_chat
from storage.records import UNPROVED_STATES, Grant, OutboxKind, PostedMessage, Request

# Buttons on messages that are kept up to date until their request is decided.
_REMEMBERED = {
    Tap.APPROVE: OutboxKind.CARD,
    Tap.LONGER: OutboxKind.CARD,
    Tap.DENY: OutboxKind.CARD,
    Tap.DENY_WHY: OutboxKind.CARD,
    Tap.DENY_SO: OutboxKind.CARD,
    Tap.CANCEL: OutboxKind.ASKED,
    Tap.CHANGE: OutboxKind.ASKED,
    Tap.REASON: OutboxKind.ASKED,
    Tap.NUDGE: OutboxKind.ASKED,
    Tap.AGAIN: OutboxKind.ASKED,
}


# Answers to a question, which goes when it comes too late.
YES = frozenset(
    {
        *(Tap.RENEW_YES, Tap.GIVE_UP_YES, Tap.REVOKE_GRANT_YES, Tap.REVOKE_PERSON_YES),
        Tap.DENY_SAID,
    }
)


# A card whose buttons do not fit any more gets others.
DECIDES = frozenset({Tap.APPROVE, Tap.DENY, Tap.DENY_SO, Tap.DENY_SAID})


async def mend(scene: Scene, meant: Meant) -> None:
    """Takes the buttons from a message whose request is decided, if nothing else will.

    A message whose sender was killed before it could note it was sent a second time, and only that
    one is edited on the decision: of the first one nobody knows until it is tapped. Where it cannot
    be edited, being gone or inaccessible, a card that shows the decision comes in its place.
    """
    request = await scene.tx.requests.get(meant.request)
    if request is not None and request.decided_at is not None:
        await _edit_if_unknown(scene, meant)


async def mend_stale(scene: Scene, meant: Meant) -> None:
    """Brings a message up to date whose button came too late.

    It missed what happened: its chat was closed to the bot then, or an earlier version sent it.
    """
    if scene.message_id is None:
        return
    kind = _REMEMBERED.get(meant.tap)
    if meant.tap is Tap.HOW_TO:
        kind = OutboxKind.DELIVER
    if kind is None:
        return
    subject = meant.grant or str(meant.request)
    tapped = PostedMessage(scene.place, scene.message_id, kind, subject, scene.case.now)
    if kind is OutboxKind.DELIVER:
        await messages.edit(scene.case, tapped)
    else:
        await messages.edit_card(scene.case, tapped)


async def refit(scene: Scene, meant: Meant) -> None:
    """Puts buttons that fit in the place of those that do not any more, on every admin's card."""
    await messages.edit_cards(scene.case, meant.request)
    await _edit_if_unknown(scene, meant)


async def _edit_if_unknown(scene: Scene, meant: Meant) -> None:
    kind = _REMEMBERED.get(meant.tap)
    if kind is None or scene.message_id is None:
        return
    subject = str(meant.request)
    tapped = PostedMessage(scene.place, scene.message_id, kind, subject, scene.case.now)
    known = await scene.tx.posted.about(kind, subject)
    if all((one.chat_id, one.message_id) != (scene.place, scene.message_id) for one in known):
        await messages.edit_card(scene.case, tapped)


async def _approve(scene: Scene, meant: Meant) -> Reply:
    done = await requests.approve(scene.case, meant.request, meant.duration, seen=meant.digest)
    await mend(scene, meant)
    # A toast is plain text: escaped, O'Brien would read O&#x27;Brien.
    if isinstance(done, requests.Agreed):
        return Reply(toast=Html(plain_in_chat(words.AGREED_TOAST, count=done.missing)))
    if isinstance(done, requests.Scheduled):
        return Reply(toast=Html(plain_in_chat(policy.SCHEDULED_TOAST, name=done.requester.name)))
    is_closed = done.requester.reachable is False
    toast = words.APPROVED_BLOCKED_TOAST if is_closed else words.APPROVED_TOAST
    return Reply(toast=Html(plain_in_chat(toast, name=done.requester.name)))


async def _deny(scene: Scene, meant: Meant) -> Reply:
    reply = await denying.deny(scene, meant)
    await mend(scene, meant)
    return reply


async def _undo(scene: Scene, meant: Meant) -> Reply:
    done = await undoing.undo(scene.case, meant.request)
    name = await who.name_of(scene.tx, done.request.user_id)
    text = life.UNDONE_YES_TOAST if done.ended else life.UNDONE_NO_TOAST
    return Reply(toast=Html(plain_in_chat(text, name=name)))


async def _cancel(scene: Scene, meant: Meant) -> Reply:
    request = await requests.cancel(scene.case, meant.request)
    view = await cards.asked(scene.case, request)
    return Reply(view, Html(words.CANCELLED_TOAST), edit=True)


async def _ask_again(scene: Scene, meant: Meant) -> Reply:
    """The same once more, as far as it may be given now."""
    earlier = await requests.own(scene.case, meant.request)
    if (longer := await extending.ask_again(scene.case, earlier)) is not None:
        await mend_stale(scene, meant)
        await messages.asked(scene.case, longer)
        return Reply()
    asked = await asking.ask(
        scene.case,
        duration=min(earlier.asked_duration or earlier.duration, scene.case.rules.max_duration),
        server=earlier.server,
        reason=earlier.reason,
        starts_at=earlier.starts_at if _is_ahead(scene, earlier) else None,
    )
    await mend_stale(scene, meant)
    if asked.servers:
        return Reply(await choosing.question(scene, asked.request))
    await messages.asked(scene.case, asked.request)
    return Reply()


def _is_ahead(scene: Scene, request: Request) -> bool:
    return request.starts_at is not None and request.starts_at > scene.case.now


async def _renew(scene: Scene, meant: Meant) -> Reply:
    grant = await revocation.own_live_grant(scene.case, meant.grant)
    if meant.tap is Tap.RENEW:
        grants.require_ours(grant)
        yes = Button(words.BUTTON_RENEW_YES, buttons.data(Tap.RENEW_YES, grant.id), Style.MAIN)
        text = fill(
            words.CONFIRM_RENEW,
            server=grant.server,
            common_name=grant.common_name,
            until=moment(grant.not_after),
        )
        return Reply(views.confirm(text, yes))
    await grants.renew(scene.case, grant.id)
    view = View(fill(words.MY_RENEWING, server=grant.server))
    return Reply(view, Html(words.RENEWING_TOAST), edit=True)


async def _give_up(scene: Scene, meant: Meant) -> Reply:
    grant = await revocation.persons_live_grant(scene.case, meant.grant)
    if meant.tap is Tap.GIVE_UP:
        yes = Button(words.BUTTON_REVOKE_YES, buttons.data(Tap.GIVE_UP_YES, grant.id), Style.BAD)
        text = fill(
            words.CONFIRM_GIVE_UP,
            server=grant.server or grant.common_name,
            common_name=grant.common_name,
            until=moment(grant.not_after),
        )
        return Reply(views.confirm(text, yes))
    return await _cutting(scene, await revocation.give_up(scene.case, grant.id))


async def _revoke_grant(scene: Scene, meant: Meant) -> Reply:
    require(scene.actor, Act.REVOKE)
    grant = await revocation.known_grant(scene.tx, meant.grant)
    question = await questions.revoke_grant(scene, grant)
    if reply := question.unless_answered(meant):
        return reply
    return await _cutting(scene, await revocation.revoke_grant(scene.case, grant.id))


async def _revoke_person(scene: Scene, meant: Meant) -> Reply:
    require(scene.actor, Act.REVOKE)
    question = await questions.revoke_person(scene, meant.person)
    if reply := question.unless_answered(meant):
        return reply
    return await _cutting(scene, await revocation.revoke_person(scene.case, meant.person))


async def _revoke_rest(scene: Scene, meant: Meant) -> Reply:
    """Asks below the receipt, which stays as it is."""
    require(scene.actor, Act.REVOKE)
    grant = await revocation.known_grant(scene.tx, meant.grant)
    if grant.user_id is not None:
        return Reply((await questions.revoke_person(scene, grant.user_id)).view)
    same = await scene.tx.grants.imported_as([grant.common_name])
    nobodys = [one for one in same if one.user_id is None and one.state in UNPROVED_STATES]
    if not nobodys:
        raise Refused(Refusal.NOTHING_LIVE, name=grant.common_name, names=())
    return Reply(views.choice(words.CHOOSE_REVOKE, views.grant_buttons(nobodys), "/revoke ID"))


async def _remove(scene: Scene, meant: Meant) -> Reply:
    require(scene.actor, Act.MANAGE_PEOPLE)
    person = await revocation.known_person(scene.tx, meant.person)
    question = await questions.remove(scene, person)
    if reply := question.unless_answered(meant):
        return reply
    return await admin_commands.remove_now(scene, person)


async def _allow(scene: Scene, meant: Meant) -> Reply:
    """Somebody who wrote lately, or was known before: the name is theirs, so it is shown first."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    person = await people.candidate(scene.case, meant.person)
    question = await questions.allow(scene, person)
    if reply := question.unless_answered(meant):
        # What an admin reads about themselves has more on it than this button.
        stays = meant.tap is Tap.ALLOW and person.id == scene.user_id
        return replace(reply, edit=not stays)
    done = await admin_commands.allow_now(scene, person.id, person.name)
    return Reply(done.view, edit=True)


async def _ask(scene: Scene, _meant: Meant) -> Reply:
    return await member_commands.request_vpn(scene, "")


async def _how_to(scene: Scene, meant: Meant) -> Reply:
    await grants.how_to(scene.case, meant.grant, meant.topic)
    return Reply()


async def _keep(_scene: Scene, _meant: Meant) -> Reply:
    return Reply(View(Html(words.KEPT)), edit=True)


async def _cutting(scene: Scene, ended: list[Grant]) -> Reply:
    await revocation.ask_receipt(scene.case, scene.chat, ended)
    return Reply(View(Html(words.WORKING)), edit=True)


# Each does what its button says, once; a second tap finds it done.
ACTIONS: dict[Tap, Callable[[Scene, Meant], Awaitable[Reply]]] = {
    Tap.APPROVE: _approve,
    Tap.LONGER: longer.ask,
    Tap.DENY: _deny,
    Tap.DENY_WHY: denying.ask_why,
    Tap.DENY_SO: _deny,
    Tap.DENY_SAID: denying.with_words,
    Tap.CARD: denying.back,
    Tap.UNDO: _undo,
    Tap.CANCEL: _cancel,
    Tap.CHANGE: own_request.change,
    Tap.REASON: own_request.say_why,
    Tap.MINE: own_request.back,
    Tap.NUDGE: own_request.nudge,
    Tap.RETURN: absence.back,
    Tap.AGAIN: _ask_again,
    Tap.SERVER: choosing.choose,
    Tap.SERVERS: choosing.turn,
    Tap.RENEW: _renew,
    Tap.RENEW_YES: _renew,
    Tap.MORE_TIME: more_time.ask,
    Tap.ANOTHER: offers.another,
    Tap.ELSEWHERE: offers.elsewhere,
    Tap.GIVE_UP: _give_up,
    Tap.GIVE_UP_YES: _give_up,
    Tap.REVOKE_GRANT: _revoke_grant,
    Tap.REVOKE_GRANT_YES: _revoke_grant,
    Tap.REVOKE_REST: _revoke_rest,
    Tap.REVOKE_PERSON: _revoke_person,
    Tap.REVOKE_PERSON_YES: _revoke_person,
    Tap.REMOVE: _remove,
    Tap.REMOVE_YES: _remove,
    Tap.RESTORE: farewells.undo,
    Tap.LEFT_REMOVE: leaving.answered,
    Tap.LEFT_KEEP: leaving.answered,
    Tap.OLD: old_certificates.old_certificates,
    Tap.OLD_NAME: old_certificates.one_name,
    Tap.OLD_PEOPLE: old_certificates.one_name,
    Tap.LINK: old_certificates.link,
    Tap.HOW_TO: _how_to,
    Tap.HOW_LONG: how_long.answered,
    Tap.COMMAND: guesses.tapped,
    Tap.MEANT: guesses.meant,
    Tap.UNLOCK: keys.show,
    Tap.KEY_WAYS: keys.choose,
    Tap.KEY_WAY: keys.choose,
    Tap.TROUBLE: trouble.ask,
    Tap.WAS_ME: not_me.tapped,
    Tap.NOT_ME: not_me.tapped,
    Tap.LATE_YES: late.answered,
    Tap.LATE_REVOKE: late.answered,
    Tap.LATE_NO: late.answered,
    Tap.CUT: strangers.cut,
    Tap.CUT_ALWAYS: strangers.choose,
    Tap.CUT_ALWAYS_YES: strangers.choose,
    Tap.CUT_ASK: strangers.choose,
    Tap.CUT_SESSION: online.cut,
    Tap.ONLINE: online.turn,
    Tap.GRANTS: lists.turn_grants,
    Tap.USERS: lists.turn_users,
    Tap.PENDING: lists.turn_pending,
    Tap.REVOKE_LIST: whom.to_revoke,
    Tap.REMOVE_LIST: whom.to_remove,
    Tap.PAUSE_LIST: pausing.to_pause,
    Tap.PAUSE: pausing.tap_pause,
    Tap.PAUSE_YES: pausing.tap_pause,
    Tap.RESUME: pausing.tap_resume,
    Tap.ALLOW: _allow,
    Tap.ALLOW_YES: _allow,
    Tap.PICKED_YES: picking.answered,
    Tap.ASK: _ask,
    Tap.INVITATIONS: invitations.turn,
    Tap.WITHDRAW: invitations.withdraw,
    Tap.JOIN: joining.ask,
    Tap.JOIN_YES: joining.answer,
    Tap.JOIN_NO: joining.answer,
    Tap.KEEP: _keep,
}
