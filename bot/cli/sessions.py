"""`vpnbot server sessions`: who is connected."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bot.cli.printing import show
from bot.cli.shared import AsJson, stamp, with_office
from bot.errors import NotDone
from bot.fleet.online import Connected, OnServer
from bot.office import Office
from bot.setup.servers import known_server
from storage.records import UserId
from storage.transaction import Transaction

_COLUMNS = (
    *("user_name", "common_name", "server", "since", "real_address", "address"),
    *("bytes_received", "bytes_sent", "standing"),
)


def sessions(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One server only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Who is connected now, as each server says; the bytes are those that the server counts."""

    async def work(office: Office) -> Sequence[OnServer]:
        if name is None:
            async with office.database.reading() as tx:
                servers = await tx.servers.all()
        else:
            servers = [await known_server(office, name)]
        found = await asyncio.gather(*(office.fleet.who_is_on(server) for server in servers))
        people: dict[UserId, str] = {}
        async with office.database.reading() as tx:
            rows = [await _row(tx, one, people) for server in found for one in server.sessions]
        show(rows, _COLUMNS, as_json=as_json, none="Nobody is connected to a server that answers.")
        return found

    silent = [one for one in with_office(work) if one.finding is not None]
    if silent:
        raise NotDone(
            " ".join(f"{one.server}: {one.finding.detail}" for one in silent if one.finding)
        )


async def _row(tx: Transaction, one: Connected, people: dict[UserId, str]) -> dict[str, Any]:
    """Args: people: names that were looked up already."""
    user_id = one.grant.user_id if one.grant is not None else None
    if user_id is not None and user_id not in people:
        people[user_id] = await tx.people.name_of(user_id)
    return {
        "user_id": user_id,
        "user_name": people[user_id] if user_id is not None else None,
        "grant": one.grant.id if one.grant is not None else None,
        "common_name": one.session.common_name,
        "server": one.server,
        "since": stamp(one.session.connected_since),
        "real_address": one.session.real_address,
        "address": one.session.virtual_address or None,
        "bytes_received": one.session.bytes_received,
        "bytes_sent": one.session.bytes_sent,
        "standing": one.standing,
    }
