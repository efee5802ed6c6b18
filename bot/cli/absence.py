"""`vpnbot user away`: somebody who decides passes their cards on until a day."""

from typing import Annotated

import typer

from bot.access import absences, days, who
from bot.cli.shared import operator, say, with_office
from bot.office import Office
from bot.texts import absence as words
from bot.texts.fill import plain, utc


def away(
    meant: Annotated[
        str, typer.Argument(metavar="WHO", help="A Telegram id, a name, or @username.")
    ],
    until: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="When they are back by themselves: 2027-09-14, '14 Sept', '14 Sept 9:00' or 10d; "
            "a day begins by VPNBOT_TIME_ZONE, or this machine's own zone.",
        ),
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="They are back already.")] = False,
) -> None:
    """Has the cards of an admin or approver go to the others until a day."""
    if back == (until is not None):
        raise typer.BadParameter("name either --until DAY or --back")

    async def work(office: Office) -> None:
        async with office.acting(operator()) as case:
            person = await who.one_person(case, meant)
            if until is None:
                await absences.come_back(case, person.id)
                text = plain(words.BACK_LINE, name=person.name, id=person.id)
            else:
                day = days.parse_day(until, case.now, case.rules.zone)
                await absences.go(case, person.id, day)
                text = plain(words.AWAY_LINE, name=person.name, id=person.id, until=utc(day))
        say(text)

    with_office(work)
