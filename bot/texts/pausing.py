"""What is said of people who are kept out for a while."""

from bot.access.messages import Notice
from bot.access.refusals import Refusal
from bot.texts.fill import Plural, Template
from storage.records import Pause

NOTICES: dict[Notice, Template] = {
    Notice.PAUSED: (
        "{Admin} paused your VPN access. Your profiles are kept, and work again when you’re back: "
        "I’ll tell you."
    ),
    Notice.PAUSED_UNTIL: (
        "{Admin} paused your VPN access until {until}. Your profiles are kept, and work again "
        "then: I’ll tell you."
    ),
    Notice.RESUMED: (
        "Your VPN access is back. Your profiles that haven’t ended are being let in again; if one "
        "doesn’t connect yet, try again in a few minutes. /myvpn shows them."
    ),
    Notice.RESUMED_ADMINS: Plural(
        "{name} isn’t paused any more, as planned: {count} profile is being let in again.",
        "{name} isn’t paused any more, as planned: {count} profiles are being let in again.",
        none="{name} isn’t paused any more, as planned. They have no profile to come back to.",
    ),
    Notice.PAUSED_SINCE_BACKUP: (
        "⚠️ I was restored from a backup. By the list on <b>{server}</b>, {name} was paused after "
        "it, so they still are. If that’s over: <code>/resume {name}</code>"
    ),
    Notice.PAUSE_KEPT: (
        "⚠️ I was restored from a backup. In it, {name} was paused until {until}. That may have "
        "been changed since, so {name} stays paused until you say: <code>/resume {name}</code>"
    ),
}
USAGE = (
    "Write who, and until when if you know: <code>/pause Anna until 14 Sept</code>\n"
    "Their sessions end, their profiles are kept. /resume brings them back."
)
CHOOSE_PAUSE = "Who do you want to pause?"
CHOOSE_RESUME = Plural("{count} person is paused:", "{count} people are paused:")
NOBODY_PAUSED = "Nobody is paused. <code>/pause NAME until DAY</code> pauses somebody."
CONFIRM_PAUSE = Plural(
    "Pause <b>{name}</b> until you resume them? Sessions end now; {count} profile is kept.",
    "Pause <b>{name}</b> until you resume them? Sessions end now; {count} profiles are kept.",
    none="Pause <b>{name}</b> until you resume them? They can’t ask, and get nothing, until then.",
)
DAY_HINT = "With a day: <code>/pause {id} until 14 Sept</code>"
BUTTON_PAUSE = "Pause {name}"
BUTTON_PAUSE_YES = "Pause now"
BUTTON_RESUME = "Resume {name}"
PAUSED_TOAST = "I’m cutting the sessions now."
PAUSED_UNTIL = "{name} is paused until {until}."
PAUSED_OPEN = "{name} is paused until you resume them."
WITHOUT_PROFILES = "There was no profile to cut."
RESUMED_NOTHING = "{name} isn’t paused any more. They have no profile to come back to."
RESUMED = Plural(
    "{name} isn’t paused any more: {count} profile works again.",
    "{name} isn’t paused any more: {count} profiles work again.",
)
RESUMED_LATER = (
    "{name} isn’t paused any more, but {servers} can’t let them in yet. I try again every minute."
)
RESUMING = "Bringing {name} back now."

PERSON_PAUSED = "paused since {since}"
PERSON_PAUSED_UNTIL = "paused until {until}"
CARD = "⏸ This person is paused: resume them before you approve"
CARD_PROFILE = "⏸ Paused: it works again when {name} is resumed."
MINE = "⏸ Your VPN access is paused. Your profiles are kept."
MINE_UNTIL = "⏸ Your VPN access is paused until {until}. Your profiles are kept."
STATES = {Pause.PAUSING: "being paused", Pause.PAUSED: "paused"}

REFUSALS: dict[Refusal, str] = {
    Refusal.PAUSED: (
        "Your VPN access is paused, so you can’t ask for more right now. Your profiles are kept; "
        "/myvpn says until when. Questions? Talk to your admin."
    ),
    Refusal.REQUESTER_PAUSED: (
        "{name} is paused, so nothing was approved. The request waits; /resume {id} brings them "
        "back."
    ),
    Refusal.OWN_PAUSE: (
        "{admin} paused your VPN access, so you can’t change that yourself. Another admin can; or "
        "run on the server: vpnbot user resume {id}. Then you’re back."
    ),
    Refusal.NOT_PAUSED: "{name} isn’t paused, so nothing was changed.",
    Refusal.PAUSE_OVER: "{until} is over already, so nothing was changed.",
    Refusal.BAD_DAY: (
        "I can’t read “{day}” as a day to come. Write it like 2027-09-14, 14 Sept, 14 Sept 9:00, "
        "or 10d."
    ),
    Refusal.LINKED_WHILE_PAUSED: (
        "{name} is paused, and with them all of their accounts. Resume them first."
    ),
}
REFUSALS_TERMINAL: dict[Refusal, str] = {
    Refusal.PAUSED: "They are paused; first run `vpnbot user resume` with their id.",
    Refusal.REQUESTER_PAUSED: (
        "{name} is paused, so nothing was approved; first run `vpnbot user resume {id}`."
    ),
    Refusal.LINKED_WHILE_PAUSED: (
        "{name} is paused, and with them all of their accounts; first run `vpnbot user resume`."
    ),
}

# --- The terminal --------------------------------------------------------------------------------

OFF_LINE = "{names} can’t ask or be let in until {until}."
OFF_LINE_OPEN = "{names} can’t ask or be let in until you run: vpnbot user resume {id}"
BACK_LINE = Plural(
    "{names}: back; {count} profile works again.", "{names}: back; {count} profiles work again."
)
BACK_NOT_YET = (
    "{names}: not paused any more, but {servers} can’t let them in yet. A running bot tries again "
    "every minute."
)
