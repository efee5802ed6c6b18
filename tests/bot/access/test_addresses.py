"""Which address somebody gets: the lowest that has rested."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Network

import pytest

from bot.access import revocation
from bot.access.addresses import REST, choose_address, fits, spare_address, suits
from bot.access.refusals import Refusal, Refused
from storage.records import Grant, UserId
from tests.bot.access.kit import BERLIN, MORNING, OPERATOR, PARIS, Paper, make_server, seen


def test_an_address_rests_for_an_hour() -> None:
    assert timedelta(hours=1) == REST


def test_the_first_one_is_the_servers_own() -> None:
    assert choose_address(make_server(BERLIN, "10.8.0.0/22"), frozenset()) == "10.8.0.2"


def test_the_lowest_free_one_is_taken() -> None:
    held = frozenset({"10.8.0.2", "10.8.0.3", "10.8.0.5"})
    assert choose_address(make_server(BERLIN, "10.8.0.0/22"), held) == "10.8.0.4"


def test_the_last_one_is_below_the_broadcast_address() -> None:
    held = frozenset(f"10.8.0.{last}" for last in range(2, 6))
    assert choose_address(make_server(BERLIN, "10.8.0.0/29"), held) == "10.8.0.6"


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (None, "10.8.0.3"),
        (["10.8.0.3", "10.8.0.5"], "10.8.0.6"),
        (["10.8.0.2", "10.8.0.7"], None),
    ],
)
def test_beside_an_operators_own_pool(pool: list[str] | None, expected: str | None) -> None:
    """.1 is the server's own, and .2 stands in a file of the operator's."""
    plan = {"network": "10.8.0.0/29", "own": "10.8.0.1", "pool": pool, "one_each": True}
    adopted = {"addresses": plan, "taken": ["10.8.0.2"]}
    server = replace(make_server(BERLIN, "10.8.0.0/29"), adopted=adopted)
    assert choose_address(server, frozenset()) == expected


@pytest.mark.parametrize(
    ("pool", "held", "expected"),
    [
        (None, 0, "10.8.0.6"),
        (["10.8.0.5", "10.8.0.7"], 0, "10.8.0.4"),
        (["10.8.0.2", "10.8.0.7"], 0, None),
        (None, 2, "10.8.0.6"),
        (None, 3, Refusal.NETWORK_FULL),  # it would be the last one
    ],
)
def test_the_bots_own_is_the_highest_beside_an_operators_pool(
    pool: list[str] | None, held: int, expected: str | Refusal | None
) -> None:
    """.2 stands in a file of the operator's."""
    plan = {"network": "10.8.0.0/29", "own": "10.8.0.1", "pool": pool, "one_each": True}
    values = {"addresses": plan, "taken": ["10.8.0.2"]}
    server = replace(make_server(BERLIN, "10.8.0.0/29"), adopted=values)
    others = frozenset(f"10.8.0.{3 + number}" for number in range(held))
    if isinstance(expected, Refusal):
        with pytest.raises(Refused) as caught:
            spare_address(server, others)
        assert (caught.value.code, caught.value.values) == (expected, {"server": "berlin"})
    else:
        assert spare_address(server, others) == expected


@pytest.mark.parametrize(
    ("beside", "lowest", "highest"),
    [
        (("10.8.0.0/29",), "10.8.0.8", "10.8.0.14"),
        (("10.8.0.8/29",), "10.8.0.2", "10.8.0.7"),
        (("10.8.0.4/30", "10.8.0.0/30", "10.8.0.12/30"), "10.8.0.8", "10.8.0.11"),
    ],
)
def test_the_ranges_of_others_are_passed_by(
    beside: tuple[str, ...], lowest: str, highest: str
) -> None:
    server, ranges = make_server(BERLIN, "10.8.0.0/28"), [IPv4Network(each) for each in beside]
    assert choose_address(server, frozenset(), beside=ranges) == lowest
    assert spare_address(server, frozenset(), ranges) == highest


@pytest.mark.parametrize(
    ("address", "within", "beside", "kept"),
    [
        ("10.8.0.4", None, (), True),
        ("10.8.0.4", "10.8.0.4/31", (), True),
        ("10.8.0.4", "10.8.0.2/31", (), False),
        ("10.8.0.4", None, ("10.8.0.4/31",), False),
        ("10.8.0.4", None, ("10.8.0.2/31", "10.8.0.6/31"), True),
        # Neither the pool's nor of the network that there was before.
        ("10.8.0.6", None, (), False),
        ("10.9.0.4", None, (), False),
        # The server gives it one.
        (None, "10.8.0.4/31", ("10.8.0.2/31",), True),
    ],
)
def test_who_may_keep_an_address(
    address: str | None, within: str | None, beside: tuple[str, ...], kept: bool
) -> None:
    values = adopted(["10.8.0.6", "10.8.0.6"])
    server = replace(make_server(BERLIN, "10.8.0.0/29"), adopted=values)
    own = None if within is None else IPv4Network(within)
    assert suits(server, address, own, [IPv4Network(each) for each in beside]) is kept


def test_a_full_network_is_said_by_the_servers_name() -> None:
    held = frozenset(f"10.8.0.{last}" for last in range(2, 7))
    with pytest.raises(Refused) as caught:
        choose_address(make_server(BERLIN, "10.8.0.0/29"), held)
    assert caught.value.code is Refusal.NETWORK_FULL
    assert caught.value.values == {"server": "berlin"}


async def cut(paper: Paper, grant: Grant) -> None:
    """Revokes a grant, and proves it at once."""
    await paper.by(OPERATOR, revocation.revoke_grant, grant.id)
    assert await paper.do(revocation.record_proofs, [seen(grant)]) == [grant.id]


async def test_people_get_different_addresses(paper: Paper) -> None:
    addresses = [(await _give(paper, number)).address for number in range(5)]
    assert addresses == [f"10.8.0.{last}" for last in range(2, 7)]


async def test_each_server_has_its_own(paper: Paper) -> None:
    await paper.add_server(PARIS, "10.9.0.0/29")
    berlin, paris = await paper.active(server=BERLIN), await paper.active(server=PARIS)
    assert (berlin.address, paris.address) == ("10.8.0.2", "10.9.0.2")


async def test_an_address_is_not_given_out_before_its_end_is_proved(paper: Paper) -> None:
    first = await paper.active()
    await paper.by(OPERATOR, revocation.revoke_grant, first.id)
    paper.now = MORNING + 5 * REST
    assert (await paper.active()).address != first.address


async def test_an_address_rests_after_the_proof(paper: Paper) -> None:
    first = await paper.active()
    await cut(paper, first)

    paper.now = MORNING + REST - timedelta(microseconds=1)
    early = await paper.active()
    assert early.address == "10.8.0.3"

    await cut(paper, early)
    paper.now = MORNING + REST
    assert (await paper.active()).address == first.address


async def _give(paper: Paper, number: int) -> Grant:
    user_id = UserId(5000 + number)
    async with paper.database.writing() as tx:
        await tx.people.allow(user_id, f"Person {number}", MORNING)
    return await paper.active(user_id)


def adopted(pool: list[str] | None, *, one_each: bool = True) -> dict[str, object]:
    plan = {"network": "10.8.0.0/29", "own": "10.8.0.1", "pool": pool, "one_each": one_each}
    return {"addresses": plan, "taken": []}


@pytest.mark.parametrize(
    ("pool", "one_each", "address", "kept"),
    [
        (None, True, "10.8.0.3", True),
        (None, True, "10.8.0.1", False),  # the server's own
        (None, True, "10.8.0.0", False),
        (None, True, "10.8.0.7", False),
        (None, True, "10.9.0.3", False),  # of the network that it had before
        (["10.8.0.3", "10.8.0.5"], True, "10.8.0.3", False),
        (["10.8.0.3", "10.8.0.5"], True, "10.8.0.6", True),
        (["10.8.0.3", "10.8.0.5"], True, None, True),
        (None, True, None, False),  # nothing gives it one any more
        (None, False, "10.8.0.3", False),
        (["10.8.0.4", "10.8.0.7"], False, None, True),
        (None, False, None, True),
    ],
)
def test_an_address_on_a_server_that_its_operator_has_changed(
    pool: list[str] | None, one_each: bool, address: str | None, kept: bool
) -> None:
    values = adopted(pool, one_each=one_each)
    server = replace(make_server(BERLIN, "10.8.0.0/29"), adopted=values)
    assert fits(server, address) is kept


def test_on_a_server_of_ours_no_address_goes_out_of_date() -> None:
    assert fits(make_server(BERLIN, "10.8.0.0/29"), "10.8.0.2")
