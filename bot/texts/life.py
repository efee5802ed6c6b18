"""What became of a request and of the profile that it gave, as its card and its owner read it."""

from bot.access.demands import is_standing
from bot.access.permission import THE_BOT
from bot.texts.fill import Decision, Template
from storage.records import EndReason, RequestState

# Who did it, in the middle of a sentence and at its beginning.
MACHINE = "an admin on the server"
MACHINE_FIRST = "An admin on the server"
# Of what ended before it was noted who did it.
SOMEBODY_FIRST = "An admin"
BOT = "the bot"

# --- Under the decision on an admin's card -------------------------------------------------------

CARD_ON_ITS_WAY = "The profile is on its way."
CARD_DELIVERED = "📨 {name} has the profile. It works until {until}."
CARD_ENDED: dict[EndReason, str] = {
    EndReason.ENDED: "⌛ Over since {at}: its time was up.",
    EndReason.REVOKED: "🚫 {Admin} ended it, {at}.",
    EndReason.BY_OWNER: "🚫 {name} gave it up, {at}.",
    EndReason.REMOVED: "🚫 {Admin} took {name} off the allowlist, {at}; that ended it.",
    EndReason.REPLACED: "🚫 {name} asked for a new profile, {at}; that ended this one.",
    EndReason.LOST: "⚠️ Not delivered: the profile got lost on its way, {at}. They can ask again.",
    EndReason.UNDELIVERABLE: (
        "⚠️ Not delivered: {name} has blocked me, or never pressed Start. I ended it, {at}."
    ),
    EndReason.NOT_TAKEN: "⚠️ Not delivered: Telegram didn’t take the file. I ended it, {at}.",
    EndReason.STOLEN: "🚨 {name} said that somebody else used it, {at}; that ended it.",
    EndReason.EARLIER: "⌛ Over since {at}.",
}
CARD_UNCONFIRMED = "⚠️ Not confirmed on every server yet: they may still get in."
CARD_APPROVED_OVER = Decision(
    "Approved by {admin} for {duration}, {at}",
    "Given at once for {duration}, by the standing approval of {group}, {at}",
)
CARD_CLOSED = "Closed by {admin}, {at}"
CARD_CLOSED_REMOVED = "Closed: {admin} took {name} off the allowlist, {at}"
PAST_DENIED = "⚠️ {Admin} said no to this person for {server}, {at}"
PAST_ENDED = "⚠️ {Admin} ended this person’s access to {server}, {at}"
CARD_RENAMED = "⚠️ Was {username} when they were put on the allowlist"
CARD_EARLIER: dict[RequestState, str] = {
    RequestState.APPROVED: "Before: {server} for {duration}, approved {at}",
    RequestState.SCHEDULED: "Before: {server} for {duration}, approved {at} for later",
    RequestState.DENIED: "Before: {server} for {duration}, denied {at}",
    RequestState.CANCELLED: "Before: {server} for {duration}, taken back {at}",
    RequestState.EXPIRED: "Before: {server} for {duration}, not decided by {at}",
}
ASKED_FOR = "{duration} (asked: {asked})"

# --- The requester's own message -----------------------------------------------------------------

ASKED_DELIVERED = Decision(
    "{Admin} approved your request for <b>{server}</b>, {duration}. You have your profile.",
    "Your request for <b>{server}</b>, {duration}, was granted by the standing approval of "
    "{group}. You have your profile.",
)
ASKED_CLOSED = "{Admin} closed your request for <b>{server}</b>, {duration}."
ASKED_ENDED: dict[EndReason, Template] = {
    EndReason.ENDED: "Your access to <b>{server}</b> is over since {at}.",
    EndReason.REVOKED: "{Ender} ended your access to <b>{server}</b>, {at}.",
    EndReason.BY_OWNER: "You gave up your access to <b>{server}</b>, {at}.",
    EndReason.REMOVED: (
        "{Ender} took you off the list, {at}; that ended your access to <b>{server}</b>."
    ),
    EndReason.REPLACED: "You asked for a new profile for <b>{server}</b>, {at}.",
    EndReason.LOST: Decision(
        "{Admin} approved your request for <b>{server}</b>, but the profile got lost on its way, "
        "so I ended it. Ask again, and another one comes.",
        "Your request for <b>{server}</b> was granted by the standing approval of {group}, but the "
        "profile got lost on its way, so I ended it. Ask again, and another one comes.",
    ),
    EndReason.UNDELIVERABLE: Decision(
        "{Admin} approved your request for <b>{server}</b>, but I couldn’t send you the profile: "
        "you had blocked me. So I ended it. Ask again to get one.",
        "Your request for <b>{server}</b> was granted by the standing approval of {group}, but I "
        "couldn’t send you the profile: you had blocked me. So I ended it. Ask again to get one.",
    ),
    EndReason.NOT_TAKEN: Decision(
        "{Admin} approved your request for <b>{server}</b>, but Telegram didn’t take the profile, "
        "so I ended it. Ask an admin to hand you one.",
        "Your request for <b>{server}</b> was granted by the standing approval of {group}, but "
        "Telegram didn’t take the profile, so I ended it. Ask an admin to hand you one.",
    ),
    EndReason.STOLEN: (
        "You said that somebody else used your profile for <b>{server}</b>, {at}; that ended it."
    ),
    EndReason.EARLIER: "Your access to <b>{server}</b> is over since {at}.",
}
# From these on somebody may ask again by a tap.
MAY_ASK_AGAIN = frozenset({RequestState.EXPIRED, RequestState.CANCELLED})
BUTTON_AGAIN = "Ask again"
# On the card of whoever decided, for a minute.
BUTTON_UNDO = "Undo"
UNDONE_YES_TOAST = "Taken back. {name}’s profile is being switched off; the receipt follows."
UNDONE_NO_TOAST = "Taken back. {name}’s request is open again."
MY_OUTDATED = "This list is an earlier one; the newest is further down."

# --- Below the file itself, once it is over ------------------------------------------------------

DEAD = "✖ No longer works."
DYING = "✖ Switched off, but not confirmed everywhere yet."
DEAD_WHY: dict[EndReason, str] = {
    EndReason.ENDED: "Your time on <b>{server}</b> was up, {at}.",
    EndReason.REVOKED: "{Admin} ended your access to <b>{server}</b>, {at}.",
    EndReason.BY_OWNER: "You gave up this profile for <b>{server}</b>, {at}.",
    EndReason.REMOVED: "{Admin} took you off the list, {at}.",
    EndReason.REPLACED: "You asked for a new profile for <b>{server}</b>, {at}; use that one.",
    EndReason.LOST: "I couldn’t see whether you got it. /myvpn shows what you have instead.",
    EndReason.UNDELIVERABLE: "I couldn’t reach you when I sent it, {at}.",
    EndReason.NOT_TAKEN: "I couldn’t see whether you got it, {at}.",
    EndReason.STOLEN: "You said that somebody else used it, {at}.",
    EndReason.EARLIER: "It was over, {at}.",
}
DEAD_DELETE = "Please delete this file."


def who(key: str | None, name: str | None, *, first: bool = False) -> str:
    """Whoever acted, by the key and the name that the trail has: a name in other sentences.

    Empty for what the bot did by itself, and of what nobody noted.

    Args:
        first: at the beginning of a sentence.
    """
    if key is not None and key.startswith("system:"):
        return MACHINE_FIRST if first else MACHINE
    return "" if key == THE_BOT.key else name or ""


def standing_group(key: str | None, name: str | None) -> str:
    """The group whose standing approval decided; empty where somebody did."""
    return name or "" if is_standing(key) else ""
