"""What happens because of the time, with a clock of the test's own."""

from datetime import timedelta

import pytest

from bot.access import joining, revocation
from bot.access.permission import THE_BOT
from bot.office import Office
from bot.rounds.keeper import Keeper
from demo.lab.stand_in import StandIn
from pki.crl import CRL_BACKDATE, read_crl
from pki.serial import parse_serial
from storage.records import ChatId, EndReason, OutboxKind, UserId
from tests.bot.rounds.keeping import (
    MINUTE,
    OFFICE,
    audited,
    clock_notices,
    crl_findings,
    crl_path,
    issued,
    make_keeper,
    minutes_go_by,
    notices,
    sweep,
)
from tests.company import ANNA, BORIS, Company
from tests.machine import Machine

pytestmark = pytest.mark.asyncio(loop_scope="module")

BACK = [timedelta(hours=1), timedelta(days=2)]


@pytest.mark.parametrize("back", BACK, ids=str)
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_clock_that_is_set_back_leaves_nobody_shut_out(
    company: Company,
    office: Office,
    machine: Machine,
    keeper: Keeper,
    back: timedelta,
    restarted: bool,
) -> None:
    """A CRL that begins in the future is not in force, and OpenVPN refuses everybody."""
    machine.wrong_by = back
    await sweep(keeper)
    await office.fleet.publish(OFFICE)
    machine.wrong_by = timedelta(0)
    # OpenVPN takes one that is backdated by more than that.
    assert await crl_findings(office) == (["crl_not_yet_valid"] if back > CRL_BACKDATE else [])
    if restarted:
        keeper = make_keeper(office)
    await sweep(keeper)
    assert await crl_findings(office) == []
    assert "crl_replaced" not in await notices(office)  # nobody did it
    (row,) = await audited(office, "clock.back")
    assert abs(timedelta(seconds=row["seconds"]) - back) < MINUTE
    await sweep(keeper)
    assert len(await audited(office, "clock.back")) == 1


@pytest.mark.parametrize("back", BACK, ids=str)
async def test_a_clock_that_is_set_back_holds_up_nothing(
    company: Company, office: Office, machine: Machine, keeper: Keeper, back: timedelta
) -> None:
    """Looks, retries, messages and proofs go on as if it had not been."""
    machine.wrong_by = back
    path = await issued(company, "anna")
    await minutes_go_by(keeper, machine, 2)
    crl_path(company).rename(crl_path(company).with_suffix(".away"))
    crl_path(company).mkdir()
    await minutes_go_by(keeper, machine)  # the CRL is to be tried again in five minutes
    later = machine.clock() + 2 * MINUTE
    async with office.database.writing() as tx:
        (grant,) = await tx.grants.not_over()
        await revocation.begin(office.case(tx, THE_BOT), [grant], EndReason.REVOKED)
        await tx.outbox.hold_chat(ChatId(BORIS.id), later)
    company.tamper("UPDATE proofs SET next_try_at = next_try_at + 120000000")
    crl_path(company).rmdir()
    machine.wrong_by = timedelta(0)
    await sweep(keeper)
    assert not path.exists()
    async with office.database.reading() as tx:
        assert await tx.proofs.unproved() == []
        queued = await tx.outbox.open(OutboxKind.NOTICE)
    assert all(item.due_at <= machine.clock() for item in queued)
    (path.parent / "mallory-1").touch()
    await minutes_go_by(keeper, machine)
    assert not (path.parent / "mallory-1").exists()


@pytest.mark.parametrize("ahead", BACK, ids=str)
async def test_a_clock_that_jumps_ahead_is_no_trouble(
    company: Company, office: Office, machine: Machine, keeper: Keeper, ahead: timedelta
) -> None:
    await sweep(keeper)
    machine.wrong_by = ahead
    await sweep(keeper)
    assert await crl_findings(office) == []
    assert await audited(office, "clock.back") == []


async def test_who_ended_by_a_clock_that_was_ahead_stays_on_the_crl(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """An expired certificate need not be listed; but this one is not expired."""
    await issued(company, "anna")
    async with office.database.reading() as tx:
        (grant,) = await tx.grants.not_over()

    def is_listed() -> bool:
        facts = read_crl(crl_path(company).read_bytes(), office.keyring.certificate)
        return parse_serial(grant.serial) in facts.serials

    machine.wrong_by = timedelta(days=8)
    for _ in range(3):
        await minutes_go_by(keeper, machine)
        machine.gone_by += timedelta(days=1)
    async with office.database.reading() as tx:
        assert await tx.grants.not_over() == []
    assert not is_listed()
    machine.wrong_by = timedelta(0)
    await sweep(keeper)
    assert is_listed()


async def test_the_admins_get_the_head_of_the_trail_every_day(
    office: Office, machine: Machine
) -> None:
    """However often the bot is restarted."""
    told = []
    for _ in range(8):
        machine.gone_by += timedelta(hours=6)
        await record_something(office)
        await sweep(make_keeper(office))
        told.append((await notices(office)).count("audit_head"))
    # The clock goes on meanwhile, so the day is over at the fifth time at the latest.
    assert told in ([0, 0, 0, 1, 1, 1, 1, 2], [0, 0, 0, 0, 1, 1, 1, 1])


async def record_something(office: Office) -> None:
    async with office.database.writing() as tx:
        await office.case(tx, THE_BOT).record("test", "test")


async def test_a_crl_is_signed_again_every_day(
    company: Company, machine: Machine, keeper: Keeper
) -> None:
    before = crl_path(company).read_bytes()
    machine.gone_by += timedelta(hours=23)
    await sweep(keeper)
    assert crl_path(company).read_bytes() == before
    machine.gone_by += timedelta(hours=2)
    await sweep(keeper)
    assert crl_path(company).read_bytes() != before


@pytest.mark.parametrize(
    ("ahead", "code", "effect"),
    [
        (timedelta(minutes=-30), "server_clock_behind", "30 minutes behind the bot's; set"),
        (timedelta(hours=5), "server_clock_ahead", "5 hours ahead of the bot's; set"),
        (
            timedelta(days=-2, hours=-1),
            "server_clock_behind",
            "2 days behind the bot's, so far that it lets",
        ),
        (timedelta(days=8), "server_clock_ahead", "8 days ahead of the bot's, so far that it lets"),
    ],
    ids=["minutes", "hours", "days-behind", "days-ahead"],
)
async def test_a_server_whose_clock_differs_is_told_of(
    openvpn: StandIn,
    office: Office,
    machine: Machine,
    keeper: Keeper,
    ahead: timedelta,
    code: str,
    effect: str,
) -> None:
    """Once, and once that it is right again; nothing that ends or goes out waits for that."""
    await openvpn.set_clock(round(ahead.total_seconds()))
    for _ in range(2):
        await next_look(keeper, machine)
    assert await clock_notices(office) == [code]
    async with office.database.reading() as tx:
        server = await tx.servers.get(OFFICE)
    assert server is not None
    status = await office.fleet.status(server)
    assert status.clock_ahead is not None
    assert abs(status.clock_ahead - ahead) < MINUTE
    (finding,) = [f for f in status.findings if f.code.value == "clock_differs"]
    assert effect in finding.detail
    async with office.database.reading() as tx:
        case = office.case(tx, THE_BOT)
    assert case.may_give
    assert case.may_expire
    await openvpn.set_clock(0)
    await next_look(keeper, machine)
    assert await clock_notices(office) == [code, "server_clock_agreed"]


async def next_look(keeper: Keeper, machine: Machine) -> None:
    """A minute later, by a clock that still shows what the server's machine shows."""
    machine.gone_by += MINUTE
    machine.wrong_by -= MINUTE
    await sweep(keeper)


async def test_who_asked_to_join_can_be_answered_for_a_week(
    company: Company, office: Office
) -> None:
    """And while a card is about them, it is known who that was."""
    eve, old = UserId(3001), UserId(3002)
    now = office.clock()
    async with office.database.writing() as tx:
        await tx.knocks.put(eve, "Eve", None, now - joining.WAITS + MINUTE)
        await tx.knocks.put(old, "Emil", None, now - timedelta(days=90))
    await sweep(make_keeper(office))
    async with office.acting(THE_BOT) as case:
        assert await case.tx.knocks.get(old) is None
        found = await case.tx.knocks.get(eve)
    assert found is not None
    assert not joining.is_over(case, found)


async def test_what_servers_showed_long_ago_is_forgotten_and_the_trail_is_kept(
    company: Company, office: Office, machine: Machine, openvpn: StandIn
) -> None:
    """By ninety days after the certificate's end, unless the setting says otherwise."""
    await issued(company, "anna")
    async with office.acting(THE_BOT) as case:
        (anna,) = await case.tx.grants.of_user(UserId(ANNA.id))
        await revocation.begin(case, [anna], EndReason.REVOKED)
    await office.enforcer.enforce([anna.id])
    trail = company.query("SELECT count(*) FROM audit")
    for days, left in ((89, 1), (91, 0)):
        long_ago = machine.clock() - timedelta(days=days)
        since = round(long_ago.timestamp() * 1_000_000)
        company.tamper("UPDATE grants SET not_after = ?", since)
        company.tamper("UPDATE proofs SET next_try_at = ?", since)
        await make_keeper(office)._prune()
        assert company.query("SELECT count(*) FROM proofs") == [(left,)]
    assert company.query("SELECT count(*) FROM audit") == trail
