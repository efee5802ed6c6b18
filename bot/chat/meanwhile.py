"""While something takes longer, its chat shows that the bot is at it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from telegram import Bot
from telegram.constants import ChatAction
from telegram.error import TelegramError

from bot.chat.sender import Decision
from storage.outbox import Next
from storage.records import OutboxItem

Send = Callable[[OutboxItem], Awaitable[Next | Decision]]

# Sooner nobody wonders.
_MOMENT_S = 1.5
# Telegram shows it for five seconds, or until a message comes (Bot API, sendChatAction).
_AGAIN_S = 4.5


def shown(bot: Bot, send: Send, *, action: ChatAction = ChatAction.TYPING) -> Send:
    """The same handler, whose first try is seen in a private chat."""
    return partial(_send, bot, send, action)


async def _send(bot: Bot, send: Send, action: ChatAction, item: OutboxItem) -> Next | Decision:
    # What is tried again, or is nobody's order, would look as if something came at once.
    if item.attempts or item.chat_id < 0 or {"said", "if_unproved"} & item.payload.keys():
        return await send(item)
    task = asyncio.create_task(_show(bot, item.chat_id, action))
    try:
        return await send(item)
    finally:
        task.cancel()
        # Whatever became of the courtesy, it says nothing of what was sent.
        await asyncio.gather(task, return_exceptions=True)


async def _show(bot: Bot, chat_id: int, action: ChatAction) -> None:
    await asyncio.sleep(_MOMENT_S)
    # Only a courtesy: where Telegram does not want it, it is left at that.
    with suppress(TelegramError):
        while True:
            await bot.send_chat_action(chat_id, action)
            await asyncio.sleep(_AGAIN_S)
