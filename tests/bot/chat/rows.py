"""What a handler says of a row of the outbox, written down as the sender does it."""

from bot.access.permission import THE_BOT
from bot.chat.sender import Decision
from bot.core import Core
from storage.outbox import Next
from storage.records import OutboxItem


async def conclude(core: Core, item: OutboxItem, came: Next | Decision) -> None:
    async with core.database.writing() as tx:
        what = await came(core.case(tx, THE_BOT)) if callable(came) else came
        await tx.outbox.conclude(item, what)
