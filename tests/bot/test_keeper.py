"""What happens because of the time, with a clock of the test's own."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bot.access import revocation
from bot.access.permission import THE_BOT
from bot.keeper import Keeper
from bot.office import Office, open_office
from bot.settings import Settings
from demo.lab.stand_in import StandIn
from pki.authority import Authority, self_signed
from pki.crl import CRL_BACKDATE, read_crl
from pki.keys import KeyAlgorithm, generate_key
from pki.serial import SerialNumber, parse_serial
from storage.records import AuditEntry, ChatId, EndReason, OutboxKind, Payload, ServerName
from tests.bot.folders import adopt, open_folder
from tests.company import ANNA, BORIS, PASSPHRASE, Company, company_with_stand_in
from tests.machine import Machine
from vpn.deploy import CLOCK_TICK_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

OFFICE = ServerName("office")
MINUTE = timedelta(minutes=1)


Change = Callable[[Company, Office], Awaitable[None]]


@pytest_asyncio.fixture(loop_scope="module")
async def staffed() -> AsyncIterator[tuple[Company, StandIn]]:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as made:
            yield made


@pytest.fixture
def company(staffed: tuple[Company, StandIn]) -> Company:
    return staffed[0]


@pytest.fixture
def openvpn(staffed: tuple[Company, StandIn]) -> StandIn:
    return staffed[1]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest_asyncio.fixture(loop_scope="module")
async def office(company: Company, machine: Machine) -> AsyncIterator[Office]:
    settings = Settings(data_dir=company.data, admin_ids=(BORIS.id,))
    async with open_office(
        settings, passphrase=lambda: PASSPHRASE, clock=machine.clock, boot=machine.since_boot
    ) as made:
        yield made


def make_keeper(office: Office) -> Keeper:
    return Keeper(office, lambda: None)


@pytest.fixture
def keeper(office: Office) -> Keeper:
    return make_keeper(office)


def crl_path(company: Company) -> Path:
    return company.folder / "office/live/crl.pem"


def foreign_crl() -> bytes:
    """What a cron job of another CA's may write."""
    key = generate_key(KeyAlgorithm.P256)
    now = datetime.now(UTC)
    certificate = self_signed(
        key,  # type: ignore[arg-type]
        common_name="Another CA",
        serial=SerialNumber(7),
        now=now,
        lifetime=timedelta(days=9),
    )
    return Authority(certificate, key).sign_crl(number=9, revocations=(), now=now)


async def sweep(keeper: Keeper) -> None:
    """With all that goes on beside it."""
    await keeper.sweep()
    await asyncio.gather(*keeper._jobs.values())


async def notices(office: Office) -> list[str]:
    async with office.database.reading() as tx:
        rows = await tx.outbox.due(office.clock(), 1000)
    return [row.payload["code"] for row in rows if row.kind is OutboxKind.NOTICE]


async def audited(office: Office, action: str) -> list[Payload]:
    async with office.database.reading() as tx:
        rows = [entry for entry in await tx.audit.all() if isinstance(entry, AuditEntry)]
    return [entry.detail for entry in rows if entry.action == action]


async def crl_findings(office: Office) -> list[str]:
    async with office.database.reading() as tx:
        server = await tx.servers.get(OFFICE)
    assert server is not None
    return [finding.code.value for finding in await office.fleet.crl_findings(server)]


async def test_a_crl_that_another_program_put_there_is_replaced_within_a_minute(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    for content in (foreign_crl(), b"", b"-----BEGIN X509 CRL-----\n"):
        crl_path(company).write_bytes(content)
        await sweep(keeper)
        assert crl_path(company).read_bytes() == content  # it is not looked at all the time
        machine.gone_by += MINUTE
        await sweep(keeper)
        assert read_crl(crl_path(company).read_bytes(), office.keyring.certificate).number > 0
    assert (await notices(office)).count("crl_replaced") == 3


async def put_back_an_older_one(company: Company, office: Office) -> None:
    """As the folder's own backup would."""
    older = crl_path(company).read_bytes()
    await office.fleet.publish(OFFICE)
    crl_path(company).write_bytes(older)


async def put_a_higher_one(company: Company, office: Office, above: int = 900) -> None:
    """As another program that has the CA's key, and counts by itself."""
    authority = await office.keyring.authority()
    number = read_crl(crl_path(company).read_bytes(), office.keyring.certificate).number + above
    pem = authority.sign_crl(number=number, revocations=(), now=office.clock())
    crl_path(company).write_bytes(pem)


async def put_the_highest_one(company: Company, office: Office) -> None:
    """No database counts so far, so ours could not go on above it."""
    await put_a_higher_one(company, office, 1 << 100)


async def put_what_is_no_file(company: Company, office: Office) -> None:
    crl_path(company).unlink()
    os.mkfifo(crl_path(company), 0o644)


async def put_one_of_the_future(company: Company, office: Office) -> None:
    """It shuts everybody out."""
    authority = await office.keyring.authority()
    number = read_crl(crl_path(company).read_bytes(), office.keyring.certificate).number
    then = office.clock() + timedelta(days=2)
    crl_path(company).write_bytes(authority.sign_crl(number=number, revocations=(), now=then))


async def close_it_to_openvpn(company: Company, office: Office) -> None:
    """That goes on with the one that it has read, whoever is revoked."""
    crl_path(company).chmod(0o600)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (put_back_an_older_one, ["crl_put_back"]),
        (put_a_higher_one, ["crl_put_back"]),
        (put_the_highest_one, ["crl_damaged"]),
        (put_what_is_no_file, ["crl_damaged"]),
        (put_one_of_the_future, ["crl_not_yet_valid", "crl_put_back"]),
        (close_it_to_openvpn, ["crl_unreadable"]),
    ],
)
async def test_one_of_ours_that_is_of_no_use_is_replaced_too(
    company: Company,
    office: Office,
    machine: Machine,
    keeper: Keeper,
    change: Change,
    found: list[str],
) -> None:
    await change(company, office)
    machine.gone_by += MINUTE
    await sweep(keeper)
    assert await crl_findings(office) == []
    assert await audited(office, "crl.replace") == [{"name": "vpnbot", "found": found}]
    assert (await notices(office)).count("crl_replaced") == 1
    machine.gone_by += MINUTE
    await sweep(keeper)
    assert (await notices(office)).count("crl_replaced") == 1


async def test_a_folder_that_shuts_openvpn_out_is_told_of_once(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """A new CRL does not help; so nobody hears that all is well."""
    live = crl_path(company).parent
    live.chmod(0o700)
    for _ in range(12):
        machine.gone_by += MINUTE
        await sweep(keeper)
    assert [code for code in await notices(office) if "crl" in code] == ["crl_unpublished"]
    live.chmod(0o755)
    for _ in range(6):
        machine.gone_by += MINUTE
        await sweep(keeper)
    told = [code for code in await notices(office) if "crl" in code]
    assert told == ["crl_unpublished", "crl_published"]


async def test_our_own_crl_is_left_alone(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """Also where a restored database remembers an older one than lies there."""
    await office.fleet.publish(OFFICE)
    company.tamper("UPDATE servers SET crl_number = 1")
    before = crl_path(company).read_bytes()
    machine.gone_by += MINUTE
    await sweep(keeper)
    assert crl_path(company).read_bytes() == before
    assert "crl_replaced" not in await notices(office)


async def test_after_a_restore_an_older_crl_is_no_news(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """What lies there is taken over; the next one has a number above all."""
    await put_back_an_older_one(company, office)
    async with office.database.writing() as tx:
        await tx.servers.mark_restored(machine.clock())
    machine.gone_by += MINUTE
    await sweep(keeper)
    assert await crl_findings(office) == []
    assert "crl_replaced" not in await notices(office)


async def issued(company: Company, name: str) -> Path:
    """The address file of somebody who has access."""
    await company.done("grant", "issue", str(ANNA.id), "--output", f"{name}.ovpn")
    ((common_name,),) = company.query(
        "SELECT common_name FROM grants ORDER BY not_before DESC LIMIT 1"
    )
    return company.folder / "office/live/ccd" / str(common_name)


async def minutes_go_by(keeper: Keeper, machine: Machine, count: int = 1) -> None:
    for _ in range(count):
        machine.gone_by += MINUTE
        await sweep(keeper)


async def test_whoever_has_no_grant_is_put_out(
    company: Company, openvpn: StandIn, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """A file that came back with a copy of the folder, one added by hand, and their sessions."""
    friend, leaver = await issued(company, "friend"), await issued(company, "leaver")
    content = leaver.read_text()
    await company.done("revoke", leaver.name)
    draft = f".vpnbot-{'0' * 64}"  # no client can have so long a name
    strangers = {leaver.name, "mallory-1", ".hidden"}
    for name in (*strangers, draft):
        leaver.with_name(name).write_text(content)
    for name in (friend.name, leaver.name, "mallory-1"):
        assert await openvpn.connect(name)
    await minutes_go_by(keeper, machine)
    assert {path.name for path in friend.parent.iterdir()} == {friend.name, draft}
    aside = company.folder / "office/live/set-aside"
    assert {path.name for path in aside.iterdir()} == strangers
    assert (aside / "mallory-1").read_text() == content
    assert openvpn.sessions == (friend.name,)
    rows = await audited(office, "server.shut_out")
    assert {row["seen_as"]: row["names"] for row in rows} == {
        "over": [f"{leaver.name} (Anna Petrova)"],
        "cut": ["mallory-1"],
        "file": [".hidden"],
    }
    said = {code for code in await notices(office) if "crl" not in code}
    assert said >= {"over_cut_off", "strangers_cut_off", "strangers_files"}
    # It was proved once more.
    states = company.query("SELECT state FROM grants WHERE common_name = ?", leaver.name)
    assert states == [("revoked",)]
    again = {"name": "vpnbot", "grants": 1, "sessions": 1}
    assert await audited(office, "server.prove_again") == [again]
    await minutes_go_by(keeper, machine)
    assert await audited(office, "server.shut_out") == rows


async def test_of_a_server_that_does_not_answer_nobody_says_that_nobody_is_on(
    company: Company, openvpn: StandIn, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """After a list was put back, those who are out are not proved until it answers again."""
    leaver = await issued(company, "leaver")
    await company.done("revoke", leaver.name)
    await put_back_an_older_one(company, office)
    await openvpn.stop()
    await minutes_go_by(keeper, machine)
    said = [code for code in await notices(office) if code.startswith("nobody")]
    assert said == ["nobody_can_see"]
    find = "SELECT state FROM grants WHERE common_name = ?"
    assert company.query(find, leaver.name) == [("revoking",)]
    await asyncio.sleep(CLOCK_TICK_S)
    again = StandIn()
    await again.start(company.folder / "office")
    try:
        await minutes_go_by(keeper, machine)
        assert company.query(find, leaver.name) == [("revoked",)]
    finally:
        await again.stop()


async def test_who_is_found_on_is_not_left_until_the_next_try_is_due(
    company: Company, openvpn: StandIn, machine: Machine, keeper: Keeper
) -> None:
    """The server was down for so long that the bot tried every five minutes only."""
    leaver = await issued(company, "leaver")
    content = leaver.read_text()
    await openvpn.stop()
    await company.vpnbot("revoke", leaver.name)
    while company.query("SELECT 1 FROM proofs WHERE attempts > 8") == []:
        await minutes_go_by(keeper, machine)
    await asyncio.sleep(CLOCK_TICK_S)
    again = StandIn()
    await again.start(company.folder / "office")
    try:
        leaver.write_text(content)
        assert await again.connect(leaver.name)
        await minutes_go_by(keeper, machine)
        assert (again.sessions, leaver.exists()) == ((), False)
    finally:
        await again.stop()


async def test_names_that_are_no_certificates_say_nothing(
    company: Company, openvpn: StandIn, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """With `username-as-common-name` anybody may be called like somebody whose access is over."""
    leaver = await issued(company, "leaver")
    content = leaver.read_text()
    await company.done("revoke", leaver.name)
    for name in (leaver.name, "bob"):
        leaver.with_name(name).write_text(content)
        assert await openvpn.connect(name)
    adopt(company)
    ((adopted,),) = company.query("SELECT adopted FROM servers")
    values = json.loads(adopted)
    values["layout"]["named_by"] = "user_name"
    company.tamper("UPDATE servers SET adopted = ?, cuts_unknown = 1", json.dumps(values))
    await minutes_go_by(keeper, machine)
    assert openvpn.sessions == (leaver.name, "bob")
    assert not [code for code in await notices(office) if "over" in code or "strangers" in code]
    find = "SELECT state FROM grants WHERE common_name = ?"
    assert company.query(find, leaver.name) == [("revoked",)]


async def test_of_a_file_that_comes_back_again_the_admins_hear_once(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    path = company.folder / "office/live/ccd/mallory-1"
    for _ in range(3):
        path.touch()
        await minutes_go_by(keeper, machine)
        assert not path.exists()
    assert len(await audited(office, "server.shut_out")) == 1
    assert (await notices(office)).count("strangers_files") == 1
    path.touch()
    machine.gone_by += timedelta(days=1)
    await minutes_go_by(keeper, machine)
    assert (await notices(office)).count("strangers_files") == 2


async def test_a_file_with_a_name_that_nobody_can_write(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """It may be called anything; what is said of it can be sent."""
    ccd = company.folder / "office/live/ccd"
    (ccd / os.fsdecode(b"\xff\x1b[31m" + b"x" * 58)).touch()
    await minutes_go_by(keeper, machine)
    assert list(ccd.iterdir()) == []
    ((said,),) = [row["names"] for row in await audited(office, "server.shut_out")]
    assert said == "?[31m" + "x" * 58


async def test_a_revocation_under_way_is_no_stranger(
    company: Company, openvpn: StandIn, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """Its own proof tells of it."""
    leaver = await issued(company, "leaver")
    await openvpn.connect(leaver.name)
    company.tamper("UPDATE grants SET state = 'revoking', revoked_at = 1, end_reason = 'revoked'")
    await minutes_go_by(keeper, machine)
    assert leaver.exists()
    assert openvpn.sessions == (leaver.name,)
    assert not [code for code in await notices(office) if "over" in code or "strangers" in code]


async def test_an_operators_own_files_and_people_stay(
    company: Company, openvpn: StandIn, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """On an adopted server only whose access through the bot is over goes."""
    leaver = await issued(company, "leaver")
    content = leaver.read_text()
    await company.done("revoke", leaver.name)
    ours = leaver.with_name("theirs-k7f3qz2m")  # a name of our form, of which we know nothing
    for path in (leaver, ours, leaver.with_name("DEFAULT"), leaver.with_name("printer")):
        path.write_text(content)
    for name in (leaver.name, ours.name, "printer"):
        assert await openvpn.connect(name)
    adopt(company)
    await minutes_go_by(keeper, machine)
    left = {path.name for path in leaver.parent.iterdir()}
    assert left == {ours.name, "DEFAULT", "printer"}
    assert openvpn.sessions == (ours.name, "printer")
    (row,) = await audited(office, "server.shut_out")
    # This configuration was never adopted in earnest, so nothing is proved.
    assert (row["seen_as"], row["names"]) == ("over_left", [f"{leaver.name} (Anna Petrova)"])
    (shown,) = await audited(office, "server.sight")
    assert shown["names"] == ["printer", ours.name]
    await minutes_go_by(keeper, machine)
    assert len(await audited(office, "server.sight")) == 1


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
        (timedelta(days=-2), "server_clock_behind", "2 days behind the bot's, so far that it lets"),
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


async def clock_notices(office: Office) -> list[str]:
    async with office.database.reading() as tx:
        items = await tx.outbox.open(OutboxKind.NOTICE)
    return [code for item in items if "clock" in (code := item.payload["code"])]
