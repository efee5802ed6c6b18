"""Handles stored updates, one after the other, each in one transaction.

What a handler changes, what it wants to be said, and that the update is done are committed
together. So a process that is killed anywhere handles an update again from the start or not at
all. Handlers only touch the database; whatever takes time is done by the outbox.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from telegram import Bot, Update
from telegram.error import TelegramError

from bot.access import audit, people
from bot.access.names import clean
from bot.access.refusals import Refusal, Refused
from bot.chat import buttons, choosing, late, taps
from bot.chat.buttons import Tap
from bot.chat.commands import COMMANDS, help_
from bot.chat.incoming import (
    Blocked,
    Forwarded,
    Incoming,
    InGroup,
    Nothing,
    Sender,
    Tapped,
    Typed,
    read_update,
    revokes,
)
from bot.chat.scene import SILENT, Reply, Scene, post, say
from bot.chat.throttle import Limits
from bot.chat.views import View
from bot.core import Core
from bot.process.loops import forever, woken
from bot.process.reserve import Reserve
from bot.texts import chat as words
from bot.texts import refusals
from bot.texts.fill import Html, fill
from storage.errors import is_full, is_passing
from storage.records import ChatId, InboxItem
from storage.transaction import Transaction

log = logging.getLogger(__name__)

# An idle bot looks after its inbox this often, in case another process wrote into it.
_LOOK_S = 1.0
_TOAST_LENGTH = 200
# Refusals that somebody only meets who tries what is not theirs.
_AUDITED = frozenset(
    {
        Refusal.ADMINS_ONLY,
        Refusal.FORWARDED,
        Refusal.OWN_REQUEST,
        Refusal.NOT_YOURS,
        Refusal.NOT_OFFERED,
        Refusal.NO_BUTTON,
    }
)
# A card whose buttons do not fit any more gets others.
_OTHER_BUTTONS = frozenset({Refusal.CARD_CHANGED, Refusal.DURATION_TOO_LONG})


class Worker:
    def __init__(
        self,
        bot: Bot,
        bot_username: str,
        core: Core,
        on_done: Callable[[], None],
        *,
        reserve: Reserve,
    ) -> None:
        self._reserve = reserve
        self._bot = bot
        self._username = bot_username
        self._core = core
        self._database = core.database
        self._clock = core.clock
        self._on_done = on_done
        self._wake = asyncio.Event()
        self._answers: set[asyncio.Task[None]] = set()
        self._since_boot = core.since_boot
        self._limits = Limits()

    def wake(self) -> None:
        """Something new is in the inbox."""
        self._wake.set()

    async def run(self) -> None:
        """Works until it is cancelled."""
        await forever(self._round)

    async def _round(self) -> None:
        self._wake.clear()
        await self.work_off()
        await woken(self._wake, _LOOK_S)

    async def work_off(self) -> None:
        """Handles all that waits, in the order of arrival."""
        async with self._database.reading() as tx:
            items = await tx.inbox.new()
        for item in items:
            await self._handle(item)
            self._on_done()

    async def _handle(self, item: InboxItem) -> None:
        incoming: Incoming | None = None
        trouble = ""
        try:
            incoming = read_update(Update.de_json(json.loads(item.payload), None))
        except Exception as error:  # noqa: BLE001 - it stays readable in the inbox, and holds up nobody
            trouble = type(error).__name__
        is_revocation = incoming is not None and revokes(incoming, self._core.rules.admins)
        if self._reserve.is_scarce and not is_revocation:
            return  # it waits until there is room
        if incoming is None:
            log.warning("Update %d cannot be read (%s)", item.update_id, trouble)
            await self._set_aside(item, f"unreadable: {trouble}")
            return
        act = partial(self._act, item, incoming)
        try:
            reply = await (self._reserve.for_revocation(act) if is_revocation else act())
        except Exception as error:  # rolled back; the person is told, the log has the cause
            if is_passing(error):
                if is_full(error):
                    self._reserve.note_full()
                raise
            log.exception("Handling update %d failed", item.update_id)
            await self._set_aside(item, f"failed: {type(error).__name__}", apologise=True)
            reply = Reply(toast=Html(words.SOMETHING_BROKE), alert=True)
        # A flood of taps does not become a flood of calls: where there is nothing to say, the
        # button's spinner ends by itself. Only a courtesy: nothing depends on it.
        if isinstance(incoming, Tapped) and reply is not SILENT:
            task = asyncio.create_task(self._answer(incoming.query_id, reply))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    async def _act(self, item: InboxItem, incoming: Incoming) -> Reply:
        async with self._database.writing() as tx:
            if not await tx.inbox.finish(item.update_id):
                return SILENT
            match incoming:
                case Typed() | Forwarded() | Tapped():
                    return await self._person(tx, item, incoming)
                case InGroup(chat_id):
                    if self._limits.answers_group(chat_id, self._since_boot()):
                        view = View(fill(words.GROUP, link=f"https://t.me/{self._username}"))
                        await post(tx, ChatId(chat_id), view, self._clock())
                case Blocked(user_id, reachable):
                    await tx.people.set_reachable(user_id, reachable=reachable)
                case Nothing():
                    pass
            # Anybody can send these, and it does no harm to meet one twice.
            await tx.inbox.forget(item.update_id)
        return SILENT

    async def _person(
        self, tx: Transaction, item: InboxItem, incoming: Typed | Forwarded | Tapped
    ) -> Reply:
        sender, now = incoming.sender, self._since_boot()
        await self._note_sender(tx, sender)
        actor = await people.identify(tx, self._core.rules, sender.user_id, sender.name)
        case = self._core.case(tx, actor)
        message_id = incoming.message_id if isinstance(incoming, Tapped) else None
        scene = Scene(case, sender.user_id, message_id)
        if actor.is_known and not self._limits.acts_for(actor, now):
            if self._limits.warns(sender.user_id, now):
                await post(tx, scene.chat, View(Html(words.TOO_FAST)), case.now)
            return SILENT
        try:
            # A refusal undoes what its use case had begun; the audit row about it stays.
            async with tx.attempt():
                reply = await _reply(scene, item, incoming)
        except Refused as refused:
            if refused.code in _AUDITED and self._limits.audits(actor, now):
                # What a forged tap holds goes to the operator's terminal and into spreadsheets.
                subject = clean(_as_sent(incoming), audit.SUBJECT_LENGTH)
                await case.record("refused", subject, why=refused.code)
            reply = await _refusal(scene, incoming, refused)
        if not actor.is_known:
            await tx.people.note_newcomer(
                sender.user_id, sender.name or str(sender.user_id), sender.username, case.now
            )
            # A stranger's flood costs one answer a minute, and leaves nothing behind.
            await tx.inbox.forget(item.update_id)
            if not self._limits.answers_stranger(sender.user_id, now):
                return SILENT
        if reply.view is not None:
            instead_of = message_id if reply.edit else None
            await post(tx, scene.chat, reply.view, case.now, instead_of=instead_of)
        return reply

    async def _note_sender(self, tx: Transaction, sender: Sender) -> None:
        """Whoever writes can be written to, and has their username from now on."""
        if sender.user_id in self._core.rules.admins:
            name = sender.name or str(sender.user_id)
            await tx.people.know(sender.user_id, name, self._clock())
        await tx.people.note_username(sender.user_id, sender.username, self._clock())
        person = await tx.people.get(sender.user_id)
        if person is not None and person.reachable is not True:
            await tx.people.set_reachable(sender.user_id, reachable=True)

    async def _set_aside(self, item: InboxItem, error: str, *, apologise: bool = False) -> None:
        async with self._database.writing() as tx:
            await tx.inbox.quarantine(item.update_id, error)
            if apologise and item.chat_id > 0:
                view = View(Html(words.SOMETHING_BROKE))
                await post(tx, item.chat_id, view, self._clock())

    async def _answer(self, query_id: str, reply: Reply) -> None:
        text = (reply.toast or "")[:_TOAST_LENGTH]
        try:
            await self._bot.answer_callback_query(query_id, text or None, show_alert=reply.alert)
        except Exception as error:  # noqa: BLE001 - the query's id is whatever came
            why = error.message if isinstance(error, TelegramError) else type(error).__name__
            log.info("A tap was not answered: %s", why)


async def _reply(scene: Scene, item: InboxItem, incoming: Typed | Forwarded | Tapped) -> Reply:
    if isinstance(incoming, Tapped):
        meant = buttons.parse(incoming.data)
        if meant is None:
            raise Refused(Refusal.NO_BUTTON)
        return await taps.ACTIONS[meant.tap](scene, meant)
    command = COMMANDS.get(incoming.command)
    if isinstance(incoming, Forwarded):
        if command is not None and command.is_for_admins:
            raise Refused(Refusal.FORWARDED)
        return await _said(scene, words.ONLY_NEW_MESSAGES)
    if not incoming.command:
        return await _said(scene, words.NOT_A_COMMAND)
    if command is None:
        return await _said(scene, words.UNKNOWN_COMMAND)
    question = await late.asked_back(scene, incoming, item)
    return question or await command.handle(scene, incoming.rest)


async def _said(scene: Scene, text: str) -> Reply:
    """A stranger hears the same of everything."""
    if scene.actor.is_known:
        return say(text)
    return await help_(scene, "")


async def _refusal(scene: Scene, incoming: Typed | Forwarded | Tapped, refused: Refused) -> Reply:
    if isinstance(incoming, Tapped):
        meant = buttons.parse(incoming.data)
        # A toast is plain text: what was escaped for a message is not shown as entities.
        said = Reply(toast=Html(refusals.in_toast(refused)), alert=True)
        if meant is None or not scene.actor.is_known:
            return said
        if refused.code is Refusal.ALREADY_DECIDED:
            await taps.mend(scene, meant)
        if meant.tap is Tap.APPROVE and refused.code in _OTHER_BUTTONS:
            await taps.refit(scene, meant)
        if meant.tap is Tap.SERVER and refused.code is Refusal.UNKNOWN_SERVER:
            return replace(said, view=await choosing.question_now(scene, meant), edit=True)
        return said
    return await _said(scene, refusals.in_chat(refused))


def _as_sent(incoming: Typed | Forwarded | Tapped) -> str:
    if isinstance(incoming, Tapped):
        return incoming.data
    typed = f"/{incoming.command}"
    return typed if isinstance(incoming, Typed) else f"forwarded {typed}"
