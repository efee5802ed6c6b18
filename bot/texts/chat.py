"""Everything that the bot says in a chat, but for notices, refusals and receipts.

Whole sentences with named placeholders, ready to be translated. HTML as Telegram reads it.
"""

from bot.access.messages import DeliverNote
from bot.texts import machine, more_time
from bot.texts.fill import Decision, Plural, Template
from storage.records import GrantState, RequestState

# --- /start and /help --------------------------------------------------------------------------

STRANGER = (
    "Hello! I give VPN access to the people on my list, and you’re not on it yet.\n\n"
    "Your Telegram id is <code>{id}</code>. Send it to your admin and ask to be added."
)
HELLO = "Hello, {name}!"
HELP_MEMBER = "I give you VPN access when an admin agrees."
HELP_ADMIN = "You’re an admin: requests come to you as cards with Approve and Deny."
# Of each command, in this order.
HELP = {
    "requestvpn": (
        "/requestvpn asks for it. Say how long, where, and why: "
        "<code>/requestvpn 2d visiting a customer</code>. For later: "
        "<code>/requestvpn from mon 9:00 for 2d</code>"
    ),
    "myvpn": "/myvpn shows what you have, sends a new profile, or gives it up.",
    "pending": "/pending – requests that wait for a decision",
    "grants": "/grants [NAME] – who has access now",
    "online": "/online – who is connected at this moment; cut a session",
    "revoke": "/revoke NAME – end somebody’s access, with proof",
    "pause": "/pause NAME [until DAY] – keep somebody out for a while, profiles and all",
    "resume": "/resume NAME – let them in again",
    "users": "/users [NAME] – the allowlist",
    "who": "/who ADDRESS – whose an address in the VPN is, or was at some time",
    "group": "/group – the groups, and who is in them",
    "allow": "/allow ID NAME – put somebody on the allowlist",
    "invite": "/invite NAME – make a link that puts somebody on the allowlist",
    "remove": "/remove NAME – take somebody off it and end all their access",
    "role": "/role – who is admin, approver or auditor",
    "away": "/away until DAY – have your cards go to the others while you’re away",
    "servers": "/servers – what each server answers",
    "audit": "/audit – how far the log goes, to be kept",
}
MENU = {  # in Telegram's own menu
    "requestvpn": "Ask for VPN access",
    "myvpn": "Your access: new profile, give it up",
    "pending": "Requests that wait for a decision",
    "grants": "Who has access now",
    "online": "Who is connected at this moment",
    "revoke": "End somebody’s access, with proof",
    "pause": "Keep somebody out for a while",
    "resume": "Let somebody in again who is paused",
    "users": "The allowlist",
    "who": "Whose an address is, or was",
    "group": "Groups, and who is in them",
    "allow": "Put somebody on the allowlist",
    "invite": "Invite somebody by a link",
    "remove": "Take somebody off the allowlist",
    "role": "Who is admin, approver or auditor",
    "away": "Pass your cards on while you’re away",
    "servers": "What each server answers",
    "audit": "How far the log goes, to be kept",
    "help": "What I can do for you",
}
ADMIN_NOT_LISTED = (
    "You’re an admin, but not on the allowlist. To ask for VPN access yourself, put yourself on it."
)
GROUP = "VPN access is a private matter. Write to me here: {link}"
UNKNOWN_COMMAND = "I don’t know this command. Here is what I can do for you:"
NOT_A_COMMAND = "I understand commands only. Here is what I can do for you:"
# Typed as a word, with or without a slash, they ask for /help. With the greeting of a new chat.
HELP_WORDS = frozenset(
    {
        *("help", "h", "?", "start", "menu", "info", "commands", "aide", "hilfe", "ayuda", "aiuto"),
        *("ajuda", "pomoc", "hjälp", "помощь", "справка", "помогите", "ajutor", "yardım"),
    }
)
# What people call what these commands do.
CALLED = {
    "requestvpn": ("vpn", "openvpn", "access", "request", "ask", "profile", "getvpn"),
    "myvpn": ("my", "status", "mine", "renew", "cancel", "stop"),
    "pending": ("requests", "queue"),
    "grants": ("access", "list"),
    "users": ("people", "allowlist", "admins"),
    "online": ("sessions", "who"),
    "revoke": ("end", "ban", "kick"),
    "allow": ("add", "invite"),
    "remove": ("delete",),
}
ONLY_NEW_MESSAGES = (
    "I act on commands that you type yourself, not on forwarded ones. Please type it."
)
TOO_FAST = "Too many messages at once. Try again in a minute."
SOMETHING_BROKE = (
    "Something went wrong on my side, and nothing was changed. Please try again in a minute; "
    "if it stays like this, tell your admin."
)

# --- Requests ----------------------------------------------------------------------------------

ASKED = Plural(
    "Your request for <b>{server}</b>, {duration}, waits for the admins. "
    "You’ll get your profile here as soon as one of them approves.",
    "Your request for <b>{server}</b>, {duration}, waits for the admins. "
    "You’ll get your profile here as soon as {count} of them approve.",
)
ASKED_NOBODY = (
    "Your request for <b>{server}</b>, {duration}, is kept, but I can’t reach any admin: they "
    "blocked me, or never pressed Start. Please tell one of them; /pending shows it to them."
)
CHOOSE_SERVER = "Which server do you need?"
CHOOSE_SET = "<b>{name}</b> is one profile for {servers}: where one is down, it takes the next."
CHOOSE_BY_NAME = "Or write the name, such as <code>/requestvpn NAME</code>."
ASKED_STATES: dict[RequestState, Template] = {
    RequestState.APPROVED: Decision(
        "{Admin} approved your request for <b>{server}</b>, {duration}. The profile comes next.",
        "Your request for <b>{server}</b>, {duration}, was granted by the standing approval of "
        "{group}. The profile comes next.",
    ),
    RequestState.DENIED: "{Admin} denied your request for <b>{server}</b>, {duration}.",
    RequestState.CANCELLED: (
        "Your request for <b>{server}</b>, {duration}, is cancelled. /requestvpn asks again."
    ),
    RequestState.EXPIRED: (
        "Nobody decided on your request for <b>{server}</b>, {duration}, in time."
    ),
}
CANCELLED_WITHOUT_SERVER = "Your request is cancelled. /requestvpn asks again."

CARD_TITLE = "<b>Request {id}</b>: {name} asks for VPN access"
CARD_PERSON = "Telegram: {username}, id <code>{id}</code>"
CARD_PERSON_NO_USERNAME = "Telegram id <code>{id}</code>"
CARD_SERVER = "Server: <b>{server}</b>"
CARD_SET = "Servers: <b>{name}</b> ({servers})"
CARD_DURATION = "For: <b>{duration}</b> from the approval"
CARD_LIMIT = "⚠️ By the settings in force no more than <b>{duration}</b> can be given"
CARD_REASON = "Reason: {reason}"
CARD_LAST_USE = "Last connected {at}"
CARD_OPENS = (
    "⚠️ This profile may open <b>{servers}</b> as well. On the machine, <code>vpnbot doctor</code> "
    "says how to close that."
)
CARD_SILENT = (
    "⚠️ OpenVPN on <b>{server}</b> hasn’t answered since {at}: a profile connects once it’s back"
)
CARD_HAS = Plural("Has {count} active profile already", "Has {count} active profiles already")
CARD_HAS_UNPROVED = Plural(
    "⚠️ {count} ended profile isn’t confirmed off yet: it may still work",
    "⚠️ {count} ended profiles aren’t confirmed off yet: they may still work",
)
CARD_AGREED = "✅ {admin} approves {duration}"
CARD_NEEDS = Plural("{count} approval is still needed", "{count} approvals are still needed")
CARD_WAITS = "Waits until {until}"
CARD_STATES: dict[RequestState, Template] = {
    RequestState.APPROVED: Decision(
        "✅ Approved by {admin} for {duration}, {at}",
        "✅ Given at once for {duration}, by the standing approval of {group}, {at}",
    ),
    RequestState.DENIED: "⛔ Denied by {admin}, {at}",
    RequestState.CANCELLED: "Cancelled by {admin}, {at}",
    RequestState.EXPIRED: "Nobody decided in time; it ended {at}",
}
CARD_OWN = "This is your own request. {names} can approve it."
CARD_OWN_ALONE = (
    "This is your own request, and there’s no other admin. Approve it on the server: "
    "<code>vpnbot request approve {id}</code>"
)

APPROVED_TOAST = "Approved. I’m sending {name} the profile; the card shows whether it arrives."
APPROVED_BLOCKED_TOAST = (
    "Approved, but {name} blocked me or never pressed Start, so the profile may not arrive. The "
    "card shows it."
)
AGREED_TOAST = Plural(
    "Your approval is noted. {count} more is needed.",
    "Your approval is noted. {count} more are needed.",
)
DENIED_TOAST = "Denied. I’m telling {name}."
CANCELLED_TOAST = "Your request is cancelled."
CHOSEN_TOAST = "Your request waits for the admins."

# --- Profiles ----------------------------------------------------------------------------------

CAPTIONS: dict[DeliverNote, str] = {
    DeliverNote.FIRST: "Your request was approved. This is your profile for <b>{server}</b>.",
    DeliverNote.RENEWED: (
        "This is your new profile for <b>{server}</b>. The earlier one, <code>{file}</code>, no "
        "longer works: please delete it."
    ),
    DeliverNote.REPLACES_LOST: (
        "This is your profile for <b>{server}</b>. If you got one before this, "
        "<code>{file}</code>, delete it; it no longer works."
    ),
    DeliverNote.KEY_LOST: (
        "This is a new profile for <b>{server}</b>, with another passphrase. The earlier one, "
        "<code>{file}</code>, no longer works: please delete it."
    ),
} | {DeliverNote.MOVED: machine.MOVED, DeliverNote.MORE_TIME: more_time.CAPTION_FIRST}
# Where nobody has seen yet that the earlier one is dead.
CAPTIONS_UNPROVED: dict[DeliverNote, str] = CAPTIONS | {
    DeliverNote.RENEWED: (
        "This is your new profile for <b>{server}</b>. The earlier one, <code>{file}</code>, is "
        "being switched off: please delete it."
    ),
    DeliverNote.REPLACES_LOST: (
        "This is your profile for <b>{server}</b>. If you got one before this, "
        "<code>{file}</code>, delete it; it’s being switched off."
    ),
    DeliverNote.KEY_LOST: (
        "This is a new profile for <b>{server}</b>, with another passphrase. The earlier one, "
        "<code>{file}</code>, is being switched off: please delete it."
    ),
}
CAPTION_USE = "It works until {until}. Keep it to yourself: whoever has this file has your access."
CAPTION_USE_ARCHIVE = (
    "It works until {until}. Keep it to yourself: whoever has this archive has your access."
)
# Below all else, folded: the buttons lead there, too.
CAPTION_OPEN = (
    "<blockquote expandable>Open it with OpenVPN Connect on a phone, Windows or a Mac, or with "
    "OpenVPN 2.5 or newer.\n/myvpn shows it, sends a new one, or gives it up.</blockquote>"
)
CAPTION_OPEN_ARCHIVE = (
    "<blockquote expandable>Unpack it, and open the .ovpn file in it with OpenVPN Connect, or with "
    "OpenVPN 2.5 or newer.\n/myvpn shows it, sends a new one, or gives it up.</blockquote>"
)
CAPTION_HOW_TO = "Tap your device to read how."
HOW_TO_GONE = "I don’t have these instructions any more. Your admin can help you."
HOW_TO_BROKEN = "I can’t show these instructions right now. Your admin can help you."
CAPTION_DELETED = "I delete this message at {at}: save the file before."

# --- /myvpn ------------------------------------------------------------------------------------

MY_NOTHING = "You have no VPN access and no open request. /requestvpn asks for it."
MY_REQUEST = "<b>Request {id}</b> for {server}, {duration}: waits for an admin until {until}"
MY_REQUEST_CHOOSING = "<b>Request {id}</b>, {duration}: waits for you to choose a server"
MY_GRANT = "<b>{server}</b> until {until}\n{state}, <code>{common_name}</code>, address {address}"
MY_GRANT_POOL = "<b>{server}</b> until {until}\n{state}, <code>{common_name}</code>"
MY_GRANT_IMPORTED = (
    "A profile from before the takeover, until {until}\n{state}, <code>{common_name}</code>. "
    "/requestvpn gives you a new one to replace it."
)
MY_GRANT_ENDING = (
    "<b>{server}</b>: your access is over. The profile <code>{common_name}</code> is being "
    "switched off, and may still work until that’s done. Please delete the file."
)
MY_GRANT_ENDING_IMPORTED = (
    "Your profile <code>{common_name}</code> from before the takeover is over. It’s being switched "
    "off, and may still work until that’s done. Please delete the file."
)
MY_GRANT_DROPPED = (
    "Your profile <code>{common_name}</code> is over, but one of its servers was taken out before "
    "it could show that. Please delete the file."
)
LAST_USE = "last connected {at}, {amount} in all"
NOT_USED = "not seen connected yet"
MY_OTHER_ACCOUNT = "By your account {name}:"
MY_RENEWING = (
    "A new profile for <b>{server}</b> is on its way; the earlier one is being switched off."
)
RENEWING_TOAST = "A new profile is on its way. The earlier one ends now."
CONFIRM_GIVE_UP = (
    "End your access to <b>{server}</b> now? The profile <code>{common_name}</code>, until "
    "{until}, won’t work any more."
)
CONFIRM_RENEW = (
    "Send a new profile for <b>{server}</b>? The one that you have now, "
    "<code>{common_name}</code>, until {until}, stops working."
)
KEPT = "Nothing was changed."

# --- Admins ------------------------------------------------------------------------------------

PENDING_NONE = "No request waits for a decision."
PENDING_COUNT = Plural(
    "{count} request waits for a decision:", "{count} requests wait for a decision:"
)
PENDING_MORE = Plural("{count} more request waits.", "{count} more requests wait.")
FOUND_MANY = "More than {count} people fit; these are some. Write more of the name."
PART = "{first}–{last} of {total}"
NOT_ALL_TO_CHOOSE = (
    "These aren’t all. Write more of the name, or <code>{command}</code>: /users and /grants show "
    "the ids."
)
GRANTS_NONE = "Nobody has access at the moment."
GRANTS_NONE_OF = "{who}: no access at the moment."
GRANTS_COUNT = Plural("{count} VPN profile:", "{count} VPN profiles:")
GRANT_LINE = (
    "<b>{name}</b>, {server}, until {until}\n{state}, <code>{common_name}</code>, <code>{id}</code>"
)
OLD_CERTIFICATES = Plural(
    "<b>{count} name</b> from before the takeover has live certificates and belongs to nobody. "
    "Tap it to say whose it is.",
    "<b>{count} names</b> from before the takeover have live certificates and belong to nobody. "
    "Tap one to say whose it is.",
)
OLD_CERTIFICATES_NONE = "Every live certificate from before the takeover belongs to somebody."
OLD_CERTIFICATE = "<code>{common_name}</code>"
OLD_CERTIFICATE_LINE = "serial <code>{serial}</code>, until {until}"
OLD_CERTIFICATE_NUMBERED = "{number}. serial <code>{serial}</code>, until {until}"
OLD_CERTIFICATE_WHOSE = "Whose is it?"
OLD_CERTIFICATE_NOBODY = (
    "Nobody on the allowlist has a name like this. Anybody else: vpnbot user link NAME WHO"
)
LINKED = Plural(
    "<code>{common_name}</code> now belongs to <b>{name}</b>: {count} certificate.",
    "<code>{common_name}</code> now belongs to <b>{name}</b>: {count} certificates.",
)
GRANT_LINE_IMPORTED = (
    "<b>{name}</b>, from before the takeover, until {until}\n"
    "{state}, <code>{common_name}</code>, <code>{id}</code>"
)
HOLDER_UNKNOWN = "Not linked to anybody"
GRANT_UNPROVED = "⚠️ not confirmed on {servers}: may still get in"
GRANT_UNPROVED_NOWHERE = (
    "⚠️ not confirmed, since no server is known yet: may still get in. On the machine: "
    "<code>vpnbot server adopt</code>"
)
AND_MORE = Plural(
    "… and {count} more; <code>vpnbot {listing}</code> shows all.",
    "… and {count} more; <code>vpnbot {listing}</code> shows all.",
)
PAGE = "Page {number} of {pages}"
GRANT_STATES: dict[GrantState, str] = {
    GrantState.RESERVED: "being prepared",
    GrantState.ISSUED: "being delivered",
    GrantState.ACTIVE: "active",
    GrantState.REVOKING: "being revoked",
    GrantState.REVOKED: "revoked",
    GrantState.EXPIRED: "expired",
}
USERS_NONE = "The allowlist is empty. /allow ID NAME adds somebody."
USERS_COUNT = Plural("{count} person on the allowlist:", "{count} people on the allowlist:")
USER_ADMIN = "admin, not on the allowlist"
USER_NOT_LISTED = "not on the allowlist"
ADMINS = "Admins, by the settings:"
ADMIN_KNOWN = "<b>{name}</b>, <code>{id}</code>"
ADMIN_UNKNOWN = "<code>{id}</code>, hasn’t written to me yet"
USER_LINE = "<b>{name}</b>, <code>{id}</code>"
USER_LINE_USERNAME = "<b>{name}</b>, {username}, <code>{id}</code>"
ALLOWED = (
    "{name} is on the allowlist now and can send /requestvpn. Ask them to press Start in my chat: "
    "I can’t write to them before."
)
ALLOWED_REACHED = "{name} is on the allowlist now and can send /requestvpn. I’m telling them."
ALLOWED_SELF = "You’re on the allowlist now. /requestvpn asks for VPN access."
RENAMED = "{name} is on the allowlist; the name is up to date."
REMOVED = "{name} is off the allowlist and had no live access."
REMOVED_ENDING = "{name} is off the allowlist, and all their access ends now. The receipt follows."
REMOVED_ACCOUNTS = "All accounts of this person are off the allowlist: {names}."
REMOVED_ACCOUNTS_ONLY = (
    "All accounts of this person are off the allowlist: {names}. There was no live access."
)
USAGE_ALLOW = (
    "Write the numeric id and the name: <code>/allow 123456789 Anna Petrova</code>\n"
    "Of somebody who has just written to me, their @username is enough: <code>/allow @anna</code>"
)
CHOOSE_REVOKE = "Whose access do you want to end?"
CHOOSE_AMONG = "This fits more than one. Which one do you mean?"
CHOOSE_REMOVE = "Who do you want to take off the allowlist?"
CHOOSE_ALLOW = "Somebody called like this has written to me. Is this who you mean?"
CHOOSE_OLD_USERNAME = (
    "Nobody has written to me with this username for a while, and it may be somebody else’s by "
    "now. Do you mean this person?"
)
NOBODY_HAS = "Nobody called “{who}” has access at the moment, so there is nothing to revoke."
CHOOSE_NO_TIME = (
    "This ends access for good; /pause keeps somebody out for a while. Who do you mean?"
)
CHOOSE_NEAR = "Nobody has exactly this name. Do you mean one of these?"
NOBODY_TO_REVOKE = "Nobody has live access, so there is nothing to revoke."
WORKING = "Cutting the access now. The receipt follows."

SERVERS_NONE = "There is no server yet. On the machine, run: <code>vpnbot server add</code>"
SERVER_UP = Plural(
    "<b>{name}</b>, {remote}: reachable, {count} live session",
    "<b>{name}</b>, {remote}: reachable, {count} live sessions",
)
SERVER_DOWN = "⚠️ <b>{name}</b>, {remote}: can’t be asked"
SERVER_CRL = "revocation list {number}: renewed {signed}, valid until {until}"
SERVER_NO_CRL = "⚠️ no revocation list that can be read"
SERVER_CERTIFICATE = "server certificate until {until}"
SERVER_OPEN = (
    "⚠️ profiles for other servers may open it, too; on the machine, <code>vpnbot doctor</code> "
    "says how to close that"
)
SERVER_RESTART = "⚠️ restart pending: its configuration or certificate changed"

# --- Buttons: in English the first word says what happens ----------------------------------------

BUTTON_COMMANDS = {
    "requestvpn": "Ask for VPN",
    "myvpn": "My VPN",
    "pending": "Open requests",
    "grants": "Who has access",
    "help": "Help",
}
BUTTON_MEANT = "Yes, {command}"
BUTTON_APPROVE = "Approve {duration}"
BUTTON_DENY = "Deny"
BUTTON_CANCEL = "Cancel request"
BUTTON_NEW_PROFILE = "New profile for {server}"
BUTTON_OLD_CERTIFICATES = "Old certificates ({count})"
BUTTON_LINK = "Link to {name}"
BUTTON_LINK_OTHER = "Link to somebody else"
BUTTON_OLD_NAMES = "All names"
BUTTON_NEXT = "Next ›"
BUTTON_BACK = "‹ Back"
BUTTON_GIVE_UP = "Revoke {server}"
BUTTON_REVOKE_GRANT = "Revoke {common_name}"
BUTTON_REVOKE_ONE_OF = "Revoke {common_name}, until {until}"
BUTTON_REVOKE_NUMBERED = "Revoke {number}"
BUTTON_REVOKE_PERSON = "Revoke {name}"
BUTTON_REMOVE_PERSON = "Remove {name}"
BUTTON_REVOKE_REST = "Revoke the rest of {name}"
BUTTON_ALLOW = "Allow {name}"
BUTTON_ALLOW_SELF = "Put me on the allowlist"
BUTTON_ALLOW_YES = "Allow now"
BUTTON_REVOKE_YES = "Revoke now"
BUTTON_REMOVE_YES = "Remove now"
BUTTON_RENEW_YES = "New profile now"
BUTTON_NO = "Keep it"
BUTTON_NOT_NOW = "Not now"
