"""The table of OpenVPN's directives, against the OpenVPN that is installed."""

import re
import shutil
import subprocess

import pytest

from vpn.configuration.directives import parse_directives
from vpn.configuration.table import _NAMES, EFFECTS, SAYS, Effect, effect_of

OPENVPN = shutil.which("openvpn", path="/usr/sbin:/usr/bin")
needs_openvpn = pytest.mark.skipif(OPENVPN is None, reason="openvpn isn't installed")


@needs_openvpn
def test_it_has_all_that_openvpn_tells_of_itself() -> None:
    told = subprocess.run([str(OPENVPN), "--help"], capture_output=True, text=True, check=False)
    names = set(re.findall(r"^--([a-z0-9][a-z0-9-]*)", told.stdout, re.MULTILINE))
    assert len(names) > 200
    assert names - EFFECTS.keys() == set()


def test_each_stands_there_once() -> None:
    names = " ".join(_NAMES.values()).split()
    assert len(names) == len(set(names)) == len(EFFECTS)
    assert SAYS.keys() <= EFFECTS.keys()


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("verify-x509-name", Effect.ENTRANTS),
        ("management-signal", Effect.ASKING),
        ("chroot", Effect.PROOF),
        ("tls-crypt-v2", Effect.PROFILE),
        ("txqueuelen", Effect.HARMLESS),
        ("frobnicate", None),
    ],
)
def test_what_they_change(name: str, effect: Effect | None) -> None:
    assert effect_of(name) is effect


def test_what_is_optional_counts_like_any_line() -> None:
    found = parse_directives('setenv opt duplicate-cn\nsetenv opt verify-x509-name "a b" name\n')
    assert [(each.name, each.arguments) for each in found] == [
        ("duplicate-cn", ()),
        ("verify-x509-name", ("a b", "name")),
    ]
    (plain,) = parse_directives("setenv opt\n")
    assert (plain.name, plain.arguments) == ("setenv", ("opt",))
