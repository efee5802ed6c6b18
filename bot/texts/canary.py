"""What people read of the tries that the bot makes at each server, see `bot.rounds.canary`."""

from bot.access.messages import Notice
from bot.texts.fill import Template
from bot.texts.health import Complaint
from storage.records import CanaryLook, CanaryTrouble, Untried

NOTICES: dict[Notice, Template] = {
    Notice.CANARY_REVOKED_LET_IN: (
        "⚠️ <b>{server}</b> lets revoked people in: a revoked certificate of my own was let in. "
        "Whoever I revoked may be connected there. If it’s urgent, stop OpenVPN on that machine; "
        "<code>vpnbot doctor</code> says what to mend. I keep trying, and tell you when it’s well."
    ),
    Notice.CANARY_REVOKED_PASSES: (
        "⚠️ The revocation list isn’t in force on <b>{server}</b>: a revoked certificate of my own "
        "got past it. The second lock still keeps revoked people out. On the machine, "
        "<code>vpnbot doctor</code> says what to mend. I keep trying, and tell you when it’s well."
    ),
    Notice.CANARY_NO_SECOND_LOCK: (
        "⚠️ The second lock is missing on <b>{server}</b>: a certificate of my own without an "
        "address file was let in. On the machine, <code>vpnbot doctor</code> says what to mend. I "
        "keep trying, and tell you when it’s well."
    ),
    Notice.CANARY_GOOD_REFUSED: (
        "⚠️ It seems that <b>{server}</b> refuses people who may connect: it refused a valid "
        "certificate of my own twice. On the machine, <code>vpnbot doctor</code> and the log of "
        "OpenVPN say why. I keep trying, and tell you when it’s well."
    ),
    Notice.CANARY_UNREACHABLE: (
        "⚠️ <b>{server}</b> can’t be reached from my machine: nothing comes back from {remote}, "
        "which is what people’s profiles dial. Does OpenVPN run there, and does every firewall on "
        "the way let that port through? I keep trying, and tell you when it’s well."
    ),
    Notice.CANARY_WELL: (
        "<b>{server}</b> is well again: it lets a valid certificate of mine in, and refuses a "
        "revoked one."
    ),
    Notice.CANARY_LETS_IN: (
        "<b>{server}</b> is well again: it lets a valid certificate of mine in. I can’t try there "
        "whether it refuses a revoked one."
    ),
}

# What is said of it where servers are listed.
SEEN_WELL = "tried from outside {moment}: its port is open, and it lets people in who may connect"
SEEN_TROUBLE = "⚠️ tried from outside {moment}: {said}"
SEEN_OVERDUE = "⚠️ not tried from outside since {moment}: {said}"
SEEN_UNTRIED = "not tried from outside: {said}"
TROUBLES = {
    CanaryTrouble.REVOKED_LET_IN: "it lets a revoked certificate in",
    CanaryTrouble.REVOKED_PASSES: "its revocation list isn’t in force",
    CanaryTrouble.NO_SECOND_LOCK: "its second lock is missing",
    CanaryTrouble.GOOD_REFUSED: "it refuses a valid certificate",
    CanaryTrouble.UNREACHABLE: "nothing comes back from its port",
}
UNTRIED = {
    Untried.NO_OPENVPN: "openvpn isn’t installed on the bot’s machine",
    Untried.NOT_DEPLOYED: "it hasn’t been deployed",
    Untried.PASSWORD: "its clients need a password, and I have none",
    Untried.TLS_KEY: "I don’t have the tls key that its clients need",
    Untried.CLOSED: "it takes no new profiles",
    Untried.RESTORED: "it hasn’t been looked through since the restore",
    Untried.CLOCK: "the clock of my machine is in doubt",
    Untried.NOT_PREPARED: "what a try needs couldn’t be made ready; the log says why",
    Untried.NETWORK_FULL: "its network has no address to spare for a try",
    Untried.OVERDUE: "the bot’s log may say why",
}

# vpnbot doctor
_DEPLOY = "Run: {deploy}; then: systemctl restart {unit}"
_ADOPT = "Run as root: {adopt} --apply; then: {restart}"
COMPLAINTS = {
    CanaryTrouble.REVOKED_LET_IN: Complaint(
        "tried from outside at {moment}, it let a revoked certificate in.", _DEPLOY, _ADOPT
    ),
    CanaryTrouble.REVOKED_PASSES: Complaint(
        "tried from outside at {moment}, its revocation list wasn't in force; the second lock was.",
        _DEPLOY,
        _ADOPT,
    ),
    CanaryTrouble.NO_SECOND_LOCK: Complaint(
        "tried from outside at {moment}, it let in a certificate without an address file: the "
        "second lock is missing.",
        _DEPLOY,
        _ADOPT,
    ),
    CanaryTrouble.GOOD_REFUSED: Complaint(
        "tried from outside at {moment}, it refused a valid certificate.",
        "Look for vpnbot-canary in OpenVPN's log there: it says why.",
    ),
    CanaryTrouble.UNREACHABLE: Complaint(
        "tried from outside at {moment}, nothing came back from {remote}.",
        "See that OpenVPN runs, and that each firewall on the way lets that port through. Where "
        "the bot's machine alone can't dial it, set VPNBOT_CANARY=off.",
    ),
}

OVERDUE = Complaint(
    "it wasn't tried from outside since {moment}.",
    "See that the bot runs; its log says what keeps it from trying.",
)


def seen_from_outside(look: CanaryLook) -> tuple[str, str]:
    """What came of the last try of a server: a line, and what is to be `said` in it.

    The line also takes the try's `moment`.
    """
    if look.untried is Untried.OVERDUE:
        return SEEN_OVERDUE, UNTRIED[look.untried]
    if look.untried is not None:
        return SEEN_UNTRIED, UNTRIED[look.untried]
    if not look.troubles:
        return SEEN_WELL, ""
    return SEEN_TROUBLE, ", ".join(TROUBLES[trouble] for trouble in look.troubles)
