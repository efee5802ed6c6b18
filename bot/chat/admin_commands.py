"""Commands for admins. Each asks the one place for permission before it looks at anything."""

from bot.access import audit, holdings, messages, people, revocation
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.access.usage import last_uses
from bot.chat import buttons, views
from bot.chat.buttons import Button, Style, Tap
from bot.chat.scene import SILENT, Reply, Scene, post, say
from bot.chat.views import View
from bot.receipts import maybe_text
from bot.texts import chat as words
from bot.texts.fill import blocks, escaped, fill
from storage.records import Grant, GrantState, OutboxKind, Person


async def pending(scene: Scene, _rest: str) -> Reply:
    """/pending: a fresh card for each request."""
    require(scene.actor, Act.LOOK)
    waiting = await scene.tx.requests.pending()
    if not waiting:
        return say(words.PENDING_NONE)
    view = View(fill(words.PENDING_COUNT, count=len(waiting)))
    await post(scene.tx, scene.chat, view, scene.case.now)
    for request in waiting[: views.SHOWN]:
        await messages.card(scene.case, scene.user_id, request.id)
    return SILENT


async def grants(scene: Scene, _rest: str) -> Reply:
    """/grants: live ones, and ended ones that are not proved."""
    require(scene.actor, Act.LOOK)
    # Nobody has access by a server's own certificate; that it is being ended is shown all the same.
    shown = [
        grant
        for grant in await _not_over(scene)
        if not grant.for_server or grant.state is GrantState.REVOKING
    ]
    proofs = [*await scene.tx.proofs.dropped(), *await scene.tx.proofs.unproved()]
    used = await last_uses(scene.tx, [grant.id for grant in views.may_be_listed(shown)])
    return Reply(views.grants_listing(shown, await scene.tx.people.all(), proofs, used))


async def users(scene: Scene, _rest: str) -> Reply:
    """/users."""
    require(scene.actor, Act.LOOK)
    allowed = [person for person in await scene.tx.people.all() if person.allowed]
    unlinked = {grant.common_name for grant in await scene.tx.grants.unlinked()}
    return Reply(views.users_listing(allowed, unlinked=len(unlinked)))


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
        return say(words.AUDIT_NONE)
    head = audit.head_text(last.seq, last.digest)
    return say(fill(words.AUDIT_HEAD, count=last.seq, head=head))


async def allow(scene: Scene, rest: str) -> Reply:
    """/allow ID NAME."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    parts = rest.split(maxsplit=1)
    if not parts:
        return say(words.USAGE_ALLOW)
    user_id = people.parse_user_id(parts[0])
    name = parts[1] if len(parts) > 1 else ""
    done = await people.allow(scene.case, user_id, name)
    return say(fill(words.ALLOWED if done.is_new else words.RENAMED, name=done.person.name))


async def remove(scene: Scene, rest: str) -> Reply:
    """/remove WHO."""
    require(scene.actor, Act.MANAGE_PEOPLE)
    if not rest:
        return say(words.USAGE_REMOVE)
    fits = await revocation.fits(scene.case, rest)
    candidates = [person for person in (*fits.people, *fits.near) if person.allowed]
    if len(fits.people) == 1:
        # Whoever is on the list by another account of theirs is taken off, too.
        accounts = await revocation.known_accounts(scene.tx, fits.people[0].id)
        if any(account.allowed for account in accounts):
            return await remove_now(scene, fits.people[0])
    if not candidates:
        raise Refused(Refusal.UNKNOWN_PERSON, who=rest)
    rows = [
        Button(
            words.BUTTON_REMOVE_PERSON.format(name=person.name),
            buttons.data(Tap.REMOVE, person.id),
            Style.BAD,
        )
        for person in candidates
    ]
    text = words.CHOOSE_AMONG if fits.people else words.CHOOSE_NEAR
    return Reply(views.choice(text, rows, "/remove NAME"))


async def remove_now(scene: Scene, person: Person) -> Reply:
    """Takes somebody off the list; the answer is the receipt, if there is anything to prove."""
    removed = await people.remove(scene.case, person.id)
    names = ", ".join(f"{account.name} ({account.id})" for account in removed.accounts)
    if not removed.grants:
        said = fill(words.REMOVED, name=person.name)
        if len(removed.accounts) > 1:
            said = fill(words.REMOVED_ACCOUNTS_ONLY, names=names)
        maybe = map(escaped, maybe_text(person.name, removed.maybe))
        return Reply(View(blocks(said, *maybe), views.revoke_rest(removed.maybe, {})))
    await revocation.ask_receipt(scene.case, scene.chat, removed.grants)
    if len(removed.accounts) == 1:
        return say(fill(words.REMOVED_ENDING, name=person.name))
    return say(fill(words.REMOVED_ACCOUNTS, names=names))


async def revoke(scene: Scene, rest: str) -> Reply:
    """/revoke [WHO]: at once where exactly one person or grant fits, else a list to tap."""
    require(scene.actor, Act.REVOKE)
    if not rest:
        may_end = [grant for grant in await _not_over(scene) if not grant.for_server]
        if not may_end:
            return say(words.NOBODY_TO_REVOKE)
        holders = {grant.user_id for grant in may_end}
        known = [person for person in await scene.tx.people.all() if person.id in holders]
        nobodys = [grant for grant in may_end if grant.user_id is None]
        return Reply(views.whom(words.CHOOSE_REVOKE, known, nobodys))
    fits = await revocation.fits(scene.case, rest)
    if fits.exactly_one:
        if fits.people:
            ended = await revocation.revoke_person(scene.case, fits.people[0].id)
        else:
            ended = await revocation.revoke_grant(scene.case, fits.grants[0].id)
        await revocation.ask_receipt(scene.case, scene.chat, ended)
        return SILENT
    if fits.people or fits.grants:
        return Reply(views.whom(words.CHOOSE_AMONG, fits.people, fits.grants))
    if fits.near:
        return Reply(views.whom(words.CHOOSE_NEAR, fits.near, ()))
    raise Refused(Refusal.UNKNOWN_PERSON, who=rest)


async def _not_over(scene: Scene) -> list[Grant]:
    """With what has ended without a proof: it may still let somebody in, and be looked at again."""
    dropped = await holdings.unproved_for_good(scene.tx, scene.case.now)
    return [*(one.grant for one in dropped), *await scene.tx.grants.not_over()]
