"""Takes over an easy-rsa CA: its key, and all that it ever issued.

1. The PKI is read and checked as a whole; a damaged one is refused before anything is touched.
2. The key is opened, and must fit the certificate.
3. The books become grants, in one transaction: all or nothing.
4. Only then is the key kept, as we keep one. Whoever is interrupted before (4) has books without
   a CA, with which nothing can be signed, and runs the same again. The other way round the next
   CRL would lack every earlier revocation, and so undo them all.

The PKI itself is only read, so easy-rsa still works; but what it issues or revokes from then on is
known here only after another import.

What becomes the bot's account's is no secret of somebody else's: in a folder of another account a
link could lead to the key of another CA, which root alone may read. So of keys root follows no link
but its own. All else in a PKI is public.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bot.access import importing
from bot.access.importing import Certificate, Imported
from bot.access.permission import Actor
from bot.access.takeover import CrlEntry
from bot.errors import NotDone
from bot.office import Office
from bot.process.privileges import as_root
from pki.authority_files import import_authority, load_certificate
from pki.easyrsa import EasyRsaPki, Purpose, open_key, read_pki
from pki.errors import AuthorityMissing
from pki.serial import serial_hex
from pki.static_key import check_static_key, check_tls_crypt_v2_server_key
from vpn.configuration.profile import TlsKey
from vpn.host.local import LocalHost
from vpn.host.permissions import read_linked

Progress = Callable[[int, int], None]

_MACHINE = LocalHost(Path("/"))


@dataclass(frozen=True, slots=True)
class EarlierKey:
    """The tls key that the servers had before the takeover."""

    kind: TlsKey
    pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Takeover:
    """The result of an import."""

    imported: Imported
    made_authority: bool


def read(folder: Path, now: datetime, progress: Progress | None = None) -> EasyRsaPki:
    """Reads and checks the PKI (1), as root where that is possible: the folder is mostly root's.

    Its path is made plain first: what removes keys below it goes no way up.

    Raises:
        PkiError: it is damaged, or no PKI of easy-rsa.
        NotDone: it cannot be read.
    """
    try:
        with as_root():
            # What stands behind a link's `..` only the system knows.
            plain = os.path.realpath(folder) if ".." in folder.parts else folder.absolute()
            return read_pki(Path(plain), now=now, progress=progress)
    except OSError as error:
        raise NotDone(
            f"{error.filename or folder} can't be read ({error.strerror}); run this as root, or "
            "as the account that owns it."
        ) from error


def read_tls_key(files: Mapping[TlsKey, Path | None]) -> EarlierKey | None:
    """Reads and checks the tls key that was named, before anything else is done.

    Raises:
        NotDone: several were named, or there is no such file, or it holds no text.
        HostError: it cannot be read.
        PkiError: it holds no such key.
    """
    named = [(kind, path) for kind, path in files.items() if path is not None]
    if not named:
        return None
    if len(named) > 1:
        raise NotDone("A server has one tls key: name one of --tls-auth, --tls-crypt, …-v2.")
    [(kind, path)] = named
    with as_root():
        content = asyncio.run(read_linked(_MACHINE, str(path.absolute())))
    if content is None:
        raise NotDone(f"There is no {path}; name the file with the {kind} key.")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise NotDone(f"{path} can't be read as a key; name another file.") from error
    check = check_tls_crypt_v2_server_key if kind is TlsKey.CRYPT_V2 else check_static_key
    return EarlierKey(kind, check(text))


async def take_over(
    office: Office,
    actor: Actor,
    pki: EasyRsaPki,
    *,
    old_passphrase: Callable[[], str | None],
    new_passphrase: Callable[[], str],
    tls_key: EarlierKey | None = None,
) -> Takeover:
    """Takes over key and books, (2) to (4). When it is run again, it adds only what is new.

    Args:
        old_passphrase: asked only if the key is encrypted.
        new_passphrase: what the key is kept under from now on; asked only if it is not kept yet.
        tls_key: what the servers' clients need besides; for servers whose own cannot be read.

    Raises:
        NotDone: another CA is here already.
        PkiError: the key cannot be opened, or does not fit.
        HostError: root does not read it where it lies, by a link of another account's.
        Refused: the rules say no.
    """
    certificates, listed = books(pki)
    is_kept = _is_kept(office, pki)
    to_keep = None
    if not is_kept:
        await _refuse_other_books(office, certificates)
        given = old_passphrase() if pki.key_is_encrypted else None
        with as_root():  # (2)
            content = await read_linked(_MACHINE, str(pki.key_path))
            key = open_key(pki, given, content)
        to_keep = key, new_passphrase()
    async with office.acting(actor) as case:  # (3)
        imported = await importing.take_in(
            case,
            certificates,
            listed=listed,
            crl_number=(pki.crl.number if pki.crl else None) or 0,
        )
    if to_keep is not None:
        key, secret = to_keep
        import_authority(  # (4)
            office.folder.ca,
            certificate=pki.certificate,
            key=key,
            passphrase=secret,
            random_bytes=os.urandom,
        )
    if tls_key is not None:
        await office.keyring.authority()  # a wrong passphrase must not seal a key
        office.keyring.keep_earlier_tls_key(tls_key.kind, tls_key.pem)
    return Takeover(imported, made_authority=not is_kept)


def _is_kept(office: Office, pki: EasyRsaPki) -> bool:
    try:
        kept = load_certificate(office.folder.ca)
    except AuthorityMissing:
        return False
    if kept != pki.certificate:
        raise NotDone(
            f"There is another CA in {office.folder.ca} already; set VPNBOT_DATA_DIR to a data "
            "folder of its own for this one."
        )
    return True


async def _refuse_other_books(office: Office, certificates: Sequence[Certificate]) -> None:
    """Refuses where an interrupted import has left the books of a CA that is not this one."""
    async with office.database.reading() as tx:
        left = {(grant.serial, grant.common_name) for grant in await tx.grants.imported()}
    if left and left.isdisjoint((each.serial, each.common_name) for each in certificates):
        raise NotDone(
            "The import of another easy-rsa CA was interrupted here; run that one again, or set "
            "VPNBOT_DATA_DIR to a data folder of its own for this one."
        )


def books(pki: EasyRsaPki) -> tuple[list[Certificate], list[CrlEntry]]:
    """The PKI's certificates, and the revoked serials without one, as the rules take them.

    What the CRL lists, or a folder of the revoked holds, is revoked, whatever the index says. What
    the index lost is there all the same, if its file is: it would let somebody in.
    """
    revoked = {entry.serial: entry for entry in pki.revocations}
    certificates = [
        Certificate(
            serial=serial_hex(entry.serial),
            common_name=entry.common_name,
            not_before=entry.not_before,
            not_after=entry.not_after,
            end_known=entry.end_known,
            revoked_at=revocation.revoked_at if revocation else None,
            crl_reason=revocation.reason.value if revocation else None,
            for_server=entry.purpose is Purpose.SERVER,
        )
        for entry in (*pki.entries, *pki.lost)
        for revocation in (revoked.pop(entry.serial, None),)
    ]
    listed = [
        CrlEntry(serial_hex(entry.serial), entry.revoked_at, crl_reason=entry.reason.value)
        for entry in revoked.values()
    ]
    return certificates, listed
