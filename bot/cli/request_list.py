"""`vpnbot request list`."""

from typing import Annotated, Any

import typer

from bot.access.durations import format_duration
from bot.cli.printing import show_parts
from bot.cli.shared import AsJson, Limit, stamp, with_core
from bot.core import Core
from storage.records import Request, RequestState


def list_(
    as_json: AsJson = False,
    limit: Limit = None,
    state: Annotated[RequestState | None, typer.Option(help="Only those in this state.")] = None,
) -> None:
    """All requests."""
    columns = ("id", "user_id", "server", "duration", "reason", "state", "decided_by")

    async def work(core: Core) -> None:
        async with core.database.reading() as tx:
            found = tx.requests.each(state=state, limit=limit)
            parts = ([request_object(request) for request in some] async for some in found)
            await show_parts(parts, columns, as_json=as_json)

    with_core(work)


def request_object(request: Request) -> dict[str, Any]:
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
    }
