"""What the admins read of somebody who seems to have left."""

from bot.access.refusals import Refusal
from bot.texts.fill import Plural
from storage.joining_records import LeavingCause, LeavingState

CAUSES: dict[LeavingCause, str] = {
    LeavingCause.DELETED: "<b>{name}</b>’s Telegram account is deleted.",
    LeavingCause.LEFT_GROUP: "<b>{name}</b> has left your group in Telegram.",
    LeavingCause.NOT_LISTED: "<b>{name}</b> isn’t on the list of the staff any more.",
}
HAS = Plural("They have {count} active profile.", "They have {count} active profiles.")
QUESTION = "End their access, and take them off the allowlist?"
BUTTON_REMOVE = "Remove"
BUTTON_KEEP = "Keep"
SETTLED: dict[LeavingState, str] = {
    LeavingState.KEPT: "{Admin} decided, {at}, that <b>{name}</b> stays. I won’t ask again.",
    LeavingState.REMOVED: "{Admin} took <b>{name}</b> off the allowlist, {at}.",
    LeavingState.BACK: "<b>{name}</b> is there again, {at}, so there’s nothing to decide.",
}
KEPT_TOAST = "{name} stays. I won’t ask again."
REMOVED_TOAST = "Taking {name} off. The receipt follows."

REFUSED: dict[Refusal, str] = {
    Refusal.LEAVING_OVER: (
        "There’s nothing to decide about {name} any more, so nothing was changed. /users {id} "
        "shows how it is now."
    ),
    Refusal.LEAVING_KEPT: (
        "{admin} has decided that {name} stays, so nothing was changed. /remove {id} ends "
        "their access all the same."
    ),
    Refusal.LEAVING_OWN: "This is about yourself, so another admin decides.",
}
