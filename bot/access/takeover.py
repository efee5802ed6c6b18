"""What a server's CRL knows that the database does not.

The database came out of a backup, and the CRL is the word of a later state of this very system; or
the server was its operator's own, and knows of revocations that no books have. Nobody whom a server
refuses may come back to life by what takes the list's place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.access import messages, pausing, revocation
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.names import NAME_LENGTH, clean
from bot.access.permission import THE_BOT
from storage.records import (
    LIVE_STATES,
    ON_HOLD,
    EndReason,
    ForeignRevocation,
    Grant,
    GrantState,
    ServerName,
)

# Their owners were sent another profile, which the database does not know.
_ASK_AGAIN = (EndReason.REPLACED, EndReason.LOST)
# In a message, which has 4096 characters, and in the trail, which must not grow by what somebody
# makes up; beside them is their count.
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CrlEntry:
    """An entry of a CRL that is not of our making, or of a later state of this system.

    Attributes:
        serial: lower-case hex.
        reason: EARLIER where another CA software wrote it.
        crl_reason: as `pki.crl` has it, which knows more than a grant does. ON_HOLD is said of a
            certificate that is for another server, see `bot.fleet.others`; or, of a CA that was
            taken over, by somebody who meant to revoke it.
    """

    serial: str
    revoked_at: datetime
    reason: EndReason = EndReason.EARLIER
    crl_reason: str | None = None

    def kept(self, now: datetime) -> ForeignRevocation:
        """What every later CRL lists of it."""
        return ForeignRevocation(self.serial, self.revoked_at, self.reason, now, self.crl_reason)


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What a CRL knew that the database did not.

    Attributes:
        ended: grants that counted as live, or that no CRL of ours would have listed.
        unknown: serials that no grant has.
    """

    ended: Sequence[Grant] = ()
    unknown: Sequence[str] = ()


async def take_over(
    case: Case,
    server: ServerName,
    number: int,
    listed: Sequence[CrlEntry],
    *,
    others: Sequence[str] = (),
    restored: bool = False,
) -> TakenOver:
    """Takes over a CRL's entries, and gives out higher numbers only.

    A grant that is live here ends, as it did there, unless it is one of ours that the list keeps
    on hold only. After a restore one that its own server keeps on hold was paused after the backup,
    and so is its owner. What no CRL of ours would list, because no grant has the serial or the
    grant was never revoked, is kept for every later one: also a serial on hold, which may have been
    given out after the backup.

    What the bot lists of its own certificates it knows already (`bot.access.canaries`).

    Args:
        others: the CAs whose lists stay beside ours in the server's file, for the audit trail.
        restored: whether this database came out of a backup, and the list may be a later one.

    Accepted: an imported certificate that was paused after the backup ends.
    """
    is_ahead = number > await case.tx.crl.last_number()
    await case.tx.crl.raise_to(number)
    serials = [entry.serial for entry in listed]
    grants = {grant.serial: grant for grant in await case.tx.grants.with_serials(serials)}
    passed_over = {*await case.tx.crl.spares(), *await case.tx.canaries.serials()}
    kept = {revocation.serial for revocation in await case.tx.crl.foreign()}
    ended: list[Grant] = []
    unlisted: list[CrlEntry] = []
    waiting = {grant.id for grant in await case.tx.grants.waiting_on(server)}
    paused: list[Grant] = []
    for entry in listed:
        grant = grants.get(entry.serial)
        if entry.crl_reason == ON_HOLD and (
            entry.serial in passed_over
            or (grant is not None and (grant.imported_at is None or grant.pause is not None))
        ):
            if restored and grant is not None and grant.id not in waiting:
                paused += [grant] if _is_held_at_home(grant, server) else []
            continue
        if grant is not None and grant.state in LIVE_STATES:
            await _end(case, grant, entry)
            ended.append(grant)
        elif entry.serial not in kept and (grant is None or grant.revoked_at is None):
            unlisted.append(entry)
            ended += [grant] if grant else []
    await case.tx.crl.add_foreign(entry.kept(case.now) for entry in unlisted)
    no_grants = [entry for entry in unlisted if entry.serial not in grants]
    unknown = [entry.serial for entry in no_grants if entry.crl_reason != ON_HOLD]
    held = [entry.serial for entry in no_grants if entry.crl_reason == ON_HOLD]
    if is_ahead or ended or no_grants or others:
        await case.record(
            "crl.take_over",
            f"server:{server}",
            number=number,
            ended=[grant.common_name for grant in ended],
            unknown=unknown,
            **({"on_hold": held} if held else {}),
            **({"others": list(others)} if others else {}),
        )
    await _pause_again(case, server, paused)
    return TakenOver(ended, [*unknown, *held])


def _is_held_at_home(grant: Grant, server: ServerName) -> bool:
    """Whether nothing but a pause explains that its own server keeps it on hold."""
    is_active = grant.state is GrantState.ACTIVE and grant.pause is None
    return is_active and server in grant.servers


async def _pause_again(case: Case, server: ServerName, grants: Sequence[Grant]) -> None:
    for owner in {grant.owner: None for grant in grants}:
        await pausing.pause(case.by(THE_BOT), owner, None)
        name = await case.tx.people.name_of(owner)
        await messages.tell_admins(case, Notice.PAUSED_SINCE_BACKUP, name=name, server=server)


async def shut_out(case: Case, server: ServerName, names: Sequence[str]) -> None:
    """Records who was in without being known.

    Args:
        names: as they were found, so anything that a file can be called, and as many as somebody
            cared to make.
    """
    plain = [clean(name, NAME_LENGTH) for name in names[:_SHOWN]]
    subject = f"server:{server}"
    await case.by(THE_BOT).record("server.shut_out", subject, names=plain, count=len(names))
    shown = ", ".join((*plain, "…") if len(names) > _SHOWN else plain)
    await messages.tell_admins(case, Notice.STRANGERS_CUT, server=server, names=shown)


async def looked_through(case: Case, server: ServerName, cut: Sequence[str]) -> None:
    """From now on nobody is in on this server whom the database does not know.

    Args:
        cut: whose sessions were ended; about their files the admins have been told.
    """
    await case.tx.servers.clear_restored(server)
    plain = [clean(name, NAME_LENGTH) for name in cut[:_SHOWN]]
    subject = f"server:{server}"
    await case.by(THE_BOT).record("server.look_through", subject, sessions=plain, count=len(cut))


async def _end(case: Case, grant: Grant, entry: CrlEntry) -> None:
    is_over = entry.reason is EndReason.BY_OWNER and grant.not_after <= case.now
    reason = EndReason.ENDED if is_over else entry.reason
    await revocation.begin(case, [grant], reason, at=entry.revoked_at)
    if reason in _ASK_AGAIN and grant.imported_at is None:
        await messages.notice(
            case, grant.owner, Notice.ACCESS_ENDED, server=grant.server, reason=EndReason.LOST
        )
