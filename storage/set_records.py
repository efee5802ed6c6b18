"""The value of a set of servers: frozen, as `storage.records`."""

from dataclasses import dataclass
from datetime import datetime

from storage.records import ServerName


@dataclass(frozen=True, slots=True)
class ServerSet:
    """Servers that share one profile.

    Attributes:
        servers: in the order in which clients try them.
        random: whether each client tries them in an order of its own.
    """

    name: ServerName
    servers: tuple[ServerName, ...]
    random: bool
    added_at: datetime
