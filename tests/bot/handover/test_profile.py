"""A profile of the operator's own: as good as ours, or refused with its template's line."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bot.handover.kit import (
    BLOCKS,
    NEEDED,
    PROFILE,
    REMOTE,
    SHORTEST,
    built_in,
    made,
    refused,
)
from tests.vpn.kit import DEMANDING
from vpn.configuration.connect_rules import check_profile
from vpn.configuration.directives import parse_directives
from vpn.configuration.profile import DEPLOYED_PROFILE, ProfileSettings, TlsKey
from vpn.values import Protocol

ALL_BLOCKS = ("{{ inline.ca }}", "{{ inline.cert }}", "{{ inline.key }}", "{{ inline.tls }}")
VARIANTS = {
    "deployed": DEPLOYED_PROFILE,
    "adopted": replace(DEMANDING, tls_version_min="1.0"),
    "tls-crypt": ProfileSettings(tls_key=TlsKey.CRYPT),
    "tls-auth both ways": ProfileSettings(tls_key=TlsKey.AUTH),
    "no key": ProfileSettings(tls_key=None, is_marked=False),
    "beyond Connect": ProfileSettings(device="tap", same_lines=(("fragment", "1300"),)),
}


def meaning(text: str) -> list[tuple[str, tuple[str, ...], str | None]]:
    return [(d.name, d.arguments, d.inline) for d in parse_directives(text)]


# --- what is right --------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("protocol", Protocol)
async def test_the_shortest_template_gives_ours(
    tmp_path: Path, settings: ProfileSettings, protocol: Protocol
) -> None:
    ours = built_in(protocol=protocol, settings=settings)
    text = await made(tmp_path, SHORTEST, ours=ours, settings=settings)
    assert text == ours.text


async def test_one_by_hand_means_the_same_as_ours(tmp_path: Path) -> None:
    template = """\
# {{ server }}, for {{ name }} until {{ until_text }}
{% for line in directives %}
  {{ line }}
{% endfor %}
# from here on: keys
{% for block in (inline.ca, inline.cert, inline.key, inline.tls) %}
\t{{ block }}
{% endfor %}
; the end"""
    text = await made(tmp_path, template)
    assert meaning(text) == meaning(built_in().text)
    assert text.startswith("# berlin, for Anna Petrova until 2026-03-09 09:31 UTC\n  client\n")
    assert text.endswith("</tls-crypt-v2>\n; the end\n")


async def test_the_least_that_is_taken(tmp_path: Path) -> None:
    text = await made(tmp_path, "\n".join([NEEDED, *reversed(ALL_BLOCKS)]))
    assert check_profile(text) == []
    assert [d.name for d in parse_directives(text)] == [
        *("client", "dev", "remote", "remote-cert-tls"),
        *("tls-crypt-v2", "key", "cert", "ca"),
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    "lines",
    [
        "verb 5",
        "explicit-exit-notify 3",
        "tls-version-min 1.3",
        "setenv FRIENDLY_NAME {{ name | quoted }}",
        "verify-x509-name server-berlin name",
        'verify-x509-name "server-berlin" name',
        "redirect-gateway def1\ndhcp-option DNS 10.8.0.1",
        "remote backup.example.com 443 tcp\nremote-random",
        "<extra-certs>\n-----BEGIN CERTIFICATE-----\nYQ==\n</extra-certs>",
        "remote-cert-tls server",
        "# askpass",
    ],
)
async def test_what_is_the_operators_own_matter(tmp_path: Path, lines: str) -> None:
    text = await made(tmp_path, f"{NEEDED}{lines}\n{BLOCKS}")
    assert f"\n{lines}\n<ca>\n".replace("{{ name | quoted }}", '"Anna Petrova"') in text


@pytest.mark.parametrize(
    "remote",
    [
        "remote {{ host }} {{ port }} {{ protocol }}",
        "remote {{ host }}",
        "remote {{ host }} 1194",
        "proto udp\nremote {{ host }}\nport {{ port }}",
        "port 1\nproto tcp\nremote {{ host }} {{ port }} udp",
        "port 1\nremote {{ host }}\nport {{ port }}",
        "remote other.example.com 1194 udp\nremote {{ host }} {{ port }}",
        "rport 443\nremote {{ host }} {{ port }}",
        "rport 443\nremote {{ host }}\nport {{ port }}",
    ],
)
async def test_the_remote_in_other_words(tmp_path: Path, remote: str) -> None:
    rest = NEEDED.replace(REMOTE, remote)
    assert "{{ host }}" in rest
    assert "vpn.example.com" in await made(tmp_path, f"{rest}{BLOCKS}")


@pytest.mark.parametrize("proto", ["tcp", "tcp-client"])
async def test_the_remote_over_tcp_in_other_words(tmp_path: Path, proto: str) -> None:
    template = f"client\ndev tun\nremote {{{{ host }}}}\nproto {proto}\nremote-cert-tls server\n"
    ours = built_in(protocol=Protocol.TCP)
    text = await made(tmp_path, f"{template}{BLOCKS}", ours=ours)
    assert f"remote vpn.example.com\nproto {proto}\n" in text


# --- blocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", ["ca", "cert", "key", "tls"])
async def test_a_block_that_is_missing(tmp_path: Path, block: str) -> None:
    rest = [line for line in ALL_BLOCKS if line != f"{{{{ inline.{block} }}}}"]
    problem = f"'{{{{ inline.{block} }}}}' is missing, or '{{{{ inline }}}}'"
    with refused(tmp_path, PROFILE, problem):
        await made(tmp_path, "\n".join([NEEDED, *rest]))


async def test_an_empty_template(tmp_path: Path) -> None:
    with refused(tmp_path, PROFILE, "'{{ inline.ca }}' is missing, or '{{ inline }}'"):
        await made(tmp_path, "")


@pytest.mark.parametrize("block", ["ca", "cert", "key", "tls"])
@pytest.mark.parametrize("again", ["{{{{ inline.{0} }}}}", "# {{{{ inline.{0} }}}}"])
async def test_a_block_twice(tmp_path: Path, block: str, again: str) -> None:
    problem = f"The block '{block}' is in it more than once"
    with refused(tmp_path, PROFILE, problem, line=7):
        await made(tmp_path, f"{NEEDED}{BLOCKS}\n{again.format(block)}\n")


@pytest.mark.parametrize("beside", ["# {0}", "{0} # ours", "<ca>{0}</ca>", '"{0}"'])
async def test_a_block_beside_something(tmp_path: Path, beside: str) -> None:
    """It would end in the middle of a line, and a remark would begin with a certificate."""
    first, *rest = ALL_BLOCKS
    template = "\n".join([SHORTEST.split("\n")[0], *rest, "", beside.format(first), ""])
    with refused(tmp_path, PROFILE, "The block 'ca' has to stand alone on its line", line=6):
        await made(tmp_path, template)


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
@pytest.mark.parametrize("place", ["# {0}", "<extra-certs>\n{0}\n</extra-certs>"])
async def test_a_private_key_of_somebody_else(tmp_path: Path, kind: str, place: str) -> None:
    """All would have it."""
    key = place.format(f"-----BEGIN {kind}-----")
    with refused(tmp_path, PROFILE, "There is another private key in it"):
        await made(tmp_path, f"{SHORTEST}{key}\n")


@pytest.mark.parametrize("name", ["ca", "cert", "key", "tls-crypt-v2"])
@pytest.mark.parametrize(("start", "line"), [("", 7), ("# ours:\n\n", 9)])
async def test_a_second_block_of_a_kind(tmp_path: Path, name: str, start: str, line: int) -> None:
    """Whoever signs for a second CA could pose as the server."""
    template = f"{start}{NEEDED}{BLOCKS}\n<{name}>\nanother\n</{name}>\n"
    with refused(tmp_path, PROFILE, f"There is another '{name}'", line=line):
        await made(tmp_path, template)


async def test_the_same_block_once_more(tmp_path: Path) -> None:
    ours = built_in()
    template = f"{SHORTEST}{ours.inline.split('</ca>')[0]}</ca>\n"
    problem = "The block 'ca' isn't read: something before it isn't closed"
    with refused(tmp_path, PROFILE, problem):
        await made(tmp_path, template)


async def test_a_block_in_something_that_is_not_closed(tmp_path: Path) -> None:
    ca, cert, key, tls = ALL_BLOCKS
    template = "\n".join([NEEDED, ca, cert, key, "<extra-certs>", tls, ""])
    problem = "The block 'tls-crypt-v2' isn't read: something before it isn't closed"
    with refused(tmp_path, PROFILE, problem):
        await made(tmp_path, template)


async def test_blocks_that_are_wrapped_once_more(tmp_path: Path) -> None:
    ca, *rest = ALL_BLOCKS
    template = "\n".join([NEEDED, "<ca>", ca, "</ca>", *rest, ""])
    with refused(tmp_path, PROFILE, "Connect refuses '/ca'", line=8):
        await made(tmp_path, template)
