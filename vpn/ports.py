"""Who has a port of this machine."""

import errno
import socket
import sys
from ipaddress import ip_address
from pathlib import Path

from vpn.values import Protocol

# proc_net_tcp of the kernel's documentation: the columns, and the state of a listener.
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOCAL, _STATE, _UID = 1, 3, 7
_LISTENS = "0A"


def tcp_listener_uid(host: str, port: int) -> int | None:
    """Whose socket listens there, by the account that opened it; None where that is not seen.

    Args:
        host: an address of this machine.
    """
    packed = ip_address(host).packed
    # Addresses are printed word by word, each as a number in the machine's own byte order.
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    wanted = "".join(f"{word:08X}" for word in words) + f":{port:04X}"
    for table in _TABLES:
        for line in table.read_text().splitlines()[1:]:
            cells = line.split()
            if cells[_LOCAL] == wanted and cells[_STATE] == _LISTENS:
                return int(cells[_UID])
    return None


def port_in_use(port: int, protocol: Protocol) -> bool:
    """Whether another socket of this machine has the port, on any of its addresses.

    Tries to take it for a moment. Where that is not allowed (a port below 1024 without the
    right to it) nothing is known, and the answer is no: OpenVPN itself will say so at its start.
    """
    kind = socket.SOCK_STREAM if protocol is Protocol.TCP else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if protocol is Protocol.TCP:
            # Connections that have just ended do not count; a listener still does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
