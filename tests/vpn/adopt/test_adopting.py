"""Looks at an operator's server and adds what it lacks, on a real file system."""

import os
import pwd
import shutil
import subprocess
from ipaddress import IPv4Address
from pathlib import Path, PurePosixPath

import pytest
from cryptography import x509

from tests.vpn.kit import CALLER, codes, make_authority, now
from tests.vpn.operator_kit import USUAL, Operator
from vpn.adopt.adopting import Examined, examine, restart_command
from vpn.adopt.advice import Weight
from vpn.errors import CrlNotUsed, HostError, NotAdoptable, NotApplied
from vpn.host.local import LocalHost
from vpn.host.machine import syntax_problem
from vpn.host.permissions import shut_out
from vpn.proof.client_files import fixed_addresses
from vpn.values import CommonName

ACCOUNT = "daemon"  # not root, and on every machine
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can apply.")
LOCKS = "crl-verify crl.pem\nclient-config-dir ccd\nccd-exclusive\n"
COMPLETE = f"{LOCKS}remote-cert-tls client\nmanagement m.sock unix\n"
TLS_SECRET = "<key>\nsecret\n</key>\n"
ROUTE = 'push "route 10.99.0.0 255.255.0.0"\n'


@pytest.fixture
def home(open_folder: Path) -> Path:
    return open_folder / "office"


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.stat().st_uid, _content(path))
        for path in folder.rglob("*")
    }


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)


def as_the_operator(command: str) -> None:
    subprocess.run(["sh", "-ec", command], check=True)


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
        assert [advice.weight for advice in found] == [weight]

    async def test_says_whose_ca_is_trusted(self, home: Path) -> None:
        operator = Operator(home)
        other = make_authority()
        own = operator.authority.certificate_pem
        for text, words in (
            (other.certificate_pem, ["does not trust the bot's CA", "trusts other CAs"]),
            (own + other.certificate_pem, ["trusts other CAs"]),
            (own, []),
            ("nonsense", ["does not trust the bot's CA"]),
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
        set_mode(home, 0o700)
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
        with pytest.raises(HostError):
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
        assert await live.list_in_place(operator.authority.certificate, unless=None) is None

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
            status = await live.status(issuer=operator.authority.certificate, now=now())
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
        status = await live.status(issuer=operator.authority.certificate, now=now())
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


@NEEDS_ROOT
class TestApply:
    @pytest.mark.parametrize(
        ("hard", "owner", "mode"),
        [(False, 12345, 0o755), (True, 12345, 0o755), (True, 0, 0o775)],
    )
    async def test_publishes_no_file_that_another_account_has_linked(
        self, home: Path, *, hard: bool, owner: int, mode: int
    ) -> None:
        """What root reads there goes into a folder that everybody may look into."""
        operator = Operator(home, f"{USUAL}client-config-dir ccd\n")
        operator.write("ccd/anna", ROUTE)
        secret, link = home / "secret", home / "ccd" / "bob"
        secret.write_text("root's alone")
        secret.chmod(0o600)
        os.chown(home / "ccd", owner, -1)
        (home / "ccd").chmod(mode)
        if hard:
            link.hardlink_to(secret)
        else:
            link.symlink_to(secret)
            os.chown(link, 12345, -1, follow_symlinks=False)
        with pytest.raises(HostError, match=r"does not follow it|is no ordinary file"):
            await operator.apply(["anna", "bob"], account=ACCOUNT)
        assert not (home / "server-live").exists()
        link.unlink()
        operator.write("real", ROUTE)
        os.chown(home / "ccd", 0, 0)
        (home / "ccd").chmod(0o755)
        link.symlink_to("../real")  # root's own, where nobody else could have put it
        await operator.apply(["anna", "bob"], account=ACCOUNT)
        assert (home / "server-live" / "ccd" / "bob").read_text() == ROUTE

    async def test_makes_what_is_missing(self, home: Path) -> None:
        operator = Operator(home)
        operator.conf.chmod(0o640)
        group = pwd.getpwnam(ACCOUNT).pw_gid
        os.chown(operator.conf, 0, group)
        applied = await operator.apply(["Anna Office", "a/b", "."], account=ACCOUNT)
        uid = pwd.getpwnam(ACCOUNT).pw_uid
        live = home / "server-live"
        assert {path.name: path.stat().st_mode & 0o777 for path in live.rglob("*")} == {
            "crl.pem": 0o644,
            "ccd": 0o755,
            "Anna Office": 0o644,
            "a_b": 0o644,
        }
        assert {path.stat().st_uid for path in (live, *live.rglob("*"))} == {uid}
        status = operator.conf.stat()
        assert (status.st_mode & 0o777, status.st_uid, status.st_gid) == (0o640, 0, group)
        assert operator.conf.read_text().startswith(USUAL)
        assert applied.copy is not None
        copy = home / applied.copy
        assert copy.read_text() == USUAL
        assert copy.stat().st_mode & 0o777 == 0o640
        assert applied.changed[-1] == str(operator.conf)
        assert applied.commands == (f"# restart the OpenVPN that runs with {operator.conf}",)
        layout = applied.examined.layout
        assert layout.exclusive
        assert layout.crl == f"{live}/crl.pem".lstrip("/")
        assert not any(advice.applied for advice in applied.examined.advice)

    async def test_again_it_changes_nothing(self, home: Path) -> None:
        operator = Operator(home)
        await operator.apply(["anna"], account=ACCOUNT)
        before = tree(home)
        again = await operator.apply(["anna", "new"], account=ACCOUNT)
        assert (again.changed, again.copy, again.commands) == ((), None, ())
        assert tree(home) == before

    async def test_what_the_operator_has_stays(self, home: Path) -> None:
        text = USUAL + "crl-verify crl.pem\nclient-config-dir ccd\nmanagement localhost 7505\n"
        operator = Operator(home, text)
        operator.write("ccd/anna", "ifconfig-push 10.78.0.9 255.255.255.0\n")
        before = tree(home)
        applied = await operator.apply(["anna", "bob"])
        assert applied.examined.layout.exclusive
        after = tree(home)
        assert {name for name in before if before[name] != after[name]} == {"server.conf"}
        assert set(after) - set(before) == {"ccd/bob", Path(applied.copy or "").name}
        assert applied.examined.layout.management == (await operator.examine()).layout.management

    async def test_a_folder_that_the_bot_may_not_write_is_copied(self, home: Path) -> None:
        operator = Operator(home, USUAL + LOCKS.replace("ccd-exclusive\n", ""))
        operator.write("ccd/anna", ROUTE)
        operator.write("ccd/DEFAULT", f"{ROUTE}{ROUTE}")
        (home / "ccd/folder").mkdir()
        await operator.apply(["anna", "bob"], account=ACCOUNT)
        ccd = home / "server-live/ccd"
        assert (ccd / "anna").read_text() == ROUTE
        assert (ccd / "DEFAULT").read_text() == f"{ROUTE}{ROUTE}"
        # A file of its own takes bob away from DEFAULT, so it says the same.
        assert (ccd / "bob").read_text() == f"# Let in by vpnbot.\n{ROUTE}{ROUTE}"
        assert "# vpnbot: client-config-dir ccd\n" in operator.conf.read_text()
        assert (home / "ccd/anna").read_text() == ROUTE

    @pytest.mark.parametrize(
        ("lines", "default"), [(LOCKS, None), (LOCKS.replace("ccd-exclusive\n", ""), "disable\n")]
    )
    async def test_whom_the_operator_shut_out_stays_out(
        self, home: Path, lines: str, default: str | None
    ) -> None:
        operator = Operator(home, USUAL + lines)
        operator.write("ccd/anna", "")
        if default:
            operator.write("ccd/DEFAULT", default)
        await operator.apply(["anna", "bob"], account=ACCOUNT)
        names = {path.name for path in (home / "server-live/ccd").iterdir()}
        assert names == {"anna", *(["DEFAULT"] if default else [])}

    async def test_a_block_is_taken_out_as_a_whole(self, home: Path) -> None:
        operator = Operator(home)
        block = f"<crl-verify>\n{operator.crl().decode()}</crl-verify>\nmute 20\n"
        operator.write("server.conf", USUAL + block)
        applied = await operator.apply()
        facts = applied.examined.adoption.facts
        assert facts.last("crl-verify") == (f"{home}/server-live/crl.pem",)
        assert facts.last("mute") == ("20",)

    async def test_what_an_interrupted_one_left_is_used(self, home: Path) -> None:
        operator = Operator(home)
        await operator.apply(["anna"], account=ACCOUNT)
        newer = operator.authority.sign_crl(number=10_000, revocations=(), now=now())
        (home / "server-live/crl.pem").write_bytes(newer)
        (home / "server-live/ccd/anna").write_text(ROUTE)
        operator.write("server.conf", USUAL)
        applied = await operator.apply(["anna", "bob"], account=ACCOUNT)
        assert (home / "server-live/crl.pem").read_bytes() == newer
        assert (home / "server-live/ccd/anna").read_text() == ROUTE
        assert f"{home}/server-live/ccd/bob" in applied.changed

    async def test_no_copy_is_ever_overwritten(self, home: Path) -> None:
        operator = Operator(home)
        copies = set()
        for _ in range(3):
            operator.write("server.conf", USUAL)
            copies.add((await operator.apply()).copy)
        assert len(copies) == 3

    async def test_a_path_with_spaces(self, open_folder: Path) -> None:
        operator = Operator(open_folder / "my office")
        applied = await operator.apply()
        assert applied.examined.layout.exclusive
        assert f'crl-verify "{open_folder}/my office/server-live/crl.pem"' in (
            operator.conf.read_text()
        )

    @pytest.mark.parametrize(
        ("lines", "reason"),
        [
            ("chroot /srv\n", "chroot line"),
            ("config more.conf\n", "config line"),
            ("<ca>\n", "cannot be changed safely"),
        ],
    )
    async def test_what_it_does_not_understand_stays(
        self, home: Path, lines: str, reason: str
    ) -> None:
        operator = Operator(home, USUAL + lines)
        operator.write("more.conf", "")
        before = tree(home)
        with pytest.raises(NotApplied, match=reason):
            await operator.apply()
        assert tree(home) == before

    async def test_not_for_an_account_that_is_not_there(self, home: Path) -> None:
        operator = Operator(home)
        with pytest.raises(NotApplied, match="no account"):
            await operator.apply(account="nobody-here")

    async def test_beside_a_folder_that_openvpn_may_not_pass(self, home: Path) -> None:
        """The bot's own account may: so its folder goes to the next one that both can pass."""
        operator = Operator(home)
        set_mode(home, 0o710)
        os.chown(home, 0, pwd.getpwnam(ACCOUNT).pw_gid)
        applied = await operator.apply(["anna"], account=ACCOUNT)
        live = home.with_name("office-server-live")
        assert applied.examined.layout.crl == f"{live}/crl.pem".lstrip("/")
        assert {path.name for path in (live / "ccd").iterdir()} == {"anna"}
        assert await shut_out(LocalHost(Path("/")), f"{live}/ccd".lstrip("/")) is None
        assert f"management {home.parent}/office-server.sock unix" in operator.conf.read_text()
        again = await operator.apply(["anna"], account=ACCOUNT)
        assert again.changed == ()
        assert again.examined.layout.bot_folders == applied.examined.layout.bot_folders

    @pytest.mark.parametrize("group", ["root", "mail"])
    async def test_a_configuration_that_the_bot_may_not_read_is_left_alone(
        self, home: Path, group: str
    ) -> None:
        """With the lines that open it; they let in the bot's account and nobody else."""
        operator = Operator(home, USUAL + TLS_SECRET)
        set_mode(home, 0o700)
        operator.conf.chmod(0o600)
        for path in (home, operator.conf):
            shutil.chown(path, group=group)
        before = tree(home.parent)
        with pytest.raises(NotApplied, match="Nothing was changed") as refused:
            await operator.apply(account=ACCOUNT)
        assert tree(home.parent) == before
        commands = (await operator.examine(account=ACCOUNT)).rights.open_conf
        assert " && ".join(commands) in str(refused.value)
        if group != "root":
            assert commands == (
                f"setfacl -m u:{ACCOUNT}:x {home}",
                f"setfacl -m u:{ACCOUNT}:r {operator.conf}",
            )
            return
        for command in commands:
            as_the_operator(command)
        assert operator.conf.stat().st_mode & 0o007 == 0
        assert (await operator.apply(account=ACCOUNT)).copy is not None

    async def test_a_management_socket_that_the_bot_cannot_reach_is_moved(self, home: Path) -> None:
        text = f"{USUAL}{LOCKS}management closed/m.sock unix pw\nmanagement-client-group mail\n"
        operator = Operator(home, text)
        operator.write("pw", "secret\n", mode=0o600)
        operator.write("closed/x", "")
        set_mode(home / "closed", 0o710)
        said = [a for a in (await operator.examine(account=ACCOUNT)).advice if a.applied]
        (advice,) = [a for a in said if a.directive == "management"]
        assert f"the folder of the management socket {home}/closed/m.sock" in advice.detail
        (home / "pw").chmod(0o644)
        facts = (await operator.apply(account=ACCOUNT)).examined.adoption.facts
        assert facts.last("management") == (f"{home}/server.sock", "unix")
        assert facts.last("management-client-user") == (ACCOUNT,)
        assert not facts.has("management-client-group")
        assert [d.name for d in facts.directives].count("management") == 1

    async def test_what_fails_when_it_is_tried_leaves_nothing_behind(self, home: Path) -> None:
        """With ccd-exclusive a file that OpenVPN cannot read would shut its client out."""
        operator = Operator(home, USUAL + "client-config-dir ccd\ncrl-verify crl.pem\n")
        operator.write("ccd/bob", ROUTE, mode=0o600)
        before = tree(home)
        with pytest.raises(NotApplied, match=f"chmod o.r {home}/ccd/bob") as refused:
            await operator.apply(["anna", "bob"])
        assert tree(home) == before
        command = str(refused.value).partition("run: ")[2].partition(". Nothing")[0]
        as_the_operator(command)
        await operator.apply(["anna", "bob"])
        assert (home / "ccd/bob").read_text() == ROUTE

    async def test_no_folder_stays_where_the_account_cannot_use_it(self, home: Path) -> None:
        operator = Operator(home, USUAL + LOCKS)
        uid = pwd.getpwnam(ACCOUNT).pw_uid
        os.chown(home / "crl.pem", uid, -1)
        operator.write("ccd/anna", "")
        os.chown(home / "ccd", uid, -1)
        set_mode(home / "ccd", 0o700)  # the bot's, and shut to OpenVPN
        before = tree(home)
        with pytest.raises(NotApplied, match="shuts out OpenVPN"):
            await operator.apply(["anna"], account=ACCOUNT)
        assert tree(home) == before

    async def test_not_with_a_path_that_no_socket_can_have(self, open_folder: Path) -> None:
        operator = Operator(open_folder / ("x" * 100))
        with pytest.raises(NotApplied, match="too long"):
            await operator.apply()

    @pytest.mark.skipif(not shutil.which("openvpn"), reason="OpenVPN is not installed.")
    async def test_openvpn_itself_is_asked_about_the_lines(self, home: Path) -> None:
        Operator(home)
        host = LocalHost(Path("/"))
        folder = str(home).lstrip("/")
        assert await syntax_problem(host, folder, USUAL) is None
        found = await syntax_problem(host, folder, USUAL + "no-such-option\n")
        assert found is not None
        assert "no-such-option" in found

    @pytest.mark.skipif(not shutil.which("openvpn"), reason="OpenVPN is not installed.")
    async def test_what_openvpn_refuses_already_is_no_reason(self, home: Path) -> None:
        """An option of another version's; and the running server's log is left alone."""
        operator = Operator(home, USUAL + "no-such-option\nlog server.log\n")
        operator.write("server.log", "what happened\n")
        assert (await operator.apply()).copy is not None
        assert (home / "server.log").read_text() == "what happened\n"


@pytest.mark.parametrize(
    ("conf", "command"),
    [
        ("etc/openvpn/server/office.conf", "systemctl restart openvpn-server@office"),
        ("etc/openvpn/office.conf", "systemctl restart openvpn@office"),
        ("etc/openvpn/of fice.conf", "# restart the OpenVPN that runs with"),
        ("srv/office.conf", "# restart the OpenVPN that runs with /srv/office.conf"),
    ],
)
def test_how_it_is_restarted(conf: str, command: str) -> None:
    assert restart_command(conf).startswith(command)
