"""What groups mean for who may ask for what, for how long, on whose word, and at which address."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.access import asking, grants, groups, people, requests
from bot.access.groups import Changed
from bot.access.hearing import Quorum, Vote
from bot.access.refusals import Refusal
from bot.access.requests import Agreed
from bot.access.terms import Terms, terms
from storage.group_records import Group, GroupName
from storage.records import Grant, GrantState, OutboxKind, RequestState, ServerName, UserId
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    DAY_S,
    EMIL,
    HOUR_S,
    OPERATOR,
    PARIS,
    WEEK_S,
    Paper,
    make_server,
)

DORA = UserId(2003)
DEV, OPS = GroupName("dev"), GroupName("ops")


async def made(paper: Paper, group: Group, *members: UserId) -> Changed:
    done = await paper.by(OPERATOR, groups.add, group)
    for member in members:
        done = await paper.by(OPERATOR, groups.join, group.name, member)
    return done


# --- The rules, which are pure ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "server", "expected"),
    [
        # Nobody says anything: as without groups.
        ((), BERLIN, Terms()),
        ((Group(DEV),), BERLIN, Terms((Group(DEV),))),
        # One that names no server leaves that to the others.
        (
            (Group(DEV, servers=(BERLIN,)), Group(OPS)),
            BERLIN,
            Terms((Group(DEV, servers=(BERLIN,)), Group(OPS))),
        ),
        (
            (Group(DEV, servers=(BERLIN,)), Group(OPS)),
            PARIS,
            Terms((Group(OPS),), is_open=False),
        ),
        # They may ask for what any of them names, and the one that names it counts.
        (
            (Group(DEV, servers=(BERLIN,)), Group(OPS, servers=(PARIS,))),
            PARIS,
            Terms((Group(OPS, servers=(PARIS,)),)),
        ),
    ],
)
def test_which_groups_count(theirs: Sequence[Group], server: ServerName, expected: Terms) -> None:
    assert terms(theirs, [server]) == expected


def test_several_servers_have_to_be_open_all() -> None:
    theirs = [Group(DEV, servers=(BERLIN,))]
    assert terms(theirs, [BERLIN]).is_open
    assert not terms(theirs, [BERLIN, PARIS]).is_open


def test_of_two_limits_the_tighter_one_binds() -> None:
    theirs = Terms(
        (
            Group(DEV, max_duration=8 * HOUR_S, approvals=1),
            Group(OPS, max_duration=HOUR_S, approvals=3),
            Group(GroupName("silent")),
        )
    )
    assert theirs.limit(WEEK_S) == HOUR_S
    assert theirs.limit(60) == 60
    assert theirs.approvals(2) == 3
    assert theirs.approvals(5) == 5


def test_what_several_push_comes_together_and_the_first_range_counts() -> None:
    theirs = Terms(
        (
            Group(DEV, networks=("10.8.1.0/24",), routes=("10.1.0.0/16",), dns=("10.1.0.1",)),
            Group(
                OPS,
                networks=("10.9.0.0/28", "10.8.2.0/24"),
                routes=("10.2.0.0/16", "10.1.0.0/16"),
            ),
        )
    )
    assert theirs.routes == ("10.1.0.0/16", "10.2.0.0/16")
    assert theirs.dns == ("10.1.0.1",)
    assert str(theirs.range_in("10.8.0.0/22")) == "10.8.1.0/24"
    assert str(theirs.range_in("10.9.0.0/24")) == "10.9.0.0/28"
    assert theirs.range_in("10.7.0.0/24") is None
    assert theirs.range_in(None) is None


BY_CLARA = Quorum(DEV, frozenset({CLARA}), 1)
BY_TWO = Quorum(OPS, frozenset({BORIS, CLARA, DORA}), 2)


@pytest.mark.parametrize(
    ("vote", "agreed", "missing"),
    [
        (Vote(1), (), 1),
        (Vote(2), (BORIS,), 1),
        (Vote(1, (BY_CLARA,)), (), 1),
        (Vote(1, (BY_CLARA,)), (BORIS,), 1),
        (Vote(1, (BY_CLARA,)), (CLARA,), 0),
        # The number of the settings may come from anybody, a group's from its own.
        (Vote(2, (BY_CLARA,)), (CLARA,), 1),
        (Vote(2, (BY_CLARA,)), (BORIS,), 1),
        (Vote(2, (BY_CLARA,)), (BORIS, CLARA), 0),
        # Clara counts for both.
        (Vote(1, (BY_CLARA, BY_TWO)), (), 2),
        (Vote(1, (BY_CLARA, BY_TWO)), (BORIS, DORA), 1),
        (Vote(1, (BY_CLARA, BY_TWO)), (BORIS, CLARA), 0),
        # Nobody is left who could.
        (Vote(1, (Quorum(DEV, frozenset({CLARA}), 2),)), (CLARA,), 1),
    ],
)
def test_how_many_are_missing(vote: Vote, agreed: Sequence[UserId], missing: int) -> None:
    assert vote.missing(agreed) == missing


def test_whose_word_brings_it_nearer() -> None:
    assert Vote(1, (BY_CLARA,)).counts(CLARA, ())
    assert not Vote(1, (BY_CLARA,)).counts(BORIS, ())
    assert Vote(2, (BY_CLARA,)).counts(BORIS, ())
    assert not Vote(2, (BY_CLARA,)).counts(DORA, {BORIS})
    assert Vote(1).counts(BORIS, {CLARA})


# --- Asking and deciding ---------------------------------------------------------------------


async def test_only_the_servers_of_their_groups_can_be_asked_for(paper: Paper) -> None:
    await paper.add_server(PARIS, "10.9.0.0/29")
    await made(paper, Group(DEV, servers=(BERLIN,)), ANNA)
    anna = await paper.actor(ANNA)
    values = await paper.refuses(
        anna, Refusal.SERVER_NOT_OPEN, asking.ask, server=PARIS, duration=None, reason=""
    )
    assert values == {"server": PARIS, "servers": [BERLIN]}
    # There is nothing left to choose from.
    assert (await paper.asked(server=None)).server == BERLIN
    # Who is in no group is asked as before.
    assert (await paper.asked(EMIL, server=None)).state is RequestState.CHOOSING
    assert (await paper.asked(EMIL, server=PARIS)).server == PARIS


async def test_the_longest_duration_is_the_groups(paper: Paper) -> None:
    await made(paper, Group(DEV, max_duration=HOUR_S), ANNA)
    anna = await paper.actor(ANNA)
    values = await paper.refuses(
        anna, Refusal.DURATION_TOO_LONG, asking.ask, server=BERLIN, duration=DAY_S, reason=""
    )
    assert values == {"seconds": DAY_S, "limit": HOUR_S}
    assert (await paper.asked()).duration == HOUR_S  # nobody named it


async def test_a_choice_of_server_is_bound_too(paper: Paper) -> None:
    await paper.add_server(PARIS, "10.9.0.0/29")
    await paper.add_server(ServerName("rome"), "10.10.0.0/29")
    await made(paper, Group(DEV, servers=(PARIS, BERLIN)), ANNA)
    await made(paper, Group(OPS, servers=(PARIS,), max_duration=HOUR_S), ANNA)
    anna = await paper.actor(ANNA)
    request = await paper.asked(server=None)
    await paper.refuses(
        anna, Refusal.SERVER_NOT_OPEN, asking.choose, request.id, ServerName("rome")
    )
    done = await paper.by(anna, asking.choose, request.id, PARIS)
    assert (done.request.server, done.request.duration) == (PARIS, HOUR_S)

    request = await paper.asked(server=None, duration=DAY_S)
    await paper.refuses(anna, Refusal.DURATION_TOO_LONG, asking.choose, request.id, PARIS)


async def test_a_group_that_changes_binds_what_was_asked_before(paper: Paper) -> None:
    await made(paper, Group(DEV), ANNA)
    request = await paper.asked(duration=DAY_S)
    await paper.by(OPERATOR, groups.edit, Group(DEV, max_duration=HOUR_S))
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.DURATION_TOO_LONG, requests.approve, request.id, DAY_S)
    await paper.add_server(PARIS, "10.9.0.0/29")
    await paper.by(OPERATOR, groups.edit, Group(DEV, servers=(PARIS,)))
    values = await paper.refuses(
        boris, Refusal.SERVER_NOT_OPEN, requests.approve, request.id, DAY_S
    )
    assert values == {"server": BERLIN, "servers": [PARIS]}
    # Limits do not bind who acts on the machine.
    assert (await paper.yes(OPERATOR, request.id)).grant.server == BERLIN


async def test_only_the_groups_approvers_decide(paper: Paper) -> None:
    await made(paper, Group(DEV, approvers=(CLARA,)), ANNA)
    await paper.forget()
    request = await paper.asked()
    cards = [said.chat for said in await paper.heard() if said.kind is OutboxKind.CARD]
    assert cards == [CLARA]
    boris = await paper.actor(BORIS)
    values = await paper.refuses(boris, Refusal.NOT_APPROVER, requests.approve, request.id, None)
    assert values == {"names": ["Clara"], "request": request.id} or values == {
        "names": [str(CLARA)],
        "request": request.id,
    }
    # To say no needs no more than being an admin.
    other = await paper.asked(EMIL)
    await paper.by(boris, requests.deny, other.id)
    assert (await paper.yes(CLARA, request.id)).grant.state is GrantState.RESERVED


async def test_two_of_a_group_have_to_agree(paper: Paper) -> None:
    paper.admins = (BORIS, CLARA, DORA)
    await made(paper, Group(DEV, approvers=(CLARA, DORA), approvals=2), ANNA)
    request = await paper.asked()
    done = await paper.by(await paper.actor(CLARA), requests.approve, request.id, None)
    assert isinstance(done, Agreed)
    assert done.missing == 1
    await paper.refuses(
        await paper.actor(BORIS), Refusal.NOT_APPROVER, requests.approve, request.id, None
    )
    await paper.yes(DORA, request.id)


@pytest.mark.parametrize("group", [Group(DEV, approvers=(BORIS,)), Group(DEV, approvals=2)])
async def test_nobody_alone_takes_people_out_of_what_wants_others(
    paper: Paper, group: Group
) -> None:
    await made(paper, group, ANNA)
    clara = await paper.actor(CLARA)
    told = await paper.refuses(clara, Refusal.GROUP_DECIDES, groups.leave, DEV, ANNA)
    assert told == {"group": DEV, "id": ANNA}
    await paper.by(OPERATOR, groups.leave, DEV, ANNA)


async def test_an_approver_who_is_no_admin_any_more_has_no_say(paper: Paper) -> None:
    await made(paper, Group(DEV, approvers=(CLARA,)), ANNA)
    paper.admins = (BORIS,)
    await paper.forget()
    request = await paper.asked()
    # Somebody has to hear of it.
    assert [said.chat for said in await paper.heard()] == [BORIS]
    boris = await paper.actor(BORIS)
    values = await paper.refuses(boris, Refusal.NOT_APPROVER, requests.approve, request.id, None)
    assert values == {"names": [], "request": request.id}
    await paper.yes(OPERATOR, request.id)


async def test_a_card_from_before_a_change_needs_a_new_look(paper: Paper) -> None:
    await made(paper, Group(DEV), ANNA)
    request = await paper.asked()
    seen = await paper.digest(request, BORIS)
    await paper.by(OPERATOR, groups.edit, Group(DEV, routes=("10.1.0.0/16",)))
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.CARD_CHANGED, requests.approve, request.id, None, seen=seen)


async def test_who_may_decide_now_gets_the_card(paper: Paper) -> None:
    await made(paper, Group(DEV, approvers=(CLARA,)), ANNA)
    await paper.asked()
    await paper.forget()
    await paper.by(OPERATOR, groups.edit, Group(DEV))
    assert BORIS in {said.chat for said in await paper.heard() if said.kind is OutboxKind.CARD}
    await paper.by(OPERATOR, groups.edit, Group(DEV, approvers=(CLARA,)))
    assert BORIS not in {said.chat for said in await paper.heard()}


# --- Addresses -------------------------------------------------------------------------------

RANGED = Group(DEV, networks=("10.8.0.4/31",))


async def test_a_groups_people_get_its_addresses_and_nobody_else_does(paper: Paper) -> None:
    await made(paper, RANGED, ANNA)
    assert (await paper.active(ANNA)).address == "10.8.0.4"
    taken = [(await paper.active(EMIL)).address for _ in range(3)]
    assert taken == ["10.8.0.2", "10.8.0.3", "10.8.0.6"]
    request = await paper.asked(EMIL)
    await paper.refuses(
        await paper.actor(BORIS), Refusal.NETWORK_FULL, requests.approve, request.id, None
    )


async def test_whoever_joins_moves_into_the_range(paper: Paper) -> None:
    anna = await paper.active(ANNA)
    await paper.by(OPERATOR, groups.add, RANGED)
    await paper.forget()
    done = await paper.by(OPERATOR, groups.join, DEV, ANNA)
    assert done == Changed({BERLIN: 1}, moved=1)
    assert (await paper.grant(anna.id)).address == "10.8.0.4"
    assert [noted.action for noted in await paper.noted()] == ["group.join", "grant.move"]
    async with paper.database.reading() as tx:
        assert await tx.addresses.due_files(BERLIN) == {anna.id: paper.now}
        [left] = await tx.addresses.moved_on(BERLIN)
        assert left.address == anna.address
    # Nobody gets the old one: a session may still use it.
    assert (await paper.active(EMIL)).address == "10.8.0.3"
    # Out again, and out of the range: nobody else may be in it.
    await paper.by(OPERATOR, groups.leave, DEV, ANNA)
    assert (await paper.grant(anna.id)).address == "10.8.0.6"


async def test_a_new_range_moves_those_who_are_in_it(paper: Paper) -> None:
    emil = await paper.active(EMIL)
    assert emil.address == "10.8.0.2"
    done = await paper.by(OPERATOR, groups.add, Group(DEV, networks=("10.8.0.0/30",)))
    assert done == Changed({BERLIN: 1}, moved=1)
    assert (await paper.grant(emil.id)).address == "10.8.0.4"


async def test_what_leaves_somebody_without_an_address_is_refused(paper: Paper) -> None:
    await paper.active(EMIL)
    whole = Group(DEV, networks=("10.8.0.0/29",))
    await paper.refuses(OPERATOR, Refusal.NETWORK_FULL, groups.add, whole)


async def test_what_is_pushed_makes_files_due_without_moving_anybody(paper: Paper) -> None:
    anna, _ = await paper.active(ANNA), await paper.active(EMIL)
    await made(paper, Group(DEV), ANNA)
    changed = await paper.by(OPERATOR, groups.edit, Group(DEV, routes=("10.1.0.0/16",)))
    assert changed == Changed({BERLIN: 1})
    async with paper.database.reading() as tx:
        assert [*await tx.addresses.due_files(BERLIN)] == [anna.id]
    # What is none of the files' business makes none due.
    group = Group(DEV, routes=("10.1.0.0/16",), max_duration=HOUR_S)
    assert await paper.by(OPERATOR, groups.edit, group) == Changed({})
    assert await paper.by(OPERATOR, groups.remove, DEV) == Changed({BERLIN: 1})


async def test_who_has_what_their_groups_do_not_include_is_named(paper: Paper) -> None:
    await paper.add_server(PARIS, "10.9.0.0/29")
    grant = await paper.active(ANNA)
    done = await made(paper, Group(DEV, servers=(PARIS,)), ANNA)
    assert done.closed == ("Anna Petrova",)
    # And gets no new profile there.
    await paper.refuses(await paper.actor(ANNA), Refusal.SERVER_NOT_OPEN, grants.renew, grant.id)


async def test_groups_are_a_persons_by_whichever_account(paper: Paper) -> None:
    other = UserId(1003)
    await paper.by(OPERATOR, people.allow, other, "Anna at home")
    anna = await paper.active(other)
    await made(paper, RANGED, ANNA)
    await paper.by(OPERATOR, people.link, other, ANNA)
    assert (await paper.grant(anna.id)).address == "10.8.0.4"
    await paper.by(OPERATOR, people.unlink, other)
    assert (await paper.grant(anna.id)).address == "10.8.0.3"
    await paper.by(OPERATOR, people.link, other, ANNA)
    await paper.by(OPERATOR, groups.leave, DEV, other)
    async with paper.database.reading() as tx:
        assert await tx.groups.members(DEV) == []


async def test_who_is_removed_leaves_the_groups(paper: Paper) -> None:
    await made(paper, Group(DEV), ANNA)
    await paper.by(OPERATOR, people.remove, ANNA)
    async with paper.database.reading() as tx:
        assert await tx.groups.members(DEV) == []
    await paper.refuses(OPERATOR, Refusal.UNKNOWN_PERSON, groups.join, DEV, ANNA)


async def test_an_ipv6_address_goes_with_the_other_one(empty: Paper) -> None:
    paper = empty
    async with paper.database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", paper.now)
        await tx.servers.add(replace(make_server(BERLIN), network6="fd00:8::/64"))
    anna = await paper.active(ANNA)
    assert await _sixes(paper, anna) == {"fd00:8::2": True}
    group = Group(DEV, networks=("fd00:8::1:0/112",))
    assert await made(paper, group, ANNA) == Changed({BERLIN: 1})
    assert await _sixes(paper, anna) == {"fd00:8::2": False, "fd00:8::1:2": True}
    # Back, while nobody has seen the first one out of use.
    await paper.by(OPERATOR, groups.leave, DEV, ANNA)
    assert await _sixes(paper, anna) == {"fd00:8::2": True, "fd00:8::1:2": False}
    for wrong in ("fd00:8::/112", "fd00:8::2:0/126"):
        await paper.refuses(OPERATOR, Refusal.RANGE6, groups.add, Group(OPS, networks=(wrong,)))
    other = Group(OPS, networks=("fd00:9::/112",))
    await paper.refuses(OPERATOR, Refusal.RANGE_NOWHERE, groups.add, other)


async def _sixes(paper: Paper, grant: Grant) -> dict[str, bool]:
    """All IPv6 addresses that it holds, and whether each is its own now."""
    async with paper.database.reading() as tx:
        own = [span.address for span in await tx.addresses.now_of(grant.id, BERLIN)]
        moved = [span.address for span in await tx.addresses.moved_on(BERLIN)]
    held = [*own, *moved]
    return {address: address in own for address in held if ":" in address}


# --- What is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "code"),
    [
        (Group(GroupName("No")), Refusal.BAD_GROUP_NAME),
        (Group(DEV), Refusal.GROUP_EXISTS),
        (Group(OPS, servers=(PARIS,)), Refusal.UNKNOWN_SERVER),
        (Group(OPS, networks=("10.9.0.0/24",)), Refusal.RANGE_NOWHERE),
        (Group(OPS, networks=("10.8.0.0/16",)), Refusal.RANGE_NOWHERE),
        (Group(OPS, networks=("10.8.0.4/30",)), Refusal.RANGE_TAKEN),
        (Group(OPS, networks=("10.8.0.4/32",)), Refusal.RANGE_TAKEN),
        (Group(OPS, networks=("10.8.0.0/31",)), Refusal.RANGE_FULL),
        (Group(OPS, approvers=(EMIL,)), Refusal.APPROVER_NO_ADMIN),
        (Group(OPS, approvers=(BORIS,), approvals=2), Refusal.TOO_FEW_APPROVERS),
    ],
)
async def test_what_could_not_work_is_refused(paper: Paper, group: Group, code: Refusal) -> None:
    await made(paper, RANGED)
    await paper.refuses(OPERATOR, code, groups.add, group)


async def test_what_is_not_there_is_said(paper: Paper) -> None:
    await paper.refuses(OPERATOR, Refusal.UNKNOWN_GROUP, groups.edit, Group(DEV))
    await paper.refuses(OPERATOR, Refusal.UNKNOWN_GROUP, groups.remove, DEV)
    await made(paper, Group(DEV), ANNA)
    await paper.refuses(OPERATOR, Refusal.IN_GROUP_ALREADY, groups.join, DEV, ANNA)
    await paper.refuses(OPERATOR, Refusal.NOT_IN_GROUP, groups.leave, DEV, EMIL)
    await paper.refuses(OPERATOR, Refusal.UNKNOWN_PERSON, groups.join, DEV, DORA)
    await paper.refuses(await paper.actor(ANNA), Refusal.ADMINS_ONLY, groups.join, DEV, EMIL)


async def test_several_changes_of_one_moment_are_told_as_one() -> None:
    first = Changed({BERLIN: 1, PARIS: 2}, 1, ("Anna",))
    second = Changed({BERLIN: 3}, 2, ("Emil", "Anna"))
    assert groups.together([first, second]) == Changed({BERLIN: 3, PARIS: 2}, 3, ("Anna", "Emil"))
