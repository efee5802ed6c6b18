"""What is typed of a group: an option without a value is no order to forget something."""

import pytest

from tests.company import BORIS, CLARA, Company

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def approvers(company: Company, name: str) -> list[int]:
    rows = (await company.done("group", "list", "--json")).rows
    return next(row["approvers"] for row in rows if row["name"] == name)


@pytest.mark.long
async def test_approvers_that_are_none_change_nothing(company: Company) -> None:
    ids = [BORIS.id, CLARA.id]
    await company.done("group", "add", "typed", "--approvers", f"{ids[0]}, {ids[1]},")
    assert await approvers(company, "typed") == ids
    for nobody in ("", " ", ","):
        ran = await company.vpnbot("group", "edit", "typed", "--approvers", nobody)
        assert (ran.code, "isn't a Telegram id" in ran.err) == (1, True)
        assert await approvers(company, "typed") == ids
        ran = await company.vpnbot("group", "add", "other", "--approvers", nobody)
        assert (ran.code, "isn't a Telegram id" in ran.err) == (1, True)
    both = ("--clear", "--approvers", "--approvers", str(BORIS.id))
    ran = await company.vpnbot("group", "edit", "typed", *both)
    assert (ran.code, " --approvers is both given and cleared" in ran.err) == (2, True)
    await company.done("group", "edit", "typed", "--clear", "approvers")
    assert await approvers(company, "typed") == []
    await company.done("group", "remove", "typed")
