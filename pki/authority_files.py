"""The CA's folder: `ca.crt`, the certificate, and `ca.p12`, the key with a copy of it.

Whoever has the key can let anyone in, so it is kept as PKCS#12 under a passphrase, opened once per
process. Accepted: while it is open, whoever can read this process's memory has it.
"""

from datetime import datetime, timedelta
from pathlib import Path
from shlex import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, pkcs12

from pki.authority import Authority, self_signed
from pki.errors import AuthorityMissing, DamagedAuthority, WrongPassphrase
from pki.fitness import check_certificate, fitting_key
from pki.key_ids import AuthorityKey, authority_public_key
from pki.passphrase import passphrase_bytes
from pki.pkcs12_mac import SALT_BYTES, with_mac
from pki.private_files import check_private_file, check_private_folder, write_folder
from pki.serial import RandomBytes, new_serial

AUTHORITY_LIFETIME = timedelta(days=3652)  # ten years
CERTIFICATE_FILE = "ca.crt"
KEY_FILE = "ca.p12"

# OWASP's password storage cheat sheet, for PBKDF2 with HMAC-SHA256.
KDF_ROUNDS = 600_000
# A round of the MAC's derivation is one hash, where one of PBKDF2 is two: equal cost for a guess.
_MAC_PER_KDF = 2

_UNREADABLE = (
    ValueError,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
)


def create_authority(
    folder: Path,
    *,
    common_name: str,
    passphrase: str,
    now: datetime,
    random_bytes: RandomBytes,
    rounds: int = KDF_ROUNDS,
) -> Authority:
    """Makes a CA (EC P-256, AUTHORITY_LIFETIME) and its folder, which may be there if empty.

    Args:
        rounds: what each guess of the passphrase costs; fewer only where nothing is secret.

    Raises:
        AuthorityExists: the folder is not empty, or another process was first.
        WrongPassphrase: the passphrase is empty, or no text.
        ValueError: the name is empty or longer than 64 bytes, or `now` is naive.
    """
    secret = passphrase_bytes(passphrase)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(
        key,
        common_name=common_name,
        serial=new_serial(random_bytes),
        now=now,
        lifetime=AUTHORITY_LIFETIME,
    )
    _write(folder, certificate, key, secret, random_bytes, rounds)
    return Authority(certificate, key)


def import_authority(
    folder: Path,
    *,
    certificate: x509.Certificate,
    key: PrivateKeyTypes,
    passphrase: str,
    random_bytes: RandomBytes,
    rounds: int = KDF_ROUNDS,
) -> Authority:
    """Keeps a CA that another program made as `create_authority` keeps its own.

    Args:
        key: already open; the passphrase is the one to keep it under from now on.
        rounds: what each guess of the passphrase costs; fewer only where nothing is secret.

    Raises:
        UnfitAuthority: no CA, no root, a kind of key that signs nothing here, or not its key.
        AuthorityExists: the folder is not empty, or another process was first.
        WrongPassphrase: the passphrase is empty, or no text.
    """
    check_certificate(certificate)
    fitting = fitting_key(certificate, key)
    secret = passphrase_bytes(passphrase)
    _write(folder, certificate, fitting, secret, random_bytes, rounds)
    return Authority(certificate, fitting)


def load_authority(folder: Path, passphrase: str) -> Authority:
    """Opens the CA. Computes for some tenths of a second, so an event loop wants it in a thread.

    (1) Nobody else can have changed or read the files. (2) The passphrase opens the key. (3) The
    key, the copy of the certificate beside it, and `ca.crt` belong together: a CRL signed with
    another key would be ignored by OpenVPN, and nobody revoked would notice.

    Raises:
        AuthorityMissing, UnsafePermissions, WrongPassphrase, DamagedAuthority
    """
    certificate = load_certificate(folder)  # (1)
    secret = passphrase_bytes(passphrase)
    key, copy = _open(folder / KEY_FILE, secret)  # (2)
    if copy != certificate or key.public_key() != authority_public_key(certificate):  # (3)
        raise DamagedAuthority(
            f"{CERTIFICATE_FILE} and {KEY_FILE} in {quote(str(folder))} don't belong together;"
            " restore both from one backup."
        )
    return Authority(certificate, key)


def load_certificate(folder: Path) -> x509.Certificate:
    """The CA's certificate, for all that needs no key.

    Raises:
        AuthorityMissing, UnsafePermissions, DamagedAuthority
    """
    check_folder(folder)
    path = folder / CERTIFICATE_FILE
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except _UNREADABLE as error:
        raise DamagedAuthority(
            f"{quote(str(path))} isn't a CA's certificate; restore it from a backup."
        ) from error
    if not constraints.value.ca:
        raise DamagedAuthority(
            f"{quote(str(path))} isn't a CA's certificate; restore it from a backup."
        )
    return certificate


def check_folder(folder: Path) -> None:
    """Checks that the CA is there and closed to every other account.

    Raises:
        AuthorityMissing: there is no folder, or it holds no file of a CA.
        UnsafePermissions: permissions for others, a foreign owner, or a link.
        DamagedAuthority: one of the two files is missing.
    """
    paths = [folder / CERTIFICATE_FILE, folder / KEY_FILE]
    try:
        check_private_folder(folder)
    except FileNotFoundError as error:
        raise _missing(folder) from error
    lost = [path for path in paths if not path.is_symlink() and not path.exists()]
    if lost == paths:
        raise _missing(folder)
    if lost:
        raise DamagedAuthority(f"{lost[0]} is missing; restore it from a backup.")
    for path in paths:
        check_private_file(path)


def _missing(folder: Path) -> AuthorityMissing:
    return AuthorityMissing(
        f"There is no CA in {quote(str(folder))}; run `vpnbot ca init` to make one."
    )


def _write(
    folder: Path,
    certificate: x509.Certificate,
    key: AuthorityKey,
    secret: bytes,
    random_bytes: RandomBytes,
    rounds: int,
) -> None:
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        # PKCS#12, because cryptography's PKCS#8 writer has its 2,048 rounds fixed.
        .kdf_rounds(rounds)
        .build(secret)
    )
    name = b"vpnbot CA"
    p12 = pkcs12.serialize_key_and_certificates(name, key, certificate, None, encryption)
    salt = random_bytes(SALT_BYTES)
    write_folder(
        folder,
        {
            CERTIFICATE_FILE: certificate.public_bytes(Encoding.PEM),
            KEY_FILE: with_mac(
                p12, passphrase=secret.decode(), salt=salt, rounds=_MAC_PER_KDF * rounds
            ),
        },
    )


def _open(path: Path, secret: bytes) -> tuple[AuthorityKey, x509.Certificate]:
    damaged = DamagedAuthority(f"{quote(str(path))} holds no CA's key; restore it from a backup.")
    try:
        content = pkcs12.load_pkcs12(path.read_bytes(), secret)
    except ValueError as error:
        # cryptography has one exception and two messages; the text is all that tells them apart.
        if "password" not in str(error):
            raise damaged from error
        raise WrongPassphrase(
            f"The passphrase doesn't open {quote(str(path))}; if it is certainly the right one,"
            " the file is damaged: restore it from a backup."
        ) from error
    if content.cert is None or not isinstance(
        content.key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    ):
        raise damaged
    return content.key, content.cert.certificate
