"""What the words of each refusal are filled with."""

from datetime import UTC, datetime
from typing import Any

from storage.records import RequestState

NOW = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)
REFUSALS: dict[str, dict[str, Any]] = {
    "not_allowed": {},
    "admins_only": {},
    "unknown_duration": {"duration": "7y"},
    "duration_too_long": {"seconds": 31 * 86_400, "limit": 30 * 86_400},
    "outlives_authority": {"until": NOW},
    "no_server": {},
    "unknown_server": {"server": "rome"},
    "already_open": {"server": "berlin", "request": 7},
    "asked_too_often": {"count": 10, "wait": 1380},
    "renewed_too_often": {"count": 5, "wait": 1380},
    "unknown_request": {"request": 7},
    "already_decided": {"state": RequestState.DENIED, "admin": "Boris"},
    "not_yours": {},
    "stranger_gone": {},
    "own_request": {"request": 7},
    "not_offered": {},
    "no_button": {},
    "forwarded": {},
    "requester_removed": {},
    "network_full": {"server": "berlin"},
    "server_closed": {"server": "berlin"},
    "unknown_grant": {"grant": "g-missing"},
    "grant_over": {"may_work": True, "count": 2},
    "grant_ends_soon": {},
    "clock_in_doubt": {},
    "grant_busy": {},
    "nothing_live": {"name": "Anna", "names": ["anna.petrova"]},
    "unknown_person": {"who": "eve"},
    "nobody_wrote": {"who": "@eve"},
    "several_fit": {"who": "eve", "named": ["Eve (@eve, 7)", "Eve (8)"]},
    "username_old": {"who": "@eve", "name": "Eve", "id": 7},
    "admin_of_settings": {"name": "Boris", "id": 2001},
    "bad_id": {"id": "abc"},
    "bad_name": {},
    "card_changed": {},
    "agreed_already": {},
    "same_person": {},
    "not_linked": {"name": "Anna"},
    "not_allowed_yet": {"name": "Anna"},
    "nothing_to_link": {"name": "anna"},
    "for_servers": {"name": "server"},
}
