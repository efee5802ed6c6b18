"""What was posted already: followed, taken back or left, and what a group holds for all admins."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from bot.access import messages
from bot.access.case import Case
from storage.joining_records import FarewellId, LeavingId
from storage.outbox import Done
from storage.records import ChatId, GrantId, OutboxKind, PostedMessage, RequestId
from storage.use_records import AskedUse, AskedUseId, UseKind
from tests.bot.access.kit import ANNA, BERLIN, BORIS, CLARA, EMIL, HOUR, MORNING, Paper, Said, to

GROUP = ChatId(-100500)


async def post(paper: Paper, *messages: PostedMessage) -> None:
    async with paper.database.writing() as tx:
        for message in messages:
            await tx.posted.remember(message)


def posted(chat: int, number: int, kind: OutboxKind, subject: object) -> PostedMessage:
    return PostedMessage(ChatId(chat), number, kind, str(subject), MORNING)


async def about(paper: Paper, kind: OutboxKind, subject: object) -> list[int]:
    async with paper.database.reading() as tx:
        return [one.message_id for one in await tx.posted.about(kind, str(subject))]


def edit(message: PostedMessage) -> Said:
    named = {"kind": message.kind, "subject": message.subject, "message": message.message_id}
    return Said(message.chat_id, OutboxKind.EDIT, named, MORNING)


def edit_card(message: PostedMessage) -> Said:
    """Where it is gone, none comes in its place."""
    named = {
        "request": int(message.subject),
        "message": message.message_id,
        "kind": message.kind,
        "afresh": False,
    }
    return Said(message.chat_id, OutboxKind.EDIT_CARD, named, MORNING)


async def cards_go_out(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        for item in await tx.outbox.open(OutboxKind.CARD):
            await tx.outbox.claim(item.id)
            await tx.outbox.conclude(item, Done())


async def test_a_group_holds_a_card_once_for_all(paper: Paper) -> None:
    paper.more = {"cards_group": GROUP}
    request, other = await paper.asked(), await paper.asked(EMIL)
    cards = [Said(GROUP, OutboxKind.CARD, {"request": n}, MORNING) for n in (request.id, other.id)]
    assert await paper.heard() == cards
    await cards_go_out(paper)
    # One that somebody has from before is not the group's.
    await post(paper, posted(BORIS, 5, OutboxKind.CARD, request.id))
    await paper.do(messages.card, CLARA, request.id)
    assert await paper.heard() == cards[:1]
    await cards_go_out(paper)
    await post(paper, posted(GROUP, 6, OutboxKind.CARD, request.id))
    await paper.do(messages.card, CLARA, request.id)
    assert await paper.heard() == []
    for admin in (BORIS, CLARA):
        await paper.do(messages.card, admin, request.id, again=True)
    again = {"request": request.id, "again": True}
    assert await paper.heard() == [Said(GROUP, OutboxKind.CARD, again, MORNING)]


async def test_the_earlier_cards_of_a_chat_go_as_far_as_telegram_lets_them(paper: Paper) -> None:
    newest = posted(BORIS, 9, OutboxKind.CARD, 7)
    oldest = MORNING - timedelta(hours=47)
    late = replace(newest, message_id=6, posted_at=oldest + timedelta(seconds=1))
    too_late = replace(newest, message_id=5, posted_at=oldest)
    elsewhere = replace(newest, message_id=4, chat_id=ChatId(CLARA))
    await post(paper, too_late, late, elsewhere, newest)
    await paper.do(messages.take_earlier, newest)
    assert await paper.heard() == [to(BORIS, OutboxKind.DELETE, {"message": 6})]
    assert await about(paper, OutboxKind.CARD, 7) == [5, 4, 9]
    # Somebody may be answering it.
    assert await about(paper, OutboxKind.DELETE, 7) == [6]


async def test_what_is_deleted_is_forgotten(paper: Paper) -> None:
    message = posted(ANNA, 9, OutboxKind.DELIVER, "g-1")
    await post(paper, message)
    await paper.do(messages.delete, message)
    assert await paper.heard() == [to(ANNA, OutboxKind.DELETE, {"message": 9})]
    assert await about(paper, OutboxKind.DELIVER, "g-1") == []


async def test_all_that_shows_a_profile_follows_it(paper: Paper) -> None:
    grant = await paper.active()
    async with paper.database.writing() as tx:
        use = AskedUse(grant.id, UseKind.FIRST, BERLIN, MORNING, ("192.0.2.1",), MORNING)
        number = await tx.asked_uses.add(use)
    cards = [
        posted(BORIS, 1, OutboxKind.CARD, grant.request_id),
        posted(ANNA, 2, OutboxKind.ASKED, grant.request_id),
    ]
    others = [
        posted(ANNA, 3, OutboxKind.DELIVER, grant.id),
        posted(ANNA, 4, OutboxKind.REMINDER, grant.id),
        posted(ANNA, 5, OutboxKind.ASKED_USE, number),
        posted(ANNA, 6, OutboxKind.REPLY, ANNA),
    ]
    await post(paper, *cards, *others, posted(EMIL, 7, OutboxKind.REPLY, EMIL))
    await paper.forget()
    await paper.do(messages.follow, grant)
    expected = [*map(edit_card, cards), *map(edit, others)]
    assert await paper.heard() == expected
    # Of what is nobody's, and was asked for by nobody, there is no more than itself.
    await paper.do(messages.follow, replace(grant, request_id=None, user_id=None))
    assert await paper.heard() == expected[2:-1]


async def test_their_other_requests_say_what_was_decided(paper: Paper) -> None:
    first, second = await paper.asked(), await paper.asked(EMIL)
    cards = [posted(BORIS, one.id, OutboxKind.CARD, one.id) for one in (first, second)]
    await post(paper, *cards)
    await paper.forget()
    await paper.do(messages.edit_open_cards, ANNA)
    assert await paper.heard() == [edit_card(cards[0])]


async def test_who_lets_the_bot_write_again_finds_the_newest_up_to_date(paper: Paper) -> None:
    found = [
        posted(BORIS, 30, OutboxKind.CARD, 7),
        posted(BORIS, 31, OutboxKind.ASKED, 8),
        posted(BORIS, 32, OutboxKind.DELETE, 7),
        *(posted(BORIS, 33 + n, OutboxKind.DELIVER, f"g-{n}") for n in range(17)),
    ]
    await post(paper, posted(BORIS, 29, OutboxKind.DELIVER, "g-old"), *found)
    await paper.do(messages.catch_up, BORIS)
    expected = [*map(edit_card, found[:2]), *map(edit, found[3:])]
    assert await paper.heard() == expected[::-1]


@pytest.mark.parametrize(
    ("kind", "about_it"),
    [
        (OutboxKind.KNOCK, messages.edit_knocks),
        (OutboxKind.LEAVING, messages.edit_leavings),
        (OutboxKind.INVITATION, messages.edit_invitation),
    ],
)
async def test_what_was_answered_is_edited_everywhere_for_the_last_time(
    paper: Paper, kind: OutboxKind, about_it: Callable[[Case, int], Awaitable[None]]
) -> None:
    cards = [posted(admin, 5, kind, 7) for admin in (BORIS, CLARA)]
    await post(paper, *cards, posted(BORIS, 6, kind, 8))
    await paper.do(about_it, 7)
    assert await paper.heard() == [edit(one) for one in cards]
    assert await about(paper, kind, 7) == []
    assert await about(paper, kind, 8) == [6]


ID = GrantId("g-1")
UNPROVED = {"grants": [ID], "look": False, "if_unproved": True}


@pytest.mark.parametrize(
    ("send", "said"),
    [
        (
            partial(messages.private_card, admin=BORIS, request_id=RequestId(7)),
            Said(BORIS, OutboxKind.CARD, {"request": 7}, MORNING),
        ),
        (
            partial(messages.asked_use, user_id=ANNA, number=AskedUseId(3)),
            Said(ANNA, OutboxKind.ASKED_USE, {"use": 3}, MORNING),
        ),
        (
            partial(messages.farewell, chat_id=GROUP, number=FarewellId(3)),
            Said(GROUP, OutboxKind.FAREWELL, {"farewell": 3}, MORNING),
        ),
        (
            partial(messages.farewell, chat_id=GROUP, number=FarewellId(3), instead_of=9),
            Said(GROUP, OutboxKind.FAREWELL, {"farewell": 3, "edit": 9}, MORNING),
        ),
        (
            partial(messages.delete_sent, chat_id=GROUP, message_id=9),
            Said(GROUP, OutboxKind.DELETE, {"message": 9}, MORNING),
        ),
        (
            partial(messages.invitation, admin=BORIS, invitation_id=4),
            Said(BORIS, OutboxKind.INVITATION, {"invitation": 4}, MORNING),
        ),
        (
            partial(messages.knock, admin=BORIS, user_id=EMIL),
            Said(BORIS, OutboxKind.KNOCK, {"person": EMIL}, MORNING),
        ),
        (
            partial(messages.leaving, admin=BORIS, number=LeavingId(2)),
            Said(BORIS, OutboxKind.LEAVING, {"leaving": 2}, MORNING),
        ),
        (
            partial(messages.extra_file, user_id=ANNA, name="rules.pdf"),
            Said(ANNA, OutboxKind.EXTRA_FILE, {"file": "rules.pdf"}, MORNING),
        ),
        (
            partial(messages.how_to, user_id=ANNA, grant_id=ID, topic="ios"),
            Said(ANNA, OutboxKind.HOW_TO, {"grant": ID, "topic": "ios"}, MORNING),
        ),
        (
            partial(messages.receipt, chat_id=GROUP, grant_ids=(ID,), look=True),
            Said(GROUP, OutboxKind.RECEIPT, {"grants": [ID], "look": True}, MORNING),
        ),
        (
            partial(messages.receipt, chat_id=GROUP, grant_ids=(ID,), if_unproved=True),
            Said(GROUP, OutboxKind.RECEIPT, UNPROVED, MORNING),
        ),
        (
            partial(messages.reminder, user_id=ANNA, grant_id=ID),
            Said(ANNA, OutboxKind.REMINDER, {"grant": ID}, MORNING),
        ),
    ],
)
async def test_a_message_says_only_what_it_is_about(
    paper: Paper, send: Callable[[Case], Awaitable[None]], said: Said
) -> None:
    await paper.do(send)
    assert await paper.heard() == [said]


async def test_who_needs_help_is_asked_for_on_the_servers(paper: Paper) -> None:
    grant = await paper.active()
    await paper.forget()
    paper.now += HOUR
    await paper.do(messages.help_with, grant, name="Anna", said="no internet")
    payload = {"grant": grant.id, "name": "Anna", "said": "no internet"}
    assert await paper.heard() == [to(ANNA, OutboxKind.HELP, payload, paper.now)]
