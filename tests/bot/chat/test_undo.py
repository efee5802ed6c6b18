"""Undo on a card, as it is tapped."""

from storage.records import RequestState
from tests.bot.chat.desk import ANNA, BORIS, CLARA, Desk


async def state(desk: Desk) -> RequestState:
    async with desk.gate.database.reading() as tx:
        (request,) = await tx.requests.all()
    return request.state


async def test_a_no_is_taken_back_by_its_own_admin_only(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn 8h berlin")
    await desk.taps(BORIS, "dn:1")
    assert await state(desk) is RequestState.DENIED
    assert await desk.taps(CLARA, "ud:1") == []
    assert await desk.taps(ANNA, "ud:1") == []
    assert await state(desk) is RequestState.DENIED
    assert "notice" in await desk.taps(BORIS, "ud:1")
    assert await state(desk) is RequestState.PENDING
    # Tapped twice it does nothing more.
    assert await desk.taps(BORIS, "ud:1") == []
