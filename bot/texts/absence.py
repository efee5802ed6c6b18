"""What is said of whoever decides and is away."""

from bot.access.messages import Notice
from bot.access.refusals import Refusal
from bot.texts.fill import Template

USAGE = (
    "Until when are you away? For example: <code>/away until 14 Sept</code>, or <code>/away "
    "3d</code>. Until then your cards go to the others."
)
AWAY = (
    "You’re away until {until}: your cards go to the others until then, and to you only where "
    "they’re too few to decide. You can still decide on what you see."
)
HERE = "Welcome back. What still waits for you comes as cards."
BUTTON_BACK = "I’m back"
# What ends it in words.
OVER_WORDS = frozenset({"off", "back", "end", "none", "no", "over"})

# --- At the terminal -----------------------------------------------------------------------------

AWAY_LINE = "{name} ({id}) is away until {until}; their cards go to the others."
BACK_LINE = "{name} ({id}) is back; requests come to them again."

NOTICES: dict[Notice, Template] = {
    Notice.AWAY: "{name} is away until {until}: new requests go to you and the others.",
    Notice.AWAY_BY: (
        "{Admin} noted that you’re away until {until}: your cards go to the others until then. "
        "<code>/away back</code> ends it."
    ),
    Notice.BACK: "You’re back from today on: requests come to you again.",
}
REFUSED: dict[Refusal, str] = {
    Refusal.NOBODY_ELSE_DECIDES: (
        "No other admin would see the requests while you’re away, so nothing was changed. /role "
        "makes somebody an admin."
    ),
    Refusal.DECIDES_NOTHING: "{name} decides on no requests, so there are no cards to pass on.",
    Refusal.NOT_AWAY: "You aren’t away, so there is nothing to end.",
}
TERMINAL: dict[Refusal, str] = {
    Refusal.NOT_AWAY: "They aren’t away, so there is nothing to end.",
}
