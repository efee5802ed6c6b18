"""`vpnbot user invite`, and what became of invitations."""

from datetime import timedelta
from typing import Annotated

import typer

from bot.access import invitations
from bot.chat.invitations import link
from bot.cli.printing import show
from bot.cli.shared import ActAsJson, AsJson, operator, say, say_object, stamp, with_office
from bot.errors import NotDone
from bot.office import Office
from bot.texts.fill import utc
from storage.joining_records import InvitationId

_COLUMNS = ("id", "name", "groups", "state", "made_by", "made_at", "ends_at", "used_by", "used_at")
_LISTED = timedelta(days=30)


def invite(
    name: Annotated[str, typer.Argument(metavar="NAME", help="By which they are to be known.")],
    group: Annotated[
        list[str] | None, typer.Option(metavar="GROUP", help="Puts them into this group.")
    ] = None,
    as_json: ActAsJson = False,
) -> None:
    """Makes a link that puts one person on the allowlist. It works once, and for a day."""

    async def work(office: Office) -> None:
        async with office.acting(operator()) as case:
            username = await case.tx.invitations.own_name()
            if username is None:
                raise NotDone(
                    "Telegram hasn't said yet what the bot is called, and a link needs that; run "
                    "once: vpnbot run"
                )
            made = await invitations.make(case, name, group or ())
            token = await invitations.new_link(case, made.id)
        assert token is not None
        if as_json:
            say_object(
                {
                    "id": made.id,
                    "name": made.name,
                    "groups": [*made.groups],
                    "link": link(username, token),
                    "ends_at": stamp(made.ends_at),
                }
            )
            return
        say(link(username, token))
        say(
            f"Invitation {made.id}, for {made.name}; works once, until {utc(made.ends_at)}. "
            f"To take it back: vpnbot user withdraw {made.id}"
        )

    with_office(work)


def list_(
    as_json: AsJson = False,
) -> None:
    """The invitations of the last 30 days, and what became of them."""

    async def work(office: Office) -> None:
        now = office.clock()
        async with office.database.reading() as tx:
            rows = [
                {
                    "id": one.id,
                    "name": one.name,
                    "groups": list(one.groups) if as_json else ", ".join(one.groups) or None,
                    "state": one.state(now).value,
                    "made_by": one.made_by,
                    "made_at": stamp(one.made_at),
                    "ends_at": stamp(one.ends_at),
                    "used_by": one.used_by,
                    "used_at": stamp(one.used_at),
                }
                for one in await tx.invitations.since(now - _LISTED)
            ]
        show(
            rows,
            _COLUMNS,
            as_json=as_json,
            none="No invitation was made in the last 30 days; to make one: vpnbot user invite NAME",
        )

    with_office(work)


def withdraw(
    number: Annotated[int, typer.Argument(metavar="N", help="The invitation's number.", min=1)],
) -> None:
    """Takes an invitation back: its link is dead."""

    async def work(office: Office) -> None:
        async with office.acting(operator()) as case:
            done = await invitations.withdraw(case, InvitationId(number))
        say(f"The invitation for {done.name} is withdrawn.")

    with_office(work)
