"""`vpnbot who`: whose an address inside the VPN is, or was."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bot.access.whose import Had, look_up
from bot.cli.printing import show
from bot.cli.shared import AsJson, operator, say, stamp, with_office
from bot.office import Office
from bot.texts import whose as words
from bot.texts.fill import plain, utc

_COLUMNS = ("user_name", "server", "standing", "since", "until", "common_name", "grant")


def who_(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Such as 10.8.4.7.")],
    when: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TIME]", help="Such as 2026-11-30 14:05, in UTC; a date is the whole day."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Whose an address is now, or who had it then, as far as the database goes back."""

    async def work(office: Office) -> None:
        async with office.database.reading() as tx:
            answer = await look_up(office.case(tx, operator()), address, " ".join(when or ()))
        if answer.had or as_json:
            _show([_row(answer.address, one) for one in answer.had], as_json=as_json)
            return
        if answer.at is None:
            say(plain(words.NOBODY_NOW, address=answer.address))
        else:
            say(plain(words.NOBODY_THEN, address=answer.address, at=utc(answer.at)))
        if answer.unknown is not None:
            server = answer.server
            say(
                plain(
                    words.WHY[answer.unknown],
                    server=server.name if server else "",
                    added=utc(server.added_at) if server else "",
                )
            )
        if answer.before is not None:
            say(words.BEFORE.strip())
            _show([_row(answer.address, answer.before)], as_json=False)

    with_office(work)


def _show(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    show(rows, _COLUMNS, as_json=as_json, none="")  # that nobody has it is said at length


def _row(address: str, one: Had) -> dict[str, Any]:
    return {
        "address": address,
        "server": one.server,
        "standing": one.standing,
        "user_id": one.user_id,
        "user_name": one.name or ("(the bot)" if one.grant is None else None),
        "grant": one.grant,
        "common_name": one.common_name,
        "since": stamp(one.since),
        "until": stamp(one.until),
    }
