"""/invite: makes a link for one person, lists what is open, and withdraws."""

from datetime import datetime

from bot import limits
from bot.access import invitations, messages
from bot.access.case import Case
from bot.access.permission import Act, require
from bot.chat import buttons, views, whom
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.scene import SILENT, Reply, Scene
from bot.chat.views import View
from bot.texts import joining as words
from bot.texts.fill import Html, blocks, fill, fitting, lines, moment, plain_in_chat
from storage.joining_records import Invitation, InvitationId
from storage.records import OutboxKind

_LINK = "https://t.me/{username}?start={token}"


async def invite(scene: Scene, rest: str) -> Reply:
    """/invite [NAME [GROUP]…]."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    if not rest:
        return Reply(await _listing(scene))
    name, groups = await invitations.named_in(scene.case, rest)
    made = await invitations.make(scene.case, name, groups)
    await messages.invitation(scene.case, scene.user_id, made.id)
    return SILENT


async def turn(scene: Scene, meant: Meant) -> Reply:
    """Another part of the list."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    return Reply(await _listing(scene, meant.page or 0), edit=True)


async def withdraw(scene: Scene, meant: Meant) -> Reply:
    """From the message with the link, which says so then, or from the list."""
    posted = await scene.tx.posted.about(OutboxKind.INVITATION, str(meant.invitation))
    is_its_own = any(one.message_id == scene.message_id for one in posted)
    done = await invitations.withdraw(scene.case, meant.invitation)
    toast = Html(plain_in_chat(words.WITHDRAWN_TOAST, name=done.name))
    if is_its_own:
        return Reply(toast=toast)
    return Reply(await _listing(scene), toast, edit=True)


def link(username: str, token: str) -> str:
    """What opens the bot's chat and lets Start carry the token."""
    return _LINK.format(username=username, token=token)


def _with_link(made: Invitation, address: str) -> View:
    """To be passed on."""
    text = blocks(
        fill(words.INVITATION, name=made.name, until=moment(made.ends_at), link=address),
        lines(
            fill(words.INVITATION_GROUPS, groups=", ".join(made.groups)) if made.groups else "",
            words.INVITATION_CARE,
        ),
    )
    data = buttons.data(Tap.WITHDRAW, made.id)
    return View(text, ((Button(words.BUTTON_WITHDRAW_THIS, data, Style.BAD),),))


async def to_send(case: Case, invitation_id: InvitationId) -> View:
    """The invitation as it goes out now, with a link of its own; or what became of it."""
    username = await case.tx.invitations.own_name()
    token = await invitations.new_link(case, invitation_id)
    made = await case.tx.invitations.get(invitation_id)
    assert made is not None
    if token is None:
        return as_it_is(made, case.now)
    if username is None:
        return View(fill(words.INVITATION_NO_NAME, name=made.name))
    return _with_link(made, link(username, token))


def as_it_is(made: Invitation, now: datetime) -> View:
    """Without its link, which nobody knows any more."""
    used = "" if made.used_at is None else moment(made.used_at)
    said = words.INVITATION_STATES[made.state(now)]
    return View(fill(said, name=made.name, used=used))


async def _listing(scene: Scene, offset: int = 0) -> View:
    found = await scene.tx.invitations.open(scene.case.now)
    if offset >= len(found):  # withdrawn since, or used
        offset = 0
    page = found[offset:][: views.BUTTONS_SHOWN]
    entries = [
        fill(
            words.INVITATION_LINE_GROUPS if one.groups else words.INVITATION_LINE,
            name=one.name,
            groups=", ".join(one.groups),
            until=moment(one.ends_at),
            admin=one.made_by_name,
        )
        for one in page
    ]
    shown = fitting(entries, limits.ROOM)
    text = blocks(
        fill(words.INVITATIONS, count=len(found)) if found else "",
        lines(*entries[:shown]),
        whom.part(offset, shown, len(found)),
        words.USAGE_INVITE,
    )
    rows = tuple(
        (Button(words.BUTTON_WITHDRAW.format(name=one.name), buttons.data(Tap.WITHDRAW, one.id)),)
        for one in page[:shown]
    )
    is_last = offset + shown >= len(found)
    size = views.BUTTONS_SHOWN
    around = whom.turning(Tap.INVITATIONS, offset, shown, size, is_last=is_last)
    return View(text, (*rows, *around))
