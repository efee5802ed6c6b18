"""Takes over what another CA software has in its books: each certificate becomes a grant.

Nobody is let in or shut out by that. What was revoked there stays revoked: it is on every CRL
from now on, with its date and its reason, and the number goes on above the last one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.access import revocation
from bot.access.case import Case
from bot.access.permission import Act, require
from bot.access.takeover import CrlEntry
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
    listed: Sequence[CrlEntry] = (),
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
    new = [one for one in certificates if one.serial not in known]  # (1)
    taken = {grant.id for grant in known.values()}
    grants = [_grant(case, one, kept.get(one.serial), _new_id(case, taken)) for one in new]
    await case.tx.grants.add_many(grants)
    ended: list[Grant] = []
    may_be_revoked: list[Certificate | CrlEntry] = [*certificates, *listed]
    for one in may_be_revoked:  # (2)
        grant, at = known.get(one.serial), one.revoked_at
        if grant is not None and grant.state in LIVE_STATES and at is not None:
            ended += await revocation.begin(case, [grant], EndReason.REVOKED, at=at)
    has = {one.serial for one in certificates} | {*known} | {*kept}
    unknown = [entry for entry in listed if entry.serial not in has]
    await case.tx.crl.add_foreign(entry.kept(case.now) for entry in unknown)  # (3)
    await case.tx.crl.raise_to(crl_number)  # (4)
    added = Counter(grant.state for grant in grants)
    if added or ended or unknown:
        await case.record(
            "ca.import",
            "ca",
            **{state.value: count for state, count in added.items()},
            ended=[grant.serial for grant in ended],
            listed=len(unknown),
            crl_number=crl_number,
        )
    return Imported(dict(added), ended, len(unknown))


def _new_id(case: Case, taken: set[GrantId]) -> GrantId:
    """Among tens of thousands two codes may be the same; a single new one is not looked at."""
    while (fresh := GrantId(f"g-{case.chance.code()}")) in taken:
        pass
    taken.add(fresh)
    return fresh


def _grant(
    case: Case, certificate: Certificate, refused: ForeignRevocation | None, grant_id: GrantId
) -> Grant:
    if refused is not None and certificate.revoked_at is None:  # (3)
        certificate = replace(
            certificate, revoked_at=refused.revoked_at, crl_reason=refused.crl_reason
        )
    if certificate.revoked_at is not None:
        state = GrantState.REVOKED
    else:
        state = GrantState.EXPIRED if certificate.not_after <= case.now else GrantState.ACTIVE
    is_doubtful = state is GrantState.EXPIRED and not certificate.end_known
    return Grant(
        id=grant_id,
        request_id=None,
        user_id=None,
        server=None,
        common_name=certificate.common_name,
        serial=certificate.serial,
        places=(),
        state=state,
        # Where nothing tells when it began, it is known from now on.
        not_before=certificate.not_before or min(case.now, certificate.not_after),
        not_after=certificate.not_after,
        revoked_at=certificate.not_after if is_doubtful else certificate.revoked_at,
        end_reason=None if state is GrantState.ACTIVE else EndReason.EARLIER,
        imported_at=case.now,
        crl_reason=certificate.crl_reason,
        for_server=certificate.for_server,
        end_known=certificate.end_known,
    )
