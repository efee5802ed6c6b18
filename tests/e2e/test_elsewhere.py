"""A server on another machine: a real OpenVPN, by a real sshd, for an account of its own.

The other machine is this one, by way of loopback: what counts is that the bot has nothing but SSH.
"""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.network import NetLab, lab_missing
from demo.lab.stand_in import StandIn
from demo.testing import DemoMessage, PersonChat
from pki.authority_files import load_authority
from pki.serial import new_serial
from tests.company import CROWD, PASSPHRASE, PEOPLE, furnish_by_copy, open_company, until
from tests.e2e.broken import Room
from tests.sshd import NEEDS_SSHD, Sshd, run_sshd
from tests.vpn.kit import DAY, now
from vpn.values import server_common_name

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(lab_missing() is not None, reason=lab_missing() or ""),
    NEEDS_SSHD,
]

ACCOUNT = f"vpnbot-e{os.getpid()}"
INSIDE = "10.8.4.1"


@dataclass
class Paris(Room):
    """The server elsewhere."""

    sshd: Sshd | None = None

    @property
    def office(self) -> Path:
        return self.company.folder / "paris"

    @property
    def door(self) -> Sshd:
        assert self.sshd is not None
        return self.sshd

    @property
    def root(self) -> tuple[str, ...]:
        login = f"root@127.0.0.1:{self.door.port}"
        return ("--ssh", login, "--ssh-key", str(self.door.key_file))


@pytest.fixture(scope="module")
def sshd(module_folder: Path) -> Iterator[Sshd]:
    folder = module_folder / "sshd"
    folder.mkdir()
    with run_sshd(folder) as made:
        yield made
    subprocess.run(["userdel", "-r", ACCOUNT], check=False, stderr=subprocess.DEVNULL)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paris(module_folder: Path, sshd: Sshd) -> AsyncIterator[Paris]:
    """Added and deployed from here with one command each, and started there."""
    async with (
        NetLab("elsewhere", handshake_s=15) as lab,
        open_company(module_folder, host=lab.server_address, people=(*PEOPLE, *CROWD)) as company,
    ):
        await furnish_by_copy(company)
        office = StandIn()
        await office.start(company.folder / "office")
        room = Paris(company, lab, sshd=sshd)
        address = f"{ACCOUNT}@127.0.0.1:{sshd.port}"
        add = (
            *("server", "add", "paris", "--remote", f"{company.host}:1194/udp"),
            *("--directory", str(room.office), "--ssh", address),
        )
        ran = await company.vpnbot(*add)
        assert (ran.code, sshd.fingerprint in ran.err) == (1, True), ran
        ran = await company.vpnbot(*add, "--host-key", "SHA256:no")
        assert (ran.code, sshd.fingerprint in ran.err) == (1, True), ran
        added = await company.done(*add, "--host-key", sshd.fingerprint)
        assert "restrict,port-forwarding,permitlisten=" in added.out
        ran = await company.vpnbot("server", "deploy", "paris")
        assert (ran.code, "--to-archive" in ran.err) == (1, True)
        deployed = await company.done(
            "server", "deploy", "paris", *room.root, "--directory", str(room.office)
        )
        assert "Still to be run as root on 127.0.0.1" in deployed.out
        await room.start_server()
        await company.start()
        yield room
        await company.stop()
        await room.kill_server()
        await office.stop()


async def receipt(chat: PersonChat, common_name: str) -> DemoMessage:
    """The next receipt about a grant."""
    while True:
        message = await chat.hears(common_name)
        if message.text.startswith(("Revoked", "Not proved")):
            return message


async def newcomer(paris: Paris) -> tuple[str, str, str]:
    """Somebody with access to paris: who, the profile, its common name."""
    who = await paris.company.hires()
    profile = await paris.company.approved("/requestvpn 2d paris", who)
    return paris.company.name_of(who), profile, paris.company.grants_of(who)[-1]["common_name"]


async def test_access_is_given_and_taken_with_proof(paris: Paris) -> None:
    company, boris = paris.company, paris.company.boris
    who, profile, name = await newcomer(paris)
    tunnel = await paris.lab.connect(profile)
    assert await tunnel.ping(INSIDE)
    status = {row["name"]: row for row in (await company.done("server", "status", "--json")).rows}
    assert (status["paris"]["reachable"], status["paris"]["sessions"]) == (True, 1)
    assert status["paris"]["restart_pending"] is False
    await boris.says(f"/revoke {who}")
    said = await receipt(boris, name)
    assert said.text.startswith("Revoked")
    assert "paris: proved" in said.text
    assert "1 session was cut" in said.text
    assert not await tunnel.ping(INSIDE, timeout=1)
    await tunnel.close()
    assert await paris.refuses(profile)


@pytest.mark.long
async def test_what_a_group_says_gets_there_too(paris: Paris) -> None:
    """A change of groups: the client's file, the session, and what the firewall is told."""
    company = paris.company
    who, profile, name = await newcomer(paris)
    tunnel = await paris.lab.connect(profile)
    assert await tunnel.ping(INSIDE)
    (grant,) = [one for one in await company.grants() if one["common_name"] == name]
    person = grant["user_id"]
    join = ("user", "allow", str(person), "--name", who, "--group", "dev")
    await company.done("group", "add", "dev", "--network", "10.8.5.0/24", "--route", "10.1.0.0/16")
    said = (await company.done(*join)).out
    assert "paris: 1 profile brought into line." in said
    assert f"paris: {name} was cut off its old address" in said
    live = paris.office / "live"
    file = (live / "ccd" / name).read_text()
    assert file.startswith("ifconfig-push 10.8.5.0 255.255.252.0\n")
    assert 'push "route 10.1.0.0 255.255.0.0"\n' in file
    told = (live / "members").read_text().splitlines()
    assert told[-1] == "end"
    assert {"group-dev 10.8.5.0", f"user-{person} 10.8.5.0"} <= {*told}
    assert (live / "members").owner() == ACCOUNT
    assert not await tunnel.ping(INSIDE, timeout=1)
    await tunnel.close()
    # What could not be written while the machine was away is written once it is back.
    paris.door.stop()
    said = (await company.done("group", "remove", "dev")).out
    assert "paris: 1 not done yet" in said
    paris.door.start()
    await until(lambda: "push-remove" not in (live / "ccd" / name).read_text())
    await until(lambda: "group-dev" not in (live / "members").read_text())


async def test_the_bots_account_owns_live_and_nothing_else(paris: Paris) -> None:
    for path in (paris.office, *paris.office.rglob("*")):
        is_its_own = path.is_relative_to(paris.office / "live")
        assert (path.owner() == ACCOUNT) is is_its_own, path
    again = await paris.company.done("server", "deploy", "paris")
    assert "as they should be" in again.out


async def test_a_certificate_that_ends_soon_takes_root_there(paris: Paris) -> None:
    company, file = paris.company, paris.office / "server.crt"
    before = file.read_text()
    authority = load_authority(company.data / "ca", PASSPHRASE)
    soon = authority.issue_server(
        common_name=server_common_name("paris"),
        serial=new_serial(os.urandom),
        not_before=now(),
        not_after=now() + 30 * DAY,
    )
    file.write_text(soon.certificate_pem)
    ran = await company.vpnbot("server", "deploy", "paris")
    line = f"vpnbot server deploy paris --ssh root@127.0.0.1:{paris.door.port} --directory "
    assert (ran.code, line in ran.err) == (1, True), ran
    file.write_text(before)


async def test_a_machine_that_is_cut_off_is_caught_up_with(paris: Paris) -> None:
    company, boris = paris.company, paris.company.boris
    who, profile, name = await newcomer(paris)
    tunnel = await paris.lab.connect(profile)
    paris.door.stop()
    await boris.says(f"/revoke {who}")
    first = await receipt(boris, name)
    assert first.text.startswith("Not proved")
    assert "office: proved" in first.text
    assert "paris: not proved" in first.text
    assert await tunnel.ping(INSIDE)
    doctor = await company.vpnbot("doctor")
    assert f"127.0.0.1 port {paris.door.port} can't be reached by SSH" in doctor.out
    paris.door.start()
    paris.look_again()
    second = await receipt(boris, name)
    assert second.text.startswith("Revoked")
    assert "paris: proved" in second.text
    assert not await tunnel.ping(INSIDE, timeout=1)
    await tunnel.close()


@pytest.mark.long  # held in short by test_ssh_trouble and by fleet/test_others
async def test_a_machine_that_hangs_delays_nobody_else(paris: Paris) -> None:
    company, boris = paris.company, paris.company.boris
    who, _, name = await newcomer(paris)
    paris.door.signal("STOP")
    try:
        await boris.says(f"/revoke {who}")
        # Meanwhile somebody else comes and goes on the other server.
        other = await company.hires()
        await company.approved("/requestvpn 2d office", other)
        first = await receipt(boris, name)
        assert first.text.startswith("Not proved")
        assert "office: proved" in first.text
    finally:
        paris.door.signal("CONT")
    paris.look_again()
    assert (await receipt(boris, name)).text.startswith("Revoked")


@pytest.mark.long
async def test_another_host_key_stops_all_there_until_it_is_pinned(paris: Paris) -> None:
    """Last, since the machine has another one from here on."""
    company, boris = paris.company, paris.company.boris
    who, _, name = await newcomer(paris)
    before = paris.door.fingerprint
    paris.door.stop()
    paris.door.new_host_key()
    paris.door.start()
    await boris.says(f"/revoke {who}")
    first = await receipt(boris, name)
    assert first.text.startswith("Not proved")
    assert "another host key" in first.text
    doctor = await company.vpnbot("doctor")
    assert before in doctor.out
    assert paris.door.fingerprint in doctor.out
    assert "vpnbot server ssh paris --host-key" in doctor.out
    ran = await company.vpnbot("server", "deploy", "paris", *paris.root)
    assert (ran.code, "has changed" in ran.err) == (1, True)
    await company.done("server", "ssh", "paris", "--host-key", paris.door.fingerprint)
    paris.look_again()
    assert (await receipt(boris, name)).text.startswith("Revoked")
