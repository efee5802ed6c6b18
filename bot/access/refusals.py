"""Why an act is refused. The words for each code are in `bot/texts`."""

from enum import StrEnum
from typing import Any


class Refusal(StrEnum):
    NOT_ALLOWED = "not_allowed"
    ADMINS_ONLY = "admins_only"
    UNKNOWN_DURATION = "unknown_duration"
    DURATION_TOO_LONG = "duration_too_long"
    OUTLIVES_AUTHORITY = "outlives_authority"
    AUTHORITY_OVER = "authority_over"
    AUTHORITY_AHEAD = "authority_ahead"
    NO_SERVER = "no_server"
    UNKNOWN_SERVER = "unknown_server"
    ALREADY_OPEN = "already_open"
    BAD_START = "bad_start"
    START_PAST = "start_past"
    START_FAR = "start_far"
    REVOKED_SINCE = "revoked_since"
    APPROVAL_OVER = "approval_over"
    START_OVER = "start_over"  # and so is what it was for
    REASON_NEEDED = "reason_needed"
    TICKET_NEEDED = "ticket_needed"
    TOO_MANY_PROFILES = "too_many_profiles"
    REASON_MISSING = "reason_missing"  # of these three, to whoever would approve
    TICKET_MISSING = "ticket_missing"
    PROFILES_FULL = "profiles_full"
    GROUP_DECIDES = "group_decides"  # it says who has to agree, so nobody takes people out alone
    OWN_STANDING = "own_standing"  # an admin would approve what they ask for themselves
    ASKED_TOO_OFTEN = "asked_too_often"
    RENEWED_TOO_OFTEN = "renewed_too_often"
    UNKNOWN_REQUEST = "unknown_request"
    ALREADY_DECIDED = "already_decided"
    NOT_YOURS = "not_yours"
    OWN_REQUEST = "own_request"
    OTHER_GROUP = "other_group"  # than an approver decides for
    NOT_OFFERED = "not_offered"
    CHANGED_TOO_OFTEN = "changed_too_often"
    NO_WORDS = "no_words"  # nothing that could be read
    NUDGED_ALREADY = "nudged_already"
    NUDGE_EARLY = "nudge_early"
    NOBODY_TO_NUDGE = "nobody_to_nudge"
    NOBODY_ELSE_DECIDES = "nobody_else_decides"
    DECIDES_NOTHING = "decides_nothing"
    NOT_AWAY = "not_away"
    NOTHING_TO_UNDO = "nothing_to_undo"
    UNDO_NOT_YOURS = "undo_not_yours"
    UNDO_LATE = "undo_late"
    UNDO_ASKED_AGAIN = "undo_asked_again"
    CARD_CHANGED = "card_changed"
    AGREED_ALREADY = "agreed_already"
    SAME_PERSON = "same_person"
    NOT_LINKED = "not_linked"
    NOT_ALLOWED_YET = "not_allowed_yet"
    NOTHING_TO_LINK = "nothing_to_link"
    FOR_SERVERS = "for_servers"
    REQUESTER_REMOVED = "requester_removed"
    REQUESTER_PAUSED = "requester_paused"
    PAUSED = "paused"
    NOT_PAUSED = "not_paused"
    PAUSE_OVER = "pause_over"  # its end is not still to come
    BAD_DAY = "bad_day"
    LINKED_WHILE_PAUSED = "linked_while_paused"
    NETWORK_FULL = "network_full"
    SERVER_CLOSED = "server_closed"
    SERVER_NOT_OPEN = "server_not_open"  # to the person, by their groups
    NOT_APPROVER = "not_approver"
    BAD_ADDRESS = "bad_address"
    BAD_TIME = "bad_time"
    UNKNOWN_GROUP = "unknown_group"
    GROUP_EXISTS = "group_exists"
    BAD_GROUP_NAME = "bad_group_name"
    RANGE_NOWHERE = "range_nowhere"
    RANGE_TAKEN = "range_taken"
    RANGE6 = "range6"
    RANGE_FULL = "range_full"
    APPROVER_NO_ADMIN = "approver_no_admin"
    TOO_FEW_APPROVERS = "too_few_approvers"
    ADMIN_BY_SETTINGS = "admin_by_settings"
    OWN_PAUSE = "own_pause"  # somebody else keeps them out, who alone lets them in again
    SEVERAL_APPOINT = "several_appoint"  # one admin would make themselves as many as it takes
    ROLE_GROUPS = "role_groups"  # belong to approvers only
    SAME_ROLE = "same_role"
    NO_ROLE = "no_role"
    UNKNOWN_ROLE = "unknown_role"
    IN_GROUP_ALREADY = "in_group_already"
    NOT_IN_GROUP = "not_in_group"
    UNKNOWN_GRANT = "unknown_grant"
    GRANT_OVER = "grant_over"
    CLOCK_IN_DOUBT = "clock_in_doubt"  # of this machine
    GRANT_ENDS_SOON = "grant_ends_soon"
    GRANT_BUSY = "grant_busy"
    MORE_TIME_GIVEN = "more_time_given"  # a profile that lasts for longer is there
    NO_MORE_TIME = "no_more_time"  # may be given than the profile has
    NOTHING_LIVE = "nothing_live"
    UNKNOWN_PERSON = "unknown_person"
    NOBODY_WROTE = "nobody_wrote"
    SEVERAL_FIT = "several_fit"
    USERNAME_OLD = "username_old"
    ADMIN_OF_SETTINGS = "admin_of_settings"
    STRANGER_GONE = "stranger_gone"
    ON_LIST_ALREADY = "on_list_already"
    KNOCKED_ALREADY = "knocked_already"
    KNOCKS_FULL = "knocks_full"
    KNOCK_OVER = "knock_over"
    KNOCK_ANSWERED = "knock_answered"
    FAREWELL_LATE = "farewell_late"
    FAREWELL_OVERTAKEN = "farewell_overtaken"  # by a newer decision about them
    FAREWELL_GROUP_GONE = "farewell_group_gone"
    LEAVING_OVER = "leaving_over"
    LEAVING_KEPT = "leaving_kept"
    LEAVING_OWN = "leaving_own"
    INVITATION_OVER = "invitation_over"
    INVITATION_UNKNOWN = "invitation_unknown"
    INVITATION_CLOSED = "invitation_closed"
    NO_BUTTON = "no_button"
    KEY_SHOWN = "key_shown"
    TOLD_LATELY = "told_lately"
    NO_FILES = "no_files"
    NO_OWN_KEY = "no_own_key"
    FORWARDED = "forwarded"
    BAD_ID = "bad_id"
    BAD_NAME = "bad_name"
    INVITE_HAS_NO_END = "invite_has_no_end"
    LIST_HAS_NO_END = "list_has_no_end"


class Refused(Exception):
    """A rule says no. Nothing has been changed.

    Args:
        code: what the rule is.
        values: what the words need; texts that a person typed are cut and escaped when shown.
    """

    def __init__(self, code: Refusal, **values: Any) -> None:
        super().__init__(code.value)
        self.code = code
        self.values = values
