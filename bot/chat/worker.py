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

from telegram import Bot, Update
from telegram.error import TelegramError

from bot.access import audit, people
from bot.access.names import clean
from bot.access.permission import Actor
from bot.access.refusals import Refusal, Refused
from bot.chat import buttons, late, member_commands, taps
from bot.chat.buttons import Tap
from bot.chat.commands import ADMIN_COMMANDS, COMMANDS
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
from bot.chat.scene import SILENT, Reply, Scene, say
from bot.chat.throttle import Limits
from bot.chat.wire import read_json
from bot.core import Core
from bot.loops import forever, woken
from bot.reserve import Reserve
from bot.texts import chat as words
from bot.texts import refusals
from bot.texts.fill import Html, fill
from storage.errors import is_full, is_passing
from storage.records import ChatId, InboxItem, OutboxKind, Payload
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
            if self._reserve.is_scarce and not self._revokes(item):
                continue  # it waits until there is room
            await self._handle(item)
            self._on_done()

    def _revokes(self, item: InboxItem) -> bool:
        return revokes(read_json(item.payload), self._core.rules.admins)

    async def _handle(self, item: InboxItem) -> None:
        try:
            incoming = read_update(Update.de_json(json.loads(item.payload), None))
        except Exception as error:  # noqa: BLE001 - it stays readable in the inbox, and holds up nobody
            log.warning("Update %d cannot be read (%s)", item.update_id, type(error).__name__)
            await self._set_aside(item, f"unreadable: {type(error).__name__}")
            return
        try:
            if self._revokes(item):
                reply = await self._reserve.for_revocation(lambda: self._act(item, incoming))
            else:
                reply = await self._act(item, incoming)
        except Exception as error:  # rolled back; the person is told, the log has the cause
            if is_passing(error):
                if is_full(error):
                    self._reserve.note_full()
                raise
            log.exception("Handling update %d failed", item.update_id)
            await self._set_aside(item, f"failed: {type(error).__name__}", apologise=True)
            reply = Reply(toast=Html(words.SOMETHING_BROKE), alert=True)
        # A flood of taps does not become a flood of calls: where there is nothing to say, the
        # button's spinner ends by itself.
        if isinstance(incoming, Tapped) and reply is not SILENT:
            self._answer(incoming, reply)

    async def _act(self, item: InboxItem, incoming: Incoming) -> Reply:
        async with self._database.writing() as tx:
            if not await tx.inbox.finish(item.update_id):
                return SILENT
            match incoming:
                case Typed() | Forwarded() | Tapped():
                    return await self._person(tx, item, incoming)
                case InGroup():
                    await self._point_home(tx, incoming)
                case Blocked():
                    await tx.people.set_reachable(incoming.user_id, reachable=incoming.reachable)
                case Nothing():
                    pass
            # Anybody can send these, and it does no harm to meet one twice.
            await tx.inbox.forget(item.update_id)
        return SILENT

    async def _person(
        self, tx: Transaction, item: InboxItem, incoming: Typed | Forwarded | Tapped
    ) -> Reply:
        sender = incoming.sender
        await self._note_sender(tx, sender)
        actor = await people.identify(tx, self._core.rules, sender.user_id, sender.name)
        case = self._core.case(tx, actor)
        message_id = incoming.message_id if isinstance(incoming, Tapped) else None
        scene = Scene(case, sender.user_id, message_id)
        if _is_known(actor) and not self._limits.acts_for(actor, self._since_boot()):
            return await self._too_fast(scene)
        reply = await self._reply(scene, item, incoming)
        if not _is_known(actor):
            # A stranger's flood costs one answer a minute, and leaves nothing behind.
            await tx.inbox.forget(item.update_id)
            if not self._limits.answers_stranger(sender.user_id, self._since_boot()):
                return SILENT
        await _say(scene, reply)
        return reply

    async def _note_sender(self, tx: Transaction, sender: Sender) -> None:
        """Whoever writes can be written to. Strangers are not stored."""
        if sender.user_id in self._core.rules.admins:
            name = sender.name or str(sender.user_id)
            await tx.people.know(sender.user_id, name, self._clock())
        person = await tx.people.get(sender.user_id)
        if person is None:
            return
        if person.username != sender.username:
            await tx.people.set_username(sender.user_id, sender.username)
        if person.reachable is not True:
            await tx.people.set_reachable(sender.user_id, reachable=True)

    async def _too_fast(self, scene: Scene) -> Reply:
        if not self._limits.warns(scene.user_id, self._since_boot()):
            return SILENT
        await _say(scene, say(words.TOO_FAST))
        return SILENT

    async def _reply(
        self, scene: Scene, item: InboxItem, incoming: Typed | Forwarded | Tapped
    ) -> Reply:
        try:
            # A refusal undoes what its use case had begun; the audit row about it stays.
            async with scene.tx.attempt():
                return await _reply_to(scene, item, incoming)
        except Refused as refused:
            if refused.code in _AUDITED and self._limits.audits(scene.actor, self._since_boot()):
                what = incoming.data if isinstance(incoming, Tapped) else _command(incoming)
                await _audit_attempt(scene, what, refused.code)
            return await _refuse(scene, incoming, refused)

    async def _point_home(self, tx: Transaction, incoming: InGroup) -> None:
        if not self._limits.answers_group(incoming.chat_id, self._since_boot()):
            return
        text = fill(words.GROUP, link=f"https://t.me/{self._username}")
        await tx.outbox.add(
            ChatId(incoming.chat_id),
            OutboxKind.REPLY,
            {"text": text, "keyboard": []},
            now=self._clock(),
        )

    async def _set_aside(self, item: InboxItem, error: str, *, apologise: bool = False) -> None:
        async with self._database.writing() as tx:
            await tx.inbox.quarantine(item.update_id, error)
            if apologise and item.chat_id > 0:
                await tx.outbox.add(
                    item.chat_id,
                    OutboxKind.REPLY,
                    {"text": words.SOMETHING_BROKE, "keyboard": []},
                    now=self._clock(),
                )

    def _answer(self, tapped: Tapped, reply: Reply) -> None:
        """Ends the button's spinner. Only a courtesy: nothing depends on it."""
        task = asyncio.create_task(self._send_answer(tapped.query_id, reply))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _send_answer(self, query_id: str, reply: Reply) -> None:
        text = (reply.toast or "")[:_TOAST_LENGTH]
        try:
            await self._bot.answer_callback_query(query_id, text or None, show_alert=reply.alert)
        except Exception as error:  # noqa: BLE001 - the query's id is whatever came
            why = error.message if isinstance(error, TelegramError) else type(error).__name__
            log.info("A tap was not answered: %s", why)


async def _reply_to(scene: Scene, item: InboxItem, incoming: Typed | Forwarded | Tapped) -> Reply:
    if isinstance(incoming, Tapped):
        meant = buttons.parse(incoming.data)
        if meant is None:
            raise Refused(Refusal.NO_BUTTON)
        return await taps.tapped(scene, meant)
    if isinstance(incoming, Forwarded):
        if incoming.command in ADMIN_COMMANDS:
            raise Refused(Refusal.FORWARDED)
        return await _not_a_command(scene, words.ONLY_NEW_MESSAGES)
    if not incoming.command:
        return await _not_a_command(scene, words.NOT_A_COMMAND)
    command = COMMANDS.get(incoming.command)
    if command is None:
        return await _not_a_command(scene, words.UNKNOWN_COMMAND)
    question = await late.asked_back(scene, incoming, item)
    return question or await command.handle(scene, incoming.rest)


def _is_known(actor: Actor) -> bool:
    return actor.is_allowed or actor.is_admin


async def _not_a_command(scene: Scene, text: str) -> Reply:
    if _is_known(scene.actor):
        return say(text)
    return await member_commands.help_(scene, "")


async def _refuse(scene: Scene, incoming: Typed | Forwarded | Tapped, refused: Refused) -> Reply:
    if isinstance(incoming, Tapped):
        meant = buttons.parse(incoming.data)
        # A toast is plain text: what was escaped for a message is not shown as entities.
        said = Reply(toast=Html(refusals.in_toast(refused)), alert=True)
        if meant is None or not _is_known(scene.actor):
            return said
        if refused.code is Refusal.ALREADY_DECIDED:
            await taps.mend(scene, meant)
        if meant.tap is Tap.APPROVE and refused.code in _OTHER_BUTTONS:
            await taps.refit(scene, meant)
        if meant.tap is Tap.SERVER and refused.code is Refusal.UNKNOWN_SERVER:
            return replace(said, view=await taps.servers_now(scene, meant), edit=True)
        return said
    if not _is_known(scene.actor):
        return await member_commands.help_(scene, "")
    return say(refusals.in_chat(refused))


def _command(incoming: Typed | Forwarded) -> str:
    typed = f"/{incoming.command}"
    return typed if isinstance(incoming, Typed) else f"forwarded {typed}"


async def _audit_attempt(scene: Scene, what: str, why: str) -> None:
    # What a forged tap holds goes to the operator's terminal and into spreadsheets.
    subject = clean(what, audit.SUBJECT_LENGTH)
    await scene.case.record("refused", subject, why=why)


async def _say(scene: Scene, reply: Reply) -> None:
    if reply.view is None:
        return
    payload: Payload = {
        "text": reply.view.text,
        "keyboard": buttons.to_payload(reply.view.keyboard),
    }
    if reply.edit and scene.message_id is not None:
        payload["edit"] = scene.message_id
    await scene.tx.outbox.add(scene.chat, OutboxKind.REPLY, payload, now=scene.case.now)
