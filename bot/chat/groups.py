"""/group: the groups, what each means, and who is in it."""

from collections.abc import Sequence

from bot import limits
from bot.access import groups, who
from bot.access.permission import Act, require
from bot.chat import views
from bot.chat.scene import Reply, Scene, say
from bot.texts import groups as words
from bot.texts import policy
from bot.texts.durations import duration_text
from bot.texts.fill import Html, blocks, escaped, fill, fitting, lines
from storage.group_records import Group, GroupName, Reason
from storage.records import UserId

_ADD, _REMOVE = "add", "remove"
# Of a group's people, in a message.
_NAMED = 30
_REASONS = {Reason.REQUIRED: policy.GROUP_REASON, Reason.TICKET: policy.GROUP_TICKET}


async def group(scene: Scene, rest: str) -> Reply:
    """/group [NAME [add|remove WHO]]."""
    require(scene.actor, Act.LOOK)
    name, _, what = rest.partition(" ")
    if not name:
        return say(await _listing(scene))
    meant = await groups.known_group(scene.case, name.lower())
    verb, _, text = what.strip().partition(" ")
    if not verb:
        return say(await _one(scene, meant))
    if verb.lower() not in (_ADD, _REMOVE) or not text.strip():
        return say(Html(words.USAGE))
    return say(await _change(scene, meant.name, text.strip(), joins=verb.lower() == _ADD))


async def _change(scene: Scene, name: GroupName, text: str, *, joins: bool) -> Html:
    require(scene.actor, Act.MANAGE_PEOPLE)
    person = await who.one_person(scene.case, text)
    change = groups.join if joins else groups.leave
    done = await change(scene.case, name, person.id)
    shown = await who.name_of(scene.tx, person.id)
    said = fill(words.JOINED if joins else words.LEFT, name=shown, group=name)
    count = sum(done.due.values())
    return blocks(
        said,
        fill(words.DUE, count=count) if count else "",
        Html(words.CLOSED) if done.closed else "",
    )


async def _listing(scene: Scene) -> Html:
    found = await scene.tx.groups.all()
    if not found:
        return Html(words.NONE)
    entries = [
        fill(
            words.LINE,
            name=one.name,
            people=fill(words.PEOPLE, count=len(await scene.tx.groups.members(one.name))),
        )
        for one in found
    ]
    shown = fitting(entries, limits.ROOM)
    more = fill(words.MORE, count=len(found) - shown) if shown < len(found) else ""
    return blocks(
        fill(words.COUNT, count=len(found)), lines(*entries[:shown], more), Html(words.HOW)
    )


async def _one(scene: Scene, meant: Group) -> Html:
    members = await scene.tx.groups.members(meant.name)
    names = await _names(scene, members[:_NAMED])
    rest = len(members) - _NAMED
    in_it = words.MEMBERS if rest <= 0 else words.MEMBERS_MORE
    return blocks(
        fill(words.TITLE, name=meant.name),
        lines(*await _meaning(scene, meant)),
        fill(in_it, names=names, count=rest) if members else Html(words.NOBODY),
    )


async def _meaning(scene: Scene, meant: Group) -> Sequence[Html]:
    said = []
    if meant.servers:
        said.append(fill(words.SERVERS, servers=", ".join(meant.servers)))
    if meant.max_duration is not None:
        said.append(fill(words.LONGEST, duration=duration_text(meant.max_duration)))
    if meant.standing is not None:
        said.append(fill(policy.GROUP_STANDING, duration=duration_text(meant.standing)))
    if meant.reason in _REASONS:
        said.append(Html(_REASONS[meant.reason]))
    if meant.max_profiles is not None:
        said.append(fill(policy.GROUP_PROFILES, count=meant.max_profiles))
    if meant.approvers:
        names = await _names(scene, meant.approvers)
        said.append(fill(words.APPROVAL_OF, count=meant.approvals or 1, names=names))
    elif meant.approvals is not None:
        said.append(fill(words.APPROVALS, count=meant.approvals))
    if meant.networks:
        said.append(fill(words.ADDRESSES, networks=", ".join(meant.networks)))
    if meant.routes:
        said.append(fill(words.ROUTES, routes=views.some(meant.routes)))
    if meant.dns:
        said.append(fill(words.DNS, dns=views.some(meant.dns)))
    return said


async def _names(scene: Scene, accounts: Sequence[UserId]) -> Html:
    """All of them: a value that is cut like what somebody typed would lose some."""
    known = await scene.tx.people.some(accounts)
    names = await who.told_apart(scene.tx, known.values())
    return Html(", ".join([escaped(names.get(one, str(one))) for one in accounts]))
