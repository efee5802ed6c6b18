"""What an OpenVPN was started with besides its configuration.

What follows `--config` on the command line counts more than what the file says, and nobody sees it
there: scripts of containers name the list and the clients' files only so.
"""

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vpn.configuration.directives import Directive
from vpn.configuration.table import Effect, effect_of
from vpn.host.interface import ROOT, ServerHost

# Those that say something, and change nothing that we go by. Debian's units have some of them.
_TOLD = frozenset(
    {
        *("cd", "config", "daemon", "log", "log-append", "management-log-cache", "status"),
        *("status-version", "tmp-dir", "writepid"),
    }
)
_PROGRAM = "openvpn"
# Whoever starts a program may call it so, and give it any words. Of what is told of them:
_LONGEST, _MOST = 64, 10
# One process after the other: its number, its folder as far as that can be seen, and its words.
_PROCESSES = """\
for each in /proc/[0-9]*; do
    name=; { read -r name <"$each/comm"; } 2>/dev/null
    case "$name" in openvpn*) ;; *) continue ;; esac
    printf '%s\\n' "${each#/proc/}" "$(readlink "$each/cwd" 2>/dev/null)"
    tr '\\n\\0' ' \\n' <"$each/cmdline" 2>/dev/null
    printf '\\036'
done
"""
_END = "\N{INFORMATION SEPARATOR TWO}"


@dataclass(frozen=True, slots=True)
class Started:
    """A process of OpenVPN.

    Attributes:
        folder: where it is, where that can be seen; empty otherwise.
        words: of its command line, its own name first.
    """

    pid: str
    folder: str
    words: tuple[str, ...]

    @property
    def conf(self) -> str:
        """The configuration that it names first, as far as its folder is known; may be empty."""
        folder = self.folder
        for option in options(self.words):
            if option.name == "cd" and option.arguments:
                folder = posixpath.join(folder, option.arguments[0])
            if option.name == "config" and option.arguments:
                return posixpath.join(folder, option.arguments[0])
        return ""

    async def runs(self, host: ServerHost, conf: str) -> bool:
        """Whether it runs with this configuration, an absolute path; also by another path to it.

        In a container the same file has another path. Where that cannot be seen, the name counts.

        Raises:
            HostError: nothing can be asked there.
        """
        path = f"/proc/{self.pid}/root{self.conf}"
        if self.conf == conf or (await host.run(("test", path, "-ef", conf))).status == 0:
            return True
        is_seen = await host.caller() == ROOT and posixpath.isabs(self.conf)
        return not is_seen and posixpath.basename(self.conf) == posixpath.basename(conf)


def options(words: Sequence[str]) -> tuple[Directive, ...]:
    """The options of a command line, as parse_argv() in OpenVPN's options.c reads them."""
    if len(words) == len(("openvpn", "FILE")) and not words[1].startswith("--"):
        return (Directive("config", (words[1],), 0),)
    found: list[tuple[str, list[str]]] = []
    for word in words[1:]:
        if word.startswith("--"):
            found.append((word[2:], []))
        elif found:
            found[-1][1].append(word)
    return tuple(Directive(name, tuple(arguments), 0) for name, arguments in found)


def overruling(words: Sequence[str]) -> tuple[str, ...]:
    """The options by which a command line may overrule what the configuration promises."""
    if not words or not posixpath.basename(words[0]).startswith(_PROGRAM):
        return ()
    names = [option.name for option in options(words)]
    found = [n for n in names if n not in _TOLD and effect_of(n) is not Effect.HARMLESS]
    if names.count("config") > 1:
        found.append("config")
    return tuple(dict.fromkeys(f"--{name[:_LONGEST]}" for name in found))[:_MOST]


async def words_of(host: ServerHost, pid: int) -> tuple[str, ...]:
    """The command line of a process; empty where it cannot be seen.

    Raises:
        HostError: nothing can be asked there.
    """
    shown = await host.run(("cat", f"/proc/{pid}/cmdline"))
    text = shown.output.decode("utf-8", "replace") if shown.status == 0 else ""
    return tuple(text.removesuffix("\0").split("\0")) if text else ()


async def running(host: ServerHost) -> tuple[Started, ...]:
    """All processes of OpenVPN on a machine.

    Raises:
        HostError: nothing can be asked there.
    """
    shown = await host.run(("/bin/sh", "-c", _PROCESSES))
    return tuple(_started(shown.output.decode("utf-8", "replace")))


def _started(text: str) -> Iterator[Started]:
    for block in text.split(_END)[:-1]:
        pid, folder, *words = block.removesuffix("\n").split("\n")
        yield Started(pid, folder, tuple(words))
