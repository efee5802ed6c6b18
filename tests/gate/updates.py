"""Updates as Telegram sends them: raw JSON."""

from typing import Any

Json = dict[str, Any]

BOT: Json = {"id": 9, "is_bot": True, "first_name": "VPN", "username": "vpn_bot"}
# The placeholders in whose names anonymous admins and channels speak.
ANONYMOUS: Json = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
CHANNEL_BOT: Json = {"id": 136817688, "is_bot": True, "first_name": "Channel"}
GROUP: Json = {"id": -55, "type": "group", "title": "Staff"}
SUPERGROUP: Json = {"id": -10055, "type": "supergroup", "title": "Staff"}
CHANNEL: Json = {"id": -10077, "type": "channel", "title": "News"}
# The morning of the gate.
_DATE = 1_772_443_887


def user(user_id: int) -> Json:
    return {"id": user_id, "is_bot": False, "first_name": f"P{user_id}", "username": f"u{user_id}"}


def chat(user_id: int) -> Json:
    return {"id": user_id, "type": "private", "first_name": f"P{user_id}"}


def message(user_id: int, text: str, **changes: Any) -> Json:
    """What somebody types into the private chat."""
    made = {"message_id": 5, "date": _DATE, "chat": chat(user_id), "from": user(user_id)}
    return made | {"text": text} | changes


def tap(user_id: int, data: str, **changes: Any) -> Json:
    """A tap on a button of ours, in the private chat."""
    card = message(user_id, "card", **{"from": BOT})
    query = {"id": "77", "from": user(user_id), "chat_instance": "1", "data": data}
    return query | {"message": card} | changes


def forwarded(user_id: int, text: str, kind: int) -> Json:
    """Words of somebody else, or of another bot."""
    ways: list[Json] = [
        {"forward_origin": {"type": "user", "date": 1, "sender_user": user(2001)}},
        {"forward_origin": {"type": "hidden_user", "date": 1, "sender_user_name": "Boris"}},
        {"forward_origin": {"type": "chat", "date": 1, "sender_chat": GROUP}},
        {"forward_origin": {"type": "channel", "date": 1, "chat": CHANNEL, "message_id": 3}},
        {"via_bot": BOT},
    ]
    return {"message": message(user_id, text, **ways[kind % len(ways)])}


def in_group(user_id: int, text: str, kind: int) -> Json:
    place = (GROUP, SUPERGROUP)[kind % 2]
    return {"message": message(user_id, text, chat=place)}


def void(user_id: int, text: str, data: str, kind: int) -> Json:
    """Something that must not act, whoever sends it and whatever it says."""
    return _VOID[kind % len(_VOID)](user_id, text, data)


def moves(user_id: int, group: int, status: str) -> Json:
    """Somebody comes into a group, or leaves it."""
    until = {"until_date": 0} if status == "kicked" else {}
    return {
        "chat_member": {
            "chat": SUPERGROUP | {"id": group},
            "from": user(user_id),
            "date": _DATE,
            "old_chat_member": {"user": user(user_id), "status": "member"},
            "new_chat_member": {"user": user(user_id), "status": status} | until,
        }
    }


def membership(place: Json, user_id: int, status: str) -> Json:
    member: Json = {"user": BOT, "status": status}
    if status == "kicked":
        member["until_date"] = 0
    return {
        "my_chat_member": {
            "chat": place,
            "from": user(user_id),
            "date": _DATE,
            "old_chat_member": {"user": BOT, "status": "left"},
            "new_chat_member": member,
        }
    }


def _edited(user_id: int, text: str, _data: str) -> Json:
    return {"edited_message": message(user_id, text, edit_date=_DATE + 1)}


def _posted(_user_id: int, text: str, _data: str) -> Json:
    post = message(0, text, chat=CHANNEL, sender_chat=CHANNEL)
    del post["from"]
    return {"channel_post": post}


def _edited_post(user_id: int, text: str, data: str) -> Json:
    return {"edited_channel_post": _posted(user_id, text, data)["channel_post"]}


def _anonymous(_user_id: int, text: str, _data: str) -> Json:
    return {
        "message": message(0, text, chat=SUPERGROUP, sender_chat=SUPERGROUP, **{"from": ANONYMOUS})
    }


def _as_channel(_user_id: int, text: str, _data: str) -> Json:
    sender = {"from": CHANNEL_BOT}
    return {"message": message(0, text, chat=GROUP, sender_chat=CHANNEL, **sender)}


def _named_but_as_a_chat(user_id: int, text: str, _data: str) -> Json:
    return {"message": message(user_id, text, sender_chat=CHANNEL)}


def _by_a_bot(user_id: int, text: str, _data: str) -> Json:
    return {"message": message(user_id, text, **{"from": user(user_id) | {"is_bot": True}})}


def _by_nobody(user_id: int, text: str, _data: str) -> Json:
    made = message(user_id, text)
    del made["from"]
    return {"message": made}


def _business(user_id: int, text: str, _data: str) -> Json:
    return {"business_message": message(user_id, text, business_connection_id="b")}


def _captioned(user_id: int, text: str, _data: str) -> Json:
    made = message(user_id, "", caption=text, photo=[])
    del made["text"]
    return {"channel_post": made}


def _tap_in_group(user_id: int, _text: str, data: str) -> Json:
    return {"callback_query": tap(user_id, data, message=message(user_id, "card", chat=GROUP))}


def _tap_by_a_bot(user_id: int, _text: str, data: str) -> Json:
    return {"callback_query": tap(user_id, data, **{"from": user(user_id) | {"is_bot": True}})}


def _tap_without_data(user_id: int, _text: str, _data: str) -> Json:
    query = tap(user_id, "", game_short_name="x")
    del query["data"]
    return {"callback_query": query}


def _joined_a_group(user_id: int, _text: str, _data: str) -> Json:
    return membership(GROUP, user_id, "member")


def _inline(user_id: int, text: str, _data: str) -> Json:
    return {"inline_query": {"id": "1", "from": user(user_id), "query": text, "offset": ""}}


def _chosen(user_id: int, text: str, _data: str) -> Json:
    return {"chosen_inline_result": {"result_id": "1", "from": user(user_id), "query": text}}


def _unknown(user_id: int, text: str, _data: str) -> Json:
    return {"brand_new_kind": message(user_id, text)}


def _broken(user_id: int, text: str, _data: str) -> Json:
    return {"message": {"from": user(user_id), "text": text}}


_VOID = (
    _edited,
    _posted,
    _edited_post,
    _anonymous,
    _as_channel,
    _named_but_as_a_chat,
    _by_a_bot,
    _by_nobody,
    _business,
    _captioned,
    _tap_in_group,
    _tap_by_a_bot,
    _tap_without_data,
    _joined_a_group,
    _inline,
    _chosen,
    _unknown,
    _broken,
)
VOID_KINDS = len(_VOID)


def picked(who: int, people: list[int]) -> Json:
    """Somebody picks these from their contacts."""
    users = [{"user_id": one, "first_name": "Pat"} for one in people]
    return {"message": message(who, "", users_shared={"request_id": 1, "users": users})}
