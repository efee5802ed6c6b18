"""Delivers profiles, each exactly once, with a key that exists only here and only now.

(1) The row of the outbox is claimed (by `sender`). What this profile takes the place of is cut
first, and the words beside it say 'dead' only where that was seen. (2) `profiles` makes the profile
of a reserved grant and marks the grant as issued. (3) It is sent: where Telegram says 'later' or
cannot be reached, the key waits in memory. (4) The grant is active, in one commit with the row.

What Telegram refuses, and what it may or may not have taken a few times, is not tried for ever: its
grant ends, its owner and the admins are told, and the row is set aside with the reason. While
Telegram does not even say who the bot is, nothing is tried that could get lost.

Whoever is killed between (2) and (4) leaves a row that says 'sending' and a grant that says
'issued': nobody knows whether the profile arrived, so that serial is revoked and a fresh profile
goes out. Before (2) nothing has left this process, and the same grant is simply made again.

The operator's extra files follow as rows of their own, written in the commit of (4): the profile
has arrived then, and whatever becomes of them, it stays. Like texts, one may come twice after a
kill. In an archive they are part of what is sent at (3).
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

from telegram import Bot, Message
from telegram.error import TelegramError

from bot.access import grants, holdings, messages
from bot.access.messages import DeliverNote
from bot.access.permission import THE_BOT
from bot.chat import views
from bot.chat.buttons import Keyboard
from bot.chat.client import CAPTION_LENGTH, say
from bot.chat.outcomes import Failure, Outcome, failure_of
from bot.core import Core
from bot.enforcement import Enforcer
from bot.errors import VpnbotError
from bot.profiles import Profile, ProfileMaker
from bot.texts import chat as words
from bot.texts.fill import Html, blocks, fill, moment
from pki.errors import PkiError
from storage.errors import is_passing
from storage.records import ChatId, Grant, GrantId, GrantState, OutboxItem
from vpn.errors import VpnError

log = logging.getLogger(__name__)

_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 30.0
_STORE_RETRY_S = 2.0
_SERVER_RETRY_S = 5.0
_LONGEST_SERVER_RETRY_S = 300.0
_CLOCK_RETRY_S = 10.0
# How many profiles of one approval may get lost, and how often one is tried that Telegram cannot be
# asked to take although it answers otherwise: half a minute either way.
_ROUNDS = 5
_REFUSALS = 5
# Errors whose own words an operator may read.
_SAID = (VpnError, PkiError, VpnbotError)
# A profile waits no longer for the end of the one before: a server may hang, or many may queue.
_CUT_S = 10.0


_CUT_OFF = Failure(Outcome.UNKNOWN, "the bot was stopped while it was sending")
_ENDED = Failure(Outcome.REFUSED, "the access was ended meanwhile")


class Halts(Protocol):
    """The chats that Telegram wants to be left alone for a while, as `sender` keeps them."""

    async def hold(self, chat_id: ChatId, seconds: float) -> None:
        """Nothing goes to this chat for so long."""

    async def released(self, chat_id: ChatId) -> None:
        """Waits until something may be sent to this chat again."""


class Delivery:
    def __init__(
        self,
        bot: Bot,
        core: Core,
        maker: ProfileMaker,
        enforcer: Enforcer,
        *,
        halts: Halts,
        archives: bool,
    ) -> None:
        self._bot = bot
        self._core = core
        self._database = core.database
        self._maker = maker
        self._enforcer = enforcer
        self._halts = halts
        self._cuts: set[asyncio.Task[None]] = set()
        self._archives = archives
        self._clock = core.clock

    async def deliver(self, item: OutboxItem) -> None:
        """Handles a claimed row."""
        async with self._database.reading() as tx:
            grant = await tx.grants.get(GrantId(item.payload["grant"]))
            may_give = self._core.case(tx, THE_BOT).may_give
        if grant is None or grant.state is not GrantState.RESERVED:
            await self.settle(item)
            return
        if not may_give:
            # Approved before the machine's clock was in doubt; the admins know of that.
            await self._requeue(item, _CLOCK_RETRY_S)
            return
        if item.payload["round"] and not await self._answers():
            await self._requeue(item, _SERVER_RETRY_S)
            return
        await self._cut_earlier(grant)
        try:
            profile = await self._maker.make(grant, archive=self._archives)  # (2)
        except Exception as error:
            if is_passing(error):
                raise
            log.exception("The profile of %s cannot be made yet", grant.id)
            await self._delay(item, grant, error)
            return
        if profile is None:
            await self._close(item)
            return
        failure = await self._hand_over(item, grant, profile)
        await self._note(item, grant, failure, profile.extra_files)

    async def settle(self, item: OutboxItem) -> None:
        """Decides on a profile that somebody was sending who is not there any more."""
        grant = await self._grant(item)
        if grant is not None and grant.state is GrantState.ISSUED:
            await self._settle(item, grant, _CUT_OFF)
        elif grant is not None and grant.state is GrantState.RESERVED:
            await self._requeue(item, 0.0)
        else:
            await self._close(item)

    async def _hand_over(self, item: OutboxItem, grant: Grant, profile: Profile) -> Failure | None:
        """Sends until Telegram has said yes or no, or nobody can tell. None: it arrived."""
        note = DeliverNote(item.payload["note"])
        keyboard = views.how_to(grant, profile.topics)
        wait = _FIRST_RETRY_S
        refusals = 0
        while True:
            await self._halts.released(item.chat_id)
            if not await self._still_issued(grant):
                return _ENDED
            caption = _caption(grant, note, profile, dead=await self._is_earlier_dead(grant))
            try:
                await self._send(item.chat_id, profile, caption, keyboard)  # (3)
            except TelegramError as error:
                failure = failure_of(error)
            except Exception as error:
                log.exception("Sending the profile of %s broke off", grant.id)
                return Failure(Outcome.UNKNOWN, type(error).__name__)
            else:
                return None
            log.warning("The profile of %s was not sent: %s", grant.id, failure.reason)
            match failure.outcome:
                case Outcome.FLOOD:
                    await self._halts.hold(item.chat_id, failure.wait_s or wait)
                case Outcome.NOT_DONE:
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, _LONGEST_RETRY_S)
                    refusals += await self._answers()
                    if refusals >= _REFUSALS:
                        return Failure(Outcome.REFUSED, failure.reason)
                case _:
                    return failure

    async def _answers(self) -> bool:
        """Whether Telegram can be reached at all, so that it is not the line."""
        try:
            await self._bot.get_me()
        except TelegramError:
            return False
        return True

    async def _send(
        self, chat_id: ChatId, profile: Profile, caption: Html, keyboard: Keyboard
    ) -> None:
        async def send(text: str, **markup: Any) -> Message:
            # Not protected: a protected file cannot be saved, so no VPN app could import it.
            return await self._bot.send_document(
                chat_id,
                document=profile.content,
                filename=profile.file_name,
                caption=text,
                disable_content_type_detection=True,
                **markup,
            )

        await say(send, caption, keyboard, room=CAPTION_LENGTH)

    async def _note(
        self, item: OutboxItem, grant: Grant, failure: Failure | None, extra_files: Sequence[str]
    ) -> None:
        """What came of it is known here only, so it is kept until it can be written down."""
        told = False
        while True:
            try:
                await self._settle(item, grant, failure, extra_files)
            except Exception as error:
                if not is_passing(error):
                    raise
                if not told:
                    log.warning("What came of %s cannot be stored yet", grant.id)
                told = True
                await asyncio.sleep(_STORE_RETRY_S)
            else:
                return

    async def _settle(
        self,
        item: OutboxItem,
        grant: Grant,
        failure: Failure | None,
        extra_files: Sequence[str] = (),
    ) -> None:
        # A process that ended says nothing about the next try.
        round_ = int(item.payload["round"]) + (failure is not _CUT_OFF)
        async with self._database.writing() as tx:
            case = self._core.case(tx, THE_BOT)
            if failure is None:
                if await grants.delivered(case, grant):  # (4)
                    for name in extra_files:
                        await messages.extra_file(case, grant.owner, name)
            elif failure.outcome is Outcome.CLOSED:
                await tx.people.set_reachable(grant.owner, reachable=False)
                await grants.undeliverable(case, grant, closed=True)
            elif failure.outcome is Outcome.UNKNOWN and round_ < _ROUNDS:
                wait = _SERVER_RETRY_S * 2 ** (round_ - 2) if round_ > 1 else 0.0
                await grants.replace_lost(case, grant, round_=round_, wait_s=wait)
            elif await grants.undeliverable(case, grant, closed=False):
                await tx.outbox.fail(item.id, failure.reason)
            # Does nothing where it was set aside.
            await tx.outbox.finish(item.id)

    async def _delay(self, item: OutboxItem, grant: Grant, error: Exception) -> None:
        """Nothing has left this process: the same grant is tried again later."""
        wait = min(_SERVER_RETRY_S * 2 ** min(item.attempts, 10), _LONGEST_SERVER_RETRY_S)
        async with self._database.writing() as tx:
            case = self._core.case(tx, THE_BOT)
            if item.attempts == 0:
                await grants.delayed(case, grant)
            await tx.outbox.requeue(
                item.id,
                case.after(wait),
                attempts=item.attempts + 1,
                error=str(error) if isinstance(error, _SAID) else type(error).__name__,
            )

    async def _requeue(self, item: OutboxItem, wait_s: float) -> None:
        async with self._database.writing() as tx:
            due_at = self._clock() + timedelta(seconds=wait_s)
            await tx.outbox.requeue(item.id, due_at, attempts=item.attempts)

    async def _cut_earlier(self, grant: Grant) -> None:
        """Ends what this one takes the place of, before it gets its address."""
        earlier = await self._earlier(grant)
        # Not cancelled half way: what it writes on a server, it writes under the server's lock.
        cut = asyncio.create_task(self._enforcer.enforce(earlier))
        self._cuts.add(cut)
        cut.add_done_callback(self._cuts.discard)
        await asyncio.wait({cut}, timeout=_CUT_S)

    async def _earlier(self, grant: Grant) -> list[GrantId]:
        """What the same approval gave before, as far as its end is not proved."""
        async with self._database.reading() as tx:
            found = await tx.grants.of_user(grant.owner)
        return [
            one.id
            for one in found
            if one.request_id == grant.request_id and one.state is GrantState.REVOKING
        ]

    async def _is_earlier_dead(self, grant: Grant) -> bool:
        """Whether all that the same approval gave before is seen to be dead everywhere.

        Not, where a server was taken out before it had proved that.
        """
        async with self._database.reading() as tx:
            earlier = [
                one
                for one in await tx.grants.of_user(grant.owner)
                if one.request_id == grant.request_id and one.id != grant.id
            ]
            now = self._clock()
            return not any([await holdings.may_let_in(tx, now, one) for one in earlier])

    async def _grant(self, item: OutboxItem) -> Grant | None:
        async with self._database.reading() as tx:
            return await tx.grants.get(item.payload["grant"])

    async def _still_issued(self, grant: Grant) -> bool:
        async with self._database.reading() as tx:
            now = await tx.grants.get(grant.id)
        return now is not None and now.state is GrantState.ISSUED

    async def _close(self, item: OutboxItem) -> None:
        async with self._database.writing() as tx:
            await tx.outbox.finish(item.id)


def _caption(grant: Grant, note: DeliverNote, profile: Profile, *, dead: bool) -> Html:
    template = words.CAPTIONS[note] if dead else words.CAPTIONS_UNPROVED[note]
    use = words.CAPTION_USE_ARCHIVE if profile.is_archive else words.CAPTION_USE
    return blocks(
        fill(template, server=grant.server),
        fill(use, until=moment(grant.not_after)),
        words.CAPTION_HOW_TO if profile.topics else "",
        words.CAPTION_LATER,
    )
