"""The words of `vpnbot server adopt`."""

from bot.texts.fill import Plural
from vpn.adopt.advice import Weight

ADOPTED = "{server} is adopted, with its own configuration {config}."
WOULD_BE = "With the lines that are missing, once OpenVPN has been restarted:"
WILL_BE = "With the new lines, once OpenVPN has been restarted:"
CONNECTED = Plural(
    "{count} client is connected now.",
    "{count} clients are connected now.",
    none="No client is connected now.",
)
CONNECTED_THEN = Plural(
    "{count} client was connected at {moment}, by {path}.",
    "{count} clients were connected at {moment}, by {path}.",
    none="No client was connected at {moment}, by {path}.",
)
CONNECTED_UNKNOWN = (
    "Who is connected now can't be known: OpenVPN can't be asked, and there is no status file."
)
LOCK_UNKNOWN = (
    "Whoever has a live certificate in the bot's books, or a file of their own, gets in as before. "
    "Anybody else doesn't."
)
NO_LOCK_UNKNOWN = "Whoever gets in today gets in as before, unless they were revoked."
STAY = "They come back as before: {names}"
REFUSED = "They are refused, because their access was revoked or is over: {names}"
STRANGERS = "They are in none of the bot's books, and don't get in any more: {names}"
NEW_PROFILE_WORKS = "Nothing that can be seen here stands in the way of a new profile."
NEW_PROFILE = "A new profile:"
DOES_NOT_WORK = "doesn't get in."
NOT_KNOWN = "can't be foreseen."
CLOSED = "As it is now, no new profile would work there, so none is given out: {reason}"
FIXED_ADDRESSES = "Who gets access from now on gets a fixed address beside the server's pool."
POOL_ADDRESSES = "Addresses come from the server's own pool, as before."
REFUSED_THERE = "{place} refuses {name}, serial {serial}, though the books let them in: stays out."
REFUSED_UNKNOWN = "{place} refuses serial {serial}, of which no certificate is known: stays out."
OTHER_LIST = (
    "{place} holds a list of another CA, {name}, until {until}: it stays in force, behind the "
    "bot's own. Put its next one into the same file; the bot keeps the newest."
)
NO_SERIAL = "{place}/{name} is named by no serial number, and refuses nobody."
CRL_IN_PLACE = "A CRL with every revocation is in place: {path}, number {number}."
CRL_NOT_IN_PLACE = "No CRL could be put in place: {reason}"
CUT = "Cut: {name} has no access to this server, and was connected until now."
OPEN_TO_OTHERS = (
    "Not seen that {server} keeps out profiles for your other servers: {reasons} Whoever has one, "
    "and knows what clients of {server} know besides, may get in."
)
NOTHING_CHANGED = "The configuration has all that is needed; nothing was changed."
WROTE = "wrote {path}"
COPY = "The configuration as it was before is in {path}"
RENEWED = "The server has a new certificate of the same name, valid until {until}, and a new key."
OLD_IDENTITY = "What was there before is in {path}"
RESTART = (
    "OpenVPN reads this only when it starts. Restart it at a quiet moment; clients "
    "reconnect by themselves:"
)
NOTHING_MISSING = "Nothing is missing: a revocation can be carried out and proved there."
WEIGHTS = {
    Weight.UNPROVED: "What keeps a revocation from being proved at once:",
    Weight.DANGER: "What is dangerous:",
    Weight.NOTE: "Good to know:",
}
APPLY = "With --apply the missing lines are added, and the old configuration is kept beside it."
UNIT = "If the bot runs by its unit, let it write there; as root:"
