"""/role: who is admin, approver or auditor, and the words that change it."""

from collections.abc import Sequence

from bot.access import appointing, who
from bot.access.appointing import Appointed
from bot.access.matching import as_user_id
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.chat.scene import Reply, Scene, say
from bot.texts import roles as words
from bot.texts.fill import Html, blocks, fill, lines, plain_in_chat
from storage.group_records import GroupName
from storage.records import Person, UserId
from storage.role_records import Appointment, Role

_NO_ROLE = "none"
_SHOWN = 50


async def role(scene: Scene, rest: str) -> Reply:
    """/role [WHO [ROLE [GROUP…]]]; WHO may have several words, as names do."""
    require(scene.actor, Act.LOOK)
    if not rest:
        return say(await _listing(scene))
    typed = rest.split()
    at = next((n for n, word in enumerate(typed[1:], 1) if _role(word) is not None), None)
    if at is None:
        if typed[1:] and as_user_id(typed[0]) is not None:
            raise Refused(Refusal.UNKNOWN_ROLE, role=typed[1])
        return say(await _one(scene, await _person(scene, typed)))
    require(scene.actor, Act.MANAGE_PEOPLE)
    meant, wanted = " ".join(typed[:at]), _role(typed[at])
    # A number is enough: somebody need not be known before they have a role.
    user_id = as_user_id(meant) or (await who.one_person(scene.case, meant)).id
    if wanted == _NO_ROLE:
        if typed[at + 1 :]:
            raise Refused(Refusal.ROLE_GROUPS)
        return say(await _done(scene, await appointing.dismiss(scene.case, user_id)))
    names = [GroupName(word.lower().strip(",")) for word in typed[at + 1 :]]
    done = await appointing.appoint(scene.case, user_id, Role(wanted or ""), names)
    return say(await _done(scene, done))


async def _person(scene: Scene, typed: Sequence[str]) -> Person:
    """Whoever is meant by all the words; a mistyped role behind somebody's name is said to be one.

    Raises:
        Refused: UNKNOWN_ROLE, and what `who.one_person` says.
    """
    try:
        return await who.one_person(scene.case, " ".join(typed))
    except Refused as refused:
        *name, last = typed
        if refused.code is Refusal.UNKNOWN_PERSON and name:
            fits = await who.people_meant(scene.case, " ".join(name))
            if fits.people or fits.near:
                raise Refused(Refusal.UNKNOWN_ROLE, role=last) from refused
        raise


async def listed(scene: Scene) -> Html:
    """Whoever has a role besides the settings' admins; nothing where nobody has."""
    given = [
        one
        for one in (await scene.tx.roles.all()).values()
        if one.user_id not in scene.case.rules.admins
    ]
    known = await scene.tx.people.some(one.user_id for one in given[:_SHOWN])
    names = await who.told_apart(scene.tx, known.values())
    entries = [
        fill(words.LINE, name=names.get(one.user_id, one.user_id), id=one.user_id, role=title(one))
        for one in given[:_SHOWN]
    ]
    more = "…" if len(given) > _SHOWN else ""
    return lines(words.LISTED, *entries, more) if entries else Html("")


def title(given: Appointment) -> str:
    """For example `approver for dev`."""
    if given.role is Role.APPROVER and given.groups:
        return plain_in_chat(words.APPROVER_OF, groups=", ".join(given.groups))
    return words.NAMES[given.role]


async def help_of_role(scene: Scene) -> Html:
    """What an approver's or auditor's role means; nothing for anybody else."""
    if scene.actor.is_auditor:
        return Html(words.HELP_AUDITOR)
    theirs = scene.actor.decides_for
    if theirs is None:
        return Html("")
    if not theirs:
        return fill(words.HELP_APPROVER_NOBODY, id=scene.user_id)
    return fill(words.HELP_APPROVER, groups=", ".join(sorted(theirs)))


async def _listing(scene: Scene) -> Html:
    return blocks(await listed(scene) or words.NONE, words.HOW)


async def _one(scene: Scene, person: Person) -> Html:
    name = await who.name_of(scene.tx, person.id)
    given = await scene.tx.roles.get(person.id)
    if _is_by_settings(scene, person.id):
        said = fill(words.IS, name=name, role=words.BY_SETTINGS)
    elif given is None:
        said = fill(words.IS_NOTHING, name=name)
    else:
        said = fill(words.IS, name=name, role=title(given))
    return blocks(said, words.HOW)


def _is_by_settings(scene: Scene, user_id: UserId) -> bool:
    return user_id in scene.case.rules.admins


def _role(word: str) -> str | None:
    lowered = word.lower()
    return lowered if lowered == _NO_ROLE or lowered in {*Role} else None


async def _done(scene: Scene, done: Appointed) -> Html:
    name = await who.name_of(scene.tx, done.person.id)
    if done.role is None:
        return fill(words.TAKEN, name=name)
    if done.role is Role.APPROVER and not done.groups:
        return fill(words.GIVEN_NO_GROUP, name=name, id=done.person.id)
    return fill(words.GIVEN[done.role], name=name, groups=", ".join(done.groups))
