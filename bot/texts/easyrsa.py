"""The words of `vpnbot ca import-easyrsa`: what was found, and what is odd about it."""

from bot.texts.fill import Plural
from pki.easyrsa import PkiFindingCode

READING = "Reading {folder}"
FOLDER = "easy-rsa folder: {folder} ({layout})"
LAYOUTS = {"easyrsa3": "easy-rsa 3", "easyrsa2": "easy-rsa 2"}
AUTHORITY = "CA:              {name}, {algorithm}, until {until}"
KEY_ENCRYPTED = "its key:         {path}, with a passphrase"
KEY_CLEAR = "its key:         {path}, IN CLEAR: whoever reads that file can let anyone in"
CERTIFICATES = "certificates:    {valid} valid, {revoked} revoked, {expired} expired"
SERVERS = "of these:        {servers} for servers"
CRL = Plural(
    "its CRL:         {path}, {count} entry, signed {signed}, until {until}",
    "its CRL:         {path}, {count} entries, signed {signed}, until {until}",
)
CRL_NUMBER = "its number:      {number}; ours go on above it"
CRL_NONE = "its CRL:         none"
NOTHING_ODD = "Nothing is odd about it."
ODD = "What you should know:"

# Of the folder as a whole; {names}, {paths}, {until} and {detail} as far as `pki.easyrsa` says that
# they are set.
FINDINGS: dict[PkiFindingCode, str] = {
    PkiFindingCode.UNREADABLE_CERTIFICATE: "{paths} holds no certificate that can be read.",
    PkiFindingCode.CLIENT_KEYS_IN_CLEAR: (
        "Keys of clients lie here in clear: {paths}. Whoever reads them gets in. "
        "--purge-client-keys removes them."
    ),
    PkiFindingCode.OTHER_KEYS_IN_CLEAR: (
        "Other keys lie here in clear: {paths}. They are left alone: a server may need them."
    ),
    PkiFindingCode.CRL_LAPSED: (
        "The CRL {paths} ended at {until}: a server that reads it refuses everybody. "
        "The first CRL from here mends that."
    ),
    PkiFindingCode.AUTHORITY_ENDS_SOON: (
        "The CA ends at {until}. From then on nobody gets in: plan its successor."
    ),
    PkiFindingCode.AUTHORITY_OVER: "The CA is over since {until}: nobody gets in any more.",
    PkiFindingCode.WEAK_AUTHORITY: "The CA is weak: {detail}. Plan a new one.",
}
# Of single certificates: all that is odd about one stands in one line.
ABOUT: dict[PkiFindingCode, str] = {
    PkiFindingCode.DUPLICATE_NAME: (
        "one of {count} of this name that are valid at once (revoke those that nobody uses, by "
        "serial)"
    ),
    PkiFindingCode.MISSING_CERTIFICATE: (
        "valid by the index, but the certificate's file is gone (it may be in somebody's hands; it "
        "can be revoked)"
    ),
    PkiFindingCode.NOT_IN_INDEX: (
        "a valid certificate of this CA that the index doesn't know, in {paths} (it is taken over "
        "too, so that it can be revoked)"
    ),
    PkiFindingCode.DIFFERING_CERTIFICATE: (
        "the file {paths} says something else than the index: {detail} (what a certificate of this "
        "CA says is what is taken over)"
    ),
    PkiFindingCode.OVER_ONLY_BY_INDEX: (
        "over by the index, but no certificate is there to show it (it stays on every list of the "
        "revoked, in case the index is wrong)"
    ),
    PkiFindingCode.REVOKED_ONLY_BY_FOLDER: (
        "filed as revoked in {paths}, but not revoked by the index, so it gets in to this day "
        "unless the server's list has it (it is taken over as revoked)"
    ),
    PkiFindingCode.SUBORDINATE_AUTHORITY: (
        "a CA of its own, in {paths}: whatever it issues gets in, and is in no index here (revoke "
        "it unless you know it)"
    ),
    PkiFindingCode.CRL_MISSING: (
        "revoked, but never shut out, since there is no CRL (the first one from here does it)"
    ),
    PkiFindingCode.CRL_LACKS: (
        "revoked, but not in the CRL, so it gets in to this day (the first CRL from here shuts it "
        "out)"
    ),
    PkiFindingCode.CRL_ONLY: "in the CRL, but not revoked by the index (it stays revoked)",
    PkiFindingCode.SERVER_ENDS_SOON: (
        "a server's certificate that ends at {until}; from then on nobody gets in there"
    ),
}
CERTIFICATE = "{name}, serial {serial}: {said}."
CERTIFICATES_ALIKE = "{names}, serials {serials}: {said}."
NAMELESS = "A certificate without a name"
AND_MORE = "{shown} and {count} more"
MORE_ALIKE = "… and {count} more of this kind; --json has all."

DRY_RUN = "Nothing was changed. Without --dry-run all this is taken over."
KEPT = "The CA is in {folder} now. Keep its passphrase, and a copy, somewhere safe."
KEPT_BEFORE = "The CA was here already; only what is new was taken over."
TAKEN_OVER = "Taken over: {active} valid, {revoked} revoked, {expired} expired."
LISTED = Plural(
    "From the old CRL alone: {count} revocation.", "From the old CRL alone: {count} revocations."
)
ENDED = "Revoked over there since the last time, and now here: {names}"
NEXT = (
    "easy-rsa still has its own copy of the CA's key: put it away, and stop what renews its CRL. "
    "What it issues or revokes from now on isn't known here until this is run again."
)
PURGE_ASK = Plural(
    "Remove {count} file with a client's key from {folder}?",
    "Remove {count} files with clients' keys from {folder}?",
)
PURGED = Plural(
    "Removed {count} file with a client's key. A disk may still hold what it had.",
    "Removed {count} files with clients' keys. A disk may still hold what they had.",
)
PURGE_NOTHING = "No clients' keys lie here in clear."
PURGE_NOT = "The keys were left where they are."
