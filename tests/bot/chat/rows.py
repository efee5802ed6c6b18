"""What a handler says of a row of the outbox, written down as the sender does it."""

from bot.chat.sender import Decision
from storage.database import Database
from storage.outbox import Next
from storage.records import OutboxItem


async def conclude(database: Database, item: OutboxItem, came: Next | Decision) -> None:
    async with database.writing() as tx:
        await tx.outbox.conclude(item, await came(tx) if callable(came) else came)
