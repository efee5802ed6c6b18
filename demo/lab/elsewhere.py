"""A second machine for the lab, reached by a real sshd: a namespace with accounts of its own.

It shares the files of this one, but for its accounts and what runs: its /etc shows a passwd, group
and shadow of its own, with root, one account more and nobody's password, and its /run is empty.
All of that is in a mount namespace, which ends with its last process, so that nothing of it is ever
seen on this machine or left there.

sshd runs in there as inetd would start it, once for each connection: those come to a port of this
machine's loopback, and are handed over. So its user needs no route to the namespace.
"""

import asyncio
import grp
import os
import pwd
import shutil
import socket
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

from demo.errors import LabError
from demo.lab.network import (
    ELSEWHERE_ADDRESS,
    ENVIRONMENT,
    PATH,
    START_S,
    UP,
    NetLab,
    end_all_in,
    run,
)
from demo.lab.processes import Child

_READY = "ready"
_LOOPBACK = "127.0.0.1"
# Nobody's: what systems give to people and services is below, systemd's dynamic users above.
_FREE_IDS = range(60_100, 61_000)
# Its first process, which ends with its input. Nothing is mounted over a single file: one that is
# replaced on this machine, as by `useradd`, would take its mount with it.
_HOLD = f"""\
mount -t overlay -o "lowerdir=$1:/etc" overlay /etc
mount -t tmpfs -o mode=755,size=1m tmpfs /run
mkdir /run/sshd
echo {_READY}
exec cat
"""
_SSHD_CONFIG = """\
HostKey {folder}/host_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PidFile none
"""
# Neither is locked, and no password opens it, see shadow(5).
_SHADOW = "{name}:*:19000:0:99999:7:::\n"


def elsewhere_missing() -> str | None:
    """Why there can be no second machine here, as part of a sentence; None where there can."""
    for program in ("sshd", "unshare", "nsenter", "mount"):
        if shutil.which(program, path=PATH) is None:
            return f"{program} isn't installed"
    return None


class Elsewhere:
    """The machine. Raises LabError where it cannot be had.

    Args:
        folder: a new one of its own, which others can pass through.
        account: the one that logs in every day; nobody's key opens it yet.
        host_key: the private key that the machine shows, as OpenSSH writes it.
        roots_line: what opens root there, a line of authorized_keys.
    """

    address = ELSEWHERE_ADDRESS

    def __init__(
        self, lab: NetLab, folder: Path, *, account: str, host_key: bytes, roots_line: str
    ) -> None:
        self._lab = lab
        self._folder = folder
        self._account = account
        self._files = {"host_key": host_key, "root/.ssh/authorized_keys": roots_line.encode()}
        self._space = ""
        self._holder: Child | None = None
        self._server: Child | None = None
        self._listener = socket.socket()
        self._accepting: asyncio.Task[None] | None = None
        self._serving: list[Process] = []

    @property
    def port(self) -> int:
        """Where this machine's loopback leads to its sshd."""
        return int(self._listener.getsockname()[1])

    async def start(self) -> None:
        """Until sshd would answer."""
        self._write()
        space = self._space = await self._lab.add_elsewhere()
        hold = ("sh", "-euc", _HOLD, "sh", str(self._folder / "etc"))
        within = ("ip", "netns", "exec", space, "unshare", "--mount", "--propagation", "private")
        self._holder = await Child.start(*within, *hold, env=ENVIRONMENT)
        holder = self._holder
        if not await holder.waits_for(lambda: _READY in holder.log, START_S):
            raise LabError(f"No second machine could be made: {holder.tail()}")
        code, said = await run(*self._inside(*self._sshd, "-t"))
        if code != 0:
            raise LabError(f"sshd can't be used: {said}")
        self._listener.bind((_LOOPBACK, 0))
        self._listener.listen()
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept())

    async def start_server(self, directory: Path) -> None:
        """Starts `openvpn --config server.conf` there, in this folder."""
        go = 'cd "$1" && exec openvpn --config server.conf'
        command = self._inside("sh", "-euc", go, "sh", str(directory))
        child = self._server = await Child.start(*command, env=ENVIRONMENT)
        if not await child.waits_for(lambda: UP in child.log, START_S):
            raise LabError(f"The OpenVPN server didn't start: {child.tail()}")

    async def close(self) -> None:
        """Ends all that runs there."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        self._listener.close()
        if self._space:
            end_all_in(self._space)  # each connection has processes of its own
        await asyncio.gather(*(process.wait() for process in self._serving))
        children = [child for child in (self._server, self._holder) if child is not None]
        await asyncio.gather(*(child.end(patience_s=0) for child in children))

    def _write(self) -> None:
        folder, account = self._folder, self._account
        number = _free_id()
        homes = {"root": folder / "root", account: folder / "home"}
        for home, owner in ((homes["root"], 0), (homes[account], number)):
            home.mkdir(0o700)
            os.chown(home, owner, owner)
        (homes["root"] / ".ssh").mkdir(0o700)
        for name, content in self._files.items():
            (folder / name).touch(0o600)
            (folder / name).write_bytes(content)
        (folder / "sshd_config").write_text(_SSHD_CONFIG.format(folder=folder))
        (folder / "etc").mkdir()
        (folder / "etc").chmod(0o755)
        # No shell of theirs reads what the operator's own would.
        ours = {
            "passwd": [
                f"root:x:0:0:root:{homes['root']}:/bin/sh",
                f"{account}:x:{number}:{number}::{homes[account]}:/bin/sh",
            ],
            "group": ["root:x:0:", f"{account}:x:{number}:"],
        }
        for name, lines in ours.items():
            kept = _without(Path("/etc", name), ("root", account))
            file = folder / "etc" / name
            file.write_text("\n".join([*lines, *kept, ""]), errors="surrogateescape")
            file.chmod(0o644)  # whatever the umask
        shadow = folder / "etc" / "shadow"
        shadow.touch(0o600)
        shadow.write_text("".join(_SHADOW.format(name=name) for name in homes))

    @property
    def _sshd(self) -> tuple[str, ...]:
        path = shutil.which("sshd", path=PATH)
        assert path is not None  # it starts itself anew, for which it wants its whole path
        return (path, "-f", str(self._folder / "sshd_config"))

    def _inside(self, *command: str) -> tuple[str, ...]:
        """First into the namespace, where `end_all_in` finds whoever is on the way, too."""
        assert self._holder is not None
        files = ("nsenter", "--target", str(self._holder.pid), "--mount", "--", *command)
        return ("ip", "netns", "exec", self._space, *files)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            with connection:
                connection.setblocking(True)  # as sshd expects it
                serving = await asyncio.create_subprocess_exec(
                    *self._inside(*self._sshd, "-i"),
                    stdin=connection.fileno(),
                    stdout=connection.fileno(),
                    stderr=DEVNULL,
                    env=ENVIRONMENT,
                )
            self._serving = [one for one in self._serving if one.returncode is None]
            self._serving.append(serving)


def _free_id() -> int:
    """A number that is neither an account's nor a group's on this machine."""
    for number in _FREE_IDS:
        try:
            pwd.getpwuid(number)
        except KeyError:
            try:
                grp.getgrgid(number)
            except KeyError:
                return number
    raise LabError("No number is free for an account of the second machine.")


def _without(path: Path, names: tuple[str, ...]) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return [line for line in lines if line.partition(":")[0] not in names]
