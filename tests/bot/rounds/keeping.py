"""What a keeper does when a test lets time go by, and what can be seen of it."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

from bot.office import Office, open_office
from bot.rounds.keeper import Keeper
from bot.settings import Settings
from storage.audit_records import AuditEntry
from storage.records import OutboxKind, Payload, ServerName
from tests.company import ANNA, BORIS, PASSPHRASE, Company
from tests.machine import Machine

OFFICE = ServerName("office")
MINUTE = timedelta(minutes=1)


def opened(company: Company, machine: Machine) -> AbstractAsyncContextManager[Office]:
    """The company's office, by the machine's clock."""
    settings = Settings(data_dir=company.data, admin_ids=(BORIS.id,), canary=0)
    return open_office(
        settings, passphrase=lambda: PASSPHRASE, clock=machine.clock, boot=machine.since_boot
    )


def make_keeper(office: Office) -> Keeper:
    return Keeper(office, lambda: None)


async def sweep(keeper: Keeper) -> None:
    """With all that goes on beside it."""
    await keeper.sweep()
    await asyncio.gather(*keeper._jobs())


async def minutes_go_by(keeper: Keeper, machine: Machine, count: int = 1) -> None:
    for _ in range(count):
        machine.gone_by += MINUTE
        await sweep(keeper)


async def notices(office: Office) -> list[str]:
    async with office.database.reading() as tx:
        rows = await tx.outbox.due(office.clock(), 1000)
    return [row.payload["code"] for row in rows if row.kind is OutboxKind.NOTICE]


async def clock_notices(office: Office) -> list[str]:
    """All that wait, also those that are not due."""
    async with office.database.reading() as tx:
        items = await tx.outbox.open(OutboxKind.NOTICE)
    return [code for item in items if "clock" in (code := item.payload["code"])]


async def audited(office: Office, action: str) -> list[Payload]:
    async with office.database.reading() as tx:
        rows = [entry for entry in await tx.audit.all() if isinstance(entry, AuditEntry)]
    return [entry.detail for entry in rows if entry.action == action]


def crl_path(company: Company) -> Path:
    return company.folder / "office/live/crl.pem"


async def crl_findings(office: Office) -> list[str]:
    async with office.database.reading() as tx:
        server = await tx.servers.get(OFFICE)
    assert server is not None
    return [finding.code.value for finding in await office.fleet.crl_findings(server)]


async def issued(company: Company, name: str) -> Path:
    """The address file of somebody who has access."""
    await company.done("grant", "issue", str(ANNA.id), "--output", f"{name}.ovpn")
    ((common_name,),) = company.query(
        "SELECT common_name FROM grants ORDER BY not_before DESC LIMIT 1"
    )
    return company.folder / "office/live/ccd" / str(common_name)


async def put_back_an_older_one(company: Company, office: Office) -> None:
    """The CRL, as the folder's own backup would."""
    older = crl_path(company).read_bytes()
    await office.fleet.publish(OFFICE)
    crl_path(company).write_bytes(older)
