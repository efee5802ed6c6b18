"""`vpnbot request`: decides without Telegram."""

from typing import Annotated

import typer

from bot.access import requests
from bot.cli.groups_help import CommandGroup
from bot.cli.request_list import request_object
from bot.cli.shared import ActAsJson, operator, say, say_object, with_office
from bot.office import Office
from bot.texts.fill import utc
from storage.records import RequestId

app = typer.Typer(
    help="Requests, decided without Telegram.", no_args_is_help=True, cls=CommandGroup
)

Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The request's number.")]


@app.command("approve")
def approve(number: Number, as_json: ActAsJson = False) -> None:
    """Approves for the duration that was asked for; the bot sends the profile while it runs."""

    async def work(office: Office) -> None:
        async with office.acting(operator()) as case:
            done = await requests.approve(case, RequestId(number), None)
        # An operator's word is enough.
        assert not isinstance(done, requests.Agreed)
        if as_json:
            given = done.grant.id if isinstance(done, requests.Approved) else None
            say_object({**request_object(done.request, done.requester), "grant": given})
            return
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
    as_json: ActAsJson = False,
) -> None:
    """Denies; the bot tells the requester."""

    async def work(office: Office) -> None:
        async with office.acting(operator()) as case:
            denied = await requests.deny(case, RequestId(number), words=reason)
            requester = await case.tx.people.get(denied.user_id)
        if as_json:
            say_object(request_object(denied, requester))
            return
        say(f"Request {number} is denied.")

    with_office(work)
