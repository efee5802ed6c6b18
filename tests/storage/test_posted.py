"""Messages that will have to be edited."""

from dataclasses import replace

from storage.database import Database
from storage.records import ChatId, OutboxKind, PostedMessage
from tests.storage.kit import HOUR, NOW

CARD = PostedMessage(ChatId(7), 100, OutboxKind.CARD, "1", NOW)


async def test_cards_of_one_request_are_found_oldest_first(database: Database) -> None:
    second = replace(CARD, chat_id=ChatId(8), posted_at=NOW + HOUR)
    async with database.writing() as tx:
        await tx.posted.remember(second)
        await tx.posted.remember(CARD)
        await tx.posted.remember(replace(CARD, message_id=101, subject="2"))
        await tx.posted.remember(replace(CARD, message_id=102, kind=OutboxKind.RECEIPT))

        assert await tx.posted.about(OutboxKind.CARD, "1") == [CARD, second]
        assert await tx.posted.about(OutboxKind.CARD, "3") == []


async def test_the_newest_of_a_chat_come_first(database: Database) -> None:
    file = replace(CARD, message_id=101, kind=OutboxKind.DELIVER, subject="g-1")
    async with database.writing() as tx:
        for message in (file, CARD, replace(CARD, chat_id=ChatId(8))):
            await tx.posted.remember(message)
        assert await tx.posted.newest_in(ChatId(7), 9) == [file, CARD]
        assert await tx.posted.newest_in(ChatId(7), 1) == [file]


async def test_a_message_is_remembered_once(database: Database) -> None:
    async with database.writing() as tx:
        await tx.posted.remember(CARD)
        await tx.posted.remember(replace(CARD, subject="2"))
        assert await tx.posted.about(OutboxKind.CARD, "1") == []
        assert await tx.posted.about(OutboxKind.CARD, "2") == [replace(CARD, subject="2")]


async def test_message_numbers_count_per_chat(database: Database) -> None:
    other = replace(CARD, chat_id=ChatId(8))
    async with database.writing() as tx:
        await tx.posted.remember(CARD)
        await tx.posted.remember(other)
        await tx.posted.forget(ChatId(7), 100)
        assert await tx.posted.about(OutboxKind.CARD, "1") == [other]
