"""Messages with profiles are deleted when their time is over, and no others."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.access.case import Case
from bot.access.permission import THE_BOT
from bot.access.tidying import delete_due
from storage.records import ChatId, OutboxKind, PostedMessage
from tests.bot.chat.desk import Desk

HOUR = timedelta(hours=1)
KINDS = (OutboxKind.DELIVER, OutboxKind.CARD)


def case_of(made: Case, stay: int, *, may_expire: bool = True) -> Case:
    return replace(made, rules=replace(made.rules, profiles_stay=stay), may_expire=may_expire)


@pytest.mark.parametrize(
    ("age", "stay", "may_expire", "is_due"),
    [
        (24, 86_400, True, True),
        (47, 86_400, True, True),
        (23, 86_400, True, False),
        (48, 86_400, True, False),  # Telegram would not
        (24, 0, True, False),
        (24, 86_400, False, False),  # the clock may be wrong
    ],
)
async def test_what_is_deleted(
    desk: Desk, age: int, stay: int, may_expire: bool, is_due: bool
) -> None:
    at = desk.gate.now - age * HOUR
    async with desk.gate.database.writing() as tx:
        for number, kind in enumerate(KINDS):
            await tx.posted.remember(PostedMessage(ChatId(7), number, kind, "g-1", at))
        case = case_of(desk.gate.case(tx, THE_BOT), stay, may_expire=may_expire)
        assert await delete_due(case) is is_due
        assert not await delete_due(case)
        left = [len(await tx.posted.about(kind, "g-1")) for kind in KINDS]
    assert left == [0 if is_due else 1, 1]
    assert await desk.new() == ([("delete", {"message": 0})] if is_due else [])
