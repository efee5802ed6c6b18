"""What is said of how somebody comes onto the allowlist."""

from bot.access.refusals import Refusal
from bot.texts.fill import Plural
from storage.joining_records import InvitationState

# --- Invitations -------------------------------------------------------------------------------

INVITATION = (
    "Invitation for <b>{name}</b>. Pass this link on; it works once, until {until}:\n\n{link}"
)
INVITATION_GROUPS = "It puts them into {groups}."
INVITATION_CARE = "Whoever opens it first is on the list, so send it to nobody else."
INVITATION_NO_NAME = (
    "I can’t make the link for {name}: I haven’t heard from Telegram what I’m called. Try again."
)
INVITATION_STATES: dict[InvitationState, str] = {
    InvitationState.OPEN: "The invitation for <b>{name}</b> is open.",
    InvitationState.USED: "✅ <b>{name}</b> used the invitation, {used}.",
    InvitationState.WITHDRAWN: "The invitation for <b>{name}</b> is withdrawn. The link is dead.",
    InvitationState.ENDED: "Nobody used the invitation for <b>{name}</b> in time. It’s over.",
}
INVITATIONS = Plural("{count} open invitation:", "{count} open invitations:")
INVITATION_LINE = "<b>{name}</b>, until {until}, by {admin}"
INVITATION_LINE_GROUPS = "<b>{name}</b> ({groups}), until {until}, by {admin}"
WITHDRAWN_TOAST = "Withdrawn: the link for {name} is dead."
USAGE_INVITE = (
    "<code>/invite Anna Petrova</code> makes a link that puts one person on the allowlist; a "
    "group’s name behind it puts them into that group."
)
INVITATION_USED = (
    "✅ <b>{name}</b> opened the invitation and is on the allowlist now, with Telegram id "
    "<code>{id}</code>. Not them? /remove {id}"
)
STRANGER_INVITED = (
    "This invitation doesn’t work: each one works once, and for a day. Ask your admin for a new "
    "one.\n\nYour Telegram id is <code>{id}</code>."
)
BUTTON_WITHDRAW = "Withdraw {name}"
BUTTON_WITHDRAW_THIS = "Withdraw"

# --- Asking to join ----------------------------------------------------------------------------

BUTTON_JOIN = "Ask to join"
KNOCKED = (
    "Asked. When an admin decides, you hear it here.\n\nYour Telegram id is <code>{id}</code>."
)
KNOCKED_NOBODY = (
    "I can’t reach any admin at the moment. Please tell yours that you asked, and send them your "
    "Telegram id: <code>{id}</code>."
)
KNOCKED_TOAST = "Asked. Now an admin decides."
KNOCK_TITLE = "<b>{name}</b> asks to be put on the allowlist."
KNOCK_PERSON = "Telegram: {username}, id <code>{id}</code>. The name is their own choice."
KNOCK_PERSON_NO_USERNAME = "Telegram id <code>{id}</code>. The name is their own choice."
KNOCK_BEFORE = "⚠️ Was on the list before as <b>{name}</b>, and taken off {at}."
KNOCK_ALLOWED = "✅ <b>{name}</b> asked to join: {admin} allowed it, {at}."
KNOCK_NO = "⛔ <b>{name}</b> asked to join: {admin} said no, {at}."
KNOCK_LAPSED = "<b>{name}</b> asked to join, and nobody answered in a week. They can ask again."
BUTTON_JOIN_YES = "Allow"
BUTTON_JOIN_NO = "Deny"
ALLOWED_TOAST = "{name} is on the allowlist now."
REFUSED_TOAST = "Said no. I’m telling {name}."
KNOCK_REFUSED = "An admin said no. If you still need VPN access, talk to your admin."

# --- Picked from an admin's contacts -------------------------------------------------------------

BUTTON_PICK = "👤 Pick from my contacts"
PICK_HINT = (
    "Or pick people from your contacts, up to ten at once: the button is below the line that you "
    "type in."
)
PICKED_ASK = Plural(
    "Put {count} person from your contacts on the allowlist?",
    "Put these {count} people from your contacts on the allowlist?",
)
PICKED_LINE = "• <b>{name}</b>, {username}, id <code>{id}</code>"
PICKED_LINE_NO_USERNAME = "• <b>{name}</b>, id <code>{id}</code>"
PICKED_KNOWN = "All of them are on the allowlist already."
PICKED_DONE = Plural(
    "{count} person is on the allowlist now:", "{count} people are on the allowlist now:"
)
PICKED_DONE_LINE = "• <b>{name}</b>"
PICKED_UNSEEN = (
    "Whoever hasn’t pressed Start in my chat yet has to do that once: before, I can’t write to "
    "them."
)

# --- Taken off the list, and put back ------------------------------------------------------------

FAREWELL_HINT = (
    "By mistake? For an hour, Undo puts them back as they were, with groups and role. Their "
    "profiles stay dead."
)
FAREWELL_UNDONE = (
    "{name} is on the allowlist again, as before. Profiles that have ended stay dead; they can ask "
    "for a new one."
)
FAREWELL_UNDONE_TOAST = "Taken back. {name} is on the allowlist again."
ON_LIST_AGAIN = (
    "{Admin} took that back: you’re on the list again. Profiles that were switched off stay dead; "
    "ask for a new one."
)

# --- First steps -------------------------------------------------------------------------------

WELCOME = (
    "👋 You’re on the list now.\n"
    "1. Install <b>OpenVPN Connect</b> on your phone or computer.\n"
    "2. Ask for VPN access; an admin decides.\n"
    "3. Open the file that I send you then. That’s all."
)
BUTTON_ASK = "Ask for VPN access"

CLOSED: dict[InvitationState, str] = {
    InvitationState.OPEN: "The invitation for {name} is open. Nothing was changed.",
    InvitationState.USED: "The invitation for {name} is used already. Nothing was changed.",
    InvitationState.WITHDRAWN: (
        "The invitation for {name} is withdrawn already. Nothing was changed."
    ),
    InvitationState.ENDED: "The invitation for {name} is over already. Nothing was changed.",
}
REFUSED: dict[Refusal, str] = {
    Refusal.ON_LIST_ALREADY: (
        "You’re on the list already, so the invitation is still good for somebody else. /help "
        "shows what I can do for you."
    ),
    Refusal.KNOCKED_ALREADY: (
        "You’ve asked within a day, and it waits for an admin. Is it urgent? Talk to them."
    ),
    Refusal.KNOCKS_FULL: (
        "Many people are asking just now. Please send your Telegram id, {id}, to your admin."
    ),
    Refusal.KNOCK_OVER: "That’s too old to answer. If they still want to join, they can ask again.",
    Refusal.KNOCK_ANSWERED: "{admin} has answered {name} already. Nothing was changed.",
    Refusal.FAREWELL_LATE: (
        "That was more than an hour ago, so it stands. /allow {id} puts {name} back on the list."
    ),
    Refusal.FAREWELL_OVERTAKEN: (
        "Somebody has decided about {name} since, so nothing was changed. /users {id} shows how "
        "it is now."
    ),
    Refusal.FAREWELL_GROUP_GONE: (
        "The group {group} is gone, so {name} can’t be put back as before. /allow {id} puts them "
        "on the list."
    ),
    Refusal.INVITATION_OVER: (
        "This invitation doesn’t work: each one works once, and for a day. Ask for a new one."
    ),
    Refusal.INVITE_HAS_NO_END: (
        "Nothing was done: a place on the allowlist has no end; for how long, each request says. "
        "Write /invite {name}, without the time."
    ),
    Refusal.INVITATION_UNKNOWN: "There is no such invitation. /invite shows the open ones.",
}
REFUSED_IN_TERMINAL: dict[Refusal, str] = {
    Refusal.INVITATION_UNKNOWN: (
        "There is no invitation {invitation}; those that there are: vpnbot user invitations."
    ),
}
