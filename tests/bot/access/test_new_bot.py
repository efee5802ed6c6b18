"""A new bot's token on the same books: nothing of the earlier bot's messages is touched."""

from bot.access import messages, new_bot
from storage.records import ChatId, InboxItem, OutboxKind, PostedMessage
from tests.bot.access.kit import ANNA, BORIS, CLARA, Noted, Paper


async def posted(paper: Paper, kind: OutboxKind, subject: str) -> int:
    async with paper.database.reading() as tx:
        return len(await tx.posted.about(kind, subject))


async def test_the_same_bot_goes_on(paper: Paper) -> None:
    request = await paper.asked()
    card = PostedMessage(ChatId(BORIS), 5, OutboxKind.CARD, str(request.id), paper.now)
    async with paper.database.writing() as tx:
        await tx.posted.remember(card)
    # An earlier version did not note whose the messages are.
    for _ in range(2):
        assert not await paper.do(new_bot.speaks, 42)
        assert await posted(paper, OutboxKind.CARD, str(request.id)) == 1


async def test_an_update_of_another_bot_may_have_a_number_that_was_seen(paper: Paper) -> None:
    update = InboxItem(5, ChatId(ANNA), "{}", paper.now)
    await paper.do(new_bot.speaks, 42)
    async with paper.database.writing() as tx:
        assert await tx.inbox.store([update]) == 1
        assert await tx.inbox.finish(5)
        assert await tx.inbox.store([update]) == 0
    await paper.do(new_bot.speaks, 43)
    async with paper.database.writing() as tx:
        assert await tx.inbox.store([update]) == 1


async def test_another_bot_edits_nothing_and_shows_what_is_open(paper: Paper) -> None:
    request = await paper.asked()
    await paper.do(new_bot.speaks, 42)
    card = PostedMessage(ChatId(BORIS), 5, OutboxKind.CARD, str(request.id), paper.now)
    async with paper.database.writing() as tx:
        await tx.posted.remember(card)
        await tx.people.set_reachable(ANNA, reachable=False)
        for item in await tx.outbox.due(paper.now, 100):
            await tx.outbox.claim(item.id)
        await messages.edit_cards(paper.case(tx, await paper.actor(BORIS)), request.id)
        await messages.asked(paper.case(tx, await paper.actor(ANNA)), request, instead_of=7)
    assert await paper.do(new_bot.speaks, 43)
    assert await posted(paper, OutboxKind.CARD, str(request.id)) == 0
    async with paper.database.reading() as tx:
        rows = await tx.outbox.due(paper.now, 100)
        person = await tx.people.get(ANNA)
    assert person is not None
    assert person.reachable is None
    detail = {"name": "vpnbot", "before": 42}
    assert (await paper.noted())[-1] == Noted("vpnbot", "bot.change", "bot:43", detail)
    # Nothing is edited; whoever has to decide, and whoever waits, read of it anew.
    assert not any("edit" in row.payload or "message" in row.payload for row in rows)
    assert {(int(row.chat_id), row.kind) for row in rows} == {
        (int(BORIS), OutboxKind.CARD),
        (int(CLARA), OutboxKind.CARD),
        (int(ANNA), OutboxKind.ASKED),
    }
    assert {row.payload["request"] for row in rows} == {request.id}
