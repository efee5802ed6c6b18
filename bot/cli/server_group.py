"""`vpnbot server group`: sets of servers that share one profile."""

from typing import Annotated

import typer

from bot.cli.groups_help import CommandGroup
from bot.cli.printing import show
from bot.cli.shared import AsJson, operator, say, with_office
from bot.office import Office
from bot.setup.server_sets import Changed, put_set, remove_set
from bot.texts import sets as words
from bot.texts.fill import plain

app = typer.Typer(
    help="Sets of servers that share one profile: where one is down, clients try the next.",
    cls=CommandGroup,
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The set's name, to be asked for.")]
Random = Annotated[
    bool | None,
    typer.Option(
        "--random/--in-order",
        help="Each client tries them in an order of its own, or all in the order named.",
        show_default=False,
    ),
]


@app.command("add")
def add(
    name: Name,
    servers: Annotated[list[str], typer.Argument(metavar="SERVER…", help="Its servers, in order.")],
    random: Random = None,
) -> None:
    """Names a set: who asks for it gets one profile that opens each of its servers."""
    _put(name, servers, random, is_new=True)


@app.command("edit")
def edit(
    name: Name,
    servers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SERVER…]", help="All of its servers, in order; none: as before."),
    ] = None,
    random: Random = None,
) -> None:
    """Changes a set. Profiles that are out keep opening what they were approved for."""
    _put(name, servers or [], random, is_new=False)


@app.command("remove")
def remove(name: Name) -> None:
    """Takes a set out; its servers stay."""

    async def work(office: Office) -> None:
        gone = await remove_set(office, operator(), name)
        say(f"{name} is taken out; its servers stay: {', '.join(gone.servers)}.")

    with_office(work)


@app.command("list")
def list_(
    as_json: AsJson = False,
) -> None:
    """The sets."""

    async def work(office: Office) -> None:
        async with office.database.reading() as tx:
            sets = await tx.servers.sets()
        rows = [
            {
                "name": one.name,
                "servers": list(one.servers) if as_json else " ".join(one.servers),
                "random": one.random,
            }
            for one in sets
        ]
        show(
            rows,
            ("name", "servers", "random"),
            as_json=as_json,
            none="There are no sets yet; to make one: vpnbot server group add NAME SERVER SERVER",
        )

    with_office(work)


def _put(name: str, servers: list[str], random: bool | None, *, is_new: bool) -> None:
    async def work(office: Office) -> None:
        _tell(await put_set(office, operator(), name, servers, random=random, is_new=is_new))

    with_office(work)


def _tell(done: Changed) -> None:
    now = done.now
    order = "in an order of each client's own" if now.random else "in this order"
    say(f"A profile for {now.name} opens {', '.join(now.servers)}; clients try them {order}.")
    for server in done.to_deploy:
        say(f"{server} has the set's tls key now; write it: vpnbot server deploy {server}")
    if done.own_keys:
        say(
            f"{', '.join(done.own_keys)}: the tls key is another one than that of "
            f"{now.servers[0]}. OpenVPN 2.5 and newer can use all of them; OpenVPN Connect takes "
            f"one key only, so there a profile opens no more than the servers with the key of "
            f"{now.servers[0]}. A server that joins before its first deploy gets the set's key."
        )
    if done.longer:
        say(plain(words.LONGER, count=len(done.longer), name=now.name))
    if done.shorter:
        say(plain(words.SHORTER, count=len(done.shorter), name=now.name))
