"""What is said of the rules for requests: what they have to say, how many profiles, which hours."""

from bot.access.refusals import Refusal
from bot.texts.fill import Plural, Template

REFUSALS: dict[Refusal, Template] = {
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
    Refusal.TOO_MANY_PROFILES: Plural(
        "You have a VPN profile already, and may have only one. To get another, give it up in "
        "/myvpn.",
        "You have {count} VPN profiles already, and that’s the most you may have. To get another, "
        "give one up in /myvpn.",
    ),
    Refusal.REASON_MISSING: (
        "This request gives no reason, and by now it has to. They can add one below their request."
    ),
    Refusal.TICKET_MISSING: (
        "This request has no ticket number, and by now it has to. They can add one below their "
        "request: {hint}."
    ),
    Refusal.PROFILES_FULL: Plural(
        "{name} has a VPN profile already, and may have only one. It has to end first, by /revoke "
        "or in their /myvpn.",
        "{name} has {count} VPN profiles already, and that’s the most they may have. One has to "
        "end first, by /revoke or in their /myvpn.",
    ),
    Refusal.GROUP_DECIDES: (
        "{group} says who has to agree for its people, so I don’t take anybody out of it on one "
        "admin’s word. On the server, vpnbot user allow {id} --leave-group {group} does it."
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
ASKED_NOT_BEGUN = "Your access to <b>{server}</b> from {start}, {duration}, wasn’t given."
MY_SCHEDULED = "<b>Request {id}</b> for {server}, {duration}: approved, begins {start}"
MY_FROM = "begins {start}"
SCHEDULED_COUNT = Plural("{count} approved request begins later:", "{count} begin later:")
# What was approved to begin later and isn't given, by why: to whoever asked, and to the admins.
NOT_BEGUN: dict[Refusal, str] = {
    Refusal.REQUESTER_REMOVED: (
        "Your access to <b>{server}</b> was to begin now, but you’re not on the list any more, so "
        "I didn’t give it. Questions? Talk to your admin."
    ),
    Refusal.REQUESTER_PAUSED: (
        "Your access to <b>{server}</b> was to begin now, but your VPN access is paused, so I "
        "didn’t give it. When you’re back, /requestvpn asks again."
    ),
    Refusal.REVOKED_SINCE: (
        "Your access to <b>{server}</b> was to begin now, but access of yours was ended since it "
        "was approved, so I didn’t give it. If you still need it, /requestvpn asks again."
    ),
    Refusal.APPROVAL_OVER: (
        "Your access to <b>{server}</b> was to begin now, but those who agreed aren’t enough by "
        "now, or may no longer decide, so I didn’t give it. /requestvpn asks again."
    ),
    Refusal.UNKNOWN_SERVER: (
        "Your access to <b>{server}</b> was to begin now, but there is no such server any more. "
        "/requestvpn shows those that there are."
    ),
    Refusal.SERVER_CLOSED: (
        "Your access to <b>{server}</b> was to begin now, but that server takes no new profiles at "
        "the moment. If you still need it, /requestvpn asks again."
    ),
    Refusal.SERVER_NOT_OPEN: (
        "Your access to <b>{server}</b> was to begin now, but your groups don’t include it any "
        "more. If you still need it, talk to your admin."
    ),
    Refusal.NETWORK_FULL: (
        "Your access to <b>{server}</b> was to begin now, but that server has no free address. If "
        "you still need it, /requestvpn asks again."
    ),
    Refusal.REASON_MISSING: (
        "Your access to <b>{server}</b> was to begin now, but by now a reason has to be given, and "
        "your request had none. Ask again with one: /requestvpn 8h visiting a customer."
    ),
    Refusal.TICKET_MISSING: (
        "Your access to <b>{server}</b> was to begin now, but by now a ticket number has to be "
        "given, and your request had none. Ask again with one: /requestvpn 8h, then the number."
    ),
    Refusal.PROFILES_FULL: (
        "Your access to <b>{server}</b> was to begin now, but you have as many profiles as you "
        "may. Give one up in /myvpn, then ask again with /requestvpn."
    ),
    Refusal.START_OVER: (
        "Your access to <b>{server}</b> was to begin while I was off, and its time is over. If you "
        "still need it, /requestvpn asks again."
    ),
}
NOT_BEGUN_ELSE = (
    "Your access to <b>{server}</b> was to begin now, but it can’t be given at the moment. If you "
    "still need it, /requestvpn asks again."
)
NOT_BEGUN_ADMINS: dict[Refusal, str] = {
    Refusal.REQUESTER_REMOVED: (
        "{name}’s access to <b>{server}</b> was to begin now, but they’re not on the allowlist any "
        "more, so I didn’t give it."
    ),
    Refusal.REQUESTER_PAUSED: (
        "{name}’s access to <b>{server}</b> was to begin now, but they’re paused, so I didn’t give "
        "it. They can ask again when they’re back."
    ),
    Refusal.REVOKED_SINCE: (
        "{name}’s access to <b>{server}</b> was to begin now, but access of theirs was ended since "
        "it was approved, so I didn’t give it. They can ask again."
    ),
    Refusal.APPROVAL_OVER: (
        "{name}’s access to <b>{server}</b> was to begin now, but those who agreed aren’t enough "
        "by now, or may no longer decide, so I didn’t give it. They can ask again."
    ),
    Refusal.UNKNOWN_SERVER: (
        "{name}’s access to <b>{server}</b> was to begin now, but there is no such server any "
        "more. They can ask for another one."
    ),
    Refusal.SERVER_CLOSED: (
        "{name}’s access to <b>{server}</b> was to begin now, but that server takes no new "
        "profiles; on the machine, <code>vpnbot doctor</code> says why. They can ask again."
    ),
    Refusal.SERVER_NOT_OPEN: (
        "{name}’s access to <b>{server}</b> was to begin now, but their groups don’t include that "
        "server any more, so I didn’t give it."
    ),
    Refusal.NETWORK_FULL: (
        "{name}’s access to <b>{server}</b> was to begin now, but that server has no free address. "
        "Revoke somebody’s access there; then they can ask again."
    ),
    Refusal.REASON_MISSING: (
        "{name}’s access to <b>{server}</b> was to begin now, but by now a reason has to be given, "
        "and their request had none. They can ask again."
    ),
    Refusal.TICKET_MISSING: (
        "{name}’s access to <b>{server}</b> was to begin now, but by now a ticket number has to be "
        "given, and their request had none. They can ask again."
    ),
    Refusal.PROFILES_FULL: (
        "{name}’s access to <b>{server}</b> was to begin now, but they have as many profiles as "
        "they may. One has to end before they ask again."
    ),
    Refusal.START_OVER: (
        "{name}’s access to <b>{server}</b> was to begin while I was off, and its time is over. "
        "They can ask again."
    ),
}
NOT_BEGUN_ADMINS_ELSE = (
    "{name}’s access to <b>{server}</b> was to begin now, but it can’t be given at the moment. "
    "They can ask again."
)

# On a card that can't be approved.
CARD: dict[Refusal, Template] = {
    Refusal.REASON_MISSING: "⚠️ It gives no reason, so this can’t be approved.",
    Refusal.TICKET_MISSING: "⚠️ It has no ticket number, so this can’t be approved.",
    Refusal.PROFILES_FULL: Plural(
        "⚠️ They have a profile already, and may have only one, so this can’t be approved.",
        "⚠️ They have {count} profiles already, the most they may have, so this can’t be approved.",
    ),
}
TICKET = '<a href="{url}">{ticket}</a>'
# Below the answer to a request that was made while nobody is there.
CLOSED_NOW = "It’s outside working hours ({hours}), so the answer may only come after {at}."
GIVEN_TOAST = "Given at once. Your profile is on its way."
# Of a group, in the chat.
GROUP_STANDING = "Up to {duration} at once, without an admin’s yes"
GROUP_REASON = "A reason has to be given"
GROUP_TICKET = "A ticket number has to be given"
GROUP_PROFILES = Plural("At most {count} live profile each", "At most {count} live profiles each")
