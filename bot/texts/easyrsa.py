"""The words of `vpnbot ca import-easyrsa`: what was found, and what is odd about it."""

from bot.texts.fill import Template
from pki.easyrsa import PkiFindingCode

READING = "Reading {folder}"
FOLDER = "easy-rsa folder: {folder} ({layout})"
LAYOUTS = {"easyrsa3": "easy-rsa 3", "easyrsa2": "easy-rsa 2"}
AUTHORITY = "CA:              {name}, {algorithm}, until {until}"
KEY_ENCRYPTED = "its key:         {path}, with a passphrase"
KEY_CLEAR = "its key:         {path}, IN CLEAR: whoever reads that file can let anyone in"
CERTIFICATES = "certificates:    {valid} valid, {revoked} revoked, {expired} expired"
SERVERS = "of these:        {servers} for servers"
CRL = "its CRL:         {path}, {count} entries, signed {signed}, until {until}"
CRL_NUMBER = "its number:      {number}; ours go on above it"
CRL_NONE = "its CRL:         none"
NOTHING_ODD = "Nothing is odd about it."
ODD = "What you should know:"

# {names}, {serials}, {paths}, {until} and {detail} as far as `pki.easyrsa` says that they are set.
FINDINGS: dict[PkiFindingCode, Template] = {
    PkiFindingCode.DUPLICATE_NAME: (
        "{names}: several certificates of this name are valid at once, serials {serials}. "
        "Revoke those that nobody uses, by serial."
    ),
    PkiFindingCode.MISSING_CERTIFICATE: (
        "{names}: valid by the index, but the certificate's file is gone, serial {serials}. "
        "It may still be in somebody's hands; it can be revoked."
    ),
    PkiFindingCode.NOT_IN_INDEX: (
        "{names}: a valid certificate of this CA that the index does not know, serial {serials}, "
        "in {paths}. It is taken over too, so that it can be revoked."
    ),
    PkiFindingCode.DIFFERING_CERTIFICATE: (
        "{names}: the file {paths} says something else than the index, serial {serials}: "
        "{detail}. What a certificate of this CA says is what is taken over."
    ),
    PkiFindingCode.UNREADABLE_CERTIFICATE: "{paths} holds no certificate that can be read.",
    PkiFindingCode.OVER_ONLY_BY_INDEX: (
        "{names}: over by the index, but no certificate is there to show it, serials {serials}. "
        "They stay on every list of the revoked, in case the index is wrong."
    ),
    PkiFindingCode.REVOKED_ONLY_BY_FOLDER: (
        "{names}: filed as revoked in {paths}, but not revoked by the index, serial {serials}: it "
        "gets in to this day unless the server's list has it. It is taken over as revoked."
    ),
    PkiFindingCode.SUBORDINATE_AUTHORITY: (
        "{names}: a CA of its own, serial {serials}, in {paths}. Whatever it issues gets in and is "
        "in no index here. Revoke it unless you know it."
    ),
    PkiFindingCode.CLIENT_KEYS_IN_CLEAR: (
        "Keys of clients lie here in clear: {paths}. Whoever reads them gets in. "
        "--purge-client-keys removes them."
    ),
    PkiFindingCode.OTHER_KEYS_IN_CLEAR: (
        "Other keys lie here in clear: {paths}. They are left alone: a server may need them."
    ),
    PkiFindingCode.CRL_MISSING: (
        "There is no CRL, so these were never shut out although they are revoked: {names}. "
        "The first CRL from here does it."
    ),
    PkiFindingCode.CRL_LAPSED: (
        "The CRL {paths} ended at {until}: a server that reads it refuses everybody. "
        "The first CRL from here mends that."
    ),
    PkiFindingCode.CRL_LACKS: (
        "{names}: revoked, but not in the CRL, serials {serials}: they get in to this day. "
        "The first CRL from here shuts them out."
    ),
    PkiFindingCode.CRL_ONLY: (
        "{names}: in the CRL, but not revoked by the index, serial {serials}. It stays revoked."
    ),
    PkiFindingCode.AUTHORITY_ENDS_SOON: (
        "The CA ends at {until}. From then on nobody gets in: plan its successor."
    ),
    PkiFindingCode.AUTHORITY_OVER: "The CA is over since {until}: nobody gets in any more.",
    PkiFindingCode.SERVER_ENDS_SOON: (
        "{names}: a server's certificate ends at {until}, serial {serials}. From then on nobody "
        "gets in there."
    ),
    PkiFindingCode.WEAK_AUTHORITY: "The CA is weak: {detail}. Plan a new one.",
}
AND_MORE = "{shown} and {count} more"
MORE_ALIKE = "… and {count} more of this kind; --json has all."

DRY_RUN = "Nothing was changed. Without --dry-run all this is taken over."
KEPT = "The CA is in {folder} now. Keep its passphrase, and a copy, somewhere safe."
KEPT_BEFORE = "The CA was here already; only what is new was taken over."
TAKEN_OVER = "Taken over: {active} valid, {revoked} revoked, {expired} expired."
LISTED = "From the old CRL alone: {count} revocations."
ENDED = "Revoked over there since the last time, and now here: {names}"
NEXT = (
    "easy-rsa still has its own copy of the CA's key: put it away, and stop what renews its CRL. "
    "What it issues or revokes from now on is not known here until this is run again."
)
PURGE_ASK = "Remove {count} files with clients' keys from {folder}?"
PURGED = "Removed {count} files with clients' keys. A disk may still hold what they had."
PURGE_NOTHING = "No clients' keys lie here in clear."
PURGE_NOT = "The keys were left where they are."
