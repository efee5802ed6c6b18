"""Whose each address of a server is, told to its firewall: a set for each group and each person.

The bot writes lines into the folder that it may write; root's script there makes sets of them
(`vpn.configuration.sets_script`). Written together with whatever lets somebody in or puts them out,
and compared at each look.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address

from bot.core import Core
from bot.process.logs import log_failure
from storage.records import ServerName, UserId
from storage.transaction import Transaction
from vpn.configuration.address_sets import AddressSet, SetKind, membership_lines
from vpn.errors import VpnError
from vpn.proof.live import LiveServer

log = logging.getLogger(__name__)

# systemd.path(5) does not watch while the script runs: what is written in the middle of that is
# told to nobody. So each change is written once more, when the script has long ended.
_ONCE_MORE = timedelta(seconds=30)


async def address_sets(tx: Transaction, server: ServerName) -> Sequence[AddressSet]:
    """All that a firewall may have a set of, whoever has access now: the others' are empty.

    Groups, also those that are there no more, and whoever had an address of the server. A firewall
    that was told of a set is so told of its end, too.
    """
    groups: dict[str, list[str]] = {group.name: [] for group in await tx.groups.all()}
    for subject in sorted(await tx.audit.subjects_of("group.remove")):
        groups.setdefault(subject.removeprefix("group:"), [])
    names = await tx.addresses.people_on(server)
    people: dict[UserId, list[str]] = {one: [] for one in names}
    for owner in await tx.addresses.owners(server):
        people[owner.user_id].append(owner.address)
        for group in owner.groups:
            groups[group].append(owner.address)
    return [
        *(_set(SetKind.GROUP, name, name, has) for name, has in groups.items()),
        *(_set(SetKind.USER, str(one), names[one], has) for one, has in people.items()),
    ]


def _set(kind: SetKind, key: str, title: str, addresses: Sequence[str]) -> AddressSet:
    return AddressSet(kind, key, title, tuple(map(ip_address, addresses)))


class Members:
    """Writes who is who on a server, under its lock, where it is not as it should be."""

    def __init__(self, core: Core) -> None:
        self._database = core.database
        self._since_boot = core.since_boot
        self._lines: dict[ServerName, str] = {}
        self._once_more_at: dict[ServerName, timedelta] = {}
        self._behind: set[ServerName] = set()

    def forget(self, server: ServerName) -> None:
        """Of a server that was taken out nothing is kept."""
        self._lines.pop(server, None)
        self._once_more_at.pop(server, None)
        self._behind.discard(server)

    async def note(self, server: ServerName, live: LiveServer) -> None:
        """Raises HostError where it could not be written."""
        if live.layout.members is None:
            return
        async with self._database.reading() as tx:
            sets = await address_sets(tx, server)
        lines, now = membership_lines(sets), self._since_boot()
        before = self._lines.get(server)
        if before != lines:  # also of another process's writing
            self._lines[server] = lines
            self._once_more_at[server] = now + _ONCE_MORE
        once_more = now >= self._once_more_at.get(server, timedelta.max)
        # What is known to be another text than ours of before is not compared first.
        is_new = before is not None and before != lines
        await live.note_members(lines, even_if_same=once_more or is_new)
        if once_more:
            del self._once_more_at[server]
        self._behind.discard(server)

    async def try_to_note(self, server: ServerName, live: LiveServer) -> None:
        """Likewise; where that fails it is logged once, and tried again at each look."""
        try:
            await self.note(server, live)
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing else waits for it
            if server not in self._behind:
                what = f"The sets of the firewall of {server} aren't current"
                if isinstance(error, VpnError):
                    log.warning("%s: %s", what, error)
                else:
                    log_failure(log, what, error)
            self._behind.add(server)
