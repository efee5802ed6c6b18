"""The secrets that are kept: the CA's key, and each server's tls key.

Each is opened once per process, which takes a good part of a second. A client's key is not among
them: it exists only while its profile is being sent.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cryptography import x509

from bot.access.case import Lifetime
from bot.errors import BadSettings, NotDone
from bot.process.data_folder import DataFolder
from pki.authority import Authority
from pki.authority_files import create_authority, load_authority, load_certificate
from pki.errors import PkiError
from pki.private_files import sync, write_file
from pki.sealed import seal, unseal
from pki.tls_crypt_v2 import generate_server_key
from storage.records import ServerName


class Keyring:
    """Opens what is sealed with the CA's passphrase.

    Args:
        passphrase: asked when it is needed for the first time; None where nobody knows it.
    """

    def __init__(self, folder: DataFolder, passphrase: Callable[[], str | None]) -> None:
        self._folder = folder
        self._ask = passphrase
        # By their numbers, see `storage.rotation`.
        self._certificates: dict[int, x509.Certificate] = {}
        self._authorities: dict[int, Authority] = {}
        # With the sealed form that it came out of: another process may put a new server with a
        # new key in the old one's place.
        self._tls_keys: dict[ServerName, tuple[bytes, str]] = {}
        self._opening = asyncio.Lock()

    @property
    def certificate(self) -> x509.Certificate:
        """The CA's certificate, of two the older one's; needs no passphrase.

        Raises:
            PkiError: it is missing, damaged, or open to others.
        """
        return self.certificates()[0]

    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Of each CA whose list a server's file has to hold, the oldest first.

        Looked for anew each time: another process may have made the second one just now. Raises as
        `certificate` does.
        """
        numbers = self.numbers()
        return tuple(map(self.certificate_of, numbers)) or (load_certificate(self._folder.ca),)

    def numbers(self) -> tuple[int, ...]:
        """Of the CAs that are there, the oldest first."""
        return tuple(self._folder.authorities())

    def certificate_of(self, number: int) -> x509.Certificate:
        """Of the CA with that number. Raises as `certificate` does."""
        if number not in self._certificates:
            self._certificates[number] = load_certificate(self._folder.ca_of(number))
        return self._certificates[number]

    def lifetime_of(self, number: int) -> Lifetime | None:
        """Of the CA with that number; None where it is not there, or cannot be read."""
        if number not in self.numbers():
            return None
        try:
            read = self.certificate_of(number)
        except PkiError:
            return None
        return Lifetime(read.not_valid_before_utc, read.not_valid_after_utc)

    async def authority(self, number: int | None = None) -> Authority:
        """A CA with its key.

        Args:
            number: of the CA; None for the only one, of two for the older one.

        Raises:
            BadSettings: no passphrase is set.
            PkiError: the CA is missing, damaged, open to others, or the passphrase is wrong.
        """
        wanted = next(iter(self.numbers()), 1) if number is None else number
        if (opened := self._authorities.get(wanted)) is not None:
            return opened
        async with self._opening:
            if wanted not in self._authorities:
                self._authorities[wanted] = await asyncio.to_thread(
                    load_authority, self._folder.ca_of(wanted), self._passphrase
                )
            return self._authorities[wanted]

    async def authorities(self) -> tuple[Authority, ...]:
        """Each CA that is there, the oldest first; there is at least one. Raises as `authority`."""
        return tuple([await self.authority(number) for number in self.numbers() or (None,)])

    def keep(self, authority: Authority, number: int = 1) -> None:
        """Takes over a CA that was made just now, so that its key is not derived once more."""
        self._authorities[number] = authority

    async def make_authority(self, number: int, *, common_name: str, now: datetime) -> None:
        """Makes another CA, under the passphrase of the one that is there.

        Raises:
            PkiError, BadSettings: that one does not open with it, or the new one is there already.
        """
        await self.authority()
        async with self._opening:
            made = await asyncio.to_thread(
                create_authority,
                self._folder.ca_of(number),
                common_name=common_name,
                passphrase=self._passphrase,
                now=now,
                random_bytes=os.urandom,
            )
            self._authorities[number] = made

    def destroy(self, number: int) -> None:
        """Destroys a CA's key: what it has signed is signed, and nothing is from now on.

        The folder goes by its name first, so that no half of it is ever taken for a CA.
        """
        folder = self._folder.ca_of(number)
        gone = folder.with_name(f".{folder.name}-{secrets.token_hex(8)}")
        with suppress(FileNotFoundError):
            folder.rename(gone)
            sync(folder.parent)
        for left in folder.parent.glob(f".{folder.name}-*"):
            shutil.rmtree(left)
        self._authorities.pop(number, None)
        self._certificates.pop(number, None)

    async def tls_key(self, server: ServerName) -> str:
        """A server's tls-crypt-v2 key, or the one that an adopted server shares with all."""
        sealed = self._sealed(server)
        if (key := self._opened(server, sealed)) is not None:
            return key
        async with self._opening:
            key = self._opened(server, sealed)
            if key is None:
                opened = await asyncio.to_thread(
                    unseal, sealed, passphrase=self._passphrase, context=_context(server)
                )
                key = opened.decode()
                self._tls_keys[server] = (sealed, key)
            return key

    def make_tls_key(self, server: ServerName) -> None:
        """Makes and seals the key of a new server; one that is there already stays."""
        if not self._path(server).exists():
            self.keep_tls_key(server, generate_server_key(os.urandom))

    def keep_tls_key(self, server: ServerName, key: str) -> None:
        """Seals a server's key, as PEM, in the place of the one that is there."""
        sealed = self._seal(self._path(server), key, _context(server))
        self._tls_keys[server] = (sealed, key)

    def keep_earlier_tls_key(self, kind: str, key: str) -> None:
        """Seals the key that the servers had before the takeover; the last one counts.

        Args:
            kind: tls-auth, tls-crypt or tls-crypt-v2.
        """
        self._seal(self._earlier, f"{kind}\n{key}", _EARLIER)

    async def earlier_tls_key(self) -> tuple[str, str] | None:
        """The kind and the key; None where none was taken over."""
        if not self._earlier.exists():
            return None
        opened = await asyncio.to_thread(
            unseal, self._earlier.read_bytes(), passphrase=self._passphrase, context=_EARLIER
        )
        kind, _, key = opened.decode().partition("\n")
        return kind, key

    def _seal(self, path: Path, text: str, context: str) -> bytes:
        sealed = seal(
            text.encode(), passphrase=self._passphrase, random_bytes=os.urandom, context=context
        )
        write_file(path, sealed, replace=True)
        return sealed

    @property
    def _earlier(self) -> Path:
        # No server has a name like this one.
        return self._folder.tls_keys / "_earlier.sealed"

    def forget(self, server: ServerName) -> None:
        """Of a server that was taken out nothing is kept in memory."""
        self._tls_keys.pop(server, None)

    def forget_tls_key(self, server: ServerName) -> None:
        """Removes the key of a server that was taken out."""
        self.forget(server)
        with suppress(FileNotFoundError):
            self._path(server).unlink()

    @cached_property
    def _passphrase(self) -> str:
        passphrase = self._ask()
        if passphrase is None:
            raise BadSettings(
                "VPNBOT_CA_PASSPHRASE_FILE isn't set: name a file that holds the CA's passphrase."
            )
        return passphrase

    def _opened(self, server: ServerName, sealed: bytes) -> str | None:
        before, key = self._tls_keys.get(server, (None, None))
        return key if before == sealed else None

    def _sealed(self, server: ServerName) -> bytes:
        try:
            return self._path(server).read_bytes()
        except OSError as error:
            raise NotDone(
                f"The tls key of {server} can't be read ({error.strerror}); "
                f"run: vpnbot server remove {server}, then add it again."
            ) from error

    def _path(self, server: ServerName) -> Path:
        return self._folder.tls_keys / f"{server}.sealed"


_EARLIER = "tls key of before the takeover"


def _context(server: ServerName) -> str:
    return f"tls-crypt-v2 server {server}"
