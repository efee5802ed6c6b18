"""What is asked before something is done, and of words that waited."""

from bot.texts.fill import Plural

CONFIRM_REVOKE_PERSON = Plural(
    "End <b>{name}</b>’s access on every server now?",
    "End <b>{name}</b>’s access on every server now, with all {count} profiles?",
)
CONFIRM_REVOKE_GRANT = "End <b>{name}</b>’s profile <code>{common_name}</code> on every server now?"
# Several of them may have one name.
CONFIRM_REVOKE_IMPORTED = (
    "End the profile <code>{common_name}</code> on every server now?\n"
    "<b>{name}</b>, serial <code>{serial}</code>, until {until}"
)
CONFIRM_REMOVE = (
    "Take <b>{name}</b> off the allowlist and end all their access on every server now?"
)
CONFIRM_ALLOW = (
    "Put <b>{name}</b> ({username}, id <code>{id}</code>) on the allowlist? Anybody can call "
    "themselves like this: make sure that it’s them."
)
CONFIRM_ALLOW_NO_USERNAME = (
    "Put <b>{name}</b> (no username, id <code>{id}</code>) on the allowlist? Anybody can call "
    "themselves like this: make sure that it’s them."
)
CONFIRM_ALLOW_SELF = (
    "Put yourself on the allowlist, as <b>{name}</b>? Your requests still need another admin’s yes."
)
QUESTION_CHANGED = "Things have changed since I asked, so nothing was done. As it is now:"
QUESTION_CHANGED_TOAST = "Things have changed since I asked. Please look again."
# What waited with Telegram while the bot was down.
LATE = (
    "You wrote this {age} ago, and it reached me only now:\n<code>{command}</code>\n"
    "Do you still want it?"
)
LATE_GOING_ON = "You still want this:\n<code>{command}</code>"
LATE_GONE = "This was answered already, or is too old by now. Please write it anew."
BUTTON_LATE_YES = "Do it now"
BUTTON_LATE_NO = "Forget it"
# What was typed, and could be one of several.
HOW_LONG = "How long do you need it? I’m not sure what “{typed}” means."
HOW_LONG_REASON = (
    "Next time write it first, such as <code>/requestvpn 2d</code> or <code>/requestvpn 8h</code>."
)
BUTTON_AS_USUAL = "{duration}, as usual"
DID_YOU_MEAN = "I don’t know /{typed}. Did you mean /{command}?"
DID_YOU_MEAN_WORD = "Did you mean /{command}? Commands begin with a slash."
# Of what changes something for others, which nobody does by a tap on a guess.
DID_YOU_MEAN_COPY = (
    "Nothing was done. Did you mean <code>{whole}</code>? Tap it to copy it, and send it."
)
