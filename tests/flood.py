"""What many strangers send at once: raw updates, for whoever floods the bot."""

import time

from tests.gate import updates
from tests.gate.updates import Json

STRANGERS = range(700_000, 700_300)
_WORDS = ("/start", "hello " * 50, "/revoke 1001", "/requestvpn 7d", "let me in", "/help")


def flood(number: int, *, odd: bool = True) -> list[Json]:
    """Words, forged taps, people who come and go.

    Args:
        odd: with groups, and what nobody can read.
    """
    now = int(time.time())
    people = (STRANGERS[place % len(STRANGERS)] for place in range(number))
    return [_one(place, who, now, odd=odd) for place, who in enumerate(people)]


def _one(place: int, who: int, now: int, *, odd: bool) -> Json:
    match place % 20:
        case 3 | 7:
            return {"callback_query": updates.tap(who, "ap:1:3600:00000000")}
        case 11 if odd:
            group = updates.GROUP | {"id": -who}
            return {"message": updates.message(who, "/start", chat=group, date=now)}
        case 13:
            return updates.membership(updates.chat(who), who, "kicked")
        case 17 if odd:
            return {"message": {"from": updates.user(who), "chat": updates.chat(who), "text": "x"}}
        case _:
            return {"message": updates.message(who, _WORDS[place % len(_WORDS)], date=now)}
