"""What is said of the rules for requests: what they have to say, how many profiles, which hours."""

from bot.access.refusals import Refusal
from bot.texts.fill import Plural

REFUSALS: dict[Refusal, str] = {
    Refusal.BAD_START: (
        "I can’t tell when “{start}” is. Write for example: /requestvpn from mon 9:00 for 2d, "
        "or from 14 Sept 8:30, or from tomorrow 14:00."
    ),
    Refusal.START_PAST: (
        "That was {at}, so it can’t begin then. Leave that out to begin as soon as it’s approved, "
        "or write a time to come."
    ),
    Refusal.START_FAR: "It can begin within the next {days} days. Ask for a later one nearer then.",
    Refusal.START_OVER: (
        "The time that was asked for is over, so nothing was given. Ask for another time."
    ),
    Refusal.REVOKED_SINCE: "Access of theirs was ended since, so nothing was given.",
    Refusal.APPROVAL_OVER: (
        "Those who agreed aren’t enough by now, or may no longer decide, so nothing was given."
    ),
    Refusal.REASON_NEEDED: (
        "Please say what you need it for. Write it after the command, for example: "
        "/requestvpn 8h visiting a customer."
    ),
    Refusal.TICKET_NEEDED: (
        "Your request needs {hint}. Write it after the command, with how long if you like: "
        "/requestvpn 8h, then the number."
    ),
    Refusal.TOO_MANY_PROFILES: (
        "You have {count} VPN profiles already, and that’s the most you may have. To get another, "
        "give one up in /myvpn."
    ),
    Refusal.REASON_MISSING: (
        "This request gives no reason, and by now it has to. They can add one below their request."
    ),
    Refusal.TICKET_MISSING: (
        "This request has no ticket number, and by now it has to. They can add one below their "
        "request: {hint}."
    ),
    Refusal.PROFILES_FULL: (
        "{name} has {count} VPN profiles already, and that’s the most they may have. One has to "
        "end first, by /revoke or in their /myvpn."
    ),
    Refusal.OWN_STANDING: (
        "{group} gives access without an admin’s yes, so you can’t put yourself into it. Another "
        "admin can; or, if you’re the only one, run on the server: vpnbot user allow {id} --group "
        "{group} --name NAME"
    ),
}
# --- What begins later ---------------------------------------------------------------------------

SCHEDULED_TOAST = "Approved. {name} gets the profile shortly before it begins."
CARD_FROM = "From <b>{start}</b> until <b>{end}</b>, {duration}"
CARD_SCHEDULED = (
    "🗓 Approved by {admin}, {at}. The profile goes out shortly before it begins; until then "
    "Deny takes it back."
)
ASKED_FROM = "It begins {start}. Your profile comes here shortly before."
ASKED_SCHEDULED = (
    "{Admin} approved your request for <b>{server}</b>, {duration} from {start}. Your profile "
    "comes here shortly before."
)
ASKED_NOT_BEGUN = "Your access to <b>{server}</b> from {start}, {duration}, was not given."
MY_SCHEDULED = "<b>Request {id}</b> for {server}, {duration}: approved, begins {start}"
MY_FROM = "begins {start}"
SCHEDULED_COUNT = Plural("{count} approved request begins later:", "{count} begin later:")
NOT_BEGUN = (
    "Your access to <b>{server}</b> was to begin now, but I didn’t give it: {because}. If you "
    "still need it, /requestvpn asks again."
)
NOT_BEGUN_ADMINS = (
    "{name}’s access to <b>{server}</b> was to begin now, but I didn’t give it: {because}. They "
    "can ask again."
)
BECAUSE: dict[Refusal, str] = {
    Refusal.REQUESTER_REMOVED: "no longer on the allowlist",
    Refusal.REQUESTER_PAUSED: "paused at the moment",
    Refusal.REVOKED_SINCE: "access was ended since it was approved",
    Refusal.APPROVAL_OVER: "those who agreed aren’t enough by now, or may no longer decide",
    Refusal.UNKNOWN_SERVER: "there is no such server any more",
    Refusal.SERVER_CLOSED: "that server takes no new profiles at the moment",
    Refusal.SERVER_NOT_OPEN: "the groups don’t include that server any more",
    Refusal.NETWORK_FULL: "there is no free address on that server",
    Refusal.REASON_MISSING: "a reason has to be given by now",
    Refusal.TICKET_MISSING: "a ticket number has to be given by now",
    Refusal.PROFILES_FULL: "there are as many profiles as one may have",
    Refusal.START_OVER: "I was off when it was to begin, and its time is over",
}
BECAUSE_ELSE = "it isn’t possible at the moment"

# On a card that can't be approved.
CARD: dict[Refusal, str] = {
    Refusal.REASON_MISSING: "⚠️ It gives no reason, so this can’t be approved.",
    Refusal.TICKET_MISSING: "⚠️ It has no ticket number, so this can’t be approved.",
    Refusal.PROFILES_FULL: (
        "⚠️ They have {count} profiles already, the most they may have, so this can’t be approved."
    ),
}
TICKET = '<a href="{url}">{ticket}</a>'
# Below the answer to a request that was made while nobody is there.
CLOSED_NOW = "It’s outside working hours ({hours}), so the answer may only come after {at}."
GIVEN_TOAST = "Given at once. Your profile is on its way."
# Who decided, in the middle of a sentence and at its beginning.
STANDING = "the standing approval of {group}"
STANDING_FIRST = "The standing approval of {group}"

# Of a group, in the chat.
GROUP_STANDING = "Up to {duration} at once, without an admin’s yes"
GROUP_REASON = "A reason has to be given"
GROUP_TICKET = "A ticket number has to be given"
GROUP_PROFILES = "At most {count} live profiles each"
