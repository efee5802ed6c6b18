"""Who is connected: /online, and what became of a session that an admin cut."""

from bot.texts.fill import Plural

NOBODY = "Nobody is connected right now."
NOBODY_SEEN = "Nobody is connected to the servers that answer."
COUNT = Plural("{count} session right now:", "{count} sessions right now:")
TOO_LONG = Plural(
    "… and {count} more, which doesn’t fit here; the buttons below are for that one, too.",
    "… and {count} more, which don’t fit here; the buttons below are for those, too.",
)
SILENT = (
    "⚠️ I can’t ask {servers} who is on, so somebody may be there. /servers shows what each answers."
)

TITLE = "{number}. <b>{name}</b> on <b>{server}</b>, since {since}"
TITLE_UNKNOWN = "{number}. <code>{common_name}</code> on <b>{server}</b>, since {since}"
ADDRESSES = "from {real}, as {inner}"
ADDRESSES_OUTSIDE = "from {real}"
DATA = "{sent} sent, {received} received, <code>{common_name}</code>"
DATA_UNKNOWN = "{sent} sent, {received} received"
ENDING = "⚠️ their access is being ended"
NO_ACCESS = "⚠️ has no access there: I end that within a minute"
UNKNOWN = "⚠️ I don’t know this name. A router, or a client of another CA?"
UNKNOWN_CUT = "⚠️ I don’t know this name: I end that within a minute"
SHARED = "Several profiles have this name, so I can’t tell which one it is"
NAMELESS = "⚠️ this server shows names that I can’t tell people by"

BUTTON_CUT = "Cut {number}: {name}"
BUTTON_REVOKE = "Revoke {number}: {name}"

CUT = (
    "✅ Cut. That session of {name} on <b>{server}</b> is gone. Their device may connect again by "
    "itself, often within a minute or two, as long as their access lasts; /revoke ends it."
)
CUT_OVER = "✅ Cut. That session of {name} on <b>{server}</b> is gone."
CUT_NOT_THERE = (
    "That session of {name} on <b>{server}</b> was over already. /online shows who is on."
)
CUT_LEFT = (
    "⚠️ {name} is still connected to <b>{server}</b>. Try again; if it’s urgent, /revoke ends "
    "their access, with proof."
)
CUT_SILENT = (
    "⚠️ I can’t ask <b>{server}</b>, so I don’t know whether {name} is still on. /servers shows "
    "what it answers."
)
CUT_NO_SERVER = "<b>{server}</b> isn’t one of my servers any more, so nothing was cut."

_STEP = 1000
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "EB")
# Below it there is a digit behind the point.
_SMALL = 10


def amount(count: int) -> str:
    """Bytes for reading, in steps of a thousand."""
    value, power = float(count), 0
    while round(value) >= _STEP and power < len(_UNITS) - 1:
        value, power = value / _STEP, power + 1
    digits = 1 if power and round(value, 1) < _SMALL else 0
    return f"{value:.{digits}f} {_UNITS[power]}"
