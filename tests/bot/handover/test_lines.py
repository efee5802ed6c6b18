"""What the lines of an operator's own profile may not say, each with its line in the template."""

from pathlib import Path

import pytest

from tests.bot.handover.kit import BLOCKS, NEEDED, PROFILE, REMOTE, built_in, made, put, refused
from vpn.configuration.profile import ProfileSettings, TlsKey
from vpn.values import Protocol

OFFICE = ProfileSettings(
    tls_key=TlsKey.AUTH,
    key_direction=1,
    auth="SHA512",
    ciphers=("AES-256-CBC",),
    compression=("comp-lzo", "no"),
    same_lines=(("tun-mtu", "1400"),),
    asks_password=True,
)


# --- what the server needs ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("client", "'client' is missing"),
        ("dev tun", "'dev tun' is missing, which berlin needs"),
        ("remote-cert-tls server", "'remote-cert-tls server' is missing, which berlin needs"),
        (REMOTE, "'remote' is missing"),
    ],
)
async def test_a_needed_line_that_is_missing(tmp_path: Path, line: str, problem: str) -> None:
    assert line in NEEDED
    with refused(tmp_path, PROFILE, problem):
        await made(tmp_path, f"{NEEDED.replace(line, '')}{BLOCKS}")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("auth SHA512", "'auth SHA512' is missing, which berlin needs"),
        ("cipher AES-256-CBC", "'cipher AES-256-CBC' is missing, which berlin needs"),
        ("comp-lzo no", "'comp-lzo no' is missing, which berlin needs"),
        ("tun-mtu 1400", "'tun-mtu 1400' is missing, which berlin needs"),
        ("auth-user-pass", "'auth-user-pass' is missing, which berlin needs"),
        ("key-direction 1", "'tls-auth' needs 'key-direction 1' beside it"),
        (
            "data-ciphers AES-256-GCM:AES-128-GCM:AES-256-CBC",
            "'data-ciphers AES-256-GCM:AES-128-GCM:AES-256-CBC' is missing, which berlin needs",
        ),
    ],
)
async def test_what_an_operators_server_demands(tmp_path: Path, line: str, problem: str) -> None:
    template = f"{{{{ directives | reject('equalto', {line!r}) | join('\\n') }}}}\n{BLOCKS}"
    assert line in built_in(settings=OFFICE).directives
    with refused(tmp_path, PROFILE, problem):
        await made(tmp_path, template, settings=OFFICE)


@pytest.mark.parametrize(
    "line", ["auth SHA1", "cipher BF-CBC", "comp-lzo yes", "tun-mtu 1500", "auth-user-pass file"]
)
async def test_what_takes_back_what_the_server_demands(tmp_path: Path, line: str) -> None:
    """OpenVPN goes by the last one."""
    template = f"{{{{ directives }}}}\n\n{line}\n{BLOCKS}"
    with refused(tmp_path, PROFILE, f"'{line}' doesn't fit berlin", line=3):
        await made(tmp_path, template, settings=OFFICE)


@pytest.mark.long
@pytest.mark.parametrize(
    "line",
    [
        "remote-cert-tls client",
        "verify-x509-name other name",
        "verify-x509-name server-berlin name-prefix",
        "verify-x509-name server-berlin",
        "ns-cert-type client",
        "dev tun1",
        "client pull",
    ],
)
@pytest.mark.parametrize(("start", "number"), [("", 5), ("{# a\nremark #}\n\n", 8)])
async def test_what_would_let_others_pose_as_the_server(
    tmp_path: Path, line: str, start: str, number: int
) -> None:
    with refused(tmp_path, PROFILE, f"'{line}' doesn't fit berlin", line=number):
        await made(tmp_path, f"{start}{NEEDED}{line}\n{BLOCKS}")


async def test_a_check_of_the_server_that_it_cannot_pass(tmp_path: Path) -> None:
    settings = ProfileSettings(is_marked=False)
    with refused(tmp_path, PROFILE, "'remote-cert-tls server' doesn't fit berlin", line=2):
        await made(
            tmp_path, f"{{{{ directives }}}}\nremote-cert-tls server\n{BLOCKS}", settings=settings
        )


@pytest.mark.parametrize("line", ["explicit-exit-notify", "explicit-exit-notify 1"])
async def test_a_goodbye_over_tcp(tmp_path: Path, line: str) -> None:
    ours = built_in(protocol=Protocol.TCP)
    with refused(tmp_path, PROFILE, f"'{line}' doesn't fit berlin", line=2):
        await made(tmp_path, f"{{{{ directives }}}}\n{line}\n{BLOCKS}", ours=ours)


@pytest.mark.parametrize(
    "remote",
    [
        "remote other.example.com {{ port }} {{ protocol }}",
        "remote {{ host }} 443 udp",
        "remote {{ host }} {{ port }} tcp",
        "remote {{ host }}\nport 443",
        "remote {{ host }}\nport {{ port }}\nport 443",
        "remote {{ host }} {{ port }}\nproto tcp-client",
        "# remote {{ host }}\nremote other.example.com",
        # OpenVPN goes by the last of the two, and Connect by `port` alone.
        "remote {{ host }}\nrport 443",
        "remote {{ host }}\nport 443\nrport {{ port }}",
        "remote {{ host }}\nrport 443\nport 443",
    ],
)
async def test_another_remote(tmp_path: Path, remote: str) -> None:
    template = f"{NEEDED}{BLOCKS}".replace(REMOTE, remote)
    with refused(tmp_path, PROFILE, "'remote vpn.example.com 1194 udp' is missing"):
        await made(tmp_path, template)


# --- what OpenVPN Connect refuses -----------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("askpass", "Connect refuses 'askpass'"),
        ("--askpass", "Connect refuses 'askpass'"),
        ("management 127.0.0.1 7505", "Connect refuses 'management'"),
        ("daemon", "Connect refuses 'daemon'"),
        ("pkcs12 me.p12", "Connect refuses 'pkcs12'"),
        ("fragment 1300", "Connect refuses 'fragment'"),
        ("<connection>\n</connection>", "Connect refuses 'connection'"),
        ("remote", "'remote' names no host"),
        ("ca ca.crt", "'ca' names a file; it must be inline"),
        ("tls-auth ta.key 1", "'tls-auth' names a file; it must be inline"),
        ("dev tap", "Connect has tun only"),
        (f"# {'x' * 511}", "It is longer than 512 bytes"),
        ("x" * 65, f"Connect refuses '{'x' * 64}'"),
    ],
)
async def test_what_phones_cannot_have(tmp_path: Path, line: str, problem: str) -> None:
    with refused(tmp_path, PROFILE, problem, line=6):
        await made(tmp_path, f"{NEEDED}\n{line}\n{BLOCKS}")


async def test_what_an_operators_server_demands_beyond_connect(tmp_path: Path) -> None:
    settings = ProfileSettings(device="tap", same_lines=(("fragment", "1300"),))
    text = await made(tmp_path, f"{{{{ directives }}}}\n{BLOCKS}", settings=settings)
    assert "\ndev tap\n" in text
    assert "\nfragment 1300\n" in text
    with refused(tmp_path, PROFILE, "Connect refuses 'askpass'", line=2):
        await made(tmp_path, f"{{{{ directives }}}}\naskpass\n{BLOCKS}", settings=settings)


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("{{ directives }}\n\n{{ inline }}\naskpass\n", 4),
        (
            "{{ directives }}\n{{ inline }}\n{% for i in 'ab' %}\n# {{ i }}\naskpass\n{% endfor %}",
            5,
        ),
        ("{{ directives }}\n{% include '_part' %}\n{{ inline }}\naskpass\n", 2),
        ("{# one\ntwo #}\n{{ directives }}\n{{ inline }}\n{{ 'askpass' }}\n", 5),
        ("{% if true %}\n{{ directives }}\n{% endif %}\n{{ inline }}\n\naskpass", 6),
    ],
)
async def test_the_line_is_the_templates_whatever_is_around_it(
    tmp_path: Path, template: str, line: int
) -> None:
    """A block has many lines, a placeholder one; a loop's line comes often."""
    put(tmp_path, "_part", "# of several\naskpass\n")
    with refused(tmp_path, PROFILE, "Connect refuses 'askpass'", line=line):
        await made(tmp_path, template)


async def test_where_the_line_cannot_be_told_the_words_are_the_same(tmp_path: Path) -> None:
    template = (
        "# {% set a %}b{% endset %}{{ a | length }}\n{{ directives }}\n{{ inline }}\naskpass\n"
    )
    with refused(tmp_path, PROFILE, "Connect refuses 'askpass'"):
        await made(tmp_path, template)
