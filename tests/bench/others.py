"""What our times stand beside: easyrsa, openssl, and a bare command to OpenVPN."""

import asyncio
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# Debian keeps it out of PATH.
_EASYRSA_AT_DEBIAN = Path("/usr/share/easy-rsa/easyrsa")
_CA_CONFIG = """\
[ca]
default_ca = here
[here]
database = index.txt
crlnumber = crlnumber
certificate = ca.crt
private_key = ca.key
default_md = sha256
default_crl_days = 7
"""


def easyrsa_program() -> str | None:
    """Where easyrsa is; None where it is not installed."""
    found = shutil.which("easyrsa")
    if found is None and _EASYRSA_AT_DEBIAN.exists():
        return str(_EASYRSA_AT_DEBIAN)
    return found


class Easyrsa:
    """A CA of easyrsa's, without a passphrase: nothing is asked and nothing derived."""

    def __init__(self, program: str, folder: Path, algorithm: Mapping[str, str]) -> None:
        self._program = program
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "EASYRSA_PKI": str(folder / "pki"),
            "EASYRSA_BATCH": "1",
            **algorithm,
        }
        self._built = 0

    async def prepare(self) -> None:
        """Makes the CA."""
        self._folder.mkdir()
        await self._run("init-pki")
        await self._run("--req-cn=bench", "build-ca", "nopass")

    async def build_client(self) -> float:
        """`build-client-full`: the seconds that it took."""
        self._built += 1
        return await self._run("build-client-full", f"client-{self._built}", "nopass")

    async def _run(self, *arguments: str) -> float:
        return await timed((self._program, *arguments), self._folder, self._environment)


EC = {"EASYRSA_ALGO": "ec", "EASYRSA_CURVE": "prime256v1"}
RSA = {"EASYRSA_ALGO": "rsa", "EASYRSA_KEY_SIZE": "2048"}


class OpensslCrl:
    """`openssl ca -gencrl`, with an EC key that is not encrypted, and nothing revoked yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def prepare(self) -> None:
        self._folder.mkdir()
        for name, content in (
            ("ca.conf", _CA_CONFIG),
            ("index.txt", ""),
            ("crlnumber", "01\n"),
        ):
            (self._folder / name).write_text(content)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        files = ("-keyout", "ca.key", "-out", "ca.crt")
        await self._run("req", "-x509", *key, *files, "-subj", "/CN=bench", "-days", "30")

    async def write(self) -> float:
        """The seconds that it took."""
        return await self._run("ca", "-config", "ca.conf", "-gencrl", "-out", "crl.pem")

    async def _run(self, *arguments: str) -> float:
        return await timed(("openssl", *arguments), self._folder, dict(os.environ))


async def bare_kill(directory: Path, common_name: str) -> None:
    """Nothing but: connect, greeting, `kill`, answer."""
    # A socket's path holds 107 bytes: through /proc it always fits.
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        path = f"/proc/self/fd/{folder}/management.sock"
        reader, writer = await asyncio.open_unix_connection(path)
    finally:
        os.close(folder)
    try:
        await reader.readline()
        writer.write(f"kill {common_name}\n".encode())
        answer = await reader.readline()
        assert answer.startswith(b"SUCCESS"), answer
    finally:
        writer.close()
        await writer.wait_closed()


async def timed(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Runs a program to its end, which must be a good one; gives the seconds."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    took = time.perf_counter() - began
    assert process.returncode == 0, (command, output.decode(errors="replace"))
    return took


def processor_seconds(
    command: Sequence[object], folder: Path, environment: Mapping[str, str]
) -> float:
    """The processor time of a program and all that it starts; it must end well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
