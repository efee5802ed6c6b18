"""Messages that will have to be edited."""

from dataclasses import replace

from storage import tables
from storage.database import Database
from storage.records import ChatId, GrantState, OutboxKind, PostedMessage
from storage.use_records import AskedUse, UseKind
from tests.storage.kit import (
    BERLIN,
    DAY,
    HOUR,
    NOW,
    WEEK,
    add_grant,
    add_people,
    add_request,
    make_server,
)

ANNAS = ChatId(1001)
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


async def test_what_an_owner_may_still_answer_is_not_forgotten(database: Database) -> None:
    over = NOW + WEEK + DAY
    async with database.writing() as tx:
        await add_people(tx)
        live, gone = [
            await add_grant(tx, number, state=state)
            for number, state in enumerate((GrantState.ACTIVE, GrantState.EXPIRED), start=1)
        ]
        for number, grant in enumerate((live, live, gone)):
            use = AskedUse(grant.id, UseKind.TWICE, BERLIN, NOW, ("192.0.2.1",), NOW)
            about = await tx.asked_uses.add(use)
            if number == 1:
                await tx.asked_uses.answer(about, was_owner=True, now=NOW)
            message = PostedMessage(ANNAS, number, OutboxKind.ASKED_USE, str(about), NOW)
            await tx.posted.remember(message)
        await tx.posted.prune(over)
        assert [one.message_id for one in await tx.posted.newest_in(ANNAS, 9)] == [0]


async def test_messages_are_found_by_their_number_and_their_time(database: Database) -> None:
    cards = [
        replace(CARD, message_id=100 + number, posted_at=NOW + number * HOUR) for number in range(3)
    ]
    other = replace(CARD, chat_id=ChatId(8), posted_at=NOW + HOUR, kind=OutboxKind.DELIVER)
    async with database.writing() as tx:
        for message in (*reversed(cards), other):
            await tx.posted.remember(message)
        assert await tx.posted.find(ChatId(8), 100) == other
        assert await tx.posted.find(ChatId(7), 102) == cards[2]
        assert await tx.posted.find(ChatId(8), 102) is None
        # After the first moment, and until the last one.
        between = await tx.posted.posted_between(OutboxKind.CARD, NOW, NOW + 2 * HOUR, 9)
        assert between == cards[1:]
        assert await tx.posted.posted_between(OutboxKind.CARD, NOW, NOW + DAY, 1) == [cards[1]]
        await tx.posted.forget_all()
        assert await tx.posted.newest_in(ChatId(7), 9) == []


async def test_whose_messages_they_are_is_known(database: Database) -> None:
    async with database.writing() as tx:
        assert await tx.posted.bot() is None
        for bot in (1, 2):
            await tx.posted.belong_to(bot)
        assert await tx.posted.bot() == 2


async def test_message_numbers_count_per_chat(database: Database) -> None:
    other = replace(CARD, chat_id=ChatId(8))
    async with database.writing() as tx:
        await tx.posted.remember(CARD)
        await tx.posted.remember(other)
        await tx.posted.forget(ChatId(7), 100)
        assert await tx.posted.about(OutboxKind.CARD, "1") == [other]


async def test_what_may_still_change_is_not_forgotten(database: Database) -> None:
    """Cards and profiles stay until the request is decided, and the end proved, and long over."""
    old = NOW + WEEK + DAY
    async with database.writing() as tx:
        await add_people(tx)
        await tx.servers.add(make_server())
        open_ = await add_request(tx)
        live = await add_grant(tx, 1, state=GrantState.ACTIVE)
        unproved = await add_grant(tx, 2, state=GrantState.REVOKING)
        lasting = await add_grant(tx, 3, state=GrantState.REVOKED, not_after=old)
        over = await add_grant(tx, 4, state=GrantState.EXPIRED)
        await tx._connection.execute(
            tables.requests.update()
            .where(tables.requests.c.id != open_.id)
            .values(state="approved")
        )
        number = 0
        for request in (open_.id, *(one.request_id for one in (live, unproved, lasting, over))):
            for kind in (OutboxKind.CARD, OutboxKind.ASKED):
                number += 1
                await tx.posted.remember(PostedMessage(ANNAS, number, kind, str(request), NOW))
        for grant in (live, unproved, lasting, over):
            number += 1
            await tx.posted.remember(
                PostedMessage(ANNAS, number, OutboxKind.DELIVER, grant.id, NOW)
            )
        for kind in (OutboxKind.KNOCK, OutboxKind.INVITATION, OutboxKind.DELETE):
            number += 1
            await tx.posted.remember(PostedMessage(ANNAS, number, kind, "1", NOW))
        await tx.posted.remember(PostedMessage(ANNAS, 99, OutboxKind.REPLY, str(ANNAS), NOW))
        before = {message.message_id for message in await tx.posted.newest_in(ANNAS, 99)}

        await tx.posted.prune(NOW)
        kept = {message.message_id for message in await tx.posted.newest_in(ANNAS, 99)}
        assert kept == before

        await tx.posted.prune(old)
        kept = {message.message_id for message in await tx.posted.newest_in(ANNAS, 99)}
        # The two cards of the last request, its profile, who asked to join or was invited, and a
        # card that was taken out.
        assert before - kept == {9, 10, 14, 15, 16, 17}
