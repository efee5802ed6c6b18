"""Ends that were proved, and are in doubt again: somebody changed what lies on a server."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bot.access import audit
from bot.access.context import Context
from bot.access.permission import THE_BOT
from storage.records import Grant, Proof, ServerName
from storage.transaction import Transaction


async def reopen(
    tx: Transaction, ctx: Context, server: ServerName, grants: Sequence[Grant]
) -> None:
    """From this commit on nobody says that they are out, before this server has proved it anew."""
    ids = list(dict.fromkeys(grant.id for grant in grants))
    await tx.grants.reopen(ids, ctx.now)
    await tx.proofs.reopen(ids, server, ctx.now)


async def doubt_all(
    tx: Transaction,
    ctx: Context,
    server: ServerName,
    *,
    since: datetime,
    found: Collection[str],
) -> None:
    """Another list was in force there, so whoever is out may have come in.

    As long as it lies there each look finds it again: what is in doubt already stays as it is.

    Args:
        since: when ours was last seen in force. Whose certificate had ended by then was refused
            by its date.
        found: what was wrong with the list.
    """
    out = await tx.grants.out_since(since)
    asked = {p.grant_id: p for p in await tx.proofs.of([g.id for g in out]) if p.server == server}
    grants = [grant for grant in out if not _is_in_doubt(asked.get(grant.id))]
    if not grants:
        return
    await reopen(tx, ctx, server, grants)
    await audit.record(
        tx,
        ctx,
        THE_BOT,
        "server.doubt",
        f"server:{server}",
        found=sorted(found),
        grants=len(grants),
    )


def _is_in_doubt(proof: Proof | None) -> bool:
    """Whether it is still to be proved, and nothing counts that was seen of our list before."""
    return proof is not None and proof.is_open and proof.crl_seen_at is None
