"""`vpnbot run`: from the settings to a bot that polls, and back down on a signal."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from sqlalchemy.exc import OperationalError
from telegram import Bot, BotCommand, BotCommandScopeAllPrivateChats
from telegram.error import InvalidToken, TelegramError

from bot.access import messages
from bot.access.messages import Notice
from bot.access.permission import THE_BOT
from bot.application import Application
from bot.chat.client import Telegram, connect
from bot.errors import BadTemplate, FolderBusy, TokenRefused
from bot.office import Office, open_office
from bot.process.data_folder import DataFolder
from bot.process.locks import try_lock
from bot.settings import Settings
from bot.texts import chat as words
from storage.errors import is_passing, passing_trouble
from storage.records import ChatId, OutboxKind

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0


async def run_bot(settings: Settings) -> None:
    """Runs the bot until SIGTERM or SIGINT.

    Raises:
        VpnbotError, PkiError, StorageError: it cannot run, or cannot go on.
    """
    token = settings.token()
    settings.require_admins()
    way = settings.way_out()
    if way is not None:
        log.info("Telegram is reached through the proxy %s (%s)", way.shown, way.source)
    async with open_office(settings) as office:
        with single_instance(office.folder):
            await office.keyring.authority()
            await _try_templates(office)
            telegram = connect(token, settings.telegram_api_url, office.time, way=way)
            running = asyncio.ensure_future(serve(office, telegram))
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, running.cancel)
            with suppress(asyncio.CancelledError):
                await running
            log.info("Stopped")


async def _try_templates(office: Office) -> None:
    """What could not be delivered is better known now; but it keeps no access from ending."""
    try:
        await office.maker.try_templates()
    except BadTemplate as error:
        log.warning("The templates cannot be used as they are: %s", error)
        async with office.acting(THE_BOT) as case:
            await messages.tell_admins(case, Notice.TEMPLATES_BROKEN)


@contextmanager
def single_instance(folder: DataFolder) -> Iterator[None]:
    """Raises FolderBusy where another bot runs on the same data folder."""
    handle = try_lock(folder.running)
    if handle is None:
        raise FolderBusy(
            f"Another bot runs on the data folder {folder.path}; stop it, or set VPNBOT_DATA_DIR."
        )
    try:
        yield
    finally:
        os.close(handle)


async def serve(office: Office, telegram: Telegram) -> None:
    """Runs the bot until it is cancelled; talks with Telegram as soon as that answers."""
    await Application(office, telegram).run(_greeted(office, telegram.bot))


@asynccontextmanager
async def _greeted(office: Office, bot: Bot) -> AsyncIterator[str]:
    """Waits for Telegram as long as it takes: a machine may start without a network."""
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            await bot.initialize()
            # Updates that wait are what people sent during a restart: they are kept.
            await bot.delete_webhook(drop_pending_updates=False)
            break
        except InvalidToken:
            raise TokenRefused(
                "Telegram doesn't know the token; copy it again from @BotFather."
            ) from None
        except TelegramError as error:
            log.warning("Telegram cannot be reached (%s); again in %g s", error, wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
    try:
        await _set_menus(office, bot)
        log.info("@%s is ready", bot.username)
        yield str(bot.username)
    finally:
        await bot.shutdown()


async def _set_menus(office: Office, bot: Bot) -> None:
    """Nothing waits for these: neither where Telegram refuses them, nor on a full disk."""
    try:
        # What somebody sees whom the bot does not know.
        await bot.set_my_commands(
            [BotCommand("help", words.MENU["help"])], scope=BotCommandScopeAllPrivateChats()
        )
    except TelegramError as error:
        log.warning("The menu of whoever is not known stays as it is (%s)", error.message)
    try:
        # Admins come and go with the settings, so their menus are set at each start.
        async with office.database.writing() as tx:
            for admin in office.rules.admins:
                person = await tx.people.get(admin)
                if person is not None and person.reachable:
                    await tx.outbox.add(ChatId(admin), OutboxKind.MENU, {}, now=office.clock())
    except OperationalError as error:
        # On a full disk a start goes on: a revocation may be waiting.
        if not is_passing(error):
            raise
        log.warning("The admins' menus stay as they are. %s", passing_trouble(error))
