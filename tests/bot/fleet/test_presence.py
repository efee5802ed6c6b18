"""Names that are found on a server, compared with those that may be there."""

import pytest

from bot.fleet.presence import compare
from storage.database import Database
from storage.records import GrantState
from storage.transaction import Transaction
from tests.storage.conftest import database
from tests.storage.kit import BERLIN, NOW, PARIS, add_grant, add_people, make_grant
from vpn.names import ccd_file_name, name_in_sessions

__all__ = ["database"]


async def imported(tx: Transaction, number: int, name: str, state: GrantState) -> None:
    values = {"user_id": None, "server": None, "address": None, "imported_at": NOW}
    await tx.grants.add_many([make_grant(number, None, common_name=name, state=state, **values)])


async def test_who_may_be_there_and_who_may_not(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        here = await add_grant(tx, 1)
        ending = await add_grant(tx, 2, state=GrantState.REVOKING)
        over = await add_grant(tx, 3, state=GrantState.EXPIRED)
        elsewhere = await add_grant(tx, 4, server=PARIS)
        await imported(tx, 5, "John Smith", GrantState.ACTIVE)
        await imported(tx, 6, "twin", GrantState.ACTIVE)
        await imported(tx, 7, "twin", GrantState.REVOKED)
        await imported(tx, 8, "leaver", GrantState.REVOKED)
        ours = [grant.common_name for grant in (here, ending, over, elsewhere)]
        names = {*ours, "John Smith", "twin", "leaver", "Bob Smith", "", "UNDEF"}
        found = await compare(tx, BERLIN, names, name_in_sessions)
        assert {name: [g.common_name for g in grants] for name, grants in found.over.items()} == {
            over.common_name: [over.common_name],
            "leaver": ["leaver"],
        }
        assert found.elsewhere == {elsewhere.common_name}
        assert found.unknown == {"Bob Smith", "", "UNDEF"}
        # Of a name that two share nobody can tell whose session it is.
        assert set(found.holders) == {here.common_name, ending.common_name, "John Smith", "twin"}
        assert found.holders[here.common_name] == here
        await imported(tx, 9, "John Smith", GrantState.ACTIVE)
        shared = await compare(tx, BERLIN, names, name_in_sessions)
        assert set(shared.holders) == set(found.holders) - {"John Smith"}
        assert (set(found.shared), set(shared.shared)) == (set(), {"John Smith"})
        assert shared.unknown == found.unknown
        assert found.all == found.ours | found.unknown
        assert (await compare(tx, BERLIN, (), name_in_sessions)).all == frozenset()


@pytest.mark.parametrize(
    ("name", "in_sessions", "as_file"),
    [
        ("tab\tleaver", "tab_leaver", "tab_leaver"),
        ("under_score", "under_score", "under_score"),
        ("sl/ash", "sl/ash", "sl_ash"),
        ("100% _\\x", "100% _\\x", "100% _\\x"),
    ],
)
async def test_names_as_openvpn_has_them(
    database: Database, name: str, in_sessions: str, as_file: str
) -> None:
    """Once each, although they can be found in two ways."""
    async with database.writing() as tx:
        await imported(tx, 1, name, GrantState.REVOKED)
        for as_found, shown in ((name_in_sessions, in_sessions), (ccd_file_name, as_file)):
            found = await compare(tx, BERLIN, [shown, "\udcff"], as_found)
            assert {each: len(grants) for each, grants in found.over.items()} == {shown: 1}
            assert found.unknown == {"\udcff"}


async def test_a_servers_own_certificate_lets_nobody_in(database: Database) -> None:
    async with database.writing() as tx:
        values = {"user_id": None, "server": None, "address": None, "imported_at": NOW}
        gate = make_grant(1, None, common_name="gate", for_server=True, **values)
        await tx.grants.add_many([gate])
        found = await compare(tx, BERLIN, ["gate"], name_in_sessions)
        assert found.unknown == {"gate"}


async def test_only_those_are_loaded_who_may_be_called_so(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        here = await add_grant(tx, 1)
        await add_grant(tx, 2)
        await imported(tx, 3, "tab\tname", GrantState.ACTIVE)
        await imported(tx, 4, "plain", GrantState.ACTIVE)
        many = [here.common_name, *(f"nobody-{number}" for number in range(1200))]
        found = await tx.grants.known_on(BERLIN, many)
        assert [grant.id for grant in found] == [here.id]
        assert await tx.grants.known_on(BERLIN, ()) == []
        # A name with an underscore may be another one, as OpenVPN shows it.
        found = await tx.grants.known_on(BERLIN, ["tab_name"])
        assert [grant.common_name for grant in found] == ["tab\tname", "plain"]
        seen = await compare(tx, BERLIN, ["tab_name", "plain"], name_in_sessions)
        assert set(seen.holders) == {"tab_name", "plain"}
        assert not seen.unknown
