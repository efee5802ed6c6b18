"""Where a server's machine is, when it is not this one."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from vpn.errors import InvalidServer
from vpn.values import HIGHEST_PORT

SSH_PORT = 22
# What sudo runs for us, and nothing else: the last word tells our line from others, and what is
# done from what an operator types, in sudo's log.
ROOT_SHELL = ("/bin/sh", "-s", "vpnbot")
# No word of a shell, an option or a path: what is typed here is shown in commands to copy.
_ADDRESS = re.compile(
    r"(?P<user>[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?)"
    r"@(\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}))"
    r"(:(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SshAddress:
    """An account of a machine, as `ssh` would be told."""

    user: str
    host: str
    port: int = SSH_PORT

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + (f":{self.port}" if self.port != SSH_PORT else "")


@dataclass(frozen=True, slots=True)
class SshTarget:
    """All that it takes to log in.

    Attributes:
        host_key: what the machine has to show, as in known_hosts: 'ssh-ed25519 AAAA…'.
        key_file: our private key; None takes those of whoever runs this, and their agent.
        sudo: whether the account becomes root there, by sudo. Connections to sockets and ports stay
            those of the account itself.
    """

    address: SshAddress
    host_key: str
    key_file: Path | None
    sudo: bool = False


def sudoers_line(user: str, until: datetime) -> str:
    """What lets this account become root by `ROOT_SHELL` without a password, see sudoers(5).

    Args:
        until: when it ends by itself.
    """
    end = until.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
    return f"{user} ALL=(root) NOTAFTER={end} NOPASSWD: {' '.join(ROOT_SHELL)}"


# Each look at a server compares its address with those of all others.
@lru_cache(maxsize=1000)
def parse_ssh_address(text: str) -> SshAddress:
    """Reads 'USER@HOST[:PORT]'; an IPv6 address stands in brackets.

    Raises:
        InvalidServer: with an example of what is expected.
    """
    match = _ADDRESS.fullmatch(text.strip())
    port = int(match["port"] or SSH_PORT) if match else 0
    if match is None or not 1 <= port <= HIGHEST_PORT:
        raise InvalidServer(
            f"{text!r} is no USER@HOST:PORT; write for example vpnbot@paris.example.com:22."
        )
    return SshAddress(match["user"], (match["v6"] or match["host"]).lower(), port)
