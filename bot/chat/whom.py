"""Whom to choose: everybody who may be meant, as buttons, a part at a time.

Nothing here loads everybody. What a button carries is where its part begins, and the words that the
list was narrowed by.
"""

from collections.abc import Sequence

from bot.access.matching import Fits
from bot.access.permission import Act, require
from bot.chat import buttons, views
from bot.chat.buttons import Button, Keyboard, Meant, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts.fill import Html, fill
from storage.name_keys import words_of
from storage.records import Grant

# Behind a button, with the place in the list: see `bot.limits`.
_SEARCH_LENGTH = 40


async def to_revoke(
    scene: Scene,
    meant: Meant | None = None,
    search: str = "",
    question: str = words.CHOOSE_REVOKE,
) -> Reply:
    """/revoke without a name: whoever has anything that could be ended; or those of many whose
    names have these words, see `searched`."""
    require(scene.actor, Act.REVOKE)
    offset, search = (meant.page or 0, meant.search) if meant is not None else (0, search)
    wanted = words_in(search)
    people = await scene.tx.people.with_access(
        scene.case.now, wanted, offset=offset, limit=views.BUTTONS_SHOWN + 1
    )
    shown = people[: views.BUTTONS_SHOWN]
    nobodys = (
        await nobodys_like(scene, wanted)
        if wanted
        else await scene.tx.grants.nobodys_not_over(limit=views.BUTTONS_SHOWN + 1)
    )
    if not offset and not people and not nobodys:
        nobody = fill(words.NOBODY_HAS, who=" ".join(wanted))
        return Reply(View(nobody if wanted else Html(words.NOBODY_TO_REVOKE)))
    rows = await views.person_buttons(
        scene.tx, shown, words.BUTTON_REVOKE_PERSON, Tap.REVOKE_PERSON
    )
    is_last = len(people) == len(shown)
    if is_last and len(shown) + len(nobodys) <= views.BUTTONS_SHOWN:
        rows += views.grant_buttons(nobodys)
    elif is_last:
        count = await scene.tx.grants.count_unlinked_names()
        rows.append(Button(words.BUTTON_OLD_CERTIFICATES.format(count=count), Tap.OLD))
    keyboard = (
        *((button,) for button in rows),
        *turning(Tap.REVOKE_LIST, offset, len(shown), views.BUTTONS_SHOWN, search, is_last=is_last),
    )
    return Reply(View(Html(question), keyboard), edit=meant is not None)


async def to_remove(
    scene: Scene,
    meant: Meant | None = None,
    search: str = "",
    question: str = words.CHOOSE_REMOVE,
) -> Reply:
    """/remove without a name: the allowlist, to tap; or those of many on it whose names have these
    words."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    offset, search = (meant.page or 0, meant.search) if meant is not None else (0, search)
    keyboard = await listed(
        scene,
        search,
        offset,
        label=words.BUTTON_REMOVE_PERSON,
        each=Tap.REMOVE,
        all_=Tap.REMOVE_LIST,
    )
    if not keyboard:
        return Reply(View(Html(words.USERS_NONE)))
    return Reply(View(Html(question), keyboard), edit=meant is not None)


async def listed(
    scene: Scene, search: str, offset: int, *, label: str, each: Tap, all_: Tap
) -> Keyboard:
    """A part of the allowlist to tap, and the buttons that turn it; nothing where nobody is there.

    Args:
        each: what the button of each person means.
        all_: what turns the list.
    """
    found = await scene.tx.people.listed(
        words_in(search), offset=offset, limit=views.BUTTONS_SHOWN + 1
    )
    shown = found[: views.BUTTONS_SHOWN]
    rows = await views.person_buttons(scene.tx, shown, label, each)
    is_last = len(found) == len(shown)
    around = turning(all_, offset, len(shown), views.BUTTONS_SHOWN, search, is_last=is_last)
    return (*((button,) for button in rows), *around)


async def searched(scene: Scene, fits: Fits, name: str, *, shown: int) -> str:
    """By what the lists find everybody who may be meant, where one message has no room for them;
    nothing where it has, or where only a letter was mistyped.

    Args:
        shown: how many there would be to choose from.
    """
    wanted = words_of(name)
    if not fits.has_more and shown <= views.BUTTONS_SHOWN:
        return ""
    return search_of(wanted) if await scene.tx.people.with_words(wanted, limit=1) else ""


async def nobodys_like(scene: Scene, wanted: Sequence[str]) -> list[Grant]:
    """Certificates that nobody has been linked to, in whose names all of these words are."""
    old = await scene.tx.grants.unlinked_like(wanted)
    return [grant for grant in old if set(wanted) <= set(words_of(grant.common_name))]


def search_of(wanted: Sequence[str]) -> str:
    """What a button carries of these words."""
    return "+".join(wanted)[:_SEARCH_LENGTH].strip("+")


def words_in(search: str) -> tuple[str, ...]:
    return tuple(word for word in search.split("+") if word)


def part(offset: int, shown: int, count: int) -> Html:
    """Which part of a list it is; nothing where that is all of it."""
    if shown >= count:
        return Html("")
    return fill(words.PART, first=offset + 1, last=offset + shown, total=count)


def turning(
    tap: Tap, offset: int, shown: int, size: int, search: str = "", *, is_last: bool
) -> Keyboard:
    around = []
    subject = (search,) if search else ()
    if offset:
        before = max(offset - size, 0)
        around.append(Button(words.BUTTON_BACK, buttons.data(tap, before, *subject)))
    if not is_last and shown:
        around.append(Button(words.BUTTON_NEXT, buttons.data(tap, offset + shown, *subject)))
    return (tuple(around),) if around else ()
