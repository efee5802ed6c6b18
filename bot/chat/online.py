"""/online: who is connected, with buttons that cut a session or revoke its access."""

from collections.abc import Mapping, Sequence

from bot import limits
from bot.access import sessions
from bot.access.names import NAME_LENGTH, clean
from bot.access.permission import Act, require
from bot.chat import buttons, views
from bot.chat.buttons import Button, Keyboard, Meant, Style, Tap
from bot.chat.pages import Page, page_of
from bot.chat.scene import SILENT, Reply, Scene
from bot.chat.views import View
from bot.fleet.online import Connected, OnServer, Standing
from bot.texts import chat as chat_words
from bot.texts import online as words
from bot.texts import strangers as stranger_words
from bot.texts.fill import Html, blocks, fill, fitting, lines, moment
from storage.records import GrantState, OutboxKind, ServerName, UserId
from vpn.proof.sessions import SessionsCut

# Of one page: each has two buttons.
PAGE = 8
# An address with a port, whatever a server says there.
_ADDRESS = 64


async def online(scene: Scene, _rest: str) -> Reply:
    """/online: asked when the answer is sent, since a server may take its time."""
    require(scene.actor, Act.LOOK)
    await scene.tx.outbox.add(scene.chat, OutboxKind.ONLINE, {"page": 0}, now=scene.case.now)
    return SILENT


async def turn(scene: Scene, meant: Meant) -> Reply:
    """Another page, as it is when it is shown."""
    require(scene.actor, Act.LOOK)
    payload = {"page": meant.page or 0, "edit": scene.message_id}
    await scene.tx.outbox.add(scene.chat, OutboxKind.ONLINE, payload, now=scene.case.now)
    return Reply()


async def cut(scene: Scene, meant: Meant) -> Reply:
    """The session ends once this is stored; what became of it is sent as a message."""
    await sessions.cut(scene.case, meant.grant, meant.server, meant.since)
    return Reply(toast=Html(stranger_words.CUTTING_TOAST))


def cut_text(done: SessionsCut | None, *, comes_back: bool) -> str:
    """What was seen of a cut; `done` is None where the server was taken out.

    Args:
        comes_back: whether the grant lives.
    """
    if done is None:
        return words.CUT_NO_SERVER
    if done.left is None:
        return words.CUT_SILENT
    if done.left:
        return words.CUT_LEFT
    if not done.cut.total():
        return words.CUT_NOT_THERE
    return words.CUT if comes_back else words.CUT_OVER


def page(found: Sequence[OnServer], number: int) -> Page[Connected]:
    """The sessions of one page, server by server, longest first."""
    connected = [one for server in found for one in server.sessions]
    return page_of(connected, number, size=PAGE)


def listing(
    found: Sequence[OnServer],
    shown: Page[Connected],
    people: Mapping[UserId, str],
    strangers: Mapping[tuple[ServerName, str], int],
    *,
    cuts: bool = True,
) -> View:
    """Who is on; and which servers can't be asked, because somebody may be there.

    Args:
        people: names of the holders on this page.
        strangers: numbers of unknown names that can be cut, by server and name.
        cuts: whether the reader may cut sessions.
    """
    if not found:
        return View(Html(chat_words.SERVERS_NONE))
    silent = [one.server for one in found if one.finding is not None]
    silence = fill(words.SILENT, servers=views.some(silent)) if silent else ""
    count = sum(len(one.sessions) for one in found)
    if count == 0:
        return View(blocks(words.NOBODY_SEEN if silent else words.NOBODY, silence))
    alone = {one.server for one in found if one.cuts_unknown}
    first = shown.number * PAGE + 1
    entries = []
    rows: list[tuple[Button, ...]] = []
    for at, one in enumerate(shown.items, first):
        entries.append(_entry(at, one, people, cuts_unknown=one.server in alone))
        rows += _buttons(at, one, people, strangers) if cuts else ()
    fit = fitting(entries, limits.ROOM)
    left = len(entries) - fit
    rest = fill(words.TOO_LONG, count=left) if left else ""
    text = blocks(fill(words.COUNT, count=count), *entries[:fit], rest, silence, shown.text)
    return View(text, (*rows, *shown.turning(Tap.ONLINE)))


def _entry(
    number: int, one: Connected, people: Mapping[UserId, str], *, cuts_unknown: bool
) -> Html:
    session = one.session
    common_name = clean(session.common_name, NAME_LENGTH) or "?"
    name = _name(one, people)
    since = moment(session.connected_since)
    title = fill(
        words.TITLE if name else words.TITLE_UNKNOWN,
        number=number,
        name=name,
        common_name=common_name,
        server=one.server,
        since=since,
    )
    inner = clean(session.virtual_address, _ADDRESS)
    addresses = fill(
        words.ADDRESSES if inner else words.ADDRESSES_OUTSIDE,
        real=clean(session.real_address, _ADDRESS) or "?",
        inner=inner,
    )
    # What the server has received is what they have sent.
    data = fill(
        words.DATA if name else words.DATA_UNKNOWN,
        sent=words.amount(session.bytes_received),
        received=words.amount(session.bytes_sent),
        common_name=common_name,
    )
    return lines(title, addresses, data, _remark(one, cuts_unknown=cuts_unknown))


def _remark(one: Connected, *, cuts_unknown: bool) -> str:
    match one.standing:
        case Standing.NAMELESS:
            return words.NAMELESS
        case Standing.NO_ACCESS:
            return words.NO_ACCESS
        case Standing.UNKNOWN:
            return words.UNKNOWN_CUT if cuts_unknown else words.UNKNOWN
        case Standing.KNOWN if one.grant is None:
            return words.SHARED
        case _:
            is_ending = one.grant is not None and one.grant.state is GrantState.REVOKING
            return words.ENDING if is_ending else ""


def _name(one: Connected, people: Mapping[UserId, str]) -> str | None:
    return people.get(one.grant.user_id) if one.grant and one.grant.user_id else None


def _buttons(
    number: int,
    one: Connected,
    people: Mapping[UserId, str],
    strangers: Mapping[tuple[ServerName, str], int],
) -> Keyboard:
    grant, common_name = one.grant, one.session.common_name
    if grant is None:
        stranger = strangers.get((one.server, common_name))
        if one.standing is not Standing.UNKNOWN or stranger is None:
            return ()
        label = stranger_words.BUTTON_CUT.format(name=clean(common_name, NAME_LENGTH) or "?")
        return ((Button(label, buttons.data(Tap.CUT, stranger), Style.BAD),),)
    values = {"number": number, "name": _name(one, people) or grant.common_name}
    since = max(int(one.session.connected_since.timestamp()), 0)
    cut_it = buttons.data(Tap.CUT_SESSION, grant.id, one.server, since)
    row = [Button(words.BUTTON_CUT.format(**values), cut_it)]
    if grant.state is not GrantState.REVOKING:
        revoke = buttons.data(Tap.REVOKE_GRANT, grant.id)
        row.append(Button(words.BUTTON_REVOKE.format(**values), revoke, Style.BAD))
    return (tuple(row),)
