"""`vpnbot user list`."""

from enum import StrEnum
from typing import Annotated

import typer

from bot.cli.printing import show_parts
from bot.cli.shared import AsJson, Limit, operator, stamp, with_core
from bot.core import Core
from storage.name_keys import words_of
from storage.pauses import PersonPause
from storage.role_records import Appointment

# So many numbers does a statement take.
_FOUND_AT_MOST = 20_000


class Listed(StrEnum):
    ALLOWED = "allowed"
    OFF = "off"


def list_(
    as_json: AsJson = False,
    limit: Limit = None,
    state: Annotated[
        Listed | None, typer.Option(help="Only those on the allowlist, or off it.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="WHO", help="Only those who may be meant by this.")
    ] = None,
) -> None:
    """Everybody who is known, on the allowlist or not."""

    async def work(core: Core) -> None:
        async with core.database.reading() as tx:
            accounts = None
            if user is not None:
                # Only this looks for somebody.
                from bot.access import who  # noqa: PLC0415

                fits = await who.people_meant(core.case(tx, operator()), user)
                people = [*fits.people, *fits.near]
                if fits.has_more:
                    people = [*await tx.people.with_words(words_of(user), limit=_FOUND_AT_MOST)]
                accounts = [person.id for person in people]
            given = await tx.roles.all()
            found = tx.listings.people(
                allowed=None if state is None else state is Listed.ALLOWED,
                accounts=accounts,
                limit=limit,
            )
            pauses = {one.user_id: one for one in await tx.pauses.all()}
            parts = (
                [
                    {
                        "id": r.id,
                        "name": r.name,
                        "username": r.username,
                        "allowed": r.allowed,
                        **_role_of(given.get(r.id), as_json=as_json),
                        **_pause_of(pauses.get(r.id)),
                    }
                    for r in rows
                ]
                async for rows in found
            )
            columns = ("id", "name", "username", "allowed", "role", "paused_since", "paused_until")
            await show_parts(
                parts,
                columns,
                as_json=as_json,
                none="Nobody is like that, or known yet; to put somebody on the list: "
                "vpnbot user allow ID --name NAME",
            )

    with_core(work)


def _pause_of(pause: PersonPause | None) -> dict[str, object]:
    return {
        "paused_since": None if pause is None else stamp(pause.since),
        "paused_until": None if pause is None else stamp(pause.until),
    }


def _role_of(given: Appointment | None, *, as_json: bool) -> dict[str, object]:
    """For a script the two apart."""
    if as_json:
        return {"role": given and given.role, "role_groups": list(given.groups) if given else []}
    of = f" ({', '.join(given.groups)})" if given and given.groups else ""
    return {"role": f"{given.role}{of}" if given else None}
