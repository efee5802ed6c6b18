"""`vpnbot group`: groups of people, and what belonging to them means."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any

import typer

from bot.access import groups, people
from bot.access.case import Case
from bot.access.durations import format_duration, parse_duration
from bot.access.groups import Changed
from bot.cli.asking import require_yes
from bot.cli.groups_help import CommandGroup
from bot.cli.printing import show
from bot.cli.shared import AsJson, Yes, operator, say, with_office
from bot.errors import NotDone
from bot.office import Office
from bot.texts import people as words
from bot.texts.durations import duration_text
from bot.texts.fill import plain
from storage.group_records import Group, GroupName, Reason
from storage.records import ServerName, UserId

app = typer.Typer(
    help="Groups: who gets which servers, addresses and routes.",
    no_args_is_help=True,
    cls=CommandGroup,
)

# Of what an option takes; of any other a network.
_EXAMPLES = {"--dns": "10.8.0.1", "--network6": "fd12:3456::/64"}
# A profile's answer from the server has to hold all of its routes.
_MOST = 64

Name = Annotated[str, typer.Argument(metavar="NAME", help="The group's name, such as dev.")]
Network = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CIDR",
        help="The range of a server's network that its people get their addresses from.",
    ),
]
Network6 = Annotated[
    list[str] | None, typer.Option(metavar="CIDR", help="Likewise, of its IPv6 network.")
]
Route = Annotated[
    list[str] | None,
    typer.Option(metavar="CIDR", help="Pushed in the place of the server's own routes."),
]
Dns = Annotated[
    list[str] | None,
    typer.Option(metavar="IP", help="Pushed in the place of the server's own DNS."),
]
Servers = Annotated[
    list[str] | None,
    typer.Option("--server", metavar="SERVER", help="What its people may ask for; else all."),
]
Longest = Annotated[str | None, typer.Option(metavar="D", help="The longest duration, such as 8h.")]
Approvers = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ID", help="The admins and approvers whose approval counts, by Telegram id."
    ),
]
Approvals = Annotated[
    int | None, typer.Option(min=1, max=20, help="How many of them have to agree.")
]
Demand = Annotated[Reason | None, typer.Option("--reason", help="What their requests have to say.")]
MaxProfiles = Annotated[
    int | None, typer.Option(min=1, max=1000, help="How many live profiles each may have.")
]
Standing = Annotated[
    str | None,
    typer.Option(metavar="D", help="Gives up to that long, such as 8h, without an admin's yes."),
]


@app.command("add")
def add(
    name: Name,
    network: Network = None,
    network6: Network6 = None,
    route: Route = None,
    dns: Dns = None,
    server: Servers = None,
    max_duration: Longest = None,
    approvers: Approvers = None,
    approvals: Approvals = None,
    reason: Demand = None,
    max_profiles: MaxProfiles = None,
    standing: Standing = None,
) -> None:
    """Makes a group. Who is in it: vpnbot user allow ID --name NAME --group GROUP."""
    said = _said(network, network6, route, dns, server, max_duration, approvers, approvals)
    said |= _policy(reason, max_profiles, standing)
    networks = [one for family in _FAMILIES.values() for one in said.pop(family, ())]
    group = Group(GroupName(name), networks=tuple(networks), **said)
    _change(lambda case: groups.add(case, group), f"The group {name} is made.")


@app.command("edit")
def edit(
    name: Name,
    network: Network = None,
    network6: Network6 = None,
    route: Route = None,
    dns: Dns = None,
    server: Servers = None,
    max_duration: Longest = None,
    approvers: Approvers = None,
    approvals: Approvals = None,
    reason: Demand = None,
    max_profiles: MaxProfiles = None,
    standing: Standing = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            help="What the group is to say no more: network, network6, route, dns, server, "
            "max-duration, approvers, approvals, reason, max-profiles or standing.",
        ),
    ] = None,
) -> None:
    """Changes what a group means; what isn't named stays as it is."""
    changes = _said(network, network6, route, dns, server, max_duration, approvers, approvals)
    changes |= _policy(reason, max_profiles, standing)
    empty = Group(GroupName(name))
    for word in clear or ():
        option = word.removeprefix("--")
        field = _FIELDS.get(option)
        if field is None:
            raise typer.BadParameter(f"--clear {word!r} is none of: {', '.join(_FIELDS)}")
        if field in changes:
            raise typer.BadParameter(f"--{option} is both given and cleared.")
        changes[field] = getattr(empty, field, ())
    if not changes:
        raise typer.BadParameter("Nothing to change; see: vpnbot group edit --help")

    async def work(case: Case) -> Changed:
        before = await groups.known_group(case, name)
        kept = {
            field: [each for each in before.networks if ip_network(each).version == version]
            for version, field in _FAMILIES.items()
        }
        networks = [one for field in kept for one in changes.pop(field, kept[field])]
        return await groups.edit(case, replace(before, **changes, networks=tuple(networks)))

    _change(work, f"The group {name} is changed.")


@app.command("remove")
def remove(name: Name, yes: Yes = False) -> None:
    """Takes a group away. Its people stay on the allowlist, and belong to it no more."""

    async def ask(office: Office) -> None:
        async with office.database.reading() as tx:
            group = await groups.known_group(office.case(tx, operator()), name)
            count = len(await tx.groups.members(group.name))
        require_yes(plain(words.ASK_GROUP, name=name, count=count), yes=yes)

    _change(
        lambda case: groups.remove(case, GroupName(name)), f"The group {name} is gone.", first=ask
    )


@app.command("list")
def list_(
    as_json: AsJson = False,
) -> None:
    """The groups, what they mean, and who is in them."""

    async def work(office: Office) -> None:
        async with office.database.reading() as tx:
            rows = []
            for group in await tx.groups.all():
                members = await tx.groups.members(group.name)
                rows.append(_row(group, members, as_json=as_json))
        show(
            rows,
            _COLUMNS,
            as_json=as_json,
            none="There are no groups yet; to make one: vpnbot group add NAME",
        )

    with_office(work)


# In a group both are one list.
_FAMILIES = {4: "network4", 6: "network6"}
_FIELDS = {
    "network": "network4",
    "network6": "network6",
    "route": "routes",
    "dns": "dns",
    "server": "servers",
    "max-duration": "max_duration",
    "approvers": "approvers",
    "approvals": "approvals",
    "reason": "reason",
    "max-profiles": "max_profiles",
    "standing": "standing",
}
_SHOWN = (
    *("networks", "routes", "dns", "servers", "max_duration", "approvers", "approvals"),
    *("reason", "max_profiles", "standing"),
)
_DURATIONS = ("max_duration", "standing")
_COLUMNS = ("name", *_SHOWN, "members")


def _row(group: Group, members: Sequence[UserId], *, as_json: bool) -> dict[str, object]:
    row: dict[str, object] = {"name": group.name}
    for field in _SHOWN:
        value = getattr(group, field)
        if field in _DURATIONS and value is not None:
            value = format_duration(value) if as_json else duration_text(value)
        row[field] = [*value] if isinstance(value, tuple) else value
    row["members"] = [*members]
    if as_json:
        return row
    return {
        key: (", ".join(map(str, value)) or None) if isinstance(value, list) else value
        for key, value in row.items()
    }


def _change(
    change: Callable[[Case], Awaitable[Changed]],
    said: str,
    *,
    first: Callable[[Office], Awaitable[None]] | None = None,
) -> None:
    async def work(office: Office) -> None:
        if first is not None:
            await first(office)
        async with office.acting(operator()) as case:
            done = await change(case)
        say(said)
        await tell_changed(office, done)

    with_office(work)


async def tell_changed(office: Office, done: Changed) -> None:
    """Brings the change to the servers, and says what became of whom."""
    if done.moved:
        say(f"Another address: {_profiles(done.moved)}.")
    for name in done.closed:
        say(
            f"{name} still has access to a server that their groups don't include; it ends when "
            "its time is over, or with: vpnbot revoke"
        )
    for refitted in await asyncio.gather(*(office.fleet.refit(name) for name in done.due)):
        server = refitted.server
        if refitted.written:
            say(f"{server}: {_profiles(len(refitted.written))} brought into line.")
        for grant in refitted.cut:
            say(f"{server}: {grant.common_name} was cut off its old address, and may come back.")
        for grant in refitted.on:
            say(f"{server}: {grant.common_name} is connected, and has it once it reconnects.")
        if refitted.left:
            say(
                f"{server}: {refitted.left} not done yet; a running bot tries again by itself "
                "until it is."
            )
        for finding in refitted.findings:
            say(f"{server}: {finding.detail}")


def _said(
    network: list[str] | None,
    network6: list[str] | None,
    route: list[str] | None,
    dns: list[str] | None,
    server: list[str] | None,
    max_duration: str | None,
    approvers: list[str] | None,
    approvals: int | None,
) -> dict[str, Any]:
    """What the options say, each by its field; what is not named is not in it."""
    said: dict[str, Any] = {
        "network4": _networks("--network", network, IPv4Network) if network else None,
        "network6": _networks("--network6", network6, IPv6Network) if network6 else None,
        "routes": _networks("--route", route, ip_network) if route else None,
        "dns": _each("--dns", dns, lambda text: str(ip_address(text))) if dns else None,
        "servers": tuple(map(ServerName, server)) if server else None,
        "max_duration": None if max_duration is None else parse_duration(max_duration),
        "approvers": _ids(approvers) if approvers else None,
        "approvals": approvals,
    }
    return {field: value for field, value in said.items() if value is not None}


def _policy(
    reason: Reason | None, max_profiles: int | None, standing: str | None
) -> dict[str, Any]:
    said = {
        "reason": reason,
        "max_profiles": max_profiles,
        "standing": None if standing is None else parse_duration(standing),
    }
    return {field: value for field, value in said.items() if value is not None}


def _profiles(count: int) -> str:
    return "1 profile" if count == 1 else f"{count} profiles"


def _networks(option: str, texts: list[str], read: Callable[[str], object]) -> tuple[str, ...]:
    return _each(option, texts, lambda text: str(read(text)))


def _ids(texts: list[str]) -> tuple[UserId, ...]:
    """Several may stand in one word, with commas.

    Raises:
        Refused: BAD_ID, also where there is none: nobody's say is to count no more by a slip.
    """
    words = [word for text in texts for word in text.strip(", ").split(",")]
    return tuple(dict.fromkeys(people.parse_user_id(word.strip()) for word in words))


def _each(option: str, texts: list[str], read: Callable[[str], str]) -> tuple[str, ...]:
    """What was typed, in its shortest form, each once.

    Raises:
        NotDone: one of them is none, or there are too many.
    """
    found = []
    for text in texts:
        try:
            found.append(read(text))
        except ValueError as error:
            example = _EXAMPLES.get(option, "10.8.4.0/24")
            raise NotDone(
                f"{option} “{text}” can't be read; write for example {example}."
            ) from error
    if len(found) > _MOST:
        raise NotDone(f"{option} is given {len(found)} times; {_MOST} is the most.")
    return tuple(dict.fromkeys(found))
