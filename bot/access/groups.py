"""The use cases around groups: what they mean, and who belongs to them.

What a change asks of the servers is recorded with it: addresses that do not fit any more are given
up and others given at once, and the files of all who are concerned are due (`bot.fleet.refit`).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network

from bot.access import approvals, durations, grants, invitations, messages, revocation
from bot.access.addresses import choose_address, suits
from bot.access.case import Case
from bot.access.hearing import hear
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.access.terms import Network, Terms, is_within, ranges_in, terms
from storage.group_records import Group, GroupName
from storage.records import OutboxKind, Server, ServerName, UserId
from storage.role_records import Role

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change of groups came to.

    Attributes:
        due: how many clients' files have to be written anew, by server.
        moved: of those, how many have another address now.
        closed: names of people who have access to servers that they could not ask for any more.
    """

    due: Mapping[ServerName, int]
    moved: int = 0
    closed: tuple[str, ...] = ()


def together(changes: Sequence[Changed]) -> Changed:
    """Several changes of one moment as one."""
    due: dict[ServerName, int] = {}
    for change in changes:
        for server, count in change.due.items():
            due[server] = max(due.get(server, 0), count)
    return Changed(
        due,
        sum(change.moved for change in changes),
        tuple(sorted({name for change in changes for name in change.closed})),
    )


async def add(case: Case, group: Group) -> Changed:
    """Makes a group that nobody belongs to yet.

    Raises:
        Refused: ADMINS_ONLY, BAD_GROUP_NAME, GROUP_EXISTS, and as `_require_sound`.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    if not _NAME.fullmatch(group.name):
        raise Refused(Refusal.BAD_GROUP_NAME, group=group.name)
    if await case.tx.groups.get(group.name) is not None:
        raise Refused(Refusal.GROUP_EXISTS, group=group.name)
    await _require_sound(case, group)
    before = await belongings(case)
    await case.tx.groups.add(group)
    await case.record("group.add", f"group:{group.name}", **_said(group))
    return await settle(case, before)


async def edit(case: Case, group: Group) -> Changed:
    """Gives a group another meaning.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_GROUP, and as `_require_sound`.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    await known_group(case, group.name)
    await _require_sound(case, group)
    before = await belongings(case)
    await case.tx.groups.set(group)
    await case.record("group.edit", f"group:{group.name}", **_said(group))
    return await settle(case, before)


async def remove(case: Case, name: GroupName) -> Changed:
    """Takes a group away: nobody belongs to it any more.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_GROUP.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    await known_group(case, name)
    before = await belongings(case)
    members = await case.tx.groups.members(name)
    # A group of this name that is made later on is another one.
    await invitations.withdraw_all(case, into=name)
    await case.tx.farewells.lose_group(name)
    for given in (await case.tx.roles.all()).values():
        if name in given.groups:
            kept = tuple(one for one in given.groups if one != name)
            await case.tx.roles.set(replace(given, groups=kept))
    await case.tx.groups.remove(name)
    await case.record("group.remove", f"group:{name}", members=members)
    return await settle(case, before)


async def join(case: Case, name: GroupName, user_id: UserId) -> Changed:
    """Puts somebody who is on the allowlist into a group.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_GROUP, UNKNOWN_PERSON, IN_GROUP_ALREADY, NETWORK_FULL,
            OWN_STANDING.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    group = await known_group(case, name)
    person = await revocation.known_person(case.tx, user_id)
    if not person.allowed:
        raise Refused(Refusal.UNKNOWN_PERSON, who=person.name)
    if group.standing is not None and await _is_own(case, user_id):
        raise Refused(Refusal.OWN_STANDING, group=name, id=user_id)
    before = await belongings(case)
    if not await case.tx.groups.join(name, user_id):
        raise Refused(Refusal.IN_GROUP_ALREADY, name=person.name, group=name)
    await case.record("group.join", f"user:{user_id}", user_name=person.name, group=name)
    return await settle(case, before)


async def _is_own(case: Case, user_id: UserId) -> bool:
    """Whether this account is one of whoever acts in the chat."""
    if case.actor.is_operator or case.actor.user_id is None:
        return False
    people = case.tx.people
    return await people.person_of(case.actor.user_id) == await people.person_of(user_id)


async def leave(case: Case, name: GroupName, user_id: UserId) -> Changed:
    """Takes a person out of a group, by whichever of their accounts they were put into it.

    Where a group says whose word or how many it takes, one admin alone would get round that.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_GROUP, UNKNOWN_PERSON, NOT_IN_GROUP, NETWORK_FULL,
            GROUP_DECIDES.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    group = await known_group(case, name)
    if (group.approvers or (group.approvals or 1) > 1) and not case.actor.is_operator:
        raise Refused(Refusal.GROUP_DECIDES, group=name, id=user_id)
    before = await belongings(case)
    accounts = await revocation.known_accounts(case.tx, user_id)
    left = [one for one in accounts if await case.tx.groups.leave(name, one.id)]
    if not left:
        raise Refused(Refusal.NOT_IN_GROUP, name=accounts[0].name, group=name)
    for account in left:
        await case.record("group.leave", f"user:{account.id}", user_name=account.name, group=name)
    return await settle(case, before)


async def known_group(case: Case, name: str) -> Group:
    """Raises Refused: UNKNOWN_GROUP."""
    group = await case.tx.groups.get(GroupName(name))
    if group is None:
        raise Refused(Refusal.UNKNOWN_GROUP, group=name)
    return group


async def _require_sound(case: Case, group: Group) -> None:
    """Refuses what could not work.

    Raises:
        Refused: UNKNOWN_SERVER, RANGE_NOWHERE, RANGE_TAKEN, RANGE_FULL, APPROVER_NO_ADMIN,
            TOO_FEW_APPROVERS.
    """
    servers = {server.name: server for server in await case.tx.servers.all()}
    for name in group.servers:
        if name not in servers:
            raise Refused(Refusal.UNKNOWN_SERVER, server=name)
    its = [servers[name] for name in group.servers] or [*servers.values()]
    for text in group.networks:
        await _require_range(case, group, text, its)
    given = await case.tx.roles.all()
    may = {one.user_id for one in given.values() if one.role is not Role.AUDITOR}
    for approver in group.approvers:
        # A command may run without knowing the admins.
        if case.rules.admins and approver not in case.rules.admins and approver not in may:
            raise Refused(Refusal.APPROVER_NO_ADMIN, id=approver)
    if group.approvers and len(group.approvers) < (group.approvals or 1):
        raise Refused(Refusal.TOO_FEW_APPROVERS, count=len(group.approvers), needed=group.approvals)


async def _require_range(case: Case, group: Group, text: str, its: Sequence[Server]) -> None:
    """A range is in the network of one of the group's servers, with room, and of nobody else."""
    wanted = ip_network(text)
    alone = Group(group.name, (text,))
    home = next(
        (one for one in its if ranges_in(alone, one.network) or ranges_in(alone, one.network6)),
        None,
    )
    if home is None:
        named = [(net, one.name) for one in its for net in (one.network, one.network6) if net]
        networks = ", ".join(f"{network} ({name})" for network, name in named)
        raise Refused(Refusal.RANGE_NOWHERE, network=text, networks=networks)
    for other in await case.tx.groups.all():
        for theirs in other.networks if other.name != group.name else ():
            if is_within(wanted, ip_network(theirs)) or is_within(ip_network(theirs), wanted):
                raise Refused(Refusal.RANGE_TAKEN, network=text, group=other.name, range=theirs)
    if isinstance(wanted, IPv6Network):
        count = IPv4Network(home.network).num_addresses
        first = int(wanted.network_address) - int(IPv6Network(home.network6 or "").network_address)
        if wanted.num_addresses < count or first < count:
            raise Refused(Refusal.RANGE6, network=text, count=count, server=home.name)
        return
    try:
        choose_address(home, frozenset(), within=wanted)
    except Refused as full:
        raise Refused(Refusal.RANGE_FULL, network=text, server=home.name) from full


@dataclass(frozen=True, slots=True)
class Belongings:
    """The groups, and those of each account of who is in one."""

    known: Sequence[Group]
    theirs: Mapping[UserId, Sequence[Group]]

    def of(self, account: UserId, server: ServerName) -> Terms:
        return terms(self.theirs.get(account, ()), [server])

    def ranges(self, server: Server) -> list[Network]:
        """All that are kept for groups there."""
        networks = (server.network, server.network6)
        return [
            each
            for group in self.known
            for network in networks
            for each in ranges_in(group, network)
        ]


async def belongings(case: Case) -> Belongings:
    """Who belongs to what; to be asked before a change, for `settle`."""
    groups = await case.tx.groups.all()
    known = {group.name: group for group in groups}
    by_account = await case.tx.groups.by_account()
    return Belongings(
        groups, {account: [known[name] for name in names] for account, names in by_account.items()}
    )


async def settle(case: Case, before: Belongings) -> Changed:
    """Gives up addresses that do not fit any more, and notes whose files are due.

    Raises:
        Refused: NETWORK_FULL; somebody would be left without an address that fits.
    """
    after = await belongings(case)
    accounts = {*before.theirs, *after.theirs}
    accounts = {one for one in accounts if before.theirs.get(one) != after.theirs.get(one)}
    due: dict[ServerName, int] = {}
    moved, closed = 0, set()
    for server in await case.tx.servers.all():
        ranges = after.ranges(server)
        if ranges == before.ranges(server):
            theirs = [await case.tx.grants.live_of_user(account) for account in sorted(accounts)]
            live = [one for has in theirs for one in has if server.name in one.servers]
        else:  # others may have to make room
            live = [*await case.tx.grants.live_on(server.name)]
        concerned = []
        for grant in live:
            was, now = before.of(grant.owner, server.name), after.of(grant.owner, server.name)
            own = now.range_in(server.network)
            within = own if isinstance(own, IPv4Network) else None
            beside = [one for one in ranges if isinstance(one, IPv4Network) and one != own]
            fits = suits(server, grant.address_on(server.name), within, beside)
            if not fits and await grants.move(case, server, grant) is not None:
                moved += 1
            has6 = fits and await grants.note_address6(case, server, grant)
            if not fits or has6 or _pushed(was) != _pushed(now):
                concerned.append(grant.id)
            if was.is_open and not now.is_open:
                closed.add(await case.tx.people.name_of(grant.owner))
        await case.tx.addresses.files_due(server.name, concerned, case.now)
        if concerned:
            due[server.name] = len(concerned)
    await _refit_cards(case, accounts)
    return Changed(due, moved, tuple(sorted(closed)))


def _pushed(theirs: Terms) -> object:
    """What a client's file has of them, beside the address."""
    return theirs.routes, theirs.dns


async def _refit_cards(case: Case, accounts: Collection[UserId]) -> None:
    """The cards of their open requests show what counts now, also on whose word."""
    for request in await case.tx.requests.pending():
        if request.user_id not in accounts:
            continue
        await messages.edit_cards(case, request.id)
        posted = await case.tx.posted.about(OutboxKind.CARD, str(request.id))
        has = {message.chat_id for message in posted}
        heard = await hear(case, request)
        for one in heard.deciders:
            is_new = messages.private_chat(one) not in has
            if is_new and await approvals.is_asked(case, heard, one):
                await messages.card(case, one, request.id)


def _said(group: Group) -> dict[str, object]:
    """For the trail."""
    longest, at_once = group.max_duration, group.standing
    return {
        "networks": group.networks,
        "routes": group.routes,
        "dns": group.dns,
        "servers": group.servers,
        "max_duration": None if longest is None else durations.format_duration(longest),
        "approvers": group.approvers,
        "approvals": group.approvals,
        "reason": group.reason,
        "max_profiles": group.max_profiles,
        "standing": None if at_once is None else durations.format_duration(at_once),
    }
