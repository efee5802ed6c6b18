"""Carries out what was recorded: cuts ended grants on every server until it is proved."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence

from bot.access import revocation
from bot.access.permission import THE_BOT
from bot.access.revocation import Attempt
from bot.core import Core
from bot.fleet import Fleet
from bot.logs import log_failure
from bot.receipts import finding_text
from storage.batches import batches
from storage.records import Grant, GrantId, Proof, ServerName

log = logging.getLogger(__name__)

# A finding of our own, beside those of vpn.live: the attempt itself broke off.
BROKEN_OFF = "broken_off"
# With more names a line of the log would be hard to read.
_NAMED = 5

Key = tuple[GrantId, ServerName]


class Enforcer:
    def __init__(self, core: Core, fleet: Fleet) -> None:
        self._core = core
        self._database = core.database
        self._fleet = fleet

    async def enforce(self, grant_ids: Sequence[GrantId]) -> None:
        """Cuts these grants wherever that is not proved, on all servers at once, and looks."""
        async with self._database.reading() as tx:
            proofs = await tx.proofs.of(grant_ids)
        await self._try(proof for proof in proofs if proof.is_open)

    async def enforce_due(self, server: ServerName) -> Sequence[tuple[Grant, Attempt]]:
        """Tries again whatever is due on one server; gives each with the grant as it was before."""
        async with self._database.reading() as tx:
            proofs = await tx.proofs.due(self._core.clock())
        due = [proof.grant_id for proof in proofs if proof.server == server]
        return await self._on(server, due)

    async def _try(self, proofs: Iterable[Proof]) -> None:
        wanted: dict[ServerName, list[GrantId]] = {}
        for proof in proofs:
            wanted.setdefault(proof.server, []).append(proof.grant_id)
        # A server that hangs holds up no other.
        await asyncio.gather(*(self._on(server, ids) for server, ids in wanted.items()))

    async def _on(
        self, server: ServerName, grant_ids: Sequence[GrantId]
    ) -> Sequence[tuple[Grant, Attempt]]:
        """A whole company's at once would hold up all other writers while it is recorded."""
        done: list[tuple[Grant, Attempt]] = []
        for some in batches(grant_ids):
            done += await self._cut(server, some)
        return done

    async def _cut(
        self, server: ServerName, grant_ids: Sequence[GrantId]
    ) -> Sequence[tuple[Grant, Attempt]]:
        async def still_open() -> Sequence[Grant]:
            async with self._database.reading() as tx:
                proofs = await tx.proofs.of(grant_ids)
                left = [p.grant_id for p in proofs if p.server == server and p.is_open]
                return await tx.grants.some(left)

        try:
            attempts = await self._fleet.cut(server, still_open)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
            log_failure(log, f"Cutting access on {server} broke off", error)
            attempts = tuple(_broken_off(grant_id, server) for grant_id in grant_ids)
        return await self._record(attempts)

    async def _record(self, attempts: Sequence[Attempt]) -> Sequence[tuple[Grant, Attempt]]:
        if not attempts:
            return ()
        ids = [attempt.grant_id for attempt in attempts]
        async with self._database.writing() as tx:
            before = {(proof.grant_id, proof.server): proof for proof in await tx.proofs.of(ids)}
            grants = {grant.id: grant for grant in await tx.grants.some(ids)}
            await revocation.record_attempts(self._core.case(tx, THE_BOT), attempts)
        names = {grant.id: grant.common_name for grant in grants.values()}
        _log_news(before, names, attempts)
        return [(grants[attempt.grant_id], attempt) for attempt in attempts]


def _log_news(
    before: Mapping[Key, Proof], names: Mapping[GrantId, str], attempts: Sequence[Attempt]
) -> None:
    """One line for all that share a server and its trouble; what is as it was is not said again."""
    news: dict[tuple[ServerName, str], list[str]] = {}
    for attempt in attempts:
        proof = before.get((attempt.grant_id, attempt.server))
        if proof is not None and proof.is_open and _is_news(proof, attempt):
            news.setdefault((attempt.server, _trouble(attempt)), []).append(names[attempt.grant_id])
    for (server, trouble), ended in news.items():
        if trouble:
            log.warning("The end of %s is not proved on %s: %s", _some(ended), server, trouble)
        else:
            log.info("The end of %s is proved on %s", _some(ended), server)


def _is_news(proof: Proof, attempt: Attempt) -> bool:
    """By the kinds of trouble: what they say in detail may differ from one attempt to the next."""
    kinds = [code for code, _ in attempt.findings]
    return not proof.attempts or attempt.proved or kinds != [code for code, _ in proof.findings]


def _trouble(attempt: Attempt) -> str:
    """Empty where there is none."""
    return " ".join(detail or finding_text(code) for code, detail in attempt.findings)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _broken_off(grant_id: GrantId, server: ServerName) -> Attempt:
    return Attempt(
        grant_id=grant_id,
        server=server,
        proved=False,
        crl_number=None,
        sessions_cut=0,
        findings=((BROKEN_OFF, ""),),
    )
