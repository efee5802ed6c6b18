"""What a use case says by itself: of a decision, of an end, of what the machine is in need of."""

from bot.access.messages import Notice
from bot.texts import (
    absence,
    canary,
    joining,
    machine,
    not_me,
    pausing,
    policy,
    requests,
    roles,
    strangers,
    trouble,
)
from bot.texts.fill import Plural, Template
from storage.records import EndReason

AUDIT_HEAD = (
    "Log checked up to entry {count}. Keep this message: with it, nothing from before can be "
    "changed unseen.\n<blockquote expandable>Its head is <code>{head}</code>\n"
    "To check it: <code>vpnbot audit verify --head {head}</code></blockquote>"
)
AUDIT_FITS = Plural(
    "The one row there is fits the chain. Its head is {head}",
    "All {count} rows fit the chain. Its head is {head}",
)
AUDIT_NONE = "The log is empty."
NOTICES: dict[Notice, Template] = {
    **machine.NOTICES,
    **canary.NOTICES,
    **roles.NOTICES,
    **pausing.NOTICES,
    **requests.NOTICES,
    **absence.NOTICES,
    Notice.REQUEST_DENIED: (
        "{Admin} denied your request for <b>{server}</b>. If you still need it, talk to them first."
    ),
    Notice.REQUEST_REOPENED: (
        "{Admin} took back the no: your request for <b>{server}</b> is open again."
    ),
    Notice.REQUEST_EXPIRED: (
        "Nobody decided on your request for <b>{server}</b> in time. /requestvpn asks again."
    ),
    Notice.REQUEST_OUTDATED: (
        "I was restored from a backup, so your open request is closed: it may have been decided "
        "since. If you got a profile for it, that stops working. /requestvpn asks again."
    ),
    Notice.REQUEST_WITHDRAWN: (
        "Your request for <b>{server}</b> was closed: this server isn’t offered any more. "
        "/requestvpn asks again."
    ),
    Notice.NO_ADMIN_REACHABLE: (
        "I can’t reach any admin about your request for <b>{server}</b>: they blocked me, or never "
        "pressed Start. Please tell one of them; the request is kept, and /pending shows it."
    ),
    Notice.NO_CARD: (
        "I couldn’t show your request for <b>{server}</b> to any admin: Telegram doesn’t take my "
        "message. Please tell them yourself; the request is kept, and they find it with /pending."
    ),
    Notice.REMOVED: (
        "{Admin} took you off the list: you can’t ask for VPN access any more, and what you had "
        "is being switched off. Questions? Talk to them."
    ),
    Notice.REVOKED_BY: "{Admin} is ending <b>{name}</b>’s access to {servers}.",
    Notice.ACCESS_OVER: "{name}’s access to {server} is over: its time was up.",
    Notice.ACCESS_GIVEN: joining.WELCOME,
    Notice.ON_LIST_AGAIN: joining.ON_LIST_AGAIN,
    Notice.KNOCK_REFUSED: joining.KNOCK_REFUSED,
    Notice.INVITATION_USED: joining.INVITATION_USED,
    Notice.DELIVERY_DELAYED: (
        "Your request was approved, but your profile for <b>{server}</b> can’t be made right now. "
        "I keep trying and send it as soon as I can."
    ),
    Notice.DELIVERY_DELAYED_ADMINS: (
        "⚠️ The profile of {name} for <b>{server}</b> can’t be made right now. I keep trying. On "
        "the machine, <code>vpnbot doctor</code> says what to mend."
    ),
    Notice.UNDELIVERABLE: (
        "⚠️ {name} didn’t get the profile for <b>{server}</b>: they blocked me, or never pressed "
        "Start. I’m switching it off. Ask them to press Start in my chat, and to ask again."
    ),
    Notice.NOT_TAKEN: (
        "I couldn’t send you your profile for <b>{server}</b>: Telegram doesn’t take it. If you "
        "got one all the same, delete it; it won’t work. I’m telling the admins; ask one of "
        "them to hand you a profile, or try again with /requestvpn."
    ),
    Notice.NOT_TAKEN_ADMINS: (
        "⚠️ Telegram doesn’t take the profile of {name} for <b>{server}</b>, so it’s being "
        "switched off. On the machine, <code>vpnbot doctor</code> says why, and <code>vpnbot grant "
        "issue {id} --server {server} --output FILE</code> gives a profile without Telegram."
    ),
    Notice.TEMPLATES_BROKEN: (
        "⚠️ One of your templates can’t be used as it is, so somebody may get no instructions, or "
        "no profile. On the machine, <code>vpnbot doctor</code> names it. All else goes on."
    ),
    Notice.NO_ROOM: (
        "⚠️ The profile of {name} got lost on its way, and there is no room on <b>{server}</b> "
        "for a fresh one. Revoke somebody’s access there; then let {name} ask again."
    ),
    Notice.SERVER_CERTIFICATE_ENDS: (
        "⚠️ The certificate of <b>{server}</b> ends at {until}. From then on nobody gets in "
        "there. Renew it on my machine, as root: <code>{renew}</code>. Then restart that OpenVPN."
    ),
    Notice.SERVERS_CERTIFICATES_END: Plural(
        "⚠️ A server’s certificate from before the takeover ends within {span}: {names}. From "
        "then on nobody gets in where it is shown. Give that server a new one in time.",
        "⚠️ {count} servers’ certificates from before the takeover end within {span}: {names}. "
        "From then on nobody gets in where they are shown. Give those servers new ones in time.",
    ),
    Notice.CERTIFICATES_END: Plural(
        "⚠️ A certificate ends within {span}: {names}. If its owner still needs access, "
        "they can ask with /requestvpn.",
        "⚠️ {count} certificates end within {span}: {names}. If their owners still need "
        "access, they can ask with /requestvpn.",
    ),
    Notice.AUDIT_HEAD: AUDIT_HEAD,
    Notice.STRANGERS_CUT: (
        "⚠️ I was restored from a backup. On <b>{server}</b> I shut out everybody I don’t know: "
        "{names}. Their access was given after the backup; they can ask again with /requestvpn."
    ),
    Notice.NOT_BEGUN: policy.NOT_BEGUN_ELSE,
    Notice.NOT_BEGUN_ADMINS: policy.NOT_BEGUN_ADMINS_ELSE,
    Notice.NEEDS_HELP: trouble.NOTE,
    **strangers.NOTICES,
    **not_me.NOTICES,
}
ACCESS_ENDED: dict[EndReason, str] = {
    EndReason.ENDED: (
        "Your access to <b>{server}</b> has reached its end. /requestvpn asks for a new one."
    ),
    EndReason.REVOKED: (
        "{Admin} took back your access to <b>{server}</b>. If you still need it, talk to them."
    ),
    EndReason.LOST: (
        "Your profile for <b>{server}</b> got lost on its way, so I’m switching it off. "
        "/requestvpn asks again."
    ),
    EndReason.REMOVED: (
        "{Admin} took you off the list, so your access to <b>{server}</b> is being switched off."
    ),
}
# Where another profile of theirs for the same server works on.
ONE_PROFILE_ENDED: dict[EndReason, str] = ACCESS_ENDED | {
    EndReason.ENDED: "One of your profiles for <b>{server}</b> has reached its end.",
    EndReason.REVOKED: (
        "{Admin} took back one of your profiles for <b>{server}</b>. Questions? Talk to them."
    ),
}
STILL_YOURS = "You still have:"
STILL_YOURS_MORE = "… and more: /myvpn"
STILL_YOURS_LINE = "• <b>{server}</b> until {until}, <code>{common_name}</code>"
STILL_YOURS_IMPORTED = "• <code>{common_name}</code>, from before the takeover, until {until}"
# Of a profile from before the takeover, which is for no server by name.
EARLIER_ACCESS_ENDED: dict[EndReason, str] = {
    EndReason.ENDED: (
        "Your earlier VPN profile <code>{common_name}</code> has reached its end. "
        "/requestvpn asks for a new one."
    ),
    EndReason.REVOKED: (
        "{Admin} took back your earlier VPN profile <code>{common_name}</code>. If you still need "
        "access, /requestvpn asks for it."
    ),
    EndReason.REMOVED: (
        "{Admin} took you off the list, so your earlier VPN profile <code>{common_name}</code> is "
        "being switched off."
    ),
}
