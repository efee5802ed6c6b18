"""Handles stored updates, one after the other, by whose turn it is: see `bot.chat.turns`.

Each update of somebody who is known has a transaction of its own; those of others, and what is too
much of one person, share theirs. What a handler changes, what it wants to be said, and that the
update is done are committed together. So a process that is killed anywhere handles an update again
from the start or not at all. Handlers only touch the database; whatever takes time is done by the
outbox.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from telegram import Bot, Update
from telegram.error import TelegramError

from bot import limits
from bot.access import audit, leaving, messages, roles
from bot.access.names import clean
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal, Refused
from bot.chat import buttons, choosing, guesses, keys, late, picking, replies, taps, views
from bot.chat.back import reached
from bot.chat.buttons import Tap
from bot.chat.commands import COMMANDS, help_, is_for_us
from bot.chat.incoming import (
    Acted,
    Blocked,
    Forwarded,
    GroupMoved,
    Incoming,
    InGroup,
    Membership,
    Nothing,
    Picked,
    Sender,
    Tapped,
    Typed,
    read_update,
    revokes,
)
from bot.chat.outcomes import Outcome, failure_of
from bot.chat.scene import SILENT, Reply, Scene, post
from bot.chat.throttle import Limits
from bot.chat.turns import Rank, Turns
from bot.chat.views import View
from bot.core import Core
from bot.process.loops import forever, woken
from bot.process.reserve import Reserve
from bot.texts import chat as words
from bot.texts import keys as key_words
from bot.texts import refusals
from bot.texts.fill import Html, cut, fill, plain_in_chat
from storage.errors import is_full, is_passing
from storage.records import ChatId, InboxItem, OutboxKind, UserId
from storage.transaction import Transaction

log = logging.getLogger(__name__)

# An idle bot looks after its inbox this often, in case another process wrote into it.
_LOOK_S = 1.0
# So many updates of strangers share a transaction: whoever is known waits for one of these at most.
_TOGETHER = 16
# So many of one person's are passed over at once, which takes less.
_PASSED_OVER = 100
# What comes of what is over somebody's limit.
_TOO_MUCH = Reply()
# Refusals that somebody only meets who tries what is not theirs.
_AUDITED = frozenset(
    {
        Refusal.ADMINS_ONLY,
        Refusal.FORWARDED,
        Refusal.OWN_REQUEST,
        Refusal.OWN_STANDING,
        Refusal.GROUP_DECIDES,
        Refusal.OWN_PAUSE,
        Refusal.SEVERAL_APPOINT,
        Refusal.OTHER_GROUP,
        Refusal.NOT_YOURS,
        Refusal.NOT_OFFERED,
        Refusal.NO_BUTTON,
    }
)
# Refusals of what would have been right before something else happened.
_TOO_LATE = frozenset({Refusal.ALREADY_DECIDED, Refusal.GRANT_OVER, Refusal.NOTHING_LIVE})
# Whoever reads these tried what was never theirs: what is, is a tap away.
_LOST = frozenset({Refusal.ADMINS_ONLY, Refusal.FORWARDED})
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
        self._answers: set[asyncio.Task[Any]] = set()
        self._since_boot = core.since_boot
        self._limits = Limits()
        self._is_busy = False
        # As of the last look at the inbox: for the order and the reserve, never for permission.
        self._admins = frozenset(core.rules.admins)

    @property
    def is_busy(self) -> bool:
        """Whether something waits, as far as is known here."""
        return self._is_busy or self._wake.is_set()

    def wake(self) -> None:
        """Something new is in the inbox."""
        self._wake.set()

    async def run(self) -> None:
        """Works until it is cancelled."""
        await forever(self._round)

    async def _round(self) -> None:
        self._wake.clear()
        self._is_busy = True
        try:
            await self.work_off()
        finally:
            self._is_busy = False
        await woken(self._wake, _LOOK_S)

    async def work_off(self) -> None:
        """Handles all that waits, and what comes meanwhile."""
        turns = Turns()
        newest = await self._take_on(turns, after=0)
        while True:
            if self._wake.is_set():
                self._wake.clear()
                newest = await self._take_on(turns, after=newest)
            item = turns.next_known()
            if item is not None:
                if await self._handle(item) is _TOO_MUCH:
                    await self._pass_over(item.chat_id, turns)
            elif others := turns.next_others(_TOGETHER):
                await self._handle_others(others)
            else:
                return
            self._on_done()

    async def _take_on(self, turns: Turns, after: int) -> int:
        """Gives the place of the newest that was there."""
        async with self._database.reading() as tx:
            items = await tx.inbox.new(after=after)
            people = await tx.people.some(UserId(item.chat_id) for item in items)
            self._admins = frozenset(await roles.admins(tx, self._core.rules))
            appointed = await tx.roles.all()
        for item in items:
            user_id = UserId(item.chat_id)
            person = people.get(user_id)
            is_known = user_id in appointed or (person is not None and person.allowed)
            rank = Rank.MEMBER if is_known else Rank.OTHER
            turns.add(item, Rank.ADMIN if user_id in self._admins else rank)
        return items[-1].seq if items else after

    async def _handle_others(self, items: Sequence[InboxItem]) -> None:
        """One commit for many; where that fails, or may not be, each has one of its own."""
        read = [(item, *_read(item)) for item in items]
        is_together = not any(self._revokes(incoming) for _, incoming, _ in read)
        if is_together and not self._reserve.is_scarce:
            try:
                await self._act_together(read)
            except Exception as error:
                if is_passing(error):
                    if is_full(error):
                        self._reserve.note_full()
                    raise
                log.info("Updates of strangers are handled one by one (%s)", type(error).__name__)
            else:
                return
        for item in items:
            await self._handle(item)

    async def _act_together(self, read: Sequence[tuple[InboxItem, Incoming | None, str]]) -> None:
        done: list[tuple[Incoming, Reply]] = []
        odd: list[str] = []
        async with self._database.writing() as tx:
            for item, incoming, trouble in read:
                if incoming is None:
                    odd.append(trouble)
                    await tx.inbox.quarantine(item.update_id, trouble)
                else:
                    done.append((incoming, await self._act(tx, item, incoming)))
            if odd:
                await tx.inbox.trim_quarantine()
        if odd:
            log.warning("Updates that cannot be read: %d, the last one %s", len(odd), odd[-1])
        for incoming, reply in done:
            self._answer_soon(incoming, reply)

    async def _pass_over(self, chat: ChatId, turns: Turns) -> None:
        """Somebody who is too fast just now: what else of theirs waits is done in one commit.

        An admin's revocations go on waiting, and what tells whether they can be reached.
        """
        too_much = []
        for item in turns.first_of(chat, _PASSED_OVER):
            incoming, _ = _read(item)
            is_act = isinstance(incoming, Acted)
            if is_act and not self._revokes(incoming):
                too_much.append(item.update_id)
        if too_much:
            async with self._database.writing() as tx:
                await tx.inbox.finish_all(too_much)
            turns.drop(chat, frozenset(too_much))

    def _revokes(self, incoming: Incoming | None) -> bool:
        return incoming is not None and revokes(incoming, self._admins)

    async def _handle(self, item: InboxItem) -> Reply:
        incoming, trouble = _read(item)
        is_revocation = self._revokes(incoming)
        if self._reserve.is_scarce and not is_revocation:
            return SILENT  # it waits until there is room
        if incoming is None:
            log.warning("Update %d cannot be read (%s)", item.update_id, trouble)
            await self._set_aside(item, trouble)
            return SILENT
        act = partial(self._act_alone, item, incoming)
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
        self._answer_soon(incoming, reply)
        return reply

    def _answer_soon(self, incoming: Incoming, reply: Reply) -> None:
        # A flood of taps does not become a flood of calls: where there is nothing to say, the
        # button's spinner ends by itself. Only a courtesy: nothing depends on it.
        if isinstance(incoming, Tapped) and reply is not SILENT and reply is not _TOO_MUCH:
            answer = self._reveal if reply.reveals is not None else self._answer
            task: asyncio.Task[Any] = asyncio.create_task(answer(incoming.query_id, reply))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    async def _act_alone(self, item: InboxItem, incoming: Incoming) -> Reply:
        async with self._database.writing() as tx:
            return await self._act(tx, item, incoming)

    async def _act(self, tx: Transaction, item: InboxItem, incoming: Incoming) -> Reply:
        if not await tx.inbox.finish(item.update_id):
            return SILENT
        match incoming:
            case Tapped(group=int(group)) if group != await self._cards_group(tx):
                pass
            case Typed() | Forwarded() | Picked() | Tapped():
                return await self._person(tx, item, incoming)
            case InGroup(chat_id, command, bot, topic):
                is_ours = is_for_us(command, bot, self._username)
                now = self._since_boot()
                if is_ours and self._limits.answers_group(chat_id, now, item.update_id):
                    view = View(fill(words.GROUP, link=f"https://t.me/{self._username}"))
                    await post(tx, ChatId(chat_id), view, self._clock(), topic=topic)
            case Blocked(user_id, True):
                await reached(self._core.case(tx, THE_BOT), user_id)
            case Blocked(user_id, False):
                await tx.people.set_reachable(user_id, reachable=False)
            case Membership(chat_id, user_id, is_member):
                case = self._core.case(tx, THE_BOT)
                if chat_id == await case.group_now(case.rules.group):
                    await leaving.in_group(case, user_id, is_member=is_member)
            case GroupMoved(before, now_it_is):
                await leaving.group_moved(self._core.case(tx, THE_BOT), before, now_it_is)
            case Nothing():
                pass
        # Anybody can send these, and it does no harm to meet one twice.
        await tx.inbox.forget(item.update_id)
        return SILENT

    async def _cards_group(self, tx: Transaction) -> ChatId | None:
        return await self._core.case(tx, THE_BOT).group_now(self._core.rules.cards_group)

    async def _person(self, tx: Transaction, item: InboxItem, incoming: Acted) -> Reply:
        sender, now = incoming.sender, self._since_boot()
        group = incoming.group if isinstance(incoming, Tapped) else None
        await self._note_sender(tx, sender, is_private=group is None)
        actor = await roles.identify(tx, self._core.rules, sender.user_id, sender.name)
        case = self._core.case(tx, actor)
        message_id = incoming.message_id if isinstance(incoming, Tapped) else None
        place = None if group is None else ChatId(group)
        scene = Scene(case, sender.user_id, message_id, self._core.passphrases, item, place)
        is_heard = self._revokes(incoming) or not actor.is_known
        if not is_heard and not self._limits.acts_for(actor, now):
            if self._limits.warns(sender.user_id, now):
                await post(tx, scene.chat, View(Html(words.TOO_FAST)), case.now)
            return _TOO_MUCH
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
            # A stranger's flood costs an answer a minute, two more an hour, and leaves nothing.
            await tx.inbox.forget(item.update_id)
            passes = self._limits.answers_stranger(
                sender.user_id, now, item.update_id, is_typed=isinstance(incoming, Typed)
            )
            if not passes and not reply.owed:
                return SILENT
        if reply.view is not None:
            instead_of = message_id if reply.edit else None
            await post(
                tx,
                scene.place if reply.edit else scene.chat,
                reply.view,
                case.now,
                instead_of=instead_of,
                about=reply.about,
                picks=reply.picks,
            )
        return reply

    async def _note_sender(self, tx: Transaction, sender: Sender, *, is_private: bool) -> None:
        """Whoever writes can be written to, and has their username from now on.

        Whoever was known by their number only is known by name.
        """
        number = str(sender.user_id)
        known = await tx.people.get(sender.user_id)
        if sender.user_id in self._core.rules.admins or (known and known.name == number):
            await tx.people.know(sender.user_id, sender.name or number, self._clock())
        await tx.people.note_username(sender.user_id, sender.username, self._clock())
        if is_private:
            await reached(self._core.case(tx, THE_BOT), sender.user_id)

    async def _set_aside(self, item: InboxItem, error: str, *, apologise: bool = False) -> None:
        async with self._database.writing() as tx:
            await tx.inbox.quarantine(item.update_id, error)
            await tx.inbox.trim_quarantine()
            if apologise and item.chat_id > 0:
                view = View(Html(words.SOMETHING_BROKE))
                await post(tx, item.chat_id, view, self._clock())

    async def _answer(self, query_id: str, reply: Reply) -> Outcome | None:
        """What came of it, where it failed."""
        text = cut(reply.toast or "", limits.TOAST)
        try:
            await self._bot.answer_callback_query(query_id, text or None, show_alert=reply.alert)
        except TelegramError as error:
            log.info("A tap was not answered: %s", error.message)
            return failure_of(error).outcome
        except Exception as error:  # noqa: BLE001 - the query's id is whatever came
            log.info("A tap was not answered: %s", type(error).__name__)
            return Outcome.UNKNOWN
        return None

    async def _reveal(self, query_id: str, reply: Reply) -> None:
        """Shows a passphrase, which goes from memory to Telegram and nowhere else."""
        assert reply.reveals is not None
        passphrase = self._core.passphrases.take(reply.reveals)
        if passphrase is None:
            await self._answer(query_id, replace(reply, toast=Html(key_words.SHOWN_JUST_NOW)))
            return
        text = plain_in_chat(key_words.SHOWN, passphrase=passphrase)
        failed = await self._answer(query_id, replace(reply, toast=Html(text)))
        if failed not in {None, Outcome.UNKNOWN}:
            # Nobody has seen it: the next tap shows it.
            self._core.passphrases.keep(reply.reveals, passphrase)
            return
        async with self._core.acting(THE_BOT) as case:
            for message in await case.tx.posted.about(OutboxKind.DELIVER, reply.reveals):
                await messages.edit(case, message)
        self._on_done()


def _read(item: InboxItem) -> tuple[Incoming | None, str]:
    """What it says; or None, and why it cannot be read."""
    try:
        return read_update(Update.de_json(json.loads(item.payload), None)), ""
    except Exception as error:  # noqa: BLE001 - it stays readable in the inbox, and holds up nobody
        return None, f"unreadable: {type(error).__name__}"


async def _reply(scene: Scene, item: InboxItem, incoming: Acted) -> Reply:
    if isinstance(incoming, Tapped):
        meant = buttons.parse(incoming.data)
        if meant is None:
            raise Refused(Refusal.NO_BUTTON)
        return await taps.ACTIONS[meant.tap](scene, meant)
    if isinstance(incoming, Picked):
        return await picking.picked(scene, incoming)
    command = COMMANDS.get(incoming.command)
    if isinstance(incoming, Forwarded):
        if command is not None and command.is_for_admins:
            raise Refused(Refusal.FORWARDED)
        return await _said(scene, words.ONLY_NEW_MESSAGES)
    if scene.actor.is_known and (said := await keys.take_sent(scene, incoming)) is not None:
        return said
    answer = await replies.answer(scene, incoming)
    if command is None:
        return answer or await guesses.answer(scene, incoming)
    answer = answer or await late.asked_back(scene, incoming, item)
    return answer or await command.handle(scene, incoming.rest)


async def _said(scene: Scene, text: str, *, has_buttons: bool = True) -> Reply:
    """A stranger hears the same of everything; others what they can do instead, too."""
    if scene.actor.is_known:
        return Reply(View(Html(text), guesses.keyboard(scene.actor) if has_buttons else ()))
    return await help_(scene, "")


async def _refusal(scene: Scene, incoming: Acted, refused: Refused) -> Reply:
    if isinstance(incoming, Tapped):
        meant = buttons.parse(incoming.data)
        # A toast is plain text: what was escaped for a message is not shown as entities.
        said = Reply(toast=Html(refusals.in_toast(refused)), alert=True)
        if meant is None or not scene.actor.is_known:
            return said
        if refused.code in _TOO_LATE:
            await taps.mend_stale(scene, meant)
        if refused.code in _TOO_LATE and meant.tap in taps.YES:
            return replace(said, view=View(refusals.in_chat(refused)), edit=True)
        if meant.tap in taps.DECIDES and refused.code in _OTHER_BUTTONS:
            await taps.refit(scene, meant)
        if meant.tap is Tap.SERVER and refused.code is Refusal.UNKNOWN_SERVER:
            return replace(said, view=await choosing.question_now(scene, meant), edit=True)
        return said
    offer = views.allow_self(scene.actor)
    if refused.code is Refusal.NOT_ALLOWED and offer:
        return Reply(View(Html(words.ADMIN_NOT_LISTED), offer))
    is_lost = refused.code in _LOST
    return await _said(scene, refusals.in_chat(refused), has_buttons=is_lost)


def _as_sent(incoming: Acted) -> str:
    if isinstance(incoming, Tapped):
        return incoming.data
    if isinstance(incoming, Picked):
        return "picked"
    if isinstance(incoming, Forwarded):
        return f"forwarded /{incoming.command}"
    return f"/{incoming.command} {incoming.rest}".rstrip()
