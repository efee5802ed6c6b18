"""Reopens proved ends and pauses: somebody changed what lies on a server, so they are in doubt."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bot.access.case import Case
from bot.access.permission import THE_BOT
from storage.records import Grant, Proof, ServerName


async def reopen(case: Case, server: ServerName, grants: Sequence[Grant]) -> None:
    """From this commit on these grants count as ended only once this server has proved it anew."""
    ids = list(dict.fromkeys(grant.id for grant in grants))
    await case.tx.grants.reopen(ids, case.now)
    await case.tx.proofs.reopen(ids, server, case.now)


async def doubt_all(
    case: Case, server: ServerName, *, since: datetime, found: Collection[str]
) -> None:
    """Reopens every end on a server where another CRL was in force, and may have let people in.

    As long as it lies there each look finds it again: what is in doubt already stays as it is.

    Args:
        since: when ours was last seen in force. Whose certificate had ended by then was refused
            by its date.
        found: what was wrong with the list.
    """
    out = await case.tx.grants.out_since(since)
    asked = {p.grant_id: p for p in await case.tx.proofs.of([g.id for g in out], server)}
    grants = [grant for grant in out if not _is_in_doubt(asked.get(grant.id))]
    if not grants:
        return
    await reopen(case, server, grants)
    await case.by(THE_BOT).record(
        "server.doubt", f"server:{server}", found=sorted(found), grants=len(grants)
    )


def _is_in_doubt(proof: Proof | None) -> bool:
    """Whether the end is still to be proved, and nothing counts that was seen before."""
    return proof is not None and proof.is_open and proof.crl_seen_at is None
