"""The servers, as they were written."""

from dataclasses import replace

from storage.database import Database
from storage.records import ServerName
from storage.set_records import ServerSet
from tests.storage.kit import BERLIN, HOUR, NOW, PARIS, make_server


async def test_a_server_comes_back_as_it_was_stored(database: Database) -> None:
    server = replace(
        make_server(),
        routes=("0.0.0.0/0", "10.0.0.0/8"),
        dns=("10.8.0.1", "1.1.1.1"),
        listen_port=1195,
        protocol="tcp",
    )
    async with database.writing() as tx:
        await tx.servers.add(server)
        assert await tx.servers.get(BERLIN) == server
        assert await tx.servers.get(PARIS) is None


async def test_a_server_may_push_nothing(database: Database) -> None:
    server = replace(make_server(), routes=(), dns=())
    async with database.writing() as tx:
        await tx.servers.add(server)
        assert await tx.servers.get(BERLIN) == server


async def test_servers_are_listed_in_the_order_they_came_then_by_name(database: Database) -> None:
    async with database.writing() as tx:
        for name, after in (("c", 0), ("b", 1), ("a", 1)):
            server = make_server(ServerName(name))
            await tx.servers.add(replace(server, added_at=NOW + after * HOUR))
        assert [server.name for server in await tx.servers.all()] == ["c", "a", "b"]


async def test_a_server_that_is_taken_out_leaves_the_others(database: Database) -> None:
    async with database.writing() as tx:
        await tx.servers.add(make_server())
        await tx.servers.add(make_server(PARIS))
        await tx.servers.remove(BERLIN)
        assert [server.name for server in await tx.servers.all()] == [PARIS]


async def test_the_last_crl_that_was_published_is_kept_per_server(database: Database) -> None:
    async with database.writing() as tx:
        await tx.servers.add(make_server())
        await tx.servers.add(make_server(PARIS))
        await tx.servers.set_crl_published(BERLIN, NOW + HOUR, 7, "a1")
        found = {
            s.name: (s.crl_published_at, s.crl_number, s.crl_digest) for s in await tx.servers.all()
        }
        assert found == {BERLIN: (NOW + HOUR, 7, "a1"), PARIS: (None, None, None)}


async def test_lists_of_others_are_kept_per_server(database: Database) -> None:
    async with database.writing() as tx:
        await tx.servers.add(make_server())
        await tx.servers.add(make_server(PARIS))
        await tx.crl.keep(BERLIN, ["b", "a"])
        await tx.crl.keep(PARIS, ["c"])
        await tx.crl.keep(PARIS, [])
        assert (await tx.crl.kept(BERLIN), await tx.crl.kept(PARIS)) == (["b", "a"], [])
        await tx.servers.remove(BERLIN)
        assert await tx.crl.kept(BERLIN) == []


async def test_since_when_a_server_is_open_to_others(database: Database) -> None:
    async with database.writing() as tx:
        await tx.servers.add(make_server(BERLIN))
        changes = [await tx.servers.set_open(BERLIN, at) for at in (None, NOW, NOW + HOUR)]
        found = await tx.servers.get(BERLIN)
        assert found is not None
        assert (changes, found.open_since) == ([False, True, False], NOW)
        assert await tx.servers.set_open(BERLIN, None)
        assert (await tx.servers.all())[0].open_since is None


async def test_a_set_keeps_the_order_of_its_servers_and_is_replaced_whole(
    database: Database,
) -> None:
    eu = ServerSet(ServerName("eu"), (PARIS, BERLIN), random=False, added_at=NOW)
    other = ServerSet(ServerName("all"), (BERLIN,), random=True, added_at=NOW)
    async with database.writing() as tx:
        await tx.servers.put_set(eu)
        await tx.servers.put_set(other)
        assert await tx.servers.set_named(eu.name) == eu
        changed = replace(eu, servers=(BERLIN,), random=True)
        await tx.servers.put_set(changed)
        assert await tx.servers.sets() == [other, changed]
        await tx.servers.remove_set(eu.name)
        assert await tx.servers.set_named(eu.name) is None
