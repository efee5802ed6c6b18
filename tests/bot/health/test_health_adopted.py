"""What the doctor finds about a server with its operator's own configuration."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

import pytest
import pytest_asyncio

from bot.health.look import Surroundings
from bot.health.results import Result
from bot.health.servers import look_at_server
from demo.lab.stand_in import StandIn
from storage.records import Server, ServerName
from tests.bot.health.kit import DAY, complains, content, now, troubles
from tests.bot.health.test_health_servers import surroundings
from tests.company import company_with_stand_in
from tests.folders import open_folder
from tests.vpn.kit import make_authority
from vpn.adopt.adopting import examine
from vpn.deploy import CLOCK_TICK_S
from vpn.host.local import LocalHost

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(os.geteuid() != 0, reason="Only root can adopt."),
]
CONF = """\
port 1194
proto udp
dev tun
topology subnet
server 10.81.0.0 255.255.255.0 nopool
ca ca.crt
cert server.crt
key server.key
dh none
user nobody
group nogroup
remote-cert-tls client
crl-verify live/crl.pem
client-config-dir live/ccd
ccd-exclusive
management management.sock unix
"""
NEVER = ("server deploy", "vpnbot-openvpn-")


@dataclass
class Adopted:
    """The server, and what it is compared with; somebody answers at its socket."""

    folder: Path
    stand_in: StandIn
    around: Surroundings
    server: Server

    async def looks(self, *, at: datetime | None = None) -> list[Result]:
        """No mend is one that only a server of ours has."""
        found = await look_at_server(self.server, replace(self.around, now=at or now()))
        for one in troubles(found):
            assert not any(word in one.mend for word in NEVER), one
        return found

    @property
    def adopt(self) -> str:
        conf = self.folder / "server.conf"
        return f"vpnbot server adopt rome --config {conf} --remote 192.0.2.1:1194/udp"

    async def read_anew(self) -> None:
        self.server = await _server(self.folder, self.around)


@pytest_asyncio.fixture(loop_scope="module")
async def rome() -> AsyncIterator[Adopted]:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, _), surroundings(company) as around:
            home = folder / "rome"
            (home / "live" / "ccd").mkdir(parents=True)
            for name in ("ca.crt", "server.crt", "server.key", "live/crl.pem"):
                (home / name).write_bytes((folder / "office" / name).read_bytes())
            (home / "server.conf").write_text(CONF)
            stand_in = StandIn()
            await asyncio.sleep(CLOCK_TICK_S)
            await stand_in.start(home)
            try:
                yield Adopted(home, stand_in, around, await _server(home, around))
            finally:
                await stand_in.stop()


async def _server(home: Path, around: Surroundings) -> Server:
    conf = PurePosixPath(home / "server.conf")
    examined = await examine(LocalHost(Path("/")), conf, account="root", issuers=around.issuers)
    async with around.database.reading() as tx:
        (office,) = await tx.servers.all()
    return replace(
        office,
        name=ServerName("rome"),
        directory=str(conf),
        network="10.81.0.0/24",
        remote_host="192.0.2.1",
        remote_port=1194,
        adopted=examined.adoption.server.to_json() | {"taken": []},
    )


@pytest.mark.long
async def test_one_that_is_well(rome: Adopted) -> None:
    """It has no tls key, and needs none; and whoever is in no books may be a router."""
    (rome.folder / "live/ccd/router").touch()
    assert await rome.stand_in.connect("router")
    assert troubles(await rome.looks()) == []


async def test_another_cas_list_that_ends_soon(rome: Adopted) -> None:
    """Its people would be shut out, and nobody here can sign another one."""
    other = make_authority("Bought CA")
    async with rome.around.database.writing() as tx:
        await tx.servers.add(rome.server)
        signed = other.sign_crl(number=1, revocations=[], now=now())
        await tx.crl.keep(rome.server.name, [signed.decode()])
    complains(
        await rome.looks(),
        "The list of another CA, CN=Bought CA, ends at",
        f"put it into {rome.folder}/live/crl.pem",
    )


async def test_one_that_does_not_run(rome: Adopted) -> None:
    await rome.stand_in.stop()
    conf = rome.folder / "server.conf"
    complains(
        await rome.looks(),
        "Nobody listens",
        f"Start it: restart the OpenVPN that runs with {conf}; if it ends again",
    )
    rome.server = replace(rome.server, directory="/etc/openvpn/server/rome.conf")
    complains(
        await rome.looks(), "Nobody listens", "Start it: systemctl restart openvpn-server@rome;"
    )


async def test_one_that_waits_for_its_restart(rome: Adopted) -> None:
    conf = rome.folder / "server.conf"
    conf.write_text(CONF)
    found, opens = troubles(await rome.looks())
    assert found.mend == f"At a quiet moment: restart the OpenVPN that runs with {conf}"
    assert "whoever has a profile for another server may get in" in opens.wrong


async def test_one_whose_crl_is_not_the_bots(rome: Adopted) -> None:
    crl = rome.folder / "live" / "crl.pem"
    for text, wrong in (("x", "doesn't hold exactly one CRL"), (None, "There is no")):
        with content(crl, text or ""):
            if text is None:
                crl.unlink()
            complains(await rome.looks(), wrong, f"un as root: {rome.adopt}")
    complains(
        await rome.looks(at=now() + 8 * DAY),
        "The CRL ended at",
        f"See that the bot runs; by hand, as root: {rome.adopt}",
    )


async def test_one_that_lacks_a_lock(rome: Adopted) -> None:
    conf = rome.folder / "server.conf"
    conf.write_text(CONF.replace("remote-cert-tls client\n", ""))
    complains(
        await rome.looks(), "remote-cert-tls", f"This says what to add, and where: {rome.adopt}"
    )
    conf.write_text(CONF.replace("ccd-exclusive\n", ""))
    complains(await rome.looks(), "leads elsewhere", f"has changed, run as root: {rome.adopt}")
    crl = "crl-verify live/crl.pem\n"
    conf.write_text(CONF.replace("ccd-exclusive\n", "").replace(crl, ""))
    await asyncio.sleep(CLOCK_TICK_S)
    await rome.stand_in.stop()
    await rome.stand_in.start(rome.folder)
    await rome.read_anew()
    found = await rome.looks()
    complains(found, "names no CRL file", f"{rome.adopt} --apply")
    complains(found, "because of that, whoever has a profile for another", "Mend what else is")
    conf.write_text(CONF.replace("management management.sock unix\n", ""))
    await rome.read_anew()
    complains(await rome.looks(), "management", f"Run as root: {rome.adopt} --apply; then: restart")


async def test_the_end_of_its_certificate(rome: Adopted) -> None:
    complains(
        await rome.looks(at=now() + 700 * DAY),
        "its certificate ends on",
        f"Run as root: {rome.adopt} --renew-certificate; then: restart the OpenVPN",
    )
    pem = (rome.folder / "server.crt").read_text()
    conf = CONF.replace("cert server.crt\n", f"<cert>\n{pem}</cert>\n")
    (rome.folder / "server.conf").write_text(conf)
    await rome.read_anew()
    assert not [one for one in troubles(await rome.looks()) if "certificate" in one.wrong]
    complains(
        await rome.looks(at=now() + 700 * DAY), "its certificate ends on", "--renew-certificate"
    )
    (rome.folder / "server.conf").write_text(CONF)
    await rome.read_anew()
    (rome.folder / "server.crt").write_text("nothing")
    complains(await rome.looks(), "its certificate can't be read", rome.adopt)


async def test_one_that_another_account_was_to_look_after(rome: Adopted) -> None:
    rome.server = replace(rome.server, account="daemon")
    complains(await rome.looks(), "for the account daemon", f"{rome.adopt} --account root")
