"""Receipts as they are put together from what was seen."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.receipts import Receipt, load_receipt
from storage.database import Database
from storage.records import (
    EndReason,
    GrantId,
    GrantState,
    Proof,
    ServerName,
)
from tests.storage.kit import (
    ANNA,
    BERLIN,
    NOW,
    add_grant,
)

LOOKED = NOW + timedelta(seconds=1.25)


def seen(
    server: ServerName = BERLIN,
    *,
    proved: bool = True,
    attempts: int = 1,
    crl: int | None = 7,
    cut: int | None = 0,
    found: tuple[tuple[str, str], ...] = (),
    at: datetime | None = LOOKED,
) -> Proof:
    """What was seen on a server; the grant is filled in later."""
    return Proof(GrantId(""), server, proved, attempts, NOW, crl, cut, at, None, found)


async def receipt(
    database: Database,
    *proofs_of: list[Proof],
    reason: EndReason = EndReason.REVOKED,
    for_owner: bool = False,
    name: str = "Anna Petrova",
) -> Receipt:
    """The receipt for as many grants as there are lists; nothing of it stays."""
    async with database.reading() as tx:
        await tx.people.allow(ANNA, name, NOW)
        ids = []
        for number, proofs in enumerate(proofs_of, start=1):
            is_over = all(proof.proved for proof in proofs)
            state = GrantState.REVOKED if is_over else GrantState.REVOKING
            ended = {"state": state, "revoked_at": NOW, "end_reason": reason}
            grant = await add_grant(tx, number, **ended)
            ids.append(grant.id)
            await tx.proofs.open(grant.id, [proof.server for proof in proofs], NOW)
            for proof in proofs:
                await tx.proofs.record(replace(proof, grant_id=grant.id))
        return await load_receipt(tx, ids, NOW, for_owner=for_owner)


def whole(found: Receipt) -> str:
    return "\n\n".join(found.blocks)
