"""`vpnbot grant list`."""

from typing import Annotated, Any

import typer

from bot.access import holdings, who
from bot.cli.printing import show_parts, stamp_of
from bot.cli.shared import AsJson, Limit, operator, with_core
from bot.core import Core
from storage.listings import GrantsWanted, ListedGrants
from storage.records import GrantId, GrantState, ServerName

# At a narrow terminal the first ones are beside each other.
_COLUMNS = (
    *("id", "user_name", "server", "state", "not_after", "pause", "address", "common_name"),
    "serial",
)


def list_(
    as_json: AsJson = False,
    limit: Limit = None,
    state: Annotated[GrantState | None, typer.Option(help="Only those in this state.")] = None,
    user: Annotated[
        str | None, typer.Option(metavar="WHO", help="Only what this person has, or had.")
    ] = None,
    server: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only those for this server.")
    ] = None,
) -> None:
    """All grants; `revoking` are those whose end isn't proved on every server."""

    async def work(core: Core) -> None:
        async with core.database.reading() as tx:
            accounts = None
            if user is not None:
                person = await who.one_person(core.case(tx, operator()), user)
                accounts = await tx.people.accounts_of(person.id)
            dropped = await holdings.unproved_for_good(tx, core.clock())
            wanted = GrantsWanted(
                state=state,
                accounts=accounts,
                server=None if server is None else ServerName(server),
                limit=limit,
                # What a server that was taken out never proved is not called revoked.
                also=frozenset(one.grant.id for one in dropped),
            )
            parts = (
                [_row(row, part, wanted.also) for row in part.rows]
                async for part in tx.listings.grants(wanted)
            )
            await show_parts(
                parts,
                _COLUMNS,
                as_json=as_json,
                none="No grant is like that, or there is none yet.",
            )

    with_core(work)


def _row(row: Any, part: ListedGrants, unproved: frozenset[GrantId]) -> dict[str, Any]:
    """`server` is what was asked for, and `address` that on the first of its servers.

    When it was last seen connected, and the bytes in all, are as the servers count them.
    """
    places = part.places.get(row.id, ())
    uses = part.usages.get(row.id, ())
    last = max(uses, default=None)
    return {
        "id": row.id,
        "user_id": row.user_id,
        "user_name": row.user_name,
        "common_name": row.common_name,
        "serial": row.serial,
        "server": row.server,
        "address": places[0][1] if places else None,
        "state": GrantState.REVOKING.value if row.id in unproved else row.state,
        "not_before": stamp_of(row.not_before),
        "not_after": stamp_of(row.not_after),
        "revoked_at": stamp_of(row.revoked_at),
        "servers": [server for server, _ in places],
        "addresses": dict(places),
        "pause": row.pause,
        "last_seen_at": None if last is None else stamp_of(last[0]),
        "last_seen_on": None if last is None else last[1],
        "last_seen_from": None if last is None else last[2],
        "bytes_received": sum(use[3] for use in uses),
        "bytes_sent": sum(use[4] for use in uses),
    }
