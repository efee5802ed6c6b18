"""`vpnbot request list`."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bot.access.durations import format_duration
from bot.cli.printing import show_parts
from bot.cli.shared import AsJson, Limit, stamp, with_core
from bot.core import Core
from storage.records import Person, Request, RequestState
from storage.transaction import Transaction


def list_(
    as_json: AsJson = False,
    limit: Limit = None,
    state: Annotated[RequestState | None, typer.Option(help="Only those in this state.")] = None,
) -> None:
    """All requests."""
    columns = (
        *("id", "user_name", "server", "duration", "state", "decided_by_name", "user_id"),
        "reason",
    )

    async def work(core: Core) -> None:
        async with core.database.reading() as tx:
            found = tx.requests.each(state=state, limit=limit)
            parts = (await _objects(tx, some) async for some in found)
            await show_parts(
                parts, columns, as_json=as_json, none="No request is like that, or was made yet."
            )

    with_core(work)


async def _objects(tx: Transaction, some: Sequence[Request]) -> Sequence[dict[str, Any]]:
    people = await tx.people.some(request.user_id for request in some)
    return [request_object(request, people.get(request.user_id)) for request in some]


def request_object(request: Request, person: Person | None) -> dict[str, Any]:
    """`extends`: the request whose profile is to get more time."""
    return {
        "id": request.id,
        "user_id": request.user_id,
        "server": request.server,
        "duration": format_duration(request.duration),
        "reason": request.reason,
        "state": request.state,
        "asked_at": stamp(request.asked_at),
        "starts_at": stamp(request.starts_at),
        "extends": request.extends,
        "device": request.device,
        "decided_by": request.decided_by,
        "decided_at": stamp(request.decided_at),
        "user_name": person and person.name,
        "decided_by_name": request.decided_by_name,
    }
