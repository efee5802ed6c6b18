"""What a database needs that came out of a backup."""

from datetime import timedelta

import pytest

from storage.database import Database
from storage.errors import NewerSchema
from storage.records import (
    ChatId,
    EndReason,
    ForeignRevocation,
    InboxItem,
    OutboxKind,
    OutboxState,
)
from storage.schema import HEAD, require_known
from tests.storage.kit import BERLIN, HOUR, NOW, PARIS, make_server

CHAT = ChatId(1001)


@pytest.mark.parametrize(("before", "seen", "after"), [(0, 7, 8), (3, 7, 8), (7, 7, 8), (9, 7, 10)])
async def test_the_next_number_is_above_one_that_was_seen(
    database: Database, before: int, seen: int, after: int
) -> None:
    async with database.writing() as tx:
        for _ in range(before):
            await tx.crl.next_number()
        await tx.crl.raise_to(seen)
        assert await tx.crl.next_number() == after


@pytest.mark.parametrize("reason", list(EndReason))
async def test_a_foreign_revocation_comes_back(database: Database, reason: EndReason) -> None:
    first = ForeignRevocation("a1", NOW, reason, NOW + HOUR)
    second = ForeignRevocation("b2", NOW - HOUR, EndReason.LOST, NOW)
    async with database.writing() as tx:
        assert await tx.crl.foreign() == []
        await tx.crl.add_foreign([second, first])
        await tx.crl.add_foreign([])
    async with database.reading() as tx:
        assert await tx.crl.foreign() == [first, second]


async def test_every_server_is_marked_and_cleared_by_itself(database: Database) -> None:
    async with database.writing() as tx:
        await tx.servers.add(make_server(BERLIN))
        await tx.servers.add(make_server(PARIS, "10.9.0.0/22"))
        await tx.servers.mark_restored(NOW)
        assert [server.restored_at for server in await tx.servers.all()] == [NOW, NOW]
        await tx.servers.clear_restored(BERLIN)
        assert {s.name: s.restored_at for s in await tx.servers.all()} == {BERLIN: None, PARIS: NOW}


async def test_what_waited_for_a_handler_is_set_aside(database: Database) -> None:
    async with database.writing() as tx:
        await tx.inbox.store([InboxItem(n, CHAT, "{}", NOW) for n in (1, 2)])
        await tx.inbox.finish(1)
        await tx.inbox.quarantine_new("from before the restore")
        assert await tx.inbox.new() == []
        assert not await tx.inbox.finish(2)


async def test_what_waits_of_one_kind_is_in_doubt(database: Database) -> None:
    async with database.writing() as tx:
        for kind in (OutboxKind.DELIVER, OutboxKind.REPLY, OutboxKind.DELIVER):
            await tx.outbox.add(CHAT, kind, {}, now=NOW + timedelta(days=1))
        await tx.outbox.doubt(OutboxKind.DELIVER)
        states = [item.state for item in await tx.outbox.open(OutboxKind.DELIVER)]
        assert states == [OutboxState.SENDING] * 2
        (reply,) = await tx.outbox.open(OutboxKind.REPLY)
        assert reply.state is OutboxState.QUEUED


def test_a_revision_is_known_or_of_a_newer_version() -> None:
    require_known(HEAD)
    require_known(None)
    with pytest.raises(NewerSchema, match="install the newer version"):
        require_known("9999")
