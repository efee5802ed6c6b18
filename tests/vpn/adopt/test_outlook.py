"""What changed lines would mean, worked out from files alone."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests.vpn.kit import now
from tests.vpn.operator_kit import USUAL, Operator
from vpn.adopt.adopting import Examined
from vpn.adopt.amend import own_places
from vpn.adopt.outlook import Connected, Outlook, outlook, sessions_now, status_now
from vpn.configuration.server import ConfFacts, inspect_conf
from vpn.errors import HostError, NotAdoptable
from vpn.host.local import LocalHost
from vpn.layout import Layout, NamedBy

HOST = LocalHost(Path("/"))
FIRST = """\
OpenVPN CLIENT LIST
Updated,2026-11-29 23:00:00
Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since
anna,192.0.2.2:1194,1,2,2026-11-29 22:00:00
"Smith, Bob",192.0.2.2:1195,1,2,2026-11-29 22:00:00
UNDEF,192.0.2.2:1196,1,2,2026-11-29 22:00:00
ROUTING TABLE
Virtual Address,Common Name,Real Address,Last Ref
10.78.0.6,carl,192.0.2.2:1194,2026-11-29 22:00:00
END
"""
SECOND = """\
TITLE,OpenVPN 2.6.14
TIME,2026-11-29 23:00:00,1795993200
HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Username
CLIENT_LIST,anna,192.0.2.2:1194,10.78.0.2,UNDEF
CLIENT_LIST,"Smith, Bob",192.0.2.2:1195,10.78.0.3,UNDEF
CLIENT_LIST,UNDEF,192.0.2.2:1196,,UNDEF
HEADER,ROUTING_TABLE,Virtual Address,Common Name
ROUTING_TABLE,10.78.0.6,carl
END
"""
LOCKS = "crl-verify crl.pem\nclient-config-dir ccd\nccd-exclusive\n"
ANSWERS = "management m.sock unix\n"


@pytest.fixture
def home(open_folder: Path) -> Path:
    return open_folder / "office"


async def seen_in(operator: Operator, line: str) -> Connected | None:
    layout = (await operator.examine()).layout
    return await status_now(HOST, layout, inspect_conf(line))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (FIRST, ('"Smith, Bob"', "anna")),
        (SECOND, ('"Smith, Bob"', "anna")),
        (SECOND.replace(",", "\t").replace('"Smith\t Bob"', "Smith, Bob"), ("Smith, Bob", "anna")),
        ("", ()),
        ("CLIENT_LIST,anna,192.0.2.2:1194\n", ()),
    ],
)
async def test_who_is_in_the_status_file(home: Path, text: str, names: tuple[str, ...]) -> None:
    operator = Operator(home)
    path = operator.write("status.log", text)
    seen = await seen_in(operator, "status status.log 10")
    assert seen is not None
    assert (seen.names, seen.status_file) == (names, str(path))
    assert seen.at.timestamp() == pytest.approx(path.stat().st_mtime)


async def test_nobody_can_tell_who_is_connected(home: Path) -> None:
    operator = Operator(home)
    (home / "folder").mkdir()
    for line in ("", "status gone.log", "status folder"):
        assert await seen_in(operator, line) is None
    layout = (await operator.examine()).layout
    assert await sessions_now(HOST, layout, now()) is None


def layout_at(conf: str) -> Layout:
    return Layout(conf, None, None, False, None, None, (), named_conf=conf)


async def test_where_debians_units_write_it() -> None:
    """In folders of the machine's, which are not ours to write to."""
    asked: list[str] = []

    class Empty(LocalHost):
        async def stat(self, path: str) -> None:
            asked.append(path)

    host = Empty(Path("/"))
    for conf in ("etc/openvpn/server/a.conf", "etc/openvpn/b.conf", "srv/c.conf"):
        assert await status_now(host, layout_at(conf), ConfFacts(())) is None
    assert asked == ["run/openvpn-server/status-a.log", "run/openvpn/b.status"]


async def test_a_status_file_behind_a_link_or_gone_meanwhile(home: Path) -> None:
    operator = Operator(home)
    path = operator.write("status.log", FIRST)
    (home / "link.log").symlink_to("status.log")
    seen = await seen_in(operator, "status link.log")
    assert seen is not None
    assert seen.status_file == str(path)

    class Forgetful(LocalHost):
        async def read(self, path: str) -> None:
            assert f"/{path}" == str(operator.directory / "status.log")

    layout = (await operator.examine()).layout
    facts = inspect_conf("status status.log")
    assert await status_now(Forgetful(Path("/")), layout, facts) is None


async def expected(operator: Operator, seen: Connected | None = None) -> Outlook:
    return outlook(seen, await operator.plan(), live={"anna"}, over={"bob"})


def pooled(*names: str) -> Connected:
    return Connected(names, now())


HURDLES = [
    ("", "", None),
    ("server 10.78.0.0 255.255.255.0", "client-connect x", False),
    ("server 10.78.0.0 255.255.255.0", "auth-user-pass-verify x via-env", False),
    ("server 10.78.0.0 255.255.255.0", "auth-user-pass-optional", None),
    ("server 10.78.0.0 255.255.255.0", "max-clients 2", True),
    ("server 10.78.0.0 255.255.255.0", "max-clients 3", None),
    ("server 10.78.0.0 255.255.255.0", "max-clients many", None),
    # Two networks of four addresses, and two of them are taken.
    ("server 10.78.0.0 255.255.255.248", "topology net30", True),
    ("server 10.78.0.0 255.255.255.0", "topology net30", None),
    ("server 10.78.0.0 255.255.255.0 nopool", "topology net30", True),
    ("server 10.78.0.0 255.255.255.0 nopool", "topology p2p\nclient-connect x", False),
    ("server 10.78.0.0 255.255.255.0 nopool", "ifconfig-pool 10.78.0.2 10.78.0.3", None),
    ("server 10.78.0.0 255.255.255.0", "x509-username-field ext:subjectAltName", True),
    ("server 10.78.0.0 255.255.255.0", "x509-username-field CN UID", True),
    ("server 10.78.0.0 255.255.255.0", "x509-username-field CN serialNumber", None),
    ("server 10.78.0.0 255.255.255.0 nopool", "username-as-common-name", True),
    ("server 10.78.0.0 255.255.255.0", f"username-as-common-name\n{LOCKS}", False),
    ("server 10.78.0.0 255.255.255.0 nopool", f"username-as-common-name\n{LOCKS}", False),
    ("server 10.78.0.0 255.255.255.0", "verify-x509-name x name-prefix", False),
    ("", "remote-cert-eku 1.3.6.1.5.5.7.3.4", True),
    ("", "remote-cert-ku e0 nonsense", True),
    ("", "remote-cert-ku 88 80\nremote-cert-tls client", None),
    ("", "peer-fingerprint AA:BB", True),
]


@pytest.mark.parametrize(("server", "lines", "refuses"), HURDLES)
async def test_what_a_new_profile_meets(
    home: Path, server: str, lines: str, refuses: bool | None
) -> None:
    text = USUAL.replace("server 10.78.0.0 255.255.255.0", server) if server else USUAL
    operator = Operator(home, f"{text}{lines}\n")
    operator.write("ccd/DEFAULT", "")
    found = (await expected(operator, pooled("x", "y"))).new_profile
    assert [hurdle.refuses for hurdle in found] == ([] if refuses is None else [refuses])
    assert all(hurdle.detail.endswith(".") for hurdle in found)


async def test_a_folder_that_the_bot_may_not_write_is_no_lock_of_its_own(home: Path) -> None:
    """As it is; once the lines are added there is another one."""
    operator = Operator(home, f"{USUAL}{LOCKS}")
    operator.write("ccd/anna", "")
    examined = await operator.examine(account="daemon")
    closed = examined.adoption.server.closed
    assert closed is not None
    assert f"has no file in {home}/ccd" in closed
    plan = await operator.plan(account="daemon")
    assert plan.server.closed is None
    assert outlook(None, plan, live=(), over=()).new_profile == ()


async def test_where_a_file_is_there_already_its_name_is_let_in(home: Path) -> None:
    operator = Operator(home, f"{USUAL}client-config-dir ccd\n")
    operator.write("ccd/router_Berlin", "")
    (home / "ccd" / "nowhere").symlink_to("gone")
    (home / "ccd" / "folder").mkdir()
    look = await expected(operator, pooled("anna", "bob", "folder", "nowhere", "router/Berlin"))
    assert look.adds_lock
    assert look.stay == ("anna", "router/Berlin")
    assert look.revoked == ("bob",)
    assert look.strangers == ("folder", "nowhere")

    # Of this name OpenVPN takes no file for a client's own.
    seen = pooled("DEFAULT", "anna")
    look = outlook(seen, await operator.plan(), live={"DEFAULT", "anna"}, over=())
    assert (look.stay, look.strangers) == (("anna",), ("DEFAULT",))


async def test_no_line_that_is_added_shuts_anybody_out_where_the_lock_is_there(
    home: Path,
) -> None:
    operator = Operator(home, USUAL + LOCKS)
    operator.write("ccd/x", "")
    look = await expected(operator, pooled("x", "y"))
    assert (look.changes, look.adds_lock, look.stay) == (True, False, ("x", "y"))


@pytest.mark.parametrize(
    ("lines", "named_by"),
    [
        ("", NamedBy.COMMON_NAME),
        ("x509-username-field CN", NamedBy.COMMON_NAME),
        ("x509-username-field cn", NamedBy.COMMON_NAME),
        ("x509-username-field commonName", NamedBy.COMMON_NAME),
        ("x509-username-field UID\nx509-username-field CN", NamedBy.COMMON_NAME),
        ("x509-username-field CN UID\nx509-username-field CN", NamedBy.OTHER_FIELDS),
        ("x509-username-field ext:subjectAltName", NamedBy.OTHER_FIELDS),
        ("x509-username-field serialNumber", NamedBy.OTHER_FIELDS),
        ("x509-username-field CN\nusername-as-common-name", NamedBy.USER_NAME),
    ],
)
async def test_what_openvpn_calls_a_client(home: Path, lines: str, named_by: NamedBy) -> None:
    examined = await Operator(home, f"{USUAL}{lines}\n").examine()
    assert examined.layout.named_by is named_by
    assert Layout.from_json(examined.layout.to_json()).named_by is named_by
    is_named = "x509-username-field" in {advice.directive for advice in examined.advice}
    assert is_named is (named_by is NamedBy.OTHER_FIELDS)


def test_a_layout_of_before_names_clients_as_all_did() -> None:
    values = layout_at("etc/a.conf").to_json()
    del values["named_by"]
    assert Layout.from_json(values).knows_names


async def including(operator: Operator, files: dict[str, str]) -> Examined:
    for name, text in files.items():
        operator.write(name, text)
    return await operator.examine()


async def test_an_included_file_counts_where_it_stands(home: Path) -> None:
    """Also one that an included one includes, from the folder that was gone to before."""
    operator = Operator(home, f"crl-verify first.pem\nconfig more/a.conf\n{USUAL}")
    (home / "more").mkdir()
    files = {"more/a.conf": "cd more\nconfig b.conf\n", "more/b.conf": "username-as-common-name\n"}
    examined = await including(operator, files)
    assert examined.layout.named_by is NamedBy.USER_NAME
    assert examined.layout.crl == f"{home}/more/first.pem".lstrip("/")


async def test_a_server_line_may_be_in_an_included_file(home: Path) -> None:
    operator = Operator(home, "config all.conf\n")
    assert (await including(operator, {"all.conf": USUAL})).adoption.server.port == 1194
    with pytest.raises(NotAdoptable):
        await including(operator, {"all.conf": "dev tun\n"})


@pytest.mark.parametrize("files", [{}, {"all.conf": "config all.conf\n"}])
async def test_what_is_included_and_cannot_be_read_is_not_passed_over(
    home: Path, files: dict[str, str]
) -> None:
    operator = Operator(home, "config all.conf\n")
    with pytest.raises(HostError, match=r"all\.conf can't be read"):
        await including(operator, files)


def places() -> Iterator[tuple[str, list[str]]]:
    yield (
        "etc/openvpn/server/office.conf",
        [
            "/etc/openvpn/server/office-live",
            "/etc/openvpn/server-office-live",
            "/var/lib/vpnbot-etc-openvpn-server-office-live",
        ],
    )
    yield "root/vpn/a.conf", ["/root/vpn/a-live", "/var/lib/vpnbot-root-vpn-a-live"]
    yield "a.conf", ["/a-live", "/var/lib/vpnbot-a-live"]


@pytest.mark.parametrize(("conf", "expected"), [*places()])
def test_where_the_bots_own_folder_can_be(conf: str, expected: list[str]) -> None:
    found = own_places(conf)
    assert [str(each.live) for each in found] == expected
    assert found[0].socket == (PurePosixPath("/") / conf).with_suffix(".sock")
