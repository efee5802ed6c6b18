"""What a bot does whose machine's clock is in doubt, and afterwards."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from telegram import Bot

from bot.access import asking, grants, requests, revocation, roles
from bot.access.permission import Actor
from bot.access.refusals import Refusal, Refused
from bot.chat.delivery import ChatDelivery
from bot.chat.sender import Sender
from bot.handover.delivery import Delivery
from bot.office import LONGEST_DOUBT, Office
from bot.process.clock import DOUBT, PATIENCE, Standing
from bot.rounds.clock_watch import ClockWatch
from bot.rounds.keeper import Keeper
from demo.lab.stand_in import StandIn
from pki.crl import read_crl
from pki.serial import parse_serial
from storage.audit_records import AuditEntry
from storage.records import Grant, GrantState, OutboxKind, OutboxState, RequestState, UserId
from tests.bot.chat.rows import conclude
from tests.bot.rounds.keeping import MINUTE, clock_notices, make_keeper, opened, sweep
from tests.company import ANNA, BORIS, TOKEN, Company
from tests.machine import Machine

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("anna_has_access"),
]

DAY = timedelta(days=1)
ADMIN = Actor(key="telegram:2001", name="Boris", user_id=UserId(BORIS.id), is_admin=True)


@pytest_asyncio.fixture(loop_scope="module")
async def office(company: Company, machine: Machine) -> AsyncIterator[Office]:
    """Telegram has just agreed with the machine's clock."""
    async with opened(company, machine) as made:
        made.time.telegram_said(machine.truth, age=timedelta(0))
        yield made


async def notices(office: Office) -> list[str]:
    """About the bot's own clock."""
    return [code for code in await clock_notices(office) if code.startswith("clock")]


async def the_grant(office: Office) -> Grant:
    async with office.database.reading() as tx:
        (grant,) = await tx.grants.of_user(UserId(ANNA.id))
    return grant


async def told(office: Office, machine: Machine) -> Keeper:
    """The clock has just jumped by 40 days, and the admins know it."""
    keeper = make_keeper(office)
    await sweep(keeper)
    machine.wrong_by = 40 * DAY
    await sweep(keeper)
    assert await notices(office) == ["clock_ahead"]
    return keeper


async def test_nothing_ends_and_nothing_is_given(
    company: Company, openvpn: StandIn, office: Office, machine: Machine
) -> None:
    """What is ended by somebody's word is ended, with a list that is in force."""
    async with office.database.writing() as tx:
        anna = await roles.identify(tx, office.rules, UserId(ANNA.id), "Anna")
        asked = await asking.ask(office.case(tx, anna), duration=None, server=None, reason="")
    grant = await the_grant(office)
    assert await openvpn.connect(grant.common_name)
    keeper = await told(office, machine)
    await sweep(keeper)
    assert await the_grant(office) == grant
    assert set(openvpn.sessions) == {grant.common_name}
    async with office.database.writing() as tx:
        request = await tx.requests.get(asked.request.id)
        assert request is not None
        assert request.state is RequestState.PENDING
        with pytest.raises(Refused) as refused:
            await requests.approve(office.case(tx, ADMIN), request.id, None)
        assert refused.value.code is Refusal.CLOCK_IN_DOUBT
        with pytest.raises(Refused) as refused:
            await grants.renew(office.case(tx, anna), grant.id)
        assert refused.value.code is Refusal.CLOCK_IN_DOUBT
        await revocation.revoke_grant(office.case(tx, ADMIN), grant.id)
    await office.enforcer.enforce([grant.id])
    assert (await the_grant(office)).state is GrantState.REVOKED
    assert not openvpn.sessions
    pem = (company.folder / "office/live/crl.pem").read_bytes()
    facts = read_crl(pem, office.keyring.certificate)
    assert abs(facts.signed_at - machine.truth) < MINUTE
    assert parse_serial(grant.serial) in facts.serials


async def test_the_admins_hear_of_it_once_and_when_it_is_over(
    office: Office, machine: Machine
) -> None:
    """A clock, or a witness, that is right and wrong by turns is one story."""
    keeper = await told(office, machine)
    for wrong_by in (timedelta(0), -40 * DAY, timedelta(0)):
        machine.wrong_by = wrong_by
        machine.gone_by += MINUTE / 2
        await sweep(keeper)
    assert await notices(office) == ["clock_ahead"]
    machine.gone_by += MINUTE
    await sweep(keeper)
    await sweep(keeper)
    assert await notices(office) == ["clock_ahead", "clock_agreed"]
    machine.wrong_by = -DOUBT - MINUTE
    await sweep(keeper)
    assert await notices(office) == ["clock_ahead", "clock_agreed", "clock_behind"]
    actions = [action for action in await clock_actions(office) if action != "clock.back"]
    assert actions == ["clock.doubt", "clock.agree", "clock.doubt"]


async def clock_actions(office: Office) -> list[str]:
    async with office.database.reading() as tx:
        rows = [entry for entry in await tx.audit.all() if isinstance(entry, AuditEntry)]
    return [row.action for row in rows if row.action.startswith("clock.")]


def ends_in(company: Company, machine: Machine, minutes: int) -> None:
    end = machine.truth + minutes * MINUTE
    company.tamper("UPDATE grants SET not_after = ?", int(end.timestamp() * 1_000_000))


async def is_live(office: Office) -> bool:
    return (await the_grant(office)).state is GrantState.ACTIVE


@pytest.mark.parametrize("wrong_by", [40 * DAY, -40 * DAY], ids=str)
async def test_what_is_over_ends_after_an_hour_at_the_latest(
    company: Company, office: Office, machine: Machine, wrong_by: timedelta
) -> None:
    """By the time that was agreed last; what is not over by that goes on."""
    keeper = await told(office, machine)
    machine.wrong_by = wrong_by
    ends_in(company, machine, 30)
    machine.gone_by += LONGEST_DOUBT - MINUTE
    await sweep(keeper)
    assert await is_live(office)
    ends_in(company, machine, 10)
    machine.gone_by += 2 * MINUTE
    await sweep(keeper)
    assert await is_live(office)
    machine.gone_by += 10 * MINUTE
    await sweep(keeper)
    assert not await is_live(office)


async def test_what_is_over_ends_when_the_clock_is_agreed_again(
    company: Company, office: Office, machine: Machine
) -> None:
    keeper = await told(office, machine)
    ends_in(company, machine, 10)
    machine.gone_by += 11 * MINUTE
    await sweep(keeper)
    assert await is_live(office)
    machine.wrong_by = timedelta(0)
    await sweep(keeper)
    assert not await is_live(office)


async def test_the_next_run_knows_of_it_before_telegram_is_heard(
    company: Company, office: Office, machine: Machine
) -> None:
    await told(office, machine)
    machine.gone_by += MINUTE
    async with opened(company, machine) as again:
        look = again.time.look()
        assert look.in_doubt
        assert abs(look.ahead - 40 * DAY) < MINUTE
        assert look.doubted_for >= MINUTE
        keeper = make_keeper(again)
        await sweep(keeper)
        assert await is_live(again)
        assert (await notices(again)).count("clock_ahead") == 2


async def test_a_start_waits_for_a_witness_and_not_for_ever(
    company: Company, machine: Machine
) -> None:
    async with opened(company, machine) as office:
        waits = asyncio.create_task(ClockWatch(office, lambda: None).heard())
        await asyncio.sleep(0)
        assert not waits.done()
        office.time.telegram_said(machine.truth, age=timedelta(0))
        await waits
    async with opened(company, machine) as office:
        ends_in(company, machine, -1)
        assert office.time.look().standing is Standing.UNHEARD
        keeper = make_keeper(office)
        machine.gone_by += PATIENCE
        for _ in range(2):
            await sweep(keeper)
        assert await notices(office) == ["clock_believed"]
        assert not await is_live(office)


def unused(error: Exception) -> None:
    raise AssertionError(error)


async def test_a_profile_waits_for_the_clock(office: Office, machine: Machine) -> None:
    """It was approved before."""
    async with office.database.writing() as tx:
        anna = await roles.identify(tx, office.rules, UserId(ANNA.id), "Anna")
        fresh = await grants.renew(office.case(tx, anna), (await the_grant(office)).id)
        (item,) = await tx.outbox.open(OutboxKind.DELIVER)
        await tx.outbox.claim(item.id)
    await told(office, machine)
    bot = Bot(TOKEN)
    sender = Sender(office, {}, failure_of=unused)
    delivery = Delivery(office, office.maker, office.enforcer)
    chats = ChatDelivery(bot, office, delivery, sender, archives=False)
    await conclude(office, item, await chats.deliver(item))
    async with office.database.reading() as tx:
        (waiting,) = await tx.outbox.open(OutboxKind.DELIVER)
        grant = await tx.grants.get(fresh.id)
    assert (waiting.state, waiting.attempts) == (OutboxState.QUEUED, 0)
    assert waiting.due_at > office.clock()
    assert grant is not None
    assert grant.state is GrantState.RESERVED
