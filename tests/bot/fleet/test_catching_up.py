"""What the servers know that the database does not; the whole of it is in e2e/test_backup."""

from datetime import timedelta

import pytest

from bot.access import revocation
from bot.access.permission import THE_BOT
from bot.office import Office
from demo.lab.stand_in import StandIn
from pki.crl import Revocation, RevocationReason, read_crl
from pki.serial import parse_serial
from storage.records import EndReason, Grant, GrantState, UserId
from tests.bot.folders import adopt
from tests.bot.rounds.keeping import OFFICE, crl_path
from tests.company import ANNA, Company
from tests.storage.kit import make_grant
from vpn.errors import HostError
from vpn.names import out_of_use

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("anna_has_access"),
]

UNKNOWN = "7" + "f" * 39
ANOTHER = "6" + "f" * 39
DAY = timedelta(days=1)


async def mark(office: Office) -> None:
    async with office.database.writing() as tx:
        await tx.servers.mark_restored(office.clock())


async def grant_of_anna(office: Office) -> Grant:
    async with office.database.reading() as tx:
        (grant,) = await tx.grants.of_user(UserId(ANNA.id))
    return grant


async def newer_crl(company: Company, office: Office, number: int, *serials: str) -> None:
    """What another state of this system has published."""
    authority = await office.keyring.authority()
    entries = [
        Revocation(parse_serial(serial), office.clock() - DAY, RevocationReason.KEY_COMPROMISE)
        for serial in serials
    ]
    pem = authority.sign_crl(number=number, revocations=entries, now=office.clock())
    crl_path(company).write_bytes(pem)


def listed(company: Company, office: Office) -> tuple[int, set[str]]:
    facts = read_crl(crl_path(company).read_bytes(), office.keyring.certificate)
    return facts.number, {f"{serial:x}" for serial in facts.serials}


async def test_a_newer_crl_blocks_nobody_for_ever(company: Company, office: Office) -> None:
    """Also without a restore: whatever has our signature was said by us."""
    anna = await grant_of_anna(office)
    await newer_crl(company, office, 4711, anna.serial, UNKNOWN)
    assert await office.fleet.publish(OFFICE) == 4712
    assert listed(company, office) == (4712, {anna.serial, UNKNOWN})
    ended = await grant_of_anna(office)
    assert (ended.state, ended.end_reason) == (GrantState.REVOKING, EndReason.LOST)
    for _ in range(2):
        await office.fleet.publish(OFFICE)
    assert listed(company, office) == (4714, {anna.serial, UNKNOWN})


async def test_an_older_crl_is_news_too(company: Company, office: Office) -> None:
    """Of a server that was down for a while, or by another program with our CA's key."""
    await newer_crl(company, office, 1, UNKNOWN)
    await office.fleet.publish(OFFICE)
    assert UNKNOWN in listed(company, office)[1]
    await newer_crl(company, office, 1, ANOTHER)
    await mark(office)
    await office.fleet.publish(OFFICE)
    assert listed(company, office)[1] == {UNKNOWN, ANOTHER}
    async with office.database.reading() as tx:
        server = await tx.servers.get(OFFICE)
    assert server is not None
    assert server.restored_at is None


@pytest.mark.parametrize("restored", [True, False])
async def test_a_crl_that_cannot_be_read(company: Company, office: Office, restored: bool) -> None:
    """It is not replaced, since nobody knows what it says; the other lock works all the same."""
    if restored:
        await mark(office)
    crl_path(company).unlink()
    crl_path(company).mkdir()
    assert await office.fleet.caught_up() is not restored
    with pytest.raises(HostError):
        await office.fleet.publish(OFFICE)
    anna = await grant_of_anna(office)
    async with office.database.writing() as tx:
        await revocation.begin(office.case(tx, THE_BOT), [anna], EndReason.REVOKED)
    await office.enforcer.enforce([anna.id])
    assert not list((company.folder / "office/live/ccd").iterdir())
    async with office.database.reading() as tx:
        (proof,) = await tx.proofs.unproved()
    assert "crl_not_written" in [code for code, _ in proof.findings]
    assert crl_path(company).is_dir()


async def test_strangers_files_that_stay(company: Company, office: Office) -> None:
    """Not looked through before all of them are gone."""
    live = company.folder / "office/live"
    stuck = live / "ccd/stranger-1"
    stuck.mkdir()
    in_the_way = [live / "set-aside/stranger-1/x", live / "ccd" / out_of_use("stranger-1") / "x"]
    for path in in_the_way:
        path.mkdir(parents=True)
    await mark(office)
    await office.fleet.publish(OFFICE)
    assert company.query("SELECT restored_at IS NULL FROM servers") == [(0,)]
    in_the_way[0].rmdir()
    await office.fleet.publish(OFFICE)
    assert company.query("SELECT restored_at IS NULL FROM servers") == [(1,)]


async def test_clients_that_were_taken_over_stay(
    company: Company, openvpn: StandIn, office: Office
) -> None:
    """Also one whose name has the form of ours; who is being revoked is left to their proof."""
    anna = await grant_of_anna(office)
    staying, leaving, strange = "john-thinkpad", "jane-thinkpad", "jack-thinkpad"
    now = office.clock()
    imported = {"user_id": None, "server": None, "address": None, "imported_at": now}
    ended = {"revoked_at": now, "end_reason": EndReason.REVOKED}
    async with office.database.writing() as tx:
        await tx.grants.add_many(
            [
                make_grant(
                    1, None, common_name=staying, serial="a1", state=GrantState.ACTIVE, **imported
                ),
                make_grant(
                    2,
                    None,
                    common_name=leaving,
                    serial="a2",
                    state=GrantState.REVOKING,
                    **ended,
                    **imported,
                ),
            ]
        )
    ccd = company.folder / "office/live/ccd"
    for name in (staying, leaving, strange):
        (ccd / name).touch()
        assert await openvpn.connect(name)
    assert await openvpn.connect(anna.common_name)
    adopt(company)
    await mark(office)
    await office.fleet.publish(OFFICE)
    known = {anna.common_name, staying, leaving}
    assert {path.name for path in ccd.iterdir()} == known
    assert set(openvpn.sessions) == known
