"""Who may send from which address, as sets that a firewall's rules can name.

Each group and each person has one for each family: `group-dev` and `group6-dev`, `user-1001` and
`user6-1001`. A person's is called by their number, since names are neither unique nor stable. They
are written for several firewalls here; `vpn.configuration.sets_script` fills those of the server's
own machine.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from vpn.errors import InvalidServer

FAMILY = "inet"
# Behind the last line of what the bot writes: without it a part is missing.
END = "end"
# What root's script may make of it; more would be a sign of trouble.
MOST_DECLARED = 5_000

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
# IPSET_MAXNAMELEN and PF_TABLE_NAME_SIZE are 32, with a zero at the end.
_LONGEST_NAME, _DIGEST = 31, 8
_SHOWN = 64
_NFT_TYPES = {4: "ipv4_addr", 6: "ipv6_addr"}
_IPSET_FAMILIES = {4: "inet", 6: "inet6"}
_IPSET_LEAST = 65_536  # what a set of ipset's holds where nobody says else
_IPSET_NEW = "vpnbot-new"


class SetKind(StrEnum):
    """Whom a set is for."""

    GROUP = "group"
    USER = "user"


@dataclass(frozen=True, slots=True)
class AddressSet:
    """A group, or a person, and the addresses that are theirs at this moment.

    Attributes:
        key: the group's name, or the person's number.
        title: for people to read.

    Raises:
        InvalidServer: the key would mean something else in a file that root loads.
    """

    kind: SetKind
    key: str
    title: str
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise InvalidServer(f"{self.key!a} can't be the name of a set of addresses.")

    def named(self, version: int) -> str:
        """The name of its set for a family of addresses, 4 or 6."""
        return f"{self.kind}{'6' if version == IPv6Address(0).version else ''}-{self.key}"

    def of(self, version: int) -> list[IPv4Address | IPv6Address]:
        """Its addresses of a family, in order."""
        return sorted(each for each in self.addresses if each.version == version)

    @property
    def comment(self) -> str:
        """A line of its own that says whose it is, whatever characters a name has."""
        title = self.title[:_SHOWN]
        shown = "".join(letter if letter.isprintable() else "?" for letter in title)
        return f"# {self.named(4)}: {shown}"


def declared(sets: Sequence[AddressSet]) -> str:
    """The sets as nftables declares them inside of a table, all of them empty."""
    lines = []
    for each in sets[:MOST_DECLARED]:
        lines.append(each.comment)
        lines += [f"set {each.named(v)} {{ type {kind}; }}" for v, kind in _NFT_TYPES.items()]
    if len(sets) > MOST_DECLARED:
        lines.append(f"# {len(sets) - MOST_DECLARED} more aren't declared here.")
    return "".join(f"    {line}\n" for line in lines)


def membership_lines(sets: Sequence[AddressSet]) -> str:
    """What the bot writes for root's script: `SET ADDRESS`, and a line that ends it.

    IPv6 addresses have all of their digits, so that a few lines of awk can tell where they belong.
    """
    lines = [
        f"{each.named(address.version)} {address.exploded}"
        for each in sets
        for version in _NFT_TYPES
        for address in each.of(version)
    ]
    return "".join(f"{line}\n" for line in (*lines, END))


def as_nft(table: str, sets: Sequence[AddressSet]) -> str:
    """For `nft --file`: the sets hold this and nothing else from then on, in one step.

    The table is made where it is not there; rules and other sets in it stay as they are.
    """

    def lines() -> Iterator[str]:
        yield f"add table {FAMILY} {table}"
        for each in sets:
            yield each.comment
            for version, kind in _NFT_TYPES.items():
                place = f"{FAMILY} {table} {each.named(version)}"
                yield f"add set {place} {{ type {kind}; }}"
                yield f"flush set {place}"
                if addresses := each.of(version):
                    yield f"add element {place} {{ {', '.join(map(str, addresses))} }}"

    return _text(lines())


def as_ipset(server: str, sets: Sequence[AddressSet]) -> str:
    """For `ipset restore -exist`: each set is filled beside the old one, and takes its place."""

    def lines() -> Iterator[str]:
        for each in sets:
            yield each.comment
            for version, family in _IPSET_FAMILIES.items():
                name = _bounded(f"{server}.{each.named(version)}")
                addresses = each.of(version)
                kind = f"hash:ip family {family} maxelem {max(_IPSET_LEAST, len(addresses))}"
                yield f"create {name} {kind}"
                yield f"create {_IPSET_NEW} {kind}"
                yield f"flush {_IPSET_NEW}"
                yield from (f"add {_IPSET_NEW} {address}" for address in addresses)
                yield f"swap {_IPSET_NEW} {name}"
                yield f"destroy {_IPSET_NEW}"

    return _text(lines())


def as_pf(server: str, sets: Sequence[AddressSet]) -> str:
    """Tables of pf.conf(5), of both families each; see its grammar, `table-rule`."""

    def lines() -> Iterator[str]:
        for each in sets:
            yield each.comment
            inside = " ".join(str(address) for v in _NFT_TYPES for address in each.of(v))
            name = _bounded(f"{server}.{each.named(4)}")
            yield f"table <{name}> persist" + (f" {{ {inside} }}" if inside else "")

    return _text(lines())


def _bounded(name: str) -> str:
    """A name that fits; of a long one the beginning, and a digest that tells it from others."""
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{name[: _LONGEST_NAME - _DIGEST - 1]}.{digest}"


def _text(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
