"""Watches over the servers: whoever has no access gets none by what somebody did to the files.

Each CRL is renewed in time, and put back where it was replaced. Who is on a server, or has an
address file there, is compared with who may be.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.access import extending, messages, not_me, sightings, usage
from bot.access.messages import Notice
from bot.access.permission import THE_BOT
from bot.access.sightings import PutBack, Sighting
from bot.access.usage import Use
from bot.chat.throttle import Throttle
from bot.fleet.enforcement import Enforcer
from bot.fleet.fleet import Fleet
from bot.fleet.live_servers import live_server
from bot.fleet.presence import Seen
from bot.office import Office
from bot.process.clock import CLOCK_TOLERANCE
from pki.crl import CRL_LIFETIME
from pki.errors import PkiError
from storage.batches import batches
from storage.records import SeenAs, Server, ServerName
from vpn.errors import VpnError
from vpn.findings import Finding, FindingCode
from vpn.names import ccd_file_name, name_in_sessions

log = logging.getLogger(__name__)

# Seven days of life and a new one every day: a week of trouble goes by before anybody is
# locked out.
_CRL_EVERY = timedelta(days=1)
_CRL_RETRY = timedelta(minutes=5)
# Of one server admins hear so often a day of what somebody does to it, and then once an hour: who
# has taken it over could go on for ever.
_PROMPTLY = 20
# An OpenVPN that is started anew answers again by then.
_RESTART = timedelta(seconds=20)
# In a line of the log.
_NAMED, _NAME, _SAID = 10, 64, 1000


@dataclass(slots=True)
class _Known:
    """What is kept in memory of one server.

    Attributes:
        retry_at: until when a CRL that could not be put there is not tried again.
        crl_told, clock_told, host_key_told: of which troubles the admins were told last.
        gone_since: since when no OpenVPN answers there.
        silent: where that was no restart.
        trouble: what the last look found.
    """

    retry_at: timedelta | None = None
    crl_told: bool = False
    clock_told: bool = False
    host_key_told: bool = False
    gone_since: timedelta | None = None
    silent: bool = False
    trouble: frozenset[FindingCode] = frozenset()


class Watch:
    """What is said of a server's trouble is said once, and kept in memory: so it is again after
    a restart.
    """

    def __init__(
        self, core: Office, fleet: Fleet, enforcer: Enforcer, on_written: Callable[[], None]
    ) -> None:
        self._core = core
        self._time = core.time
        self._database = core.database
        self._fleet = fleet
        self._enforcer = enforcer
        self._clock = core.clock
        self._since_boot = core.since_boot
        self._on_written = on_written
        self._known = defaultdict[ServerName, _Known](_Known)
        self._prompt = Throttle(_PROMPTLY, timedelta(days=1))
        self._hourly = Throttle(1, timedelta(hours=1))

    def forget(self, name: ServerName) -> None:
        """Of a server that was taken out nothing is kept."""
        self._known.pop(name, None)

    def is_due(self, server: Server, wanted: Collection[ServerName] = ()) -> bool:
        """Whether the server needs a new CRL now.

        Args:
            wanted: those whose CRL lists somebody who may come back.
        """
        # Before its first deploy a server has no folder to publish into. After a restore each is
        # looked through soon, see `catching_up`.
        if server.crl_published_at is None or self._waits(server):
            return False
        is_told = self._known[server.name].crl_told
        if server.restored_at is not None or is_told or server.name in wanted:
            return True
        age = self._clock() - server.crl_published_at
        # One that was signed by a clock that was ahead may not be valid yet.
        return age >= _CRL_EVERY or age < -CLOCK_TOLERANCE

    def looks_again(self, server: Server) -> bool:
        """Whether its OpenVPN was gone a while ago: if it still is, that is no restart."""
        known = self._known[server.name]
        gone = known.gone_since
        return gone is not None and not known.silent and self._since_boot() - gone >= _RESTART

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
            self._known[server.name].retry_at = self._since_boot() + _CRL_RETRY
        await self._tell(server, published=True)
        return True

    async def look_at_crl(self, server: Server) -> bool:
        """Puts ours back where something else lies; True where it did.

        Whoever changed what lies there has let in people who were revoked, or nobody at all.
        """
        if server.crl_published_at is None or self._waits(server):
            return False
        findings = await self._fleet.crl_findings(server)
        if not findings:
            return False
        log.warning("The CRL on %s is not as it was put there: %s", server.name, _said(findings))
        if not await self.renew(server):
            return False
        if {finding.code for finding in findings} == {FindingCode.CRL_INCOMPLETE}:
            return False  # it was ours, from before the CA had a second one beside it
        if self._may_tell(server.name):
            async with self._core.acting(THE_BOT) as case:
                codes = [finding.code.value for finding in findings]
                await case.record("crl.replace", f"server:{server.name}", found=codes)
                await messages.tell_admins(case, Notice.CRL_REPLACED, server=server.name)
            self._on_written()
        return True

    async def look(self, server: Server, *, put_back: bool) -> None:
        """Compares who is on the server with who may be, and says by name what was seen.

        A session may be of somebody who only knocks: until it is refused at the end of its
        handshake it is listed like any other.

        Args:
            put_back: whether our list was put in its place just now, so that all who are out are
                proved anew and the admins wait for the answer.
        """
        seen = await self._fleet.look(server.name)
        if seen.time is not None:
            await self._compare_clock(server, seen.time)
        await self._note_use(server, seen)
        trouble = frozenset(finding.code for finding in seen.findings)
        if trouble - self._known[server.name].trouble:
            log.warning("Not all is well on %s: %s", server.name, _said(seen.findings))
        self._known[server.name].trouble = trouble
        changed = FindingCode.HOST_KEY_CHANGED in trouble
        if changed or seen.reached:  # else nobody knows which key it shows
            await self._tell_host_key(server, changed=changed)
        await self._tell_silent(server, seen)
        # Of what was seen of one name the last counts: who is left was not put out.
        seen_as = dict.fromkeys(seen.unknown, SeenAs.UNKNOWN)
        seen_as |= dict.fromkeys(seen.files, SeenAs.FILE)
        seen_as |= dict.fromkeys(seen.cut, SeenAs.CUT)
        seen_as |= dict.fromkeys(seen.left, SeenAs.LEFT)
        # Of those that are over is told what could be proved.
        names = sorted(seen_as.keys() - seen.over)
        strangers = [Sighting(name, seen_as[name]) for name in names]
        over = await self._prove(server, seen.over)
        after = (PutBack.LOOKED if seen.asked else PutBack.BLIND) if put_back else None
        await self._tell_seen(server, [*over, *strangers], after)

    async def let_in_waiting(self, server: Server) -> None:
        """A server that was away takes in whose profile went out meanwhile."""
        try:
            taken = await self._fleet.let_in_waiting(server.name)
        except (VpnError, PkiError) as error:
            log.warning("%s does not let in everybody yet: %s", server.name, error)
            return
        for some in batches([grant.common_name for grant in taken]):
            log.info("%s lets in now: %s", server.name, ", ".join(some))

    async def _note_use(self, server: Server, seen: Seen) -> None:
        """Remembers who was on, for whoever asks when a profile was used last; asks whose it was.

        Owners are asked in the commit that remembers the use: once, whenever the bot is killed.
        """
        uses = [
            Use(
                grant.id,
                session.connected_since,
                session.client_id,
                session.real_address,
                session.bytes_received,
                session.bytes_sent,
            )
            for grant, session in seen.on
        ]
        if not uses:
            return
        async with self._database.reading() as tx:
            changes = await usage.changes(tx, self._clock(), server.name, uses)
        news = [change for change in changes if change.twice]
        told = bool(news) and self._may_tell(server.name)
        asked = False
        is_new = any(change.first is not None for change in changes)
        platforms = await live_server(server).platforms() if is_new else {}
        has_ended = False
        # A whole company's at once would hold up all other writers. News come first, and with them
        # what is said of it.
        for number, some in enumerate(batches(changes)):
            async with self._core.acting(THE_BOT) as case:
                if told and number == 0:
                    await usage.tell(case, server.name, news)
                asked |= await not_me.ask(
                    case, some, is_told=told, server_time=seen.time, platforms=platforms
                )
                await usage.note(case, some, is_told=told)
                new = [change.usage.grant_id for change in some if change.is_new]
                has_ended = await extending.used(case, new) or has_ended
        if has_ended:
            self._on_written()
        if told:
            log.warning("A profile is used from two places at once on %s", server.name)
        if told or asked:
            self._on_written()

    async def prove_due(self, server: Server) -> None:
        """Tries again what is not proved yet."""
        over = await self._prove(server)
        if over:
            await self._tell_seen(server, over)

    async def _prove(
        self, server: Server, names: frozenset[str] = frozenset()
    ) -> Sequence[Sighting]:
        """Proves what is due; gives those who were there although they had been proved out.

        Args:
            names: whom a look has found there, by a session or a file.
        """
        over: dict[str, Sighting] = {}
        for grant, proof in await self._enforcer.enforce_due(server.name):
            name = name_in_sessions(grant.common_name)
            codes = {finding.code for finding in proof.findings}
            was_there = (
                proof.sessions_cut
                or FindingCode.SESSION_LIVE in codes
                or not names.isdisjoint({name, ccd_file_name(name)})
            )
            if grant.proved_at is None or not was_there:
                continue
            is_out = proof.proved or codes == {FindingCode.SECOND_LOOK_DUE}
            seen_as = SeenAs.OVER if is_out else SeenAs.OVER_LEFT
            async with self._database.reading() as tx:
                person = await tx.people.name_of(grant.user_id) if grant.user_id else None
            over[name] = Sighting(name, seen_as, person)
        return [*over.values()]

    async def _tell_seen(
        self, server: Server, sighted: Sequence[Sighting], put_back: PutBack | None = None
    ) -> None:
        if not sighted and put_back is None:
            return
        async with self._core.acting(THE_BOT) as case:
            told = await sightings.report(
                case,
                server.name,
                sighted,
                lambda: self._may_tell(server.name),
                put_back=put_back,
            )
        if told:
            named = ", ".join(ascii(each.name[:_NAME]) for each in sighted[:_NAMED])
            log.warning("Found on %s (%s): %s", server.name, len(sighted), named or "nobody")
            self._on_written()

    async def _compare_clock(self, server: Server, shown: datetime) -> None:
        """Admins hear of a clock that differs once, and once that it does not any more.

        By less than half of what is told it does not differ: so one at the brink is told once.
        """
        self._time.server_said(server.name, shown)
        ahead = shown - self._clock()
        is_told = self._known[server.name].clock_told
        differs = abs(ahead) > (CLOCK_TOLERANCE / 2 if is_told else CLOCK_TOLERANCE)
        if differs == is_told or not self._may_tell(server.name):
            return
        seconds = abs(round(ahead.total_seconds()))
        code = Notice.SERVER_CLOCK_AHEAD if ahead > timedelta(0) else Notice.SERVER_CLOCK_BEHIND
        code = code if differs else Notice.SERVER_CLOCK_AGREED
        log.warning("The clock of %s is %+.0f s off", server.name, ahead.total_seconds())
        async with self._core.acting(THE_BOT) as case:
            subject = f"server:{server.name}"
            await case.record("server.clock", subject, code=code, off=seconds)
            values = {"seconds": seconds} if differs else {}
            await messages.tell_admins(case, code, server=server.name, **values)
        self._known[server.name].clock_told = differs
        self._on_written()

    async def _tell_host_key(self, server: Server, *, changed: bool) -> None:
        """Admins hear of another host key once, and once that it is the pinned one again."""
        if changed == self._known[server.name].host_key_told:
            return
        code = Notice.HOST_KEY_CHANGED if changed else Notice.HOST_KEY_AGREED
        async with self._core.acting(THE_BOT) as case:
            await case.record("server.host_key", f"server:{server.name}", code=code)
            await messages.tell_admins(case, code, server=server.name)
        self._known[server.name].host_key_told = changed
        self._on_written()

    async def _tell_silent(self, server: Server, seen: Seen) -> None:
        """Admins hear once that no OpenVPN answers, and once that it does again.

        What is seen once may be a restart.
        """
        now, known = self._since_boot(), self._known[server.name]
        is_gone = any(one.code is FindingCode.MANAGEMENT_GONE for one in seen.findings)
        if not is_gone:
            known.gone_since = None
        else:
            known.gone_since = now if known.gone_since is None else known.gone_since
            if now - known.gone_since < _RESTART:
                return
        known.silent = is_gone
        async with self._database.reading() as tx:
            is_known = server.name in await tx.servers.silent()
        if is_gone == is_known:
            return
        gone = Notice.SERVER_SILENT if seen.reached else Notice.SERVER_UNREACHABLE
        code = gone if is_gone else Notice.SERVER_HEARD
        async with self._core.acting(THE_BOT) as case:
            if is_gone:
                await case.tx.servers.set_silent(server.name, case.now)
            else:
                await case.tx.servers.heard(server.name)
            await case.record("server.answers", f"server:{server.name}", code=code)
            if self._may_tell(server.name):
                await messages.tell_admins(case, code, server=server.name)
            # Whoever decides reads whether a profile can connect.
            for request in await case.tx.requests.pending():
                await messages.edit_cards(case, request.id, afresh=False)
        self._on_written()

    def _may_tell(self, server: ServerName) -> bool:
        now = self._since_boot()
        return self._prompt.passes(server, now) or self._hourly.passes(server, now)

    def _waits(self, server: Server) -> bool:
        retry_at = self._known[server.name].retry_at
        return retry_at is not None and self._since_boot() < retry_at

    async def _failed(self, server: Server) -> bool:
        self._known[server.name].retry_at = self._since_boot() + _CRL_RETRY
        await self._tell(server, published=False)
        return False

    async def _tell(self, server: Server, *, published: bool) -> None:
        """Admins hear of trouble once, and once that it is over."""
        known = self._known[server.name]
        if published != known.crl_told:
            return
        async with self._core.acting(THE_BOT) as case:
            known.crl_told = not published
            if published:
                await messages.tell_admins(case, Notice.CRL_PUBLISHED, server=server.name)
            else:
                last = server.crl_published_at or self._clock()
                until = (last + CRL_LIFETIME).isoformat()
                await messages.tell_admins(
                    case, Notice.CRL_UNPUBLISHED, server=server.name, until=until
                )


def _said(findings: Collection[Finding]) -> str:
    """The findings for one line of the log, however many there are."""
    return " ".join(finding.detail for finding in findings)[:_SAID]
