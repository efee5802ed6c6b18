"""What a notice says, and which buttons it has, by what is true when it is sent."""

from typing import Any

import pytest

from bot.access.messages import Notice
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal
from bot.chat import noticing
from bot.chat.views import View
from bot.texts import life, notices, policy
from bot.texts.fill import fill
from storage.records import ChatId, EndReason, OutboxItem, OutboxKind, OutboxState
from tests.bot.chat.desk import ANNA, BORIS, Desk

BY_BORIS = {"by": f"telegram:{BORIS}", "admin": "Boris"}


async def view_of(desk: Desk, code: Notice, **values: Any) -> View:
    now = desk.gate.now
    payload = {"code": code, "values": values}
    item = OutboxItem(
        *(1, ChatId(ANNA), OutboxKind.NOTICE, payload, OutboxState.SENDING, 0),
        due_at=now,
        created_at=now,
    )
    async with desk.gate.database.reading() as tx:
        return await noticing.notice(desk.gate.case(tx, THE_BOT), item)


def ended(reason: EndReason = EndReason.REVOKED) -> dict[str, str]:
    return {"server": "berlin", "reason": reason, **BY_BORIS}


async def test_an_end_says_what_works_on(desk: Desk) -> None:
    view = await view_of(desk, Notice.ACCESS_ENDED, **ended())
    said = fill(notices.ACCESS_ENDED[EndReason.REVOKED], server="berlin", Admin="Boris")
    assert view == View(said)
    await desk.gate.gives(ANNA, "paris")
    view = await view_of(desk, Notice.ACCESS_ENDED, **ended())
    assert view.text.startswith(f"{said}\n\n{notices.STILL_YOURS}\n")
    assert "paris" in view.text
    # Another one for the same server: it was one of them.
    await desk.gate.gives(ANNA, "berlin")
    view = await view_of(desk, Notice.ACCESS_ENDED, **ended())
    template = notices.ONE_PROFILE_ENDED[EndReason.REVOKED]
    assert view.text.startswith(fill(template, server="berlin", Admin="Boris"))
    # A certificate from before is for no server of ours.
    old = {"common_name": "anna", "reason": EndReason.REVOKED, **BY_BORIS}
    view = await view_of(desk, Notice.EARLIER_ACCESS_ENDED, **old)
    template = notices.EARLIER_ACCESS_ENDED[EndReason.REVOKED]
    assert view.text.startswith(fill(template, common_name="anna", Admin="Boris"))
    # What has ended since works on no more.
    await desk.says(BORIS, f"/revoke {ANNA}")
    assert await view_of(desk, Notice.ACCESS_ENDED, **ended()) == View(said)


async def test_only_where_its_time_was_over_it_is_one_tap_to_ask_again(desk: Desk) -> None:
    view = await view_of(desk, Notice.ACCESS_ENDED, **ended(EndReason.ENDED))
    assert len(view.keyboard) == 1
    assert (await view_of(desk, Notice.ACCESS_ENDED, **ended())).keyboard == ()
    # Nor does a reason of anything else.
    denied = {"server": "berlin", "reason": EndReason.ENDED, "words": "no", **BY_BORIS}
    assert (await view_of(desk, Notice.REQUEST_DENIED_BECAUSE, **denied)).keyboard == ()


async def test_a_new_name_on_a_server_can_be_cut(desk: Desk) -> None:
    values = {"server": "berlin", "choices": [[7, "bob"]], "names": ["bob"], "count": 1}
    view = await view_of(desk, Notice.STRANGERS_UNKNOWN, **values)
    assert "ct:7" in [one.data for row in view.keyboard for one in row]
    view = await view_of(desk, Notice.ACCESS_GIVEN, **BY_BORIS)
    assert [one.data for row in view.keyboard for one in row] == ["as"]


async def test_whoever_is_not_known_is_an_admin(desk: Desk) -> None:
    values = ended() | {"by": None, "admin": None}
    view = await view_of(desk, Notice.ACCESS_ENDED, **values)
    assert view.text.startswith(life.SOMEBODY_FIRST)


@pytest.mark.parametrize("code", [Notice.NOT_BEGUN, Notice.NOT_BEGUN_ADMINS])
async def test_what_was_not_begun_says_why(desk: Desk, code: Notice) -> None:
    values = {"server": "berlin", "name": "Anna", "request": 1}
    tables = {Notice.NOT_BEGUN: policy.NOT_BEGUN, Notice.NOT_BEGUN_ADMINS: policy.NOT_BEGUN_ADMINS}
    for why, template in tables[code].items():
        view = await view_of(desk, code, refusal=why, **values)
        assert view.text == fill(template, **values)
    # Of anything else, that alone.
    other = next(one for one in Refusal if one not in tables[code])
    view = await view_of(desk, code, refusal=other, **values)
    assert view.text == fill(notices.NOTICES[code], **values)
