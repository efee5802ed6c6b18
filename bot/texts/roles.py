"""What people read about roles: who is admin, approver or auditor, and what that means."""

from bot.access.messages import Notice
from bot.access.refusals import Refusal
from bot.texts.fill import Template
from storage.role_records import Role

HELP_APPROVER = (
    "You decide on requests of: {groups}. They come to you as cards with Approve and Deny."
)
HELP_APPROVER_NOBODY = (
    "You’re an approver, but of no group yet. An admin can say which: "
    "<code>/role {id} approver GROUP</code>"
)
HELP_AUDITOR = "You’re an auditor: you can look at everything here, and change nothing."
NOT_LISTED = "You aren’t on the allowlist yourself. If you need VPN access, ask an admin."

NAMES: dict[Role, str] = {
    Role.ADMIN: "admin",
    Role.APPROVER: "approver",
    Role.AUDITOR: "auditor",
}
APPROVER_OF = "approver for {groups}"
BY_SETTINGS = "admin, by the settings"
LISTED = "With a role:"
LINE = "<b>{name}</b>, <code>{id}</code>: {role}"
NONE = "Nobody has a role but the admins named in the settings."
HOW = (
    "<code>/role WHO approver GROUP</code> lets somebody decide for a group, "
    "<code>/role WHO auditor</code> lets them look, <code>/role WHO admin</code> lets them do "
    "everything, <code>/role WHO none</code> takes it back."
)
IS = "{name}: {role}"
IS_NOTHING = "{name} has no role."
GIVEN: dict[Role, str] = {
    Role.ADMIN: "✅ {name} is an admin now.",
    Role.APPROVER: "✅ {name} is an approver for {groups} now.",
    Role.AUDITOR: "✅ {name} is an auditor now.",
}
GIVEN_NO_GROUP = (
    "✅ {name} is an approver now, but of no group yet: <code>/role {id} approver GROUP</code>"
)
TAKEN = "✅ {name} has no role any more."

CARD_CLOSED = "Request {id}: others decide on it now."
CARD_LOOK = "You can look at this request; others decide on it."

NOTICES: dict[Notice, Template] = {
    Notice.MADE_ADMIN: "{Admin} made you an admin. /help shows what you can do.",
    Notice.MADE_APPROVER: "{Admin} made you an approver. /help shows what that means.",
    Notice.MADE_AUDITOR: "{Admin} made you an auditor. /help shows what you can look at.",
    Notice.ROLE_OVER: "{Admin} took your role back. /help shows what you can do now.",
    Notice.ROLE_GIVEN: "{Admin} gave {name} the role “{role}”.",
    Notice.ROLE_TAKEN: "{Admin} took {name}’s role back.",
}
IN_CHAT: dict[Refusal, str] = {
    Refusal.OTHER_GROUP: "You can’t decide on this one: you decide for {groups}. An admin can.",
    Refusal.ADMIN_BY_SETTINGS: (
        "{name} is an admin by the settings, so that can’t be changed here. On the machine: take "
        "them out of VPNBOT_ADMIN_IDS and restart me."
    ),
    Refusal.SEVERAL_APPOINT: (
        "Several have to agree to a request here, so one admin alone can’t make another one who "
        "decides. On the server vpnbot user role {id} {role} does it."
    ),
    Refusal.ROLE_GROUPS: "Only approvers have groups: /role WHO approver GROUP.",
    Refusal.SAME_ROLE: "{name} has that role already.",
    Refusal.NO_ROLE: "{name} has no role, so there is nothing to take back.",
    Refusal.UNKNOWN_ROLE: "“{role}” isn’t a role. Write admin, approver, auditor, or none.",
}
IN_TERMINAL: dict[Refusal, str] = {
    Refusal.ADMIN_BY_SETTINGS: (
        "{name} is an admin by VPNBOT_ADMIN_IDS; take them out of it, and restart the bot."
    ),
    Refusal.ROLE_GROUPS: "Only approvers have groups; leave --group out.",
}
