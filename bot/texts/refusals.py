"""What a person reads when a rule says no: what is wrong, and what to do next."""

from collections.abc import Mapping
from typing import Any

from bot.access.refusals import Refusal, Refused
from bot.texts import (
    absence,
    chat,
    group_refusals,
    groups,
    joining,
    keys,
    leaving,
    life,
    more_time,
    pausing,
    policy,
    requests,
    roles,
    trouble,
    whose,
)
from bot.texts.durations import duration_text
from bot.texts.fill import Decision, Html, Plural, Template, fill, plain, plain_in_chat, utc
from storage.records import RequestState

_ELSEWHERE = group_refusals.IN_CHAT | whose.REFUSED | roles.IN_CHAT | joining.REFUSED
_ELSEWHERE |= pausing.REFUSALS | policy.REFUSALS | requests.REFUSED | more_time.REFUSALS
_ELSEWHERE |= absence.REFUSED | leaving.REFUSED
IN_CHAT: dict[Refusal, Template] = _ELSEWHERE | {
    Refusal.NOT_ALLOWED: (
        "You’re not on the list of this bot. /start shows your Telegram id; send it to your admin."
    ),
    Refusal.ADMINS_ONLY: "Only admins can do this. /help shows what I can do for you.",
    Refusal.UNKNOWN_DURATION: (
        "“{duration}” isn’t a duration that I know. Write a number with m, h, d or w: "
        "30m, 8h, 7d, 2w."
    ),
    Refusal.DURATION_TOO_LONG: (
        "{duration} is more than the {limit} that this bot may give. Ask for less."
    ),
    Refusal.OUTLIVES_AUTHORITY: (
        "This VPN can give access until {until} at most: then its certificate authority ends. A "
        "shorter duration works; for more, it needs a successor."
    ),
    Refusal.AUTHORITY_OVER: (
        "No profile works any more, and none can be made: this VPN’s certificate authority ended "
        "at {until}. Please tell your admin that it needs a successor."
    ),
    Refusal.AUTHORITY_AHEAD: (
        "My machine’s clock is wrong: by it, this VPN begins only at {begins}, so no profile would "
        "work. Please tell your admin to set it right."
    ),
    Refusal.NO_SERVER: "There is no VPN server yet. Please tell your admin.",
    Refusal.UNKNOWN_SERVER: "There is no server “{server}” any more. Nothing was changed.",
    Refusal.STRANGER_GONE: "That list is too old to act on. If it’s still so, a new one comes.",
    Refusal.ALREADY_OPEN: (
        "You have asked for {server} already, and request {request} waits for an admin. "
        "/myvpn shows it."
    ),
    Refusal.ASKED_TOO_OFTEN: (
        "You have asked {count} times within an hour. Please ask again in {wait}; if it can’t "
        "wait, talk to your admin."
    ),
    Refusal.RENEWED_TOO_OFTEN: (
        "That’s {count} new profiles in an hour. Your current one keeps working; you can get "
        "another in {wait}. If none of them works, talk to your admin."
    ),
    Refusal.UNKNOWN_REQUEST: "There is no request {request}. /pending shows the open ones.",
    Refusal.NOT_YOURS: "This isn’t yours, so nothing was changed.",
    Refusal.OWN_REQUEST: (
        "You can’t approve your own request. Another admin can; if you’re the only one, run on the "
        "server: vpnbot request approve {request}."
    ),
    Refusal.NOT_OFFERED: "This duration wasn’t offered. Tap one of the buttons on the card.",
    Refusal.NOTHING_TO_UNDO: "There is nothing to take back here any more.",
    Refusal.UNDO_NOT_YOURS: "{admin} decided this, so only they can take it back.",
    Refusal.UNDO_LATE: (
        "That was more than a minute ago, so it stands. To end access: /revoke. After a no they "
        "can ask again."
    ),
    Refusal.UNDO_ASKED_AGAIN: "They have asked again already: see request {request}.",
    Refusal.CARD_CHANGED: (
        "This request has changed since this card was sent. Here is how it looks now; "
        "please decide on that."
    ),
    Refusal.AGREED_ALREADY: ("You have approved this request already. It waits for another admin."),
    Refusal.SAME_PERSON: (
        "These two accounts can’t be linked: one of them is linked to another account already, "
        "or they’re the same."
    ),
    Refusal.NOT_LINKED: (
        "This account of {name} isn’t linked to another one. If another one is linked to it, "
        "name that one."
    ),
    Refusal.NOT_ALLOWED_YET: (
        "{name} isn’t on the allowlist. Put them on it first with /allow, or revoke the old "
        "certificate."
    ),
    Refusal.NOTHING_TO_LINK: (
        "There is no live certificate “{name}” from before the takeover that could be linked to "
        "them. Nothing was changed."
    ),
    Refusal.FOR_SERVERS: (
        "“{name}” is a server’s own certificate, so it belongs to nobody. Nothing was changed."
    ),
    Refusal.REQUESTER_REMOVED: (
        "This person isn’t on the allowlist any more, so nothing was approved."
    ),
    Refusal.NETWORK_FULL: (
        "There is no free address on {server}. Revoke somebody’s access there, or give the server "
        "a larger network; the request still waits."
    ),
    Refusal.SERVER_CLOSED: (
        "A new profile for {server} wouldn’t work as that server is set up. Your admin can see why "
        "with `vpnbot doctor` on the bot’s machine."
    ),
    Refusal.UNKNOWN_GRANT: "There’s no profile {grant}. /grants shows those that there are.",
    Refusal.CLOCK_IN_DOUBT: (
        "My machine’s clock is wrong, so I make no profiles: one made now could last too long. "
        "Tell your admin if it can’t wait, and try again later."
    ),
    Refusal.GRANT_ENDS_SOON: (
        "This profile ends within a minute, so a new one isn’t worth it. /requestvpn asks for more "
        "time."
    ),
    Refusal.GRANT_BUSY: "This profile is being sent right now. Try again when you have it.",
    Refusal.UNKNOWN_PERSON: "I know nobody called “{who}”. /users shows the allowlist.",
    Refusal.NOBODY_WROTE: (
        "Nobody called {who} has written to me lately. Ask them to press Start in my chat, or "
        "write their numeric id."
    ),
    Refusal.SEVERAL_FIT: Plural(
        "Nobody is called just “{who}”, so nothing was done. If you mean {named}, name the id.",
        "“{who}” may mean {named}, so nothing was done. Name one by their id.",
    ),
    Refusal.USERNAME_OLD: (
        "Nobody has written to me as {who} for a while, and usernames change hands, so nothing "
        "was done. If you mean {name}, write their id, {id}."
    ),
    Refusal.ADMIN_OF_SETTINGS: (
        "{name} isn’t on the allowlist. They’re an admin by the settings; to change that, take "
        "{id} out of VPNBOT_ADMIN_IDS on the machine and restart me."
    ),
    Refusal.NO_BUTTON: "This button is none of mine, so nothing was changed.",
    Refusal.KEY_SHOWN: keys.SHOWN_BEFORE,
    Refusal.NO_FILES: "I understand commands only, and no files. /help shows what I can do.",
    Refusal.NO_OWN_KEY: keys.NO_OWN_KEY,
    Refusal.TOLD_LATELY: trouble.TOLD_LATELY,
    Refusal.FORWARDED: chat.ONLY_NEW_MESSAGES,
    Refusal.BAD_ID: (
        "“{id}” isn’t a Telegram id. That’s a number; the person sees it when they send me /start."
    ),
    Refusal.BAD_NAME: "Please add the person’s name after the id.",
    Refusal.LIST_HAS_NO_END: (
        "Nothing was done: a place on the allowlist has no end, and how long somebody gets access "
        "is decided with each request. Without the time, write: /allow {who} NAME"
    ),
}
# Where the terminal has another next step than the chat.
_THERE = (
    roles.IN_TERMINAL | joining.REFUSED_IN_TERMINAL | absence.TERMINAL | pausing.REFUSALS_TERMINAL
)
_SAME = IN_CHAT | group_refusals.IN_TERMINAL | _THERE
_IN_TERMINAL: dict[Refusal, Template] = _SAME | {
    Refusal.NOT_ALLOWED: (
        "This person isn’t on the allowlist; run: vpnbot user allow ID --name NAME"
    ),
    Refusal.OUTLIVES_AUTHORITY: (
        "The CA ends at {until}, and no profile can outlive it. Give it less time, or have another "
        "CA take its place with vpnbot ca rotate."
    ),
    Refusal.AUTHORITY_OVER: (
        "The CA ended at {until}, so no profile works any more, and none can be made. Have another "
        "one take its place with vpnbot ca rotate."
    ),
    Refusal.AUTHORITY_AHEAD: (
        "This machine’s clock is before {begins}, when the CA begins, so no profile would work; "
        "run timedatectl set-ntp true, which sets it right."
    ),
    Refusal.NO_SERVER: "There is no server yet; run: vpnbot server add",
    Refusal.UNKNOWN_SERVER: "There is no server “{server}”; see: vpnbot server list",
    Refusal.ALREADY_OPEN: (
        "Request {request} for {server} is open already, for another duration. Leave --duration "
        "out to give what was asked for, or run `vpnbot request deny {request}` first."
    ),
    Refusal.UNKNOWN_REQUEST: "There is no request {request}; see: vpnbot request list",
    Refusal.NOT_OFFERED: "This duration can’t be approved: it’s not what was asked for.",
    Refusal.NETWORK_FULL: (
        "There is no free address on {server}; revoke somebody’s access there, or add a server "
        "with a larger network."
    ),
    Refusal.SERVER_CLOSED: (
        "No new profile would work on {server} as it is set up, so none is given out; `vpnbot "
        "doctor` says why."
    ),
    Refusal.UNKNOWN_GRANT: "There is no grant {grant}; see: vpnbot grant list",
    Refusal.UNKNOWN_PERSON: (
        "Nobody and nothing fits “{who}”; see: vpnbot user list, vpnbot grant list"
    ),
    Refusal.NOBODY_WROTE: (
        "Nobody called {who} has written to the bot lately; ask them to press Start there, or name "
        "their numeric id."
    ),
    Refusal.SEVERAL_FIT: Plural(
        "Nobody is called just “{who}”, so nothing was done. If you mean {named}, name the id.",
        "“{who}” isn’t enough to tell who, so nothing was done. Name one by the id: {named}.",
    ),
    Refusal.USERNAME_OLD: (
        "Nobody has written to the bot as {who} for a while, and usernames change hands; nothing "
        "was done. If you mean {name}, name the id {id}."
    ),
    Refusal.ADMIN_OF_SETTINGS: (
        "{name} isn’t on the allowlist, but an admin by the settings; to change that, take {id} "
        "out of VPNBOT_ADMIN_IDS and restart the bot."
    ),
    Refusal.NOT_ALLOWED_YET: (
        "{name} isn’t on the allowlist; run: vpnbot user allow ID --name NAME"
    ),
    Refusal.NOTHING_TO_LINK: (
        "There is no live imported certificate “{name}” to link to them; see: vpnbot grant list"
    ),
    Refusal.BAD_ID: "“{id}” isn’t a Telegram id: it’s a number that the person sees after /start.",
    Refusal.BAD_NAME: "The name is empty; write what the person is called.",
}

# --- Refusals whose words hang on what is the case ------------------------------------------------

DECIDED: dict[RequestState, Template] = {
    RequestState.APPROVED: Decision(
        "Too late: {admin} has approved this request already.",
        "Too late: this request was granted by the standing approval of {group}.",
    ),
    RequestState.SCHEDULED: "Too late: {admin} has approved this request already; it begins later.",
    RequestState.DENIED: "Too late: {admin} has denied this request already.",
    RequestState.CANCELLED: "Too late: {admin} has cancelled this request already.",
    RequestState.EXPIRED: "Too late: nobody decided on this request in time.",
    RequestState.CHOOSING: "This request still waits for its owner to choose a server.",
    RequestState.PENDING: "Nothing was changed: this request waits for a decision already.",
}
# What else its holder has is counted.
_OVER = Plural(
    "This profile has ended already. Nothing was changed. {count} other profile of the same person "
    "may still let them in.",
    "This profile has ended already. Nothing was changed. {count} other profiles of the same "
    "person may still let them in.",
    none="This profile has ended already. Nothing was changed.",
)
_ENDING = Plural(
    "This profile has been ended already, but may still work: that isn’t confirmed everywhere. "
    "{count} other profile of the same person may still let them in.",
    "This profile has been ended already, but may still work: that isn’t confirmed everywhere. "
    "{count} other profiles of the same person may still let them in.",
    none="This profile has been ended already, but may still work: that isn’t confirmed "
    "everywhere. Nothing was changed.",
)
_NOTHING_LIVE = "{name} has no live access, so there is nothing to revoke."
# With certificates that are nobody's and called as they are, with what was approved for a time to
# come, and with both.
_MAYBE_LIVE = (
    "{name} has no live access. But {names} from before the takeover is nobody’s: if it’s theirs, "
    "revoke that."
)
_NOT_YET_LIVE = (
    "{name} has no live access. But what they asked for with request {requests} begins later: Deny "
    "takes that back."
)
_MAYBE_AND_NOT_YET = (
    "{name} has no live access. But {names}, from before the takeover, may be theirs: revoke that; "
    "and request {requests} begins later: Deny it."
)
# They are in none of the tables above.
BY_CASE = frozenset(
    {
        Refusal.ALREADY_DECIDED,
        Refusal.GRANT_OVER,
        Refusal.INVITATION_CLOSED,
        Refusal.NOTHING_LIVE,
        Refusal.NOT_APPROVER,
    }
)
_NAMES_LENGTH = 60
_NAMED = 10


def in_chat(refused: Refused) -> Html:
    return fill(_template(refused, IN_CHAT), **_values(refused))


def in_toast(refused: Refused) -> str:
    """For the answer to a tap, which is plain text."""
    return plain_in_chat(_template(refused, IN_CHAT), **_values(refused))


def in_terminal(refused: Refused) -> str:
    return plain(_template(refused, _IN_TERMINAL), **_values(refused))


def _template(refused: Refused, table: Mapping[Refusal, Template]) -> Template:
    values: Mapping[str, Any] = refused.values
    match refused.code:
        case Refusal.ALREADY_DECIDED:
            return DECIDED[values["state"]]
        case Refusal.GRANT_OVER:
            return _ENDING if values["may_work"] else _OVER
        case Refusal.INVITATION_CLOSED:
            return joining.CLOSED[values["state"]]
        case Refusal.NOTHING_LIVE:
            has = (bool(values["names"]), bool(values.get("later")))
            return {
                (False, False): _NOTHING_LIVE,
                (True, False): _MAYBE_LIVE,
                (False, True): _NOT_YET_LIVE,
                (True, True): _MAYBE_AND_NOT_YET,
            }[has]
        case Refusal.NOT_APPROVER:
            return groups.APPROVERS if values["names"] else groups.NO_APPROVER
        case code:
            return table[code]


def _values(refused: Refused) -> dict[str, object]:
    values: dict[str, Any] = dict(refused.values)
    match refused.code:
        case Refusal.DURATION_TOO_LONG:
            values["duration"] = duration_text(values["seconds"])
            values["limit"] = duration_text(values["limit"])
        case Refusal.NOT_APPROVER:
            values["names"] = ", ".join(values["names"])[:_NAMES_LENGTH]
        case Refusal.SERVER_NOT_OPEN:
            values["servers"] = ", ".join(values["servers"])
        case Refusal.SEVERAL_FIT:
            named = list(values["named"])
            values["count"] = len(named)
            values["named"] = ", ".join([*named[:_NAMED], "…"] if named[_NAMED:] else named)
        case Refusal.NOTHING_LIVE:
            values["names"] = ", ".join(values["names"])[:_NAMES_LENGTH]
            values["requests"] = ", ".join(map(str, values.get("later", ())))
        case Refusal.ALREADY_DECIDED:
            by, name = values.get("by"), values["admin"]
            values["group"] = life.standing_group(by, name)
            values["admin"] = life.who(by, name) or life.BOT
        case _:
            for name in ("until", "at", "begins"):
                if name in values:
                    values[name] = utc(values[name])
            if "wait" in values:
                values["wait"] = duration_text(values["wait"])
    return values
