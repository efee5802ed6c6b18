"""What stands below a profile when it arrives; once it is over, see `bot.texts.life`."""

from bot.access.messages import DeliverNote
from bot.texts import machine

CAPTIONS: dict[DeliverNote, str] = {
    DeliverNote.FIRST: "Your request was approved. This is your profile for <b>{server}</b>.",
    DeliverNote.RENEWED: (
        "This is your new profile for <b>{server}</b>. The earlier one, <code>{file}</code>, no "
        "longer works: please delete it."
    ),
    DeliverNote.REPLACES_LOST: (
        "This is your profile for <b>{server}</b>. If you got one before this, "
        "<code>{file}</code>, delete it; it no longer works."
    ),
    DeliverNote.KEY_LOST: (
        "This is a new profile for <b>{server}</b>, with another passphrase. The earlier one, "
        "<code>{file}</code>, no longer works: please delete it."
    ),
} | {DeliverNote.MOVED: machine.MOVED}
# Where nobody has seen yet that the earlier one is dead.
CAPTIONS_UNPROVED: dict[DeliverNote, str] = CAPTIONS | {
    DeliverNote.RENEWED: (
        "This is your new profile for <b>{server}</b>. The earlier one, <code>{file}</code>, is "
        "being switched off: please delete it."
    ),
    DeliverNote.REPLACES_LOST: (
        "This is your profile for <b>{server}</b>. If you got one before this, "
        "<code>{file}</code>, delete it; it is being switched off."
    ),
    DeliverNote.KEY_LOST: (
        "This is a new profile for <b>{server}</b>, with another passphrase. The earlier one, "
        "<code>{file}</code>, is being switched off: please delete it."
    ),
}
CAPTION_USE = (
    "Open it with OpenVPN Connect on a phone, Windows or a Mac, or with OpenVPN 2.5 or newer. "
    "It works until {until}. It is for you alone: whoever has this file has your access."
)
CAPTION_USE_ARCHIVE = (
    "Unpack it, and open the .ovpn file in it with OpenVPN Connect, or with OpenVPN 2.5 or newer. "
    "It works until {until}. It is for you alone: whoever has this archive has your access."
)
CAPTION_HOW_TO = "Tap your device to read how."
CAPTION_LATER = "/myvpn shows it, sends a new one, or gives it up."
