"""What a CRL of ours knows that the database does not: the database came out of a backup.

Nobody who was revoked may come back to life by a restore. What a server's CRL says is the word of
a later state of this very system, signed with its key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.access import audit, messages, revocation
from bot.access.context import Context
from bot.access.messages import Notice
from bot.access.names import NAME_LENGTH, clean
from bot.access.permission import THE_BOT
from storage.records import (
    LIVE_STATES,
    ON_HOLD,
    EndReason,
    ForeignRevocation,
    Grant,
    ServerName,
)
from storage.transaction import Transaction

# Their owners were sent another profile, which the database does not know.
_ASK_AGAIN = (EndReason.REPLACED, EndReason.LOST)
# A message has 4096 characters; the audit trail has all names.
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of a CRL.

    Attributes:
        on_hold: said of a certificate that is for another server, see `bot.others`; or, of a CA
            that was taken over, by somebody who meant to revoke it.
    """

    serial: str
    revoked_at: datetime
    reason: EndReason
    on_hold: bool = False


async def take_over(
    tx: Transaction, ctx: Context, server: ServerName, number: int, listed: Iterable[Listed]
) -> None:
    """Takes over a CRL's entries, and gives out higher numbers only.

    A grant that is live here ends, as it did there, unless it is one of ours that the list keeps
    on hold only. A serial that no grant has is kept for every later CRL: also one on hold, which
    may have been given out after the backup.
    """
    is_ahead = number > await tx.crl.last_number()
    await tx.crl.raise_to(number)
    grants = {grant.serial: grant for grant in await tx.grants.all()}
    spares = {spare.serial for spare in await tx.crl.spares()}
    kept = {revocation.serial for revocation in await tx.crl.foreign()}
    ended: list[str] = []
    unknown: list[Listed] = []
    for entry in listed:
        grant = grants.get(entry.serial)
        if entry.on_hold and (
            entry.serial in spares or (grant is not None and grant.imported_at is None)
        ):
            continue
        if grant is not None and grant.state in LIVE_STATES:
            await _end(tx, ctx, grant, entry)
            ended.append(grant.common_name)
        elif grant is None and entry.serial not in kept:
            unknown.append(entry)
    await tx.crl.add_foreign(_foreign(ctx, entry) for entry in unknown)
    on_hold = [entry.serial for entry in unknown if entry.on_hold]
    if is_ahead or ended or unknown:
        await audit.record(
            tx,
            ctx,
            THE_BOT,
            "crl.take_over",
            f"server:{server}",
            number=number,
            ended=ended,
            unknown=[entry.serial for entry in unknown if not entry.on_hold],
            **({"on_hold": on_hold} if on_hold else {}),
        )


async def shut_out(
    tx: Transaction,
    ctx: Context,
    server: ServerName,
    names: Sequence[str],
    notice: Notice | None = Notice.STRANGERS_CUT,
) -> None:
    """Records who was in without being known.

    Args:
        names: as they were found, so anything that a file can be called.
        notice: what the admins are told; None where they know it already.
    """
    plain = [clean(name, NAME_LENGTH) for name in names]
    await audit.record(tx, ctx, THE_BOT, "server.shut_out", f"server:{server}", names=plain)
    if notice is not None:
        shown = ", ".join((*plain[:_SHOWN], "…") if len(plain) > _SHOWN else plain)
        await messages.tell_admins(tx, ctx, notice, server=server, names=shown)


async def looked_through(
    tx: Transaction, ctx: Context, server: ServerName, cut: Sequence[str]
) -> None:
    """From now on nobody is in on this server whom the database does not know.

    Args:
        cut: whose sessions were ended; about their files the admins have been told.
    """
    await tx.servers.clear_restored(server)
    await audit.record(
        tx, ctx, THE_BOT, "server.look_through", f"server:{server}", sessions=list(cut)
    )


async def _end(tx: Transaction, ctx: Context, grant: Grant, entry: Listed) -> None:
    is_over = entry.reason is EndReason.BY_OWNER and grant.not_after <= ctx.now
    reason = EndReason.ENDED if is_over else entry.reason
    await revocation.begin(tx, ctx, THE_BOT, [grant], reason, at=entry.revoked_at)
    if reason in _ASK_AGAIN and grant.imported_at is None:
        await messages.notice(
            tx, ctx, grant.owner, Notice.ACCESS_ENDED, server=grant.server, reason=EndReason.LOST
        )


def _foreign(ctx: Context, entry: Listed) -> ForeignRevocation:
    crl_reason = ON_HOLD if entry.on_hold else None
    return ForeignRevocation(entry.serial, entry.revoked_at, entry.reason, ctx.now, crl_reason)
