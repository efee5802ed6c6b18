"""What admins read of somebody who was found on a server without having access there."""

from bot.access.messages import Notice
from bot.texts.fill import Plural, Template

NOTICES: dict[Notice, Template] = {
    Notice.STRANGERS_CUT_OFF: Plural(
        "⚠️ <b>{names}</b> was connected to <b>{server}</b> without having access there. I cut the "
        "session and looked again: it’s gone. Did somebody sign a certificate by hand, or put an "
        "old copy of the folder back?",
        "⚠️ {count} names were connected to <b>{server}</b> without having access there: {names}. "
        "I cut their sessions and looked again: they’re gone. Did somebody sign certificates by "
        "hand, or put an old copy of the folder back?",
    ),
    Notice.STRANGERS_FILES: Plural(
        "⚠️ On <b>{server}</b> I found an address file of a name that has no access there: {names}. "
        "I set it aside; nobody of that name is connected. Did somebody put an old copy of the "
        "folder back, or write there?",
        "⚠️ On <b>{server}</b> I found address files of {count} names that have no access there: "
        "{names}. I set them aside; nobody of those names is connected. Did somebody put an old "
        "copy of the folder back, or write there?",
    ),
    Notice.STRANGERS_LEFT: Plural(
        "⚠️ <b>{names}</b> has no access to <b>{server}</b>, and I can’t get that name out of "
        "there. I try every minute. If it’s urgent, stop OpenVPN on that machine; "
        "<code>vpnbot doctor</code> says what’s wrong.",
        "⚠️ {count} names have no access to <b>{server}</b>, and I can’t get them out of there: "
        "{names}. I try every minute. If it’s urgent, stop OpenVPN on that machine; "
        "<code>vpnbot doctor</code> says what’s wrong.",
    ),
    Notice.STRANGERS_UNKNOWN: Plural(
        "On <b>{server}</b> somebody is connected who I don’t know: <b>{names}</b>. A router, or "
        "a client of another CA? Then leave it. If not, cut it.",
        "On <b>{server}</b> {count} names are connected that I don’t know: {names}. Routers, or "
        "clients of another CA? Then leave them. If not, cut them.",
    ),
    Notice.USED_TWICE: Plural(
        "⚠️ On <b>{server}</b> one profile was used from two places at once: {names}. Somebody "
        "else may have a copy, it’s on two devices, or its device keeps changing networks. Its "
        "owner, where I know one, is asked too; /revoke ends their access.",
        "⚠️ On <b>{server}</b> {count} profiles were used from two places at once: {names}. "
        "Somebody else may have copies, they’re on two devices, or a device keeps changing "
        "networks. The owners that I know are asked too; /revoke ends somebody’s access.",
    ),
    Notice.OVER_CUT_OFF: Plural(
        "⚠️ <b>{names}</b>’s access is over, and yet they were on <b>{server}</b>: connected, "
        "or with an address file. I ended that and looked again: they’re out.",
        "⚠️ {count} people whose access is over were on <b>{server}</b> all the same, connected or "
        "with an address file: {names}. I ended that and looked again: they’re out.",
    ),
    Notice.OVER_LEFT: Plural(
        "⚠️ <b>{names}</b>’s access is over, and yet they may still be on <b>{server}</b>: I "
        "can’t confirm that they’re out. I keep trying. If it’s urgent, stop OpenVPN on that "
        "machine; /grants shows who isn’t confirmed out.",
        "⚠️ {count} people whose access is over may still be on <b>{server}</b>: {names}. I can’t "
        "confirm that they’re out. I keep trying. If it’s urgent, stop OpenVPN on that machine; "
        "/grants shows who isn’t confirmed out.",
    ),
    Notice.NOBODY_OVER_SEEN: (
        "I looked at <b>{server}</b> again: nobody whose access is over was connected."
    ),
    Notice.NOBODY_CAN_SEE: (
        "⚠️ <b>{server}</b> doesn’t tell me who is connected, so people whose access is over may "
        "still be on it. I try every minute; /grants shows who isn’t confirmed out. If it’s "
        "urgent, stop OpenVPN on that machine."
    ),
}

BUTTON_CUT = "Cut {name}"
BUTTON_ALWAYS = "Always cut unknown names there"
BUTTON_ALWAYS_YES = "Always cut them"
BUTTON_ASK = "Stop cutting unknown names"

CUTTING_TOAST = "I’m cutting it, and then I look again."
CUT = (
    "✅ Cut. Nobody is connected to <b>{server}</b> as <b>{name}</b> any more. They can come back: "
    "I don’t know that certificate, so I can’t revoke it."
)
CUT_NOT_THERE = "<b>{name}</b> isn’t connected to <b>{server}</b> any more."
CUT_LEFT = (
    "⚠️ <b>{name}</b> is still connected to <b>{server}</b>, or comes back at once. If it’s urgent, "
    "stop OpenVPN on that machine."
)
CUT_SILENT = (
    "⚠️ I can’t ask <b>{server}</b> who is connected, so nothing was cut. /servers shows what it "
    "answers."
)
CUT_KNOWN = (
    "<b>{name}</b> may be on <b>{server}</b> by now, so I left that session alone. /revoke ends "
    "somebody’s access."
)
CONFIRM_ALWAYS = (
    "From now on I’d cut everybody on <b>{server}</b> who I don’t know, every minute: routers and "
    "clients of another CA, too. Do you want that?"
)
ALWAYS = "From now on I cut everybody on <b>{server}</b> who I don’t know, every minute."
ASK = "From now on I leave whoever I don’t know on <b>{server}</b> alone, and show them to you."
