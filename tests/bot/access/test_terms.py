"""What the groups of a person mean for them, where these do not say the same."""

from ipaddress import ip_network
from typing import Any

import pytest

from bot.access.refusals import Refusal, Refused
from bot.access.terms import Terms, is_within, open_to, ranges_in, ranges_of_others, terms
from storage.group_records import Group, GroupName, Reason
from storage.records import ServerName, UserId
from tests.bot.access.kit import BERLIN, BORIS, PARIS, Paper, make_server

OSLO = ServerName("oslo")


def group(name: str = "dev", **values: Any) -> Group:
    return Group(GroupName(name), **values)


OPEN = group("all")


def of(*groups: Group) -> Terms:
    return Terms((OPEN, *groups))


def test_the_tighter_one_of_two_limits_binds() -> None:
    assert (of().limit(7), of(group(max_duration=5), group(max_duration=6)).limit(7)) == (7, 5)
    assert of(group(max_duration=9)).limit(7) == 7
    assert (of().approvals(1), of(group(approvals=2), group(approvals=3)).approvals(1)) == (1, 3)
    assert of().reason(Reason.REQUIRED) is Reason.REQUIRED
    assert of(group(reason=Reason.TICKET)).reason(Reason.REQUIRED) is Reason.TICKET
    assert (of().profiles(None), of(group(max_profiles=2)).profiles(None)) == (None, 2)
    assert of(group(max_profiles=2)).profiles(1) == 1


@pytest.mark.parametrize(
    ("groups", "given"),
    [
        ((), None),
        ((group("a", standing=9), group("b", standing=5), group("c", standing=7)), "b"),
        ((group("a", standing=9), group("b", approvals=2)), None),
        ((group("a", standing=9), group("b", approvers=(UserId(BORIS),))), None),
        # Whoever says both gives it at once.
        ((group("a", standing=9, approvals=2),), "a"),
        ((group("a", approvals=2),), None),
    ],
)
def test_at_once_by_the_shortest_unless_another_wants_a_yes(
    groups: tuple[Group, ...], given: str | None
) -> None:
    found = of(*groups).standing()
    assert (found and found.name) == given


def test_those_count_that_name_the_server_or_none() -> None:
    here, there = group("here", servers=(BERLIN,)), group("there", servers=(PARIS,))
    assert terms([OPEN, here, there], [BERLIN]) == Terms((OPEN, here), is_open=True)
    assert terms([here], [BERLIN, PARIS]) == Terms((here,), is_open=False)
    assert terms([here, there], [BERLIN, PARIS]) == Terms((here, there), is_open=True)
    assert terms([here], [PARIS]) == Terms((), is_open=False)
    assert terms([OPEN], [PARIS]) == Terms((OPEN,), is_open=True)
    assert terms([], [PARIS]) == Terms()


def test_what_no_group_names_is_not_open() -> None:
    theirs = [group("a", servers=(PARIS, OSLO)), group("b", servers=(OSLO,))]
    both = {BERLIN: [BERLIN], OSLO: [OSLO], ServerName("eu"): [PARIS, OSLO]}
    assert open_to(theirs, both) == (OSLO, "eu")
    with pytest.raises(Refused) as caught:
        open_to(theirs, {BERLIN: [BERLIN], ServerName("all"): [BERLIN, OSLO]})
    assert caught.value.code is Refusal.SERVER_NOT_OPEN
    assert caught.value.values == {"server": BERLIN, "servers": [OSLO, PARIS]}


def test_ranges_are_of_a_network_and_its_family() -> None:
    mixed = group(networks=("10.8.0.0/30", "10.9.0.0/30", "2001:db8::/64", "10.8.0.8/30"))
    assert [str(one) for one in ranges_in(mixed, "10.8.0.0/24")] == ["10.8.0.0/30", "10.8.0.8/30"]
    (six,) = ranges_in(mixed, "2001:db8::/32")
    (four,) = ranges_in(mixed, "10.9.0.0/30")
    assert ranges_in(mixed, None) == ()
    assert is_within(six, six)
    assert not is_within(six, four)
    assert not is_within(four, six)
    assert of(mixed).range_in("2001:db8::/32") == six
    assert of(mixed).range_in("10.10.0.0/24") is None


async def test_the_ranges_of_others_are_all_but_the_own_one(paper: Paper) -> None:
    both = ("10.8.0.0/30", "fd00:8::/120")
    async with paper.database.writing() as tx:
        for name, networks in (("dev", both), ("far", ("10.9.0.0/30",)), ("ops", ("10.8.0.4/30",))):
            await tx.groups.add(group(name, networks=networks))
        server = make_server(BERLIN)
        for own, others in (
            (None, ["10.8.0.0/30", "10.8.0.4/30"]),
            (ip_network("10.8.0.0/30"), ["10.8.0.4/30"]),
        ):
            found = await ranges_of_others(tx, server, own)
            assert [str(one) for one in found] == others


def test_routes_and_servers_for_names_come_once_in_their_order() -> None:
    both = of(
        group(routes=("10.2.0.0/16", "10.1.0.0/16"), dns=("10.8.0.9",)),
        group(routes=("10.1.0.0/16", "10.3.0.0/16"), dns=("10.8.0.9", "10.8.0.1")),
    )
    assert both.routes == ("10.2.0.0/16", "10.1.0.0/16", "10.3.0.0/16")
    assert both.dns == ("10.8.0.9", "10.8.0.1")
