"""What clients of a server dial; by itself, since the listing of servers needs nothing else."""

from storage.records import Server
from vpn.values import Protocol, Remote


def remote_of(server: Server) -> Remote:
    """Where its clients dial."""
    return Remote(server.remote_host, server.remote_port, Protocol(server.protocol))
