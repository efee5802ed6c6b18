"""What was before a request, as its card shows it: who asks, and what became of earlier ones."""

from collections.abc import Sequence

from bot.access.approvals import Past
from bot.access.case import Case
from bot.access.hearing import Hearing
from bot.texts import life
from bot.texts.durations import duration_text
from bot.texts.fill import Html, fill, moment
from storage.records import Person, RequestState, Verdict

# What was decided about somebody lately: the newest of it.
_PAST_SHOWN = 3
_EARLIER_SHOWN = 3


def renamed(person: Person | None) -> Html:
    """Empty as long as they have the username by which they were put on the list."""
    if person is None or person.allowed_username in {None, person.username}:
        return Html("")
    return fill(life.CARD_RENAMED, username=f"@{person.allowed_username}")


async def before(case: Case, heard: Hearing, past: Sequence[Past]) -> list[Html]:
    """What was decided against them lately; and the last that they asked for, whatever became of
    it, where that says more.
    """
    found = [_past(one) for one in past[:_PAST_SHOWN]]
    accounts = await case.tx.people.accounts_of(heard.request.user_id)
    for one in await case.tx.requests.earlier(accounts, heard.request.id, limit=_EARLIER_SHOWN):
        is_denied = one.state is RequestState.DENIED
        is_said = is_denied and any(each.at == one.decided_at for each in past)
        if one.decided_at is not None and not is_said:
            duration, at = duration_text(one.duration), moment(one.decided_at)
            template = life.CARD_EARLIER[one.state]
            found.append(fill(template, server=one.server, duration=duration, at=at))
    return found


def _past(one: Past) -> Html:
    template = life.PAST_DENIED if one.verdict is Verdict.DENY else life.PAST_ENDED
    who = life.who(one.by, one.by_name, first=True) or life.SOMEBODY_FIRST
    return fill(template, Admin=who, server=one.server, at=moment(one.at))
