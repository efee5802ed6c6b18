"""A server that is tried from outside with a program in the place of OpenVPN's client."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.office import Office
from bot.rounds.canary import CanaryRound
from pki.crl import RevocationReason
from pki.found_crls import read_crls
from storage.records import (
    Canary,
    CanaryLook,
    CanaryRole,
    Server,
    ServerName,
)
from tests.bot.rounds.keeping import OFFICE
from tests.company import Company
from tests.machine import Machine
from vpn.configuration.profile import ProfileSettings
from vpn.layout import DEPLOYED

PERIOD = timedelta(minutes=5)
ROME = ServerName("rome")
# The client takes what it gets, and the server answers this.
TAKES = "echo 'TLS: Initial packet from there'; echo 'Initialization Sequence Completed'"
TURNS_AWAY = "echo 'AUTH: Received control message: AUTH_FAILED'"


class Client:
    """The program in OpenVPN's place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.says(TURNS_AWAY)

    def says(self, answer: str) -> None:
        program = self.folder / "openvpn"
        program.write_text(f"#!/bin/sh\ncat > /dev/null\n{answer}\n")
        program.chmod(0o755)


async def tried(round_: CanaryRound, machine: Machine) -> None:
    machine.gone_by += PERIOD
    await round_.tend()
    await round_.done()


async def look(office: Office, server: ServerName = OFFICE) -> CanaryLook | None:
    async with office.database.reading() as tx:
        return await tx.canaries.look(server)


async def in_use(office: Office, server: ServerName = OFFICE) -> dict[CanaryRole, Canary]:
    async with office.database.reading() as tx:
        return {each.role: each for each in await tx.canaries.in_use(server)}


async def server_of(office: Office, name: ServerName = OFFICE) -> Server:
    async with office.database.reading() as tx:
        found = await tx.servers.get(name)
    assert found is not None
    return found


def ccd(company: Company) -> list[str]:
    return sorted(path.name for path in (company.folder / "office/live/ccd").iterdir())


def on_hold(company: Company, office: Office, server: ServerName) -> set[str]:
    pem = (company.folder / server / "live/crl.pem").read_bytes()
    (crl,) = read_crls(pem, office.keyring.certificate)
    entries = [e for e in crl.revocations if e.reason is RevocationReason.CERTIFICATE_HOLD]
    return {f"{entry.serial:x}" for entry in entries}


def adopted(**changes: Any) -> dict[str, Any]:
    """An operator's own configuration, as it is remembered."""
    return {
        "format": 1,
        "layout": replace(DEPLOYED, adopted=True).to_json(),
        "profile": replace(ProfileSettings(), asks_password=changes.pop("asks", False)).to_json(),
        "addresses": {"network": "10.8.0.0/24", "own": "10.8.0.1", "pool": None, "one_each": True},
        "taken": [],
        "common_name": "server",
        "certificate_end": None,
        "port": 1194,
        "protocol": "udp",
        "closed": None,
    } | changes
