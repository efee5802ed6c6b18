"""What people read before a profile of theirs ends, and once it has."""

from functools import partial

from telegram import Bot

from bot import limits
from bot.access import messages
from bot.access.case import Case
from bot.access.lineage import Lineage
from bot.access.permission import THE_BOT, Act, may
from bot.access.roles import identify
from bot.chat import buttons, views
from bot.chat.buttons import Button, Keyboard, Style, Tap
from bot.chat.client import say
from bot.chat.sender import Decision
from bot.chat.views import View
from bot.core import Core
from bot.handover.fields import file_name_of
from bot.texts import joining as joining_words
from bot.texts import life
from bot.texts import more_time as words
from bot.texts.durations import span_text
from bot.texts.fill import Html, blocks, fill, moment
from storage.outbox import Done, Next
from storage.records import (
    LIVE_STATES,
    OPEN_STATES,
    Grant,
    GrantId,
    GrantState,
    OutboxItem,
    PostedMessage,
    ServerName,
    UserId,
)


async def send(bot: Bot, core: Core, item: OutboxItem) -> Next | Decision:
    """Handles a row; an earlier reminder of the same profile goes."""
    grant_id = GrantId(item.payload["grant"])
    async with core.database.reading() as tx:
        view = await _now(core.case(tx, THE_BOT), grant_id)
    if view is None:
        return Done()
    sent = await say(
        partial(bot.send_message, item.chat_id), view.text, view.keyboard, room=limits.TEXT
    )
    posted = PostedMessage(item.chat_id, sent.message_id, item.kind, grant_id, core.clock())

    async def remember(case: Case) -> Next:
        for earlier in await case.tx.posted.about(item.kind, grant_id):
            await messages.delete(case, earlier)
        await case.tx.posted.remember(posted)
        if await _now(case, grant_id) != view:
            await messages.edit(case, posted)
        return Done()

    return remember


async def dropped(_item: OutboxItem) -> Next:
    """Of one that somebody was sending who is not there any more: nobody reads it twice."""
    return Done()


async def _now(case: Case, grant_id: GrantId) -> View | None:
    grant = await case.tx.grants.get(grant_id)
    assert grant is not None
    return await reminder(case, grant)


async def reminder(case: Case, grant: Grant) -> View | None:
    """A profile that ends soon; None where there is nothing to remind of: it is over, or lasts."""
    lineage = await Lineage.of(case.tx, grant.owner)
    is_over = grant.state is not GrantState.ACTIVE or grant.not_after <= case.now
    actor = await identify(case.tx, case.rules, grant.owner, "")
    if is_over or lineage.later(grant) is not None or not may(actor, Act.ASK):
        return None
    left = int((grant.not_after - case.now).total_seconds())
    about = {"span": span_text(left), "until": moment(grant.not_after)}
    if grant.imported_at is not None:
        text = fill(words.ENDS_SOON_IMPORTED, common_name=grant.common_name, **about)
        return View(text, _ask())
    text = fill(words.ENDS_SOON, server=grant.server, file=file_name_of(grant), **about)
    if lineage.asked_for(grant) is not None:
        return View(blocks(text, words.ENDS_SOON_ASKED))
    return View(blocks(text, words.ENDS_SOON_MORE), ((views.more_time_button(grant),),))


async def as_it_is(case: Case, grant: Grant) -> View:
    """One that was sent, or what is left of it where there is nothing to remind of any more."""
    if (soon := await reminder(case, grant)) is not None:
        return soon
    later = (await Lineage.of(case.tx, grant.owner)).later(grant)
    if later is not None:
        return View(fill(words.ENDS_LATER, server=later.server, until=moment(later.not_after)))
    if grant.state in LIVE_STATES and grant.not_after > case.now:
        return View(fill(words.STILL_ENDS, until=moment(grant.not_after)))
    return View(Html(words.ENDED))


async def ask_again(case: Case, user_id: UserId, server: ServerName | None) -> Keyboard:
    """Below the last word: the same once more, or anything; nothing where that was asked for."""
    actor = await identify(case.tx, case.rules, user_id, "")
    if not may(actor, Act.ASK):
        return ()
    theirs = [
        request
        for account in await case.tx.people.accounts_of(user_id)
        for request in await case.tx.requests.of_user(account)
        if request.server == server
    ]
    if any(request.state in OPEN_STATES for request in theirs):
        return ()
    own = [request for request in theirs if request.user_id == user_id]
    if server is None or not own:
        return _ask()
    again = buttons.data(Tap.AGAIN, own[-1].id)
    return ((Button(life.BUTTON_AGAIN, again, Style.MAIN),),)


def _ask() -> Keyboard:
    return ((Button(joining_words.BUTTON_ASK, buttons.data(Tap.ASK), Style.MAIN),),)
