"""The CRL that easy-rsa made: what it lists must stay revoked.

A file may hold several lists. Those of other CAs are not easy-rsa's, and stand for nobody here.
"""

from pathlib import Path

from cryptography import x509

from pki.easyrsa.values import OldCrl
from pki.errors import DamagedCrl, DamagedPki
from pki.found_crls import read_crls, revocations_of

_MEND = "run `easyrsa gen-crl` to make it anew, or move it away"


def read_old_crl(path: Path, issuer: x509.Certificate) -> OldCrl | None:
    """What the CA's own lists in it say together, or None where there is no such file.

    Raises:
        DamagedPki: it cannot be read, or this CA signed none of it.
    """
    if not path.is_file():
        return None
    try:
        ours = [each for each in read_crls(path.read_bytes(), issuer) if each.is_ours]
    except DamagedCrl as error:
        raise DamagedPki(f"{path} isn't a whole CRL; {_MEND}.") from error
    if not ours:
        raise DamagedPki(f"{path} wasn't signed by the CA beside it; {_MEND}.")
    newest = max(ours, key=lambda each: each.this_update)
    return OldCrl(
        path=path,
        number=max((each.number for each in ours if each.number is not None), default=None),
        this_update=newest.this_update,
        next_update=newest.next_update,
        revocations=revocations_of(ours),
    )
