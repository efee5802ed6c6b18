"""The checks of each server, and their table; those of its files are in `server_files`."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from enum import Flag, auto

from bot.access.addresses import is_closed
from bot.access.canaries import current
from bot.access.names import NAME_LENGTH, clean
from bot.access.revocation import lets_in
from bot.errors import VpnbotError
from bot.fleet.elsewhere import address_of
from bot.fleet.live_servers import layout_of, live_server
from bot.fleet.on_hold import neighbours
from bot.fleet.presence import compare
from bot.fleet.remote import remote_of
from bot.health.look import Look, Routing, Surroundings, found_on, mended_there, said_of
from bot.health.results import Fine, Result, Trouble
from bot.health.routing import routing_of, unseen_from
from bot.health.server_files import look_at_addresses, look_at_home, look_at_place
from bot.health.state import NOTICE
from bot.texts import health as words
from bot.texts.canary import COMPLAINTS, OVERDUE, seen_from_outside
from bot.texts.fill import plain, straight, utc
from pki.errors import PkiError
from pki.found_crls import read_crls
from storage.records import CanaryLook, Server, Untried
from vpn.configuration.adopted import AdoptedServer
from vpn.errors import HostError, VpnError
from vpn.findings import Finding, FindingCode, ServerStatus, host_finding
from vpn.layout import CONF
from vpn.names import name_in_sessions

# The bot signs a new one every day and has seven days' grace: one was missed.
CRL_AGE = timedelta(days=2)
# Another CA's list, which easy-rsa signs for half a year, and openssl for a month.
_LIST_NOTICE = timedelta(days=14)
_NAMED = 3


class Kind(Flag):
    """Which servers a check is for."""

    OURS = auto()
    ADOPTED = auto()
    ANY = OURS | ADOPTED


async def look_at_server(server: Server, around: Surroundings) -> list[Result]:
    """Runs all checks of one server; gives the findings, or one line that it is well.

    Where its machine cannot be entered, that is one finding, not one of each check.
    """
    if server.ssh is None:
        return await _look(server, around)
    try:
        await live_server(server).host.caller()
    except HostError as error:
        told = found_on(server, host_finding(error))
        return [replace(told, mend=told.mend.replace(" NAME ", f" {server.name} "))]
    return [
        mended_there(server, result) if isinstance(result, Trouble) else result
        for result in await _look(server, around)
    ]


async def _look(server: Server, around: Surroundings) -> list[Result]:
    kind = Kind.OURS if server.adopted is None else Kind.ADOPTED
    if kind is Kind.OURS and server.crl_published_at is None:
        with suppress(HostError):
            if await live_server(server).host.stat(CONF) is None:
                return [said_of(server, words.NOT_DEPLOYED, directory=server.directory)]
    look = Look(server, await _status(server, around), around)
    troubles: list[Trouble] = []
    routing = Routing()
    with suppress(HostError):  # said by the look at the status
        routing = await routing_of(look)
    troubles += _of_its_own(look, routing.troubles)
    for whose, check in _CHECKS:
        if kind in whose:
            try:
                troubles += await check(look)
            except HostError as error:
                troubles.append(found_on(server, Finding(FindingCode.HOST_ERROR, str(error))))
    if troubles:
        return list(dict.fromkeys(troubles))
    end = look.status.certificate_end
    tried = await _tried(server, around)
    return [
        Fine(
            words.SERVER_FINE.format(
                server=server.name,
                number=look.status.crl_number,
                moment=utc(end) if end else "",
                sessions=look.status.sessions,
            )
        ),
        *([] if tried is None else [Fine(_from_outside(tried))]),
        *([] if routing.is_seen else [Fine(f"{unseen_from(server)}.")]),
    ]


def _of_its_own(look: Look, routing: Sequence[Trouble]) -> Iterator[Trouble]:
    """Without what its unit brings at each start, where it was not started: that is told once."""
    gone = {finding.code for finding in look.status.findings} & {FindingCode.MANAGEMENT_GONE}
    brought = {words.NOT_FORWARDING.wrong, words.NO_MASQUERADE.wrong}
    for found in routing:
        if not (gone and look.server.adopted is None and found.kind in brought):
            yield found


async def _tried(server: Server, around: Surroundings) -> CanaryLook | None:
    async with around.database.reading() as tx:
        look = await tx.canaries.look(server.name)
    return look and current(look, around.now, around.canary_s)


def _from_outside(tried: CanaryLook) -> str:
    template, said = seen_from_outside(tried)
    text = plain(template, said=straight(said), moment=utc(tried.at))
    return f"{words.SERVER.format(server=tried.server, text=text)}."


async def _status(server: Server, around: Surroundings) -> ServerStatus:
    others = None
    if around.issuers and lets_in(server):
        async with around.database.reading() as tx:
            others = await neighbours(tx, server)
    return await live_server(server).status(
        issuers=around.issuers,
        now=around.now,
        published=server.crl_number,
        digest=server.crl_digest,
        others=others,
    )


async def _look_at_status(look: Look) -> list[Trouble]:
    """What the server itself answers."""
    return [found_on(look.server, finding) for finding in look.status.findings]


async def _look_at_account(look: Look) -> list[Trouble]:
    """The management socket admits one account: it must be the one that runs the bot."""
    folder = look.around.folder
    address = address_of(look.server)
    owner = folder.account() if address is None else address.user
    if look.server.account == owner:
        return []
    values = {"wanted": look.server.account, "owner": owner, "folder": folder.path}
    return [said_of(look.server, words.OTHER_ACCOUNT, **values)]


async def _look_at_restored(look: Look) -> list[Trouble]:
    """Whether it waits to be looked through after a restore, see `bot.fleet.catching_up`."""
    if look.server.restored_at is None:
        return []
    return [said_of(look.server, words.NOT_LOOKED_THROUGH, moment=utc(look.server.restored_at))]


async def _look_at_crl(look: Look) -> list[Trouble]:
    number, signed_at = look.status.crl_number, look.status.crl_signed_at
    if number is None or signed_at is None:
        return []
    async with look.around.database.reading() as tx:
        known = await tx.crl.last_number()
    troubles: list[Trouble] = []
    if number > known:
        troubles.append(said_of(look.server, words.CRL_AHEAD, found=number, known=known))
    if look.around.now - signed_at > CRL_AGE:
        troubles.append(said_of(look.server, words.CRL_AGED, moment=utc(signed_at)))
    return troubles


async def _look_at_openness(look: Look) -> list[Trouble]:
    """Whether it lets in who has a profile for another server."""
    reasons = look.status.open_to_others
    if not reasons:
        return []
    said = {finding.code for finding in look.status.findings}
    if not look.status.reachable:
        said.add(FindingCode.MANAGEMENT_GONE)  # by whatever trouble that comes
    if all(finding.code in said for finding in reasons):
        return [said_of(look.server, words.OPEN_UNTIL_MENDED)]
    details = " ".join(finding.detail for finding in reasons)
    return [said_of(look.server, words.OPEN_TO_OTHER_PROFILES, reasons=details)]


async def _look_at_others_lists(look: Look) -> list[Trouble]:
    """Whether a list of another CA ends soon: OpenVPN then refuses all of that CA."""
    path, issuers = layout_of(look.server).crl, look.around.issuers
    if not issuers or path is None:
        return []
    async with look.around.database.reading() as tx:
        kept = await tx.crl.kept(look.server.name)
    return [
        said_of(
            look.server, words.OTHERS_LIST_ENDS, name=crl.issuer, path=f"/{path}", moment=utc(end)
        )
        for pem in kept
        for crl in read_crls(pem.encode(), *issuers)
        if (end := crl.next_update) is not None and end - look.around.now <= _LIST_NOTICE
    ]


async def _look_at_certificate(look: Look) -> list[Trouble]:
    end = look.status.certificate_end
    if end is None:
        return [said_of(look.server, words.CERTIFICATE_UNREADABLE)]
    if end - look.around.now <= NOTICE:
        return [said_of(look.server, words.CERTIFICATE_ENDS, moment=utc(end))]
    return []


async def _look_at_tls_key(look: Look) -> list[Trouble]:
    """Whether the tls key opens, without which no profile can be made for this server."""
    server, folder = look.server, look.around.folder
    has_key = server.adopted is None or AdoptedServer.from_json(server.adopted).profile.tls_key
    if not (look.around.has_passphrase and has_key):
        return []
    try:
        await look.around.keyring.tls_key(server.name)
    except (VpnbotError, PkiError) as error:
        reason = str(error).partition("; ")[0].rstrip(".") + "."
        values = {"reason": reason, "folder": folder.path, "owner": folder.account()}
        return [said_of(server, words.TLS_KEY, **values)]
    return []


async def _look_at_canary(look: Look) -> list[Trouble]:
    """Whether people's clients get in as they should: as it was tried last, by the bot."""
    tried = await _tried(look.server, look.around)
    if tried is None:
        return []
    if tried.untried is Untried.OVERDUE and look.around.canary_s:
        return [said_of(look.server, OVERDUE, moment=utc(tried.at))]
    if tried.untried is not None:
        return []
    values = {"moment": utc(tried.at), "remote": remote_of(look.server)}
    return [said_of(look.server, COMPLAINTS[trouble], **values) for trouble in tried.troubles]


async def _look_at_closed(look: Look) -> list[Trouble]:
    if not is_closed(look.server):
        return []
    reason = AdoptedServer.from_json(look.server.adopted or {}).closed
    return [said_of(look.server, words.CLOSED_TO_NEW, reason=reason)]


async def _look_at_sessions(look: Look) -> list[Trouble]:
    """Who is on and may not be; on an operator's own server whoever is in no books may be."""
    server = look.server
    try:
        on = await live_server(server).connected()
    except VpnError:
        return []  # said by the look at the status
    async with look.around.database.reading() as tx:
        compared = await compare(tx, server.name, on, name_in_sessions)
    wrong = sorted(compared.all if server.adopted is None else compared.ours)
    if not wrong:
        return []
    shown = [clean(name, NAME_LENGTH) for name in wrong[:_NAMED]]
    names = ", ".join([*shown, "…"] if len(wrong) > _NAMED else shown)
    return [said_of(server, words.ON_WITHOUT_ACCESS, count=len(wrong), names=names)]


# Every check of a server, in the order in which they are told. One may raise HostError where it
# cannot look.
_CHECKS: tuple[tuple[Kind, Callable[[Look], Awaitable[list[Trouble]]]], ...] = (
    (Kind.ANY, _look_at_status),
    (Kind.ANY, _look_at_account),
    (Kind.OURS, look_at_place),
    (Kind.ANY, _look_at_restored),
    (Kind.ANY, _look_at_crl),
    (Kind.ANY, _look_at_openness),
    (Kind.ADOPTED, _look_at_others_lists),
    (Kind.ANY, _look_at_certificate),
    (Kind.ANY, _look_at_tls_key),
    (Kind.ADOPTED, _look_at_closed),
    (Kind.ADOPTED, look_at_addresses),
    (Kind.OURS, look_at_home),
    (Kind.ANY, _look_at_sessions),
    (Kind.ANY, _look_at_canary),
)
