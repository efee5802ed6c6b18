"""One CA takes another's place, on a real server, with clients of both."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from cryptography import x509

from demo.lab.network import NetLab, lab_missing
from demo.testing import PersonChat
from tests.company import CROWD, PEOPLE, Company, company_with_openvpn, until
from tests.crash.outcome import serial_of
from tests.vpn.operator_kit import is_refused

GATEWAY = "10.8.0.1"
RESTART = "systemctl restart vpnbot-openvpn-office"
PAGE = Path(__file__).parents[2] / "docs" / "ca-rollover.md"
COMMANDS = [line.strip() for line in re.findall(r"^ {4}(\S.*)$", PAGE.read_text(), re.MULTILINE)]
OLD, NEW = "CN=VPN Access Bot CA", "CN=VPN Access Bot CA 2"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(lab_missing() is not None, reason=str(lab_missing())),
]


def trusted(folder: Path) -> list[str]:
    found = x509.load_pem_x509_certificates((folder / "office" / "ca.crt").read_bytes())
    return [each.subject.rfc4514_string() for each in found]


def issuer(pem: str) -> str:
    """Of the certificate in a profile, or of one alone."""
    block = pem.partition("<cert>")[2] or pem
    return x509.load_pem_x509_certificate(block.strip().encode()).issuer.rfc4514_string()


async def rotate(company: Company, *words: str) -> str:
    return (await company.done("ca", "rotate", *words)).out


async def all_out(lab: NetLab, profiles: Sequence[str], why: str = "certificate revoked") -> bool:
    """Whether each of these is refused; one after the other: one log has all their reasons."""
    return all([await is_refused(lab, profile, why) for profile in profiles])


async def gets_in(lab: NetLab, profile: str) -> bool:
    tunnel = await lab.connect(profile)
    reaches = await tunnel.ping(GATEWAY)
    await tunnel.close()
    return reaches


async def revoked(company: Company, who: PersonChat) -> None:
    await company.boris.says(f"/revoke {company.name_of(who)}")
    await until(lambda: {grant["state"] for grant in company.grants_of(who)} == {"revoked"})


async def moves_all(company: Company) -> str:
    """Everybody gets a new profile; gives Anna's."""
    said = await rotate(company, "--move-all")
    assert "One profile is replaced now" in said
    message = await company.anna.receives_document()
    assert message.document is not None
    await until(lambda: next(g["state"] for g in company.grants_of(company.anna)) == "revoked")
    return message.document.content.decode()


def in_hands_that_know(out: Sequence[str], profile: str) -> list[str]:
    """The same profiles, trusting whom this one trusts: else it is they who refuse the server."""
    (ca,) = re.findall(r"<ca>.*?</ca>", profile, re.DOTALL)
    return [re.sub(r"<ca>.*?</ca>", ca, each, flags=re.DOTALL) for each in out]


@dataclass
class Rollover:
    """A company on its way from one CA to the next, typing what the page says.

    Attributes:
        out: profiles of either CA that were revoked: they are refused at every step.
        page: the commands that are left of it.
    """

    company: Company
    lab: NetLab
    out: list[str] = field(default_factory=list)
    page: Iterator[str] = field(default_factory=lambda: iter(COMMANDS))

    @property
    def office(self) -> Path:
        return self.company.folder / "office"

    async def rotates(self, *words: str) -> str:
        assert next(self.page) == "vpnbot ca rotate"
        return await rotate(self.company, *words)

    async def deploys(self) -> None:
        assert next(self.page) == "vpnbot server deploy office"
        said = (await self.company.done("server", "deploy", "office")).out
        assert RESTART in said
        assert f"Restart it: {RESTART}" in await rotate(self.company)

    async def restarts(self) -> None:
        assert next(self.page) == RESTART
        assert await all_out(self.lab, self.out)
        await self.lab.restart_server(self.office)

    async def hires_and_revokes(self) -> None:
        who = await self.company.hires()
        self.out.append(await self.company.approved(who=who))
        await revoked(self.company, who)
        assert await all_out(self.lab, self.out)


async def test_nobody_is_shut_out_and_who_is_out_stays_out(folder: Path) -> None:
    async with company_with_openvpn(folder, people=(*PEOPLE, *CROWD)) as (company, lab):
        await company.start()
        going = Rollover(company, lab)
        assert next(going.page).startswith("cd ")
        await going.hires_and_revokes()
        anna = await company.approved()
        leaves = await company.hires()
        leaving = await company.approved(who=leaves)
        await _they_trust_both(going, anna)
        await company.kill()
        await company.start()
        news, fresh = await _people_move(going, anna, leaves, leaving)
        going.out = in_hands_that_know(going.out, fresh)
        await _servers_move(going, fresh, news)

        assert not (company.data / "ca").exists()
        assert await gets_in(lab, fresh)
        assert await gets_in(lab, news)
        old = [each for each in going.out if issuer(each) == OLD]
        new = [each for each in going.out if issuer(each) == NEW]
        assert await all_out(lab, new)
        assert await all_out(lab, old, "VERIFY ERROR")
        going.out = new
        await going.hires_and_revokes()
        states = {grant["serial"]: grant["state"] for grant in await company.grants()}
        assert (states[serial_of(fresh)], states[serial_of(news)]) == ("active", "active")
        checked = (await company.vpnbot("doctor")).out.splitlines()
        about = [line for line in checked if "CA" in line or "office" in line]
        assert [line[:3] for line in about] == ["ok "] * len(about)


async def _they_trust_both(going: Rollover, anna: str) -> None:
    company, lab = going.company, going.lab
    assert "vpnbot server deploy office" in await going.rotates("--yes")
    assert trusted(company.folder) == [OLD]
    assert "Step 1" in await rotate(company)
    await going.deploys()
    assert trusted(company.folder) == [OLD, NEW]
    early = await company.vpnbot("ca", "rotate", "--move-all")
    assert (early.code, "only in step 2" in early.err) == (1, True), early
    assert await gets_in(lab, anna)
    await going.restarts()
    await going.hires_and_revokes()
    assert await gets_in(lab, anna)
    assert "Step 2" in await going.rotates()


async def _people_move(
    going: Rollover, anna: str, leaves: PersonChat, leaving: str
) -> tuple[str, str]:
    company, lab = going.company, going.lab
    news = await company.approved(who=await company.hires())
    assert (issuer(anna), issuer(news)) == (OLD, NEW)
    tunnels = [await lab.connect(profile) for profile in (anna, news)]
    assert [await tunnel.ping(GATEWAY) for tunnel in tunnels] == [True, True]
    await asyncio.gather(*(tunnel.close() for tunnel in tunnels))
    await going.hires_and_revokes()
    assert issuer(going.out[-1]) == NEW
    await revoked(company, leaves)
    going.out.append(leaving)
    assert await all_out(lab, going.out)

    said = await rotate(company)
    assert "Step 2" in said
    assert "One profile of the old CA is in use: anna-petrova" in said
    fresh = await moves_all(company)
    going.out.append(anna)
    assert issuer(fresh) == NEW
    assert await all_out(lab, going.out)
    assert await gets_in(lab, fresh)
    assert "Step 3" in await going.rotates()
    return news, fresh


async def _servers_move(going: Rollover, *live: str) -> None:
    company, lab = going.company, going.lab
    certificate = going.office / "server.crt"
    assert issuer(certificate.read_text()) == OLD
    await going.deploys()
    assert issuer(certificate.read_text()) == NEW
    assert all([await gets_in(lab, profile) for profile in live])
    await going.restarts()
    assert all([await gets_in(lab, profile) for profile in live])
    assert await all_out(lab, going.out)
    assert "Step 4" in await going.rotates()
    await going.deploys()
    assert trusted(company.folder) == [NEW]
    assert all([await gets_in(lab, profile) for profile in live])
    assert (company.data / "ca" / "ca.p12").exists()
    await going.restarts()
    assert "Done" in await going.rotates()
    (backup,) = going.page
    assert backup.startswith("vpnbot backup")


ROUTE = ("10.1.0.0/16", "route 10.1.0.0 255.255.0.0")


async def are_dev(company: Company, lab: NetLab, network: str, *profiles: str) -> None:
    """All of these get in, with the group's range and route; the firewall is told of them alone."""
    addresses = set()
    for profile in profiles:
        tunnel = await lab.connect(profile)
        assert await tunnel.ping(GATEWAY)
        await tunnel.close()
        assert ROUTE[1] in tunnel.log
        addresses.add(tunnel.address)
    assert len(addresses) == len(profiles)
    assert all(IPv4Address(each) in IPv4Network(network) for each in addresses)
    told = (company.folder / "office" / "live" / "members").read_text().splitlines()
    assert {line.split()[1] for line in told if line.startswith("group-dev ")} == addresses


async def test_whoever_is_in_a_group_keeps_what_it_gives(folder: Path) -> None:
    """Range, route and the firewall's set, at each step, with a profile of either CA."""
    async with company_with_openvpn(folder, people=(*PEOPLE, *CROWD)) as (company, lab):

        async def in_dev(who: PersonChat) -> str:
            name = company.name_of(who)
            join = ("user", "allow", str(who.person.id), "--name", name, "--group", "dev")
            await company.done(*join)
            return await company.approved(who=who)

        async def restarts() -> None:
            await company.done("server", "deploy", "office")
            await lab.restart_server(folder / "office")

        first, then = "10.8.1.0/29", "10.8.2.0/29"
        await company.done("group", "add", "dev", "--network", first, "--route", ROUTE[0])
        await company.start()
        anna = await in_dev(company.anna)
        gone = await company.hires()
        out = [await in_dev(gone)]
        await revoked(company, gone)
        await are_dev(company, lab, first, anna)

        await rotate(company, "--yes")
        await restarts()
        assert "Step 2" in await rotate(company)
        news = await in_dev(await company.hires())
        assert (issuer(anna), issuer(news)) == (OLD, NEW)
        await are_dev(company, lab, first, anna, news)
        # The group's range changes while there are profiles of both: to one that is full then.
        await company.done("group", "edit", "dev", "--network", "10.8.2.0/31")
        await are_dev(company, lab, "10.8.2.0/31", anna, news)
        assert "One profile is replaced now" in await rotate(company, "--move-all")
        assert "No address is free for a new profile" in await rotate(company, "--status")
        await company.done("group", "edit", "dev", "--network", then)
        message = await company.anna.receives_document()
        assert message.document is not None
        fresh = message.document.content.decode()
        await until(lambda: company.grants_of(company.anna)[0]["state"] == "revoked")
        out.append(anna)
        await are_dev(company, lab, then, fresh, news)
        assert await all_out(lab, out)

        for step in ("Step 3", "Step 4", "Done"):
            assert step in await rotate(company)
            if step != "Done":
                await restarts()
                await are_dev(company, lab, then, fresh, news)
        assert {grant["state"] for grant in company.grants_of(company.anna)} == {
            "revoked",
            "active",
        }
