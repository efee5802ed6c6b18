"""Names on an operator's own server that nobody knows: an admin cuts them, or has them cut."""

from bot.access import sightings
from bot.access.permission import Act, require
from bot.chat import buttons, views
from bot.chat.buttons import Button, Keyboard, Meant, Style, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import strangers as words
from bot.texts.fill import Html, fill
from storage.records import Payload, ServerName

# More would hide the one below them; the message is sent again as others come.
_BUTTONS = 8


def keyboard(values: Payload) -> Keyboard:
    """The buttons below a notice that shows such names: its `choices` are numbers and names."""
    rows = [
        (Button(words.BUTTON_CUT.format(name=name), buttons.data(Tap.CUT, number), Style.BAD),)
        for number, name in values["choices"][:_BUTTONS]
    ]
    always = buttons.data(Tap.CUT_ALWAYS, ServerName(values["server"]))
    return (*rows, (Button(words.BUTTON_ALWAYS, always),))


async def cut(scene: Scene, meant: Meant) -> Reply:
    """The session ends once this is stored; what became of it is sent as a message."""
    await sightings.cut(scene.case, meant.stranger)
    return Reply(toast=Html(words.CUTTING_TOAST))


async def choose(scene: Scene, meant: Meant) -> Reply:
    """Whether they are cut without being asked about."""
    require(scene.actor, Act.REVOKE)
    if meant.tap is Tap.CUT_ALWAYS:
        yes = Button(
            words.BUTTON_ALWAYS_YES, buttons.data(Tap.CUT_ALWAYS_YES, meant.server), Style.BAD
        )
        return Reply(views.confirm(fill(words.CONFIRM_ALWAYS, server=meant.server), yes))
    cuts = meant.tap is Tap.CUT_ALWAYS_YES
    await sightings.choose(scene.case, meant.server, cuts=cuts)
    if not cuts:
        return Reply(View(fill(words.ASK, server=meant.server)), edit=True)
    stop = Button(words.BUTTON_ASK, buttons.data(Tap.CUT_ASK, meant.server))
    return Reply(View(fill(words.ALWAYS, server=meant.server), ((stop,),)), edit=True)
