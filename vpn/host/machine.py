"""What a server's machine tells: its clock, its disk, its ports, what runs there and since when.

OpenVPN judges lists and certificates by its machine's clock.
"""

import asyncio
import sys
from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from shlex import quote

from pki.crl import CRL_BACKDATE, CRL_LIFETIME
from vpn.errors import HostError
from vpn.findings import Finding, FindingCode, host_finding
from vpn.host.interface import LONGEST_REASON, NO_PROGRAM, ServerHost
from vpn.host.permissions import shut_out
from vpn.layout import DEPLOYED, Layout, TcpPort, parent_of
from vpn.values import Protocol

# In bytes: less than this is gone within hours where something fills a disk.
LITTLE_ROOM = 64 * 1024 * 1024
# The bot and the server are asked one after the other, and say whole seconds.
SAME = timedelta(minutes=1)
# A list is signed anew every day.
_OLDEST_LIST = timedelta(days=1)
# proc(5), /proc/pid/stat: the name in parentheses may hold spaces, so count after it. Ticks are
# those of USER_HZ, which time(7) has as 100.
_START_TIME = 19
_TICKS_A_SECOND = 100
# proc_net_tcp of the kernel's documentation: the columns, and the state of a listener.
_LOCAL, _STATE, _UID = 1, 3, 7
_LISTENS = "0A"


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
    folder = parent_of(layout.crl)
    left = await room_left(host, folder)
    if left is None or left >= LITTLE_ROOM:
        return []
    shown = layout.shown(folder)
    detail = f"Only {left // 1_000_000} MB are left on the disk of {shown}; make room there."
    return [Finding(FindingCode.DISK_NEARLY_FULL, detail)]


async def room_left(host: ServerHost, path: str) -> int | None:
    """How many bytes can still be written on the disk there; None where nothing is there.

    0 where no file can be made any more, whatever room there is.

    Raises:
        HostError: that cannot be told.
    """
    if await host.stat(path) is None:
        return None
    full = str(host.directory / path)
    # Files in all and free, blocks for other accounts than root, their size.
    asked = await host.run(("stat", "--file-system", "--format=%c %d %a %S", full))
    figures = asked.lines[-1].split() if asked.lines else []
    if asked.status != 0 or not all(map(str.isdecimal, figures)):
        raise HostError(f"Nobody can tell how much room is left at {quote(full)}: {asked.reason}")
    try:
        files, free_files, blocks, size = map(int, figures)
    except ValueError as error:  # too few, too many, or of more digits than Python reads
        raise HostError(f"Nobody can tell how much room is left at {quote(full)}.") from error
    # Some file systems have no count of files.
    return 0 if files and not free_files else blocks * size


async def ccd_findings(host: ServerHost, layout: Layout) -> list[Finding]:
    """Whether OpenVPN's account can reach the clients' files: if not, it refuses everybody.

    Raises:
        HostError: that cannot be told.
    """
    if layout.ccd is None:
        return []
    facts = await host.stat(layout.ccd)
    if facts is None or not facts.is_folder:
        shown = layout.shown(layout.ccd)
        effect = "so nobody can connect" if layout.exclusive else "so nobody has an own address"
        return [Finding(FindingCode.CCD_MISSING, f"There is no folder {quote(shown)}, {effect}.")]
    problem = await shut_out(host, layout.ccd, layout.reader)
    return [Finding(FindingCode.HOST_ERROR, problem)] if problem else []


async def or_host_error(look: Awaitable[list[Finding]]) -> list[Finding]:
    """What a look finds, or why it cannot be taken."""
    try:
        return await look
    except HostError as error:
        return [host_finding(error)]


def _span(span: timedelta) -> str:
    """A span of time in the largest unit of which there are two, give or take a minute."""
    seconds = span.total_seconds()
    minutes = round(seconds / 60)
    for size, unit in ((1440, "days"), (60, "hours"), (1, "minutes")):
        if minutes >= 2 * size:
            return f"{minutes / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


async def changed_since_start(
    host: ServerHost, pid: int, paths: Iterable[str] = DEPLOYED.read_at_start
) -> tuple[str, ...]:
    """Those of the files that changed, or went, after the process began.

    Raises:
        HostError: the files could not be looked at, or the process's beginning cannot be seen:
            then nothing tells that it has read them.
    """
    named = tuple(paths)
    started_at, found = await asyncio.gather(
        process_started_at(host, pid), asyncio.gather(*map(host.stat, named))
    )
    if started_at is None:
        raise HostError(
            "It can't be seen when OpenVPN was started;"
            " let the bot's account read /proc (mount it without hidepid)."
        )
    return tuple(
        path
        for path, facts in zip(named, found, strict=True)
        if facts is None or facts.changed_at > started_at
    )


async def process_started_at(host: ServerHost, pid: int) -> datetime | None:
    """When the process began, rounded down; None where it cannot be seen."""
    process = await host.process(pid)
    if process is None:
        return None
    cells = process.stat.decode("utf-8", "replace").rpartition(")")[2].split()
    try:
        return process.booted_at + timedelta(seconds=int(cells[_START_TIME]) / _TICKS_A_SECOND)
    except (IndexError, ValueError, OverflowError):  # a machine may say anything
        return None


async def port_in_use(host: ServerHost, port: int, protocol: Protocol) -> bool:
    """Whether somebody has the port, on any of the machine's addresses.

    Of TCP only listeners count: connections that have just ended hold nobody up.
    """
    for cells in await _sockets(host, protocol):
        taken = cells[_LOCAL].rpartition(":")[2] == f"{port:04X}"
        if taken and (protocol is Protocol.UDP or cells[_STATE] == _LISTENS):
            return True
    return False


async def tcp_listener_uid(host: ServerHost, place: TcpPort) -> int | None:
    """Whose socket listens there, by the account that opened it; None where that is not seen.

    Raises:
        HostError: nobody can tell.
    """
    packed = ip_address(place.host).packed
    # Addresses are printed word by word, each as a number in the machine's own byte order.
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    wanted = "".join(f"{word:08X}" for word in words) + f":{place.port:04X}"
    for cells in await _sockets(host, Protocol.TCP):
        if cells[_LOCAL] == wanted and cells[_STATE] == _LISTENS:
            try:
                return int(cells[_UID])
            except ValueError as error:
                raise HostError("The kernel's table names no account by its number.") from error
    return None


async def _sockets(host: ServerHost, protocol: Protocol) -> list[list[str]]:
    """The rows of the kernel's tables for IPv4, and for IPv6 unless that is switched off."""
    tables = await host.run(("cat", f"/proc/net/{protocol}", f"/proc/net/{protocol}6"))
    rows = (line.split() for line in tables.lines)
    # What `cat` says of a table that is not there has as many words in some languages.
    return [cells for cells in rows if len(cells) > _UID and cells[0].removesuffix(":").isdecimal()]


async def syntax_problem(host: ServerHost, folder: str, text: str) -> str | None:
    """What OpenVPN itself has against the lines of a configuration, read in that folder.

    With an option that only shows something it ends then. The text comes through a pipe, because
    it may hold keys. None also where OpenVPN is not installed.
    """
    options = ("--cd", str(host.directory / folder), "--config", "/dev/stdin", "--show-digests")
    done = await host.run(("openvpn", *options), stdin=text.encode("utf-8", "surrogateescape"))
    if done.status in {0, NO_PROGRAM}:
        return None
    telling = next((line for line in done.lines if "rror" in line), done.reason)
    return telling[:LONGEST_REASON]
