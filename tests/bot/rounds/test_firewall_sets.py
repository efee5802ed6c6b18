"""Who has which address, as it is told to a server's firewall while the bot runs."""

from pathlib import Path

import pytest

from bot.access import groups, pausing, people
from bot.access.permission import THE_BOT
from bot.fleet.members import address_sets
from bot.office import Office
from bot.rounds.keeper import Keeper
from storage.group_records import Group, GroupName
from storage.records import UserId
from tests.bot.rounds.keeping import OFFICE, issued, minutes_go_by, sweep
from tests.company import ANNA, EMIL, Company
from tests.machine import Machine
from vpn.configuration.address_sets import membership_lines

pytestmark = pytest.mark.asyncio(loop_scope="module")
DEV = GroupName("dev")


def members(company: Company) -> Path:
    return company.folder / "office/live/members"


async def test_the_lines_follow_what_happens(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    path = members(company)
    await issued(company, "anna")
    hers = f"user-{ANNA.id} 10.8.0.2\nend\n"
    assert path.read_text() == hers
    await sweep(keeper)
    # A group that pushes nothing makes no client's file due.
    async with office.acting(THE_BOT) as case:
        await groups.add(case, Group(DEV))
        await groups.join(case, DEV, UserId(ANNA.id))
    await sweep(keeper)
    assert path.read_text() == f"group-dev 10.8.0.2\n{hers}"
    async with office.acting(THE_BOT) as case:
        await groups.remove(case, DEV)
    await sweep(keeper)
    assert path.read_text() == hers
    # Whoever else writes there is corrected at the next look.
    path.write_text("group-dev 10.8.0.2\nend\n")
    await minutes_go_by(keeper, machine)
    assert path.read_text() == hers
    path.unlink()
    await minutes_go_by(keeper, machine)
    assert path.read_text() == hers


async def test_each_change_is_written_once_more(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """systemd does not watch the file while the script of before runs."""
    path = members(company)

    async def times_written(minutes: int) -> int:
        count = 0
        for _ in range(minutes):
            before = path.stat()
            await minutes_go_by(keeper, machine)
            after = path.stat()
            count += (before.st_ino, before.st_ctime_ns) != (after.st_ino, after.st_ctime_ns)
        return count

    await issued(company, "anna")  # by another process
    await sweep(keeper)
    assert await times_written(3) == 1
    async with office.acting(THE_BOT) as case:
        await groups.add(case, Group(DEV))
        await groups.join(case, DEV, UserId(ANNA.id))
    await sweep(keeper)
    assert path.read_text().startswith("group-dev")
    assert await times_written(3) == 1


async def test_who_is_paused_is_in_no_set(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    path = members(company)
    await issued(company, "anna")
    hers = f"user-{ANNA.id} 10.8.0.2\nend\n"
    async with office.acting(THE_BOT) as case:
        paused = await pausing.pause(case, UserId(ANNA.id), None)
    await office.enforcer.enforce([one.id for one in paused.grants])
    assert path.read_text() == "end\n"
    async with office.acting(THE_BOT) as case:
        await pausing.resume(case, UserId(ANNA.id))
    await minutes_go_by(keeper, machine)
    assert path.read_text() == hers


async def test_what_cannot_be_written_lets_nobody_in_and_everybody_out(
    company: Company, machine: Machine, keeper: Keeper
) -> None:
    """An address goes to nobody while the firewall may take it for somebody else's."""
    path = members(company)
    await issued(company, "anna")
    path.unlink()
    path.mkdir()
    await company.done("user", "allow", str(EMIL.id), "--name", "Emil")
    ran = await company.vpnbot("grant", "issue", str(EMIL.id), "--output", "emil.ovpn")
    assert ran.code == 1
    files = [file.name for file in (company.folder / "office/live/ccd").iterdir()]
    assert [name for name in files if name.startswith("emil")] == []
    assert "Revoked" in (await company.done("revoke", str(ANNA.id))).out
    path.rmdir()
    await minutes_go_by(keeper, machine)
    assert path.read_text().endswith("end\n")
    assert str(ANNA.id) not in path.read_text()


async def test_a_person_has_one_set_for_all_accounts(company: Company, office: Office) -> None:
    await company.done("user", "allow", str(EMIL.id), "--name", "Anna's other one")
    await company.done("grant", "issue", str(EMIL.id), "--output", "emil.ovpn")
    async with office.acting(THE_BOT) as case:
        await groups.add(case, Group(DEV))
        await groups.join(case, DEV, UserId(ANNA.id))
        await people.link(case, UserId(EMIL.id), UserId(ANNA.id))
        sets = await address_sets(case.tx, OFFICE)
    assert membership_lines(sets).splitlines() == [
        "group-dev 10.8.0.2",
        f"user-{ANNA.id} 10.8.0.2",
        "end",
    ]
    # A firewall that was told of the other account's is told that it is empty.
    assert f"user-{EMIL.id}" in [each.named(4) for each in sets]
