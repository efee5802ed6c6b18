"""Groups: what the chat and the terminal say of them, and of who had which address."""

from bot.texts.fill import Plural

# Who may decide instead.
APPROVERS = "You can’t approve this: the requester’s group leaves it to {names}."
NO_APPROVER = (
    "Nobody who may approve this for the requester’s group is an admin or approver now. It can be "
    "done on the server: vpnbot request approve {request}."
)

# On a card.
CARD_QUORUM = Plural(
    "{group} wants {count} approval of: {names}", "{group} wants {count} approvals of: {names}"
)
CARD_GROUPS = "In {groups}"
CARD_NOT_OPEN = "⚠️ Their groups don’t include {server}, so this can’t be approved."

NONE = (
    "There are no groups, so everybody on the allowlist may ask for every server. To make one, "
    "on the bot’s machine: <code>vpnbot group add NAME</code>"
)
COUNT = Plural("{count} group:", "{count} groups:")
LINE = "<b>{name}</b> – {people}"
PEOPLE = Plural("{count} person", "{count} people")
HOW = (
    "<code>/group NAME</code> shows one. <code>/group NAME add WHO</code> and "
    "<code>/group NAME remove WHO</code> change who is in it."
)
TITLE = "Group <b>{name}</b>"
ADDRESSES = "Addresses: {networks}"
ROUTES = "Routes: {routes}"
DNS = "DNS: {dns}"
SERVERS = "Servers: {servers}"
LONGEST = "At most {duration}"
APPROVALS = Plural("{count} approval", "{count} approvals")
APPROVAL_OF = Plural("{count} approval of {names}", "{count} approvals of {names}")
MEMBERS = "In it: {names}"
MEMBERS_MORE = Plural(
    "In it: {names} and {count} more; <code>vpnbot group list --json</code> has all.",
    "In it: {names} and {count} more; <code>vpnbot group list --json</code> has all.",
)
NOBODY = "Nobody is in it yet."
MORE = "… and {count} more: <code>vpnbot group list</code>"
JOINED = "✅ {name} is in {group} now."
LEFT = "✅ {name} isn’t in {group} any more."
DUE = Plural(
    "{count} profile follows by itself; whoever is connected gets the change when they reconnect.",
    "{count} profiles follow by themselves; whoever is connected gets the change when they "
    "reconnect.",
)
CLOSED = (
    "⚠️ They still have access to a server that their groups don’t include; it ends when its time "
    "is over, or with /revoke."
)
USAGE = "Write <code>/group NAME</code>, or <code>/group NAME add WHO</code>."
