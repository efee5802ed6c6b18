"""The words of a receipt: what was proved of the end of somebody's access, server by server.

Without markup: the same words go to a chat and to a terminal.
"""

from bot.texts.fill import Plural

PROVED = Plural(
    "Revoked: {name} can’t connect any more.",
    "Revoked: {name} can’t connect any more, with any of {count} profiles.",
)
# Where the holder has more than these.
PROVED_SOME = Plural(
    "Revoked: this profile of {name} no longer works, but it’s not the only one.",
    "Revoked: these {count} profiles of {name} no longer work, but there are more.",
)
PROVED_OWNER = "Revoked: your earlier profile no longer works."
PROVED_BY_TIME = "Revoked: {name} can’t connect any more: the certificate is over."
PROVED_NO_SERVER = "Revoked: there is no server that could let {name} in."
PAUSED = Plural(
    "Paused: {name} can’t connect any more. The profile is kept, and works again when you resume "
    "them.",
    "Paused: {name} can’t connect any more. All {count} profiles are kept, and work again when you "
    "resume them.",
)
# Beside it: where that was seen, and what it took.
CHECKED = Plural("Checked on {count} server.", "Checked on all {count} servers.")
CHECKED_IN = Plural(
    "Checked on {count} server, in {seconds}.", "Checked on all {count} servers, in {seconds}."
)
CUT = Plural("{count} session was cut.", "{count} sessions were cut.")
UNPROVED = "Not proved yet: {name} may still get in."
UNPROVED_ON = "Not proved yet: {name} may still get in on {servers}."
UNPROVED_OF = "Not proved yet: {name} may still get in with {open} of {count} profiles."
UNPROVED_OF_ON = (
    "Not proved yet: {name} may still get in on {servers}, with {open} of {count} profiles."
)
UNPROVED_OWNER = "Not proved yet: your earlier profile may still work for a while."
DROPPED = Plural(
    "Not proved on {servers}, which was taken out: {name} may still get in until OpenVPN is "
    "stopped there.",
    "Not proved on {servers}, which were taken out: {name} may still get in until OpenVPN is "
    "stopped there.",
)
DROPPED_OWNER = Plural(
    "Not proved on {servers}, which was taken out: your earlier profile may still work there.",
    "Not proved on {servers}, which were taken out: your earlier profile may still work there.",
)
LEFT_LIVE = "{name} can still get in:"
LEFT_UNPROVED = "{name} may still get in:"
LEFT_PAUSED = "{name} is paused, and has this besides:"
LEFT_HELD = "• {common_name}, paused, until {until}"
LEFT = "• {common_name}, for {server}, until {until}"
LEFT_IMPORTED = "• {common_name}, from before the takeover, until {until}"
LEFT_ENDING = "• {common_name} has ended, but not provably on {servers}"
LEFT_ENDING_NOWHERE = "• {common_name} has ended, but no server is known that could prove it"
# Nobody has said whose these are.
MAYBE = Plural(
    "From before the takeover there is {names}, which belongs to nobody. Is it {name}’s? It still "
    "lets them in.",
    "From before the takeover there are {names}, which belong to nobody. Are they {name}’s? They "
    "still let them in.",
)
LEFT_TERMINAL = "To end that, too: vpnbot revoke {who}"
WHY = {
    "ended": "Its time was over.",
    "revoked": "{Admin} ended it.",
    "by_owner": "Its owner gave it up.",
    "removed": "{Admin} took its owner off the allowlist.",
    "replaced": "A new profile takes its place.",
    "lost": "Nobody knows whether the profile arrived.",
    "undeliverable": "The profile couldn’t be delivered.",
    "not_taken": "Telegram didn’t take the profile.",
    "stolen": "Its owner said that somebody else used it.",
    "earlier": "It was over before the CA was taken over.",
}
WHY_PAUSED = "Kept while its owner is paused."
GRANT = "{common_name}, serial {serial}"
AND_MORE = Plural("… and {count} more", "… and {count} more")
SERVER_PROVED = "{server}: proved"
PROVED_CRL = "✓ CRL {number} is in force, and OpenVPN can read it"
PROVED_CCD = Plural("✓ the address file is gone", "✓ the {count} address files are gone")
PROVED_LATE = "✓ nobody is left in the middle of connecting"
PROVED_CUT = Plural(
    "✓ {count} session was cut", "✓ {count} sessions were cut", none="✓ nobody was connected"
)
PROVED_LOOK = "✓ a look afterwards found nobody"
SERVER_UNPROVED = "{server}: not proved"
FOUND = "✗ {finding}"
SERVER_NOT_TRIED = "{server}: not looked at yet."
SERVER_DROPPED = "{server}: not proved before it was taken out. Stop OpenVPN there."
NO_SERVER_KNOWN = (
    "✗ No server is known yet, so nobody was cut off anywhere. Adopt the one that runs: "
    "vpnbot server adopt"
)
MORE_SERVERS = Plural("… and {count} more server", "… and {count} more servers")
MORE_SERVERS_UNPROVED = Plural(
    "… and {count} more server, not proved",
    "… and {count} more servers, {unproved} of them not proved",
)
RETRYING = (
    "I keep trying and tell you as soon as it’s proved. If it’s urgent, stop OpenVPN on that "
    "machine."
)
RETRYING_OWNER = "I keep trying and tell you as soon as it’s proved."
RETRYING_TERMINAL = (
    "The bot keeps trying while it runs; this command can be repeated. "
    "`vpnbot grant list` shows what is open."
)
# Where repeating the command would do nothing.
RETRYING_ALONE = (
    "The bot keeps trying while it runs. What is open: vpnbot grant list --state revoking"
)
MILLISECONDS = "{count} ms"
SECONDS = "{count} s"
MINUTES = "{count} min"

FINDINGS: dict[str, str] = {
    "ccd_present": "The address file is there again.",
    "ccd_not_removed": "The address file couldn’t be removed.",
    "ccd_missing": "The folder of address files is gone.",
    "crl_missing": "There is no CRL file; OpenVPN goes on with the one that it read last.",
    "crl_unreadable": "The account that OpenVPN runs as can’t read the CRL.",
    "crl_damaged": "The CRL on the server is damaged.",
    "crl_not_ours": "The CRL on the server isn’t the bot’s: it was written by another program, "
    "such as easy-rsa.",
    "crl_foreign": "The CRL on the server isn’t of our CA, so OpenVPN ignores it.",
    "crl_expired": "The CRL on the server has expired.",
    "crl_not_yet_valid": "The CRL on the server isn’t valid yet: is a clock wrong?",
    "crl_incomplete": "The CRL on the server has no list of the new CA yet.",
    "crl_old": "The CRL on the server doesn’t list this access.",
    "crl_newer": "A CRL with a higher number lies on the server: does another bot publish there?",
    "others_not_listed": "The CRL on the server doesn’t list who has access to other servers.",
    "crl_put_back": "An older CRL was put back on the server.",
    "crl_not_written": "The CRL couldn’t be written.",
    "session_live": "A session is still connected.",
    "management_gone": "OpenVPN can’t be asked: nobody answers at its management socket.",
    "management_silent": "OpenVPN can’t be asked: its management socket is busy or hangs.",
    "management_nonsense": "OpenVPN can’t be asked: its management socket answers nonsense.",
    "forwarding_forbidden": "OpenVPN can’t be asked: sshd on its machine keeps the bot out.",
    "host_key_changed": "The server’s machine shows another host key, so nothing is done there.",
    "key_refused": "The server’s machine doesn’t let the bot in: it refuses the bot’s key, or the "
    "account is locked.",
    "no_shell": "On the server’s machine the bot’s account may run no programs.",
    "ssh_unreachable": "The server’s machine can’t be reached.",
    "ssh_silent": "The server’s machine hangs: it gives no answer.",
    "ssh_lost": "The connection to the server’s machine broke off in the middle.",
    "lock_missing": "The server’s configuration lacks one of the two locks.",
    "restart_pending": "The server still runs with an older configuration; restart it.",
    "host_error": "A file on the server couldn’t be read or written.",
    "no_management": "OpenVPN can’t be asked: its configuration has no management interface.",
    "management_exposed": "OpenVPN isn’t asked: other machines could answer at its management "
    "interface.",
    "crl_not_used": "The server’s configuration names no CRL, so OpenVPN lets revoked "
    "certificates in.",
    "clock_differs": "The server’s clock differs from the bot’s.",
    "disk_nearly_full": "The disk of the revocation list has hardly any room left.",
    "second_look_due": "Somebody may be in the middle of connecting; the bot looks again when "
    "that is over.",
    "configuration_changed": "The server’s configuration has changed since it was adopted.",
    "broken_off": "The attempt broke off; the log has the cause.",
}
UNKNOWN_FINDING = "Something unexpected was found ({code})."
