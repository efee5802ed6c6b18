"""Carries out what was recorded: cuts ended grants on every server until it is proved."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

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


class Enforcer:
    def __init__(self, core: Core, fleet: Fleet) -> None:
        self._core = core
        self._database = core.database
        self._fleet = fleet

    async def enforce(self, grant_ids: Sequence[GrantId]) -> None:
        """Cuts these grants wherever that is not proved, on all servers at once, and looks."""
        async with self._database.reading() as tx:
            proofs = await tx.proofs.of(grant_ids)
        wanted: dict[ServerName, list[GrantId]] = {}
        for proof in proofs:
            if proof.is_open:
                wanted.setdefault(proof.server, []).append(proof.grant_id)
        # A server that hangs holds up no other.
        await asyncio.gather(*(self._cut(server, ids) for server, ids in wanted.items()))

    async def enforce_due(self, server: ServerName) -> Sequence[tuple[Grant, Attempt]]:
        """Tries again whatever is due on one server; gives each with the grant as it was before."""
        async with self._database.reading() as tx:
            proofs = await tx.proofs.due(self._core.clock())
        return await self._cut(server, [each.grant_id for each in proofs if each.server == server])

    async def _cut(
        self, server: ServerName, grant_ids: Sequence[GrantId]
    ) -> Sequence[tuple[Grant, Attempt]]:
        done: list[tuple[Grant, Attempt]] = []
        # A whole company's at once would hold up all other writers while it is recorded.
        for some in batches(grant_ids):

            async def still_open(ids: Sequence[GrantId] = some) -> Sequence[Grant]:
                async with self._database.reading() as tx:
                    proofs = await tx.proofs.of(ids)
                    left = [p.grant_id for p in proofs if p.server == server and p.is_open]
                    return await tx.grants.some(left)

            try:
                attempts = await self._fleet.cut(server, still_open)
            except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
                log_failure(log, f"Cutting access on {server} broke off", error)
                broken_off = ((BROKEN_OFF, ""),)
                attempts = tuple(
                    Attempt(each, server, False, None, sessions_cut=0, findings=broken_off)
                    for each in some
                )
            done += await self._record(attempts)
        return done

    async def _record(self, attempts: Sequence[Attempt]) -> Sequence[tuple[Grant, Attempt]]:
        if not attempts:
            return ()
        ids = [attempt.grant_id for attempt in attempts]
        async with self._database.writing() as tx:
            before = {(proof.grant_id, proof.server): proof for proof in await tx.proofs.of(ids)}
            grants = {grant.id: grant for grant in await tx.grants.some(ids)}
            await revocation.record_attempts(self._core.case(tx, THE_BOT), attempts)
        _log_news(before, grants, attempts)
        return [(grants[attempt.grant_id], attempt) for attempt in attempts]


def _log_news(
    before: Mapping[tuple[GrantId, ServerName], Proof],
    grants: Mapping[GrantId, Grant],
    attempts: Sequence[Attempt],
) -> None:
    """One line for all that share a server and its trouble; what is as it was is not said again."""
    news: dict[tuple[ServerName, str], list[str]] = {}
    for attempt in attempts:
        proof = before.get((attempt.grant_id, attempt.server))
        if proof is not None and proof.is_open and _is_news(proof, attempt):
            # Empty where there is none.
            trouble = " ".join(detail or finding_text(code) for code, detail in attempt.findings)
            name = grants[attempt.grant_id].common_name
            news.setdefault((attempt.server, trouble), []).append(name)
    for (server, trouble), names in news.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        ended = ", ".join(names[:_NAMED]) + more
        if trouble:
            log.warning("The end of %s is not proved on %s: %s", ended, server, trouble)
        else:
            log.info("The end of %s is proved on %s", ended, server)


def _is_news(proof: Proof, attempt: Attempt) -> bool:
    """By the kinds of trouble: what they say in detail may differ from one attempt to the next."""
    kinds = [code for code, _ in attempt.findings]
    return not proof.attempts or attempt.proved or kinds != [code for code, _ in proof.findings]
