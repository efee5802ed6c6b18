"""How a private key reaches its owner, and its passphrase."""

from pki.own_key import Unfit
from storage.key_records import KeyWay

# --- Below the file ------------------------------------------------------------------------------

CAPTION_LOCKED = "🔑 It asks for a passphrase. I show that once: have a pen ready, then tap below."
BUTTON_SHOW = "🔑 Show the passphrase"

# --- In the pop-up, which has 200 characters and no markup ----------------------------------------

SHOWN = (
    "{passphrase}\n\nWrite it down now, with the hyphens: I don’t keep it. "
    "Your VPN app asks for it."
)
SHOWN_JUST_NOW = "I showed it a moment ago. If you don’t have it, take a new profile with /myvpn."
LOST = (
    "I was restarted before you looked, and the passphrase is gone with that. A new profile is on "
    "its way; delete this one."
)
SHOWN_BEFORE = (
    "I showed the passphrase once, {at}, and don’t keep it. If you don’t have it, take a new "
    "profile with /myvpn."
)

# --- The choice ----------------------------------------------------------------------------------

BUTTONS_CHOOSE: dict[KeyWay, str] = {
    KeyWay.PLAIN: "🔑 How profiles come: ready to use",
    KeyWay.LOCKED: "🔑 How profiles come: with a passphrase",
    KeyWay.OWN: "🔑 How profiles come: for my own key",
}
BUTTONS_WAY: dict[KeyWay, str] = {
    KeyWay.PLAIN: "Ready to use",
    KeyWay.LOCKED: "With a passphrase",
    KeyWay.OWN: "For my own key",
}
CHOOSE = "How do you want your profiles from now on? Those you have stay as they are."
EXPLAINED: dict[KeyWay, str] = {
    KeyWay.PLAIN: (
        "<b>Ready to use</b>: open the file, and connect. Whoever gets it has your access."
    ),
    KeyWay.LOCKED: (
        "<b>With a passphrase</b>: I show it once, and your VPN app asks for it. The file alone "
        "lets nobody in."
    ),
    KeyWay.OWN: (
        "<b>For my own key</b>: you make it and keep it.\n"
        "<blockquote expandable>On a computer, type\n"
        "<code>openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
        "vpn.key -subj /CN=vpn -out vpn.csr</code>\n"
        "and send me vpn.csr as a file. Never send vpn.key to anybody.</blockquote>"
    ),
}
CHOSEN: dict[KeyWay, str] = {
    KeyWay.PLAIN: "Done. Your next profiles come ready to use.",
    KeyWay.LOCKED: "Done. Your next profiles come with a passphrase.",
    KeyWay.OWN: "Done. Your next profiles are for the key that you keep.",
}

# --- A key of one's own --------------------------------------------------------------------------

NO_OWN_KEY = "Send me vpn.csr as a file first; the message above says how it’s made."
CAPTION_OWN = (
    "🔑 It has no key: join it with yours by this line, where both files are:\n"
    "<code>(echo '&lt;key&gt;'; cat vpn.key; echo '&lt;/key&gt;') &gt;&gt; {file}</code>"
)
PASTED = "Send it as a file, please: save it as vpn.csr, then the paper clip, then File."
PICTURE = "That’s a picture. Send vpn.csr as a file: the paper clip, then File."
FETCH_FAILED = "I couldn’t get that file from Telegram. Please send it again."
UNFIT: dict[Unfit, str] = {
    Unfit.TOO_LARGE: "That file is too large to be a key’s request. Send vpn.csr.",
    Unfit.PRIVATE_KEY: (
        "⚠️ That’s a private key, and now Telegram has it, too: don’t use it any more. I’m taking "
        "your message out of this chat. If a profile is for that key, revoke it: /myvpn. Then make "
        "a new key, and send me only vpn.csr."
    ),
    Unfit.SEVERAL: "There’s more than one thing in that file. Send vpn.csr alone.",
    Unfit.NO_REQUEST: "That’s no request for a certificate. Send vpn.csr, as openssl wrote it.",
    Unfit.KIND: "That kind of key can’t be used. Make one with P-256, or RSA with 2048 bits.",
    Unfit.SHORT: "That key is too short. Make one with P-256, or RSA with 2048 bits or more.",
    Unfit.LONG: "That key is too long. Make one with P-256, or RSA with 4096 bits at most.",
    Unfit.SIGNATURE: "That request isn’t signed by its own key. Make it again, and send it.",
    Unfit.NAMES: (
        "That request asks for a name, or for more than a key. The name is mine to give: make it "
        "with -subj /CN=vpn and nothing else."
    ),
}
