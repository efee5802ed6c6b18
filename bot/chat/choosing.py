"""The question for a server, where somebody asks without naming one of several."""

from bot.access import asking, messages
from bot.chat import buttons
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.pages import page_of
from bot.chat.scene import Reply, Scene
from bot.chat.views import View, cancel_button, some
from bot.texts import chat as words
from bot.texts import policy
from bot.texts.fill import Html, blocks, fill, lines
from storage.records import Request, RequestState

# Of one page: a phone shows ten.
_SHOWN = 10


async def question(scene: Scene, request: Request, page: int = 0) -> View:
    """Which server, or which set of them; what was chosen the last time comes first."""
    offered = await asking.to_choose_from(scene.case, request.user_id)
    shown = page_of(offered, page, size=_SHOWN)
    sets = [
        fill(words.CHOOSE_SET, name=one.name, servers=some(one.names))
        for one in shown.items
        if one.is_set
    ]
    hint = words.CHOOSE_BY_NAME if shown.count > 1 else ""
    first = offered[0].name if offered else None
    rows = [
        (
            Button(
                one.name,
                buttons.data(Tap.SERVER, request.id, one.name),
                Style.MAIN if one.name == first else None,
            ),
        )
        for one in shown.items
    ]
    return View(
        blocks(words.CHOOSE_SERVER, lines(*sets), lines(shown.text, hint)),
        (*rows, *shown.turning(Tap.SERVERS, request.id), (cancel_button(request),)),
    )


async def turn(scene: Scene, meant: Meant) -> Reply:
    """Another page of the question."""
    request = await asking.choosing(scene.case, meant.request)
    return Reply(await question(scene, request, meant.page or 0), edit=True)


async def choose(scene: Scene, meant: Meant) -> Reply:
    """The answer."""
    asked = await asking.choose(scene.case, meant.request, meant.server)
    await messages.asked(scene.case, asked.request, instead_of=scene.message_id)
    return Reply(toast=toast(asked))


def toast(asked: asking.Asked) -> Html:
    """In answer to the tap that completed a request."""
    is_given = asked.request.state is RequestState.APPROVED
    return Html(policy.GIVEN_TOAST if is_given else words.CHOSEN_TOAST)


async def question_now(scene: Scene, meant: Meant) -> View | None:
    """The question as it reads now; None where it is answered already."""
    request = await scene.tx.requests.get(meant.request)
    if request is None or request.state is not RequestState.CHOOSING:
        return None
    return await question(scene, request)
