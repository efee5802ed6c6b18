"""What a process writes, as the kernel sees it: with strace.

Strings are asked for in hexadecimal (-xx), so that nothing of them is abbreviated or quoted, and
each descriptor with what is behind it (-yy).
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CALLS = "write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg"
_LONGEST = "2000000"
# A process, a call, and a descriptor: a path in hexadecimal, or a name like TCP:[…->…].
_CALL = re.compile(r"\d+ +(\w+)\(\d+<(.*?)>, (.*)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PATH = re.compile(r"(?:\\x[0-9a-f]{2})+")


@dataclass(frozen=True, slots=True)
class Write:
    call: str
    target: str
    content: bytes

    @property
    def is_file(self) -> bool:
        return self.target.startswith("/") and not self.target.startswith("/dev/")


def strace_missing() -> str | None:
    """Why nothing can be traced here."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    probe = ("strace", "-qq", "-o", "/dev/null", "true")
    tried = subprocess.run(probe, capture_output=True, check=False)
    return None if tried.returncode == 0 else "strace may not trace here"


def traced(output: Path, *program: str) -> tuple[str, ...]:
    """The command that runs a program under strace. Its process id is the program's own (-D)."""
    what = f"trace={_CALLS}"
    options = ("-D", "-f", "--seccomp-bpf", "-yy", "-xx", "-s", _LONGEST, "-e", what)
    return ("strace", *options, "-o", str(output), *program)


def writes(output: Path) -> Iterator[Write]:
    """What was written where. An unfinished line has its data before it breaks off."""
    with output.open(encoding="ascii") as lines:
        for line in lines:
            found = _CALL.match(line)
            if found is not None:
                call, target, rest = found.groups()
                content = b"".join(_bytes(text) for text in _STRING.findall(rest))
                yield Write(call, _target(target), content)


def _target(text: str) -> str:
    path = _PATH.match(text)
    return _bytes(path[0]).decode(errors="replace") if path else text


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
