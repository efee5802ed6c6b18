"""Was this you? What the owner of a profile reads of a use of it, and the admins of a no."""

from bot.access.messages import Notice
from bot.texts.fill import Template

FIRST = "Your profile for <b>{server}</b> was just used for the first time, {at}."
FIRST_IMPORTED = (
    "I saw your profile <code>{common_name}</code> in use on <b>{server}</b> for the first time, "
    "{at}."
)
FROM = "From <code>{address}</code>."
FROM_FAMILIAR = "From <code>{address}</code>, a network that you have used before."
FROM_NEW = "From <code>{address}</code>, a network that’s new for you."
# By what OpenVPN's IV_PLAT may be; of anything else nothing is said.
PLATFORMS = {
    "android": "The device says that it runs Android.",
    "freebsd": "The device says that it runs FreeBSD.",
    "ios": "The device says that it’s an iPhone or iPad.",
    "linux": "The device says that it runs Linux.",
    "mac": "The device says that it’s a Mac.",
    "openbsd": "The device says that it runs OpenBSD.",
    "win": "The device says that it runs Windows.",
}
TWICE = (
    "⚠️ Your profile for <b>{server}</b> was in use from two places at once, {at}: "
    "<code>{one}</code> and <code>{other}</code>. Two devices of yours? Then get each its own with "
    "/requestvpn."
)
TWICE_IMPORTED = (
    "⚠️ Your profile <code>{common_name}</code> was in use on <b>{server}</b> from two places at "
    "once, {at}: <code>{one}</code> and <code>{other}</code>. Two devices of yours? Then ask for "
    "one more with /requestvpn."
)
QUESTION = "<b>Was this you?</b>"
BUTTON_YES = "Yes, that was me"
BUTTON_NO = "Not me"

# --- Once it is answered, or there is nothing left to end ----------------------------------------

YES = "✅ You said that this was you. If you ever doubt it, /myvpn ends the profile."
NO = (
    "🚨 You said that this wasn’t you, so the profile is being switched off. I’m telling "
    "the admins. If you still need access, ask for a new one."
)
NO_OVER = (
    "🚨 You said that this wasn’t you. The profile had ended already, {at}, so nobody gets in by "
    "it. I’m telling the admins."
)
NO_ENDING = (
    "🚨 You said that this wasn’t you. The profile was being switched off already; that isn’t "
    "confirmed everywhere yet. I’m telling the admins."
)
OVER = (
    "The profile has ended since, {at}, so nobody gets in by it. If this wasn’t you, tell your "
    "admin all the same."
)
ENDING = "The profile is being switched off. If this wasn’t you, tell your admin all the same."
YES_TOAST = "Thanks, noted."
NO_TOAST = "I’m switching it off, and telling the admins."
NO_OVER_TOAST = "It had ended already. I’m telling the admins."
OVER_TOAST = "That profile has ended since."
SAID_ALREADY_TOAST = "You’ve answered that already."

# --- The admins ----------------------------------------------------------------------------------

NOTICES: dict[Notice, Template] = {
    Notice.NOT_ME: (
        "🚨 <b>{name}</b> says: not me. Somebody used their profile <code>{common_name}</code> on "
        "<b>{server}</b> from {places}, {used_at}. I’m switching it off. Talk to them: who else "
        "can get at their device, or at their Telegram?"
    ),
    Notice.NOT_ME_OVER: (
        "🚨 <b>{name}</b> says that somebody else used their profile <code>{common_name}</code> on "
        "<b>{server}</b> from {places}, {used_at}. That profile had ended already. Talk to them: "
        "who else can get at their device, or at their Telegram?"
    ),
}
