"""Adds what an operator's server lacks, or leaves all as it was, on a real file system."""

import os
import pwd
import shutil
from pathlib import Path

import pytest

from tests.vpn.adopt.kit import ACCOUNT, LOCKS, NEEDS_ROOT, ROUTE, as_the_operator, tree
from tests.vpn.kit import now
from tests.vpn.operator_kit import USUAL, Operator
from vpn.errors import HostError, NotApplied
from vpn.host.local import LocalHost
from vpn.host.machine import syntax_problem
from vpn.host.permissions import shut_out

TLS_SECRET = "<key>\nsecret\n</key>\n"


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
        with pytest.raises(HostError, match=r"doesn't follow it|isn't an ordinary file"):
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
            ("<ca>\n", "can't be changed safely"),
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
        operator.directory.chmod(0o710)
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
        operator.directory.chmod(0o700)
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
        (home / "closed").chmod(0o710)
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
        (home / "ccd").chmod(0o700)  # the bot's, and shut to OpenVPN
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
