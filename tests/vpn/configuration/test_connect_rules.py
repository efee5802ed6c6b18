import pytest

from vpn.configuration.connect_rules import check_profile

BLOCKS = "<ca>\nx\n</ca>\n<cert>\nx\n</cert>\n<key>\nx\n</key>\n"
MINIMAL = f"client\ndev tun\nremote vpn.example.com 1194 udp\n{BLOCKS}"


def test_a_minimal_profile_is_fine() -> None:
    assert check_profile(MINIMAL) == []


@pytest.mark.parametrize(
    "directive",
    [
        "askpass", "capath /x", "daemon", "log x", "management x unix", "status x",
        "x509-username-field CN", "verify-hash x", "secret x", "fragment 1000",
        "ccd-exclusive", "topology subnet", "no-such-option", "pkcs12 x",
    ],
)  # fmt: skip
def test_what_connect_refuses_is_named(directive: str) -> None:
    (problem,) = check_profile(f"{MINIMAL}{directive}\n")
    assert f"'{directive.split(maxsplit=1)[0]}'" in problem


@pytest.mark.parametrize(
    "line",
    ["setenv opt block-outside-dns", "persist-key", "verb 3", "cipher AES-256-GCM", "auth SHA256"],
)
def test_what_connect_knows_is_fine(line: str) -> None:
    assert check_profile(f"{MINIMAL}{line}\n") == []


def test_an_unknown_option_can_be_excused() -> None:
    assert check_profile(f"ignore-unknown-option brand-new\n{MINIMAL}brand-new 1\n") == []


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ("client\n", "'client'"),
        ("remote vpn.example.com 1194 udp\n", "'remote'"),
        ("<ca>\nx\n</ca>\n", "'ca'"),
        ("<cert>\nx\n</cert>\n", "'cert'"),
        ("<key>\nx\n</key>\n", "'key'"),
    ],
)
def test_what_is_missing_is_named(without: str, named: str) -> None:
    (problem,) = check_profile(MINIMAL.replace(without, ""))
    assert named in problem


def test_tap_is_refused() -> None:
    assert any("tun only" in problem for problem in check_profile(MINIMAL + "dev tap0\n"))


def test_files_must_be_inline() -> None:
    text = MINIMAL.replace("<ca>\nx\n</ca>", "ca ca.crt")
    assert any("inline" in problem for problem in check_profile(text))


def test_tls_auth_needs_its_direction() -> None:
    text = MINIMAL + "<tls-auth>\nx\n</tls-auth>\n"
    assert len(check_profile(text)) == 1
    assert check_profile(text + "key-direction 0\n") == check_profile(text)
    assert check_profile(text + "key-direction 1\n") == []


def test_the_direction_is_the_servers_other_side() -> None:
    text = MINIMAL + "<tls-auth>\nx\n</tls-auth>\n"
    assert check_profile(text + "key-direction 0\n", key_direction=0) == []
    assert check_profile(text, key_direction=None) == []
    assert len(check_profile(text + "key-direction 1\n", key_direction=None)) == 1
    assert len(check_profile(text + "key-direction 1\n", key_direction=0)) == 1


def test_sizes_are_limited() -> None:
    padding = "# " + "x" * 498 + "\n"
    assert any("262144" in problem for problem in check_profile(MINIMAL + padding * 600))
    (problem,) = check_profile(MINIMAL + "# " + "x" * 600)
    assert "longer than 512" in problem
    problems = check_profile(MINIMAL + "y" * 65)
    assert any("longer than 64" in problem for problem in problems)
