"""What can go wrong with keys, certificates and revocation lists.

PkiError
├── WrongPassphrase      the passphrase does not open what it should open
├── PassphraseNeeded     the key is encrypted, and no passphrase was given
├── AuthorityMissing     there is no CA yet
├── AuthorityExists      there is a CA already, and it is never overwritten
├── DamagedAuthority     the CA's files cannot be read, or do not belong together
├── UnfitAuthority       another program's CA that cannot go on as ours
├── DamagedPki           an easy-rsa folder cannot be read, or contradicts itself
├── NotRemovable         a key file that is not removed, because it is not what was found
├── AuthorityEndsSooner  a certificate was asked for that would outlive its CA
├── UnsafePermissions    someone else may read or change the CA's files
├── DamagedCrl           not a complete CRL
├── ForeignCrl           a CRL that OpenVPN would not match with this CA
└── DamagedKey           an OpenVPN key or a sealed file is not what was written
"""


class PkiError(Exception):
    """The message is one line, says what to do, and holds no secret."""


class WrongPassphrase(PkiError):
    """The passphrase is empty, or is another one than it was made with."""


class PassphraseNeeded(PkiError):
    """Nothing is wrong: ask for the passphrase, and try again."""


class AuthorityMissing(PkiError):
    """The folder holds no CA."""


class AuthorityExists(PkiError):
    """The folder holds a CA, or other files."""


class DamagedAuthority(PkiError):
    """A file of the CA is missing, cannot be parsed, or does not match the other."""


class UnfitAuthority(PkiError):
    """No CA, no root, a key of another kind or of another certificate."""


class DamagedPki(PkiError):
    """Names the file, and the line where there is one."""


class NotRemovable(PkiError):
    """A link, outside of the folder, or no longer a client's key in clear."""


class AuthorityEndsSooner(PkiError):
    """The certificate would still be valid after its CA's end."""


class UnsafePermissions(PkiError):
    """A file or folder of the CA is open to, or belongs to, another account."""


class DamagedCrl(PkiError):
    """Not parsable, truncated, or without something that every CRL of ours has."""


class ForeignCrl(PkiError):
    """Another issuer, signature or key identifier: OpenVPN lets the revoked in with it."""


class DamagedKey(PkiError):
    """The bytes were altered, truncated, or belong to another key or purpose."""
