"""A real sshd on loopback, with a configuration, a host key and an account of the tests' own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

from tests.hanging import PATIENCE_S
from vpn.host.ssh import SshHost
from vpn.host.ssh_address import SshAddress, SshTarget

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin")
SUDO = shutil.which("sudo")
NEEDS_SUDO = pytest.mark.skipif(
    SUDO is None or os.geteuid() != 0, reason="becoming root by sudo takes sudo, and root"
)
NEEDS_SSHD = pytest.mark.skipif(
    SSHD is None or os.geteuid() != 0, reason="a real sshd takes openssh-server, and root"
)
_ACCOUNT_IN_USE = 8  # userdel(8), EXIT VALUES
_LISTENS = "Server listening"


@dataclass
class Sshd:
    """One that can be stopped, started, hung, and configured anew."""

    folder: Path
    port: int
    options: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    @property
    def host_key_file(self) -> Path:
        return self.folder / "host_key"

    @property
    def host_key(self) -> str:
        return " ".join(Path(f"{self.host_key_file}.pub").read_text().split()[:2])

    @property
    def key_file(self) -> Path:
        return self.folder / "key"

    @property
    def fingerprint(self) -> str:
        """Of the host key, as ssh-keygen shows it."""
        command = ["ssh-keygen", "-lf", f"{self.host_key_file}.pub"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.split()[1]

    @property
    def public_line(self) -> str:
        """What opens an account to our key."""
        return Path(f"{self.key_file}.pub").read_text().strip()

    def target(self, user: str, *, host_key: str | None = None, sudo: bool = False) -> SshTarget:
        address = SshAddress(user, "127.0.0.1", self.port)
        return SshTarget(address, host_key or self.host_key, self.key_file, sudo)

    def host(self, home: Path, user: str = "root", *, sudo: bool = False) -> SshHost:
        return SshHost(self.target(user, sudo=sudo), PurePosixPath(home))

    def allow(self, user: str, line: str | None = None) -> None:
        """Puts our key, or this line, into the account's authorized_keys."""
        keys = self.folder / "authorized" / user
        keys.parent.mkdir(exist_ok=True)
        keys.write_text(f"{line or self.public_line}\n")

    def take_host_key(self) -> tuple[bytes, bytes]:
        """To be put back later."""
        return self.host_key_file.read_bytes(), Path(f"{self.host_key_file}.pub").read_bytes()

    def put_host_key(self, key: tuple[bytes, bytes]) -> None:
        private, public = key
        self.host_key_file.write_bytes(private)
        Path(f"{self.host_key_file}.pub").write_bytes(public)

    def new_host_key(self) -> None:
        for path in (self.host_key_file, Path(f"{self.host_key_file}.pub")):
            path.unlink(missing_ok=True)
        _keygen(self.host_key_file)

    def start(self) -> None:
        assert SSHD is not None
        assert self.process is None
        Path("/run/sshd").mkdir(exist_ok=True)
        config = self.folder / "sshd_config"
        lines = [
            *self.options,  # of two the first counts
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.host_key_file}",
            f"AuthorizedKeysFile {self.folder}/authorized/%u .ssh/authorized_keys",
            "StrictModes no",
            "UsePAM no",
            "PermitRootLogin prohibit-password",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UseDNS no",
            "PidFile none",
            # What the tester's own ~/.bashrc does takes longer than all else, with each command:
            # bash leaves it out where another shell is around it.
            "SetEnv SHLVL=1",
            "LogLevel VERBOSE",
        ]
        config.write_text("\n".join(lines) + "\n")
        log = (self.folder / "sshd.log").open("ab")
        before = self.log.count(_LISTENS)
        with log:
            self.process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(config)], stderr=log, text=True
            )
        end = time.monotonic() + PATIENCE_S
        # Not by connecting to it, which one that is just being ended may answer, too.
        while self.log.count(_LISTENS) == before:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.01)

    @property
    def log(self) -> str:
        return (self.folder / "sshd.log").read_text()

    def stop(self) -> None:
        """Also all that it serves: each connection is a child of its own."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGSTOP)  # so that it starts none while they are ended
        for pid in _below(process.pid):
            _signal(pid, "KILL")
        process.kill()
        process.wait()

    def cut(self) -> None:
        """Ends all connections, and leaves what was started through them to see that."""
        assert self.process is not None
        for pid in _below(self.process.pid):
            if _about(pid, "comm").startswith("sshd"):
                _signal(pid, "KILL")

    def signal(self, name: str) -> None:
        """To all of its processes: STOP makes it hang, CONT lets it go on."""
        assert self.process is not None
        for pid in (self.process.pid, *_below(self.process.pid)):
            _signal(pid, name)


def _signal(pid: int, name: str) -> None:
    subprocess.run(["kill", f"-{name}", str(pid)], check=False, stderr=subprocess.DEVNULL)


def _below(pid: int) -> list[int]:
    """All that it has started, the youngest last."""
    found = []
    for child in _about(pid, f"task/{pid}/children").split():
        found += [int(child), *_below(int(child))]
    return found


def _about(pid: int, what: str) -> str:
    """Nothing where it has ended, also while it is read."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/{what}").read_text()
    return ""


def _keygen(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True)


@contextmanager
def run_sshd(folder: Path, *options: str, users: tuple[str, ...] = ("root",)) -> Iterator[Sshd]:
    """Args: options: lines of sshd_config that come before those of the tests."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    sshd = Sshd(folder, port, list(options))
    sshd.new_host_key()
    _keygen(sshd.key_file)
    for user in users:
        sshd.allow(user)
    sshd.start()
    try:
        yield sshd
    finally:
        sshd.stop()


@contextmanager
def new_account() -> Iterator[pwd.struct_passwd]:
    """An account that may do nothing but log in."""
    name = f"vpnbot-t{os.getpid()}"
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    subprocess.run([*command, "--shell", "/bin/sh", "--password", "*", name], check=True)
    try:
        yield pwd.getpwnam(name)
    finally:
        end = time.monotonic() + PATIENCE_S
        remove = ["userdel", name]
        # What it ran may see only now that its connection is gone.
        while (
            status := subprocess.run(remove, check=False, stderr=subprocess.DEVNULL).returncode
        ) == _ACCOUNT_IN_USE and time.monotonic() < end:
            time.sleep(0.05)
        assert status == 0, status


@contextmanager
def may_use_sudo(line: str, *more: str) -> Iterator[None]:
    """For a while this line is in the sudoers of this machine, see sudoers(5)."""
    user = line.partition(" ")[0]
    # A name with a dot in it is passed over.
    path = Path("/etc/sudoers.d", user.replace(".", "-"))
    content = "\n".join([*more, line, ""])
    command = ["visudo", "--check", "--quiet", "--file=-"]
    subprocess.run(command, input=content, text=True, check=True)
    path.touch(0o600)
    path.write_text(content)
    path.chmod(0o440)
    try:
        yield
    finally:
        path.unlink()
