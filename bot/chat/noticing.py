"""What a use case says by itself: a notice by its name, with buttons where it has some."""

from collections.abc import Sequence
from datetime import datetime

from bot.access import holdings
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.refusals import Refusal
from bot.chat import buttons, soon_over, strangers, trouble, views
from bot.chat.buttons import Button, Style, Tap
from bot.chat.views import View
from bot.texts import joining as joining_words
from bot.texts import life, notices, policy, requests
from bot.texts.durations import span_text
from bot.texts.fill import Html, blocks, fill, moment
from storage.records import EndReason, Grant, OutboxItem, Payload, UserId

# Notices whose words hang on the reason; what works on is said with them.
_ENDED = {
    Notice.ACCESS_ENDED: notices.ACCESS_ENDED,
    Notice.EARLIER_ACCESS_ENDED: notices.EARLIER_ACCESS_ENDED,
}
_ASK = ((Button(joining_words.BUTTON_ASK, buttons.data(Tap.ASK), Style.MAIN),),)
_BELOW = {Notice.ACCESS_GIVEN: _ASK, Notice.ON_LIST_AGAIN: _ASK}
# Notices whose words hang on why a rule said no; any other why has the words of `NOTICES`.
_BY_REFUSAL = {
    Notice.NOT_BEGUN: policy.NOT_BEGUN,
    Notice.NOT_BEGUN_ADMINS: policy.NOT_BEGUN_ADMINS,
}
_DAY_S = 86_400
# Values of notices that are times.
_MOMENTS = frozenset({"until", "made_at", "used_at"})


async def notice(case: Case, item: OutboxItem) -> View:
    """As its reader sees it now."""
    code, values = Notice(item.payload["code"]), item.payload["values"]
    if code is Notice.NEEDS_HELP:
        return View(await trouble.note(case, values))
    still: list[Grant] = []
    if code in _ENDED:
        found = await holdings.of_person(case.tx, case.now, UserId(item.chat_id))
        still = [one.grant for one in found if one.is_live]
    if code in _ENDED and values["reason"] == EndReason.ENDED:
        server = values.get("server")
        again = await soon_over.ask_again(case, UserId(item.chat_id), server)
        return View(text_of(item.payload, still), again)
    is_choice = code is Notice.STRANGERS_UNKNOWN
    keyboard = strangers.keyboard(values) if is_choice else _BELOW.get(code, ())
    return View(text_of(item.payload, still), keyboard)


def text_of(payload: Payload, still: Sequence[Grant] = ()) -> Html:
    """A notice as it reads now; `still` is what works of theirs whose access has ended."""
    code = Notice(payload["code"])
    values = dict(payload["values"])
    for name in _MOMENTS & values.keys():
        values[name] = moment(datetime.fromisoformat(values[name]))
    if "seconds" in values:
        values["span"] = span_text(values.pop("seconds"))
    if "days" in values:
        values["span"] = span_text(values.pop("days") * _DAY_S)
    if code is Notice.REQUEST_DENIED_BECAUSE:
        values["reason"] = requests.reason_of(values.get("why"), values.get("words"))
    admin = life.who(values.pop("by", None), values.get("admin"), first=True)
    values["Admin"] = admin or life.SOMEBODY_FIRST
    if code in _BY_REFUSAL:
        why = Refusal(values.pop("refusal"))
        return fill(_BY_REFUSAL[code].get(why, notices.NOTICES[code]), **values)
    if code not in _ENDED:
        return fill(notices.NOTICES[code], **values)
    table = _ENDED[code]
    if code is Notice.ACCESS_ENDED and any(grant.server == values["server"] for grant in still):
        table = notices.ONE_PROFILE_ENDED
    said = fill(table[EndReason(values.pop("reason"))], **values)
    return blocks(said, views.still_yours(still))
