"""What keeps a profile from opening another server; with clients in e2e/test_other_servers."""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from bot.access.permission import THE_BOT
from bot.chat import cards
from bot.fleet.on_hold import neighbours
from bot.office import Office
from bot.process.locks import try_lock
from demo.lab.stand_in import StandIn
from pki.crl import RevocationReason
from pki.found_crls import read_crls
from pki.serial import parse_serial
from storage.records import (
    ChatId,
    Grant,
    OutboxKind,
    Place,
    PostedMessage,
    Request,
    Server,
    ServerName,
    UserId,
)
from tests.company import ANNA, BORIS, Company
from vpn.layout import DEPLOYED
from vpn.proof.others import Neighbours

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("anna_has_access"),
]

OFFICE, ROME = ServerName("office"), ServerName("rome")
_BORIS = ChatId(BORIS.id)


@pytest_asyncio.fixture(loop_scope="module")
async def rome(company: Company, anna_has_access: None) -> AsyncIterator[StandIn]:
    """A second server."""
    await company.add_server(ROME, 1196)
    server = StandIn()
    await server.start(company.folder / ROME)
    yield server
    await server.stop()


async def server_of(office: Office, name: ServerName) -> Server:
    async with office.database.reading() as tx:
        found = await tx.servers.get(name)
    assert found is not None
    return found


async def annas(office: Office) -> tuple[Grant, Request]:
    async with office.database.reading() as tx:
        grant = (await tx.grants.of_user(UserId(ANNA.id)))[0]
        assert grant.request_id is not None
        request = await tx.requests.get(grant.request_id)
    assert request is not None
    return grant, request


def on_hold(company: Company, office: Office, server: ServerName) -> set[str]:
    pem = (company.folder / server / "live" / "crl.pem").read_bytes()
    (crl,) = read_crls(pem, office.keyring.certificate)
    entries = crl.revocations
    assert {entry.reason for entry in entries} <= {RevocationReason.CERTIFICATE_HOLD}
    return {f"{entry.serial:x}" for entry in entries}


async def spares(office: Office) -> set[str]:
    async with office.database.reading() as tx:
        return set(await tx.crl.spares())


async def card(office: Office, request: Request) -> str:
    async with office.database.reading() as tx:
        return (await cards.card(office.case(tx, THE_BOT), request, UserId(BORIS.id))).text


async def test_where_there_is_one_server_only_nothing_is_kept_out(
    company: Company, office: Office
) -> None:
    await office.fleet.publish(OFFICE)
    assert (on_hold(company, office, OFFICE), await spares(office)) == (set(), set())
    assert (await office.fleet.status(await server_of(office, OFFICE))).open_to_others == ()


@pytest.mark.usefixtures("rome")
async def test_each_list_has_who_is_for_others_and_who_is_to_come(
    company: Company, office: Office
) -> None:
    anna, _ = await annas(office)
    to_come = await spares(office)
    assert on_hold(company, office, ROME) == {anna.serial, *to_come}
    await company.done(*("grant", "issue", str(ANNA.id), "--output", "rome.ovpn", "--server", ROME))
    serial = company.query("SELECT serial FROM grants WHERE server = ?", ROME)[0][0]
    assert serial in to_come
    assert serial not in on_hold(company, office, ROME)
    assert serial in on_hold(company, office, OFFICE)
    # Whoever is out is no longer on hold, but revoked, everywhere.
    assert (await company.vpnbot("revoke", f"serial:{serial}")).out.startswith("Revoked")


@pytest.mark.long
@pytest.mark.usefixtures("rome")
async def test_a_server_that_hangs_holds_up_nobody_and_is_named(
    company: Company, office: Office
) -> None:
    anna, request = await annas(office)
    async with office.database.writing() as tx:
        posted = PostedMessage(_BORIS, 7, OutboxKind.CARD, str(request.id), office.clock())
        await tx.posted.remember(posted)
    authority = await office.keyring.authority()
    empty = authority.sign_crl(number=1, revocations=(), now=office.clock())
    (company.folder / ROME / "live" / "crl.pem").write_bytes(empty)
    lock = try_lock(company.data / "locks" / f"server-{ROME}.lock")
    assert lock is not None
    try:
        for _ in range(2):  # the second time it is known to be slow
            await office.others.close(anna)
        assert (await server_of(office, ROME)).open_since is not None
        assert "may open <b>rome</b> as well" in await card(office, request)
        async with office.database.reading() as tx:
            items = await tx.outbox.due(office.clock(), 100)
        assert [item.kind for item in items if item.chat_id == _BORIS][-1] is OutboxKind.EDIT_CARD
    finally:
        os.close(lock)
    assert await office.others.look(await server_of(office, ROME)) == ()
    assert (await server_of(office, ROME)).open_since is None
    assert "as well" not in await card(office, request)
    assert anna.serial in on_hold(company, office, ROME)


@pytest.mark.usefixtures("rome")
async def test_a_list_that_cannot_be_written(company: Company, office: Office) -> None:
    """With its second lock it keeps others out all the same; without, that is said."""
    anna, _ = await annas(office)
    crl = company.folder / ROME / "live" / "crl.pem"
    crl.unlink()
    crl.mkdir()
    await office.others.close(anna)
    assert (await server_of(office, ROME)).open_since is None
    conf = company.folder / ROME / "server.conf"
    conf.write_text(conf.read_text().replace("ccd-exclusive\n", ""))
    await office.others.close(anna)
    assert (await server_of(office, ROME)).open_since is not None
    # Its own clients are let in: nobody can take them off a list that cannot be read.
    theirs = replace(anna, server=ROME, places=(Place(ROME, None),))

    async def as_it_is() -> Grant:
        return theirs

    assert await office.fleet.admit(ROME, theirs, as_it_is)


async def test_servers_that_read_one_list_shut_out_nobody_of_each_other(
    company: Company, office: Office
) -> None:
    """As where one machine listens by UDP and by TCP: two configurations with one CRL."""
    anna, _ = await annas(office)
    await company.add_server(ROME, 1196)
    await company.add_server("oslo", 1197)
    root = str(company.folder / OFFICE).removeprefix("/")
    layout = replace(DEPLOYED, crl=f"{root}/live/crl.pem", ccd=f"{root}/live/ccd")
    adopted: dict[str, object] = {"layout": layout.to_json(), "certificate_end": None}
    company.tamper("UPDATE servers SET adopted = ? WHERE name = ?", json.dumps(adopted), ROME)
    async with office.database.reading() as tx:
        found = await neighbours(tx, await server_of(office, ROME))
        assert found == Neighbours(frozenset(), same_crl=(OFFICE,), same_ccd=(OFFICE,))
        found = await neighbours(tx, await server_of(office, ServerName("oslo")))
        assert found == Neighbours(frozenset([parse_serial(anna.serial)]))
    await office.fleet.publish(ROME)
    assert anna.serial not in on_hold(company, office, OFFICE)
    adopted["trusts_us"] = False
    company.tamper("UPDATE servers SET adopted = ? WHERE name = ?", json.dumps(adopted), ROME)
    async with office.database.reading() as tx:
        assert await neighbours(tx, await server_of(office, ROME)) is None
