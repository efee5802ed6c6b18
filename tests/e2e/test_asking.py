"""A request on its way to a decision: what whoever asked, and whoever decides, can say of it."""

import pytest

from tests.company import Company, until
from tests.e2e.test_commands import newest_request

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_request_is_changed_where_it_stands(company: Company) -> None:
    who = await company.hires()
    name = company.name_of(who)
    await who.says("/requestvpn 7d")
    asked = await who.hears("Asked: ")
    assert "Boris" in asked.text
    await company.boris.hears(f"{name} asks")
    await who.taps("Another duration", message=asked)
    question = await who.hears("For how long")
    assert question.message_id == asked.message_id
    await who.taps("8 hours", message=question)
    await who.hears("8 hours, is with the admins")
    card = await company.boris.hears(f"{name} changed this request")
    assert card.button("Approve 8 hours")
    assert not card.button("Approve 7 days")
    await who.says("night shift", replies_to=asked)
    await who.hears("read your reason")
    card = await company.boris.hears("Reason: night shift")
    await company.boris.taps("Approve 8 hours", message=card)
    await until(lambda: newest_request(company)["state"] == "approved")
    assert newest_request(company)["reason"] == "night shift"
    await who.receives_document()
