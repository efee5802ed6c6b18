"""Looks at an operator's server and says what it lacks, on a real file system."""

import os
import pwd
from base64 import b64encode
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path, PurePosixPath

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    NoEncryption,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from tests.vpn.adopt.kit import ACCOUNT, LOCKS, NEEDS_ROOT, ROUTE, as_the_operator, tree
from tests.vpn.kit import CALLER, DAY, codes, make_authority, now
from tests.vpn.operator_kit import USUAL, Operator
from vpn.adopt.adopting import Examined, examine
from vpn.adopt.advice import Weight
from vpn.errors import CrlNotUsed, NotAdoptable
from vpn.host.local import LocalHost
from vpn.proof.client_files import fixed_addresses
from vpn.values import CommonName

COMPLETE = f"{LOCKS}remote-cert-tls client\nmanagement m.sock unix\n"


def advised(examined: Examined) -> set[str]:
    return {advice.directive for advice in examined.advice}


class TestExamine:
    async def test_says_what_is_missing_with_the_lines(self, home: Path) -> None:
        operator = Operator(home)
        before = tree(home)
        examined = await operator.examine(account=ACCOUNT)
        lines = [line for advice in examined.advice if advice.applied for line in advice.lines]
        assert lines == [
            f"crl-verify {home}/server-live/crl.pem",
            f"client-config-dir {home}/server-live/ccd",
            "ccd-exclusive",
            f"management {home}/server.sock unix",
            f"management-client-user {ACCOUNT}",
        ]
        assert "remote-cert-tls" in advised(examined)
        assert tree(home) == before

    async def test_has_nothing_to_say_where_all_is_there(self, home: Path) -> None:
        operator = Operator(home, f"{USUAL}{COMPLETE}management-client-user {CALLER}\n")
        operator.write("ccd/anna", "")
        assert (await operator.examine()).advice == ()

    @pytest.mark.parametrize(
        "lines",
        [
            "tmp-dir /tmp",
            "ignore-unknown-option block-outside-dns frobnicate\nfrobnicate 1",
            "txqueuelen 1000\nsndbuf 0\nrcvbuf 0",
            "plugin openvpn-plugin-down-root.so x",
            "dh none",
        ],
    )
    async def test_what_does_no_harm_is_not_told(self, home: Path, lines: str) -> None:
        operator = Operator(home, f"{USUAL}{COMPLETE}management-client-user {CALLER}\n{lines}\n")
        operator.write("ccd/anna", "")
        advice = (await operator.examine()).advice
        assert [each for each in advice if each.weight is not Weight.NOTE] == []

    async def test_one_that_is_restarted_by_each_question_is_not_asked(self, home: Path) -> None:
        operator = Operator(home, f"{USUAL}management m.sock unix\nmanagement-signal\n")
        assert (await operator.examine()).layout.management is None

    @pytest.mark.parametrize(
        "pinned", ["Office- name-prefix", "laptop name", "'CN=laptop' subject"]
    )
    async def test_clients_of_one_name_only(self, home: Path, pinned: str) -> None:
        operator = Operator(home, f"{USUAL}verify-x509-name {pinned}\n")
        closed = (await operator.examine()).adoption.server.closed
        assert closed is not None
        assert closed.startswith("verify-x509-name: OpenVPN refuses every client")

    @pytest.mark.parametrize(
        ("plugin", "asks"),
        [
            ("/usr/lib/openvpn/openvpn-otp.so", True),
            ("/opt/duo/duo_openvpn.so", True),
            ("openvpn-plugin-auth-pam.so", True),
            ("/usr/lib/openvpn/openvpn-auth-ldap.so", True),
            ("/opt/auth/openvpn-plugin-down-root.so", False),
        ],
    )
    async def test_a_plugin_that_asks_for_a_password(
        self, home: Path, plugin: str, asks: bool
    ) -> None:
        operator = Operator(home, f"{USUAL}plugin {plugin} x\n")
        assert (await operator.examine()).adoption.server.profile.asks_password is asks

    async def test_a_certificate_in_pkcs12(self, home: Path) -> None:
        operator = Operator(home)
        certificate = x509.load_pem_x509_certificate((home / "office server.crt").read_bytes())
        key = load_pem_private_key((home / "server.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        packed = serialize_key_and_certificates(b"x", key, certificate, None, NoEncryption())
        lines = [line for line in USUAL.splitlines() if not line.startswith(("cert", "key "))]
        for way in ("pkcs12 server.p12", f"<pkcs12>\n{b64encode(packed).decode()}\n</pkcs12>"):
            (home / "server.p12").write_bytes(packed)
            operator.write("server.conf", "\n".join([*lines, way, ""]))
            found = (await operator.examine()).adoption.server
            assert (found.common_name, found.profile.is_marked) == ("office server", True)
        sealed = BestAvailableEncryption(b"secret")
        packed = serialize_key_and_certificates(b"x", key, certificate, None, sealed)
        (home / "server.p12").write_bytes(packed)
        operator.write("server.conf", "\n".join([*lines, "pkcs12 server.p12", ""]))
        assert (await operator.examine()).adoption.server.common_name is None

    async def test_a_certificate_that_is_over(self, home: Path) -> None:
        operator = Operator(home)
        for later, told in ((timedelta(), False), (2 * DAY, True)):
            examined = await examine(
                LocalHost(Path("/")),
                PurePosixPath(operator.conf),
                account=CALLER,
                now=now() + later,
            )
            said = [each.detail for each in examined.advice if each.directive == "cert"]
            assert any("certificate ended on" in each for each in said) == told

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("compress migrate", "Clients with compression get in and are told to leave it;"),
            ("compress stub-v2", "Profiles leave it out, since NetworkManager refuses it;"),
            ("compress lz4-v2", "profiles have it because the server does."),
        ],
    )
    async def test_compression(self, home: Path, line: str, words: str) -> None:
        operator = Operator(home, f"{USUAL}{line}\n")
        said = [a.detail for a in (await operator.examine()).advice if a.directive == "compress"]
        assert len(said) == 1
        assert words in said[0]

    @pytest.mark.parametrize(
        ("lines", "directive", "weight"),
        [
            ("duplicate-cn", "duplicate-cn", Weight.DANGER),
            ("verify-client-cert none", "verify-client-cert", Weight.DANGER),
            ("client-cert-not-required", "client-cert-not-required", Weight.DANGER),
            ("username-as-common-name", "username-as-common-name", Weight.DANGER),
            ("config more.conf", "config", Weight.DANGER),
            ("tls-version-max 1.1", "tls-version-max", Weight.DANGER),
            ("ncp-disable", "cipher", Weight.DANGER),
            ("fragment 1300", "fragment", Weight.DANGER),
            ("dev tap", "tap", Weight.DANGER),
            ("management-client", "management-client", Weight.UNPROVED),
            ("management-client-auth", "management-client-auth", Weight.UNPROVED),
            ("management-client-user nobody", "management-client-user", Weight.UNPROVED),
            ("management 127.0.0.1 7505", "management", Weight.DANGER),
            ("plugin x.so", "plugin", Weight.NOTE),
            ("chroot /", "chroot", Weight.NOTE),
            ("comp-lzo", "compress", Weight.NOTE),
            ("peer-fingerprint 00:11", "peer-fingerprint", Weight.DANGER),
            ("setenv opt duplicate-cn", "duplicate-cn", Weight.DANGER),
            ("frobnicate 1", "frobnicate", Weight.DANGER),
            ("verify-x509-name x name-prefix", "verify-x509-name", Weight.DANGER),
            ("setenv opt frobnicate 1", "frobnicate", Weight.DANGER),
            ("management-signal", "management-signal", Weight.UNPROVED),
            ("management-hold", "management-hold", Weight.UNPROVED),
            ("management-query-passwords", "management-query-passwords", Weight.UNPROVED),
            ("management m.sock unix pw", "management", Weight.DANGER),
            ("client-config-dir gone", "client-config-dir", Weight.DANGER),
            ("client-connect '/gone/script a b'", "client-connect", Weight.DANGER),
            ("tls-verify gone/script", "tls-verify", Weight.DANGER),
            ("plugin /gone/x.so", "plugin", Weight.DANGER),
            ("dh gone.pem", "dh", Weight.DANGER),
            ("tls-cert-profile suiteb", "tls-cert-profile", Weight.NOTE),
        ],
    )
    async def test_names_what_stands_out(
        self, home: Path, lines: str, directive: str, weight: Weight
    ) -> None:
        text = f"{USUAL}{COMPLETE}{lines}\n"
        if "peer-fingerprint" in lines:
            text = text.replace("ca ca.crt\n", "")
        operator = Operator(home, text)
        operator.write("ccd/anna", "")
        operator.write("more.conf", "")
        found = [a for a in (await operator.examine()).advice if a.directive == directive]
        # What a script may do, or --apply adds, stands beside the word that it is not there.
        own = [a for a in found if a.weight is not Weight.NOTE and not a.applied]
        assert [advice.weight for advice in own] == ([] if weight is Weight.NOTE else [weight])
        assert weight in [advice.weight for advice in found]

    async def test_says_whose_ca_is_trusted(self, home: Path) -> None:
        operator = Operator(home)
        other = make_authority()
        own = operator.authority.certificate_pem
        for text, words in (
            (other.certificate_pem, ["doesn't trust the bot's CA", "trusts other CAs"]),
            (own + other.certificate_pem, ["trusts other CAs"]),
            (own, []),
            ("nonsense", ["doesn't trust the bot's CA"]),
        ):
            operator.write("ca.crt", text)
            found = [a.detail for a in (await operator.examine()).advice if a.directive == "ca"]
            assert len(found) == len(words)
            assert all(word in detail for word, detail in zip(words, found, strict=True))

    async def test_a_server_certificate_that_any_client_could_have(self, home: Path) -> None:
        operator = Operator(home)
        _, issued = operator.certificate("office server")
        operator.write("office server.crt", issued.certificate_pem)
        examined = await operator.examine()
        assert "cert" in advised(examined)
        assert "remote-cert-tls server" not in operator.new_profile(examined)

    @NEEDS_ROOT
    async def test_says_what_the_bots_account_may_not_do(self, home: Path) -> None:
        operator = Operator(home, f"{USUAL}{LOCKS}management 127.0.0.1 7505 pw\n")
        operator.write("pw", "secret\n", mode=0o600)
        operator.write("ccd/anna", "")
        operator.conf.chmod(0o600)
        examined = await operator.examine(account=ACCOUNT)
        assert {"crl-verify", "client-config-dir", "management", "config"} <= advised(examined)
        commands = [command for advice in examined.advice for command in advice.commands]
        assert len(commands) == 4
        for command in commands:
            as_the_operator(command)
        assert {"management", "config"}.isdisjoint(advised(await operator.examine(account=ACCOUNT)))

    @NEEDS_ROOT
    async def test_who_may_replace_the_configuration_may_be_root(self, home: Path) -> None:
        operator = Operator(home)
        os.chown(home, pwd.getpwnam(ACCOUNT).pw_uid, 0)
        (advice,) = [
            a for a in (await operator.examine(account=ACCOUNT)).advice if a.directive == "config"
        ]
        for command in advice.commands:
            as_the_operator(command)
        assert "config" not in advised(await operator.examine(account=ACCOUNT))
        assert "config" not in advised(await operator.examine(account="root"))

    async def test_says_what_shuts_openvpn_out(self, home: Path) -> None:
        operator = Operator(home)
        operator.directory.chmod(0o700)
        (advice,) = [a for a in (await operator.examine()).advice if a.directive == "user"]
        assert f"chmod o+x {home}" in advice.detail
        operator.write("server.conf", USUAL.replace("user nobody\ngroup nogroup\n", ""))
        assert "user" not in advised(await operator.examine())
        operator.write("server.conf", USUAL.replace("user nobody", "user nobody-here"))
        (advice,) = [a for a in (await operator.examine()).advice if a.directive == "user"]
        assert "nobody-here" in advice.detail

    async def test_follows_links(self, home: Path) -> None:
        operator = Operator(home, USUAL + "crl-verify crl.pem\n")
        (home / "pki").mkdir()
        (home / "crl.pem").rename(home / "pki/crl.pem")
        (home / "crl.pem").symlink_to("pki/crl.pem")
        layout = (await operator.examine()).layout
        assert layout.crl == f"{home}/pki/crl.pem".lstrip("/")
        live = operator.live_with(layout)
        await operator.publish(live)
        assert (home / "crl.pem").is_symlink()
        (home / "other.pem").write_text("")
        (home / "crl.pem").unlink()
        (home / "crl.pem").symlink_to("other.pem")
        (proof,) = await operator.cut(live, operator.certificate("x")[0])
        assert "configuration_changed" in codes(proof)

    async def test_what_is_not_there(self, home: Path) -> None:
        Operator(home)
        with pytest.raises(NotAdoptable, match="There is no"):
            await examine(LocalHost(Path("/")), PurePosixPath(home / "x.conf"), account=CALLER)
        with pytest.raises(NotAdoptable, match="is a folder; name the server's configuration"):
            await examine(LocalHost(Path("/")), PurePosixPath(home), account=CALLER)


class TestCutsWithoutAServer:
    """What the files alone say, of a server that does not run."""

    @pytest.mark.parametrize("line", ["", "crl-verify revoked dir\n"])
    async def test_no_crl_can_be_put_in_place(self, home: Path, line: str) -> None:
        operator = Operator(home, USUAL + line)
        live = await operator.live()
        with pytest.raises(CrlNotUsed, match="crl-verify"):
            await operator.publish(live)
        (proof,) = await operator.cut(live, operator.certificate("x")[0])
        assert codes(proof) == ["no_management", "crl_not_used"]
        assert await live.list_in_place([operator.authority.certificate], unless=None) is None

    @pytest.mark.parametrize("why", [None, "The CA's key is locked."])
    async def test_without_a_list_that_is_said(self, home: Path, why: str | None) -> None:
        operator = Operator(home, USUAL + LOCKS)
        operator.write("ccd/anna", "")
        live = await operator.live()
        (proof,) = await live.cut(
            [operator.certificate("x")[0]],
            crl_pem=None,
            issuers=[operator.authority.certificate],
            now=now,
            no_crl=why,
        )
        assert codes(proof) == ["crl_old", "crl_not_written", "no_management"]
        assert proof.findings[1].detail == (why or "There is no CRL.")

    async def test_another_configuration_than_the_adopted_one(self, home: Path) -> None:
        operator = Operator(home, USUAL + LOCKS)
        operator.write("ccd/anna", "")
        live = await operator.live()
        for old, new in (
            ("crl-verify crl.pem", "crl-verify other.pem"),
            ("client-config-dir ccd", "client-config-dir other"),
            ("ccd-exclusive", ""),
            ("user nobody", "user daemon"),
            ("verb 3", "hand-window 5"),
            ("verb 3", "management m.sock unix"),
        ):
            operator.write("server.conf", (USUAL + LOCKS).replace(old, new))
            (proof,) = await operator.cut(live, operator.certificate("x")[0])
            assert codes(proof) == ["no_management", "configuration_changed"], (old, new)
        operator.write("server.conf", USUAL + LOCKS + "config x\nduplicate-cn\n")
        assert codes((await operator.cut(live, operator.certificate("x")[0]))[0]) == [
            "no_management",
            "lock_missing",
        ]
        operator.conf.unlink()
        assert codes((await operator.cut(live, operator.certificate("x")[0]))[0]) == [
            "no_management",
            "lock_missing",
        ]

    @NEEDS_ROOT
    async def test_the_crl_must_be_readable_by_the_servers_own_account(self, home: Path) -> None:
        text = (USUAL + LOCKS).replace("user nobody\ngroup nogroup", "user daemon\ngroup daemon")
        operator = Operator(home, text)
        live = await operator.live()
        daemon = pwd.getpwnam("daemon")
        for gid, shut in ((daemon.pw_gid, False), (0, True)):
            target = operator.certificate("x")[0]
            operator.revoke(target)
            await operator.publish(live)
            os.chown(home / "crl.pem", 0, gid)
            (home / "crl.pem").chmod(0o640)
            status = await live.status(issuers=[operator.authority.certificate], now=now())
            assert ("crl_unreadable" in [f.code for f in status.findings]) is shut

    async def test_the_end_of_a_certificate_that_is_read_at_the_adoption_only(
        self, home: Path
    ) -> None:
        operator = Operator(home)
        pem = (home / "office server.crt").read_text()
        text = USUAL.replace('cert "office server.crt"\n', f"<cert>\n{pem}</cert>\n")
        operator.write("server.conf", text)
        examined = await operator.examine()
        assert examined.adoption.server.common_name == "office server"
        end = examined.adoption.server.certificate_end
        assert end == x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
        live = operator.live_with(examined.layout)
        assert await live.certificate_end() is None
        live = operator.live_with(examined.layout, known_end=end)
        status = await live.status(issuers=[operator.authority.certificate], now=now())
        assert status.certificate_end == end


class TestAdmission:
    async def test_needs_no_file_without_a_folder(self, home: Path) -> None:
        operator = Operator(home)
        live = await operator.live()
        before = tree(home)
        await live.admit(CommonName("anna-k7f3qz2m"), None)
        assert tree(home) == before
        assert await fixed_addresses(live.host, live.layout) == {}

    @pytest.mark.parametrize(
        ("exclusive", "default", "address", "text"),
        [
            (False, None, None, None),
            (False, ROUTE, None, None),
            (False, "disable\n", None, "# Let in by vpnbot.\n"),
            (True, None, None, "# Let in by vpnbot.\n"),
            (True, f"{ROUTE}disable\n", None, f"# Let in by vpnbot.\n{ROUTE}"),
            (False, None, "10.78.0.9", "ifconfig-push 10.78.0.9 255.255.255.0\n"),
            (
                True,
                f"ifconfig-push 10.78.0.3 255.255.255.0\n# x\n{ROUTE}",
                "10.78.0.9",
                f"ifconfig-push 10.78.0.9 255.255.255.0\n{ROUTE}",
            ),
        ],
    )
    async def test_gives_what_all_others_get(
        self,
        home: Path,
        exclusive: bool,
        default: str | None,
        address: str | None,
        text: str | None,
    ) -> None:
        lines = LOCKS if exclusive else LOCKS.replace("ccd-exclusive\n", "")
        operator = Operator(home, USUAL + lines)
        operator.write("ccd/.keep", "")
        if default is not None:
            operator.write("ccd/DEFAULT", default)
        live = await operator.live()
        await live.admit(CommonName("anna-k7f3qz2m"), IPv4Address(address) if address else None)
        file = home / "ccd/anna-k7f3qz2m"
        assert (file.read_text() if file.exists() else None) == text

    async def test_leaves_no_address_of_before(self, home: Path) -> None:
        operator = Operator(home, USUAL + LOCKS.replace("ccd-exclusive\n", ""))
        operator.write("ccd/.keep", "")
        live = await operator.live()
        anna = CommonName("anna-k7f3qz2m")
        for address in (IPv4Address("10.78.0.9"), None, None):
            await live.admit(anna, address)
            assert (home / "ccd/anna-k7f3qz2m").exists() is (address is not None)

    async def test_ends_with_its_file(self, home: Path) -> None:
        operator = Operator(home, USUAL + LOCKS)
        operator.write("ccd/bob", "")
        live = await operator.live()
        await live.admit(CommonName("anna-k7f3qz2m"), None)
        for _ in range(2):  # also where it has gone already
            await live.dismiss(CommonName("anna-k7f3qz2m"))
            assert [path.name for path in (home / "ccd").iterdir()] == ["bob"]
        await (await Operator(home, USUAL).live()).dismiss(CommonName("bob"))
        assert (home / "ccd/bob").exists()

    async def test_the_addresses_of_others_are_known(self, home: Path) -> None:
        operator = Operator(home, USUAL + LOCKS)
        operator.write("ccd/anna office", f"{ROUTE}ifconfig-push 10.78.0.7 255.255.255.0\n")
        operator.write("ccd/old", "ifconfig-push 10.78.0.5 10.78.0.6 bob.example\n")
        operator.write("linked", "ifconfig-push 10.78.0.8 255.255.255.0\n")
        (home / "ccd/link").symlink_to("../linked")
        (home / "ccd/folder").mkdir()
        (home / "ccd/loop").symlink_to("loop")
        operator.write("ccd/.vpnbot-" + "0" * 64, "ifconfig-push 10.78.0.9 255.255.255.0\n")
        live = await operator.live()
        found = await fixed_addresses(live.host, live.layout)
        given = {name: sorted(map(str, addresses)) for name, addresses in found.items()}
        assert given == {
            "anna office": ["10.78.0.7", "255.255.255.0"],
            "link": ["10.78.0.8", "255.255.255.0"],
            "old": ["10.78.0.5", "10.78.0.6"],
        }
