"""Watches over the servers: whoever has no access gets none by what somebody did to the files.

Each CRL is renewed in time, and put back where it was replaced. Address files and sessions that no
grant knows are removed.
"""

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from bot.access import audit, messages, takeover
from bot.access.messages import Notice
from bot.access.permission import THE_BOT
from bot.clock import CLOCK_TOLERANCE
from bot.core import Core
from bot.fleet import Fleet
from pki.crl import CRL_LIFETIME
from pki.errors import PkiError
from storage.records import Server, ServerName
from vpn.errors import VpnError
from vpn.findings import Finding

log = logging.getLogger(__name__)

# Seven days of life and a new one every day: a week of trouble goes by before anybody is
# locked out.
_CRL_EVERY = timedelta(days=1)
_CRL_RETRY = timedelta(minutes=5)


class Watch:
    """What is said of a server's trouble is said once, and kept in memory: so it is again after
    a restart.
    """

    def __init__(self, core: Core, fleet: Fleet, on_written: Callable[[], None]) -> None:
        self._core = core
        self._database = core.database
        self._fleet = fleet
        self._clock = core.clock
        self._on_written = on_written
        self._retry: dict[ServerName, datetime] = {}
        self._told: set[ServerName] = set()
        self._strangers: dict[ServerName, set[str]] = {}

    def is_due(self, server: Server) -> bool:
        """Whether the server needs a new CRL now."""
        # Before its first deploy a server has no folder to publish into. After a restore each is
        # looked through soon, see `catching_up`.
        if server.crl_published_at is None or self._waits(server):
            return False
        if server.restored_at is not None or server.name in self._told:
            return True
        age = self._clock() - server.crl_published_at
        # One that was signed by a clock that was ahead may not be valid yet.
        return age >= _CRL_EVERY or age < -CLOCK_TOLERANCE

    def clock_went_back(self) -> None:
        """Whatever waited for a moment waits no longer."""
        self._retry.clear()

    async def renew(self, server: Server) -> bool:
        """Puts a new CRL in place; False where it is not in force there, which is tried again."""
        try:
            number = await self._fleet.publish(server.name)
        except (VpnError, PkiError):
            log.exception("The CRL of %s could not be renewed", server.name)
            return await self._failed(server)
        if number is None:
            return False  # it was taken out meanwhile
        # A folder that shuts OpenVPN out is not opened by a new file in it.
        findings = await self._fleet.crl_findings(server)
        if findings:
            log.error("CRL %s on %s is of no use: %s", number, server.name, _said(findings))
            return await self._failed(server)
        log.info("CRL %s is in place on %s", number, server.name)
        if server.restored_at is not None:
            # If it was looked through now, there is nothing to try again.
            self._retry[server.name] = self._clock() + _CRL_RETRY
        await self._tell(server, published=True)
        return True

    async def look_at_crl(self, server: Server) -> None:
        """Whoever changed what lies there has let in people who were revoked, or nobody at all."""
        if server.crl_published_at is None or self._waits(server):
            return
        findings = await self._fleet.crl_findings(server)
        if not findings:
            return
        log.warning("The CRL on %s is not as it was put there: %s", server.name, _said(findings))
        if await self.renew(server):
            await self._tell_replaced(server, findings)

    async def look_for_strangers(self, server: Server) -> None:
        """Each removed file goes into the trail; of a name the admins hear once.

        A session may be of somebody who only knocks: until it is refused at the end of its
        handshake it is listed like any other.
        """
        found = await self._fleet.shut_out_strangers(server.name)
        for finding in found.findings:
            log.warning("A stranger's file stays on %s: %s", server.name, finding.detail)
        told = self._strangers.setdefault(server.name, set())
        news = set(found.sessions).union(found.files) - told
        names = sorted(news.union(found.files))
        if not names:
            return
        told.update(news)
        log.warning("Nobody on %s has a right to: %s", server.name, ", ".join(map(ascii, names)))
        notice = Notice.STRANGERS_FOUND if news else None
        async with self._database.writing() as tx:
            await takeover.shut_out(tx, self._core.context(), server.name, names, notice)
        self._on_written()

    def _waits(self, server: Server) -> bool:
        now = self._clock()
        return now < self._retry.get(server.name, now)

    async def _failed(self, server: Server) -> bool:
        self._retry[server.name] = self._clock() + _CRL_RETRY
        await self._tell(server, published=False)
        return False

    async def _tell_replaced(self, server: Server, findings: Collection[Finding]) -> None:
        async with self._database.writing() as tx:
            ctx = self._core.context()
            found = [finding.code.value for finding in findings]
            subject = f"server:{server.name}"
            await audit.record(tx, ctx, THE_BOT, "crl.replace", subject, found=found)
            await messages.tell_admins(tx, ctx, Notice.CRL_REPLACED, server=server.name)
        self._on_written()

    async def _tell(self, server: Server, *, published: bool) -> None:
        """Admins hear of trouble once, and once that it is over."""
        if published != (server.name in self._told):
            return
        async with self._database.writing() as tx:
            if published:
                self._told.discard(server.name)
                await messages.tell_admins(
                    tx, self._core.context(), Notice.CRL_PUBLISHED, server=server.name
                )
                return
            self._told.add(server.name)
            last = server.crl_published_at or self._clock()
            await messages.tell_admins(
                tx,
                self._core.context(),
                Notice.CRL_UNPUBLISHED,
                server=server.name,
                until=(last + CRL_LIFETIME).isoformat(),
            )


def _said(findings: Collection[Finding]) -> str:
    return " ".join(finding.detail for finding in findings)
