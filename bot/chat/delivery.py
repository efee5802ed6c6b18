"""Profiles by Telegram: a row of the outbox says 'deliver grant N', and a courier brings it.

How a profile is delivered exactly once is told in `bot.handover.delivery`. The row is claimed (by
`sender`) before its step (1), and is done in the commit of (4). Where Telegram says 'later' or
cannot be reached, the key waits in memory.

What Telegram refuses, and what it may or may not have taken a few times, is not tried for ever: its
grant ends, its owner and the admins are told, and the row is set aside with the reason. While
Telegram does not even say who the bot is, nothing is tried that could get lost.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from telegram import Bot, Message
from telegram.error import TelegramError

from bot import limits
from bot.access import grants, keys
from bot.access.case import Case
from bot.access.lineage import Lineage
from bot.access.messages import DeliverNote
from bot.access.permission import THE_BOT
from bot.chat import cards
from bot.chat.client import say
from bot.chat.outcomes import Outcome as Said
from bot.chat.outcomes import failure_of
from bot.chat.sender import Decision, Sender
from bot.core import Core
from bot.errors import VpnbotError
from bot.handover.delivery import CUT_OFF, PAUSED_LOOK_S, Came, Delivery, Outcome
from bot.handover.profiles import Profile
from pki.errors import PkiError
from storage.devices import Device
from storage.errors import is_passing
from storage.key_records import KeyWay
from storage.outbox import Done, Later, Next
from storage.records import (
    ChatId,
    Grant,
    GrantId,
    GrantState,
    OutboxItem,
    OutboxKind,
    PostedMessage,
)
from vpn.errors import VpnError

log = logging.getLogger(__name__)

_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 30.0
_SERVER_RETRY_S = 5.0
_LONGEST_SERVER_RETRY_S = 300.0
_CLOCK_RETRY_S = 10.0
# How often one is tried that Telegram cannot be asked to take although it answers otherwise: half a
# minute.
_REFUSALS = 5
_ON_THE_WAY = (GrantState.RESERVED, GrantState.ISSUED)
# Errors whose own words an operator may read.
_SAID = (VpnError, PkiError, VpnbotError)


class TelegramCourier:
    """Brings one profile into a private chat; the sender knows which are to be left alone.

    Args:
        earlier: what this one takes the place of.
        until_used: what works on until this one was used.
        device: what it is for, where that was said.
        stay: after so many seconds the message is deleted; 0: never.
    """

    def __init__(
        self,
        bot: Bot,
        sender: Sender,
        chat_id: ChatId,
        note: DeliverNote,
        earlier: Grant | None,
        clock: Callable[[], datetime],
        *,
        until_used: Sequence[Grant] = (),
        device: Device | None = None,
        stay: int = 0,
    ) -> None:
        self._bot = bot
        self._sender = sender
        self._chat_id = chat_id
        self._note = note
        self._earlier = earlier
        self._clock = clock
        self._until_used = until_used
        self._device = device
        self._stay = timedelta(seconds=stay)
        self._wait_s = _FIRST_RETRY_S
        self._refusals = 0

    async def hand_over(self, grant: Grant, profile: Profile, *, earlier_dead: bool) -> Outcome:
        """Sends it; what reached nobody waits, and may be sent again."""
        view = cards.caption(
            grant,
            profile,
            self._note,
            self._earlier,
            earlier_dead=earlier_dead,
            until_used=self._until_used,
            device=self._device,
            deleted_at=self._clock() + self._stay if self._stay else None,
        )

        async def send(text: str, **markup: Any) -> Message:
            # Not protected: a protected file cannot be saved, so no VPN app could import it.
            return await self._bot.send_document(
                self._chat_id,
                document=profile.content,
                filename=profile.file_name,
                caption=text,
                disable_content_type_detection=True,
                **markup,
            )

        try:
            sent = await say(send, view.text, view.keyboard, room=limits.CAPTION)
        except TelegramError as error:
            failure = failure_of(error)
        except Exception as error:
            log.exception("Sending the profile of %s broke off", grant.id)
            return Outcome(Came.UNKNOWN, type(error).__name__)
        else:
            posted = PostedMessage(
                self._chat_id, sent.message_id, OutboxKind.DELIVER, grant.id, self._clock()
            )
            return Outcome(Came.ARRIVED, extra_files=profile.extra_files, posted=posted)
        log.warning("The profile of %s was not sent: %s", grant.id, failure.reason)
        match failure.outcome:
            case Said.FLOOD:
                await self._sender.hold(self._chat_id, failure.wait_s or self._wait_s)
                came = Came.NOT_YET
            case Said.NOT_DONE:
                await asyncio.sleep(self._wait_s)
                self._wait_s = min(self._wait_s * 2, _LONGEST_RETRY_S)
                self._refusals += await answers(self._bot)
                came = Came.NOT_YET if self._refusals < _REFUSALS else Came.REFUSED
            case Said.CLOSED:
                came = Came.CLOSED
            case Said.DELETED:
                came = Came.DELETED
            case Said.UNKNOWN:
                came = Came.UNKNOWN
            case Said.WORDS | Said.REFUSED | Said.MOVED:  # only a group moves
                came = Came.REFUSED
        if came is Came.NOT_YET:
            await self._sender.released(self._chat_id)
        return Outcome(came, failure.reason)


class ChatDelivery:
    """Handles the outbox's rows about profiles."""

    def __init__(
        self, bot: Bot, core: Core, delivery: Delivery, sender: Sender, *, archives: bool
    ) -> None:
        self._bot = bot
        self._core = core
        self._delivery = delivery
        self._sender = sender
        self._archives = archives

    async def deliver(self, item: OutboxItem) -> Next | Decision:
        """Handles a claimed row."""
        async with self._core.database.reading() as tx:
            grant = await tx.grants.get(GrantId(item.payload["grant"]))
            case = self._core.case(tx, THE_BOT)
            earlier = None
            if grant is not None and grant.replaces is not None:
                earlier = await tx.grants.get(grant.replaces)
            way, public_key = KeyWay.PLAIN, None
            until_used: Sequence[Grant] = ()
            device: Device | None = None
            if grant is not None:
                lineage = await Lineage.of(tx, grant.owner)
                until_used, device = lineage.earlier(grant), lineage.devices().get(grant.id)
                way = await keys.way_for(case, grant.owner)
                public_key = await keys.own_key(case, grant.owner) if way is KeyWay.OWN else None
        if grant is None or grant.state is not GrantState.RESERVED or grant.pause is not None:
            return await self.settle(item)
        if not case.may_give:
            # Approved before the machine's clock was in doubt; the admins know of that.
            return Later(case.after(_CLOCK_RETRY_S), item.attempts)
        if item.payload["round"] and not await answers(self._bot):
            retry_at = self._core.clock() + timedelta(seconds=_SERVER_RETRY_S)
            return Later(retry_at, item.attempts)
        try:
            profile = await self._delivery.make(  # (1), (2)
                grant, archive=self._archives, way=way, public_key=public_key
            )
        except Exception as error:
            if is_passing(error):
                raise
            unforeseen = None if isinstance(error, _SAID) else error
            log.warning(
                "The profile of %s cannot be made yet: %s", grant.id, error, exc_info=unforeseen
            )
            return self._delayed(item, grant, error)
        if profile is None:
            return await self.settle(item)  # it has ended, or waits until its owner is resumed
        note = DeliverNote(item.payload["note"])
        courier = TelegramCourier(
            self._bot,
            self._sender,
            item.chat_id,
            note,
            earlier,
            self._core.clock,
            until_used=until_used,
            device=device,
            stay=self._core.rules.profiles_stay,
        )
        await self._sender.released(item.chat_id)
        outcome = await self._delivery.hand_over(grant, profile, courier)  # (3)
        lost = int(item.payload["round"]) + 1
        return partial(self._delivery.note, grant=grant, outcome=outcome, lost=lost)  # (4)

    async def settle(self, item: OutboxItem) -> Next | Decision:
        """Decides on a profile that somebody was sending who is not there any more."""
        async with self._core.database.reading() as tx:
            grant = await tx.grants.get(GrantId(item.payload["grant"]))
        if grant is not None and grant.state in _ON_THE_WAY and grant.pause is not None:
            return Later(self._core.clock() + timedelta(seconds=PAUSED_LOOK_S), item.attempts)
        if grant is not None and grant.state is GrantState.ISSUED:
            # A process that ended says nothing about the next try.
            lost = int(item.payload["round"])
            return partial(self._delivery.note, grant=grant, outcome=CUT_OFF, lost=lost)
        if grant is not None and grant.state is GrantState.RESERVED:
            return Later(self._core.clock(), item.attempts)
        return Done()

    def _delayed(self, item: OutboxItem, grant: Grant, error: Exception) -> Decision:
        """Nothing has left this process: the same grant is tried again later."""
        wait = min(_SERVER_RETRY_S * 2 ** min(item.attempts, 10), _LONGEST_SERVER_RETRY_S)
        said = str(error) if isinstance(error, _SAID) else type(error).__name__

        async def wait_for_server(case: Case) -> Next:
            if item.attempts == 0:
                await grants.delayed(case, grant)
            return Later(case.after(wait), item.attempts + 1, said)

        return wait_for_server


async def answers(bot: Bot) -> bool:
    """Whether Telegram can be reached at all, so that it is not the line."""
    try:
        await bot.get_me()
    except TelegramError:
        return False
    return True
