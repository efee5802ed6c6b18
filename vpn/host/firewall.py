"""What a machine's packet filter does to OpenVPN: read as nftables shows it, which is JSON.

Only what is certain is said. A rule whose conditions cannot be told for a client that comes from
anywhere may let it through, and then nothing is known; one that is for certain addresses only is
not for everybody. See libnftables-json(5).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from vpn.host.interface import ServerHost
from vpn.values import Protocol

# What looks at a packet of each version.
_FAMILIES = {4: ("ip", "inet"), 6: ("ip6", "inet")}
_PAYLOADS = {4: "ip", 6: "ip6"}
_PROTOCOLS = {4: "ipv4", 6: "ipv6"}
_FORWARDING = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
# Deeper than nftables itself lets chains call each other.
_DEEPEST = 32
_LIST = ("nft", "--json", "list", "ruleset")
_PORTS = ("tcp", "udp", "th")
_ESTABLISHED = frozenset({"established", "related", "invalid", "untracked"})
_UFW, _FIREWALLD = "ufw-user-input", "firewalld"


class Kind(Enum):
    """Who keeps the rules, and so has to be told of another one."""

    UFW = auto()
    FIREWALLD = auto()
    NFTABLES = auto()


class _End(Enum):
    """What becomes of a packet in a chain."""

    ACCEPT = auto()
    DROP = auto()
    RETURN = auto()  # nothing in the chain is about it
    MAYBE = auto()


@dataclass(frozen=True, slots=True)
class Packet:
    """The first one of a connection.

    Attributes:
        hook: where it is looked at: `input` or `forward`.
        protocol, port: None is any.
        source: None is anywhere in IPv4.
        device: what the names of the interfaces begin with by which it comes; None is any.
    """

    hook: str
    protocol: Protocol | None = None
    port: int | None = None
    source: IPv4Network | IPv6Network | None = None
    device: str | None = None

    @property
    def version(self) -> int:
        """Of IP."""
        return 4 if self.source is None else self.source.version


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All that nftables has, iptables' own rules included where they go through it."""

    entries: tuple[Mapping[str, Any], ...]

    @property
    def kind(self) -> Kind:
        if any(chain.get("name") == _UFW for chain in self._all("chain")):
            return Kind.UFW
        is_firewalld = any(table.get("name") == _FIREWALLD for table in self._all("table"))
        return Kind.FIREWALLD if is_firewalld else Kind.NFTABLES

    def dropped_by(self, packet: Packet) -> str | None:
        """The chain that drops it for certain, as FAMILY TABLE CHAIN; None where none does."""
        for chain in self._all("chain"):
            is_asked = chain.get("hook") == packet.hook and chain.get("type") == "filter"
            if not is_asked or chain.get("family") not in _FAMILIES[packet.version]:
                continue
            end = self._end(chain, packet, _DEEPEST)
            if end is _End.RETURN and chain.get("policy") == "drop":
                end = _End.DROP
            if end is _End.DROP:
                return " ".join(str(chain.get(key, "")) for key in ("family", "table", "name"))
        return None

    def masquerades(self, table: str, network: IPv4Network | IPv6Network) -> bool:
        """Whether a table of this name has a rule that does so for all of the network."""
        packet = Packet("postrouting", source=network)
        for rule in self._all("rule"):
            parts = _parts(rule)
            if rule.get("table") != table or not any("masquerade" in part for part in parts):
                continue
            if _fits([part for part in parts if "match" in part][:1], packet, self) is True:
                return True
        return False

    def elements(self, family: object, table: object, name: str) -> Sequence[Any] | None:
        """What a named set holds."""
        for entry in self._all("set"):
            if (entry.get("family"), entry.get("table"), entry.get("name")) == (
                family,
                table,
                name,
            ):
                found = entry.get("elem", [])
                return found if isinstance(found, list) else None
        return None

    def _all(self, what: str) -> list[Mapping[str, Any]]:
        found = (entry.get(what) for entry in self.entries)
        return [each for each in found if isinstance(each, dict)]

    def _end(self, chain: Mapping[str, Any], packet: Packet, deepest: int) -> _End:
        if deepest == 0:
            return _End.MAYBE
        place = tuple(chain.get(key) for key in ("family", "table", "name"))
        for rule in self._all("rule"):
            if tuple(rule.get(key) for key in ("family", "table", "chain")) != place:
                continue
            end = self._of_rule(rule, packet, deepest)
            if end is not _End.RETURN:
                return end
        return _End.RETURN

    def _of_rule(self, rule: Mapping[str, Any], packet: Packet, deepest: int) -> _End:
        parts = _parts(rule)
        fits = _fits([part for part in parts if _is_condition(part)], packet, self, rule)
        if fits is False:
            return _End.RETURN
        end = _End.RETURN
        for part in parts:
            if "accept" in part:
                end = _End.ACCEPT
            elif "drop" in part or "reject" in part:
                end = _End.DROP
            elif "jump" in part or "goto" in part:
                call = part.get("jump") or part.get("goto")
                target = {
                    "family": rule.get("family"),
                    "table": rule.get("table"),
                    "name": call.get("target") if isinstance(call, dict) else None,
                }
                end = self._end(target, packet, deepest - 1)
            elif "vmap" in part or "xt" in part or "queue" in part:
                end = _End.MAYBE
        if fits is None:
            # It may end here; where it would be dropped, it may also go on.
            return _End.MAYBE if end in (_End.ACCEPT, _End.MAYBE) else _End.RETURN
        return end


def _parts(rule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = rule.get("expr", [])
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _is_condition(part: Mapping[str, Any]) -> bool:
    is_match = isinstance(part.get("xt"), dict) and part["xt"].get("type") == "match"
    return "match" in part or "limit" in part or is_match


def _fits(
    conditions: Sequence[Mapping[str, Any]],
    packet: Packet,
    ruleset: Ruleset,
    rule: Mapping[str, Any] | None = None,
) -> bool | None:
    """Whether all hold; None where that cannot be told."""
    known = [_holds(part.get("match"), packet, ruleset, rule or {}) for part in conditions]
    if False in known:
        return False
    return None if None in known else True


def _holds(match: object, packet: Packet, ruleset: Ruleset, rule: Mapping[str, Any]) -> bool | None:
    if not isinstance(match, dict) or not isinstance(match.get("left"), dict):
        return None
    left, right, op = match["left"], match.get("right"), match.get("op")
    if isinstance(right, str) and right.startswith("@"):
        right = ruleset.elements(rule.get("family"), rule.get("table"), right[1:])
        if not right:
            return None  # it is filled and emptied by somebody else
    wanted = _flat(right)
    held = _about(left, wanted, packet)
    if held is None or op in ("==", "in"):
        return held
    return not held if op == "!=" and _may_be_turned(left, packet) else None


def _flat(right: object) -> list[Any]:
    if isinstance(right, dict) and isinstance(right.get("set"), list):
        right = right["set"]
    found = right if isinstance(right, list) else [right]
    # An element may carry a comment or a timeout.
    return [
        each["elem"].get("val") if isinstance(each, dict) and "elem" in each else each
        for each in found
    ]


def _may_be_turned(left: Mapping[str, Any], packet: Packet) -> bool:
    """Whether a rule with `!=` is for the packet at all where `==` would not hold."""
    payload = left.get("payload")
    if not isinstance(payload, dict) or payload.get("protocol") not in ("tcp", "udp"):
        return True
    return packet.protocol is not None and payload["protocol"] == str(packet.protocol)


def _about(left: Mapping[str, Any], wanted: Sequence[Any], packet: Packet) -> bool | None:
    payload, meta, ct = (left.get(each) for each in ("payload", "meta", "ct"))
    if isinstance(payload, dict):
        return _payload(payload, wanted, packet)
    if isinstance(ct, dict) and ct.get("key") == "state":
        return "new" in wanted if set(map(str, wanted)) - _ESTABLISHED else False
    match meta.get("key") if isinstance(meta, dict) else None:
        case "l4proto":
            return _protocol(wanted, packet)
        case "nfproto":
            return _PROTOCOLS[packet.version] in wanted
        case "iif" | "iifname":
            return _device(wanted, packet)
        case _:
            return None


def _payload(payload: Mapping[str, Any], wanted: Sequence[Any], packet: Packet) -> bool | None:
    protocol, field = str(payload.get("protocol")), payload.get("field")
    if protocol in _PORTS:
        if packet.protocol is None:
            return None
        if protocol not in ("th", str(packet.protocol)):
            return False
        return _has_port(wanted, packet.port) if field == "dport" else None
    if protocol == _PAYLOADS[packet.version]:
        if field in ("protocol", "nexthdr"):
            return _protocol(wanted, packet)
        return _from(wanted, packet) if field == "saddr" else None
    # Of another kind: the other version of IP, ICMP and others.
    return False if packet.protocol is not None or protocol in _PAYLOADS.values() else None


def _protocol(wanted: Sequence[Any], packet: Packet) -> bool | None:
    return None if packet.protocol is None else str(packet.protocol) in wanted


def _has_port(wanted: Sequence[Any], port: int | None) -> bool | None:
    for each in wanted:
        ends = each.get("range") if isinstance(each, dict) else [each, each]
        if not isinstance(ends, list) or not all(isinstance(end, int) for end in ends):
            return None  # a name of /etc/services, a variable
        if port is not None and ends[0] <= port <= ends[-1]:
            return True
    return False


def _from(wanted: Sequence[Any], packet: Packet) -> bool | None:
    """Whether all that the packet may come from is meant."""
    source = packet.source or IPv4Network("0.0.0.0/0")
    bits = source.max_prefixlen
    for each in wanted:
        prefix: Any = each.get("prefix") if isinstance(each, dict) else {"addr": each, "len": bits}
        try:
            network = ip_network(f"{prefix['addr']}/{prefix['len']}", strict=False)
        except (ValueError, KeyError, TypeError):
            return None  # a range, a name
        if network.version != source.version:
            continue
        if network.prefixlen <= source.prefixlen and network.overlaps(source):
            return True
        if packet.source is not None and source.overlaps(network):
            return None  # for some of its clients
    return False


def _device(wanted: Sequence[Any], packet: Packet) -> bool | None:
    names = [str(each).rstrip("*") for each in wanted]
    if packet.device is None:
        return False if names == ["lo"] else None
    if any(packet.device.startswith(name) or name.startswith(packet.device) for name in names):
        return True if any(packet.device.startswith(name) for name in names) else None
    return False


async def read_ruleset(host: ServerHost) -> Ruleset | None:
    """All rules there; None where the caller may not see them, or there is no nftables.

    Raises:
        HostError: the machine does not answer.
    """
    asked = await host.run(_LIST)
    if asked.status != 0:
        return None
    try:
        entries = json.loads(asked.output)["nftables"]
        return Ruleset(tuple(entry for entry in entries if isinstance(entry, dict)))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


async def shut_port(host: ServerHost, rules: Ruleset, port: int, protocol: Protocol) -> str | None:
    """The shell line that opens a port which the firewall shuts; None where it does not.

    Raises:
        HostError: the machine does not answer.
    """
    if rules.kind is Kind.UFW:
        return await _shut_by_ufw(host, port, protocol)
    if rules.kind is Kind.FIREWALLD:
        opened = f"{port}/{protocol}"
        asked = await host.run(("firewall-cmd", f"--query-port={opened}"))
        if asked.lines != ["no"]:
            return None
        return f"firewall-cmd --permanent --add-port={opened} && firewall-cmd --reload"
    chain = rules.dropped_by(Packet("input", protocol, port))
    return chain and f"nft insert rule {chain} {protocol} dport {port} accept"


async def _shut_by_ufw(host: ServerHost, port: int, protocol: Protocol) -> str | None:
    lines = (await host.run(("ufw", "status", "verbose"))).lines
    is_on = any(line == "Status: active" for line in lines)
    shuts = any(line.startswith(("Default: deny (in", "Default: reject (in")) for line in lines)
    named = {f"{port}/{protocol}", str(port)}
    opened = any(words[0] in named and "ALLOW" in words for words in map(str.split, lines) if words)
    return f"ufw allow {port}/{protocol}" if is_on and shuts and not opened else None


async def forwards(host: ServerHost, version: int = 4) -> bool | None:
    """Whether the kernel there passes packets on; None where nobody can tell.

    Args:
        version: of IP.

    Raises:
        HostError: the machine does not answer.
    """
    asked = await host.run(("cat", f"/proc/sys/{_FORWARDING[version]}"))
    return asked.lines == ["1"] if asked.status == 0 and asked.lines else None
