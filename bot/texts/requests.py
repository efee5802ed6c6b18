"""What is said of a request while it waits: to whoever asked, and on the cards."""

from bot.access.messages import Notice
from bot.access.refusals import Refusal
from bot.access.requests import Why
from bot.texts.fill import Plural, Template

# A few people by name: both of two, or some of many.
NAMES_AND_LAST = "{names} and {last}"
NAMES_AND_MORE = Plural("{names} and {count} more", "{names} and {count} more")

# --- The requester's own message -----------------------------------------------------------------

ASKED_WHOM = "Asked: {names}."
ASKED_WHY = "Your reason: {reason}"
ASKED_REMINDED = "⏰ A reminder to those who haven’t decided, {at}."
ASKED_NUDGED = "🔔 You nudged those who haven’t decided, {at}."
BUTTON_NUDGE = "Nudge the admins"
NUDGED_TOAST = "I’m bringing it to {names} once more."
HOW_LONG_ELSE = "For how long do you need it?"
HOW_TO_SAY_WHY = "Why do you need it? Write that as a reply to this message."
BUTTON_HOW_LONG = "Another duration"
BUTTON_WHY = "Add a reason"
BUTTON_OTHER_WHY = "Another reason"
BUTTON_BACK = "‹ Back"
CHANGED_TOAST = "Changed. I’m updating the admins’ cards."
CHANGED_REASON = "Noted. I’m adding it to the admins’ cards."

# --- On the cards --------------------------------------------------------------------------------

CARD_CHANGED = "✏️ {name} changed this request, {at}"

CARD_REMINDED = "⏰ Still waiting: I brought it back to you, {at}"
CARD_NUDGED = "🔔 Nudged: they’re waiting for a decision, {at}"
CARD_DENIED_WHY = "The reason: “{reason}”"
LONGER_HOW = "For longer than was asked for? Tap for how long; they get it at once."
BUTTON_LONGER = "Longer …"
DENY_HOW = "Why? Tap one, or write your own words as a reply to this card."
DENY_HOW_GROUP = "Why? Tap one; for words of your own, write /pending to me alone."
BUTTON_DENY_WHY = "Deny with a reason"
BUTTONS_WHY: dict[Why, str] = {
    Why.TOO_LONG: "Deny: for less time",
    Why.WHAT_FOR: "Deny: say what for",
    Why.ASK_FIRST: "Deny: ask your manager",
    Why.NOT_NOW: "Deny: not now",
}
CONFIRM_DENY = "Deny {name}’s request for <b>{server}</b>, {duration}, with these words?\n“{words}”"
BUTTON_DENY_YES = "Deny with these words"
DENIED = "Denied. I’m telling {name}: “{reason}”"

# --- What whoever asked reads of a no ------------------------------------------------------------

WHY: dict[Why, str] = {
    Why.TOO_LONG: "Please ask for less time.",
    Why.WHAT_FOR: "Please say what you need it for.",
    Why.ASK_FIRST: "Please ask your manager first.",
    Why.NOT_NOW: "Not now, please ask again later.",
}
ASKED_DENIED_WHY = "The reason: “{reason}”"
NOTICES: dict[Notice, Template] = {
    Notice.REQUEST_DENIED_BECAUSE: (
        "{Admin} denied your request for <b>{server}</b>: “{reason}”\n"
        "When that is settled, /requestvpn asks again."
    ),
}

REFUSED: dict[Refusal, str] = {
    Refusal.CHANGED_TOO_OFTEN: (
        "You have changed this request {count} times. If it still isn’t right, cancel it and ask "
        "again."
    ),
    Refusal.NUDGED_ALREADY: (
        "You have nudged them already. If it can’t wait, talk to one of them; /myvpn shows until "
        "when it waits."
    ),
    Refusal.NUDGE_EARLY: "You asked just now. You can nudge them in {wait}.",
    Refusal.NOBODY_TO_NUDGE: (
        "I can’t reach anybody whose decision is still missing. Please tell your admin yourself; "
        "/pending shows it to them."
    ),
    Refusal.NO_WORDS: "I can’t read any words in this. Please write your reason as text.",
}


def reason_of(why: str | None, words: str | None) -> str:
    """The reason of a no, as whoever asked reads it; empty where there is none."""
    return WHY[Why(why)] if why else words or ""
