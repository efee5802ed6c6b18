"""What is said of a request while it waits: to whoever asked, and on the cards."""

from bot.access.refusals import Refusal
from bot.texts.fill import Plural

# A few people by name: both of two, or some of many.
NAMES_AND_LAST = "{names} and {last}"
NAMES_AND_MORE = Plural("{names} and {count} more", "{names} and {count} more")

# --- The requester's own message -----------------------------------------------------------------

ASKED_WHOM = "Asked: {names}."
ASKED_WHY = "Your reason: {reason}"
HOW_LONG_ELSE = "For how long do you need it?"
HOW_TO_SAY_WHY = "Why do you need it? Write that as a reply to this message."
BUTTON_HOW_LONG = "Another duration"
BUTTON_WHY = "Add a reason"
BUTTON_OTHER_WHY = "Another reason"
BUTTON_BACK = "‹ Back"
CHANGED_TOAST = "Changed. The admins see it on their cards."
CHANGED_REASON = "The admins read your reason on their cards now."

# --- On the cards --------------------------------------------------------------------------------

CARD_CHANGED = "✏️ {name} changed this request, {at}"

REFUSED: dict[Refusal, str] = {
    Refusal.CHANGED_TOO_OFTEN: (
        "You have changed this request {count} times. If it still isn’t right, cancel it and ask "
        "again."
    ),
    Refusal.NO_WORDS: "I can’t read any words in this. Please write your reason as text.",
}
