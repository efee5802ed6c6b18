"""Carries out what was recorded: cuts ended grants on every server until it is proved."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from bot.access import revocation
from bot.access.permission import THE_BOT
from bot.core import Core
from bot.fleet.fleet import Fleet
from bot.process.logs import log_failure
from bot.receipts import finding_text
from storage.batches import batches
from storage.records import Grant, GrantId, Proof, ServerName
from vpn.findings import Finding, FindingCode, ServerProof
from vpn.values import CommonName

log = logging.getLogger(__name__)

# With more names a line of the log would be hard to read.
_NAMED = 5


class Enforcer:
    def __init__(self, core: Core, fleet: Fleet) -> None:
        self._core = core
        self._database = core.database
        self._fleet = fleet

    async def enforce(self, grant_ids: Sequence[GrantId]) -> None:
        """Cuts these grants wherever that is not proved, on all servers at once, and looks."""
        wanted: dict[ServerName, list[GrantId]] = {}
        async with self._database.reading() as tx:
            for proof in await tx.proofs.of(grant_ids):
                if proof.is_open:
                    wanted.setdefault(proof.server, []).append(proof.grant_id)
        # A server that hangs holds up no other.
        await asyncio.gather(*(self._on(server, ids) for server, ids in wanted.items()))

    async def enforce_due(self, server: ServerName) -> Sequence[tuple[Grant, ServerProof]]:
        """Tries again whatever is due on one server; gives each with the grant as it was before."""
        async with self._database.reading() as tx:
            proofs = await tx.proofs.due(self._core.clock())
        due = [proof.grant_id for proof in proofs if proof.server == server]
        return await self._on(server, due)

    async def _on(
        self, server: ServerName, grant_ids: Sequence[GrantId]
    ) -> Sequence[tuple[Grant, ServerProof]]:
        """A whole company's at once would hold up all other writers while it is recorded."""
        done: list[tuple[Grant, ServerProof]] = []
        for some in batches(grant_ids):
            done += await self._cut(server, some)
        return done

    async def _cut(
        self, server: ServerName, grant_ids: Sequence[GrantId]
    ) -> Sequence[tuple[Grant, ServerProof]]:
        async def still_open() -> Sequence[Grant]:
            async with self._database.reading() as tx:
                proofs = await tx.proofs.of(grant_ids, server)
                left = [proof.grant_id for proof in proofs if proof.is_open]
                return await tx.grants.some(left)

        done: list[tuple[Grant, ServerProof]] = []

        async def record(seen: Sequence[tuple[Grant, ServerProof]]) -> None:
            ids = [grant.id for grant, _ in seen]
            async with self._core.acting(THE_BOT) as case:
                before = {proof.grant_id: proof for proof in await case.tx.proofs.of(ids, server)}
                as_it_was = {grant.id: grant for grant in await case.tx.grants.some(ids)}
                await revocation.record_proofs(case, [(grant.id, proof) for grant, proof in seen])
            done.extend((as_it_was[grant.id], proof) for grant, proof in seen)
            _log_news(server, before, done)

        try:
            await self._fleet.cut(server, still_open, record)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
            log_failure(log, f"Cutting access on {server} broke off", error)
            async with self._database.reading() as tx:
                grants = await tx.grants.some(grant_ids)
            await record([(grant, _broken_off(grant, server)) for grant in grants])
        return done


def _log_news(
    server: ServerName,
    before: Mapping[GrantId, Proof],
    seen: Sequence[tuple[Grant, ServerProof]],
) -> None:
    """One line for all that share their trouble; what is as it was is not said again.

    By the kinds of trouble: what they say in detail may differ from one attempt to the next.
    """
    news: dict[str, list[str]] = {}
    for grant, now_seen in seen:
        earlier = before.get(grant.id)
        if earlier is None or not earlier.is_open:
            continue
        kinds = [finding.code.value for finding in now_seen.findings]
        if earlier.attempts and not now_seen.proved and kinds == [c for c, _ in earlier.findings]:
            continue
        trouble = " ".join(one.detail or finding_text(one.code) for one in now_seen.findings)
        news.setdefault(trouble, []).append(grant.common_name)
    for trouble, ended in news.items():
        if trouble:
            log.warning("The end of %s is not proved on %s: %s", _some(ended), server, trouble)
        else:
            log.info("The end of %s is proved on %s", _some(ended), server)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _broken_off(grant: Grant, server: ServerName) -> ServerProof:
    return ServerProof(
        server=server,
        common_name=CommonName(grant.common_name),
        proved=False,
        crl_number=None,
        sessions_cut=0,
        findings=(Finding(FindingCode.BROKEN_OFF),),
    )
