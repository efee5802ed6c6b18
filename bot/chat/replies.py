"""What is written as a reply to a message of ours, and means something there."""

from bot.access.permission import Act, may
from bot.chat import denying, own_request
from bot.chat.incoming import Typed
from bot.chat.scene import Reply, Scene
from storage.records import OutboxKind, RequestId

# A card whose place a newer one took is still a card to whoever was writing below it.
_ABOUT_REQUESTS = frozenset({OutboxKind.ASKED, OutboxKind.CARD, OutboxKind.DELETE})


async def answer(scene: Scene, typed: Typed) -> Reply | None:
    """None where it is as good as not being a reply."""
    if typed.replies_to is None or typed.command or not typed.rest.strip():
        return None
    message = await scene.tx.posted.find(scene.chat, typed.replies_to)
    if message is None or message.kind not in _ABOUT_REQUESTS:
        return None
    request_id = RequestId(int(message.subject))
    if message.kind is OutboxKind.ASKED:
        return await own_request.take_reason(scene, request_id, typed.rest)
    # Whoever only looks at cards says nothing by it.
    return (
        await denying.ask_back(scene, request_id, typed) if may(scene.actor, Act.DECIDE) else None
    )
