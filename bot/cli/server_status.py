"""`vpnbot server status`."""

import asyncio
from collections.abc import Sequence
from typing import Any

import typer

from bot.access.canaries import current
from bot.access.endings import AUTHORITY_NOTICE
from bot.cli.printing import show
from bot.cli.server_list import NONE as NO_SERVER
from bot.cli.shared import AsJson, say, stamp, with_office
from bot.handover.sets import SetLook, line, look_at_sets, sentences
from bot.office import Office
from bot.texts import health as words
from bot.texts.canary import seen_from_outside
from bot.texts.fill import plain, straight, utc
from storage.records import CanaryLook, ServerName
from vpn.findings import ServerStatus

# The rest is said in sentences.
_COLUMNS = (
    "name",
    "reachable",
    "sessions",
    "restart_pending",
    "certificate_end",
    "crl_this_update",
)


def status(as_json: AsJson = False) -> None:
    """What each server answers now."""

    async def work(office: Office) -> bool:
        async with office.database.reading() as tx:
            servers = await tx.servers.all()
            seen = await tx.canaries.looks()
            sets = await look_at_sets(tx)
        now, period_s = office.clock(), office.settings.canary
        looks = {name: current(look, now, period_s) for name, look in seen.items()}
        states = await asyncio.gather(*(office.fleet.status(server) for server in servers))
        rows = [
            _status_object(state, looks.get(ServerName(state.server)), sets) for state in states
        ]
        if not as_json:
            rows = [row | {"sets": " ".join(row["sets"])} for row in rows]
        show(rows, (*_COLUMNS, *(("sets",) if sets else ())), as_json=as_json, none=NO_SERVER)
        if not as_json:
            for state in states:
                for finding in state.findings:
                    say(f"{state.server}: {finding.detail}")
                if state.open_to_others:
                    reasons = " ".join(finding.detail for finding in state.open_to_others)
                    text = words.OPEN_TO_OTHER_PROFILES.wrong.format(reasons=reasons)
                    say(f"{state.server}: {text}")
            for look in looks.values():
                template, said = seen_from_outside(look)
                say(f"{look.server}: {plain(template, said=straight(said), moment=utc(look.at))}.")
            answers = {ServerName(state.server): state for state in states}
            for each in sets:
                say(line(each, sentences(each, answers, looks)))
            ends = office.fleet.authority_end()
            if ends - now < AUTHORITY_NOTICE and len(office.keyring.numbers()) == 1:
                say(f"The CA ends at {utc(ends)}; have another take its place: vpnbot ca rotate")
        return all(state.reachable for state in states)

    if not with_office(work):
        raise typer.Exit(1)


def _status_object(
    state: ServerStatus, look: CanaryLook | None, sets: Sequence[SetLook]
) -> dict[str, Any]:
    return {
        "name": state.server,
        "reachable": state.reachable,
        "crl_number": state.crl_number,
        "crl_this_update": stamp(state.crl_signed_at),
        "sessions": state.sessions,
        "restart_pending": state.restart_pending,
        "open_to_others": bool(state.open_to_others),
        # Whether clients get in as they should; `null` where that was not tried.
        "well_from_outside": None if look is None or look.untried else not look.troubles,
        "tried_at": stamp(look.at if look else None),
        "untried": look and look.untried,
        "troubles_from_outside": None if look is None else ", ".join(look.troubles),
        "certificate_end": stamp(state.certificate_end),
        "clock_ahead_s": state.clock_ahead and round(state.clock_ahead.total_seconds()),
        # Those that it belongs to.
        "sets": [each.name for each in sets if state.server in each.servers],
    }
