"""Takes over what another CA software has in its books: each certificate becomes a grant.

Nobody is let in or shut out by that. What was revoked there stays revoked: it is on every CRL
from now on, with its date and its reason, and the number goes on above the last one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.access import revocation
from bot.access.case import Case
from bot.access.permission import Act, require
from storage.records import (
    LIVE_STATES,
    EndReason,
    ForeignRevocation,
    Grant,
    GrantId,
    GrantState,
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate in the other software's books.

    Attributes:
        serial: lower-case hex.
        not_before: None where only its end is known.
        crl_reason: in the words of `pki.crl`.
        for_server: one that only a server may show, and no client.
        end_known: the certificate itself says when it ends. Else the books may be wrong: once it is
            revoked or over, each CRL lists it for good.
    """

    serial: str
    common_name: str
    not_before: datetime | None
    not_after: datetime
    revoked_at: datetime | None = None
    crl_reason: str | None = None
    for_server: bool = False
    end_known: bool = True


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the other software's CRL that its books do not have."""

    serial: str
    revoked_at: datetime
    crl_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        added: by their state.
        ended: those that were live here, and have been revoked there since.
        listed: serials taken over from the CRL alone.
    """

    added: dict[GrantState, int] = field(default_factory=dict)
    ended: Sequence[Grant] = ()
    listed: int = 0


async def take_in(
    case: Case,
    certificates: Sequence[Certificate],
    *,
    listed: Sequence[Listed] = (),
    crl_number: int = 0,
) -> Imported:
    """Stores what is new, all of it or nothing.

    (1) A serial that is known stays as it is, so that an import can be repeated. (2) One that is
    live here and was revoked there since then is revoked here too. (3) What only the CRL lists is
    kept for every later one; a certificate whose serial was kept so before, because a server
    refused it, is none that is live. (4) No CRL of ours gets a number that the other software has
    used.

    Args:
        crl_number: of the other software's last CRL; 0 where it had none.

    Raises:
        Refused: ADMINS_ONLY.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    known = {grant.serial: grant for grant in await case.tx.grants.all()}
    kept = {entry.serial: entry for entry in await case.tx.crl.foreign()}
    new = [_refused(found, kept) for found in certificates if found.serial not in known]  # (1)
    grants = _grants(case, new, {grant.id for grant in known.values()})
    await case.tx.grants.add_many(grants)
    ended = await _end(case, [*certificates, *listed], known)  # (2)
    has = {found.serial for found in certificates} | {*known} | {*kept}
    added = await _keep_listed(case, listed, has)
    await case.tx.crl.raise_to(crl_number)  # (4)
    result = Imported(_count(grants), ended, added)
    await _record(case, result, crl_number)
    return result


def _refused(found: Certificate, kept: Mapping[str, ForeignRevocation]) -> Certificate:
    entry = kept.get(found.serial)
    if entry is None or found.revoked_at is not None:
        return found
    return replace(found, revoked_at=entry.revoked_at, crl_reason=entry.crl_reason)


def _grants(
    case: Case, certificates: Iterable[Certificate], taken: set[GrantId]
) -> Sequence[Grant]:
    return [_grant(case, found, _new_id(case, taken)) for found in certificates]


def _new_id(case: Case, taken: set[GrantId]) -> GrantId:
    """Among tens of thousands two codes may be the same; a single new one is not looked at."""
    while (fresh := GrantId(f"g-{case.chance.code()}")) in taken:
        pass
    taken.add(fresh)
    return fresh


def _grant(case: Case, found: Certificate, grant_id: GrantId) -> Grant:
    state = _state(case, found)
    is_doubtful = state is GrantState.EXPIRED and not found.end_known
    return Grant(
        id=grant_id,
        request_id=None,
        user_id=None,
        server=None,
        common_name=found.common_name,
        serial=found.serial,
        address=None,
        state=state,
        # Where nothing tells when it began, it is known from now on.
        not_before=found.not_before or min(case.now, found.not_after),
        not_after=found.not_after,
        revoked_at=found.not_after if is_doubtful else found.revoked_at,
        end_reason=None if state is GrantState.ACTIVE else EndReason.EARLIER,
        imported_at=case.now,
        crl_reason=found.crl_reason,
        for_server=found.for_server,
        end_known=found.end_known,
    )


def _state(case: Case, found: Certificate) -> GrantState:
    if found.revoked_at is not None:
        return GrantState.REVOKED
    return GrantState.EXPIRED if found.not_after <= case.now else GrantState.ACTIVE


async def _end(
    case: Case, revoked: Iterable[Certificate | Listed], known: dict[str, Grant]
) -> Sequence[Grant]:
    ended: list[Grant] = []
    for found in revoked:
        grant = known.get(found.serial)
        if grant is None or found.revoked_at is None or grant.state not in LIVE_STATES:
            continue
        ended += await revocation.begin(case, [grant], EndReason.REVOKED, at=found.revoked_at)
    return ended


async def _keep_listed(case: Case, listed: Iterable[Listed], known: set[str]) -> int:
    new = [entry for entry in listed if entry.serial not in known]
    await case.tx.crl.add_foreign(  # (3)
        ForeignRevocation(
            entry.serial, entry.revoked_at, EndReason.EARLIER, case.now, entry.crl_reason
        )
        for entry in new
    )
    return len(new)


def _count(grants: Iterable[Grant]) -> dict[GrantState, int]:
    counts: dict[GrantState, int] = {}
    for grant in grants:
        counts[grant.state] = counts.get(grant.state, 0) + 1
    return counts


async def _record(case: Case, result: Imported, crl_number: int) -> None:
    if not (result.added or result.ended or result.listed):
        return
    await case.record(
        "ca.import",
        "ca",
        **{state.value: count for state, count in result.added.items()},
        ended=[grant.serial for grant in result.ended],
        listed=result.listed,
        crl_number=crl_number,
    )
