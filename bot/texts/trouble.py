"""Somebody's profile doesn't work: three questions, what the bot knows of it, and what to try."""

from storage.records import CanaryTrouble
from vpn.proof.management import Knocked

BUTTON = "It doesn’t work"

# --- The questions: a letter for each answer, which a button carries -----------------------------

ASK_WHAT = "I’m sorry. Three questions first.\n<b>What happens?</b>"
ASK_DEVICE = "<b>On which device?</b>"
ASK_PLACE = "<b>Where are you with it?</b>"
WHAT = {
    "f": "The file won’t open",
    "c": "It never connects",
    "n": "Connected, but nothing opens",
    "p": "It asks for a password",
}
DEVICE = {
    "w": "Windows",
    "m": "Mac",
    "i": "iPhone, iPad",
    "a": "Android",
    "l": "Linux",
}
PLACE = {
    "h": "At home",
    "m": "On mobile data",
    "g": "Hotel, café or office",
    "e": "It’s the same everywhere",
}

# --- What is known, for both sides ---------------------------------------------------------------

SEEN = "Last seen connected to <b>{server}</b>, {at}."
SEEN_NEVER = "No server has seen this profile connected, as far as I looked."
WAITING = "⚠️ <b>{server}</b> doesn’t know this profile yet; I try every minute."
CLOSED = "⚠️ The revocation list of <b>{server}</b> has run out, so it lets nobody in."
TRIED_WELL = "I got in to <b>{server}</b> myself, {at}: it works from here."
TRIED_TROUBLES = {
    CanaryTrouble.UNREACHABLE: "⚠️ I tried <b>{server}</b> myself, {at}: it doesn’t answer.",
    CanaryTrouble.GOOD_REFUSED: "⚠️ I tried <b>{server}</b> myself, {at}: it refused me as well.",
}
LOCKED = "⚠️ Nobody has looked at its passphrase yet; the button is below the file."
UNTIL = "The profile works until {until}."

# --- What the servers saw, for both sides ---------------------------------------------------------

HEARD: dict[Knocked, str] = {
    Knocked.LET: "<b>{server}</b> was reached with this profile, {at}, and took its certificate.",
    Knocked.REFUSED: (
        "⚠️ <b>{server}</b> was reached with this profile, {at}, and refused it: {why}."
    ),
    Knocked.SHUT: (
        "⚠️ <b>{server}</b> was reached with this profile, {at}, and had no place for it yet."
    ),
    Knocked.BROKE_OFF: (
        "⚠️ <b>{server}</b> was reached, {at}, and the device broke off the handshake: mostly its "
        "clock is wrong."
    ),
}

# --- What to try, by what happens ----------------------------------------------------------------

ADVICE = {
    "f": (
        "Save the file on the device, then open it from the VPN app: Import, and choose the file. "
        "It ends in .ovpn."
    ),
    "c": (
        "Check that date and time of the device are right: a wrong clock is refused without a "
        "word. Then try another network, such as mobile data."
    ),
    "n": "Disconnect, connect again, and try one address that you know inside the company.",
    "p": (
        "I never set a password. If it asks for one, the profile was imported as a link: import "
        "the file."
    ),
}
ADVICE_LOCKED = (
    "It’s the passphrase that I showed you once. If it’s gone, take a new profile: /myvpn"
)
TOLD = "I’m telling the admins, with what I know."
TOLD_NOBODY = "I can’t reach any admin right now, so please tell one of them yourself."
TOLD_LATELY = "You said so a moment ago, and it goes to the admins. Talk to them if it can’t wait."

# --- The admins' note ----------------------------------------------------------------------------

NOTE = "🆘 <b>{name}</b> can’t get in with <code>{common_name}</code>: {what}. {device}. {place}."
NOTE_FROM = "Then from <code>{address}</code>."
