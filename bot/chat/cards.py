"""A request through its whole life: as admins see it, as its requester does, and the file itself.

Rendered from what is true when it is sent; what is posted is brought up to date by
`bot.access.messages.follow`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import PurePath

from bot.access import approvals, demands, holdings, roles, undoing
from bot.access.case import Case
from bot.access.demands import is_standing
from bot.access.hearing import Hearing, hear
from bot.access.messages import DeliverNote
from bot.access.permission import THE_BOT, Act, may, telegram_key
from bot.chat import buttons, history
from bot.chat.buttons import Button, Keyboard, Style, Tap
from bot.chat.own_request import asked_by_name, waiting
from bot.chat.views import View, below_profile, by_name, cancel_button, some
from bot.chat.votes import votes
from bot.handover.fields import file_name_of
from bot.handover.profiles import Profile
from bot.texts import chat as words
from bot.texts import groups as group_words
from bot.texts import keys as key_words
from bot.texts import life
from bot.texts import more_time as time_words
from bot.texts import offers as offer_words
from bot.texts import pausing as pause_words
from bot.texts import policy as policy_words
from bot.texts import requests as request_words
from bot.texts import roles as role_words
from bot.texts.durations import duration_text
from bot.texts.fill import Html, blocks, escaped, fill, lines, moment
from storage.devices import Device
from storage.records import (
    LIVE_STATES,
    EndReason,
    Grant,
    GrantState,
    Person,
    Request,
    RequestState,
    UserId,
)
from storage.request_notes import RequestNotes

# Ends after which somebody would ask again.
_ASKS_AGAIN = frozenset(
    {
        *(EndReason.ENDED, EndReason.BY_OWNER, EndReason.LOST),
        *(EndReason.UNDELIVERABLE, EndReason.NOT_TAKEN, EndReason.STOLEN),
    }
)
_NEVER_HAD = frozenset({EndReason.UNDELIVERABLE, EndReason.NOT_TAKEN, EndReason.LOST})


async def card(case: Case, request: Request, viewer: UserId | None) -> View:
    """A request as an admin sees it: to decide on, or with what became of it.

    Args:
        viewer: None for a group, where it is for whoever has a say.
    """
    heard = await hear(case, request)
    if viewer is not None and not await approvals.may_see(case, heard, viewer):
        return View(fill(role_words.CARD_CLOSED, id=request.id))
    person, name = heard.accounts[request.user_id], heard.name_of(request.user_id)
    extended = heard.extended
    notes = await case.tx.request_notes.of(request.id)
    title = lines(
        fill(time_words.CARD_TITLE if extended else words.CARD_TITLE, id=request.id, name=name),
        fill(words.CARD_PERSON, username=f"@{person.username}", id=request.user_id)
        if person and person.username
        else fill(words.CARD_PERSON_NO_USERNAME, id=request.user_id),
        history.renamed(person),
    )
    asked_for = lines(
        _more_time(extended) if extended else "",
        _wanted(heard),
        _how_long(request),
        Html(offer_words.CARD_DEVICE[request.device]) if request.device and not extended else "",
        fill(words.CARD_REASON, reason=reason_text(case, request.reason)) if request.reason else "",
        fill(request_words.CARD_CHANGED, name=name, at=moment(notes.changed_at))
        if notes.changed_at
        else "",
    )
    if request.state is RequestState.PENDING:
        return await _undecided(case, heard, viewer, title, asked_for)
    if request.state is RequestState.SCHEDULED:
        return await _scheduled(case, heard, viewer, blocks(title, asked_for))
    grant = await given_by(case, request)
    opens = await _opens(case, heard) if grant and grant.state in LIVE_STATES else ""
    reason = request_words.reason_of(notes.denied_why, notes.denied_words)
    decision = lines(
        _decided(case, request, person, grant),
        fill(request_words.CARD_DENIED_WHY, reason=reason) if reason else "",
        await _life(case, grant, name) if grant else "",
    )
    undo: Keyboard = ()
    decider = request.decided_by or "" if viewer is None else telegram_key(viewer)
    if undoing.can_undo(request, decider, case.now):
        undo = ((Button(life.BUTTON_UNDO, buttons.data(Tap.UNDO, request.id)),),)
    if grant is not None and grant.state not in LIVE_STATES:
        undo = ()
    elif grant is not None and viewer is not None and is_standing(request.decided_by):
        undo = await _ending(case, grant, viewer)
    return View(blocks(title, asked_for, opens, decision), undo)


def reason_text(case: Case, reason: str) -> Html:
    """What was given as the reason; the number of a ticket leads to it."""
    found = case.rules.tickets.find(reason)
    url = None if found is None else case.rules.tickets.url(reason[slice(*found)])
    if found is None or url is None:
        return escaped(reason)
    begin, end = found
    link = fill(policy_words.TICKET, url=escaped(url), ticket=reason[begin:end])
    return Html(escaped(reason[:begin]) + link + escaped(reason[end:]))


async def _ending(case: Case, grant: Grant, viewer: UserId) -> Keyboard:
    """Nobody was asked before it was given, so whoever may is offered to end it."""
    if not may(await roles.identify(case.tx, case.rules, viewer, ""), Act.REVOKE):
        return ()
    text = words.BUTTON_REVOKE_GRANT.format(common_name=grant.common_name)
    return ((Button(text, buttons.data(Tap.REVOKE_GRANT, grant.id), Style.BAD),),)


async def _undecided(
    case: Case, heard: Hearing, viewer: UserId | None, title: Html, asked_for: Html
) -> View:
    """With what helps to decide, and the buttons, unless it is one's own."""
    tx, request, theirs = case.tx, heard.request, heard.theirs
    limit = heard.limit
    offered = heard.offers(limit)
    has = await holdings.of_person(tx, case.now, request.user_id)
    live = sum(one.is_live for one in has)
    unproved = len(has) - live
    past = await approvals.lately(tx, request)
    used = await tx.usages.last_of(await tx.people.accounts_of(request.user_id))
    me = None if viewer is None else await tx.people.person_of(viewer)
    own = heard.requester == me
    decides = viewer is None or viewer in heard.deciders
    agreed = await votes(case, heard, me)
    notes = await tx.request_notes.of(request.id)
    is_paused = await tx.pauses.of(request.user_id) is not None
    lacking = await demands.lacking(case, request, theirs)
    text = blocks(
        title,
        lines(
            asked_for,
            fill(words.CARD_LIMIT, duration=duration_text(limit))
            if limit < request.duration
            else "",
            fill(group_words.CARD_GROUPS, groups=some([group.name for group in theirs.groups]))
            if theirs.groups
            else "",
            fill(group_words.CARD_NOT_OPEN, server=request.server) if not theirs.is_open else "",
            pause_words.CARD if is_paused else "",
            "" if offered else time_words.CARD_NOTHING,
            fill(policy_words.CARD[lacking.code], **lacking.values) if lacking else "",
            fill(words.CARD_HAS, count=live) if live else "",
            fill(words.CARD_HAS_UNPROVED, count=unproved) if unproved else "",
            *await _silent(case, heard),
            *await history.before(case, heard, past),
            fill(words.CARD_LAST_USE, at=moment(used)) if used else "",
        ),
        await _opens(case, heard),
        await _who_else(case, heard) if own else "" if decides else role_words.CARD_LOOK,
        lines(*agreed.said),
        lines(_waits(case, request), *_reminded(notes)),
    )
    if own or not decides:
        return View(text)
    deny = (
        Button(words.BUTTON_DENY, buttons.data(Tap.DENY, request.id, *revision(notes)), Style.BAD),
        Button(request_words.BUTTON_DENY_WHY, buttons.data(Tap.DENY_WHY, request.id)),
    )
    is_closed = not theirs.is_open or is_paused or lacking is not None
    if not agreed.counts or is_closed or not offered:
        return View(text, (deny,))
    digest = await approvals.card_digest(case, heard, viewer)
    full, *shorter = (
        Button(
            words.BUTTON_APPROVE.format(duration=duration_text(duration)),
            buttons.data(Tap.APPROVE, request.id, duration, digest),
            # Where somebody has said no lately, a yes needs more than a glance.
            Style.GOOD if duration == limit and not past else None,
        )
        for duration in offered
    )
    if heard.longer:
        shorter.append(Button(request_words.BUTTON_LONGER, buttons.data(Tap.LONGER, request.id)))
    return View(text, ((full,), *((tuple(shorter),) if shorter else ()), deny))


def revision(notes: RequestNotes) -> tuple[int, ...]:
    """What a button of a no carries of it: nothing of a request as it was first asked."""
    return (notes.revision,) if notes.revision else ()


def _reminded(notes: RequestNotes) -> list[Html]:
    """Since a card was brought back, it says at whose wish."""
    found = []
    if notes.reminded_at:
        found.append(fill(request_words.CARD_REMINDED, at=moment(notes.reminded_at)))
    if notes.nudged_at:
        found.append(fill(request_words.CARD_NUDGED, at=moment(notes.nudged_at)))
    return found


async def _silent(case: Case, heard: Hearing) -> list[Html]:
    """Where a profile for this request could not connect now."""
    since = await case.tx.servers.silent()
    return [
        fill(words.CARD_SILENT, server=name, at=moment(since[name]))
        for name in heard.opened
        if name in since
    ]


async def _who_else(case: Case, heard: Hearing) -> Html:
    """Who may say yes to one's own request, if they can, those who can read it; where nobody else
    may, how it's done on the machine."""
    others = [
        heard.name_of(one) for one in heard.deciders if heard.person_of(one) != heard.requester
    ]
    if not others:
        return fill(words.CARD_OWN_ALONE, id=heard.request.id)
    return fill(words.CARD_OWN, names=by_name(await asked_by_name(case, heard) or others))


async def _scheduled(case: Case, heard: Hearing, viewer: UserId | None, asked_for: Html) -> View:
    """Whoever has a say may still say no."""
    request = heard.request
    decided = fill(
        policy_words.CARD_SCHEDULED,
        admin=life.who(request.decided_by, request.decided_by_name) or life.BOT,
        at=moment(request.decided_at or request.asked_at),
    )
    deny = Button(words.BUTTON_DENY, buttons.data(Tap.DENY, request.id), Style.BAD)
    may_deny = viewer is None or (
        viewer in heard.deciders and heard.requester != await case.tx.people.person_of(viewer)
    )
    return View(blocks(asked_for, decided), ((deny,),) if may_deny else ())


def _how_long(request: Request) -> Html:
    if request.starts_at is None:
        return fill(words.CARD_DURATION, duration=given_text(request))
    end = request.starts_at + timedelta(seconds=request.duration)
    return fill(
        policy_words.CARD_FROM,
        start=moment(request.starts_at),
        end=moment(end),
        duration=given_text(request),
    )


def _decided(case: Case, request: Request, person: Person | None, grant: Grant | None) -> Html:
    if request.decided_at is None:
        return _waits(case, request)
    template = words.CARD_STATES[request.state]
    if request.state is RequestState.APPROVED and grant and grant.state not in LIVE_STATES:
        template = life.CARD_APPROVED_OVER
    if _is_closed_by_another(request):
        is_off = person is not None and not person.allowed
        template = life.CARD_CLOSED_REMOVED if is_off else life.CARD_CLOSED
    return fill(
        template,
        admin=life.who(request.decided_by, request.decided_by_name) or life.BOT,
        group=life.standing_group(request.decided_by, request.decided_by_name),
        name=person.name if person else request.user_id,
        duration=duration_text(request.duration),
        at=moment(request.decided_at),
    )


async def _life(case: Case, grant: Grant, name: str) -> Html:
    """What became of the profile that an approval gave."""
    if grant.state is GrantState.ACTIVE:
        paused = fill(pause_words.CARD_PROFILE, name=name) if grant.pause is not None else ""
        return lines(fill(life.CARD_DELIVERED, name=name, until=moment(grant.not_after)), paused)
    if grant.state in LIVE_STATES:
        return Html(life.CARD_ON_ITS_WAY)
    ended = fill(
        life.CARD_ENDED[grant.end_reason or EndReason.ENDED],
        name=name,
        Admin=_ender(grant),
        at=moment(_ended_at(grant)),
    )
    is_open = await holdings.may_let_in(case.tx, case.now, grant)
    return lines(ended, life.CARD_UNCONFIRMED if is_open else "")


def _more_time(extended: Grant) -> Html:
    """Which profile it is that is to last for longer."""
    template = time_words.CARD if extended.state in LIVE_STATES else time_words.CARD_OVER
    until = moment(extended.not_after)
    return fill(template, common_name=extended.common_name, until=until)


def _wanted(heard: Hearing) -> Html:
    """The server that was asked for; of a set with all that it opens."""
    request, names = heard.request, heard.opened
    if tuple(names) in {(), (request.server,)}:
        return fill(words.CARD_SERVER, server=request.server)
    return fill(words.CARD_SET, name=request.server, servers=some(names))


async def _opens(case: Case, heard: Hearing) -> str:
    """Which servers a profile opens besides its own; nothing where it opens none."""
    opens = [
        server.name
        for server in await case.tx.servers.all()
        if server.name not in heard.opened and server.open_since is not None
    ]
    return fill(words.CARD_OPENS, servers=some(opens)) if opens else ""


def _waits(case: Case, request: Request) -> Html:
    return fill(words.CARD_WAITS, until=moment(approvals.deadline(case, request)))


async def asked(case: Case, request: Request, *, admin_reachable: bool = True) -> View:
    """A request as its requester sees it, with what became of it."""
    if request.state is RequestState.PENDING:
        return await waiting(case, request, admin_reachable=admin_reachable)
    if request.state is RequestState.SCHEDULED:
        text = fill(policy_words.ASKED_SCHEDULED, **_about(request))
        return View(text, ((cancel_button(request),),))
    grant = await given_by(case, request)
    again = request.state in life.MAY_ASK_AGAIN and not _is_closed_by_another(request)
    about = _about(request)
    if grant is not None and grant.state not in LIVE_STATES:
        reason = grant.end_reason or EndReason.ENDED
        template = life.ASKED_ENDED[reason]
        again = reason in _ASKS_AGAIN
        about |= {"Ender": _ender(grant), "at": moment(_ended_at(grant))}
    elif grant is not None and grant.state is GrantState.ACTIVE:
        template = life.ASKED_DELIVERED
    elif request.state is RequestState.CANCELLED and request.server is None:
        template = words.CANCELLED_WITHOUT_SERVER
    elif _is_closed_by_another(request):
        is_not_begun = request.starts_at is not None and request.decided_by == THE_BOT.key
        template = policy_words.ASKED_NOT_BEGUN if is_not_begun else life.ASKED_CLOSED
    else:
        template = words.ASKED_STATES[request.state]
    notes = await case.tx.request_notes.of(request.id)
    denied = request_words.reason_of(notes.denied_why, notes.denied_words)
    text = lines(
        fill(template, **about),
        fill(request_words.ASKED_DENIED_WHY, reason=denied) if denied else "",
    )
    return View(text, await _again(case, request) if again else ())


def _about(request: Request) -> dict[str, object]:
    admin = life.who(request.decided_by, request.decided_by_name, first=True)
    return {
        "server": request.server,
        "duration": given_text(request),
        "Admin": admin or life.SOMEBODY_FIRST,
        "group": life.standing_group(request.decided_by, request.decided_by_name),
        "start": moment(request.starts_at) if request.starts_at else "",
    }


async def _again(case: Case, request: Request) -> Keyboard:
    """The way to ask the same once more, under the newest request only."""
    person = await case.tx.people.get(request.user_id)
    newest = (await case.tx.requests.of_user(request.user_id))[-1]
    if person is None or not person.allowed or newest.id != request.id:
        return ()
    return ((Button(life.BUTTON_AGAIN, buttons.data(Tap.AGAIN, request.id), Style.MAIN),),)


async def never_came(case: Case, user_id: UserId) -> Request | None:
    """Somebody's newest request, where its profile reached nobody."""
    theirs = await case.tx.requests.of_user(user_id)
    grant = await given_by(case, theirs[-1]) if theirs else None
    return theirs[-1] if grant is not None and grant.end_reason in _NEVER_HAD else None


def given_text(request: Request) -> str:
    """For how long; where less was given than asked for, both."""
    given, asked_for = duration_text(request.duration), request.asked_duration
    if asked_for is None or asked_for == request.duration:
        return given
    return life.ASKED_FOR.format(duration=given, asked=duration_text(asked_for))


async def given_by(case: Case, request: Request) -> Grant | None:
    """The last profile that a request gave, if it gave one."""
    given = [
        grant
        for grant in await case.tx.grants.of_user(request.user_id)
        if grant.request_id == request.id
    ]
    replaced = {grant.replaces for grant in given}
    return next((grant for grant in reversed(given) if grant.id not in replaced), None)


def _is_closed_by_another(request: Request) -> bool:
    own = telegram_key(request.user_id)
    return request.state is RequestState.CANCELLED and request.decided_by != own


def _ender(grant: Grant) -> str:
    return life.who(grant.ended_by, grant.ended_by_name, first=True) or life.SOMEBODY_FIRST


def _ended_at(grant: Grant) -> datetime:
    return grant.revoked_at or grant.not_after


def caption(
    grant: Grant,
    profile: Profile,
    note: DeliverNote,
    earlier: Grant | None,
    *,
    earlier_dead: bool,
    until_used: Sequence[Grant] = (),
    device: Device | None = None,
    deleted_at: datetime | None = None,
) -> View:
    """What stands below a profile that is sent.

    Args:
        earlier: what this one takes the place of, and whether that is seen to be dead.
        until_used: what works on until this one was used.
        device: what it is for, where that was said.
        deleted_at: when its message is taken out of the chat; None: it stays.
    """
    template = (words.CAPTIONS if earlier_dead else words.CAPTIONS_UNPROVED)[note]
    use, opened = words.CAPTION_USE, words.CAPTION_OPEN
    if profile.is_archive:
        use, opened = words.CAPTION_USE_ARCHIVE, words.CAPTION_OPEN_ARCHIVE
    text = blocks(
        fill(template, server=grant.server, file=_file_of(earlier, profile) if earlier else ""),
        *(
            fill(
                time_words.CAPTION_EARLIER, file=_file_of(one, profile), until=moment(one.not_after)
            )
            for one in until_used[:1]
        ),
        offer_words.CAPTION_DEVICE[device] if device else "",
        fill(use, until=moment(grant.not_after)),
        key_words.CAPTION_LOCKED if profile.is_locked else "",
        fill(key_words.CAPTION_OWN, file=profile.file_name) if not profile.has_key else "",
        words.CAPTION_HOW_TO if profile.topics else "",
        fill(words.CAPTION_DELETED, at=moment(deleted_at)) if deleted_at else "",
        opened,
    )
    return View(text, below_profile(grant, profile.topics, passphrase=profile.is_locked))


def _file_of(earlier: Grant, profile: Profile) -> str:
    """What an earlier profile's file was called, which was of the same kind."""
    return str(PurePath(file_name_of(earlier)).with_suffix(PurePath(profile.file_name).suffix))


async def caption_over(case: Case, grant: Grant) -> View:
    """What stands below a profile that has ended."""
    is_open = await holdings.may_let_in(case.tx, case.now, grant)
    # Nobody gets in anew by a certificate that is over.
    head = life.DYING if is_open and grant.not_after > case.now else life.DEAD
    why = fill(
        life.DEAD_WHY[grant.end_reason or EndReason.ENDED],
        server=grant.server,
        Admin=_ender(grant),
        at=moment(_ended_at(grant)),
    )
    return View(lines(escaped(head), why, life.DEAD_DELETE))
