"""Who was found on a server without having access there."""

from storage.database import Database
from storage.records import SeenAs, Stranger
from tests.storage.kit import BERLIN, DAY, NOW, PARIS


async def test_a_name_is_kept_once_for_each_server(database: Database) -> None:
    async with database.writing() as tx:
        eve = await tx.strangers.note(BERLIN, "eve", SeenAs.UNKNOWN, NOW)
        bob = await tx.strangers.note(BERLIN, "bob", SeenAs.CUT, NOW)
        await tx.strangers.note(PARIS, "eve", SeenAs.CUT, NOW)
        assert await tx.strangers.note(BERLIN, "eve", SeenAs.LEFT, NOW + DAY) == eve
        assert await tx.strangers.on(BERLIN) == [
            Stranger(bob, BERLIN, "bob", SeenAs.CUT, NOW),
            Stranger(eve, BERLIN, "eve", SeenAs.LEFT, NOW + DAY),
        ]
        found = await tx.strangers.get(eve)
        assert found is not None
        assert found.name == "eve"
        await tx.strangers.forget([eve])
        assert await tx.strangers.get(eve) is None
        await tx.strangers.forget_on(PARIS)
        assert await tx.strangers.on(PARIS) == []
        assert [one.id for one in await tx.strangers.on(BERLIN)] == [bob]
        # A number on an old button never means somebody else.
        assert await tx.strangers.note(BERLIN, "mallory", SeenAs.CUT, NOW) > eve
