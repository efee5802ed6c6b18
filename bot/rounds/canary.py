"""Tries each server from outside, with certificates of the bot's own, as people's clients do.

All that else is known of a server is read on its machine, or said by itself. Whether a firewall
lets its port through, and whether OpenVPN in truth takes who may and refuses who may not, is known
only by trying (`vpn.proof.knock`):

1. A valid certificate with an address file is let in.
2. A revoked one is not. It has no address file either: so where it comes as far as to be turned
   away for that, the list is not in force, whatever the second lock does.
3. Where there is a second lock, a valid one without a file is turned away.

Their keys are made here and are in this process's memory only; they are made anew twice a day, and
with each start. What has to be on the server for them is put there by `bot.fleet.fleet`, recorded
before anything is signed. They need not be kept out of the other servers by those servers' lists:
who could read this memory finds the CA's key beside them.

A server is tried by one client at a time, each with a time-out, and beside all else that is done
there. Before an admin hears that it refuses, or cannot be reached, it is tried again: it may just
have been started anew. That somebody was let in who may not is said at once.

Accepted: the tries come from the bot's machine. Behind a router that leads no address of its own
back inside, what clients dial cannot be reached from here, though it can from elsewhere.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.access import canaries
from bot.access.addresses import fits, is_closed
from bot.access.permission import THE_BOT
from bot.chat.throttle import Throttle
from bot.errors import VpnbotError
from bot.fleet.live_servers import layout_of
from bot.handover.profiles import client_side
from bot.office import Office
from bot.process.loops import Every
from pki.errors import PkiError
from storage.records import CanaryRole, CanaryTrouble, Server, ServerName, Untried
from vpn.errors import VpnError
from vpn.proof.knock import WINDOW_S, Answer, client_missing, knock

log = logging.getLogger(__name__)

# At most half of their life, so that a machine that slept meanwhile finds them valid.
_RENEW = canaries.LIFE / 2
# For a server that is just being started anew.
_AGAIN_S = 5.0
# More of them at once would be seen on a small machine.
_AT_ONCE = 8
# Of one server admins hear so often a day, and then once an hour.
_PROMPTLY = 20
_NAME = "canary"
# What could not be made ready once is not drawn anew with each round: the trail has every one.
_PREPARE_AGAIN = timedelta(minutes=30)
# While they are switched off, as long as anything of them is left.
_TAKE_AWAY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Kit:
    """What one server is tried with.

    Attributes:
        made_of: what the profiles depend on.
        serials: as they are recorded.
        address: of the one that is let in.
        profiles: with their keys.
    """

    made_of: object = field(repr=False)
    made_at: datetime
    serials: frozenset[str]
    address: str | None
    profiles: Mapping[CanaryRole, str] = field(repr=False)


@dataclass(slots=True)
class _Known:
    """What is remembered of a server, from one try to the next.

    Attributes:
        kit_after: until then none is made, since the last one could not be, for `untried`.
        doubt_after: until then a kit that the server refuses is not made anew.
    """

    job: asyncio.Task[None] | None = None
    kit: Kit | None = None
    kit_after: timedelta | None = None
    untried: Untried = Untried.NOT_PREPARED
    doubt_after: timedelta | None = None

    @property
    def is_busy(self) -> bool:
        return self.job is not None and not self.job.done()


class CanaryRound:
    """Tries all servers every so often.

    Args:
        period: between two tries of a server; None where they are switched off: then what was put
            there for them is taken away.
        window_s: how long each handshake may take.
    """

    def __init__(
        self,
        office: Office,
        on_written: Callable[[], None],
        period: timedelta | None,
        *,
        window_s: int = WINDOW_S,
        again_s: float = _AGAIN_S,
    ) -> None:
        self._office = office
        self._database = office.database
        self._on_written = on_written
        self._is_on = period is not None
        self._window_s = window_s
        self._again_s = again_s
        self._due = Every(period or _TAKE_AWAY, office.since_boot, at_once=period is None)
        self._known = defaultdict[ServerName, _Known](_Known)
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._prompt = Throttle(_PROMPTLY, timedelta(days=1))
        self._hourly = Throttle(1, timedelta(hours=1))

    async def tend(self) -> None:
        """Begins whatever is due; it goes on beside everything else."""
        if not self._due.is_due():
            return
        async with self._database.reading() as tx:
            servers = await tx.servers.all()
            self._forget_all_but({server.name for server in servers})
            looks = await tx.canaries.looks()
            if not self._is_on:
                servers = [
                    server
                    for server in servers
                    if server.name in looks or await tx.canaries.in_use(server.name)
                ]
        for server in servers:
            known = self._known[server.name]
            if not known.is_busy:
                known.job = asyncio.create_task(self._job(server))

    async def done(self) -> None:
        """Waits for what has begun."""
        await asyncio.gather(*self._jobs())

    async def stop(self) -> None:
        """Ends what has begun, and every program with it."""
        jobs = self._jobs()
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    def _jobs(self) -> Sequence[asyncio.Task[None]]:
        return [known.job for known in self._known.values() if known.job is not None]

    def _forget_all_but(self, names: Collection[ServerName]) -> None:
        """Of a server that was taken out nothing is kept, its keys least of all."""
        for name, known in [*self._known.items()]:
            if name not in names and not known.is_busy:
                del self._known[name]

    async def _job(self, server: Server) -> None:
        async with self._turns:
            try:
                if self._is_on:
                    await self._try(server)
                else:
                    await self._office.fleet.retire_canaries(server.name)
            except Exception:  # the next one comes by itself
                log.exception("What came of trying %s from outside is not noted", server.name)

    async def _try(self, server: Server) -> None:
        seen: Sequence[CanaryTrouble] | Untried = Untried.NOT_PREPARED
        tried_revoked = False
        try:
            answers = await self._answers_of(server)
            if isinstance(answers, Untried):
                seen = answers
            else:
                seen = canaries.judged(answers)
                tried_revoked = CanaryRole.REVOKED in answers
        except VpnError as error:
            log.warning("%s cannot be tried: %s", server.name, error)
        except Exception:  # what was seen before is not so any more
            log.exception("Trying %s from outside broke off", server.name)
        async with self._office.acting(THE_BOT) as case:
            if await case.tx.servers.get(server.name) is None:
                return  # it was taken out meanwhile
            told = await canaries.note(
                case,
                server,
                seen,
                lambda: self._may_tell(server.name),
                tried_revoked=tried_revoked,
            )
        if told:
            self._on_written()

    async def _answers_of(self, server: Server) -> Mapping[CanaryRole, Answer] | Untried:
        """What it answers; before it is said to refuse people, with certificates made anew.

        Their file may be gone with the machine, or lie where OpenVPN does not look any more. Of a
        server that goes on refusing they are not made anew with each round.
        """
        known = self._known[server.name]
        before = known.kit
        kit = await self._kit_of(server)
        if isinstance(kit, Untried):
            return kit
        answers = await self._answers(server, kit)
        since_boot = self._office.since_boot()
        if (
            answers[CanaryRole.GOOD] is Answer.TURNED_AWAY
            and kit is before
            and (known.doubt_after is None or since_boot >= known.doubt_after)
        ):
            known.doubt_after = since_boot + _PREPARE_AGAIN
            known.kit = None
            kit = await self._kit_of(server)
            return kit if isinstance(kit, Untried) else await self._answers(server, kit)
        return answers

    async def _answers(self, server: Server, kit: Kit) -> Mapping[CanaryRole, Answer]:
        """One after the other; without an answer to the first, the others would get none either."""
        answers: dict[CanaryRole, Answer] = {}
        for role, profile in kit.profiles.items():
            seen = await knock(profile, window_s=self._window_s)
            if role is CanaryRole.GOOD and seen.answer is not Answer.TAKEN:
                await asyncio.sleep(self._again_s)
                seen = await knock(profile, window_s=self._window_s)
            answers[role] = seen.answer
            if canaries.judged({role: seen.answer}):
                log.warning("%s, tried from outside (%s): %s", server.name, role, seen.said)
            if role is CanaryRole.GOOD and seen.answer is Answer.UNANSWERED:
                break
        return answers

    async def _kit_of(self, server: Server) -> Kit | Untried:
        """What there is, as long as it fits; else it is made anew."""
        untried = _untried(server)
        if untried is not None:
            return untried
        settings, name = client_side(server)
        tls_key = None
        try:
            if settings.tls_key is not None:
                tls_key = await self._office.keyring.tls_key(server.name)
        except (VpnbotError, PkiError) as error:
            log.warning("%s cannot be tried: %s", server.name, error)
            return Untried.TLS_KEY
        roles = _roles(server)
        remote = (server.remote_host, server.remote_port, server.protocol)
        place = (server.directory, server.ssh, layout_of(server))
        kit, now = self._known[server.name].kit, self._office.clock()
        async with self._database.reading() as tx:
            recorded = {canary.serial for canary in await tx.canaries.in_use(server.name)}
            authorities = (await tx.rotation.signing(), self._office.keyring.numbers())
            may_sign = self._office.case(tx, THE_BOT).may_give
        made_of = (remote, place, server.network, settings, name, tls_key, roles, authorities)
        if (
            kit is not None
            and kit.made_of == made_of
            and kit.serials == recorded
            and kit.made_at <= now < kit.made_at + _RENEW
            and fits(server, kit.address)
        ):
            return kit
        if not may_sign:
            return Untried.CLOCK
        return await self._new_kit(server, roles, made_of)

    async def _new_kit(
        self, server: Server, roles: Sequence[CanaryRole], made_of: object
    ) -> Kit | Untried:
        now, since_boot = self._office.clock(), self._office.since_boot()
        known = self._known[server.name]
        if known.kit_after is not None and since_boot < known.kit_after:
            return known.untried
        try:
            drawn = await self._office.fleet.renew_canaries(server.name, roles)
            profiles = {
                canary.role: (await self._office.maker.parts([server], canary, shown_as=_NAME)).text
                for canary in drawn
            }
        except (VpnError, PkiError, VpnbotError) as error:
            log.warning("%s cannot be tried: %s", server.name, error)
            known.kit_after, known.untried = since_boot + _PREPARE_AGAIN, Untried.NOT_PREPARED
            return known.untried
        if not drawn:
            known.kit_after, known.untried = since_boot + _PREPARE_AGAIN, Untried.NETWORK_FULL
            return known.untried
        address = next((canary.address for canary in drawn if canary.address), None)
        serials = frozenset(canary.serial for canary in drawn)
        known.kit = fresh = Kit(made_of, now, serials, address, profiles)
        return fresh

    def _may_tell(self, server: ServerName) -> bool:
        now = self._office.since_boot()
        return self._prompt.passes(server, now) or self._hourly.passes(server, now)


def _untried(server: Server) -> Untried | None:
    """Why a server cannot be tried, as far as its record says."""
    if client_missing():
        return Untried.NO_OPENVPN
    if server.adopted is None and server.crl_published_at is None:
        return Untried.NOT_DEPLOYED
    if server.restored_at is not None:
        return Untried.RESTORED
    if is_closed(server) or (server.adopted or {}).get("trusts_us") is False:
        return Untried.CLOSED
    settings, _ = client_side(server)
    return Untried.PASSWORD if settings.asks_password else None


def _roles(server: Server) -> tuple[CanaryRole, ...]:
    """Who can show anything there, by the locks that it has; the valid one first."""
    layout = layout_of(server)
    roles = [CanaryRole.GOOD]
    if layout.exclusive and layout.knows_names:
        roles.append(CanaryRole.FILELESS)
    if layout.crl is not None:
        roles.append(CanaryRole.REVOKED)
    return tuple(roles)
