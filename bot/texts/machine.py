"""What people read about the bot's machine and the servers: lists, clocks, a full disk."""

from bot.access.messages import Notice
from bot.texts.fill import Plural, Template

# The caption of a profile of the new CA.
MOVED = (
    "This is your new profile for <b>{server}</b>: the VPN’s certificates are being renewed. The "
    "earlier one ends now, so import this one and delete that."
)
NOTICES: dict[Notice, Template] = {
    Notice.CRL_UNPUBLISHED: (
        "⚠️ The revocation list of <b>{server}</b> couldn’t be renewed. It’s valid until "
        "{until}; after that, or where OpenVPN can’t read it, nobody gets in there. On the "
        "machine, <code>vpnbot doctor</code> says what to mend. I keep trying."
    ),
    Notice.CRL_PUBLISHED: "The revocation list of <b>{server}</b> is renewed again.",
    Notice.RESTORED: Plural(
        "I was restored from a backup of {made_at}; what was decided since is lost. One request "
        "was open in it: I closed that, and I’m asking whoever it was to ask again.",
        "I was restored from a backup of {made_at}; what was decided since is lost. {count} "
        "requests were open in it: I closed them, and I’m telling those people to ask again.",
    ),
    Notice.CRL_REPLACED: (
        "⚠️ Something had put another revocation list in the place of mine on <b>{server}</b>, or "
        "had closed mine to OpenVPN. Mine is there again, and I’m looking who is connected: the "
        "answer follows. Does a job of easy-rsa still run gen-crl? Stop it: whoever I revoked "
        "isn’t on its list."
    ),
    Notice.CA_ENDS: (
        "⚠️ The certificate authority ends at {until}. From then on nobody gets in, whatever "
        "they have, and no profile can outlive it. Have a new one take its place in good time: "
        "<code>vpnbot ca rotate</code> on my machine says step by step what to do, and nobody is "
        "shut out on the way."
    ),
    Notice.GROUP_MOVED: (
        "Telegram made a supergroup of your group, so it has another number. I follow it by "
        "myself. Write the new one into my settings all the same, since a backup from before "
        "doesn’t know it: <code>VPNBOT_{setting}={number}</code>"
    ),
    Notice.PROFILES_MOVE: Plural(
        "The VPN’s certificates are being renewed: one profile is replaced. Its owner gets the new "
        "one here, and the earlier one ends in that moment.",
        "The VPN’s certificates are being renewed: {count} profiles are replaced. Their owners get "
        "the new ones here, and each earlier one ends in that moment.",
    ),
    Notice.HOST_KEY_CHANGED: (
        "⚠️ The machine of <b>{server}</b> shows another host key than before: it was set up anew, "
        "or somebody is in between. Until you say which key is right I do nothing there, so "
        "whoever you revoke may still get in there. On my machine, <code>vpnbot doctor</code> "
        "shows both keys and how to pin the right one."
    ),
    Notice.HOST_KEY_AGREED: "The machine of <b>{server}</b> shows the right host key again.",
    Notice.SERVER_SILENT: (
        "⚠️ OpenVPN on <b>{server}</b> doesn’t answer, so nobody can connect there. On that "
        "machine, <code>systemctl status 'openvpn*'</code> shows why. I tell you when it’s back."
    ),
    Notice.SERVER_UNREACHABLE: (
        "⚠️ I can’t reach the machine of <b>{server}</b>, so I don’t know whether people can "
        "connect there, and can’t end anybody’s access on it. I keep trying and tell you when it’s "
        "back."
    ),
    Notice.SERVER_HEARD: "✅ OpenVPN on <b>{server}</b> answers again.",
    Notice.CLOCK_AHEAD: (
        "⚠️ The clock of my machine is {span} ahead. Until it’s right again nobody gets a new "
        "profile, and no access ends by itself for an hour at most; /revoke works. On the machine, "
        "<code>timedatectl</code> shows the clock and turns on the network’s time."
    ),
    Notice.CLOCK_BEHIND: (
        "⚠️ The clock of my machine is {span} behind. Until it’s right again nobody gets a new "
        "profile, and no access ends by itself for an hour at most; /revoke works. On the machine, "
        "<code>timedatectl</code> shows the clock and turns on the network’s time."
    ),
    Notice.CLOCK_AGREED: (
        "The clock of my machine is right again. New profiles go out, and access ends in time."
    ),
    Notice.SERVER_CLOCK_AHEAD: (
        "⚠️ The clock of <b>{server}</b> is {span} ahead. From six days on it lets nobody in. On "
        "that machine, <code>timedatectl set-ntp true</code> turns on the network’s time."
    ),
    Notice.SERVER_CLOCK_BEHIND: (
        "⚠️ The clock of <b>{server}</b> is {span} behind. From a day on it lets nobody in. On that "
        "machine, <code>timedatectl set-ntp true</code> turns on the network’s time."
    ),
    Notice.SERVER_CLOCK_AGREED: "The clock of <b>{server}</b> is right again.",
    Notice.CLOCK_BELIEVED: (
        "⚠️ Nothing vouched for the clock of my machine: Telegram couldn’t be reached for the "
        "first {minutes} minutes after my start. I went by that clock; if it was wrong, some "
        "access ended too early or too late. /grants shows what there is."
    ),
}

# Said without the database: the disk has no room for it.
NO_ROOM = (
    "I can’t take anything on right now: my machine’s disk is full. I’m telling the admins. "
    "What you wrote waits, and I answer it as soon as there’s room."
)
NO_ROOM_ADMIN = (
    "⚠️ The disk of my machine is full. I still take /revoke and /remove from admins; all else "
    "waits with Telegram, and I say so to whoever writes. Make room there; <code>vpnbot "
    "doctor</code> says where."
)
