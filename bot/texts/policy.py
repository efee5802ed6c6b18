"""What is said of the rules for requests: what they have to say, how many profiles, which hours."""

from bot.access.refusals import Refusal

REFUSALS: dict[Refusal, str] = {
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
