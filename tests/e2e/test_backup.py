"""A backup of a company at work, and what becomes of the company that is restored from it."""

import asyncio
import os
import shutil
import stat
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
import pytest

from demo.api.faults import Fault, status
from demo.lab.stand_in import StandIn
from demo.testing import PersonChat
from pki.authority_files import load_certificate
from pki.crl import Revocation, read_crl
from pki.found_crls import read_crls
from pki.serial import serial_hex
from tests.company import (
    CROWD,
    PASSPHRASE,
    PEOPLE,
    Company,
    company_with_stand_in,
    furnish_by_copy,
    keep_secret,
    open_company,
    until,
)

EVERYBODY = (*PEOPLE, *CROWD)
SECRET = "staple battery horse"


async def backed_up(company: Company, name: str = "backup.age") -> Path:
    """A backup, as somebody takes it who keeps its passphrase in a file."""
    secret, target = company.folder / "backup-passphrase", company.folder / name
    keep_secret(secret, f"{SECRET}\nand a second line")
    ran = await company.done("backup", str(target), "--passphrase-file", str(secret))
    assert str(target) in ran.out
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    return target


async def restored(company: Company, backup: Path) -> None:
    """The data folder is lost, and comes back out of the backup. The servers' folders stay."""
    await company.stop()
    shutil.rmtree(company.data)
    secret = str(company.folder / "backup-passphrase")
    ran = await company.done("restore", str(backup), "--passphrase-file", secret)
    assert str(company.data) in ran.out


def in_place(company: Company, server: str = "office") -> tuple[int, dict[str, Revocation]]:
    """Number and entries of the CRL that lies on a server."""
    pem = (company.folder / server / "live/crl.pem").read_bytes()
    issuer = load_certificate(company.data / "ca")
    (crl,) = read_crls(pem, issuer)
    entries = {serial_hex(entry.serial): entry for entry in crl.revocations}
    return read_crl(pem, issuer).number, entries


def ccd(company: Company) -> set[str]:
    return {path.name for path in (company.folder / "office/live/ccd").iterdir()}


async def held_back(company: Company, who: PersonChat) -> dict[str, Any]:
    """Somebody's access is approved, and their profile waits for a flood limit to end."""
    await who.says("/requestvpn")
    await company.boris.taps("Approve", message=await company.card(company.boris, who))
    await until(lambda: [grant["state"] for grant in company.grants_of(who)] == ["issued"])
    return company.grants_of(who)[0]


async def gets_access(company: Company, who: PersonChat) -> dict[str, Any]:
    await company.approved(who=who)
    return await is_active(company, who)


async def is_active(company: Company, who: PersonChat) -> dict[str, Any]:
    """Waits until Telegram has confirmed somebody's profile; gives the grant."""
    await until(lambda: company.grants_of(who)[-1]["state"] == "active")
    return company.grants_of(who)[-1]


def looked_through(company: Company) -> bool:
    return company.query("SELECT 1 FROM servers WHERE restored_at IS NOT NULL") == []


def all_proved(company: Company) -> bool:
    return company.query("SELECT 1 FROM proofs WHERE NOT proved") == []


@dataclass
class Story:
    """Six people, a backup, and what happened after it, which the backup does not know.

    Anna had access; Bella's was revoked after the backup. The profiles of Carl and Dora were on
    their way at the backup and arrived; Carl's was revoked then. Edna and Fiona were given access
    after the backup; Fiona's was revoked, too.
    """

    backup: Path
    people: dict[str, PersonChat]
    grants: dict[str, dict[str, Any]]
    number: int
    entries: dict[str, Revocation]

    @property
    def dead(self) -> set[str]:
        return {self.grants[name]["serial"] for name in ("bella", "carl", "fiona")}


async def told(company: Company, server: StandIn) -> Story:
    names = ("bella", "carl", "dora", "edna", "fiona")
    people = {"anna": company.anna, **{name: await company.hires() for name in names}}
    grants = {name: await gets_access(company, people[name]) for name in ("anna", "bella")}
    flood = status(429, "Too Many Requests: retry after 1", retry_after=1)
    company.telegram.faults.append(Fault("sendDocument", 1000, flood))
    for name in ("carl", "dora"):
        grants[name] = await held_back(company, people[name])
    backup = await backed_up(company)
    company.telegram.faults.clear()
    for name in ("carl", "dora"):
        await people[name].receives_document()
        await is_active(company, people[name])
    for name in ("edna", "fiona"):
        grants[name] = await gets_access(company, people[name])
    for name in ("bella", "carl", "fiona"):
        await company.done("revoke", grants[name]["id"])
    for name in ("anna", "dora", "edna"):
        assert await server.connect(grants[name]["common_name"])
    story = Story(backup, people, grants, *in_place(company))
    assert story.dead <= story.entries.keys()
    return story


@pytest.mark.long
async def test_nothing_comes_back_to_life(folder: Path) -> None:
    async with company_with_stand_in(folder, people=EVERYBODY) as (company, server):
        await company.start()
        story = await told(company, server)
        await restored(company, story.backup)
        # Nobody has touched the servers yet, and doctor says so.
        ran = await company.vpnbot("doctor")
        stranger = story.grants["edna"]["common_name"]
        assert "whoever it doesn't know isn't shut out yet" in ran.out
        assert f"/live/ccd/{stranger} belongs to nobody who has access" in ran.out
        assert stranger in server.sessions

        await company.start()
        await until(lambda: looked_through(company))
        await story.people["dora"].receives_document()
        await until(lambda: all_proved(company))
        await is_active(company, story.people["dora"])
        dead_as_they_were(company, story)
        await only_those_are_in(company, server, story)
        said = await company.boris.hears("I was restored from a backup")
        assert stranger in said.text
        await all_goes_on(company, story)


def dead_as_they_were(company: Company, story: Story) -> None:
    """Dates and reasons, too; and what is unknown is on the list all the same."""
    number, listed = in_place(company)
    assert number > story.number
    assert {s: listed[s] for s in story.dead} == {s: story.entries[s] for s in story.dead}
    for name in ("bella", "carl"):
        (grant,) = company.grants_of(story.people[name])
        assert (grant["state"], grant["end_reason"]) == ("revoked", "revoked")
    assert company.grants_of(story.people["fiona"]) == []
    found = company.query("SELECT serial FROM foreign_revocations")
    assert found == [(story.grants["fiona"]["serial"],)]


async def only_those_are_in(company: Company, server: StandIn, story: Story) -> None:
    """Who was in at the backup, and was not revoked since; Dora by a fresh profile."""
    old, new = company.grants_of(story.people["dora"])
    assert (old["serial"], old["end_reason"]) == (story.grants["dora"]["serial"], "lost")
    assert company.grants_of(company.anna) == [story.grants["anna"]]
    assert await server.connect(new["common_name"])
    wanted = {story.grants["anna"]["common_name"], new["common_name"]}
    assert ccd(company) == wanted
    assert set(server.sessions) == wanted
    for name in ("bella", "carl", "dora", "edna", "fiona"):
        assert not await server.connect(story.grants[name]["common_name"])


async def all_goes_on(company: Company, story: Story) -> None:
    """New access, revocations above every number that was, one trail."""
    number, _ = in_place(company)
    later = await gets_access(company, story.people["edna"])
    for grant in (later, story.grants["anna"]):
        await company.done("revoke", grant["id"])
    last, listed = in_place(company)
    assert last > number
    serials = {later["serial"], *(story.grants[name]["serial"] for name in ("anna", "dora"))}
    assert story.dead | serials <= listed.keys()
    await company.done("audit", "verify")
    actions = [action for (action,) in company.query("SELECT action FROM audit")]
    for action in ("backup.make", "backup.restore", "crl.take_over", "server.look_through"):
        assert actions.count(action) == 1


@pytest.mark.long
async def test_the_first_command_after_a_restore_may_be_a_revocation(folder: Path) -> None:
    """Without the bot: each command that publishes takes over what the CRL in place says."""
    async with company_with_stand_in(folder, people=EVERYBODY) as (company, server):
        await company.start()
        anna = await gets_access(company, company.anna)
        bella = await company.hires()
        bellas = await gets_access(company, bella)
        backup = await backed_up(company)
        edna = await company.hires()
        ednas = await gets_access(company, edna)
        await company.done("revoke", bellas["id"])
        number, entries = in_place(company)
        await restored(company, backup)

        await company.done("revoke", anna["id"])
        now, listed = in_place(company)
        assert now == number + 1
        assert listed.keys() == {*entries, anna["serial"]}
        assert ccd(company) == set()
        assert not await server.connect(ednas["common_name"])
        (found,) = company.grants_of(bella)
        assert found["state"] == "revoking"
        assert looked_through(company)
        await company.start()
        await until(lambda: company.grants_of(bella)[0]["state"] == "revoked")


def shown(who: PersonChat, message_id: int) -> str:
    (text,) = [m.text for m in who.messages if m.message_id == message_id]
    return text


@pytest.mark.long
async def test_an_address_is_not_given_out_under_a_stranger(folder: Path) -> None:
    """The backup does not know that the first address is taken."""
    async with company_with_stand_in(folder, people=EVERYBODY) as (company, server):
        await company.start()
        await company.anna.says("/requestvpn")
        card = await company.card(company.boris, company.anna)
        backup = await backed_up(company)
        await company.boris.taps("Approve", message=card)
        await company.anna.receives_document()
        annas = await is_active(company, company.anna)
        assert await server.connect(annas["common_name"])
        await restored(company, backup)
        file = company.folder / "anna.ovpn"
        await company.done("grant", "issue", "1001", "--output", str(file))
        (fresh,) = company.grants_of(company.anna)
        assert fresh["address"] == annas["address"]
        assert ccd(company) == {fresh["common_name"]}
        assert fresh["common_name"] != annas["common_name"]
        assert not looked_through(company)  # the session is ended when something is published

        # Her request was open in the backup, and was decided since.
        await company.start()
        await company.anna.hears("your open request is closed")
        await company.boris.hears("One request was open in it")
        await until(lambda: "Closed by" in shown(company.boris, card.message_id))
        await company.asks(company.anna)
        again = await company.card(company.boris, company.anna)
        assert "Request 10003" in again.text


@pytest.mark.long
async def test_a_server_that_does_not_answer_is_not_looked_through(folder: Path) -> None:
    async with company_with_stand_in(folder, people=EVERYBODY) as (company, server):
        backup = await backed_up(company)
        await restored(company, backup)
        await server.stop()
        await company.done("server", "deploy", "office")
        assert not looked_through(company)
        ran = await company.vpnbot("doctor")
        assert "whoever it doesn't know isn't shut out yet" in ran.out
        await server.start(company.folder / "office")
        await company.done("server", "deploy", "office")
        assert looked_through(company)
        ran = await company.vpnbot("doctor")
        assert "isn't shut out yet" not in ran.out


@pytest.mark.long
async def test_onto_a_new_machine(folder: Path) -> None:
    """Neither the data folder nor the server's folder is left."""
    async with company_with_stand_in(folder, people=EVERYBODY) as (company, server):
        await company.start()
        annas = await gets_access(company, company.anna)
        backup = await backed_up(company)
        await company.stop()
        await server.stop()
        shutil.rmtree(company.folder / "office")
        await restored(company, backup)
        await company.done("server", "deploy", "office")
        assert ccd(company) == {annas["common_name"]}
        await server.start(company.folder / "office")
        assert await server.connect(annas["common_name"])
        ran = await company.done("revoke", annas["id"])
        assert ran.out.startswith("Revoked")
        assert looked_through(company)


@pytest.mark.long
async def test_while_the_bot_writes(folder: Path) -> None:
    """Every backup that is taken in the middle of the work is whole."""
    async with company_with_stand_in(folder, people=EVERYBODY) as (company, _):
        await company.start()

        async def work() -> None:
            for _ in range(4):
                await company.hires()

        busy = asyncio.create_task(work())
        backups = [await backed_up(company, f"{number}.age") for number in range(2)]
        await busy
        sizes = set()
        for backup in backups:
            await restored(company, backup)
            await company.done("audit", "verify")
            sizes.add(len(company.query("SELECT 1 FROM audit")))
        assert len(sizes) == 2


@pytest.mark.long
async def test_an_age_program_opens_it(folder: Path) -> None:
    """Without vpnbot: one passphrase, and a tar that lays the data folder out."""
    async with open_company(folder) as company:
        await furnish_by_copy(company)
        backup = await backed_up(company)
        plain = pyrage.passphrase.decrypt(backup.read_bytes(), SECRET)
        there = company.folder / "there"
        there.mkdir()
        tar = await asyncio.create_subprocess_exec("tar", "x", "-C", str(there), stdin=PIPE)
        await tar.communicate(plain)
        assert tar.returncode == 0
        found = {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()}
        assert found == {
            *("manifest.json", "vpnbot.db", "ca/ca.crt", "ca/ca.p12", "tls-keys/office.sealed")
        }
        for name in ("ca/ca.crt", "ca/ca.p12", "tls-keys/office.sealed"):
            assert (there / name).read_bytes() == (company.data / name).read_bytes()
        shutil.rmtree(company.data)
        there.rename(company.data)
        (company.data).chmod(0o700)
        (company.data / "ca").chmod(0o700)
        ran = await company.done("ca", "show")
        assert "VPN Access Bot CA" in ran.out


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can act as another account.")
async def test_root_restores_for_the_owner_of_the_folder_above(folder: Path) -> None:
    python = _python_for_all()
    async with open_company(folder) as company:
        await furnish_by_copy(company)
        backup = await backed_up(company)
        home = company.folder / "home"
        home.mkdir(mode=0o700)
        shutil.chown(home, "daemon")
        company.program = (python, "-c", "from bot.cli.main import main; main()")
        root, site = Path(__file__).parents[2], Path(pytest.__file__).parents[1]
        data = home / "data"
        company.extra = {"PYTHONPATH": f"{root}:{site}", "VPNBOT_DATA_DIR": str(data)}
        # Root's alone, like the backup and its passphrase: the folder's owner cannot read the file.
        company.extra |= {"VPNBOT_CA_PASSPHRASE_FILE": "", "VPNBOT_CA_PASSPHRASE": PASSPHRASE}
        secret = company.folder / "backup-passphrase"
        secret.chmod(0o600)
        await company.done("restore", str(backup), "--passphrase-file", str(secret))
        found = [data, *data.rglob("*")]
        assert {path.owner() for path in found} == {"daemon"}
        assert {stat.S_IMODE(p.stat().st_mode) for p in found if p.is_dir()} == {0o700}
        assert {stat.S_IMODE(p.stat().st_mode) for p in found if p.is_file()} == {0o600}
        assert [path.name for path in home.iterdir()] == ["data"]
        again = company.folder / "again.age"
        await company.done("backup", str(again), "--passphrase-file", str(secret))
        assert again.owner() == "root"


def _python_for_all() -> str:
    """The checkout's own may lie in a folder that is closed to other accounts."""
    python = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    if not python.exists():
        pytest.skip(f"There is no {python} that another account could use.")
    return str(python)
