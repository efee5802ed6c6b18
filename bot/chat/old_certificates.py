"""Certificates from before the takeover in the chat: names that nobody is linked to yet."""

from collections.abc import Sequence

from bot.access import linking, revocation, who
from bot.access.linking import Unlinked
from bot.chat import buttons, questions, views
from bot.chat.buttons import Button, Keyboard, Meant, Style, Tap
from bot.chat.pages import Page, page_of
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import questions as asking
from bot.texts.fill import Html, blocks, fill, lines, moment
from storage.records import Person

_NUMBERS_IN_A_ROW = 5


async def old_certificates(scene: Scene, meant: Meant) -> Reply:
    """The list of names, page by page."""
    is_turned = meant.page is not None
    names = await linking.unlinked(scene.case)
    if not names:
        return Reply(View(Html(words.OLD_CERTIFICATES_NONE)), edit=is_turned)
    shown = page_of(names, meant.page, size=views.BUTTONS_SHOWN)
    rows = tuple(
        (Button(one.common_name, buttons.data(Tap.OLD_NAME, one.grants[0].id)),)
        for one in shown.items
    )
    text = blocks(fill(words.OLD_CERTIFICATES, count=len(names)), shown.text)
    return Reply(View(text, (*rows, *shown.turning(Tap.OLD))), edit=is_turned)


async def one_name(scene: Scene, meant: Meant) -> Reply:
    """One name, with those whose name says the same first."""
    one = await linking.unlinked_of(scene.case, meant.grant)
    if meant.tap is Tap.OLD_NAME:
        other = Button(words.BUTTON_LINK_OTHER, buttons.data(Tap.OLD_PEOPLE, one.grants[0].id))
        people = await _people(scene, one, await linking.proposed(scene.case, one.common_name))
        return Reply(_card(one, (*people, (other,))), edit=True)
    count = await scene.tx.people.count_listed()
    shown: Page[Person] = Page.of(count, meant.page, size=views.BUTTONS_SHOWN)
    listed = await scene.tx.people.listed(offset=shown.first, limit=views.BUTTONS_SHOWN)
    turning = shown.turning(Tap.OLD_PEOPLE, one.grants[0].id)
    people = await _people(scene, one, listed)
    return Reply(_card(one, (*people, *turning), shown.text), edit=True)


async def link(scene: Scene, meant: Meant) -> Reply:
    """Says whose all certificates of that name are, if they are those that were shown."""
    one = await linking.unlinked_of(scene.case, meant.grant)
    person = await revocation.known_person(scene.tx, meant.person)
    if meant.digest != await questions.link_digest(scene, one, person):
        view = _card(one, await _people(scene, one, [person]))
        text = blocks(asking.QUESTION_CHANGED, view.text)
        return Reply(View(text, view.keyboard), Html(asking.QUESTION_CHANGED_TOAST), edit=True)
    linked = await linking.link_name_of(scene.case, meant.grant, meant.person)
    name = await who.name_of(scene.tx, meant.person)
    text = fill(words.LINKED, common_name=linked[0].common_name, name=name, count=len(linked))
    return Reply(View(text, (_BACK,)), edit=True)


_BACK = (Button(words.BUTTON_OLD_NAMES, buttons.data(Tap.OLD, 0)),)


def _card(one: Unlinked, people: Keyboard, page: Html | str = "") -> View:
    """Certificates are numbered where there are several, and each has a button: the one that nobody
    uses must not stand for the other."""
    line, label = words.OLD_CERTIFICATE_LINE, words.BUTTON_REVOKE_GRANT
    if len(one.grants) > 1:
        line, label = words.OLD_CERTIFICATE_NUMBERED, words.BUTTON_REVOKE_NUMBERED
    listed = []
    row = []
    for number, grant in enumerate(one.grants[: views.SHOWN], 1):
        until = moment(grant.not_after)
        listed.append(fill(line, number=number, serial=grant.serial, until=until))
        text = label.format(number=number, common_name=one.common_name)
        row.append(Button(text, buttons.data(Tap.REVOKE_GRANT, grant.id), Style.BAD))
    said = blocks(
        lines(fill(words.OLD_CERTIFICATE, common_name=one.common_name), *listed),
        views.more(len(one.grants), "grant list"),
        words.OLD_CERTIFICATE_WHOSE if people else words.OLD_CERTIFICATE_NOBODY,
        page,
    )
    at = range(0, len(row), _NUMBERS_IN_A_ROW)
    revoking = (tuple(row[begin : begin + _NUMBERS_IN_A_ROW]) for begin in at)
    return View(said, (*people, *revoking, _BACK))


async def _people(scene: Scene, one: Unlinked, people: Sequence[Person]) -> Keyboard:
    rows = []
    names = await who.told_apart(scene.tx, people)
    for person in people[: views.BUTTONS_SHOWN]:
        digest = await questions.link_digest(scene, one, person)
        data = buttons.data(Tap.LINK, one.grants[0].id, person.id, digest)
        text = words.BUTTON_LINK.format(name=names[person.id])
        rows.append((Button(text, data, Style.MAIN),))
    return tuple(rows)
