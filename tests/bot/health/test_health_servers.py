"""What the doctor finds about a server: each thing that can be wrong, made wrong."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from bot.health.look import Routing, Surroundings, said_of
from bot.health.results import Fine, ShellLine, Trouble
from bot.health.servers import look_at_server
from bot.keyring import Keyring
from bot.process.data_folder import DataFolder
from bot.texts import health as words
from demo.lab.stand_in import StandIn
from storage.database import open_database, sqlite_url
from storage.records import Server, ServerName
from tests.bot.health.kit import (
    DAEMON,
    DAY,
    NEEDS_ROOT,
    complains,
    content,
    now,
    permissions,
    troubles,
)
from tests.company import (
    ANNA,
    PASSPHRASE,
    Company,
    company_with_stand_in,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def openvpn(staffed: tuple[Company, StandIn]) -> StandIn:
    return staffed[1]


@asynccontextmanager
async def surroundings(company: Company) -> AsyncIterator[Surroundings]:
    """What a look at a server needs of a company."""
    database = await open_database(sqlite_url(company.data / "vpnbot.db"))
    folder = DataFolder(company.data)
    keyring = Keyring(folder, lambda: PASSPHRASE)
    yield Surroundings(folder, database, keyring, keyring.certificates(), True, now(), 300)
    await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def around(company: Company) -> AsyncIterator[Surroundings]:
    """The module's company, with somebody who has access; each test leaves it well."""
    await company.done("grant", "issue", str(ANNA.id), "--output", "anna.ovpn")
    async with surroundings(company) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def breakable(folder: Path) -> AsyncIterator[Surroundings]:
    """A company of the test's own."""
    async with company_with_stand_in(folder) as (company, _), surroundings(company) as found:
        yield found


async def office(around: Surroundings) -> Server:
    async with around.database.reading() as tx:
        server = await tx.servers.get(ServerName("office"))
    assert server is not None
    return server


async def test_a_server_that_is_well(around: Surroundings) -> None:
    result, unseen = await look_at_server(await office(around), around)
    assert isinstance(result, Fine)
    assert "Server office: CRL 1, certificate until" in result.text
    assert isinstance(unseen, Fine)
    assert "the firewall wasn't looked at: only root sees it" in unseen.text


async def test_address_files(around: Surroundings) -> None:
    server = await office(around)
    ccd = Path(server.directory) / "live" / "ccd"
    (own,) = ccd.iterdir()
    (ccd / f".vpnbot-{'0' * 64}").touch()  # a write in progress
    (ccd / "mallory").touch()
    text = own.read_text()
    own.write_text("ifconfig-push 10.8.0.99 255.255.252.0\n")
    found = await look_at_server(server, around)
    assert len(found) == 2
    complains(found, f"{own.name} has access, and its", "vpnbot server deploy office")
    complains(found, f"{ccd / 'mallory'} belongs to nobody", f"rm {ccd / 'mallory'}")
    (ccd / "mallory").unlink()
    own.unlink()
    found = await look_at_server(server, around)
    assert len(found) == 1
    complains(found, f"{own.name} has access, and its", "vpnbot server deploy office")
    own.write_text(text)
    assert troubles(await look_at_server(server, around)) == []


async def test_the_folder_of_all_address_files(around: Surroundings) -> None:
    """Without it nobody can connect: one finding, however many people have access."""
    server = await office(around)
    ccd = Path(server.directory) / "live" / "ccd"
    kept = ccd.rename(ccd.with_name("kept"))
    found = await look_at_server(server, around)
    assert len(found) == 1
    complains(found, "no folder live/ccd, so nobody can connect", "vpnbot server deploy office")
    kept.rename(ccd)
    assert troubles(await look_at_server(server, around)) == []


async def test_a_servers_clock_that_is_wrong(around: Surroundings, openvpn: StandIn) -> None:
    server = await office(around)
    await openvpn.set_clock(-2 * 86_400)
    found = await look_at_server(server, around)
    assert len(found) == 1
    complains(found, "behind the bot's, so far that it lets nobody in", "timedatectl set-ntp true")
    await openvpn.set_clock(0)
    assert troubles(await look_at_server(server, around)) == []


@NEEDS_ROOT
async def test_a_servers_disk_that_is_full(around: Surroundings) -> None:
    """The one that its list of the revoked is written to."""
    server = await office(around)
    live = Path(server.directory) / "live"
    kept = live.with_name("kept")
    shutil.copytree(live, kept)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", live], check=True)  # noqa: ASYNC221
    try:
        shutil.copytree(kept, live, dirs_exist_ok=True)
        found = await look_at_server(server, around)
        assert len(troubles(found)) == 1, found
        complains(found, "MB are left on the disk of live", "ake room there")
    finally:
        subprocess.run(["umount", live], check=True)  # noqa: ASYNC221
        shutil.rmtree(kept)
    assert troubles(await look_at_server(server, around)) == []


async def test_what_its_unit_brings_is_told_with_its_start(
    breakable: Surroundings,
) -> None:
    """One fault is one finding: forwarding and masquerading come when it is started."""
    server = await office(breakable)
    (Path(server.directory) / "management.sock").unlink()
    machine = {"setting": "net.ipv4.ip_forward", "load": "x", "table": "x", "network": "x"}
    files = {"rules": "x", "sets": "x", "opening": ShellLine("nft x"), "port": 1, "protocol": "udp"}
    routing = Routing(
        tuple(
            said_of(server, complaint, **machine, **files)
            for complaint in (words.NOT_FORWARDING, words.NO_MASQUERADE, words.PORT_SHUT)
        ),
        is_seen=True,
    )
    found = await look_at_server(server, replace(breakable, routing={server.name: routing}))
    assert len(found) == 2
    complains(found, "the firewall drops 1/udp", "nft x")
    complains(found, "Nobody listens", f"systemctl link {server.directory}/vpnbot-firewall-office")


async def test_who_is_connected_without_access(around: Surroundings, openvpn: StandIn) -> None:
    server = await office(around)
    ccd = Path(server.directory) / "live" / "ccd"
    own = next(path for path in ccd.iterdir() if not path.name.startswith("."))
    names = [f"mallory-{number}" for number in range(5)]
    for name in names:
        (ccd / name).write_text(own.read_text())
        assert await openvpn.connect(name)
        (ccd / name).unlink()
    found = await look_at_server(server, around)
    assert len(found) == 1
    complains(found, "5: mallory-0, mallory-1, mallory-2, …", "see that it runs")
    for name in names:
        await openvpn.disconnect(name)
    assert troubles(await look_at_server(server, around)) == []


async def test_a_crl_with_a_number_that_nobody_gave_out(around: Surroundings) -> None:
    server = await office(around)
    authority = await around.keyring.authority()
    pem = authority.sign_crl(number=1000, revocations=(), now=now() - 3 * DAY)
    with content(Path(server.directory) / "live" / "crl.pem", pem.decode()):
        found = await look_at_server(server, around)
    assert len(found) == 2
    complains(found, "number 1000, but the database has given out only 1", "other bot")
    complains(found, "its CRL is from", "Start the bot")


async def test_a_crl_that_was_put_back(around: Surroundings) -> None:
    server = replace(await office(around), crl_number=3)
    (finding,) = await look_at_server(server, around)
    complains([finding], "CRL 1 lies there, and CRL 3 was published", "Start the bot")


@pytest.mark.parametrize(
    ("text", "wrong"), [(None, "There is no live/crl.pem"), ("x", "doesn't hold exactly one CRL")]
)
async def test_a_crl_that_is_none(around: Surroundings, text: str | None, wrong: str) -> None:
    server = await office(around)
    crl = Path(server.directory) / "live" / "crl.pem"
    with content(crl, text or ""):
        if text is None:
            crl.unlink()
        found = await look_at_server(server, around)
    assert len(found) == 1
    complains(found, wrong, "Run: vpnbot server deploy office")


async def test_the_end_of_the_certificate(breakable: Surroundings) -> None:
    around = breakable
    server = await office(around)
    for days, expected in ((669, False), (671, True)):
        found = await look_at_server(server, replace(around, now=now() + days * DAY))
        complains(found, "The CRL ended at", "vpnbot server deploy office; then see")
        assert any("certificate ends on" in each.wrong for each in troubles(found)) == expected
    complains(found, "certificate ends on", "systemctl restart vpnbot-openvpn-office.service")
    (Path(server.directory) / "server.crt").write_text("nothing")
    complains(await look_at_server(server, around), "can't be read", "vpnbot server deploy office")


async def test_a_configuration_that_lacks_a_lock(breakable: Surroundings) -> None:
    around = breakable
    server = await office(around)
    conf = Path(server.directory) / "server.conf"
    text = conf.read_text().replace("ccd-exclusive\n", "duplicate-cn\n")
    conf.write_text(text.replace("remote-cert-tls client\n", ""))
    found = await look_at_server(server, around)
    mend = "Run: vpnbot server deploy office; then: systemctl restart"
    for word in ("ccd-exclusive", "duplicate-cn", "remote-cert-tls"):
        complains(found, word, mend)
    complains(found, "hasn't been restarted", "systemctl restart vpnbot-openvpn-office.service")


async def test_a_folder_that_shuts_openvpn_out(around: Surroundings) -> None:
    server = await office(around)
    home = Path(server.directory)
    with permissions(home, 0o700):
        (finding,) = await look_at_server(server, around)
    assert isinstance(finding, Trouble)
    assert finding.wrong == f"Server office: {home} shuts out OpenVPN's account."
    assert finding.mend == f"Run: chmod o+x {home}"


@NEEDS_ROOT
async def test_folders_that_the_bot_cannot_write(around: Surroundings) -> None:
    server = await office(around)
    ccd = Path(server.directory) / "live" / "ccd"
    os.chown(ccd, DAEMON, DAEMON)
    found = await look_at_server(server, around)
    os.chown(ccd, 0, 0)
    complains(found, f"{ccd} doesn't belong to root", "deploy")


@NEEDS_ROOT
async def test_a_folder_that_root_cannot_count_on(around: Surroundings) -> None:
    server = await office(around)
    home = Path(server.directory)
    with permissions(home.parent, 0o777):
        (finding,) = await look_at_server(server, around)
        os.chown(home, DAEMON, DAEMON)  # a single person's machine: what they could lose is theirs
        theirs = await look_at_server(server, around)
        os.chown(home, 0, 0)
    assert isinstance(finding, Trouble)
    assert finding.wrong.startswith(f"Server office: Others than root may write {home.parent}")
    assert finding.mend.endswith(f"run: chmod go-w {home.parent}")
    assert not any("Others than root" in each.wrong for each in troubles(theirs))


async def test_a_server_for_another_account(around: Surroundings) -> None:
    server = replace(await office(around), account="no-such-account")
    found = await look_at_server(server, around)
    complains(found, "was added for the account no-such-account", "chown -R no-such-account:")


async def test_a_server_that_was_not_deployed(around: Surroundings, tmp_path: Path) -> None:
    server = await office(around)
    bare = replace(server, directory=str(tmp_path / "bare"), crl_published_at=None)
    found = await look_at_server(bare, around)
    assert len(found) == 1
    complains(found, "hasn't been deployed", "vpnbot server deploy office --directory DIR")


async def test_a_folder_that_is_none(around: Surroundings) -> None:
    server = await office(around)
    file = Path(server.directory) / "server.conf"
    bare = replace(server, directory=str(file), crl_published_at=None)
    complains(await look_at_server(bare, around), "Not a directory", "vpnbot server deploy office")


async def test_a_lost_tls_key(around: Surroundings) -> None:
    sealed = around.folder.tls_keys / "office.sealed"
    server = await office(around)
    fresh = replace(around, keyring=Keyring(around.folder, lambda: PASSPHRASE))
    sealed.rename(sealed.with_suffix(".away"))
    found = await look_at_server(server, fresh)
    unopened = await look_at_server(server, replace(fresh, has_passphrase=False))
    sealed.with_suffix(".away").rename(sealed)
    mend = f"age -d BACKUP | tar x -C {around.folder.path} tls-keys/office.sealed; chown -R root: "
    complains(found, "can't be read", mend)
    assert troubles(unopened) == []
