"""The tables of what the bot knows of its chats, and of servers that have fallen silent."""

from sqlalchemy import BigInteger, Column, Integer, String, Table

from storage.tables import UtcTime, metadata

# One row: the bot whose messages are posted, by the number in its token.
speaking_bot = Table(
    "speaking_bot",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("bot_id", BigInteger, nullable=False),
)

# Chats to which nothing may go for a while: Telegram said so.
chat_holds = Table(
    "chat_holds",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("until", UtcTime, nullable=False),
)

# Groups of which Telegram has made supergroups, with another number.
moved_groups = Table(
    "moved_groups",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("moved_to", BigInteger, nullable=False),
)

# Servers where no OpenVPN answers, and the admins know of it.
silent_servers = Table(
    "silent_servers",
    metadata,
    Column("server", String(32), primary_key=True),
    Column("since", UtcTime, nullable=False),
)
