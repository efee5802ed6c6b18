"""The CRL that easy-rsa made, read with more patience than ours.

`pki.crl.read_crl` asks whether OpenVPN will heed a CRL of ours from now on. Here it is enough that
this CA signed it: what it lists must stay revoked, whether or not it has a number, and however it
names its key.
"""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pki.crl import reason_flag, revocation_of
from pki.easyrsa.values import OldCrl
from pki.errors import DamagedPki
from pki.key_ids import authority_public_key

_MEND = "run `easyrsa gen-crl` to make it anew, or move it away"


def read_old_crl(path: Path, issuer: x509.Certificate) -> OldCrl | None:
    """The CRL, or None where there is none.

    Raises:
        DamagedPki: it cannot be read, or this CA did not sign it.
    """
    if not path.is_file():
        return None
    try:
        crl = x509.load_pem_x509_crl(path.read_bytes())
        genuine = crl.issuer == issuer.subject and _is_signed_by(crl, issuer)
        facts = _facts(path, crl)
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise DamagedPki(f"{path} is not a whole CRL; {_MEND}.") from error
    if not genuine:
        raise DamagedPki(f"{path} was not signed by the CA beside it; {_MEND}.")
    return facts


def _is_signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    # cryptography calls every MD5 signature invalid, so that for those the name has to do. What
    # is taken from the list shuts people out, and lets nobody in.
    if isinstance(crl.signature_hash_algorithm, hashes.MD5):
        return True
    return crl.is_signature_valid(authority_public_key(issuer))


def _facts(path: Path, crl: x509.CertificateRevocationList) -> OldCrl:
    return OldCrl(
        path=path,
        number=_number(crl.extensions),
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        revocations=tuple(
            revocation_of(entry)
            for entry in crl
            # Whom this reason stands at, OpenSSL lets in.
            if reason_flag(entry) is not x509.ReasonFlags.remove_from_crl
        ),
    )


def _number(extensions: x509.Extensions) -> int | None:
    try:
        return extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return None
