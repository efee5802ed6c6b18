"""Lists of people, access and requests: a part at a time, with buttons that lead on.

Nothing here loads everybody. What a button carries is where its part begins, and the words that the
list was narrowed by.
"""

from collections.abc import Sequence

from bot import limits
from bot.access import holdings, messages, who
from bot.access.hearing import hear
from bot.access.matching import Fits
from bot.access.permission import Act, may, require
from bot.access.refusals import Refusal, Refused
from bot.access.usage import last_uses
from bot.chat import buttons, pausing, roles, views, whom
from bot.chat.buttons import Button, Keyboard, Meant, Style, Tap
from bot.chat.scene import SILENT, Reply, Scene, post
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import policy
from bot.texts.fill import Html, blocks, fill, fitting, lines
from storage.name_keys import words_of
from storage.records import LIVE_STATES, Grant, Person

GRANTS_SHOWN = 15
USERS_SHOWN = 30
CARDS_SHOWN = 10
# A search that so many people fit is too wide to be read.
_FOUND_AT_MOST = 50


async def grants(scene: Scene, rest: str) -> Reply:
    """/grants [WHO]: live ones, and ended ones that are not proved."""
    require(scene.actor, Act.LOOK)
    if not rest:
        return await _all_grants(scene, 0)
    fits = await who.meant(scene.case, rest)
    if fits.people or fits.grants:
        return await _grants_of(scene, fits, rest)
    found = await _grants_by_words(scene, words_of(rest), 0)
    if found is None and fits.near:
        found = await _grants_of(scene, Fits(people=fits.near), rest)
    if found is None:
        raise Refused(Refusal.UNKNOWN_PERSON, who=rest)
    return found


async def turn_grants(scene: Scene, meant: Meant) -> Reply:
    """Another part of the list."""
    require(scene.actor, Act.LOOK)
    wanted = whom.words_in(meant.search)
    if not wanted:
        return _edited(await _all_grants(scene, meant.page or 0))
    found = await _grants_by_words(scene, wanted, meant.page or 0)
    return _edited(found or Reply(View(Html(words.GRANTS_NONE))))


async def users(scene: Scene, rest: str) -> Reply:
    """/users [WHO]: the allowlist, and the admins of the settings."""
    require(scene.actor, Act.LOOK)
    if not rest:
        return await _all_users(scene, (), 0)
    fits = await who.people_meant(scene.case, rest)
    wanted = words_of(rest)
    if wanted and not rest.startswith("@") and await scene.tx.people.count_listed(wanted):
        beside = [person for person in fits.people if not person.allowed]
        return await _all_users(scene, wanted, 0, beside)
    found = fits.people or fits.near
    if not found:
        raise Refused(Refusal.UNKNOWN_PERSON, who=rest)
    keyboard = ((await pausing.button(scene, found[0]),),) if len(found) == 1 else ()
    keyboard = keyboard if may(scene.actor, Act.MANAGE_PEOPLE) else ()
    return Reply(View(lines(*await _users(scene, found[:USERS_SHOWN])), keyboard))


async def turn_users(scene: Scene, meant: Meant) -> Reply:
    """Another part of the list."""
    require(scene.actor, Act.LOOK)
    wanted = whom.words_in(meant.search)
    return _edited(await _all_users(scene, wanted, meant.page or 0))


async def pending(scene: Scene, _rest: str) -> Reply:
    """/pending: a fresh card for each request, some at a time."""
    require(scene.actor, Act.SEE_REQUESTS)
    return await _cards(scene, 0)


async def turn_pending(scene: Scene, meant: Meant) -> Reply:
    """The next cards, below those that are there."""
    require(scene.actor, Act.SEE_REQUESTS)
    return await _cards(scene, meant.page or 0)


async def _all_grants(scene: Scene, offset: int) -> Reply:
    now = scene.case.now
    unproved = await scene.tx.grants.count_unproved(now)
    count = unproved + await scene.tx.grants.count_live()
    if not count:
        return Reply(View(Html(words.GRANTS_NONE)))
    page = [*await scene.tx.grants.unproved(now, offset=offset, limit=GRANTS_SHOWN)]
    page += await scene.tx.grants.ending(
        offset=max(offset - unproved, 0), limit=GRANTS_SHOWN - len(page)
    )
    return Reply(await _grants_page(scene, page, count, offset))


async def _grants_of(scene: Scene, fits: Fits, said: str) -> Reply:
    """What the people who fit have, and the grants that fit."""
    accounts = [
        account
        for person in fits.people
        for account in await scene.tx.people.accounts_of(person.id)
    ]
    has = [one.grant for one in await holdings.of_accounts(scene.tx, scene.case.now, accounts)]
    found = [*has, *(grant for grant in fits.grants if grant not in has)]
    if not found:
        return Reply(View(fill(words.GRANTS_NONE_OF, who=said)))
    return Reply(await _grants_page(scene, found[:_FOUND_AT_MOST], len(found), 0, is_all=True))


async def _grants_by_words(scene: Scene, wanted: Sequence[str], offset: int) -> Reply | None:
    """Soonest end first; None where nobody has these words."""
    # Whoever has nothing would only take the place of somebody who has.
    with_access = await scene.tx.people.some_with_access(
        scene.case.now, wanted, limit=_FOUND_AT_MOST + 1
    )
    people = with_access[:_FOUND_AT_MOST]
    nobodys = await whom.nobodys_like(scene, wanted)
    if not people and not nobodys and not await scene.tx.people.with_words(wanted, limit=1):
        return None
    accounts = [person.id for person in people]
    has = [one.grant for one in await holdings.of_accounts(scene.tx, scene.case.now, accounts)]
    found = [*has, *nobodys]
    if not found:
        return Reply(View(fill(words.GRANTS_NONE_OF, who=" ".join(wanted))))
    page = found[offset:][:GRANTS_SHOWN]
    view = await _grants_page(scene, page, len(found), offset, whom.search_of(wanted))
    if len(with_access) == len(people):
        return Reply(view)
    wide = fill(words.FOUND_MANY, count=_FOUND_AT_MOST)
    return Reply(View(blocks(view.text, wide), view.keyboard))


async def _grants_page(
    scene: Scene,
    page: Sequence[Grant],
    count: int,
    offset: int,
    search: str = "",
    *,
    is_all: bool = False,
) -> View:
    """As many of these as a message holds.

    Args:
        is_all: there is no button that could find the others again.
    """
    tx = scene.tx
    people = await tx.people.some(g.user_id for g in page if g.user_id is not None)
    names = await who.told_apart(tx, people.values())
    ended = [
        grant.id for grant in page if grant.state not in LIVE_STATES or grant.pause is not None
    ]
    unproved_on: dict[str, list[str]] = {}
    for proof in await tx.proofs.of(ended):
        if not proof.proved:
            unproved_on.setdefault(proof.grant_id, []).append(proof.server)
    used = await last_uses(tx, [grant.id for grant in page])
    entries = [
        views.grant_entry(grant, names, unproved_on.get(grant.id, ()), used.get(grant.id))
        for grant in page
    ]
    shown = fitting(entries, limits.ROOM)
    is_last = offset + shown >= count
    text = blocks(
        fill(words.GRANTS_COUNT, count=count),
        *entries[:shown],
        views.more(count, "grant list", shown=shown) if is_all else whom.part(offset, shown, count),
    )
    if is_all:
        return View(text)
    return View(
        text, whom.turning(Tap.GRANTS, offset, shown, GRANTS_SHOWN, search, is_last=is_last)
    )


async def _all_users(
    scene: Scene, wanted: Sequence[str], offset: int, beside: Sequence[Person] = ()
) -> Reply:
    tx = scene.tx
    count = await tx.people.count_listed(wanted)
    people = await tx.people.listed(wanted, offset=offset, limit=USERS_SHOWN)
    keyboard: Keyboard = ()
    links = may(scene.actor, Act.MANAGE_PEOPLE)
    if links and not wanted and (old := await tx.grants.count_unlinked_names()):
        keyboard = ((Button(words.BUTTON_OLD_CERTIFICATES.format(count=old), Tap.OLD),),)
    is_first = not wanted and not offset
    admins = blocks(await _admins(scene), await roles.listed(scene)) if is_first else ""
    if not count:
        return Reply(View(blocks(words.USERS_NONE, admins), keyboard))
    entries = await _users(scene, people)
    shown = fitting(entries, limits.ROOM - len(admins))
    others = lines(*await _users(scene, beside[:USERS_SHOWN]))
    if links and wanted and count == 1:
        keyboard = ((await pausing.button(scene, people[0]),),)
    text = blocks(
        admins,
        fill(words.USERS_COUNT, count=count),
        lines(*entries[:shown]),
        whom.part(offset, shown, count),
        others,
    )
    is_last = offset + shown >= count
    around = whom.turning(
        Tap.USERS, offset, shown, USERS_SHOWN, whom.search_of(wanted), is_last=is_last
    )
    return Reply(View(text, (*around, *keyboard)))


async def _admins(scene: Scene) -> Html:
    """Whom the settings name, whether they are on the allowlist or not."""
    known = await scene.tx.people.some(scene.case.rules.admins)
    named = [
        fill(words.ADMIN_KNOWN, name=known[one].name, id=one)
        if one in known and known[one].name != str(one)
        else fill(words.ADMIN_UNKNOWN, id=one)
        for one in scene.case.rules.admins[:USERS_SHOWN]
    ]
    return lines(words.ADMINS, *named) if named else Html("")


async def _users(scene: Scene, people: Sequence[Person]) -> list[Html]:
    paused = await scene.tx.pauses.some(person.id for person in people)
    said = {account: pausing.line(pause) for account, pause in paused.items()}
    return [
        Html(f"{_user(scene, one)}, {said[one.id]}") if one.id in said else _user(scene, one)
        for one in people
    ]


def _user(scene: Scene, person: Person) -> Html:
    line = fill(
        words.USER_LINE if person.username is None else words.USER_LINE_USERNAME,
        name=person.name,
        username=f"@{person.username}",
        id=person.id,
    )
    if person.allowed:
        return line
    is_admin = person.id in scene.case.rules.admins
    return Html(f"{line}, {words.USER_ADMIN if is_admin else words.USER_NOT_LISTED}")


async def _cards(scene: Scene, offset: int) -> Reply:
    if may(scene.actor, Act.LOOK):
        count = await scene.tx.requests.count_pending()
        waiting = await scene.tx.requests.pending(offset=offset, limit=CARDS_SHOWN)
    else:
        theirs = [
            request
            for request in await scene.tx.requests.pending()
            if scene.user_id in (await hear(scene.case, request)).deciders
        ]
        count, waiting = len(theirs), theirs[offset : offset + CARDS_SHOWN]
    if not offset and await _begin_later(scene) and not waiting:
        return SILENT
    if not waiting:
        return Reply(View(Html(words.PENDING_NONE)))
    head = View(
        blocks(fill(words.PENDING_COUNT, count=count), whom.part(offset, len(waiting), count))
    )
    await post(scene.tx, scene.chat, head, scene.case.now)
    for request in waiting:
        await messages.private_card(scene.case, scene.user_id, request.id)
    left = count - offset - len(waiting)
    if left <= 0:
        return SILENT
    more = Button(words.BUTTON_NEXT, buttons.data(Tap.PENDING, offset + len(waiting)), Style.MAIN)
    return Reply(View(fill(words.PENDING_MORE, count=left), ((more,),)))


async def _begin_later(scene: Scene) -> bool:
    """What was approved and has not begun, the earliest first, also as cards."""
    every = await scene.tx.requests.scheduled()
    found = sorted(every, key=lambda one: one.starts_at or one.asked_at)
    if not may(scene.actor, Act.LOOK):
        found = [one for one in found if scene.user_id in (await hear(scene.case, one)).deciders]
    if found:
        head = View(fill(policy.SCHEDULED_COUNT, count=len(found)))
        await post(scene.tx, scene.chat, head, scene.case.now)
    for request in found[:CARDS_SHOWN]:
        await messages.private_card(scene.case, scene.user_id, request.id)
    return bool(found)


def _edited(reply: Reply) -> Reply:
    return Reply(reply.view, edit=True)
