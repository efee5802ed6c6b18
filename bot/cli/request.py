"""`vpnbot request`: decides without Telegram."""

from typing import Annotated, Any

import typer

from bot.access import requests
from bot.access.durations import format_duration
from bot.cli.groups_help import CommandGroup
from bot.cli.printing import show_parts
from bot.cli.shared import operator, say, stamp, with_office
from bot.office import Office
from bot.texts.fill import utc
from storage.records import Request, RequestId, RequestState

app = typer.Typer(
    help="Requests, decided without Telegram.", no_args_is_help=True, cls=CommandGroup
)

Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The request's number.")]


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="A list of objects.")] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="No more than so many.")
    ] = None,
    state: Annotated[RequestState | None, typer.Option(help="Only those in this state.")] = None,
) -> None:
    """All requests."""
    columns = ("id", "user_id", "server", "duration", "reason", "state", "decided_by")

    async def work(office: Office) -> None:
        async with office.database.reading() as tx:
            found = tx.requests.each(state=state, limit=limit)
            parts = ([_object(request) for request in some] async for some in found)
            await show_parts(parts, columns, as_json=as_json)

    with_office(work)


@app.command("approve")
def approve(number: Number) -> None:
    """Approves for the duration that was asked for; the bot sends the profile while it runs."""

    async def work(office: Office) -> None:
        async with office.acting(operator()) as case:
            done = await requests.approve(case, RequestId(number), None)
        # An operator's word is enough.
        assert not isinstance(done, requests.Agreed)
        if isinstance(done, requests.Scheduled):
            assert done.request.starts_at is not None
            say(
                f"Approved: {done.requester.name} gets a profile for {done.request.server} minutes "
                f"before {utc(done.request.starts_at)}, from a bot that runs then."
            )
            return
        say(
            f"Approved: {done.requester.name} gets {done.grant.common_name} on {done.grant.server} "
            f"until {utc(done.grant.not_after)}. The bot sends the profile when it runs."
        )

    with_office(work)


@app.command("deny")
def deny(
    number: Number,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; the requester reads it.")] = "",
) -> None:
    """Denies; the bot tells the requester."""

    async def work(office: Office) -> None:
        async with office.acting(operator()) as case:
            await requests.deny(case, RequestId(number), words=reason)
        say(f"Request {number} is denied.")

    with_office(work)


def _object(request: Request) -> dict[str, Any]:
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
