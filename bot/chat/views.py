"""How requests, grants and people look in a chat. Rendered from what is true when it is sent."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.access import who
from bot.access.holdings import Holding
from bot.access.permission import Act, Actor, may
from bot.access.usage import LastUse
from bot.chat import buttons
from bot.chat.buttons import Button, Keyboard, Style, Tap
from bot.handover.handover import Topic
from bot.texts import chat as words
from bot.texts import keys as key_words
from bot.texts import more_time as time_words
from bot.texts import notices
from bot.texts import offers as offer_words
from bot.texts import pausing as pause_words
from bot.texts import policy as policy_words
from bot.texts import requests as request_words
from bot.texts import trouble as trouble_words
from bot.texts.durations import duration_text
from bot.texts.fill import Html, blocks, fill, lines, moment, plain_in_chat, utc
from bot.texts.online import amount
from storage.devices import Device
from storage.pauses import PersonPause
from storage.records import (
    LIVE_STATES,
    Grant,
    GrantId,
    GrantState,
    Pause,
    Person,
    Request,
    RequestState,
    UserId,
)
from storage.transaction import Transaction

# A message holds about this many entries.
SHOWN = 15
BUTTONS_SHOWN = 20
_SERVERS_NAMED = 5
_PEOPLE_NAMED = 3
_STATES = pause_words.STATES


@dataclass(frozen=True, slots=True)
class View:
    """A message as it is to look."""

    text: Html
    keyboard: Keyboard = ()


def cancel_button(request: Request) -> Button:
    """Takes a request back."""
    return Button(words.BUTTON_CANCEL, buttons.data(Tap.CANCEL, request.id))


def my_access(
    viewer: UserId,
    requests: Sequence[Request],
    has: Sequence[Holding],
    names: Mapping[UserId, str],
    used: Mapping[GrantId, LastUse],
    pause: PersonPause | None = None,
    lasting: Mapping[GrantId, bool] | None = None,
    devices: Mapping[GrantId, Device] | None = None,
) -> View:
    """What somebody has and waits for, and what of theirs has ended without a proof.

    Args:
        names: of the viewer's accounts, by which what they have may have been given.
        lasting: the profiles that get no more time now: True where another one is there that lasts
            for longer, False where it was asked for.
        devices: what some of the profiles are for.
    """
    lasting = lasting or {}
    if not requests and not has and pause is None:
        return View(Html(words.MY_NOTHING))
    paused = "" if pause is None else Html(pause_words.MINE)
    if pause is not None and pause.until is not None:
        paused = fill(pause_words.MINE_UNTIL, until=moment(pause.until))
    waiting = [
        fill(
            _waiting_template(request),
            id=request.id,
            server=request.server,
            duration=duration_text(request.duration),
            until=moment(request.expires_at),
            start=moment(request.starts_at) if request.starts_at else "",
        )
        for request in requests
    ]
    live = [one.grant for one in has if one.is_live][:SHOWN]
    ending = [one.grant for one in has if not one.is_live][:SHOWN]
    said = []
    for grant in (*live, *ending):
        account = ""
        if grant.user_id is not None and grant.user_id != viewer:
            account = fill(words.MY_OTHER_ACCOUNT, name=names[grant.user_id])
        text = fill(
            _my_template(grant),
            server=_with_device(grant, devices or {}),
            until=moment(grant.not_after),
            state=state_text(grant),
            common_name=grant.common_name,
            address=_addresses(grant),
        )
        until = time_words.MY_UNTIL_USED if lasting.get(grant.id) else ""
        said.append(lines(account, text, last_use(used.get(grant.id)), until))
    cancels = [(cancel_button(request),) for request in requests]
    names_of = told_apart(live, devices or {})
    rows: list[tuple[Button, ...]] = []
    for grant in live:
        own = grant.user_id == viewer
        rows += _my_buttons(grant, names_of[grant.id], own=own, lasts=grant.id in lasting)
    return View(blocks(paused, *waiting, *said), (*cancels, *rows))


def _waiting_template(request: Request) -> str:
    if request.state is RequestState.SCHEDULED:
        return policy_words.MY_SCHEDULED
    template = words.MY_REQUEST_CHOOSING if request.server is None else words.MY_REQUEST
    return f"{template}\n{policy_words.MY_FROM}" if request.starts_at else template


def state_text(grant: Grant) -> str:
    """How far a grant is, for whoever reads a list."""
    return words.GRANT_STATES[grant.state] if grant.pause is None else _STATES[grant.pause]


def last_use(use: LastUse | None) -> Html:
    """When a profile was last connected, as far as anybody has looked."""
    if use is None:
        return Html(words.NOT_USED)
    return fill(words.LAST_USE, at=moment(use.at), amount=amount(use.received + use.sent))


def _my_template(grant: Grant) -> str:
    is_imported = grant.imported_at is not None
    if grant.state is GrantState.REVOKING:
        return words.MY_GRANT_ENDING_IMPORTED if is_imported else words.MY_GRANT_ENDING
    if grant.state not in LIVE_STATES:
        return words.MY_GRANT_DROPPED
    if is_imported:
        return words.MY_GRANT_IMPORTED
    return words.MY_GRANT if _addresses(grant) else words.MY_GRANT_POOL


def _addresses(grant: Grant) -> str:
    """The client's address; of a set, on each of its servers that gives a fixed one."""
    fixed = [place for place in grant.places if place.address]
    if grant.servers == (grant.server,):
        return "".join(str(place.address) for place in fixed)
    return ", ".join(f"{place.address} ({place.server})" for place in fixed)


def told_apart(grants: Sequence[Grant], devices: Mapping[GrantId, Device]) -> Mapping[GrantId, str]:
    """By its server and device, or by the name that it had before the takeover; where several have
    the same, by the end of its file's name, too, and then by its end."""
    names = {grant.id: _with_device(grant, devices) for grant in grants}
    for mark in (_code, _end):
        count = Counter(names.values())
        names |= {
            grant.id: f"{names[grant.id]} ({mark(grant)})"
            for grant in grants
            if count[names[grant.id]] > 1 and mark(grant) != names[grant.id]
        }
    return names


def _with_device(grant: Grant, devices: Mapping[GrantId, Device]) -> str:
    name = grant.server or grant.common_name
    device = devices.get(grant.id)
    return name if device is None else f"{name}, {offer_words.DEVICE_NAMES[device]}"


def _code(grant: Grant) -> str:
    return grant.common_name.rpartition("-")[2]


def _end(grant: Grant) -> str:
    return utc(grant.not_after)


def _my_buttons(grant: Grant, name: str, *, own: bool, lasts: bool) -> Keyboard:
    give_up = Button(
        words.BUTTON_GIVE_UP.format(server=name),
        buttons.data(Tap.GIVE_UP, grant.id),
        Style.BAD,
    )
    # For an imported one nobody knows which server its profile is for, and a new one goes to the
    # account that asked.
    is_active = grant.state is GrantState.ACTIVE and grant.pause is None
    if not is_active or grant.imported_at is not None or not own:
        return ((give_up,),)
    renew = Button(
        words.BUTTON_NEW_PROFILE.format(server=name),
        buttons.data(Tap.RENEW, grant.id),
        Style.MAIN,
    )
    if lasts:
        return ((renew, give_up),)
    return (
        (more_time_button(grant, time_words.BUTTON_FOR.replace("{server}", name)),),
        (renew, give_up),
    )


def still_yours(grants: Sequence[Grant]) -> Html:
    """What works on when something has ended; nothing where that is all."""
    if not grants:
        return Html("")
    said = [
        fill(
            notices.STILL_YOURS_LINE if grant.server else notices.STILL_YOURS_IMPORTED,
            server=grant.server,
            until=moment(grant.not_after),
            common_name=grant.common_name,
        )
        for grant in grants[:_SERVERS_NAMED]
    ]
    rest = notices.STILL_YOURS_MORE if len(grants) > len(said) else ""
    return lines(notices.STILL_YOURS, *said, rest)


def revoke_rest(grants: Sequence[Grant], names: Mapping[UserId, str]) -> Keyboard:
    """For an admin: one button for all that a receipt says its person has left, by whichever
    account, and one for each name that is nobody's."""
    rows: dict[str, Button] = {}
    for grant in grants:
        if grant.user_id is not None:
            text = words.BUTTON_REVOKE_REST.format(name=names[grant.user_id])
        else:
            text = words.BUTTON_REVOKE_GRANT.format(common_name=grant.common_name)
        button = Button(text, buttons.data(Tap.REVOKE_REST, grant.id), Style.BAD)
        rows.setdefault("" if grant.user_id else grant.common_name, button)
    return tuple((button,) for button in list(rows.values())[:BUTTONS_SHOWN])


def give_up_rest(grants: Sequence[Grant]) -> Keyboard:
    """For the holder of what a receipt says is left."""
    return tuple(
        (
            Button(
                words.BUTTON_REVOKE_GRANT.format(common_name=grant.common_name),
                buttons.data(Tap.GIVE_UP, grant.id),
                Style.BAD,
            ),
        )
        for grant in grants[:BUTTONS_SHOWN]
    )


def how_to(grant: Grant, topics: Sequence[Topic]) -> Keyboard:
    """One tap for each device, two beside each other."""
    row = [Button(topic.label, buttons.data(Tap.HOW_TO, grant.id, topic.id)) for topic in topics]
    return tuple(tuple(row[at : at + 2]) for at in range(0, len(row), 2))


def below_profile(
    grant: Grant, topics: Sequence[Topic], *, passphrase: bool = False, more_time: bool = True
) -> Keyboard:
    """How to open it, how to use it, what to do where that doesn't help; and more time."""
    trouble = Button(trouble_words.BUTTON, buttons.data(Tap.TROUBLE, grant.id))
    first = Button(key_words.BUTTON_SHOW, buttons.data(Tap.UNLOCK, grant.id), Style.MAIN)
    last = (more_time_button(grant), trouble) if more_time else (trouble,)
    return (*(((first,),) if passphrase else ()), *how_to(grant, topics), last)


def more_time_button(grant: Grant, label: str = time_words.BUTTON) -> Button:
    """Asks for a profile that works for longer than this one."""
    return Button(label.format(server=grant.server), buttons.data(Tap.MORE_TIME, grant.id))


def confirm(text: Html, yes: Button, no: str = words.BUTTON_NO) -> View:
    """A question with two answers."""
    return View(text, ((yes, Button(no, Tap.KEEP)),))


def grant_entry(
    grant: Grant,
    names: Mapping[UserId, str],
    unproved_on: Sequence[str],
    used: LastUse | None,
) -> Html:
    """One line of who has access; what is not proved says so."""
    name = words.HOLDER_UNKNOWN
    if grant.user_id is not None:
        name = names.get(grant.user_id, str(grant.user_id))
    line = fill(
        words.GRANT_LINE if grant.imported_at is None else words.GRANT_LINE_IMPORTED,
        name=name,
        server=grant.server,
        until=moment(grant.not_after),
        state=state_text(grant),
        common_name=grant.common_name,
        id=grant.id,
    )
    line = lines(line, last_use(used))
    if grant.state in LIVE_STATES and grant.pause is not Pause.PAUSING:
        return line
    if not unproved_on:
        return lines(line, words.GRANT_UNPROVED_NOWHERE)
    return lines(line, fill(words.GRANT_UNPROVED, servers=some(unproved_on)))


def allow_self(actor: Actor) -> Keyboard:
    """For whoever decides about the allowlist and is not on it; nothing for anybody else."""
    if actor.is_allowed or actor.user_id is None or not may(actor, Act.MANAGE_PEOPLE):
        return ()
    yes = Button(words.BUTTON_ALLOW_SELF, buttons.data(Tap.ALLOW, actor.user_id), Style.MAIN)
    return ((yes,),)


def some(servers: Sequence[str]) -> str:
    """A few names, and a sign where there are more."""
    return ", ".join([*servers[:_SERVERS_NAMED], "…"] if servers[_SERVERS_NAMED:] else servers)


def by_name(people: Sequence[str]) -> str:
    """A few people by name, and how many others there are."""
    shown, rest = people[:_PEOPLE_NAMED], len(people) - _PEOPLE_NAMED
    if rest > 0:
        return plain_in_chat(request_words.NAMES_AND_MORE, names=", ".join(shown), count=rest)
    *first, last = shown
    names = ", ".join(first)
    return plain_in_chat(request_words.NAMES_AND_LAST, names=names, last=last) if first else last


def more(total: int, listing: str, *, shown: int = SHOWN) -> str:
    """How many a list leaves out, and which command shows them all; nothing where it is whole."""
    return fill(words.AND_MORE, count=total - shown, listing=listing) if total > shown else ""


async def person_buttons(
    tx: Transaction, people: Sequence[Person], label: str, tap: Tap, style: Style | None = None
) -> list[Button]:
    """One for each, told apart from everybody of the same name."""
    names = await who.told_apart(tx, people)
    return [
        Button(label.format(name=names[person.id]), buttons.data(tap, person.id), style)
        for person in people
    ]


def grant_buttons(grants: Sequence[Grant]) -> list[Button]:
    """One for each single grant, by its end, too, where several imported ones have one name."""
    names = Counter(grant.common_name for grant in grants)
    rows = []
    for grant in grants:
        is_one = names[grant.common_name] == 1
        label = words.BUTTON_REVOKE_GRANT if is_one else words.BUTTON_REVOKE_ONE_OF
        named = label.format(common_name=grant.common_name, until=utc(grant.not_after))
        rows.append(Button(named, buttons.data(Tap.REVOKE_GRANT, grant.id)))
    return rows


def choice(text: str, rows: Sequence[Button], command: str) -> View:
    """A list to tap; where it is cut, the command that reaches the others."""
    is_cut = len(rows) > BUTTONS_SHOWN
    said = fill(words.NOT_ALL_TO_CHOOSE, command=command) if is_cut else ""
    return View(blocks(text, said), tuple((row,) for row in rows[:BUTTONS_SHOWN]))
