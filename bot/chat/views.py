"""How requests, grants and people look in a chat. Rendered from what is true when it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.access import approvals, holdings
from bot.access.approvals import Approval
from bot.access.case import Case
from bot.access.durations import choices
from bot.access.holdings import Holding
from bot.chat import buttons
from bot.chat.buttons import Button, Keyboard, Style, Tap
from bot.handover.handover import Topic
from bot.texts import chat as words
from bot.texts.fill import Html, blocks, fill, fitting, lines, moment, utc
from bot.texts.refusals import duration_text
from storage.records import (
    LIVE_STATES,
    Grant,
    GrantId,
    GrantState,
    Person,
    Proof,
    Request,
    RequestState,
    Server,
    ServerName,
    UserId,
)
from storage.transaction import Transaction
from vpn.live import ServerStatus

# A message has 4096 characters (Bot API, sendMessage); some are left for its first and last line.
ROOM = 3800
# They hold about this many entries.
SHOWN = 15
BUTTONS_SHOWN = 20
_SERVERS_NAMED = 5

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class View:
    """A message as it is to look."""

    text: Html
    keyboard: Keyboard = ()


async def card(case: Case, request: Request, viewer: UserId) -> View:
    """A request as an admin sees it: to decide on, or with the decision."""
    person = await case.tx.people.get(request.user_id)
    pending = request.state is RequestState.PENDING
    has = await holdings.of_person(case.tx, case.now, request.user_id) if pending else ()
    live = sum(one.is_live for one in has)
    unproved = len(has) - live
    own = pending and await _is_own(case.tx, request, viewer)
    given = await approvals.given(case, request) if pending else ()
    opens: list[str] = []
    grants = await case.tx.grants.live_of_user(request.user_id)
    if pending or any(grant.request_id == request.id for grant in grants):
        others = [server for server in await case.tx.servers.all() if server.name != request.server]
        opens = [server.name for server in others if server.open_since is not None]
    ended = await approvals.ended_since(case.tx, request) if pending else None
    limit = approvals.limit(case, request)
    too_long = pending and limit < request.duration
    text = blocks(
        lines(
            fill(words.CARD_TITLE, id=request.id, name=person.name if person else request.user_id),
            _telegram(request, person),
        ),
        lines(
            fill(words.CARD_SERVER, server=request.server),
            fill(words.CARD_DURATION, duration=duration_text(request.duration)),
            fill(words.CARD_LIMIT, duration=duration_text(limit)) if too_long else "",
            fill(words.CARD_REASON, reason=request.reason) if request.reason else "",
            fill(words.CARD_HAS, count=live) if live else "",
            fill(words.CARD_HAS_UNPROVED, count=unproved) if unproved else "",
            fill(words.CARD_ENDED, at=moment(ended)) if ended else "",
        ),
        fill(words.CARD_OPENS, servers=_some(opens)) if opens else "",
        words.CARD_OWN if own else "",
        _agreed(case, request, given),
        _state(case, request),
    )
    if own or not pending:
        return View(text)
    digest = await approvals.card_digest(case, request, viewer)
    return View(text, _decisions(request, limit, digest))


async def _is_own(tx: Transaction, request: Request, viewer: UserId) -> bool:
    return await tx.people.person_of(request.user_id) == await tx.people.person_of(viewer)


def _agreed(case: Case, request: Request, given: Sequence[Approval]) -> Html:
    """Who has approved so far, where more than one admin has to."""
    longest = approvals.limit(case, request)
    needed = case.rules.approvals_for(min([longest, *(a.duration for a in given)]))
    if request.state is not RequestState.PENDING or (needed == 1 and not given):
        return Html("")
    said = [
        fill(words.CARD_AGREED, admin=one.name, duration=duration_text(one.duration))
        for one in given
    ]
    return lines(*said, fill(words.CARD_NEEDS, count=max(needed - len(given), 1)))


def _telegram(request: Request, person: Person | None) -> Html:
    if person is None or person.username is None:
        return fill(words.CARD_PERSON_NO_USERNAME, id=request.user_id)
    return fill(words.CARD_PERSON, username=f"@{person.username}", id=request.user_id)


def _state(case: Case, request: Request) -> Html:
    if request.state is RequestState.PENDING or request.decided_at is None:
        return fill(words.CARD_WAITS, until=moment(approvals.deadline(case, request)))
    return fill(
        words.CARD_STATES[request.state],
        admin=request.decided_by_name,
        duration=duration_text(request.duration),
        at=moment(request.decided_at),
    )


def _decisions(request: Request, limit: int, digest: str) -> Keyboard:
    def approve(duration: int, style: Style | None) -> Button:
        text = words.BUTTON_APPROVE.format(duration=duration_text(duration))
        return Button(text, buttons.approve(request.id, duration, digest), style)

    full, *shorter = choices(limit)
    rows: list[tuple[Button, ...]] = [(approve(full, Style.GOOD),)]
    if shorter:
        rows.append(tuple(approve(duration, None) for duration in shorter))
    deny = Button(words.BUTTON_DENY, buttons.about(Tap.DENY, request.id), Style.BAD)
    return (*rows, (deny,))


def asked(request: Request, *, admin_reachable: bool) -> View:
    """A request as its requester sees it."""
    if request.state is RequestState.PENDING:
        text = words.ASKED if admin_reachable else words.ASKED_NOBODY
        return View(_asked_text(text, request), ((_cancel(request),),))
    if request.state is RequestState.CANCELLED and request.server is None:
        return View(Html(words.CANCELLED_WITHOUT_SERVER))
    return View(_asked_text(words.ASKED_STATES[request.state], request))


def _asked_text(template: str, request: Request) -> Html:
    return fill(
        template,
        server=request.server,
        duration=duration_text(request.duration),
        admin=request.decided_by_name,
    )


def choose_server(request: Request, servers: Sequence[ServerName]) -> View:
    """The answer to a request that does not name one of several servers."""
    rows = tuple((Button(name, buttons.server(request.id, name), Style.MAIN),) for name in servers)
    return View(Html(words.CHOOSE_SERVER), (*rows, (_cancel(request),)))


def _cancel(request: Request) -> Button:
    return Button(words.BUTTON_CANCEL, buttons.about(Tap.CANCEL, request.id))


def my_access(
    viewer: UserId,
    requests: Sequence[Request],
    has: Sequence[Holding],
    names: Mapping[UserId, str],
) -> View:
    """What somebody has and waits for, and what of theirs has ended without a proof.

    Args:
        names: of the viewer's accounts, by which what they have may have been given.
    """
    if not requests and not has:
        return View(Html(words.MY_NOTHING))
    live = [one.grant for one in has if one.is_live][:SHOWN]
    ending = [one.grant for one in has if not one.is_live][:SHOWN]
    said = [
        *((grant, _my_grant(grant)) for grant in live),
        *((grant, _my_ending_grant(grant)) for grant in ending),
    ]
    others = [
        lines(fill(words.MY_OTHER_ACCOUNT, name=names[grant.user_id]), text)
        if grant.user_id is not None and grant.user_id != viewer
        else text
        for grant, text in said
    ]
    rows = [(_cancel(request),) for request in requests]
    buttons_of = [_my_buttons(grant, own=grant.user_id == viewer) for grant in live]
    return View(blocks(*map(_my_request, requests), *others), (*rows, *buttons_of))


def _my_request(request: Request) -> Html:
    if request.server is None:
        return fill(
            words.MY_REQUEST_CHOOSING, id=request.id, duration=duration_text(request.duration)
        )
    return fill(
        words.MY_REQUEST,
        id=request.id,
        server=request.server,
        duration=duration_text(request.duration),
        until=moment(request.expires_at),
    )


def _my_grant(grant: Grant) -> Html:
    if grant.imported_at is not None:
        return fill(
            words.MY_GRANT_IMPORTED,
            until=moment(grant.not_after),
            state=words.GRANT_STATES[grant.state],
            common_name=grant.common_name,
        )
    return fill(
        words.MY_GRANT if grant.address else words.MY_GRANT_POOL,
        server=grant.server,
        until=moment(grant.not_after),
        state=words.GRANT_STATES[grant.state],
        common_name=grant.common_name,
        address=grant.address,
    )


def _my_ending_grant(grant: Grant) -> Html:
    if grant.state is not GrantState.REVOKING:
        return fill(words.MY_GRANT_DROPPED, common_name=grant.common_name)
    if grant.imported_at is not None:
        return fill(words.MY_GRANT_ENDING_IMPORTED, common_name=grant.common_name)
    return fill(words.MY_GRANT_ENDING, server=grant.server, common_name=grant.common_name)


def _my_buttons(grant: Grant, *, own: bool) -> tuple[Button, ...]:
    named = grant.server or grant.common_name
    give_up = Button(
        words.BUTTON_GIVE_UP.format(server=named),
        buttons.about(Tap.GIVE_UP, grant.id),
        Style.BAD,
    )
    # For an imported one nobody knows which server its profile is for, and a new one goes to the
    # account that asked.
    if grant.state is not GrantState.ACTIVE or grant.imported_at is not None or not own:
        return (give_up,)
    renew = Button(
        words.BUTTON_NEW_PROFILE.format(server=grant.server),
        buttons.about(Tap.RENEW, grant.id),
        Style.MAIN,
    )
    return (renew, give_up)


def still_yours(grants: Sequence[Grant]) -> Html:
    """What works on when something has ended; nothing where that is all."""
    if not grants:
        return Html("")
    said = [
        fill(
            words.STILL_YOURS_LINE if grant.server else words.STILL_YOURS_IMPORTED,
            server=grant.server,
            until=moment(grant.not_after),
            common_name=grant.common_name,
        )
        for grant in grants[:_SERVERS_NAMED]
    ]
    rest = words.STILL_YOURS_MORE if len(grants) > len(said) else ""
    return lines(words.STILL_YOURS, *said, rest)


def revoke_rest(grants: Sequence[Grant], names: Mapping[UserId, str]) -> Keyboard:
    """For an admin: one button for all that a receipt says its person has left, by whichever
    account, and one for each name that is nobody's."""
    rows: dict[str, Button] = {}
    for grant in grants:
        if grant.user_id is not None:
            text = words.BUTTON_REVOKE_REST.format(name=names[grant.user_id])
        else:
            text = words.BUTTON_REVOKE_GRANT.format(common_name=grant.common_name)
        button = Button(text, buttons.about(Tap.REVOKE_REST, grant.id), Style.BAD)
        rows.setdefault("" if grant.user_id else grant.common_name, button)
    return tuple((button,) for button in list(rows.values())[:BUTTONS_SHOWN])


def give_up_rest(grants: Sequence[Grant]) -> Keyboard:
    """For the holder of what a receipt says is left."""
    return tuple(
        (
            Button(
                words.BUTTON_REVOKE_GRANT.format(common_name=grant.common_name),
                buttons.about(Tap.GIVE_UP, grant.id),
                Style.BAD,
            ),
        )
        for grant in grants[:BUTTONS_SHOWN]
    )


def how_to(grant: Grant, topics: Sequence[Topic]) -> Keyboard:
    """One tap for each device, two beside each other."""
    row = [Button(topic.label, buttons.how_to(grant.id, topic.id)) for topic in topics]
    return tuple(tuple(row[at : at + 2]) for at in range(0, len(row), 2))


def confirm(text: Html, yes: Button) -> View:
    """A question with two answers."""
    return View(text, ((yes, Button(words.BUTTON_NO, Tap.KEEP)),))


def grants_listing(
    grants: Sequence[Grant], people: Sequence[Person], proofs: Sequence[Proof]
) -> View:
    """Who has access. First what is not proved yet: all of it, as far as a message can hold it."""
    if not grants:
        return View(Html(words.GRANTS_NONE))
    names = {person.id: person.name for person in people}
    where = _unproved_on(proofs)
    unproved = [grant for grant in grants if grant.state not in LIVE_STATES]
    live = [grant for grant in grants if grant.state in LIVE_STATES]
    listed = [_grant(g, names, where) for g in (*unproved, *live[: max(SHOWN - len(unproved), 0)])]
    shown = fitting(listed, ROOM)
    rest = _more_grants(len(grants) - shown, max(len(unproved) - shown, 0))
    return View(blocks(fill(words.GRANTS_COUNT, count=len(grants)), *listed[:shown], rest))


def _more_grants(count: int, unproved: int) -> str:
    if not unproved:
        return fill(words.AND_MORE, count=count, listing="grant list") if count else ""
    return fill(words.AND_MORE_UNPROVED, count=count, unproved=unproved, listing="grant list")


def _unproved_on(proofs: Sequence[Proof]) -> dict[GrantId, list[str]]:
    found: dict[GrantId, list[str]] = {}
    for proof in proofs:
        found.setdefault(proof.grant_id, []).append(proof.server)
    return found


def _holder(grant: Grant, names: dict[UserId, str]) -> str:
    if grant.user_id is None:
        return words.HOLDER_UNKNOWN
    return names.get(grant.user_id, str(grant.user_id))


def _grant(
    grant: Grant, names: dict[UserId, str], unproved_on: Mapping[GrantId, Sequence[str]]
) -> Html:
    line = fill(
        words.GRANT_LINE if grant.imported_at is None else words.GRANT_LINE_IMPORTED,
        name=_holder(grant, names),
        server=grant.server,
        until=moment(grant.not_after),
        state=words.GRANT_STATES[grant.state],
        common_name=grant.common_name,
        id=grant.id,
    )
    return lines(line, _unproved(grant, unproved_on.get(grant.id, ())))


def _unproved(grant: Grant, servers: Sequence[str]) -> str:
    if grant.state in LIVE_STATES:
        return ""
    if not servers:
        return words.GRANT_UNPROVED_NOWHERE
    return fill(words.GRANT_UNPROVED, servers=_some(servers))


def _some(servers: Sequence[str]) -> str:
    return ", ".join([*servers[:_SERVERS_NAMED], "…"] if servers[_SERVERS_NAMED:] else servers)


def users_listing(people: Sequence[Person], *, unlinked: int = 0) -> View:
    """The allowlist, and the way to the names from before the takeover that are nobody's."""
    old = Button(words.BUTTON_OLD_CERTIFICATES.format(count=unlinked), Tap.OLD)
    keyboard = ((old,),) if unlinked else ()
    if not people:
        return View(Html(words.USERS_NONE), keyboard)
    shown = [_user(person) for person in people[: 2 * SHOWN]]
    rest = more(len(people), "user list", shown=2 * SHOWN)
    text = blocks(fill(words.USERS_COUNT, count=len(people)), lines(*shown), rest)
    return View(text, keyboard)


def _user(person: Person) -> Html:
    if person.username is None:
        return fill(words.USER_LINE, name=person.name, id=person.id)
    return fill(
        words.USER_LINE_USERNAME, name=person.name, username=f"@{person.username}", id=person.id
    )


def more(total: int, listing: str, *, shown: int = SHOWN) -> str:
    """How many a list leaves out, and which command shows them all; nothing where it is whole."""
    return fill(words.AND_MORE, count=total - shown, listing=listing) if total > shown else ""


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item]):
    """A part of a list that is too long for one message."""

    items: Sequence[_Item]
    number: int
    count: int

    @property
    def text(self) -> Html:
        """Which page it is; nothing where there is one only."""
        if self.count == 1:
            return Html("")
        return fill(words.PAGE, number=self.number + 1, pages=self.count)

    def turning(self, listing: str) -> Keyboard:
        """The row that leads to the next page and back."""
        row = []
        if self.number > 0:
            row.append(Button(words.BUTTON_BACK, buttons.page(listing, self.number - 1)))
        if self.number + 1 < self.count:
            row.append(Button(words.BUTTON_NEXT, buttons.page(listing, self.number + 1)))
        return (tuple(row),) if row else ()


def page_of(items: Sequence[_Item], number: int | None) -> Page[_Item]:
    """A page of at most BUTTONS_SHOWN; the last one where the list has become shorter."""
    count = max(-(-len(items) // BUTTONS_SHOWN), 1)
    at = min(number or 0, count - 1)
    return Page(items[at * BUTTONS_SHOWN :][:BUTTONS_SHOWN], at, count)


def whom(text: str, people: Sequence[Person], grants: Sequence[Grant]) -> View:
    """A list to tap: people and single grants."""
    rows = [
        Button(
            words.BUTTON_REVOKE_PERSON.format(name=person.name),
            buttons.about(Tap.REVOKE_PERSON, person.id),
        )
        for person in people
    ] + [
        Button(_named(grant, grants), buttons.about(Tap.REVOKE_GRANT, grant.id)) for grant in grants
    ]
    return choice(text, rows, "/revoke NAME")


def choice(text: str, rows: Sequence[Button], command: str) -> View:
    """A list to tap; where it is cut, the command that reaches the others."""
    rest = len(rows) - BUTTONS_SHOWN
    said = fill(words.AND_MORE_TO_CHOOSE, count=rest, command=command) if rest > 0 else ""
    return View(blocks(text, said), tuple((row,) for row in rows[:BUTTONS_SHOWN]))


def _named(grant: Grant, among: Sequence[Grant]) -> str:
    """By its end, too, where several imported ones have one name."""
    if [other.common_name for other in among].count(grant.common_name) == 1:
        return words.BUTTON_REVOKE_GRANT.format(common_name=grant.common_name)
    return words.BUTTON_REVOKE_ONE_OF.format(
        common_name=grant.common_name, until=utc(grant.not_after)
    )


def servers_listing(servers: Sequence[Server], states: Sequence[ServerStatus]) -> View:
    """What each server answered; first those that cannot be asked."""
    if not servers:
        return View(Html(words.SERVERS_NONE))
    found = sorted(zip(servers, states, strict=True), key=lambda pair: pair[1].reachable)
    said = [_server(server, state) for server, state in found]
    shown = fitting(said, ROOM)
    return View(blocks(*said[:shown], more(len(said), "server status", shown=shown)))


def _server(server: Server, state: ServerStatus) -> Html:
    remote = f"{server.remote_host}:{server.remote_port}/{server.protocol}"
    if state.reachable:
        head = fill(words.SERVER_UP, name=server.name, remote=remote, count=state.sessions or 0)
    else:
        head = fill(words.SERVER_DOWN, name=server.name, remote=remote)
    opens = words.SERVER_OPEN if state.open_to_others else ""
    restart = words.SERVER_RESTART if state.restart_pending else ""
    return lines(head, _crl(state), _certificate(state), restart, opens)


def _crl(state: ServerStatus) -> Html:
    if state.crl_number is None or not (state.crl_signed_at and state.crl_next_update):
        return Html(words.SERVER_NO_CRL)
    return fill(
        words.SERVER_CRL,
        number=state.crl_number,
        signed=moment(state.crl_signed_at),
        until=moment(state.crl_next_update),
    )


def _certificate(state: ServerStatus) -> str:
    if state.certificate_end is None:
        return ""
    return fill(words.SERVER_CERTIFICATE, until=moment(state.certificate_end))
