"""A yes acts on what was asked, or asks anew: nobody knows when it was tapped."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from bot.access import linking, people
from bot.texts import questions as asking
from bot.texts.fill import fill
from storage.records import GrantState, ServerName, UserId
from tests.bot.chat.desk import ANNA, BORIS, DAY, EVE, Desk
from tests.gate.gate import OPERATOR

CHANGED = "Things have changed since I asked"


async def live(desk: Desk) -> list[str]:
    async with desk.gate.database.reading() as tx:
        found = await tx.grants.all()
    return [grant.common_name for grant in found if grant.state is GrantState.ACTIVE]


async def gets_more(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "paris")


async def is_removed_and_allowed_again(desk: Desk) -> None:
    await desk.remove(ANNA)
    await desk.allow(ANNA)
    await desk.gate.gives(ANNA, "berlin")


async def is_called_otherwise(desk: Desk) -> None:
    async with desk.gate.database.writing() as tx:
        await people.allow(desk.gate.case(tx, OPERATOR), UserId(ANNA), "Somebody Else")


async def has_another_account(desk: Desk) -> None:
    await desk.allow(EVE)
    async with desk.gate.database.writing() as tx:
        await people.link(desk.gate.case(tx, OPERATOR), UserId(EVE), UserId(ANNA))


@pytest.mark.parametrize(
    "change", [gets_more, is_removed_and_allowed_again, is_called_otherwise, has_another_account]
)
@pytest.mark.parametrize(("tap", "label"), [("rp", "Revoke now"), ("rm", "Remove now")])
async def test_a_question_about_a_person_stands_for_what_it_showed(
    desk: Desk, tap: str, label: str, change: Callable[[Desk], Awaitable[None]]
) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    [asked] = await desk.taps(BORIS, f"{tap}:{ANNA}")
    assert asked.count("p1001-code") == 1
    old = (await desk.buttons())[label]
    await change(desk)
    await desk.new()
    before = await live(desk)
    # The one that was asked, and one that an earlier version had sent.
    for data in (old, f"{tap}y:{ANNA}"):
        [again] = await desk.taps(BORIS, data)
        assert again.startswith(CHANGED)
        assert await live(desk) == before
        assert await desk.is_allowed(ANNA)
    await desk.taps(BORIS, (await desk.buttons())[label])
    assert await live(desk) == []
    assert await desk.is_allowed(ANNA) == (tap == "rp")


async def test_an_answer_in_time_is_enough(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.taps(BORIS, f"rp:{ANNA}")
    await desk.taps(BORIS, (await desk.buttons())["Revoke now"])
    assert await live(desk) == []
    # What has ended without a proof is asked about, too.
    [asked] = await desk.taps(BORIS, f"rp:{ANNA}")
    assert "p1001-code" in asked
    [receipt, working] = await desk.taps(BORIS, (await desk.buttons())["Revoke now"])
    assert (working.startswith("Cutting"), receipt) == (True, "receipt")


async def test_nothing_is_asked_about_whoever_has_nothing(desk: Desk) -> None:
    assert await desk.taps(BORIS, f"rp:{ANNA}") == []


async def test_what_has_ended_is_not_counted_beside_what_has_not(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    async with desk.gate.database.reading() as tx:
        [ended] = await tx.grants.of_user(UserId(ANNA))
    await desk.taps(BORIS, f"rg:{ended.id}")
    await desk.taps(BORIS, (await desk.buttons())["Revoke now"])
    assert await desk.taps(BORIS, f"rg:{ended.id}") == []
    await desk.gate.gives(ANNA, "paris")
    await desk.new()
    [asked] = await desk.taps(BORIS, f"rp:{ANNA}")
    assert ended.common_name not in asked
    assert asked.count("p1001-code") == 1


async def test_who_is_to_be_allowed_is_named_as_they_can_be_known(desk: Desk) -> None:
    await desk.says(EVE, "/start")
    [asked] = await desk.taps(BORIS, f"al:{EVE}")
    values = {"name": f"P{EVE}", "username": f"@u{EVE}", "id": EVE}
    assert asked == fill(asking.CONFIRM_ALLOW, **values)
    [asked] = await desk.taps(BORIS, f"al:{BORIS}")
    assert asked == fill(asking.CONFIRM_ALLOW_SELF, name=f"P{BORIS}", id=BORIS)


async def old_certificates(desk: Desk) -> dict[str, list[str]]:
    """The ids of those that are live, by their names."""
    async with desk.gate.database.reading() as tx:
        found: dict[str, list[str]] = {}
        for grant in await tx.grants.unlinked():
            found.setdefault(grant.common_name, []).append(grant.id)
    return found


async def test_certificates_are_linked_as_they_were_shown(desk: Desk) -> None:
    await desk.gate.take_over()
    await desk.new()
    first, second = (await old_certificates(desk))["anna"]
    await desk.taps(BORIS, f"op:{first}")
    [link] = [data for data in (await desk.buttons()).values() if data.startswith("lk:")]
    # One of the two is somebody's by now.
    await desk.allow(EVE)
    async with desk.gate.database.writing() as tx:
        await linking.link(desk.gate.case(tx, OPERATOR), second, UserId(EVE))
    await desk.new()
    [again] = await desk.taps(BORIS, link)
    assert again.startswith(CHANGED)
    assert (await old_certificates(desk))["anna"] == [first]
    [fresh] = [data for data in (await desk.buttons()).values() if data.startswith("lk:")]
    [done] = await desk.taps(BORIS, fresh)
    assert "belongs to" in done
    assert "anna" not in await old_certificates(desk)


async def test_a_certificate_is_revoked_as_it_was_shown(desk: Desk) -> None:
    await desk.gate.take_over()
    await desk.new()
    [grant] = (await old_certificates(desk))["old-laptop"]
    await desk.taps(BORIS, f"rg:{grant}")
    old = (await desk.buttons())["Revoke now"]
    async with desk.gate.database.writing() as tx:
        await linking.link(desk.gate.case(tx, OPERATOR), "old-laptop", UserId(ANNA))
    await desk.new()
    [again] = await desk.taps(BORIS, old)
    assert again.startswith(CHANGED)
    assert "P1001" in again
    assert "old-laptop" in await live(desk)
    await desk.taps(BORIS, (await desk.buttons())["Revoke now"])
    assert "old-laptop" not in await live(desk)


async def test_the_rest_of_a_person_is_asked_about_below_the_receipt(desk: Desk) -> None:
    await desk.gate.take_over()
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    async with desk.gate.database.reading() as tx:
        [own] = await tx.grants.of_user(UserId(ANNA))
    [asked] = await desk.taps(BORIS, f"rr:{own.id}")
    assert asked.startswith("End <b>P1001</b>’s access")
    # Of a name that is nobody's each one has its button.
    first, second = (await old_certificates(desk))["anna"]
    await desk.taps(BORIS, f"rr:{first}")
    assert set((await desk.buttons()).values()) == {f"rg:{first}", f"rg:{second}"}
    for grant in (first, second):
        await desk.taps(BORIS, f"rg:{grant}")
        await desk.taps(BORIS, (await desk.buttons())["Revoke now"])
    await desk.gate.prove()
    await desk.new()
    assert await desk.taps(BORIS, f"rr:{first}") == []


async def test_a_server_is_chosen_among_those_that_are_offered_now(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn 2h")
    choices = await desk.buttons()
    async with desk.gate.database.writing() as tx:
        await tx.servers.remove(ServerName("berlin"))
    [again] = await desk.taps(ANNA, choices["berlin"])
    assert again == "Which server do you need?"
    assert "berlin" not in await desk.buttons()
    assert (await desk.taps(ANNA, (await desk.buttons())["paris"]))[-1] == "asked"
    # Answered already: there is nothing to ask any more.
    assert await desk.taps(ANNA, choices["berlin"]) == []
    assert await desk.taps(ANNA, "sv:99:paris") == []


async def test_a_choice_is_bound_by_the_settings_in_force(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn 7d")
    choices = await desk.buttons()
    desk.gate.settle(replace(desk.gate.laws, max_duration=3600, default_duration=3600))
    assert await desk.taps(ANNA, choices["paris"]) == []
    desk.gate.settle(replace(desk.gate.laws, max_duration=30 * 86_400, ttl=60))
    desk.gate.now += DAY
    assert await desk.taps(ANNA, choices["paris"]) == []
    async with desk.gate.database.reading() as tx:
        assert await tx.requests.pending() == []
