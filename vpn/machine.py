"""What a server's machine has to be right for: its clock, and the room on its disk.

OpenVPN judges lists and certificates by its machine's clock.
"""

from collections.abc import Awaitable
from datetime import datetime, timedelta

from pki.crl import CRL_BACKDATE, CRL_LIFETIME
from vpn.errors import HostError
from vpn.findings import Finding, FindingCode
from vpn.host import LITTLE_ROOM, ServerHost
from vpn.layout import Layout

# The bot and the server are asked one after the other, and say whole seconds.
SAME = timedelta(minutes=1)
# A list is signed anew every day.
_OLDEST_LIST = timedelta(days=1)


def clock_findings(shown: datetime | None, now: datetime) -> list[Finding]:
    """Whether the server's clock differs, by how much, and what that does."""
    if shown is None or abs(shown - now) <= SAME:
        return []
    direction = "ahead of" if shown > now else "behind"
    refuses = now - CRL_BACKDATE > shown or shown > now + CRL_LIFETIME - _OLDEST_LIST
    effect = ", so far that it lets nobody in" if refuses else ""
    detail = (
        f"Its clock shows {shown:%Y-%m-%d %H:%M} UTC, {_span(abs(shown - now))} {direction} the"
        f" bot's{effect}; set it right there: timedatectl set-ntp true"
    )
    return [Finding(FindingCode.CLOCK_DIFFERS, detail)]


async def room_findings(host: ServerHost, layout: Layout) -> list[Finding]:
    """Whether there is room for the next list: one that cannot be written revokes nobody.

    Raises:
        HostError: that cannot be told.
    """
    if layout.crl is None:
        return []
    folder = layout.crl.rpartition("/")[0]
    left = await host.room(folder)
    if left is None or left >= LITTLE_ROOM:
        return []
    shown = f"/{folder}" if layout.adopted else folder
    detail = f"Only {left // 1_000_000} MB are left on the disk of {shown}; make room there."
    return [Finding(FindingCode.DISK_NEARLY_FULL, detail)]


async def ccd_findings(host: ServerHost, layout: Layout) -> list[Finding]:
    """With this folder shut OpenVPN refuses everybody: not unsafe, but an outage.

    Raises:
        HostError: that cannot be told.
    """
    if layout.ccd is None:
        return []
    shut_out = await host.shut_out(layout.ccd, layout.reader)
    return [Finding(FindingCode.HOST_ERROR, shut_out)] if shut_out else []


async def or_host_error(look: Awaitable[list[Finding]]) -> list[Finding]:
    """What a look finds, or why it cannot be taken."""
    try:
        return await look
    except HostError as error:
        return [Finding(FindingCode.HOST_ERROR, str(error))]


def _span(span: timedelta) -> str:
    """In the largest unit of which there are two."""
    seconds = span.total_seconds()
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
