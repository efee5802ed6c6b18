"""The messages that use cases send, as rows of the outbox.

Only codes and values: the words are chosen when the message is sent, in the reader's language and
from what is true by then.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from bot.access import roles
from bot.access.case import Case
from bot.access.lineage import Lineage
from storage.joining_records import FarewellId, LeavingId
from storage.records import (
    ChatId,
    Grant,
    GrantId,
    OutboxKind,
    Payload,
    PostedMessage,
    Request,
    RequestId,
    UserId,
)
from storage.use_records import AskedUseId

# So many of their newest messages are looked through when somebody lets the bot write again.
_CAUGHT_UP = 20
# So long (Bot API, deleteMessage: 48 hours), with time to spare.
_DELETABLE = timedelta(hours=47)


class Notice(StrEnum):
    """Messages that a use case sends by itself."""

    REQUEST_DENIED = "request_denied"
    REQUEST_DENIED_BECAUSE = "request_denied_because"  # with a reason
    REQUEST_REOPENED = "request_reopened"  # whoever said no took that back
    REQUEST_EXPIRED = "request_expired"
    REQUEST_OUTDATED = "request_outdated"  # a restore closed it: it may have been decided since
    NOT_BEGUN = "not_begun"  # what was approved for later may not be given any more
    NOT_BEGUN_ADMINS = "not_begun_admins"
    REQUEST_WITHDRAWN = "request_withdrawn"  # the requester left, or the server did
    NO_ADMIN_REACHABLE = "no_admin_reachable"
    NO_CARD = "no_card"  # Telegram takes the card of a request for none of the admins
    MADE_ADMIN = "made_admin"
    MADE_APPROVER = "made_approver"
    MADE_AUDITOR = "made_auditor"
    ROLE_OVER = "role_over"
    ROLE_GIVEN = "role_given"  # to somebody, for the other admins
    ROLE_TAKEN = "role_taken"
    AWAY = "away"  # somebody who decides, to the admins
    AWAY_BY = "away_by"  # to them, by an operator
    BACK = "back"
    ACCESS_GIVEN = "access_given"  # somebody was put on the allowlist
    KNOCK_REFUSED = "knock_refused"
    INVITATION_USED = "invitation_used"  # to whoever made it
    ACCESS_ENDED = "access_ended"
    REMOVED = "removed"  # from the allowlist
    ON_LIST_AGAIN = "on_list_again"  # whoever removed them took that back
    REVOKED_BY = "revoked_by"  # to the other admins
    ACCESS_OVER = "access_over"  # to admins who want to know
    PAUSED = "paused"
    PAUSED_UNTIL = "paused_until"
    RESUMED = "resumed"
    RESUMED_ADMINS = "resumed_admins"  # by itself
    PAUSED_SINCE_BACKUP = "paused_since_backup"  # a restore has found out
    PAUSE_KEPT = "pause_kept"  # beyond its day, by a restore
    EARLIER_ACCESS_ENDED = "earlier_access_ended"  # of a certificate from before the takeover
    DELIVERY_DELAYED = "delivery_delayed"
    DELIVERY_DELAYED_ADMINS = "delivery_delayed_admins"
    UNDELIVERABLE = "undeliverable"  # its owner does not let the bot write
    NOT_TAKEN = "not_taken"  # Telegram does not take the profile
    NOT_TAKEN_ADMINS = "not_taken_admins"
    TEMPLATES_BROKEN = "templates_broken"  # the operator's own words cannot be used as they are
    NO_ROOM = "no_room"
    CRL_UNPUBLISHED = "crl_unpublished"
    CRL_PUBLISHED = "crl_published"
    CRL_REPLACED = "crl_replaced"  # by another program; ours is back in its place
    HOST_KEY_CHANGED = "host_key_changed"  # of a server's machine, where nothing is done any more
    HOST_KEY_AGREED = "host_key_agreed"
    CA_ENDS = "ca_ends"
    SERVER_CERTIFICATE_ENDS = "server_certificate_ends"
    CERTIFICATES_END = "certificates_end"  # clients' with a long life, most of them imported
    SERVERS_CERTIFICATES_END = "servers_certificates_end"  # imported ones
    AUDIT_HEAD = "audit_head"
    CLOCK_AHEAD = "clock_ahead"  # of this machine: the witnesses say another time
    CLOCK_BEHIND = "clock_behind"
    CLOCK_AGREED = "clock_agreed"  # again
    SERVER_CLOCK_AHEAD = "server_clock_ahead"
    SERVER_CLOCK_BEHIND = "server_clock_behind"
    SERVER_CLOCK_AGREED = "server_clock_agreed"  # again
    CLOCK_BELIEVED = "clock_believed"  # no witness can be had
    RESTORED = "restored"  # from a backup, with what that means for open requests
    STRANGERS_CUT = "strangers_cut"  # after a restore: access that only a later state knew
    # Of a look at a server, see `bot.access.sightings`:
    STRANGERS_CUT_OFF = "strangers_cut_off"
    STRANGERS_LEFT = "strangers_left"
    STRANGERS_FILES = "strangers_files"
    STRANGERS_UNKNOWN = "strangers_unknown"
    OVER_CUT_OFF = "over_cut_off"
    OVER_LEFT = "over_left"
    NOBODY_OVER_SEEN = "nobody_over_seen"
    NOBODY_CAN_SEE = "nobody_can_see"
    # Of a try with the bot's own certificates, see `bot.access.canaries`:
    CANARY_REVOKED_LET_IN = "canary_revoked_let_in"
    CANARY_REVOKED_PASSES = "canary_revoked_passes"
    CANARY_NO_SECOND_LOCK = "canary_no_second_lock"
    CANARY_GOOD_REFUSED = "canary_good_refused"
    CANARY_UNREACHABLE = "canary_unreachable"
    CANARY_WELL = "canary_well"
    CANARY_LETS_IN = "canary_lets_in"  # well again, where no revoked one can be tried
    GROUP_MOVED = "group_moved"  # the settings' group has another number
    PROFILES_MOVE = "profiles_move"  # to another CA
    SERVER_SILENT = "server_silent"  # no OpenVPN answers there
    SERVER_UNREACHABLE = "server_unreachable"  # nor its machine
    SERVER_HEARD = "server_heard"  # again
    NEEDS_HELP = "needs_help"  # somebody's profile doesn't work
    USED_TWICE = "used_twice"  # a profile, from two places at once
    NOT_ME = "not_me"  # somebody says that a use of their profile was not theirs; it is cut
    NOT_ME_OVER = "not_me_over"  # likewise, of one that had ended before


class DeliverNote(StrEnum):
    """Why a profile is sent, which its message says."""

    FIRST = "first"
    RENEWED = "renewed"  # its owner asked for a new one
    REPLACES_LOST = "replaces_lost"  # the earlier one may or may not have arrived
    KEY_LOST = "key_lost"  # nobody can open the earlier one any more
    MOVED = "moved"  # to another CA; the earlier one works until this one is there
    MORE_TIME = "more_time"  # the earlier one works until this one was used


def private_chat(user_id: UserId) -> ChatId:
    """A private chat has the number of its person."""
    return ChatId(user_id)


async def card(case: Case, admin: UserId, request_id: RequestId, *, again: bool = False) -> None:
    """Sends a request to somebody who decides; where a group holds the cards, there, and once.

    Args:
        again: it takes the place of the card that they have, unless they have decided meanwhile.
    """
    payload: Payload = {"request": request_id}
    if again:
        payload["again"] = True
    chat = private_chat(admin)
    group = await case.group_now(case.rules.cards_group)
    if group is not None:
        chat = group
        waiting = await case.tx.outbox.open(OutboxKind.CARD)
        posted = () if again else await case.tx.posted.about(OutboxKind.CARD, str(request_id))
        is_coming = any((one.chat_id, one.payload) == (chat, payload) for one in waiting)
        if is_coming or any(one.chat_id == chat for one in posted):
            return
    await case.tx.outbox.add(chat, OutboxKind.CARD, payload, now=case.now)


async def private_card(case: Case, admin: UserId, request_id: RequestId) -> None:
    """Sends a request to somebody who decides, or looks, into their own chat."""
    payload: Payload = {"request": request_id}
    await case.tx.outbox.add(private_chat(admin), OutboxKind.CARD, payload, now=case.now)


async def take_earlier(case: Case, newest: PostedMessage) -> None:
    """Takes the earlier cards of a request out of a chat, as far as Telegram lets a bot do that."""
    for message in await case.tx.posted.about(newest.kind, newest.subject):
        is_earlier = message.chat_id == newest.chat_id and message.message_id != newest.message_id
        if is_earlier and message.posted_at > case.now - _DELETABLE:
            # Remembered as what it is now: somebody may be answering it.
            await case.tx.posted.remember(replace(message, kind=OutboxKind.DELETE))
            payload: Payload = {"message": message.message_id}
            await case.tx.outbox.add(message.chat_id, OutboxKind.DELETE, payload, now=case.now)


async def edit_cards(case: Case, request_id: RequestId, *, afresh: bool = True) -> None:
    """Brings every posted card of this request up to date, and its requester's own message.

    Args:
        afresh: where a card is gone, another one takes its place.
    """
    for kind in (OutboxKind.CARD, OutboxKind.ASKED):
        for message in await case.tx.posted.about(kind, str(request_id)):
            await edit_card(case, message, afresh=afresh)


async def edit_open_cards(case: Case, user_id: UserId) -> None:
    """Whoever decides on somebody's other requests reads what was decided now."""
    for request in await case.tx.requests.open_of(user_id):
        await edit_cards(case, request.id, afresh=False)


async def edit_card(case: Case, message: PostedMessage, *, afresh: bool = True) -> None:
    """Brings one posted message about a request up to date."""
    payload: Payload = {
        "request": int(message.subject),
        "message": message.message_id,
        "kind": message.kind,
    }
    waiting = await case.tx.outbox.untried(message.chat_id, OutboxKind.EDIT_CARD)
    if payload in waiting:
        return  # which shows what is true once it is sent
    if not afresh:
        payload["afresh"] = False
    if payload not in waiting:
        await case.tx.outbox.add(message.chat_id, OutboxKind.EDIT_CARD, payload, now=case.now)


async def follow(case: Case, grant: Grant) -> None:
    """Brings up to date what was posted about a grant: cards, itself, questions, and /myvpn.

    What somebody has deleted stays away.
    """
    if grant.request_id is not None:
        await edit_cards(case, grant.request_id, afresh=False)
    for kind in (OutboxKind.DELIVER, OutboxKind.REMINDER):
        for message in await case.tx.posted.about(kind, grant.id):
            await edit(case, message)
    for use in await case.tx.asked_uses.open_of(grant.id):
        for message in await case.tx.posted.about(OutboxKind.ASKED_USE, str(use.id)):
            await edit(case, message)
    if grant.user_id is not None:
        await edit_own_list(case, grant.user_id)


async def follow_extended(case: Case, request: Request) -> None:
    """Brings the profile up to date that a request for more time is about: what it offers."""
    if request.extends is not None:
        for grant in (await Lineage.of(case.tx, request.user_id)).given(request.extends):
            await follow(case, grant)


async def edit_own_list(case: Case, user_id: UserId) -> None:
    """Brings somebody's answer to /myvpn up to date."""
    for message in await case.tx.posted.about(OutboxKind.REPLY, str(user_id)):
        await edit(case, message)


async def edit(case: Case, message: PostedMessage, *, outdated: bool = False) -> None:
    """Brings a posted profile, or an answer to /myvpn, up to date.

    Args:
        outdated: a newer answer took its place, so it loses its buttons.
    """
    payload: Payload = {
        "kind": message.kind,
        "subject": message.subject,
        "message": message.message_id,
    }
    if outdated:
        payload["outdated"] = True
    if payload not in await case.tx.outbox.untried(message.chat_id, OutboxKind.EDIT):
        await case.tx.outbox.add(message.chat_id, OutboxKind.EDIT, payload, now=case.now)


async def asked_use(case: Case, user_id: UserId, number: AskedUseId) -> None:
    """Asks the owner of a profile whether a use of it was theirs."""
    payload: Payload = {"use": number}
    await case.tx.outbox.add(private_chat(user_id), OutboxKind.ASKED_USE, payload, now=case.now)


async def farewell(
    case: Case, chat_id: ChatId, number: FarewellId, *, instead_of: int | None = None
) -> None:
    """Says that somebody is off the list, with Undo for a while.

    Args:
        instead_of: a message of ours in that chat, in whose place it is put.
    """
    payload: Payload = {"farewell": number}
    if instead_of is not None:
        payload["edit"] = instead_of
    await case.tx.outbox.add(chat_id, OutboxKind.FAREWELL, payload, now=case.now)


async def delete(case: Case, message: PostedMessage) -> None:
    """Takes a posted message out of its chat, and forgets it."""
    await case.tx.posted.forget(message.chat_id, message.message_id)
    payload: Payload = {"message": message.message_id}
    await case.tx.outbox.add(message.chat_id, OutboxKind.DELETE, payload, now=case.now)


async def delete_sent(case: Case, chat_id: ChatId, message_id: int) -> None:
    """Takes a message that somebody has sent out of their chat, as far as Telegram lets a bot."""
    payload: Payload = {"message": message_id}
    await case.tx.outbox.add(chat_id, OutboxKind.DELETE, payload, now=case.now)


async def invitation(case: Case, admin: UserId, invitation_id: int) -> None:
    """Sends an invitation, whose link is made at the moment of sending."""
    payload: Payload = {"invitation": invitation_id}
    await case.tx.outbox.add(private_chat(admin), OutboxKind.INVITATION, payload, now=case.now)


async def knock(case: Case, admin: UserId, user_id: UserId) -> None:
    """A stranger asks to join."""
    payload: Payload = {"person": user_id}
    await case.tx.outbox.add(private_chat(admin), OutboxKind.KNOCK, payload, now=case.now)


async def edit_knocks(case: Case, user_id: UserId) -> None:
    """Every admin's card about a stranger says what became of them, and has no buttons any more."""
    for message in await case.tx.posted.about(OutboxKind.KNOCK, str(user_id)):
        await edit(case, message)
        await case.tx.posted.forget(message.chat_id, message.message_id)


async def leaving(case: Case, admin: UserId, number: LeavingId) -> None:
    """Somebody seems to have left."""
    payload: Payload = {"leaving": number}
    await case.tx.outbox.add(private_chat(admin), OutboxKind.LEAVING, payload, now=case.now)


async def edit_leavings(case: Case, number: LeavingId) -> None:
    """Every admin's card says what was decided, and has no buttons any more."""
    for message in await case.tx.posted.about(OutboxKind.LEAVING, str(number)):
        await edit(case, message)
        await case.tx.posted.forget(message.chat_id, message.message_id)


async def edit_invitation(case: Case, invitation_id: int) -> None:
    """The message with the link says what became of it, and has no link any more."""
    for message in await case.tx.posted.about(OutboxKind.INVITATION, str(invitation_id)):
        await edit(case, message)
        await case.tx.posted.forget(message.chat_id, message.message_id)


async def catch_up(case: Case, user_id: UserId) -> None:
    """Brings what is in somebody's chat up to date who did not let the bot write meanwhile."""
    for message in await case.tx.posted.newest_in(private_chat(user_id), _CAUGHT_UP):
        if message.kind in (OutboxKind.CARD, OutboxKind.ASKED):
            await edit_card(case, message, afresh=False)
        elif message.kind is not OutboxKind.DELETE:
            await edit(case, message)


async def asked(case: Case, request: Request, *, instead_of: int | None = None) -> None:
    """Tells the requester where the request stands; the message is kept up to date.

    Args:
        instead_of: a message of ours in that chat, in whose place it is put.
    """
    payload: Payload = {"request": request.id}
    if instead_of is not None:
        payload["edit"] = instead_of
    await case.tx.outbox.add(private_chat(request.user_id), OutboxKind.ASKED, payload, now=case.now)


async def notice(case: Case, user_id: UserId, code: Notice, **values: Any) -> None:
    await case.tx.outbox.add(
        private_chat(user_id), OutboxKind.NOTICE, {"code": code, "values": values}, now=case.now
    )


async def tell_admins(case: Case, code: Notice, **values: Any) -> None:
    for admin in await roles.admins(case.tx, case.rules):
        await notice(case, admin, code, **values)


async def deliver(
    case: Case,
    user_id: UserId,
    grant_id: GrantId,
    note: DeliverNote,
    *,
    round_: int = 0,
    wait_s: float = 0.0,
) -> None:
    """Sends a profile. Its key does not exist yet: it is made at the moment of sending.

    Args:
        round_: how many profiles of this approval were lost on their way before.
        wait_s: how long to wait before the first try.
    """
    await case.tx.outbox.add(
        private_chat(user_id),
        OutboxKind.DELIVER,
        {"grant": grant_id, "note": note, "round": round_},
        now=case.now,
        wait_s=wait_s,
    )


async def extra_file(case: Case, user_id: UserId, name: str) -> None:
    """Sends one of the operator's files, as it is at the moment of sending."""
    await case.tx.outbox.add(
        private_chat(user_id), OutboxKind.EXTRA_FILE, {"file": name}, now=case.now
    )


async def help_with(case: Case, grant: Grant, *, name: str, said: str) -> None:
    """Somebody's profile doesn't work: servers are asked, and the admins told."""
    payload: Payload = {"grant": grant.id, "name": name, "said": said}
    await case.tx.outbox.add(private_chat(grant.owner), OutboxKind.HELP, payload, now=case.now)


async def how_to(case: Case, user_id: UserId, grant_id: GrantId, topic: str) -> None:
    """Sends instructions for somebody's own profile."""
    payload: Payload = {"grant": grant_id, "topic": topic}
    await case.tx.outbox.add(private_chat(user_id), OutboxKind.HOW_TO, payload, now=case.now)


async def receipt(
    case: Case,
    chat_id: ChatId,
    grant_ids: Sequence[GrantId],
    *,
    look: bool = False,
    if_unproved: bool = False,
) -> None:
    """Sends the receipt for these grants, as soon as the servers were looked at.

    Args:
        look: they are looked at once more, even if that was tried before.
        if_unproved: nothing is said where a proof comes soon; what stays open is said.
    """
    payload: Payload = {"grants": list(grant_ids), "look": look}
    if if_unproved:
        payload["if_unproved"] = True
    await case.tx.outbox.add(chat_id, OutboxKind.RECEIPT, payload, now=case.now)


async def reminder(case: Case, user_id: UserId, grant_id: GrantId) -> None:
    """Tells somebody that a profile of theirs ends soon, if it still does when that is sent."""
    await case.tx.outbox.add(
        private_chat(user_id), OutboxKind.REMINDER, {"grant": grant_id}, now=case.now
    )


async def menu(case: Case, user_id: UserId) -> None:
    """Brings the command menu of a private chat in line with the person's role."""
    await case.tx.outbox.add(private_chat(user_id), OutboxKind.MENU, {}, now=case.now)
