"""Sets of addresses, as each firewall takes them: nft and ipset themselves say whether they do."""

import os
import re
import shutil
import subprocess
from ipaddress import ip_address

import pytest

from vpn.configuration.address_sets import (
    MOST_DECLARED,
    AddressSet,
    SetKind,
    as_ipset,
    as_nft,
    as_pf,
    declared,
    membership_lines,
)
from vpn.errors import InvalidServer

PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
DEV = AddressSet(
    SetKind.GROUP, "dev", "dev", tuple(map(ip_address, ("10.8.0.9", "10.8.0.10", "fd12::a")))
)
# Two people of one name, and what a name may hold.
ODD = "Anna \u201e; } flush ruleset\n\u202eX\x00# \\ \u0410"
ANNAS = tuple(
    AddressSet(SetKind.USER, str(number), ODD, (ip_address(f"10.8.0.{number}"),))
    for number in (11, 12)
)
LONG = AddressSet(SetKind.GROUP, "x" * 32, "x" * 32)
SETS = (DEV, *ANNAS, LONG)


def needs(program: str) -> pytest.MarkDecorator:
    missing = os.geteuid() != 0 or shutil.which(program, path=PATH) is None
    return pytest.mark.skipif(missing, reason=f"It takes root, and {program}.")


def taken(text: str, *command: str) -> None:
    """In a network of its own, where nothing can be broken."""
    ran = subprocess.run(
        ("unshare", "--net", *command),
        input=text,
        text=True,
        capture_output=True,
        check=False,
        env={"PATH": PATH},
    )
    assert (ran.returncode, ran.stderr) == (0, ""), text


@needs("nft")
@pytest.mark.parametrize("sets", [SETS, ()])
def test_nft_takes_it(sets: tuple[AddressSet, ...]) -> None:
    taken(as_nft("vpnbot-office", sets), "nft", "--check", "--file", "-")
    taken(
        f"table inet x {{\n{declared(sets)}}}\n{as_nft('x', sets)}", "nft", "--check", "--file", "-"
    )


@needs("ipset")
def test_ipset_takes_it() -> None:
    """Also a second time, in the place of the first."""
    script = (
        'text=$(cat); for i in 1 2; do echo "$text" | ipset restore -exist; done; ipset list -t'
    )
    taken(as_ipset("office", SETS), "sh", "-euc", script)


def test_what_nft_is_told() -> None:
    lines = as_nft("vpnbot-office", (DEV, ANNAS[0])).splitlines()
    assert lines == [
        "add table inet vpnbot-office",
        "# group-dev: dev",
        "add set inet vpnbot-office group-dev { type ipv4_addr; }",
        "flush set inet vpnbot-office group-dev",
        "add element inet vpnbot-office group-dev { 10.8.0.9, 10.8.0.10 }",
        "add set inet vpnbot-office group6-dev { type ipv6_addr; }",
        "flush set inet vpnbot-office group6-dev",
        "add element inet vpnbot-office group6-dev { fd12::a }",
        "# user-11: Anna \u201e; } flush ruleset??X?# \\ \u0410",
        "add set inet vpnbot-office user-11 { type ipv4_addr; }",
        "flush set inet vpnbot-office user-11",
        "add element inet vpnbot-office user-11 { 10.8.0.11 }",
        "add set inet vpnbot-office user6-11 { type ipv6_addr; }",
        "flush set inet vpnbot-office user6-11",
    ]


def test_what_pf_is_told() -> None:
    """By the grammar of pf.conf(5): `table <NAME> persist { ADDRESS … }`."""
    text = as_pf("office", SETS)
    assert "table <office.group-dev> persist { 10.8.0.9 10.8.0.10 fd12::a }\n" in text
    rule = r"table <[a-z][a-z0-9._-]{0,30}> persist( \{( [0-9a-f.:]+)+ \})?"
    for line in text.splitlines():
        assert line.startswith("# ") or re.fullmatch(rule, line), line


def test_long_names_stay_apart() -> None:
    """ipset and pf have 31 characters."""
    servers = ("s" * 31 + "1", "s" * 31 + "2")
    names = [
        line.split()[1]
        for server in servers
        for line in as_ipset(server, SETS).splitlines()
        if line.startswith("create ") and "vpnbot-new" not in line
    ]
    assert len(names) == len(set(names)) == 2 * 2 * len(SETS)
    assert max(map(len, names)) == 31


def test_what_the_bot_writes() -> None:
    assert membership_lines((DEV,)).splitlines() == [
        "group-dev 10.8.0.9",
        "group-dev 10.8.0.10",
        "group6-dev fd12:0000:0000:0000:0000:0000:0000:000a",
        "end",
    ]


@pytest.mark.parametrize("key", ["", "a b", "a}", "-a", "\u0430", "a\n", "x" * 33, "A"])
def test_a_name_that_would_mean_something_else(key: str) -> None:
    """The database is the bot's; root loads what stands there."""
    with pytest.raises(InvalidServer):
        AddressSet(SetKind.GROUP, key, "dev")


def test_what_is_not_declared_is_said() -> None:
    many = [AddressSet(SetKind.USER, str(n), "A") for n in range(MOST_DECLARED + 2)]
    assert declared(many).endswith("# 2 more aren't declared here.\n")
    assert f"user-{MOST_DECLARED} " not in declared(many)
