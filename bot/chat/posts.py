"""Sends the messages of the outbox, rendered from what is true at the moment of sending."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from telegram import Bot, BotCommand, BotCommandScopeChat
from telegram.error import BadRequest, TelegramError

from bot.access import holdings, messages, reminding, requests, roles, who
from bot.access.case import Case
from bot.access.messages import Notice, private_chat
from bot.access.names import NAME_LENGTH, clean
from bot.access.permission import THE_BOT, Act, may
from bot.chat import (
    buttons,
    cards,
    farewells,
    invitations,
    joining,
    leaving,
    more_time,
    not_me,
    noticing,
    online,
    server_list,
    soon_over,
    views,
    writing,
)
from bot.chat.buttons import Keyboard
from bot.chat.commands import menu
from bot.chat.member_commands import my_vpn_now
from bot.chat.outcomes import Outcome, failure_of
from bot.chat.sender import Decision
from bot.chat.views import View
from bot.core import Core
from bot.errors import BadTemplate
from bot.fleet.coming_back import come_back
from bot.fleet.enforcement import Enforcer
from bot.fleet.fleet import Fleet
from bot.handover.fields import Fields, fields_of
from bot.handover.handover import Handover
from bot.receipts import Receipt, load_receipt
from bot.texts import chat as words
from bot.texts import life
from bot.texts import pausing as pause_words
from bot.texts import receipts as receipt_words
from bot.texts import strangers as stranger_words
from bot.texts.fill import Html, blocks, escaped, fill, folded
from storage.joining_records import InvitationId, InvitationState
from storage.outbox import Done, Later, Next
from storage.records import (
    LIVE_STATES,
    ChatId,
    EndReason,
    GrantId,
    OutboxItem,
    OutboxKind,
    PostedMessage,
    RequestId,
    ServerName,
    UserId,
)
from vpn.errors import VpnError

log = logging.getLogger(__name__)

# A receipt that is not proved is looked at again when a proof arrives, and at least this often.
_FOLLOW_UP = timedelta(minutes=5)
# So long a proof may take before an end that nobody ordered is news.
_QUIET = timedelta(minutes=3)
# An upload whose outcome is unknown may have arrived each time.
_DOUBTS = 2
# A folder that somebody is working on may be whole again by then.
_FOLDER_RETRY = timedelta(minutes=1)
_FOLDER_TRIES = 3

# What is rendered by a number alone.
_BY_NUMBER: dict[OutboxKind, Callable[[Case, Any], Awaitable[View]]] = {
    OutboxKind.KNOCK: joining.card,
    OutboxKind.ASKED_USE: not_me.view_of,
    OutboxKind.FAREWELL: farewells.view_of,
    OutboxKind.LEAVING: leaving.view_of,
}


class Posts:
    def __init__(
        self,
        bot: Bot,
        core: Core,
        fleet: Fleet,
        enforcer: Enforcer,
        handover: Handover,
        *,
        canary_s: int,
    ) -> None:
        self._bot = bot
        self._send = partial(writing.send, bot)
        self._edit = partial(writing.edit, bot)
        self._core = core
        self._database = core.database
        self._fleet = fleet
        self._enforcer = enforcer
        self._handover = handover
        # Between two tries of a server from outside; 0 where they are switched off.
        self._canary_s = canary_s
        self._clock = core.clock
        # Admins read of a broken template once, not with each tap.
        self._told: set[str] = set()

    async def reply(self, item: OutboxItem) -> Next | Decision:
        """A text that a handler has written; an answer to /myvpn is kept up to date."""
        view = View(Html(item.payload["text"]), buttons.from_payload(item.payload["keyboard"]))
        message_id = item.payload.get("edit")
        if message_id is None or not await self._edit(item.chat_id, message_id, view):
            message_id = await self._send(
                item.chat_id, view, item.payload.get("topic"), picks="picks" in item.payload
            )
        about = item.payload.get("about")
        if about is None:
            return Done()
        posted = PostedMessage(item.chat_id, message_id, item.kind, about, self._clock())

        async def remember(case: Case) -> Next:
            """The newest only: what is above it loses its buttons."""
            for earlier in await case.tx.posted.about(posted.kind, posted.subject):
                if earlier.message_id != posted.message_id:
                    await case.tx.posted.forget(earlier.chat_id, earlier.message_id)
                    await messages.edit(case, earlier, outdated=True)
            if not view.keyboard:  # nothing in it can be over
                return Done()
            await case.tx.posted.remember(posted)
            if await my_vpn_now(case, UserId(item.chat_id)) != view:
                await messages.edit(case, posted)
            return Done()

        return remember

    async def notice(self, item: OutboxItem) -> Next:
        """A text by its name."""
        async with self._database.reading() as tx:
            view = await noticing.notice(self._core.case(tx, THE_BOT), item)
        await self._send(item.chat_id, view)
        return Done()

    async def card(self, item: OutboxItem) -> Next | Decision:
        """A request, for an admin; the message is remembered, to be edited on the decision."""
        if item.payload.get("again") and not await self._is_still_asked(item):
            return Done()
        view = await self._request(item, OutboxKind.CARD)
        return self._posted(item, OutboxKind.CARD, view, await self._send(item.chat_id, view))

    async def _is_still_asked(self, item: OutboxItem) -> bool:
        """Whether a reminder on its way is still one."""
        async with self._database.reading() as tx:
            case = self._core.case(tx, THE_BOT)
            request = await tx.requests.get(RequestId(item.payload["request"]))
            assert request is not None
            asked = await reminding.still_asked(case, request)
            return bool(asked) if (viewer := _viewer(item)) is None else viewer in asked

    async def asked(self, item: OutboxItem) -> Next | Decision:
        """A request, for its requester; remembered, too."""
        view = await self._request(item, OutboxKind.ASKED)
        message_id = item.payload.get("edit")
        if message_id is None or not await self._edit(item.chat_id, message_id, view):
            message_id = await self._send(item.chat_id, view)
        return self._posted(item, OutboxKind.ASKED, view, message_id)

    async def edit_card(self, item: OutboxItem) -> Next | Decision:
        """Brings a posted message up to date; where a card is gone, a new one takes its place.

        The requester gets the decision by another message anyway.
        """
        kind = OutboxKind(item.payload["kind"])
        view = await self._request(item, kind)
        edited = await self._edit(item.chat_id, item.payload["message"], view)
        if edited or kind is not OutboxKind.CARD or not item.payload.get("afresh", True):
            return Done()
        return self._posted(item, kind, view, await self._send(item.chat_id, view))

    async def edit(self, item: OutboxItem) -> Next:
        """Brings a profile's caption, or an answer to /myvpn, up to date."""
        kind, message_id = OutboxKind(item.payload["kind"]), item.payload["message"]
        if kind is OutboxKind.REPLY:
            view = View(Html(life.MY_OUTDATED))
            if not item.payload.get("outdated"):
                async with self._database.reading() as tx:
                    view = await my_vpn_now(self._core.case(tx, THE_BOT), UserId(item.chat_id))
            await self._edit(item.chat_id, message_id, view)
            return Done()
        if kind in _BY_NUMBER:
            async with self._database.reading() as tx:
                case = self._core.case(tx, THE_BOT)
                view = await _BY_NUMBER[kind](case, int(item.payload["subject"]))
            await self._edit(item.chat_id, message_id, view)
            return Done()
        if kind is OutboxKind.INVITATION:
            async with self._database.reading() as tx:
                made = await tx.invitations.get(InvitationId(int(item.payload["subject"])))
            assert made is not None
            # As long as it is open, the message has the only copy of the link.
            if made.state(self._clock()) is not InvitationState.OPEN:
                view = invitations.as_it_is(made, self._clock())
                await self._edit(item.chat_id, message_id, view)
            return Done()
        async with self._database.reading() as tx:
            grant = await tx.grants.get(GrantId(item.payload["subject"]))
            assert grant is not None
            case = self._core.case(tx, THE_BOT)
            if kind is OutboxKind.REMINDER:
                await self._edit(item.chat_id, message_id, await soon_over.as_it_is(case, grant))
                return Done()
            view = await cards.caption_over(case, grant)
            offers = await more_time.offered_below(case, grant)
        if grant.state not in LIVE_STATES:
            await self._edit(item.chat_id, message_id, view, is_caption=True)
        elif offers is not None:
            posted = (item.chat_id, message_id)
            await more_time.edit_buttons(self._bot, self._handover, posted, grant, offers)
        return Done()

    async def delete(self, item: OutboxItem) -> Next:
        """Takes a message of ours out of a chat; one that is gone, or too old, is left at that."""
        try:
            await self._bot.delete_message(item.chat_id, item.payload["message"])
        except BadRequest as error:
            log.info("A message cannot be deleted: %s", error.message)
        return Done()

    def _posted(self, item: OutboxItem, kind: OutboxKind, view: View, message_id: int) -> Decision:
        subject = str(item.payload["request"])
        posted = PostedMessage(item.chat_id, message_id, kind, subject, self._clock())

        async def remember(case: Case) -> Next:
            if "message" in item.payload:
                await case.tx.posted.forget(item.chat_id, item.payload["message"])
            if "again" in item.payload:
                await messages.take_earlier(case, posted)
            await case.tx.posted.remember(posted)
            if await _request_now(case, item, kind) != view:
                # Something happened while it was on its way: nobody knew of this message yet.
                await messages.edit_card(case, posted)
            return Done()

        return remember

    async def _request(self, item: OutboxItem, kind: OutboxKind) -> View:
        async with self._database.reading() as tx:
            return await _request_now(self._core.case(tx, THE_BOT), item, kind)

    async def receipt(self, item: OutboxItem) -> Next:
        """What was proved. While a look can still prove more, the row stays and is followed up."""
        async with self._database.reading() as tx:
            grants = await tx.grants.some(list(map(GrantId, item.payload["grants"])))
            # Whoever was resumed meanwhile is not out any more.
            grant_ids = [one.id for one in grants if one.pause or one.state not in LIVE_STATES]
            proofs = await tx.proofs.of(grant_ids)
        if not grant_ids:
            return Done()
        said = "said" in item.payload
        # Before every server was tried at least once there is nothing to say.
        is_tried = all(proof.attempts or proof.dropped_at for proof in proofs)
        if not is_tried or (item.payload["look"] and not said):
            await self._enforcer.enforce(grant_ids)
        receipt, keyboard, after = await self._receipt(item.chat_id, grant_ids)
        # An ordinary end is nobody's news while its proof may come by itself.
        is_quiet = "if_unproved" in item.payload and not said
        if is_quiet and (receipt.settled or self._clock() - item.created_at < _QUIET):
            return Done() if receipt.settled else Later(self._clock() + _QUIET, item.attempts)
        # 'Not proved yet' is said once.
        if receipt.settled or not said:
            text = blocks(*map(escaped, receipt.said), folded(*receipt.details), after)
            await self._send(item.chat_id, View(text, keyboard))
        if receipt.settled:
            return Done()
        said_so = item.payload | {"said": True}
        return Later(self._clock() + _FOLLOW_UP, item.attempts, payload=said_so)

    async def resume(self, item: OutboxItem) -> Next:
        """Lets somebody in again, and says where that is not done yet.

        Of who is paused again by then the answer to that tells.
        """
        left = await come_back(self._core, self._fleet)
        user_id = UserId(item.payload["person"])
        async with self._database.reading() as tx:
            if await tx.pauses.of(user_id) is not None:
                return Done()
            has = await holdings.of_person(tx, self._clock(), user_id)
            name = await who.name_of(tx, user_id)
        count = sum(one.is_live for one in has)
        template = pause_words.RESUMED_LATER if left else pause_words.RESUMED
        if not count:
            template = pause_words.RESUMED_NOTHING
        text = fill(template, name=name, count=count, servers=views.some(left))
        await self._send(item.chat_id, View(text))
        return Done()

    async def how_to(self, item: OutboxItem) -> Next:
        """Instructions that somebody asked for."""
        async with self._database.reading() as tx:
            grant = await tx.grants.get(GrantId(item.payload["grant"]))
            assert grant is not None
            found = [await tx.servers.get(each) for each in grant.servers]
            server = next((one for one in found if one is not None), None)
            name = await tx.people.name_of(grant.owner)
        text = Html(words.HOW_TO_GONE)
        if server is not None:
            text = await self._instructions(fields_of(grant, server, name), item.payload["topic"])
        await self._send(item.chat_id, View(text))
        return Done()

    async def invitation(self, item: OutboxItem) -> Next | Decision:
        """A link for an admin to pass on. It is made now, anew with each try, and kept nowhere."""
        number = InvitationId(item.payload["invitation"])
        async with self._core.acting(THE_BOT) as case:
            view = await invitations.to_send(case, number)
        message_id = await self._send(item.chat_id, view)
        posted = PostedMessage(item.chat_id, message_id, item.kind, str(number), self._clock())

        async def remember(case: Case) -> Next:
            await case.tx.posted.remember(posted)
            made = await case.tx.invitations.get(number)
            if made is not None and made.state(case.now) is not InvitationState.OPEN:
                await messages.edit_invitation(case, number)
            return Done()

        return remember

    async def question(self, item: OutboxItem) -> Next | Decision:
        """What somebody answers by a tap; remembered, since that may be over by then."""
        (number,), view_of = item.payload.values(), _BY_NUMBER[item.kind]
        async with self._database.reading() as tx:
            view = await view_of(self._core.case(tx, THE_BOT), number)
        message_id = await self._send(item.chat_id, view)
        posted = PostedMessage(item.chat_id, message_id, item.kind, str(number), self._clock())

        async def remember(case: Case) -> Next:
            await case.tx.posted.remember(posted)
            if await view_of(case, number) != view:
                await messages.edit(case, posted)
            return Done()

        return remember

    async def _instructions(self, fields: Fields, topic: str) -> Html:
        try:
            return await self._handover.instructions(fields, topic) or Html(words.HOW_TO_GONE)
        except BadTemplate as error:
            log.warning("No instructions can be shown: %s", error)
            if str(error) not in self._told:
                self._told.add(str(error))
                async with self._core.acting(THE_BOT) as case:
                    await messages.tell_admins(case, Notice.TEMPLATES_BROKEN)
            return Html(words.HOW_TO_BROKEN)

    async def extra_file(self, item: OutboxItem) -> Next:
        """One of the operator's files; it is not worth more than a few tries in doubt."""
        name = item.payload["file"]
        try:
            content = await self._handover.extra_file(name)
        except BadTemplate as error:
            attempts = item.attempts + 1
            if attempts < _FOLDER_TRIES:
                return Later(self._clock() + _FOLDER_RETRY, attempts)
            log.warning("%s is not sent: %s", name, error)
            return Done()
        if content is None:
            log.warning("%s is not sent: it is not in the folder any more", name)
            return Done()
        try:
            await self._bot.send_document(item.chat_id, document=content, filename=name)
        except TelegramError as error:
            failure = failure_of(error)
            if failure.outcome is not Outcome.UNKNOWN or item.attempts < _DOUBTS:
                raise
            log.warning("Nobody knows whether %s arrived: %s", name, failure.reason)
        return Done()

    async def servers(self, item: OutboxItem) -> Next:
        """What each server answers."""
        view = await server_list.ask(self._core, self._fleet, self._canary_s)
        await self._send(item.chat_id, view)
        return Done()

    async def cut(self, item: OutboxItem) -> Next:
        """Ends the sessions of a name that an admin was shown, and says what was seen then."""
        server, name = ServerName(item.payload["server"]), item.payload["name"]
        try:
            done = await self._fleet.cut_unknown(server, name)
        except VpnError as error:
            log.warning("Nobody can tell who is connected to %s: %s", server, error)
            text = stranger_words.CUT_SILENT
        else:
            if done is None:
                text = stranger_words.CUT_KNOWN
            elif done.findings:
                text = stranger_words.CUT_LEFT
            else:
                text = stranger_words.CUT if done.names else stranger_words.CUT_NOT_THERE
        shown = clean(name, NAME_LENGTH)
        await self._send(item.chat_id, View(fill(text, server=server, name=shown)))
        return Done()

    async def online(self, item: OutboxItem) -> Next:
        """Who is connected, as each server says now."""
        async with self._database.reading() as tx:
            servers = await tx.servers.all()
        found = await asyncio.gather(*(self._fleet.who_is_on(server) for server in servers))
        shown = online.page(found, item.payload["page"])
        async with self._database.reading() as tx:
            holders = {one.grant.user_id for one in shown.items if one.grant is not None}
            names = {holder: await who.name_of(tx, holder) for holder in holders if holder}
            numbers = {
                (each.server, each.name): each.id
                for server in {one.server for one in shown.items}
                for each in await tx.strangers.on(server)
            }
            reader = await roles.identify(tx, self._core.rules, UserId(item.chat_id), "")
        view = online.listing(found, shown, names, numbers, cuts=may(reader, Act.REVOKE))
        message_id = item.payload.get("edit")
        if message_id is None or not await self._edit(item.chat_id, message_id, view):
            await self._send(item.chat_id, view)
        return Done()

    async def cut_session(self, item: OutboxItem) -> Next:
        """Ends a session that an admin was shown, and says what was seen then."""
        server = ServerName(item.payload["server"])
        async with self._database.reading() as tx:
            grant = await tx.grants.get(GrantId(item.payload["grant"]))
            assert grant is not None
            name = await who.name_of(tx, grant.user_id) if grant.user_id else grant.common_name
        since = datetime.fromisoformat(item.payload["since"])
        done = await self._fleet.cut_session(server, grant, since)
        text = online.cut_text(done, comes_back=grant.state in LIVE_STATES)
        await self._send(item.chat_id, View(fill(text, server=server, name=name)))
        return Done()

    async def menu(self, item: OutboxItem) -> Next:
        """The command menu, by the role that the person has now."""
        async with self._database.reading() as tx:
            actor = await roles.identify(tx, self._core.rules, UserId(item.chat_id), "")
        commands = [BotCommand(name, text) for name, text in menu(actor)]
        await self._bot.set_my_commands(commands, scope=BotCommandScopeChat(item.chat_id))
        return Done()

    async def _receipt(self, chat_id: ChatId, ids: list[GrantId]) -> tuple[Receipt, Keyboard, str]:
        """What its reader may know of it, buttons for what else they may end, and what follows."""
        async with self._database.reading() as tx:
            reader = await roles.identify(tx, self._core.rules, UserId(chat_id), "")
            may_revoke = may(reader, Act.REVOKE)
            grants = await tx.grants.some(ids)
            is_replaced = all(grant.end_reason is EndReason.REPLACED for grant in grants)
            for_owner = is_replaced and all(
                private_chat(grant.owner) == chat_id for grant in grants
            )
            receipt = await load_receipt(
                tx, ids, self._clock(), for_owner=for_owner, for_admin=may_revoke
            )
            live = [one.grant for one in receipt.left if one.is_live]
            accounts = await tx.people.accounts_of(UserId(chat_id))
            names = {one.user_id: await who.name_of(tx, one.user_id) for one in live if one.user_id}
        after = receipt_words.RETRYING if may_revoke else receipt_words.RETRYING_OWNER
        if receipt.settled:
            after = ""
        if may_revoke:
            return receipt, views.revoke_rest([*live, *receipt.maybe], names), after
        mine = [one for one in live if one.user_id in accounts]
        return receipt, views.give_up_rest(mine), after


async def _request_now(case: Case, item: OutboxItem, kind: OutboxKind) -> View:
    """A request as the reader of this chat sees it now."""
    request = await case.tx.requests.get(RequestId(item.payload["request"]))
    assert request is not None
    if kind is OutboxKind.CARD:
        return await cards.card(case, request, _viewer(item))
    return await cards.asked(case, request, admin_reachable=await requests.reachable(case, request))


def _viewer(item: OutboxItem) -> UserId | None:
    """Whose private chat it is for; None where a group holds the cards."""
    return UserId(item.chat_id) if item.chat_id > 0 else None
