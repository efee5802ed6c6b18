"""What root has to do for a server from time to time, by which command, and by when.

The commands are shell lines to be copied, whole. Of a server elsewhere they say that root gets in
there by SSH; who does it by sudo or with an archive knows that.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from shlex import join

from bot.access.endings import ServerEnd
from bot.fleet.elsewhere import address_of
from bot.fleet.live_servers import live_server
from bot.fleet.remote import remote_of
from storage.records import Server
from vpn.configuration.server import unit_name
from vpn.host.units import restart_command

BOTS_ACCOUNT = "vpnbot"
# The account that the pages suggest, and others of the bot's own beside it: root makes one there
# without being told its name, see `bot.setup.deploying.require_named_account`.
_OWN_ACCOUNT = re.compile(rf"{BOTS_ACCOUNT}(-[a-z0-9]+)?", re.ASCII)


def is_own_account(name: str) -> bool:
    """Whether an account of this name is the bot's by its name alone."""
    return _OWN_ACCOUNT.fullmatch(name) is not None


def deploy_line(server: Server) -> str:
    """Writes the folder of a server of ours anew."""
    named = () if is_own_account(server.account) else ("--account", server.account)
    return join(("vpnbot", "server", "deploy", server.name, *_way(server, *named)))


def adopt_line(server: Server) -> str:
    """Looks at an adopted server anew."""
    seen = ("--config", server.directory, "--remote", str(remote_of(server)))
    way = _way(server, "--account", server.account)
    return join(("vpnbot", "server", "adopt", server.name, *seen, *way))


def restart_line(server: Server) -> str:
    """Restarts its OpenVPN, on its machine; words where nobody here knows its unit."""
    if server.adopted is None:
        return f"systemctl restart {unit_name(server.name)}"
    return restart_command(server.directory.lstrip("/")).removeprefix("# ")


def _way(server: Server, *named: str) -> tuple[str, ...]:
    """How root gets to its machine.

    Args:
        named: what has to be said again, where it is elsewhere.
    """
    address = address_of(server)
    return () if address is None else ("--ssh", str(replace(address, user="root")), *named)


async def server_ends(servers: Sequence[Server]) -> Sequence[ServerEnd]:
    """When each server's own certificate ends; one where that is not known is left out."""
    # One that hangs does not add to the others.
    found = await asyncio.gather(*(live_server(each).certificate_end() for each in servers))
    return [
        ServerEnd(server.name, end, _renewal(server))
        for server, end in zip(servers, found, strict=True)
        if end is not None
    ]


def _renewal(server: Server) -> str:
    """Gives it a new certificate, where that one ends soon."""
    if server.adopted is None:
        return deploy_line(server)
    return f"{adopt_line(server)} --renew-certificate"
