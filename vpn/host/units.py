"""By which unit the system runs an operator's own server."""

import re
import shlex
from pathlib import PurePosixPath

# Debian's units, and the folders in which they start OpenVPN.
_UNITS = {"/etc/openvpn/server": "openvpn-server@", "/etc/openvpn": "openvpn@"}
_PLAIN_UNIT = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)


def restart_command(conf: str) -> str:
    """The shell line that restarts a server, by the place of its configuration below /."""
    path = PurePosixPath("/") / conf
    unit = _UNITS.get(str(path.parent))
    if unit is None or path.suffix != ".conf" or not _PLAIN_UNIT.fullmatch(path.stem):
        # A line break would end the comment.
        shown = shlex.quote(str(path)) if str(path).isprintable() else repr(str(path))
        return f"# restart the OpenVPN that runs with {shown}"
    return f"systemctl restart {unit}{path.stem}"
