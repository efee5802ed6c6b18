"""How a private key reaches its owner, and its passphrase."""

from storage.key_records import KeyWay

# --- Below the file ------------------------------------------------------------------------------

CAPTION_LOCKED = "🔑 It asks for a passphrase. I show that once: have a pen ready, then tap below."
BUTTON_SHOW = "🔑 Show the passphrase"

# --- In the pop-up, which has 200 characters and no markup ----------------------------------------

SHOWN = (
    "{passphrase}\n\nWrite it down now, with the hyphens: I don't keep it. "
    "Your VPN app asks for it."
)
SHOWN_JUST_NOW = "I showed it a moment ago. If you don't have it, take a new profile with /myvpn."
LOST = (
    "I was restarted before you looked, and the passphrase is gone with that. A new profile is on "
    "its way; delete this one."
)
SHOWN_BEFORE = (
    "I showed the passphrase once, {at}, and don't keep it. If you don't have it, take a new "
    "profile with /myvpn."
)

# --- The choice ----------------------------------------------------------------------------------

BUTTON_CHOOSE = "🔑 How profiles come: {way}"
WAYS: dict[KeyWay, str] = {
    KeyWay.PLAIN: "ready to use",
    KeyWay.LOCKED: "with a passphrase",
}
CHOOSE = "How do you want your profiles from now on? Those that you have stay as they are."
EXPLAINED: dict[KeyWay, str] = {
    KeyWay.PLAIN: (
        "<b>Ready to use</b>: open the file, and connect. Whoever gets the file has your access."
    ),
    KeyWay.LOCKED: (
        "<b>With a passphrase</b>: I show it once, and your VPN app asks for it. The file alone "
        "lets nobody in."
    ),
}
CHOSEN: dict[KeyWay, str] = {
    KeyWay.PLAIN: "Done. Your next profiles come ready to use.",
    KeyWay.LOCKED: "Done. Your next profiles come with a passphrase.",
}
