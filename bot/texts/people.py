"""What the terminal says of people: who is on the allowlist, and with which role."""

from bot.texts.fill import Plural
from storage.role_records import Role

ALLOWED = "{name} ({id}) is on the allowlist."
JOINED = "In {group} from now on."
LEFT = "Not in {group} any more."
APART = "From now on this account is a person of its own."
TOGETHER = "From now on this account and {name} ({id}) are one person."

GIVEN: dict[Role, str] = {
    Role.ADMIN: "{name} ({id}) is an admin now.",
    Role.APPROVER: "{name} ({id}) is an approver for {groups} now.",
    Role.AUDITOR: "{name} ({id}) is an auditor now.",
}
GIVEN_NO_GROUP = (
    "{name} ({id}) is an approver now, of those groups that name them: vpnbot group edit GROUP "
    "--approvers {id}"
)
TAKEN = "{name} ({id}) has no role any more."

REMOVED = "Removed: {names}. There was no live access."
REMOVED_ENDING = "Off the allowlist: {names}."
LINKED = "{common_name}, serial {serial}, belongs to {name} ({id})."

# --- Asked at a terminal, before something ends --------------------------------------------------

ASK_REVOKE = "End all that {name} ({id}) has, on every server?"
ASK_REVOKE_GRANT = "End {common_name} on every server?"
ASK_REMOVE = "Take {names} off the allowlist, and end all that they have?"
ASK_GONE = Plural(
    "Take {count} person off the allowlist, and end all that they have?",
    "Take {count} people off the allowlist, and end all that they have?",
)
ASK_GROUP = Plural(
    "Take the group {name} away from {count} person?",
    "Take the group {name} away from {count} people?",
)
ASK_SERVER = "Take {name} out, and never ask it for a proof again?"
