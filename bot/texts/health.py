"""The words of `vpnbot doctor`: for each finding what is wrong, and how to mend it."""

from typing import NamedTuple

from bot.texts.fill import Plural


class Complaint(NamedTuple):
    """A line each.

    Attributes:
        adopted: the mend where a server runs with its operator's own configuration; '' where it is
            the same.
    """

    wrong: str
    mend: str
    adopted: str = ""


# The place
# At any other command.
GO_THERE = "There is no .env here, in {here}; the bot lives in {home}. Go there first: cd {home}"
WRONG_FOLDER = Complaint(
    "There is no .env here, in {here}; the bot lives in {home}.", "Run: cd {home} && vpnbot doctor"
)
NOTHING_HERE = Complaint(
    "There is no .env here, in {here}, and no bot on this machine that I know of.",
    "Run this in the bot's folder. A new system begins with: vpnbot init",
)

# Settings and secrets
SETTING_WRONG_MEND = "Correct it in .env or in the environment."
SETTINGS_FINE = Plural(
    "Settings: {count} admin; access for {default} by default, {longest} at most.",
    "Settings: {count} admins; access for {default} by default, {longest} at most.",
)
TOO_FEW_ADMINS = Complaint(
    "{setting} asks for more approvals than there are admins: nothing could be approved.",
    "Name more admins in VPNBOT_ADMIN_IDS, or ask for fewer approvals.",
)
NO_ADMINS = Complaint(
    "VPNBOT_ADMIN_IDS isn't set: nobody could approve anything.",
    "Write the numeric Telegram ids of the admins there, with commas between them.",
)
NO_TOKEN = Complaint(
    "VPNBOT_BOT_TOKEN_FILE isn't set: the bot has no token.",
    "Get a token from @BotFather, put it into a file of mode 600, and name that file there.",
)
NO_PASSPHRASE = Complaint(
    "VPNBOT_CA_PASSPHRASE_FILE isn't set: nothing can be signed or revoked.",
    "Put the CA's passphrase into a file of mode 600, and name that file there.",
)
UNREADABLE_MEND = (
    "{account} must be able to read {path}, with the secret in its first line: "
    "chown {account} {path}; chmod 600 {path}"
)
OPEN_TO_OTHERS = Complaint("Others can read {path}.", "Run: chmod 600 {path}")
KEPT = "{what}: kept where nobody else reads it."
ENV_SHUT = Complaint(
    "{account}, the account that runs the bot, can't read {path}.",
    "Run: chown {account} {path}; chmod 600 {path}",
)

# Telegram and the clock
UNREACHABLE = Complaint(
    "Telegram's server {url} can't be reached ({reason}), so nothing vouches for this machine's "
    "clock.",
    "Check this machine's network, DNS and firewall, and VPNBOT_TELEGRAM_API_URL. Where Telegram "
    "is blocked, name a proxy in VPNBOT_TELEGRAM_PROXY.",
)
UNREACHABLE_BY_PROXY = Complaint(
    "Telegram's server {url} can't be reached through the proxy {proxy} ({source}): {reason}. "
    "Nothing vouches for this machine's clock now.",
    "Try it by hand, with --proxy-user USER if the proxy asks for one, then correct it where it is "
    "named: curl -v --proxy {curl} {url}",
)
NO_ANSWER = "no answer within {seconds} s"
NO_SOCKS = "what answers there doesn't speak SOCKS 5"
PROXY_MEND = "Correct it there, or name another proxy in VPNBOT_TELEGRAM_PROXY."
PROXY_SET = "Proxy: Telegram is reached through {proxy} ({source})."
PROXY_AROUND = (
    "Proxy: Telegram is reached through {proxy} ({source}). A service has another environment: "
    "VPNBOT_TELEGRAM_PROXY in .env counts for both."
)
TOKEN_REFUSED = Complaint(
    "Telegram doesn't know the token.",
    "Copy it again from @BotFather into the file that VPNBOT_BOT_TOKEN_FILE names.",
)
TELEGRAM_SILENT = Complaint(
    "Telegram gave no proper answer ({reason}).", "Run this again in a minute."
)
WEBHOOK = Complaint(
    "A webhook is set for this token, so messages go elsewhere.",
    "`vpnbot run` removes it at its start; if it comes back, end the program that sets it.",
)
TELEGRAM_FINE = "Telegram: this is @{username}, and no webhook is set."
CLOCK_WRONG = Complaint(
    "This machine's clock is {span} off Telegram's.",
    "Let the clock follow the network: timedatectl set-ntp true",
)
CLOCK_FINE = "Clock: it agrees with Telegram's."
CLOCK_UNKNOWN = "Clock: {url} names no time to compare with."

# The data folder
FOLDER_MISSING = Complaint(
    "The data folder {folder} doesn't exist.",
    "Run this where .env is, or set VPNBOT_DATA_DIR. A new system begins with: vpnbot init",
)
FOLDER_SHUT = Complaint(
    "The data folder {folder} can't be looked into ({reason}).",
    "Run this as the account that runs the bot, or as root.",
)
FOLDER_NONE = Complaint("{folder} isn't a folder.", "Set VPNBOT_DATA_DIR to one.")
FOLDER_FOREIGN = Complaint(
    "The data folder {folder} belongs to {owner}, and this runs as {account}.",
    "Run this as {owner}, or as root.",
)
FOLDER_OPEN = Complaint("Others can look into the data folder.", "Run: chmod 700 {folder}")
FOLDER_STRANGER = Complaint(
    "{path} belongs to {stranger}, not to {owner} like the data folder.",
    "Run as root: chown -R {owner}: {folder}",
)
FOLDER_FINE = "Data folder: {folder} belongs to {owner}."
BOT_RUNS = "Bot: it runs."
_STOPPED = "No bot runs: nobody can ask, nobody is let in, and no access ends by itself."
BOT_STOPPED = Complaint(
    _STOPPED, "Start it here: vpnbot run; by systemd, as the last lines of `make install` say."
)
BOT_STOPPED_UNIT = Complaint(
    _STOPPED,
    "Run: systemctl enable --now vpnbot; if it ends again, see why: journalctl -u vpnbot -n 50",
)

# The database
# A restore replaces nothing, so the folder goes first.
_RESTORE = "stop the bot and run: mv {folder} {folder}.old; vpnbot restore BACKUP"
DATABASE_MISSING = Complaint(
    "There is no database {path}.",
    f"With a backup {_RESTORE}. Only where nobody has a profile yet: vpnbot init",
)
DATABASE_SHUT = Complaint(
    "{account} can't read and write the database {path}.",
    "Run as root: chown {account}: {path}; chmod 600 {path}",
)
# Whoever took over the account may name any file of root's, which is not to be given away.
DATABASE_ELSEWHERE = Complaint(
    DATABASE_SHUT.wrong, "Set VPNBOT_DATABASE_URL to a file of that account's own."
)
DATABASE_DAMAGED = Complaint(
    "The database {path} is damaged: {reason}", f"Go back to a backup: {_RESTORE}"
)
DATABASE_MEND = f"Go back to a backup: {_RESTORE}"
DATABASE_FINE = "Database: whole, and of this version."
LITTLE_ROOM = Complaint(
    "Only {left} MB are left on the disk of {path}; on a full disk only revocations still go "
    "through.",
    "Make room there: df -h {path} shows the disk, du -xh {path} what takes it.",
)
NO_RESERVE = Complaint(
    "No room is kept back in {path} for a revocation on a full disk.",
    "Make room there; the bot keeps some back as soon as there is enough.",
)
CLOCK_JUMPED = Complaint(
    "This machine's clock is {span} away from where it should be, by the last time that Telegram "
    "agreed with it.",
    "Set it right: timedatectl set-ntp true",
)
FROM_THE_FUTURE = Complaint(
    "The database has an entry from {moment}, which is in the future.",
    "Check this machine's clock; if it is right now, it was wrong then: look at `vpnbot audit "
    "show` and wait for that moment.",
)
AUDIT_BROKEN = Complaint(
    "Row {row} of the audit trail doesn't fit the chain: somebody changed it.",
    "Find out who can write the data folder, and compare with an earlier `vpnbot audit export`.",
)
AUDIT_FINE = Plural(
    "Audit trail: the one row there is fits the chain.",
    "Audit trail: all {count} rows fit the chain.",
)
AUDIT_EMPTY = "Audit trail: empty so far."

# The CA
# Root takes it out, and it has to belong to the account again. Debian has a package 'age'.
_TAKE_OUT = "age -d BACKUP | tar x -C {folder} {what}; chown -R {owner}: {folder}"
CA_MEND = "Take it out of a backup, as root: " + _TAKE_OUT.replace("{what}", "ca")
CA_MISSING = Complaint(
    "There is no CA in {folder}/ca.",
    f"{CA_MEND}. Only where nobody has a profile yet: vpnbot ca init",
)
CA_ENDS = Complaint(
    "The CA ends on {moment}, and every certificate with it.",
    "Have a new one take its place before that day, step by step: vpnbot ca rotate",
)
CA_ROTATES = "CA: a new one is taking its place; how far it is: vpnbot ca rotate --status"
CA_FINE = "CA: its key opens, and it is valid until {moment}."
CA_SEALED = "CA: valid until {moment}; its key wasn't tried."

# Servers
NO_SERVER = Complaint(
    "There is no server yet.",
    "Run: vpnbot init; or: vpnbot server add NAME --remote HOST:PORT/PROTO --directory DIR",
)
SERVER = "Server {server}: {text}"
SERVER_FINE = "Server {server}: CRL {number}, certificate until {moment}, sessions: {sessions}."
NOT_DEPLOYED = Complaint(
    "it hasn't been deployed: there is no {directory}/server.conf.",
    # Of where root writes first the database has no say.
    "Run as root, with the folder that you chose: {deploy} --directory DIR",
)
OTHER_ACCOUNT = Complaint(
    "it was added for the account {wanted}, and the data folder belongs to {owner}.",
    "Give the data folder to {wanted}: chown -R {wanted}: {folder}; or remove the server and add "
    "it again.",
    "Run as root: {adopt} --account {owner}",
)
LIVE_FOREIGN = Complaint(
    "{path} doesn't belong to {account}, which has to write there.",
    "Run as root: {deploy}",
)
HOME_FOREIGN = Complaint(
    "{path} belongs to {owner}, who could run commands as root that way.",
    "Run as root: {deploy}; then: systemctl restart {unit}",
)
FILE_MISSING = Complaint(
    "there is no {path}.",
    "Run as root: {deploy}; then: systemctl restart {unit}",
)
FILE_FOREIGN = Complaint(
    "{path} doesn't belong to {owner} like the folder: somebody else could change it.",
    "Find out who changed it; then run as root: {deploy}; systemctl restart {unit}",
)
FILE_OPEN = Complaint(
    "others than {owner} can read or change {path}.",
    "Run as root: {deploy}; then: systemctl restart {unit}",
)
FILE_OF_ANOTHER_CA = Complaint(
    "{path} isn't the certificate of this CA.",
    "Find out who changed it; then run as root: {deploy}; systemctl restart {unit}",
)
CRL_AHEAD = Complaint(
    "its CRL has number {found}, but the database has given out only {known}.",
    "See that no other bot publishes there; after a restore start the bot, which takes its entries "
    "over, or run: vpnbot server deploy {server}",
    "See that no other bot publishes there; after a restore start the bot, which takes its entries "
    "over, or run as root: {adopt}",
)
NOT_FORWARDING = Complaint(
    "its machine doesn't forward ({setting} is 0), so its clients reach nothing behind it.",
    "Run as root: systemctl reload {unit}; or: sysctl --load={load}",
    "Run as root: sysctl -w {setting}=1; to keep it over a restart: echo {setting}=1 "
    ">/etc/sysctl.d/60-openvpn.conf",
)
NO_MASQUERADE = Complaint(
    "nothing masquerades for its clients in {network} (the nft table {table} is gone, or an old "
    "one), so no answer finds its way back to them.",
    "Run as root: nft --file {rules}; then: sh {sets}; what empties the rules (a restart of "
    "nftables does) needs this after it: systemctl reload {unit}",
)
PORT_SHUT = Complaint(
    "the firewall drops {port}/{protocol}, so nobody reaches it.",
    "Run as root: {opening}; a rule of nft's also goes into /etc/nftables.conf, to stay.",
)
FORWARD_SHUT = Complaint(
    "the firewall drops what its clients send on, in the chain {chain}.",
    "Run as root: nft insert rule {chain} {ip} saddr {network} accept; and: nft insert rule "
    "{chain} {ip} daddr {network} ct state established,related accept; ufw and firewalld have "
    "words of their own for it.",
)
FIREWALL_UNSEEN = "the firewall wasn't looked at: only root sees it; run: sudo vpnbot doctor"
FIREWALL_UNSEEN_ELSEWHERE = (
    "its firewall wasn't looked at, since the bot isn't root there; root there sees it by: nft "
    "list ruleset"
)
NOT_LOOKED_THROUGH = Complaint(
    "the database is from a backup restored at {moment}, and whoever it doesn't know isn't "
    "shut out yet.",
    "Start OpenVPN there, and the bot, which does it by itself; or run: vpnbot server deploy "
    "{server}",
    "Start OpenVPN there, and the bot, which does it by itself; or run as root: {adopt}",
)
CRL_AGED = Complaint(
    "its CRL is from {moment}, though the bot signs a new one every day.",
    "Start the bot and look at its log; by hand: vpnbot server deploy {server}",
    "Start the bot and look at its log; by hand, as root: {adopt}",
)
OPEN_TO_OTHER_PROFILES = Complaint(
    "whoever has a profile for another server may get in: {reasons}",
    "Run: {deploy}; then: systemctl restart {unit}",
    "Run as root: {adopt} --apply; then: {restart}",
)
OPEN_UNTIL_MENDED = Complaint(
    "because of that, whoever has a profile for another server may get in.",
    "Mend what else is said of {server} here.",
)
CERTIFICATE_ENDS = Complaint(
    "its certificate ends on {moment}.",
    "Run: {deploy}; then: systemctl restart {unit}",
    "Run as root: {adopt} --renew-certificate; then: {restart}",
)
CERTIFICATE_UNREADABLE = Complaint(
    "its certificate can't be read.",
    "Run: {deploy}; then: systemctl restart {unit}",
    "See that its cert line names a whole certificate; then run as root: {adopt}",
)
TLS_KEY = Complaint(
    "{reason}",
    "Take it out of a backup, as root: " + _TAKE_OUT.replace("{what}", "tls-keys/{server}.sealed"),
    "Run as root: {adopt}",
)
CCD_MISSING = Complaint(
    "{name} has access, and its address file is missing or differs.",
    "Run: vpnbot server deploy {server}",
    "Run as root: {adopt}",
)
ADDRESS_TAKEN = Complaint(
    "{name} has the address {address}, and so has another client's file.",
    "This gives {name} another one; run as root: {adopt}",
)
CLOSED_TO_NEW = Complaint(
    "No new profile would work there, so none is given out: {reason}",
    "Put that right, restart OpenVPN, and run as root: {adopt}",
)
CCD_STRANGER = Complaint(
    "{path} belongs to nobody who has access.", "If you didn't put it there, run: rm {path}"
)
OTHERS_LIST_ENDS = Complaint(
    "The list of another CA, {name}, ends at {moment}; from then on nobody of that CA gets in.",
    "Let that CA sign its next one, and put it into {path}; the bot keeps it, behind its own.",
)
ON_WITHOUT_ACCESS = Complaint(
    "Connected without having access there, {count}: {names}.",
    "The bot cuts them within a minute: see that it runs. If they stay, stop that OpenVPN.",
)
# Of a server with its operator's own configuration.
ADOPTED_MEND = "This says what to add, and where: {adopt}"
_OURS_AGAIN = "Find out what else writes there; then run as root: {adopt}"
ADOPTED_MENDS = {
    "ccd_missing": "Make it again, or correct client-config-dir; then run as root: {adopt}",
    "crl_missing": "Run as root: {adopt}",
    "crl_damaged": _OURS_AGAIN,
    "crl_not_ours": _OURS_AGAIN,
    "crl_foreign": _OURS_AGAIN,
    "crl_put_back": _OURS_AGAIN,
    "crl_expired": "See that the bot runs; by hand, as root: {adopt}",
    "crl_incomplete": "See that the bot runs; by hand, as root: {adopt}",
    "crl_not_yet_valid": "Set the clock right; then run as root: {adopt}",
    "crl_not_used": "Run as root: {adopt} --apply; then: {restart}",
    "no_management": "Run as root: {adopt} --apply; then: {restart}",
    "management_gone": "Start it: {restart}; if it ends again, its log says why.",
    "management_silent": "See that nothing else is connected there; else: {restart}",
    "management_nonsense": "See that OpenVPN 2.5 or newer listens there; then: {restart}",
    "restart_pending": "At a quiet moment: {restart}",
    "configuration_changed": "To take in what has changed, run as root: {adopt}",
}
# By the code of a finding of the vpn library.
SERVER_MENDS = {
    "ccd_missing": "Run as root: {deploy}",
    "crl_missing": "Run: vpnbot server deploy {server}",
    "crl_damaged": "Run: vpnbot server deploy {server}",
    "crl_not_ours": "Find out what writes there; then run: vpnbot server deploy {server}",
    "crl_foreign": "Run: vpnbot server deploy {server}",
    "crl_expired": "Run: vpnbot server deploy {server}; then see that the bot runs.",
    "crl_incomplete": "See that the bot runs; by hand: vpnbot server deploy {server}",
    "crl_not_yet_valid": "Set the clock right; then run: vpnbot server deploy {server}",
    "crl_put_back": "Start the bot, which puts its own there again; by hand: vpnbot server deploy "
    "{server}",
    "management_gone": "Start it, as root: {start}; if it ends again, see why: journalctl -u "
    "{unit} -n 50",
    "management_silent": "See that nothing else is connected there, or run: systemctl restart "
    "{unit}",
    "management_nonsense": "See that OpenVPN 2.5 or newer listens there; then: systemctl restart "
    "{unit}",
    "lock_missing": "Run: {deploy}; then: systemctl restart {unit}",
    "restart_pending": "Run: systemctl restart {unit}",
}
SERVER_MEND = "Run as root: {deploy}"
# What is mended on another machine.
ELSEWHERE = "On {host} (run vpnbot itself here): {mend}"

# The operator's own words
TEMPLATES_MEND = "See docs/templates.md; to go on without it, unset VPNBOT_TEMPLATES."
TEMPLATES_FINE = (
    "Templates: the profile is yours; instructions of your own: {texts}; files that go along: "
    "{files}."
)
TEMPLATES_FINE_BUILT_IN = (
    "Templates: the profile is the built-in one; instructions of your own: {texts}; files that go "
    "along: {files}."
)

# People
UNPROVED = Complaint(
    "The end of {name}'s access ({common_name}) isn't proved on {server}. {findings}",
    "Mend the server; the bot tries again by itself, or run: vpnbot revoke {grant}",
)
UNPROVED_UNTRIED = "Nobody has looked yet."
UNPROVED_NOWHERE = Complaint(
    "The end of {name}'s access ({common_name}) isn't proved: no server is known yet.",
    "Adopt the server that runs: vpnbot server adopt NAME --config PATH --remote …",
)
PROOFS_FINE = "Revocations: all are proved."
OUTBOX_FINE = "Messages: none is held up."
SET_ASIDE = Complaint(
    "Messages that couldn't be sent and never will be: {count}. The reason: {reason}",
    "Nobody read them: look at vpnbot request list and vpnbot grant list. They are shown for three "
    "days.",
)
WAITS = Complaint(
    "Messages that were tried again and again and still wait: {count}. The reason: {reason}",
    "The bot goes on trying. Where it is Telegram's fault, wait; grant issue and request approve "
    "work without it.",
)
ADMIN_UNKNOWN = Complaint(
    "The admin {admin} hasn't pressed Start, so the bot may not write to them.",
    "Ask them to open {chat} while the bot runs, and to press Start.",
)
ADMIN_SHUT = Complaint(
    "The admin {admin} has blocked the bot.",
    "Ask them to open {chat} while the bot runs, and to press Restart.",
)
CHAT_UNKNOWN = "the bot's chat"
ADMINS_FINE = "Admins: the bot can write to each of them."

ALL_WELL = "All is well."
MORE_OF_A_KIND = "{count} more of this kind: {first}"
FOUND = Plural(
    "{count} finding; mend it as said above and run again: vpnbot doctor",
    "{count} findings; mend them as said above and run again: vpnbot doctor",
)
