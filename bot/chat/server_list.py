"""/servers: what each server answers, and how each set of them is as a whole."""

import asyncio
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from bot import limits
from bot.access.canaries import current
from bot.chat.views import View, more, some
from bot.core import Core
from bot.fleet.fleet import Fleet
from bot.handover.sets import SetLook, look_at_sets, sentences
from bot.texts import chat as words
from bot.texts import sets as set_words
from bot.texts.canary import seen_from_outside
from bot.texts.fill import Html, Template, blocks, fill, fitting, lines, moment
from storage.records import CanaryLook, Server, ServerName
from vpn.findings import ServerStatus


async def ask(core: Core, fleet: Fleet, canary_s: int) -> View:
    """Asks all servers at once.

    Args:
        canary_s: between two tries of a server from outside; 0 where they are switched off.
    """
    async with core.database.reading() as tx:
        servers = await tx.servers.all()
        seen = await tx.canaries.looks()
        sets = await look_at_sets(tx)
    now = core.clock()
    looks = {name: current(look, now, canary_s) for name, look in seen.items()}
    states = await asyncio.gather(*(fleet.status(server) for server in servers))
    return listing(servers, states, looks, sets)


def listing(
    servers: Sequence[Server],
    states: Sequence[ServerStatus],
    looks: Mapping[ServerName, CanaryLook],
    sets: Sequence[SetLook],
) -> View:
    """The sets, and what each server answered; first what is not well, or cannot be asked."""
    if not servers:
        return View(Html(words.SERVERS_NONE))
    answers = {server.name: state for server, state in zip(servers, states, strict=True)}
    faults = [(one, sentences(one, answers, looks)) for one in sets]
    found = [(not said, _set(one, said)) for one, said in faults] + [
        (state.reachable, _server(server, state, looks.get(server.name)))
        for server, state in zip(servers, states, strict=True)
    ]
    said = [block for _, block in sorted(found, key=itemgetter(0))]
    shown = fitting(said, limits.ROOM)
    return View(blocks(*said[:shown], more(len(said), "server status", shown=shown)))


def _set(one: SetLook, said: Sequence[tuple[Template, dict[str, Any]]]) -> Html:
    head = set_words.CHAT_UNWELL if said else set_words.CHAT_WELL
    faults = (fill(template, **values) for template, values in said)
    return lines(fill(head, name=one.name, servers=some(one.servers)), *faults)


def _server(server: Server, state: ServerStatus, look: CanaryLook | None) -> Html:
    head = fill(
        words.SERVER_UP if state.reachable else words.SERVER_DOWN,
        name=server.name,
        remote=f"{server.remote_host}:{server.remote_port}/{server.protocol}",
        count=state.sessions or 0,
    )
    crl = words.SERVER_NO_CRL
    if state.crl_number is not None and state.crl_signed_at and state.crl_next_update:
        crl = fill(
            words.SERVER_CRL,
            number=state.crl_number,
            signed=moment(state.crl_signed_at),
            until=moment(state.crl_next_update),
        )
    end = state.certificate_end
    return lines(
        head,
        crl,
        "" if end is None else fill(words.SERVER_CERTIFICATE, until=moment(end)),
        words.SERVER_RESTART if state.restart_pending else "",
        words.SERVER_OPEN if state.open_to_others else "",
        "" if look is None else _from_outside(look),
    )


def _from_outside(look: CanaryLook) -> Html:
    template, said = seen_from_outside(look)
    return fill(template, said=said, moment=moment(look.at))
