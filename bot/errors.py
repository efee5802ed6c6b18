"""What can stop a command. Each message is one line that says what is wrong and how to mend it.

VpnbotError
├── BadSettings      a setting is missing or cannot be used
├── BadDataFolder    the data folder cannot be used
├── FolderBusy       another bot runs on the data folder
├── TokenRefused     Telegram does not know the token
├── SecondPoller     another program polls with the same token
├── BadBackup        a file is no backup that could be restored
├── BadTemplate      one of the operator's templates or extra files cannot be used
└── NotDone          a command could not do what it was asked for
"""


class VpnbotError(Exception):
    """The message goes to whoever typed the command, never into a chat."""


class BadSettings(VpnbotError):
    """Names the setting, never shows its value."""


class BadDataFolder(VpnbotError):
    """Missing, foreign, or open to others."""


class FolderBusy(VpnbotError):
    """A second `vpnbot run` on the same data folder."""


class TokenRefused(VpnbotError):
    """Telegram answered 401 or 404 to the token."""


class SecondPoller(VpnbotError):
    """Telegram answered 409: somebody else asks for the same updates."""


class BadBackup(VpnbotError):
    """Damaged, foreign, of a newer version, or of another passphrase. Nothing was touched."""


class BadTemplate(VpnbotError):
    """Names the file, and the line where there is one. No profile is made from it."""


class NotDone(VpnbotError):
    """Nothing was done."""
