"""/who: whose an address inside the VPN is, or was."""

from bot import limits
from bot.access import whose
from bot.access.permission import Act, require
from bot.access.whose import Answer, Had
from bot.chat.scene import Reply, Scene, say
from bot.texts import whose as words
from bot.texts.fill import Html, blocks, fill, fitting, lines, moment


async def who(scene: Scene, rest: str) -> Reply:
    """/who ADDRESS [TIME]."""
    require(scene.actor, Act.LOOK)
    if not rest:
        return say(Html(words.USAGE))
    address, _, when = rest.partition(" ")
    answer = await whose.look_up(scene.case, address, when)
    entries = [_said(answer.address, one) for one in answer.had]
    if entries:
        return say(lines(*entries[: fitting(entries, limits.ROOM)]))
    return say(_nobody(answer))


def _nobody(answer: Answer) -> Html:
    why = before = ""
    if answer.unknown is not None:
        server = answer.server
        why = fill(
            words.WHY[answer.unknown],
            server=server.name if server else "",
            added=moment(server.added_at) if server else "",
        )
    if answer.before is not None:
        before = lines(words.BEFORE, _said(answer.address, answer.before))
    at = answer.at
    return blocks(
        fill(words.NOBODY_NOW, address=answer.address)
        if at is None
        else fill(words.NOBODY_THEN, address=answer.address, at=moment(at)),
        why,
        before,
    )


def _said(address: str, one: Had) -> Html:
    if one.name:
        had = words.HAD_BY_SOMEBODY
    else:
        had = words.HAD_BY_THE_BOT if one.grant is None else words.HAD_BY_A_CERTIFICATE
    return lines(
        fill(
            had[one.standing],
            name=one.name,
            address=address,
            server=one.server,
            since=moment(one.since),
            until=moment(one.until) if one.until else "",
        ),
        fill(words.DETAIL, common_name=one.common_name, grant=one.grant) if one.grant else "",
    )
