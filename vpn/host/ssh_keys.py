"""SSH keys: those that machines show, and ours.

Imported only where a server is elsewhere, like `vpn.host.ssh_link`.
"""

import asyncio
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import asyncssh

from vpn.errors import HostError, KeyRefused, SshError, SshSilent, SshUnreachable
from vpn.host.interface import LONGEST_REASON
from vpn.host.ssh_address import SshAddress

# A machine's RSA key is shown under these names.
RSA = ("rsa-sha2-512", "rsa-sha2-256")
# OpenSSL does these whole; of ChaCha20-Poly1305, asyncssh's first choice, Python does a good part,
# for each packet. The sign means: before all others.
CIPHERS = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com"
_CONNECT_S = 10.0
_LONGEST_KEY = 64 * 1024


async def shown_host_keys(address: SshAddress) -> list[str]:
    """The host keys that the machine shows, one of each kind, the preferred kind first.

    Whether they are its own nobody knows yet.

    Raises:
        SshError: it cannot be reached.
    """
    keys: list[asyncssh.SSHKey] = []
    lost: Exception | None = None
    for algorithms in (("ssh-ed25519",), ("ecdsa-sha2-nistp256",), RSA):
        try:
            async with asyncio.timeout(_CONNECT_S):
                key = await asyncssh.get_server_host_key(
                    address.host, address.port, server_host_key_algs=algorithms, config=None
                )
        except asyncssh.KeyExchangeFailed:
            continue
        except (ConnectionResetError, asyncssh.ConnectionLost) as error:
            # So sshd may say that it has no key of this kind.
            lost = error
            continue
        except TimeoutError:
            raise SshSilent(
                f"{address.host} port {address.port} gives no answer within {_CONNECT_S:g} s; see"
                " whether that machine runs, or a firewall drops what we send."
            ) from None
        except (OSError, asyncssh.Error) as error:
            raise unreachable(address, error) from error
        if key is not None:
            keys.append(key)
    if not keys:
        raise SshUnreachable(
            f"{address.host} port {address.port} shows no host key ({lost or 'none in common'});"
            " see whether sshd answers there."
        )
    return [" ".join(key.export_public_key().decode().split()[:2]) for key in keys]


def unreachable(address: SshAddress, error: OSError | asyncssh.Error) -> SshUnreachable:
    """What to say where there was no connection."""
    reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
    return SshUnreachable(
        f"{address.host} port {address.port} can't be reached by SSH"
        f" ({str(reason)[:LONGEST_REASON]}); see whether that machine and its sshd run."
    )


def known_host_keys(address: SshAddress, files: Sequence[Path]) -> list[str]:
    """Which keys of the machine these known_hosts files know; those they call revoked are left out.

    Raises:
        SshError: one of them cannot be understood.
    """
    there = [str(path) for path in files if path.is_file()]
    try:
        found = asyncssh.read_known_hosts(there).match(address.host, "", address.port)
    except (OSError, ValueError) as error:
        raise SshError(f"{', '.join(there)} can't be read: {error}; use --host-key.") from error
    revoked = {key.public_data for key in found[2]}
    keys = [key for key in found[0] if key.public_data not in revoked]
    return [" ".join(key.export_public_key().decode().split()[:2]) for key in keys]


def fingerprint_of(host_key: str) -> str:
    """SHA256:…, as ssh-keygen shows it."""
    return public_key(host_key).get_fingerprint()


def new_key(comment: str) -> tuple[bytes, str]:
    """A new ed25519 key: the private file in OpenSSH's format, and the public line."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
    return key.export_private_key(), key.export_public_key().decode().strip()


def public_line(path: Path) -> str:
    """The public line of a private key file.

    Raises:
        KeyRefused: it cannot be used.
    """
    return read_key(path).export_public_key().decode().strip()


def read_key(path: Path) -> asyncssh.SSHKey:
    """A private key without a passphrase, closed to others.

    Raises:
        KeyRefused: it cannot be used.
    """
    shown = quote(str(path))
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise KeyRefused(
                    f"The SSH key {shown} can be read by others; run: chmod 600 {shown}"
                )
            content = file.read(_LONGEST_KEY)
        return asyncssh.import_private_key(content)
    except OSError as error:
        raise KeyRefused(
            f"The SSH key {shown} can't be read ({error.strerror}); run: vpnbot server key"
        ) from error
    except asyncssh.KeyEncryptionError as error:
        raise KeyRefused(
            f"The SSH key {shown} has a passphrase; the bot needs one without, of its own: "
            "vpnbot server key"
        ) from error
    except asyncssh.KeyImportError as error:
        raise KeyRefused(f"{shown} isn't a private SSH key ({error}).") from error


def public_key(line: str) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(line)
    except (asyncssh.KeyImportError, ValueError) as error:
        raise HostError(f"{line[:60]!a} isn't a host key ({error}).") from error
