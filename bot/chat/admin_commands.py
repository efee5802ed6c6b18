"""Commands for admins. Each asks the one place for permission before it looks at anything."""

from collections.abc import Awaitable, Callable

from bot.access import audit, messages, people, revocation, spoken, who
from bot.access.case import Case
from bot.access.matching import Fits
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.chat import views, whom
from bot.chat.buttons import Style, Tap
from bot.chat.scene import SILENT, Reply, Scene, say
from bot.chat.views import View
from bot.receipts import maybe_text
from bot.texts import chat as words
from bot.texts import joining as joining_words
from bot.texts import notices
from bot.texts.fill import blocks, escaped, fill
from storage.records import OutboxKind, Person, UserId


async def servers(scene: Scene, _rest: str) -> Reply:
    """/servers: asked when the answer is sent, since a server may take its time."""
    require(scene.actor, Act.LOOK)
    await scene.tx.outbox.add(scene.chat, OutboxKind.SERVERS, {}, now=scene.case.now)
    return SILENT


async def audit_head(scene: Scene, _rest: str) -> Reply:
    """/audit: what a later check of the trail is held against."""
    require(scene.actor, Act.LOOK)
    last = await scene.tx.audit.last()
    if last is None:
        return say(notices.AUDIT_NONE)
    head = audit.head_text(last.seq, last.digest)
    return say(fill(notices.AUDIT_HEAD, count=last.seq, head=head))


async def allow(scene: Scene, rest: str) -> Reply:
    """/allow ID NAME."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    if not rest:
        text = blocks(words.USAGE_ALLOW, joining_words.PICK_HINT)
        return Reply(View(text), picks=True)
    wanted = await people.to_be_allowed(scene.case, rest)
    if isinstance(wanted, people.Candidates):
        rows = await views.person_buttons(
            scene.tx, wanted.people, words.BUTTON_ALLOW, Tap.ALLOW, Style.GOOD
        )
        return Reply(views.choice(words.CHOOSE_ALLOW, rows, "/allow ID NAME"))
    return await allow_now(scene, wanted.user_id, wanted.name)


async def allow_now(scene: Scene, user_id: UserId, name: str) -> Reply:
    """Puts somebody on the list."""
    done = await people.allow(scene.case, user_id, name)
    if not done.is_new:
        text = words.RENAMED
    elif user_id == scene.user_id:
        text = words.ALLOWED_SELF
    else:
        text = words.ALLOWED_REACHED if done.person.reachable else words.ALLOWED
    return say(fill(text, name=await who.name_of(scene.tx, done.person.id)))


async def remove(scene: Scene, rest: str) -> Reply:
    """/remove WHO."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    if not rest:
        return await whom.to_remove(scene)
    fits, name, question = await _fits(scene, rest, who.people_meant)
    if fits.exactly_one:
        return await remove_now(scene, fits.people[0])
    candidates = [person for person in (*fits.people, *fits.near) if person.allowed]
    if search := await whom.searched(scene, fits, name, shown=len(candidates)):
        return await whom.to_remove(scene, search=search, question=question)
    if not candidates:
        raise who.not_one(rest, Fits())
    rows = await views.person_buttons(
        scene.tx, candidates, words.BUTTON_REMOVE_PERSON, Tap.REMOVE, Style.BAD
    )
    return Reply(views.choice(question, rows, "/remove ID"))


async def remove_now(scene: Scene, person: Person) -> Reply:
    """Takes somebody off the list; the answer is the receipt, if there is anything to prove."""
    removed = await people.remove(scene.case, person.id)
    await messages.farewell(scene.case, scene.chat, removed.farewell, instead_of=scene.message_id)
    if removed.grants:
        await revocation.ask_receipt(scene.case, scene.chat, removed.grants)
        return Reply()
    maybe = [escaped(line) for line in maybe_text(person.name, removed.maybe)]
    return Reply(View(blocks(*maybe), views.revoke_rest(removed.maybe, {}))) if maybe else Reply()


async def revoke(scene: Scene, rest: str) -> Reply:
    """/revoke [WHO]: at once where exactly one person or grant fits, else a list to tap."""
    require(scene.actor, Act.REVOKE)
    if not rest:
        return await whom.to_revoke(scene)
    fits, name, question = await _fits(scene, rest, who.meant)
    if fits.exactly_one:
        if fits.people:
            ended = await revocation.revoke_person(scene.case, fits.people[0].id)
        else:
            ended = await revocation.revoke_grant(scene.case, fits.grants[0].id)
        await revocation.ask_receipt(scene.case, scene.chat, ended)
        return SILENT
    # Whoever has nothing is not meant: it would only be one more to choose from.
    people = await who.with_access(scene.case, fits.people or fits.near)
    shown = len(people) + len(fits.grants)
    if search := await whom.searched(scene, fits, name, shown=shown):
        return await whom.to_revoke(scene, search=search, question=question)
    if not people and not fits.grants:
        if fits.people or fits.near:
            return say(fill(words.NOBODY_HAS, who=name))
        raise Refused(Refusal.UNKNOWN_PERSON, who=rest)
    rows = await views.person_buttons(
        scene.tx, people, words.BUTTON_REVOKE_PERSON, Tap.REVOKE_PERSON
    )
    return Reply(views.choice(question, [*rows, *views.grant_buttons(fits.grants)], "/revoke ID"))


async def _fits(
    scene: Scene, rest: str, find: Callable[[Case, str], Awaitable[Fits]]
) -> tuple[Fits, str, str]:
    """Who is meant, by which words, and the question above a choice.

    Whoever fits only without the time behind their name is asked about.
    """
    fits = await find(scene.case, rest)
    before = spoken.without_trailing(rest.split())
    if not before or fits.people or fits.grants or fits.near:
        return fits, rest, _which(fits)
    name = " ".join(before)
    found = await find(scene.case, name)
    near = Fits(near=(*found.people, *found.near), has_more=found.has_more)
    return near, name, words.CHOOSE_NO_TIME


def _which(fits: Fits) -> str:
    if fits.is_unsure:
        return words.CHOOSE_OLD_USERNAME
    return words.CHOOSE_AMONG if fits.people or fits.grants else words.CHOOSE_NEAR
