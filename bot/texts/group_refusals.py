"""Why a change of groups, or what groups do not allow, is refused; see `bot.texts.refusals`."""

from bot.access.refusals import Refusal
from bot.texts.fill import Plural, Template

IN_CHAT: dict[Refusal, Template] = {
    Refusal.SERVER_NOT_OPEN: (
        "Your groups don’t include {server}. You can ask for: {servers}. If you need {server}, "
        "talk to your admin."
    ),
    Refusal.UNKNOWN_GROUP: "There is no group “{group}”. /group shows those that there are.",
    Refusal.GROUP_EXISTS: "There is a group “{group}” already.",
    Refusal.BAD_GROUP_NAME: (
        "“{group}” can’t be a group’s name: it begins with a letter and has at most 32 of a-z, "
        "0-9, '-' and '_'."
    ),
    Refusal.RANGE_NOWHERE: "{network} is in none of the servers’ networks: {networks}.",
    Refusal.RANGE_TAKEN: "{network} overlaps {range} of the group {group}.",
    Refusal.RANGE6: (
        "{network} must have room for {count} addresses, and leave the first {count} of {server}’s "
        "network to everybody else."
    ),
    Refusal.RANGE_FULL: "{network} has no address that {server} could give to a client.",
    Refusal.APPROVER_NO_ADMIN: (
        "{id} is neither admin nor approver, so their approval wouldn’t count."
    ),
    Refusal.TOO_FEW_APPROVERS: Plural(
        "{needed} approvals can’t come from {count} approver.",
        "{needed} approvals can’t come from {count} approvers.",
    ),
    Refusal.IN_GROUP_ALREADY: "{name} is in {group} already.",
    Refusal.NOT_IN_GROUP: "{name} isn’t in {group}, so nothing was changed.",
}
IN_TERMINAL: dict[Refusal, Template] = {
    Refusal.SERVER_NOT_OPEN: (
        "Their groups don’t include {server}, but {servers}; see: vpnbot group list"
    ),
    Refusal.UNKNOWN_GROUP: "There is no group “{group}”; see: vpnbot group list",
    Refusal.GROUP_EXISTS: (
        "There is a group “{group}” already; vpnbot group edit {group} changes it."
    ),
    Refusal.RANGE_NOWHERE: (
        "{network} is in none of the networks that the group’s servers have: {networks}; choose "
        "a part of one of them with --network."
    ),
    Refusal.RANGE_TAKEN: (
        "{network} overlaps {range} of the group {group}; choose another range with --network."
    ),
    Refusal.APPROVER_NO_ADMIN: (
        "{id} is neither admin nor approver, so their approval wouldn’t count; first run vpnbot "
        "user role {id} approver, or name somebody else with --approvers."
    ),
    Refusal.TOO_FEW_APPROVERS: Plural(
        "{needed} approvals can’t come from {count} approver; name more with --approvers.",
        "{needed} approvals can’t come from {count} approvers; name more with --approvers.",
    ),
}
