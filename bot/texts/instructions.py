"""How a profile gets into somebody's device: a text for each system, HTML as Telegram reads it.

The fields: `file` is the profile's name, `connection` the same without its ending, `server` the
name of the server, `fetch` a sentence of its own that says where the profile is. An operator's own
text takes the place of one of these, or stands beside them, see docs/templates.md.
"""

import html
import re
from typing import NamedTuple

from bot.texts.fill import Html, fill

# Of the marks of `bot.texts.fill`, these are all that the texts below have.
_MARKS = re.compile(r"</?(?:b|code|blockquote(?: expandable)?)>")


class Instructions(NamedTuple):
    """A text, the word on the button that asks for it, and how to get the bare profile."""

    label: str
    text: str
    fetch: str


# In place of `fetch`: what the chat has is an archive, or this text is itself in one.
FROM_ARCHIVE = (
    "Save <code>{archive}</code> from this chat and unpack it: <code>{file}</code> is in it."
)
IN_ARCHIVE = "Find <code>{file}</code>: it is in the same archive as this text."

WINDOWS = Instructions(
    "Windows",
    "<b>{server} on Windows</b>\n\n"
    "1. Install OpenVPN Connect from https://openvpn.net/client/ and start it.\n"
    "2. {fetch}\n"
    "3. Drag the file into the window of OpenVPN Connect, and press Connect.\n\n"
    "<blockquote expandable>You prefer OpenVPN GUI (https://openvpn.net/community/)? Right-click "
    "its icon beside the clock, choose Import, then Import file, pick <code>{file}</code>, and "
    "then choose Connect.</blockquote>\n\n"
    "Once it works, delete the saved file: the program keeps its own copy.",
    "Save <code>{file}</code> from this chat to your computer: right-click it, Save As.",
)
MACOS = Instructions(
    "macOS",
    "<b>{server} on a Mac</b>\n\n"
    "1. Install OpenVPN Connect from https://openvpn.net/client/ and start it.\n"
    "2. {fetch}\n"
    "3. Drag the file into the window of OpenVPN Connect, and press Connect. If macOS asks about a "
    "VPN configuration, allow it.\n\n"
    "<blockquote expandable>You prefer Tunnelblick (https://tunnelblick.net/)? Drag the file onto "
    "its icon in the menu bar, click the icon, and choose Connect.</blockquote>\n\n"
    "Once it works, delete the saved file: the program keeps a copy.",
    "Save <code>{file}</code> from this chat to your Mac: right-click it, Save As.",
)
LINUX = Instructions(
    "Debian, Ubuntu",
    "<b>{server} on Debian and Ubuntu</b>\n\n"
    "{fetch} Open a terminal in its folder.\n\n"
    "<b>With NetworkManager</b>, on a desktop:\n"
    "<code>sudo apt install network-manager-openvpn-gnome</code>\n"
    "<code>nmcli connection import type openvpn file {file}</code>\n"
    "<code>nmcli connection up {connection}</code>\n"
    "Then it’s in your network’s menu, too.\n\n"
    "<blockquote expandable><b>With openvpn</b>, without a desktop:\n"
    "<code>sudo apt install openvpn</code>\n"
    "<code>sudo openvpn --config {file}</code>\n"
    "It is up when it says Initialization Sequence Completed; Ctrl-C ends it.</blockquote>\n\n"
    "Once it works, delete the file if you imported it.",
    "Save <code>{file}</code> from this chat.",
)
IOS = Instructions(
    "iPhone, iPad",
    "<b>{server} on an iPhone or iPad</b>\n\n"
    "1. Install OpenVPN Connect from the App Store.\n"
    "2. {fetch}\n"
    "3. Tap Share at <code>{file}</code>, and choose OpenVPN.\n"
    "4. Tap Add, then Connect, and allow the VPN configuration.\n\n"
    "The app’s switch turns the VPN on and off. You need not keep the file.",
    "In this chat, tap <code>{file}</code> to open it.",
)
ANDROID = Instructions(
    "Android",
    "<b>{server} on Android</b>\n\n"
    "1. Install OpenVPN Connect from Google Play.\n"
    "2. {fetch}\n"
    "3. In OpenVPN Connect, choose Upload File, then Browse, pick <code>{file}</code>, and tap "
    "OK, then Connect. If Android asks about a VPN, allow it.\n\n"
    "Once it works, delete the file from your downloads.",
    "In this chat, tap ⋮ at <code>{file}</code> and choose Save to downloads.",
)
# By their names in buttons, in files, and in an operator's folder.
BUILT_IN: dict[str, Instructions] = {
    "windows": WINDOWS,
    "macos": MACOS,
    "ios": IOS,
    "android": ANDROID,
    "linux": LINUX,
}


def shown(
    instructions: Instructions, *, file: str, server: str, archive: str | None = None
) -> Html:
    """For the chat; `archive` is what the profile came in, None where it came bare."""
    fetch = instructions.fetch if archive is None else FROM_ARCHIVE
    return _filled(instructions, fetch, file=file, server=server, archive=archive or "")


def written(instructions: Instructions, *, file: str, server: str) -> str:
    """For a text file beside the profile, in an archive."""
    text = _filled(instructions, IN_ARCHIVE, file=file, server=server)
    return html.unescape(_MARKS.sub("", text)) + "\n"


def _filled(instructions: Instructions, fetch: str, **values: str) -> Html:
    connection = _connection(values["file"])
    return fill(instructions.text, fetch=fill(fetch, **values), connection=connection, **values)


def label_of(topic: str) -> str:
    """The word on the button: of ours as above, of an operator's own by its name."""
    known = BUILT_IN.get(topic)
    return topic.replace("-", " ").capitalize() if known is None else known.label


def _connection(file: str) -> str:
    """What NetworkManager calls an imported profile: its file's name without the ending."""
    return file.removesuffix(".ovpn")
