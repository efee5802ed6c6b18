"""/away: whoever decides passes their cards on until a day."""

from bot.access import absences, days
from bot.access.permission import Act, require
from bot.chat import buttons
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.scene import Reply, Scene, say
from bot.chat.views import View
from bot.texts import absence as words
from bot.texts.fill import Html, fill, moment


async def away(scene: Scene, rest: str) -> Reply:
    """/away [[until] DAY | back]."""
    require(scene.actor, Act.DECIDE)
    typed = rest.split()
    if typed and typed[0].lower() == "until":
        typed = typed[1:]
    if not typed:
        return await _as_it_is(scene)
    if typed[0].lower() in words.OVER_WORDS:
        await absences.come_back(scene.case, scene.user_id)
        return say(words.HERE)
    until = days.parse_day(" ".join(typed), scene.case.now, scene.case.rules.zone)
    await absences.go(scene.case, scene.user_id, until)
    return await _as_it_is(scene)


async def back(scene: Scene, _meant: Meant) -> Reply:
    """The button below that."""
    await absences.come_back(scene.case, scene.user_id)
    return Reply(View(Html(words.HERE)), edit=True)


async def _as_it_is(scene: Scene) -> Reply:
    until = await absences.until(scene.case, scene.user_id)
    if until is None:
        return say(words.USAGE)
    button = Button(words.BUTTON_BACK, buttons.data(Tap.RETURN), Style.MAIN)
    return Reply(View(fill(words.AWAY, until=moment(until)), ((button,),)))
