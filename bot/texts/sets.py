"""What people read of a set of servers that share one profile."""

from bot.texts.fill import Plural
from bot.texts.health import Complaint

# Behind the set's name and its servers.
WELL = "each of them is well."
AWAY = "{away} can’t be asked; a client that doesn’t get in there tries {others}."
ALL_AWAY = "none of them can be asked; if they’re down, nobody gets in with a profile for {name}."
UNWELL = Plural(
    "{servers} isn’t well; on the machine, vpnbot doctor says what to mend.",
    "{servers} aren’t well; on the machine, vpnbot doctor says what to mend.",
)
CLOSED = "New profiles for {name} don’t open {server}, which takes none."
WAITING = Plural(
    "{count} profile for {name} doesn’t open {server} yet: it’s taken in once {server} answers.",
    "{count} profiles for {name} don’t open {server} yet: they’re taken in once {server} answers.",
)
DIFFER = (
    "Nobody gets a new profile for {name}, since no one profile opens all of its servers: {why}"
)
NO_SECOND_LOCK = (
    "{server} has no second lock, so an end of access to {name} is proved there only after the "
    "handshake’s window."
)

# In the terminal, and in the chat.
LINE = "Set {name} ({servers}): {said}"
CHAT_WELL = "<b>{name}</b>, one profile for {servers}: each is well"
CHAT_UNWELL = "⚠️ <b>{name}</b>, one profile for {servers}:"

# vpnbot doctor
SET = "Set {name}: {text}"
MEMBERS_UNWELL = Plural(
    "{servers} isn’t well, see above; a client that doesn’t get in there tries the others.",
    "{servers} aren’t well, see above; a client that doesn’t get in there tries the others.",
)
NONE_WELL = "none of its servers is well, see above."
COMPLAINT_DIFFER = Complaint(
    "nobody gets a new profile, since no one profile opens all of its servers: {why}",
    "Make these servers' configurations alike, restart them, and adopt each again; or keep those "
    "in the set that agree: vpnbot server group edit {name} SERVER SERVER",
)
COMPLAINT_NO_SECOND_LOCK = Complaint(
    "it has no second lock (ccd-exclusive), so an end of access to the set {name} is proved there "
    "only after the handshake's window.",
    "Run as root: {adopt} --apply; then: {restart}",
)
COMPLAINT_NO_NAMES = Complaint(
    "it can have no second lock, since it doesn't call clients by their certificates' common name; "
    "so an end of access to the set {name} is proved there late, or never.",
    "Keep the others in the set: vpnbot server group edit {name} SERVER SERVER; or take out "
    "username-as-common-name and x509-username-field, restart it, and run as root: {adopt} --apply",
)

# In the terminal, where a set has changed.
LONGER = Plural(
    "{count} profile still opens servers that aren’t in {name} any more, until it ends or is "
    "renewed: vpnbot grant list",
    "{count} profiles still open servers that aren’t in {name} any more, until they end or are "
    "renewed: vpnbot grant list",
)
SHORTER = Plural(
    "{count} profile doesn’t open what has come to {name}; for that its owner asks anew.",
    "{count} profiles don’t open what has come to {name}; for that their owners ask anew.",
)
