"""Who had which address: `/who` and `vpnbot who`."""

from bot.access.refusals import Refusal
from bot.access.whose import Standing, Unknown

USAGE = (
    "Write <code>/who 10.8.4.7</code>, or with a time in UTC: "
    "<code>/who 10.8.4.7 2026-11-30 14:05</code>"
)
HAD_BY_SOMEBODY: dict[Standing, str] = {
    Standing.HAS: "<b>{name}</b> has {address} on <b>{server}</b>, since {since}.",
    Standing.LEAVES: (
        "<b>{name}</b> was given {address} on <b>{server}</b> {since}. They get another address "
        "now, but a session of theirs may still use this one."
    ),
    Standing.HAD: "<b>{name}</b> had {address} on <b>{server}</b>, from {since} until {until}.",
}
DETAIL = "<code>{common_name}</code>, {grant}"
HAD_BY_THE_BOT: dict[Standing, str] = {
    Standing.HAS: "The bot’s own test profile has {address} on <b>{server}</b>, since {since}.",
    Standing.LEAVES: (
        "The bot’s own test profile was given {address} on <b>{server}</b> {since}. It gets "
        "another address now, but a session of it may still use this one."
    ),
    Standing.HAD: (
        "The bot’s own test profile had {address} on <b>{server}</b>, from {since} until {until}."
    ),
}
HAD_BY_A_CERTIFICATE: dict[Standing, str] = {
    Standing.HAS: (
        "A certificate that’s linked to nobody has {address} on <b>{server}</b>, since {since}."
    ),
    Standing.LEAVES: (
        "A certificate that’s linked to nobody was given {address} on <b>{server}</b> {since}. It "
        "gets another address now, but a session of it may still use this one."
    ),
    Standing.HAD: (
        "A certificate that’s linked to nobody had {address} on <b>{server}</b>, from {since} "
        "until {until}."
    ),
}
NOBODY_NOW = "Nobody has {address} now."
NOBODY_THEN = "Nobody is known to have had {address} then ({at})."
BEFORE = "The last before that:"
WHY: dict[Unknown, str] = {
    Unknown.NO_NETWORK: "It’s in no server’s network.",
    Unknown.SERVERS_OWN: "It’s {server}’s own address.",
    Unknown.FROM_POOL: (
        "{server} gives it from a pool of its own, so only the log of that OpenVPN can tell."
    ),
    Unknown.BY_OPERATOR: ("A client’s file on {server} that isn’t the bot’s sets it; look there."),
    Unknown.BEFORE: "{server} is known here only since {added}.",
}
REFUSED: dict[Refusal, str] = {
    Refusal.BAD_ADDRESS: "“{address}” isn’t an IP address. Write for example 10.8.4.7.",
    Refusal.BAD_TIME: (
        "“{time}” isn’t a time in the past. Write 2026-11-30 14:05, or 14:05, in UTC."
    ),
}
