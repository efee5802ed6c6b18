"""Whether packets get to a server and on from it: forwarding, masquerading, the firewall.

Only root sees the rules of a packet filter. Here `doctor`, started as root, is that for a moment,
before anything else is asked, and with commands that nothing of the bot's has a word in; elsewhere
the bot's account has no root, and that is said.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bot.fleet.live_servers import live_server, spec_of
from bot.health.look import Look, Routing, said_of
from bot.health.results import ShellLine, Trouble
from bot.process.privileges import as_root
from bot.texts import health as words
from storage.records import Server, ServerName
from vpn.configuration.forwarding import table_name
from vpn.configuration.server import inspect_conf
from vpn.errors import HostError
from vpn.host.firewall import Packet, Ruleset, forwards, read_ruleset, shut_port
from vpn.host.interface import ServerHost
from vpn.host.local import LocalHost
from vpn.layout import FORWARDING, NETWORK_RULES, SETS_SCRIPT
from vpn.values import Protocol

# `dev tun` gives the next free number.
_DEVICE = "tun"
_SETTINGS = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a configuration asks of its machine."""

    port: int
    protocol: Protocol
    pushes: bool


async def look_at_machine(servers: Iterable[Server]) -> dict[ServerName, Routing]:
    """The servers on this machine, as root where root has started this."""
    here = [server for server in servers if server.ssh is None]
    if not here:
        return {}
    wanted = {server.name: await _wanted(server) for server in here}
    machine = LocalHost(Path("/"))
    with as_root():
        rules = await _rules(machine)
        return {
            server.name: await _look(server, wanted[server.name], machine, rules) for server in here
        }


async def routing_of(look: Look) -> Routing:
    """As it was seen before; on another machine as its bot's account sees it now.

    Raises:
        HostError: that machine does not answer.
    """
    server = look.server
    if server.ssh is None:
        return look.around.routing.get(server.name, Routing())
    machine = look.host.machine
    return await _look(server, await _wanted(server), machine, await _rules(machine))


async def _wanted(server: Server) -> _Wanted | None:
    """None where an operator's own configuration cannot be read; that is said elsewhere."""
    spec = spec_of(server)
    if server.adopted is None:
        return _Wanted(spec.listen_port, spec.remote.protocol, bool(spec.routes))
    try:
        live = live_server(server)
        text = await live.host.read(live.layout.conf)
    except HostError:
        text = None
    if text is None:
        return None
    facts = inspect_conf(text.decode("utf-8", "replace"))
    pushed = [each.arguments for each in facts.directives if each.name == "push"]
    pushes = any(words and words[0].startswith(("route ", "redirect-")) for words in pushed)
    return _Wanted(facts.port, facts.protocol, pushes)


async def _rules(machine: ServerHost) -> Ruleset | None:
    try:
        return await read_ruleset(machine)
    except HostError:
        return None


async def _look(
    server: Server, wanted: _Wanted | None, machine: ServerHost, rules: Ruleset | None
) -> Routing:
    if wanted is None:
        return Routing()
    spec, folder = spec_of(server), PurePosixPath(server.directory)
    table = table_name(server.name)
    said: list[Trouble] = []
    # An IPv6 network is there for what lies behind the server: groups say what they push.
    networks = [spec.network] if wanted.pushes else []
    passed = (*networks, *((spec.network6,) if spec.network6 else ()))
    for network in passed:
        if await forwards(machine, network.version) is False:
            values = {"setting": _SETTINGS[network.version], "load": folder / FORWARDING}
            said.append(said_of(server, words.NOT_FORWARDING, **values))
    if rules is None:
        return Routing(tuple(said))
    files = {"rules": folder / NETWORK_RULES, "sets": folder / SETS_SCRIPT}
    for network in passed:
        if server.adopted is None and not rules.masquerades(table, network):
            lacking = {"table": table, "network": network, **files}
            said.append(said_of(server, words.NO_MASQUERADE, **lacking))
    opening = await shut_port(machine, rules, wanted.port, wanted.protocol)
    if opening is not None:
        values = {"port": wanted.port, "protocol": wanted.protocol}
        said.append(said_of(server, words.PORT_SHUT, opening=ShellLine(opening), **values))
    for network in passed:
        chain = rules.dropped_by(Packet("forward", source=network, device=_DEVICE))
        if chain is not None:
            ip = "ip" if network.version == spec.network.version else "ip6"
            refused = {"chain": ShellLine(chain), "network": network, "ip": ip}
            said.append(said_of(server, words.FORWARD_SHUT, **refused))
    return Routing(tuple(said), is_seen=True)


def unseen_from(server: Server) -> str:
    """What says that nobody has looked at the packet filter."""
    text = words.FIREWALL_UNSEEN if server.ssh is None else words.FIREWALL_UNSEEN_ELSEWHERE
    return words.SERVER.format(server=server.name, text=text)
