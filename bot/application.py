"""The running bot, put together: poller, worker, sender and keeper beside each other."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial

from telegram.constants import ChatAction

from bot.access import admins, new_bot, requests
from bot.access.permission import THE_BOT
from bot.access.revocation import close_proved
from bot.chat import farewells, own_key, soon_over, trouble
from bot.chat.client import Telegram
from bot.chat.delivery import ChatDelivery
from bot.chat.meanwhile import shown
from bot.chat.outcomes import failure_at_telegram
from bot.chat.poller import Poller
from bot.chat.posts import Posts
from bot.chat.sender import Decision, Handling, Sender
from bot.chat.worker import Worker
from bot.errors import VpnbotError
from bot.handover.delivery import Delivery
from bot.office import Office
from bot.rounds.keeper import Keeper
from pki.errors import PkiError
from storage.errors import is_passing
from storage.outbox import Next
from storage.records import OutboxItem, OutboxKind

log = logging.getLogger(__name__)


class Application:
    """The running bot: poller, worker, sender and keeper beside each other."""

    def __init__(self, office: Office, telegram: Telegram) -> None:
        self._office = office
        self._telegram = telegram
        bot = telegram.bot
        handlings: dict[OutboxKind, Handling] = {}
        self.sender = Sender(office, handlings, failure_of=failure_at_telegram)
        self._delivery = ChatDelivery(
            bot,
            office,
            Delivery(office, office.maker, office.enforcer),
            self.sender,
            archives=office.handover.archives,
        )
        posts = Posts(
            bot,
            office,
            office.fleet,
            office.enforcer,
            office.handover,
            canary_s=office.settings.canary,
        )
        # A profile goes out by the sender, and has to keep its halts.
        handlings |= {
            OutboxKind.REPLY: Handling(posts.reply),
            OutboxKind.NOTICE: Handling(posts.notice),
            OutboxKind.CARD: Handling(posts.card),
            OutboxKind.ASKED: Handling(posts.asked),
            OutboxKind.EDIT_CARD: Handling(posts.edit_card),
            OutboxKind.EDIT: Handling(posts.edit),
            OutboxKind.DELETE: Handling(posts.delete),
            OutboxKind.OWN_KEY: Handling(
                shown(bot, partial(own_key.fetch, bot, office)), is_slow=True
            ),
            OutboxKind.EXTRA_FILE: Handling(posts.extra_file, is_slow=True),
            OutboxKind.REMINDER: Handling(
                partial(soon_over.send, bot, office), settle=soon_over.dropped
            ),
            OutboxKind.HELP: Handling(partial(trouble.look, office), is_slow=True),
            OutboxKind.HOW_TO: Handling(posts.how_to),
            OutboxKind.RECEIPT: Handling(shown(bot, posts.receipt), is_slow=True),
            OutboxKind.RESUME: Handling(shown(bot, posts.resume), is_slow=True),
            OutboxKind.SERVERS: Handling(shown(bot, posts.servers), is_slow=True),
            OutboxKind.CUT: Handling(shown(bot, posts.cut), is_slow=True),
            OutboxKind.ONLINE: Handling(shown(bot, posts.online), is_slow=True),
            OutboxKind.CUT_SESSION: Handling(shown(bot, posts.cut_session), is_slow=True),
            OutboxKind.INVITATION: Handling(posts.invitation),
            OutboxKind.KNOCK: Handling(posts.question),
            OutboxKind.ASKED_USE: Handling(posts.question),
            OutboxKind.LEAVING: Handling(posts.question),
            OutboxKind.FAREWELL: Handling(partial(farewells.post, bot, office)),
            OutboxKind.MENU: Handling(posts.menu),
            OutboxKind.DELIVER: Handling(
                shown(bot, self._delivery.deliver, action=ChatAction.UPLOAD_DOCUMENT),
                is_slow=True,
                settle=self._settle,
            ),
        }
        self.keeper = Keeper(office, on_written=self.sender.wake)

    async def _settle(self, item: OutboxItem) -> Next | Decision | None:
        # After a restore the servers know which of the profiles on their way were revoked since.
        if await self._office.fleet.caught_up():
            return await self._delivery.settle(item)
        return None

    async def run(self, greeted: AbstractAsyncContextManager[str]) -> None:
        """Runs until it is cancelled or one part gives up for good.

        What is over ends also while Telegram cannot be reached.

        Args:
            greeted: waits for Telegram, and gives the bot's username.
        """
        # A start on a full disk goes on: a revocation may be waiting.
        await self._office.reserve.for_revocation(self._begin)
        try:
            async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
                group.create_task(self.keeper.run())
                group.create_task(self._open_keys())
                username = await stack.enter_async_context(greeted)
                bot = self._telegram.bot
                reserve = self._office.reserve
                await reserve.for_revocation(lambda: self._speak_as(bot.id))
                await reserve.for_revocation(lambda: self._note_name(username))
                worker = Worker(
                    bot, username, self._office, on_done=self.sender.wake, reserve=reserve
                )
                poller = Poller(
                    self._telegram,
                    username,
                    self._office,
                    on_stored=worker.wake,
                    reserve=reserve,
                    is_serving=lambda: worker.is_busy or self.sender.is_busy,
                )
                for part in (poller, worker, self.sender):
                    group.create_task(part.run())
        except BaseExceptionGroup as group:
            told, rest = group.split(
                lambda error: isinstance(error, VpnbotError) or is_passing(error)
            )
            if told is None:
                raise
            if rest is not None:
                log.exception("More went wrong on the way down", exc_info=rest)
            # One of them gave up for a reason that the operator has to mend: that one is told.
            raise told.exceptions[0] from None

    async def _begin(self) -> None:
        async with self._office.acting(THE_BOT) as case:
            await close_proved(case)
            await admins.observe_at_start(case)
            await requests.refit(case)

    async def _speak_as(self, bot_id: int) -> None:
        """Before anything is sent: a message belongs to the bot that posted it."""
        async with self._office.acting(THE_BOT) as case:
            is_new = await new_bot.speaks(case, bot_id)
        if is_new:
            log.warning("This is another bot than before; open requests are shown anew")

    async def _note_name(self, username: str) -> None:
        """Links need it, also on the command line."""
        async with self._office.acting(THE_BOT) as case:
            if await case.tx.invitations.own_name() != username:
                await case.tx.invitations.set_own_name(username)

    async def _open_keys(self) -> None:
        """So that the first profile does not wait for its server's key."""
        async with self._office.database.reading() as tx:
            servers = await tx.servers.all()
        for server in servers:
            try:
                await self._office.keyring.tls_key(server.name)
            except (VpnbotError, PkiError) as error:
                log.warning("No profile for %s can be made: %s", server.name, error)
