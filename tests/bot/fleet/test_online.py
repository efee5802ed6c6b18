"""Whose the sessions are that a server lists, by the books."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.fleet.online import OnServer, Standing
from bot.office import Office
from demo.lab.stand_in import StandIn
from storage.records import Grant, ServerName, UserId
from tests.bot.folders import adopt
from tests.company import ANNA, Company
from vpn.layout import Layout, NamedBy

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("anna_has_access"),
]

OFFICE = ServerName("office")


async def who_is_on(office: Office) -> OnServer:
    async with office.database.reading() as tx:
        server = await tx.servers.get(OFFICE)
    assert server is not None
    return await office.fleet.who_is_on(server)


async def grant_of_anna(office: Office) -> Grant:
    async with office.database.reading() as tx:
        (grant,) = await tx.grants.of_user(UserId(ANNA.id))
    return grant


def standings(found: OnServer) -> dict[str, tuple[Standing, bool]]:
    return {
        one.session.common_name: (one.standing, one.grant is not None) for one in found.sessions
    }


async def test_each_name_by_the_books(company: Company, openvpn: StandIn, office: Office) -> None:
    anna = (await grant_of_anna(office)).common_name
    ccd = company.folder / "office/live/ccd"
    (ccd / "printer").write_text((ccd / anna).read_text())
    for name in (anna, "printer"):
        assert await openvpn.connect(name)
    known, unknown = (Standing.KNOWN, True), (Standing.UNKNOWN, False)
    found = await who_is_on(office)
    assert standings(found) == {anna: known, "printer": unknown}
    assert (found.cuts_unknown, found.finding) == (True, None)
    adopt(company)
    found = await who_is_on(office)
    assert standings(found) == {anna: known, "printer": unknown}
    assert not found.cuts_unknown

    # Another bot has seen their end proved, and a list of old let them in again.
    company.tamper("UPDATE grants SET state = 'expired', revoked_at = not_before, proved_at = 1")
    over = (Standing.NO_ACCESS, False)
    assert standings(await who_is_on(office)) == {anna: over, "printer": unknown}

    # Where names say nothing of certificates.
    ((adopted,),) = company.query("SELECT adopted FROM servers")
    layout = replace(
        Layout.from_json(json.loads(str(adopted))["layout"]), named_by=NamedBy.USER_NAME
    )
    stored = json.dumps({"layout": layout.to_json(), "certificate_end": None})
    company.tamper("UPDATE servers SET adopted = ?", stored)
    nameless = (Standing.NAMELESS, False)
    assert standings(await who_is_on(office)) == {anna: nameless, "printer": nameless}

    await openvpn.stop()
    found = await who_is_on(office)
    assert (found.sessions, found.finding is not None) == ((), True)


async def test_a_cut_where_there_is_nobody_to_ask(
    company: Company, openvpn: StandIn, office: Office
) -> None:
    anna = await grant_of_anna(office)
    fleet, now = office.fleet, datetime.now(UTC)
    assert await fleet.cut_session(ServerName("rome"), anna, now) is None
    await openvpn.stop()
    done = await fleet.cut_session(OFFICE, anna, now)
    assert done is not None
    assert done.left is None
    assert company.query("SELECT count(*) FROM grants WHERE state = 'active'") == [(1,)]
