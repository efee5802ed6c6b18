"""Certificates from before the takeover in the chat: names that nobody is linked to yet."""

from collections.abc import Sequence

from bot.access import linking, revocation
from bot.access.linking import Unlinked
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.chat import buttons, views
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts.fill import Html, blocks, fill, lines, moment
from storage.records import Person


async def old_certificates(scene: Scene, _meant: Meant) -> Reply:
    """The list of names."""
    names = await linking.unlinked(scene.tx, scene.actor)
    if not names:
        return Reply(View(Html(words.OLD_CERTIFICATES_NONE)))
    rows = [
        (Button(one.common_name, buttons.about(Tap.OLD_NAME, one.grants[0].id)),)
        for one in names[: views.BUTTONS_SHOWN]
    ]
    more = views.more(len(names), "grant list", shown=views.BUTTONS_SHOWN)
    text = blocks(fill(words.OLD_CERTIFICATES, count=len(names)), more)
    return Reply(View(text, tuple(rows)))


async def one_name(scene: Scene, meant: Meant) -> Reply:
    """One name, with those whose name says the same first."""
    one = await _named(scene, meant)
    if meant.tap is Tap.OLD_PEOPLE:
        return Reply(_card(one, await _allowed(scene), has_more=False), edit=True)
    return Reply(_card(one, one.proposed, has_more=True), edit=True)


async def link(scene: Scene, meant: Meant) -> Reply:
    """Says whose all certificates of that name are."""
    linked = await linking.link_name_of(scene.tx, scene.ctx, scene.actor, meant.grant, meant.person)
    name = await scene.tx.people.name_of(meant.person)
    text = fill(words.LINKED, common_name=linked[0].common_name, name=name, count=len(linked))
    return Reply(View(text), edit=True)


async def _named(scene: Scene, meant: Meant) -> Unlinked:
    require(scene.actor, Act.MANAGE_PEOPLE)
    grant = await revocation.known_grant(scene.tx, meant.grant)
    for one in await linking.unlinked(scene.tx, scene.actor):
        if one.common_name == grant.common_name:
            return one
    raise Refused(Refusal.NOTHING_TO_LINK, name=grant.common_name)


async def _allowed(scene: Scene) -> Sequence[Person]:
    return [person for person in await scene.tx.people.all() if person.allowed]


def _card(one: Unlinked, people: Sequence[Person], *, has_more: bool) -> View:
    certificates = [
        fill(words.OLD_CERTIFICATE_LINE, serial=grant.serial, until=moment(grant.not_after))
        for grant in one.grants[: views.SHOWN]
    ]
    text = blocks(
        lines(fill(words.OLD_CERTIFICATE, common_name=one.common_name), *certificates),
        words.OLD_CERTIFICATE_WHOSE if people or has_more else words.OLD_CERTIFICATE_NOBODY,
    )
    return View(text, (*_people(one, people), *_others(one, has_more=has_more)))


def _people(one: Unlinked, people: Sequence[Person]) -> buttons.Keyboard:
    return tuple(
        (
            Button(
                words.BUTTON_LINK.format(name=person.name),
                buttons.link(one.grants[0].id, person.id),
                Style.MAIN,
            ),
        )
        for person in people[: views.BUTTONS_SHOWN]
    )


def _others(one: Unlinked, *, has_more: bool) -> buttons.Keyboard:
    first = one.grants[0].id
    revoke = Button(
        words.BUTTON_REVOKE_GRANT.format(common_name=one.common_name),
        buttons.about(Tap.REVOKE_GRANT, first),
        Style.BAD,
    )
    if not has_more:
        return ((revoke,),)
    return ((Button(words.BUTTON_LINK_OTHER, buttons.about(Tap.OLD_PEOPLE, first)),), (revoke,))
