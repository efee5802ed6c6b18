"""Where a server's files and its management interface are.

A server that we deployed has them below its folder, by the names here. An adopted one has them
wherever its operator's configuration says: its paths are relative to `/`.
"""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

# Paths below a server's folder. server.conf names them relative to it, so that the folder can
# be moved, and so that the socket's path keeps below the 107 bytes that a unix socket may have.
CONF = "server.conf"
CA_CERTIFICATE = "ca.crt"
CERTIFICATE = "server.crt"
PRIVATE_KEY = "server.key"
TLS_CRYPT_V2_KEY = "tls-crypt-v2.key"
# Both are loaded by the server's unit, see `vpn.configuration.forwarding`.
NETWORK_RULES = "network.nft"
FORWARDING = "network.sysctl"
# What root keeps there itself, and the rules end with.
OWN_RULES = "network.d"
# Fills the sets of the rules, see `vpn.configuration.sets_script`.
SETS_SCRIPT = "network-sets.sh"
LIVE = "live"
CCD = "live/ccd"
CRL = "live/crl.pem"
MEMBERS = "live/members"
MANAGEMENT_SOCKET = "management.sock"

# OpenVPN reads these when it starts and never again.
READ_AT_START = (CONF, CA_CERTIFICATE, CERTIFICATE, PRIVATE_KEY, TLS_CRYPT_V2_KEY)

HAND_WINDOW_S = 60  # OpenVPN's default for `hand-window`


def parent_of(path: str) -> str:
    """The folder that it lies in."""
    return path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A management interface at a path; `password_file` is what `management` names third."""

    path: str
    password_file: str | None = None


@dataclass(frozen=True, slots=True)
class TcpPort:
    """A management interface at an address. The protocol is clear text."""

    host: str
    port: int
    password_file: str | None = None

    @property
    def is_loopback(self) -> bool:
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


ManagementPlace = UnixSocket | TcpPort


@dataclass(frozen=True, slots=True)
class Reader:
    """The account and the group that OpenVPN drops to; where both are None it stays root."""

    user: str | None
    group: str | None


NOBODY = Reader("nobody", "nogroup")


class NamedBy(StrEnum):
    """Where OpenVPN has a client's name from: for its file, in the list of sessions, in `kill`."""

    COMMON_NAME = "common_name"  # of its certificate, as everywhere unless the operator says else
    USER_NAME = "user_name"  # what is typed in: `username-as-common-name`
    OTHER_FIELDS = "other_fields"  # of its certificate: `x509-username-field`


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths are relative to the folder of the server's host, written with '/', without symlinks.

    Attributes:
        crl: None where OpenVPN reads no CRL from a file: `crl-verify` is absent, inline, or
            names a folder of serials.
        ccd: None without a client-config-dir.
        exclusive: `ccd-exclusive` is on, so a client without a file of its own is refused.
        management: None where there is none that we could connect to.
        certificate: the server's own; None where it stands in the configuration itself.
        read_at_start: what OpenVPN reads when it starts and never again, `conf` first.
        start_folder: where OpenVPN is started; relative paths in the configuration begin there.
        named_conf: the configuration's path as the operator named it, perhaps a symlink.
        bot_folders: what root writes there belongs to the folder's owner.
        adopted: the configuration is the operator's own.
        named_by: where this is not the common name, a file of ours would not be found, and no
            session can be told to be a certificate's.
    """

    conf: str
    crl: str | None
    ccd: str | None
    exclusive: bool
    management: ManagementPlace | None
    certificate: str | None
    read_at_start: tuple[str, ...]
    reader: Reader = NOBODY
    hand_window_s: int = HAND_WINDOW_S
    bot_folders: tuple[str, ...] = ()
    start_folder: str = ""
    named_conf: str = CONF
    adopted: bool = True
    named_by: NamedBy = NamedBy.COMMON_NAME

    @property
    def members(self) -> str | None:
        """Whose each address is, for a firewall; None where no folder beside it is the bot's."""
        return f"{self.bot_folders[0]}/{MEMBERS.rpartition('/')[2]}" if self.bot_folders else None

    @property
    def knows_names(self) -> bool:
        """Whether a name in OpenVPN's mouth is that of a certificate."""
        return self.named_by is NamedBy.COMMON_NAME

    def shown(self, path: str) -> str:
        """A path for people to read."""
        return f"/{path}" if self.adopted else path

    def is_the_bots(self, path: str) -> bool:
        """Whether a file there is the bot's: written by root, it gets the owner of its folder."""
        return parent_of(path) in self.bot_folders

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `from_json` reads it again. There are no secrets inside."""
        return asdict(replace(self, adopted=True))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Layout":
        """Raises KeyError or TypeError where it is not what `to_json` gave."""
        place = values["management"]
        kind = TcpPort if place and "port" in place else UnixSocket
        return cls(
            **(
                values
                | {
                    "management": place and kind(**place),
                    "reader": Reader(**values["reader"]),
                    "read_at_start": tuple(values["read_at_start"]),
                    "bot_folders": tuple(values["bot_folders"]),
                    # Not in what was stored before there was more than one.
                    "named_by": NamedBy(values.get("named_by", NamedBy.COMMON_NAME)),
                }
            )
        )


DEPLOYED = Layout(
    conf=CONF,
    crl=CRL,
    ccd=CCD,
    exclusive=True,
    management=UnixSocket(MANAGEMENT_SOCKET),
    certificate=CERTIFICATE,
    read_at_start=READ_AT_START,
    bot_folders=(LIVE, CCD),
    adopted=False,
)
# Of the files that OpenVPN reads at its start, those that decide who is let in. A renewed
# server certificate that waits for its restart takes nothing from a proof.
DECIDE_WHO_ENTERS = (CONF, CA_CERTIFICATE)
