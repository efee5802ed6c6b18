"""How a profile gets into somebody's device: a text for each system, HTML as Telegram reads it.

The fields: `file` is the profile's name, `connection` the same without its ending, `server` the
name of the server. An operator's own text takes the place of one of these, or stands beside them,
see docs/templates.md.
"""

import html
import re
from typing import NamedTuple

from bot.texts.fill import Html, fill

# Of the marks of `bot.texts.fill`, these are all that the texts below have.
_MARKS = re.compile(r"</?(?:b|code)>")


class Instructions(NamedTuple):
    """A text, and the word on the button that asks for it."""

    label: str
    text: str


WINDOWS = Instructions(
    "Windows",
    "<b>{server} on Windows</b>\n\n"
    "1. Install OpenVPN Connect from https://openvpn.net/client/ and start it.\n"
    "2. Save <code>{file}</code> from this chat to your computer: right-click it, Save As.\n"
    "3. Drag the file into the window of OpenVPN Connect, and press Connect.\n\n"
    "You prefer OpenVPN GUI (https://openvpn.net/community/)? Right-click its icon beside the "
    "clock, choose Import, then Import file, pick <code>{file}</code>, and then choose "
    "Connect.\n\n"
    "Once it works, delete the saved file: the program keeps its own copy.",
)
MACOS = Instructions(
    "macOS",
    "<b>{server} on a Mac</b>\n\n"
    "1. Install OpenVPN Connect from https://openvpn.net/client/ and start it.\n"
    "2. Save <code>{file}</code> from this chat to your Mac: right-click it, Save As.\n"
    "3. Drag the file into the window of OpenVPN Connect, and press Connect.\n\n"
    "You prefer Tunnelblick (https://tunnelblick.net/)? Drag the file onto its icon in the menu "
    "bar, click the icon, and choose Connect.\n\n"
    "If macOS asks whether the program may add a VPN configuration, allow it. Once it works, "
    "delete the saved file: the program keeps its own copy.",
)
LINUX = Instructions(
    "Debian, Ubuntu",
    "<b>{server} on Debian and Ubuntu</b>\n\n"
    "Save <code>{file}</code> from this chat, open a terminal in the folder where it is, and go "
    "one of these two ways.\n\n"
    "<b>With NetworkManager</b>, on a desktop:\n"
    "<code>sudo apt install network-manager-openvpn-gnome</code>\n"
    "<code>nmcli connection import type openvpn file {file}</code>\n"
    "<code>nmcli connection up {connection}</code>\n"
    "From then on it is in the menu of your network, too.\n\n"
    "<b>With openvpn</b>, without a desktop:\n"
    "<code>sudo apt install openvpn</code>\n"
    "<code>sudo openvpn --config {file}</code>\n"
    "It is up when it says Initialization Sequence Completed; Ctrl-C ends it.\n\n"
    "Once it works, delete the saved file if you imported it.",
)
IOS = Instructions(
    "iPhone, iPad",
    "<b>{server} on an iPhone or iPad</b>\n\n"
    "1. Install OpenVPN Connect from the App Store.\n"
    "2. In this chat, tap <code>{file}</code>, then the Share button, and choose OpenVPN.\n"
    "3. In OpenVPN Connect, tap Add, then Connect. iOS asks whether it may add a VPN "
    "configuration: allow it.\n\n"
    "The switch in the app turns the VPN on and off. You need not keep the file anywhere else.",
)
ANDROID = Instructions(
    "Android",
    "<b>{server} on Android</b>\n\n"
    "1. Install OpenVPN Connect from Google Play.\n"
    "2. In this chat, tap ⋮ at <code>{file}</code> and choose Save to downloads.\n"
    "3. In OpenVPN Connect, choose Upload File, then Browse, pick <code>{file}</code>, and tap "
    "OK, then Connect. Android asks whether the app may set up a VPN: allow it.\n\n"
    "Once it works, delete the file from your downloads: the app keeps its own copy.",
)
# By their names in buttons, in files, and in an operator's folder.
BUILT_IN: dict[str, Instructions] = {
    "windows": WINDOWS,
    "macos": MACOS,
    "ios": IOS,
    "android": ANDROID,
    "linux": LINUX,
}


def shown(instructions: Instructions, *, file: str, server: str) -> Html:
    """For the chat."""
    return fill(instructions.text, file=file, connection=_connection(file), server=server)


def written(instructions: Instructions, *, file: str, server: str) -> str:
    """For a text file."""
    return html.unescape(_MARKS.sub("", shown(instructions, file=file, server=server))) + "\n"


def label_of(topic: str) -> str:
    """The word on the button: of ours as above, of an operator's own by its name."""
    known = BUILT_IN.get(topic)
    return topic.replace("-", " ").capitalize() if known is None else known.label


def _connection(file: str) -> str:
    """What NetworkManager calls an imported profile: its file's name without the ending."""
    return file.removesuffix(".ovpn")
