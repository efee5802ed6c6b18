"""Disks without room: nothing is lost, nothing is said that is not so, and it goes on by itself."""

import asyncio
import errno
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from bot.process.reserve import SIZE
from demo.api.faults import Fault, hang
from demo.lab.stand_in import StandIn
from tests.company import CROWD, PEOPLE, Company, Ran, company_with_stand_in, until
from tests.crash.outcome import documents
from vpn.deploy import CLOCK_TICK_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SIZE = "12m"
_LINE = "The database can't be written: the disk is full"
_LATE_S = 60.0


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """Puts a folder, as it is, on a disk of its own."""
    aside = place.with_name(f"{place.name}-aside")
    mode = place.stat().st_mode & 0o777
    place.rename(aside)
    place.mkdir(mode=mode)
    options = f"size={_SIZE},mode={mode:o}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("Only root can mount a small disk.")
    try:
        shutil.copytree(aside, place, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def full(place: Path, name: str = "filler") -> Iterator[None]:
    """Not another page fits on the disk of this folder."""
    filler = place / name
    handle = os.open(filler, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        while room_left(handle):
            pass
        yield
    finally:
        os.close(handle)
        filler.unlink()


def room_left(handle: int) -> bool:
    try:
        return os.write(handle, bytes(4096)) > 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(module_folder: Path) -> AsyncIterator[tuple[Company, StandIn]]:
    """The data folder and the server's are on small disks."""
    async with company_with_stand_in(module_folder, people=(*PEOPLE, *CROWD)) as (company, server):
        await server.stop()
        live = company.folder / "office" / "live"
        with small_disk(company.data), small_disk(live):
            # What is put there now must not look newer than the server's process.
            await asyncio.sleep(CLOCK_TICK_S)
            await server.start(company.folder / "office")
            await company.start()
            yield company, server
            await company.stop()
            await server.stop()


async def at_rest(company: Company) -> None:
    """What could not be noted while there was no room is taken up again within 30 s."""
    open_rows = (
        "SELECT 1 FROM inbox WHERE state = 'new'",
        "SELECT 1 FROM outbox WHERE state IN ('queued', 'sending')",
        "SELECT 1 FROM proofs WHERE NOT proved",
    )
    await until(lambda: all(company.query(sql) == [] for sql in open_rows), seconds=_LATE_S)
    # The room that is kept back is made at a look of its own.
    await until((company.data / "reserve").exists, seconds=_LATE_S)


async def test_what_was_typed_is_kept_until_there_is_room(company: Company) -> None:
    who = await company.hires()
    await at_rest(company)
    before = company.log.count("\n")
    with full(company.data):
        await who.says("/requestvpn")
        await who.hears("my machine’s disk is full")
        for admin in (company.boris, company.clara):
            await admin.hears("The disk of my machine is full")
        await who.says("/myvpn")
        polls = sum(call.method == "getUpdates" for call in company.telegram.calls)
        # It asks Telegram for the same again and again, and says the reason once.
        await company.telegram.called("getUpdates", times=polls + 2)
        assert company.query("SELECT 1 FROM requests") == []
        assert (company.data / "reserve").stat().st_size == SIZE
        assert company.bot is not None
        assert company.bot.returncode is None
    await who.hears("waits for the admins", timeout=_LATE_S)
    assert sum("disk is full" in message.text for message in who.messages) == 1
    assert company.query("SELECT count(*) FROM requests") == [(1,)]
    assert "Traceback" not in company.log
    assert company.log.count("\n") - before < 10
    await company.boris.taps("Deny", message=await company.card(company.boris, who))
    await who.hears("denied")


async def test_a_revocation_goes_through(company: Company, server: StandIn) -> None:
    """On what was kept back for it; everything else stays with Telegram, in order."""
    leaver, asker = await company.hires(), await company.hires()
    await company.approved(who=leaver)
    (grant,) = company.grants_of(leaver)
    assert await server.connect(grant["common_name"])
    await at_rest(company)
    with full(company.data):
        await asker.says("/requestvpn")
        await asker.hears("my machine’s disk is full")
        await company.boris.says(f"/revoke {leaver.person.id}")
        assert (await company.boris.hears(grant["common_name"])).text.startswith("Revoked")
        assert grant["common_name"] not in server.sessions
        assert not (company.data / "reserve").exists()
        assert company.query("SELECT 1 FROM requests WHERE user_id = ?", asker.person.id) == []
        said = (await company.vpnbot("doctor")).out
        assert f"MB are left on the disk of {company.data}" in said
        assert "No room is kept back" in said
    await asker.hears("waits for the admins", timeout=_LATE_S)
    await until((company.data / "reserve").exists, seconds=_LATE_S)
    await company.boris.taps("Deny", message=await company.card(company.boris, asker))
    assert (await company.done("audit", "verify")).out.startswith("All ")


async def test_an_order_on_the_command_line_goes_through(company: Company, server: StandIn) -> None:
    who = await company.hires()
    await company.approved(who=who)
    (grant,) = company.grants_of(who)
    await at_rest(company)
    await until((company.data / "reserve").exists, seconds=_LATE_S)
    with full(company.data):
        ran = await company.done("revoke", grant["id"])
        assert ran.out.startswith("Revoked")
        assert not await server.connect(grant["common_name"])
    await until((company.data / "reserve").exists, seconds=_LATE_S)


def one_line(ran: Ran) -> None:
    assert (ran.code, ran.err.count("\n")) == (1, 1), ran
    assert ran.err.startswith(_LINE)
    assert "make room" in ran.err


async def test_commands_say_what_is_wrong_in_a_line(company: Company) -> None:
    who = await company.hires()
    output = company.folder / "profile.ovpn"
    await at_rest(company)
    before = company.dump()
    with full(company.data):
        one_line(
            await company.vpnbot("grant", "issue", str(who.person.id), "--output", str(output))
        )
        one_line(await company.vpnbot("user", "allow", "4711", "--name", "Nobody"))
        assert not output.exists()
        listed = await company.vpnbot("user", "list")
        assert listed.code == 0
    assert company.dump() == before


async def test_a_delivery_that_cannot_be_noted_is_noted_later(
    company: Company, server: StandIn
) -> None:
    """It arrived, and this process knows it: no second profile, and nobody is cut off."""
    who = await company.hires()
    await who.says("/requestvpn")
    card = await company.card(company.boris, who)
    company.telegram.faults.append(Fault("sendDocument", 1, hang(2.0, after=True)))
    await company.boris.taps("Approve", message=card)
    await who.receives_document()
    await until(lambda: only_the_profile_is_on_its_way(company))
    with full(company.data):
        await until(lambda: "cannot be stored yet" in company.log)
        assert company.grants_of(who)[0]["state"] == "issued"
    await until(lambda: company.grants_of(who)[0]["state"] == "active", seconds=_LATE_S)
    (grant,) = company.grants_of(who)
    assert documents(who) == [grant["serial"]]
    assert await server.connect(grant["common_name"])


def only_the_profile_is_on_its_way(company: Company) -> bool:
    rows = company.query("SELECT kind FROM outbox WHERE state IN ('queued', 'sending')")
    return rows == [("deliver",)]


async def test_a_revocation_where_no_crl_can_be_written(company: Company, server: StandIn) -> None:
    who = await company.hires()
    await company.approved(who=who)
    (grant,) = company.grants_of(who)
    assert await server.connect(grant["common_name"])
    live = company.folder / "office" / "live"
    # So that removing the address file makes no room.
    (live / "kept").hardlink_to(live / "ccd" / grant["common_name"])
    with full(live):
        await company.boris.says(f"/revoke {who.person.id}")
        said = await company.boris.hears(grant["common_name"])
        assert said.text.startswith("Not proved")
        assert "The CRL couldn’t be written" in said.text
        status = await company.vpnbot("server", "status")
        assert "office: Only 0 MB are left on the disk of live" in status.out
        # What could be done was done.
        assert grant["common_name"] not in server.sessions
        assert not await server.connect(grant["common_name"])
    company.look_again()
    said = await company.boris.hears(grant["common_name"], timeout=_LATE_S)
    assert said.text.startswith("Revoked")


@pytest.mark.long
async def test_killed_and_started_on_a_full_disk(company: Company, server: StandIn) -> None:
    """A start without room goes on as far as it can: a revocation may be waiting."""
    who, leaver = await company.hires(), await company.hires()
    await company.approved(who=leaver)
    (left,) = company.grants_of(leaver)
    await who.says("/requestvpn")
    card = await company.card(company.boris, who)
    await at_rest(company)
    await until((company.data / "reserve").exists, seconds=_LATE_S)
    with full(company.data):
        await company.boris.taps("Approve", message=card)
        await company.boris.says(f"/revoke {left['id']}")
        await company.kill()
        await company.start()
        said = await company.boris.hears(left["common_name"])
        assert said.text.startswith("Revoked")
        assert not await server.connect(left["common_name"])
        # The approval waits, unless the room that SQLite's log has already was enough for it.
    assert company.query("PRAGMA integrity_check") == [("ok",)]
    await who.receives_document(_LATE_S)
    await at_rest(company)
    (grant,) = company.grants_of(who)
    assert (grant["state"], documents(who)) == ("active", [grant["serial"]])
    assert (await company.done("audit", "verify")).out.startswith("All ")
    assert "Traceback" not in company.log


@pytest.mark.long
async def test_a_start_where_nothing_can_be_opened(company: Company) -> None:
    """SQLite needs room for files beside the database; with none kept back it is a line."""
    await at_rest(company)
    await company.stop()
    (company.data / "reserve").unlink(missing_ok=True)
    with full(company.data):
        ran = await company.vpnbot("run")
        assert ran.code == 1
        assert "Traceback" not in ran.err
        assert "full" in ran.err.splitlines()[-1]
    await company.start()
    await until((company.data / "reserve").exists, seconds=_LATE_S)
    await company.stop()
    with full(company.data):
        await company.start()
        await company.boris.says("/revoke nobody-at-all")
        await company.boris.hears("nobody-at-all")
