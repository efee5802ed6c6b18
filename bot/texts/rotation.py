"""What a sysadmin reads about one CA taking another's place."""

from bot.texts.fill import Plural
from storage.rotation import RotationStep

STEPS: dict[RotationStep, str] = {
    RotationStep.TRUST: (
        "Step 1 of 4: every server learns to trust both CAs. The old one still signs."
    ),
    RotationStep.MOVE: (
        "Step 2 of 4: the new CA signs. People move to it with their next profile, or with New "
        "profile in /myvpn."
    ),
    RotationStep.RENEW: (
        "Step 3 of 4: nobody has an old profile any more. The servers get certificates of the new "
        "CA."
    ),
    RotationStep.RETIRE: "Step 4 of 4: every server stops trusting the old CA.",
    RotationStep.DONE: (
        "Done: the new CA has taken the old one's place, and the old one's key is destroyed. Make "
        "a backup now: vpnbot backup FILE"
    ),
}
NONE_YET = "No CA is taking another's place."
ENDS_SOON = "It ends within a year; begin its successor in good time: vpnbot ca rotate"
MORE = "What is left to do: vpnbot ca rotate --status"
MOVING = Plural(
    "One profile is replaced now; its owner gets the new one in the chat, from the running bot.",
    "{count} profiles are replaced now; their owners get the new ones in the chat, from the "
    "running bot.",
)
MOVING_ALREADY = "All profiles are being replaced already."
NOT_MOVING = (
    "Profiles can move only in step 2, when the servers trust both CAs; see: vpnbot ca rotate "
    "--status"
)
OLD = "old CA: {name}, until {until}"
NEW = "new CA: {name}, until {until}"
LEFT = "Still to be done:"
GO_ON = "Then go on: vpnbot ca rotate"
ALL_READY = "Nothing is left to do for this step; go on: vpnbot ca rotate"
BEGIN = (
    "This makes a second CA, which takes the first one's place step by step; nobody is shut out "
    "on the way. Begin?"
)
NOT_BEGUN = "Nothing was begun. To begin: vpnbot ca rotate --yes"

# What is left on a server. `deploy`, `adopt` and `restart` are shell lines.
BLOCK = "the <{directive}> block of {path}"
CA_LACKS = (
    "{server}: {place} lacks the CA {name}. As root: {deploy}; then restart OpenVPN there: "
    "{restart}"
)
CA_LACKS_ADOPTED = (
    "{server}: {place} lacks the CA {name}. Put all that `vpnbot ca show --pem` prints into it; "
    "then restart OpenVPN there: {restart}"
)
CA_HAS_OLD = (
    "{server}: {place} still trusts the CA {name}. As root: {deploy}; then restart OpenVPN there: "
    "{restart}"
)
CA_HAS_OLD_ADOPTED = (
    "{server}: {place} still trusts the CA {name}. Take that certificate out of it (what stays "
    "is in `vpnbot ca show --pem`); then restart OpenVPN there: {restart}"
)
SHOWS_OLD = (
    "{server}: its certificate is of the old CA. As root: {deploy}; then restart OpenVPN there: "
    "{restart}"
)
SHOWS_OLD_ADOPTED = (
    "{server}: its certificate is of the old CA. As root: {adopt} --renew-certificate; then "
    "restart OpenVPN there: {restart}"
)
RESTART = "{server}: OpenVPN reads that only when it starts. Restart it: {restart}"
NOT_ASKED = (
    "{server}: OpenVPN can't be asked whether it was restarted since. {reasons} See: vpnbot doctor"
)
NOT_READ = (
    "{server}: the bot can't see which CAs OpenVPN trusts there. {reason} Let the bot's account "
    "there read the files that `ca` and `cert` name; they hold nothing secret."
)
CRL_LEFT = "{server}: its revocation list has to hold that of each CA. {reasons}"

# Who still has a profile of the old CA.
PROFILES_LEFT = Plural(
    "One profile of the old CA is in use: {names}. It moves when its owner takes a new one or it "
    "ends.",
    "{count} profiles of the old CA are in use: {names}. They move when their owners take new ones "
    "or they end.",
)
NO_ADDRESS = Plural(
    "No address is free for a new profile beside this one: {names}. Give its group a larger range "
    "(vpnbot group edit NAME --network …), or make room there; an address that was given up is "
    "free after an hour.",
    "No addresses are free for new profiles beside these: {names}. Give their group a larger range "
    "(vpnbot group edit NAME --network …), or make room there; an address that was given up is "
    "free after an hour.",
)
IMPORTED_LEFT = Plural(
    "One certificate from before the takeover is in use: {names}. Let its owner ask for a profile; "
    "then end it: vpnbot revoke NAME",
    "{count} certificates from before the takeover are in use: {names}. Let their owners ask for "
    "profiles; then end each: vpnbot revoke NAME",
)
UNPROVED_LEFT = Plural(
    "The end of one profile of the old CA isn't proved yet: {names}.",
    "The ends of {count} profiles of the old CA aren't proved yet: {names}.",
)
