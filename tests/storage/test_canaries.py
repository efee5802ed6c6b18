"""The bot's own certificates, and what came of the tries with them."""

from dataclasses import replace
from datetime import timedelta

from storage.database import Database
from storage.records import Canary, CanaryLook, CanaryRole, CanaryTrouble, ServerName, Untried
from tests.storage.kit import BERLIN, NOW, PARIS, make_server

_HOUR = timedelta(hours=1)
GOOD = Canary("a1", BERLIN, CanaryRole.GOOD, "canary-1", "10.8.0.9", NOW, NOW + 24 * _HOUR)
REVOKED = replace(GOOD, serial="a2", role=CanaryRole.REVOKED, common_name="canary-2", address=None)


async def test_those_of_each_server_stay_apart(database: Database) -> None:
    async with database.writing() as tx:
        await tx.canaries.add([GOOD, REVOKED, replace(REVOKED, serial="b2", server=PARIS)])
        await tx.canaries.add([])
        await tx.canaries.see(CanaryLook(PARIS, NOW))
    async with database.reading() as tx:
        assert await tx.canaries.in_use(BERLIN) == [GOOD, REVOKED]
        # Every server refuses every revoked one.
        assert await tx.canaries.revoked() == ["a2", "b2"]
        assert await tx.canaries.addresses_held(PARIS, NOW) == frozenset()
        assert await tx.canaries.addresses_held(BERLIN, NOW) == {"10.8.0.9"}
        assert await tx.canaries.with_address("10.8.0.9") == [GOOD]
    async with database.writing() as tx:
        for change in (tx.canaries.retire(BERLIN, NOW), tx.canaries.forget_on(BERLIN)):
            await change
            assert len(await tx.canaries.in_use(PARIS)) == 1
        assert await tx.canaries.serials() == ["b2"]
        assert await tx.canaries.look(PARIS) == CanaryLook(PARIS, NOW)


async def test_what_is_retired_is_known_and_its_address_rests(database: Database) -> None:
    async with database.writing() as tx:
        await tx.canaries.add([GOOD, REVOKED])
        await tx.canaries.retire(BERLIN, NOW)
    async with database.writing() as tx:
        assert await tx.canaries.in_use(BERLIN) == []
        assert await tx.canaries.revoked() == []
        assert len(await tx.canaries.known_on(BERLIN)) == 2
        assert set(await tx.canaries.serials()) == {"a1", "a2"}
        assert await tx.canaries.addresses_held(BERLIN, NOW - _HOUR) == {"10.8.0.9"}
        assert await tx.canaries.addresses_held(BERLIN, NOW) == frozenset()
        # Its certificate is valid for a while: until then nobody is to take it for a stranger's.
        await tx.canaries.prune(NOW + _HOUR)
        assert len(await tx.canaries.known_on(BERLIN)) == 2
        await tx.canaries.prune(NOW + 25 * _HOUR)
        assert await tx.canaries.known_on(BERLIN) == []


async def test_what_is_in_use_is_never_forgotten_by_time(database: Database) -> None:
    async with database.writing() as tx:
        await tx.servers.add(make_server())
        await tx.canaries.add([GOOD])
        await tx.canaries.prune(NOW + 1000 * _HOUR)
        assert await tx.canaries.in_use(BERLIN) == [GOOD]
        # And what is retired not before that moment, or its own end.
        retired = NOW + 30 * _HOUR
        await tx.canaries.retire(BERLIN, retired)
        await tx.canaries.prune(retired)
        assert len(await tx.canaries.known_on(BERLIN)) == 1
        await tx.canaries.prune(retired + timedelta(microseconds=1))
        assert await tx.canaries.known_on(BERLIN) == []


async def test_the_last_look_counts(database: Database) -> None:
    seen = CanaryLook(BERLIN, NOW, (CanaryTrouble.UNREACHABLE,), (CanaryTrouble.UNREACHABLE,))
    untried = CanaryLook(BERLIN, NOW + _HOUR, untried=Untried.PASSWORD)
    async with database.writing() as tx:
        assert await tx.canaries.look(BERLIN) is None
        await tx.canaries.see(seen)
        assert await tx.canaries.look(BERLIN) == seen
        assert await tx.canaries.look(PARIS) is None
        await tx.canaries.see(untried)
        assert await tx.canaries.looks() == {BERLIN: untried}
        await tx.canaries.add([GOOD])
        await tx.canaries.forget_on(BERLIN)
        assert await tx.canaries.looks() == {}
        assert await tx.canaries.known_on(BERLIN) == []


async def test_those_of_a_server_that_is_gone_are_forgotten_once_they_are_over(
    database: Database,
) -> None:
    gone = replace(REVOKED, server=ServerName("gone"))
    async with database.writing() as tx:
        await tx.canaries.add([gone])
        await tx.canaries.prune(NOW + 24 * _HOUR)
        assert await tx.canaries.revoked() == [gone.serial]
        await tx.canaries.prune(NOW + 25 * _HOUR)
        assert await tx.canaries.revoked() == []
