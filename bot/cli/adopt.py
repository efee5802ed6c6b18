"""`vpnbot server adopt`: takes in a server that already runs, as it is."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from bot.cli.bots_unit import RELOAD, write_access
from bot.cli.shared import operator, say, with_office
from bot.cli.ssh import HostKey, Sudo, confirm, way_in
from bot.office import Office
from bot.setup.adoption import (
    AdoptionResult,
    ServerToAdopt,
    UnknownClients,
    account_there,
    adopt_server,
    some_names,
)
from bot.texts import adoption as words
from bot.texts.fill import plain, utc
from vpn.adopt.advice import Weight
from vpn.adopt.outlook import Outlook
from vpn.values import parse_remote


def adopt(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the server.")],
    config: Annotated[Path, typer.Option(metavar="PATH", help="Its configuration.")],
    remote: Annotated[str, typer.Option(metavar="HOST:PORT/PROTO", help="What clients dial.")],
    account: Annotated[
        str | None, typer.Option(metavar="USER", help="The account that runs the bot.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Adds what is missing for cuts that can be proved.")
    ] = False,
    renew_certificate: Annotated[
        bool,
        typer.Option("--renew-certificate", help="Gives the server a new certificate and key."),
    ] = False,
    strangers: Annotated[
        UnknownClients | None,
        typer.Option(help="With --apply: what becomes of connected clients that nobody knows."),
    ] = None,
    ssh: Annotated[
        str | None,
        typer.Option(
            metavar="USER@HOST[:PORT]", help="It is on another machine: root there; see --sudo."
        ),
    ] = None,
    host_key: HostKey = None,
    ssh_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your private key for it; else yours, and your agent's."),
    ] = None,
    sudo: Sudo = False,
) -> None:
    """Takes in a server that runs with its own configuration, as root; again, looks anew."""
    login = way_in(ssh, host_key, ssh_key, sudo=sudo)
    dialled = parse_remote(remote)

    async def work(office: Office) -> None:
        wanted = ServerToAdopt(
            name,
            PurePosixPath(config.absolute()),
            dialled,
            account or await account_there(office, name, login),
            login,
        )
        foreseen: list[str] = []

        def tell(look: Outlook) -> None:
            for line in _outlook(look, applies=apply):
                if apply:
                    say(line)  # before anything is changed
                else:
                    foreseen.append(line)

        done = await adopt_server(
            office,
            operator(),
            wanted,
            apply_changes=apply,
            tell=tell,
            unknown=strangers,
            renew=renew_certificate,
            confirm=confirm,
        )
        for line in (*_result(done), *foreseen):
            say(line)

    with_office(work)


def _outlook(look: Outlook, *, applies: bool) -> Iterator[str]:
    if look.changes:
        yield words.WILL_BE if applies else words.WOULD_BE
        connected = look.connected
        if connected is None:
            yield f"  {words.CONNECTED_UNKNOWN}"
            yield f"  {words.LOCK_UNKNOWN if look.adds_lock else words.NO_LOCK_UNKNOWN}"
        elif connected.status_file is None:
            yield f"  {plain(words.CONNECTED, count=len(connected.names))}"
        else:
            said = plain(
                words.CONNECTED_THEN,
                count=len(connected.names),
                path=connected.status_file,
                moment=utc(connected.at) if connected.at else "–",
            )
            yield f"  {said}"
        for text, names in (
            (words.STAY, look.stay),
            (words.REFUSED, look.revoked),
            (words.STRANGERS, look.strangers),
        ):
            if names:
                yield plain(f"  {text}", names=some_names(names))
    yield words.NEW_PROFILE if look.new_profile else words.NEW_PROFILE_WORKS
    for hurdle in sorted(look.new_profile, key=lambda each: not each.refuses):
        yield f"  {words.DOES_NOT_WORK if hurdle.refuses else words.NOT_KNOWN} {hurdle.detail}"


def _result(done: AdoptionResult) -> Iterator[str]:
    """What was taken in, what changed by that, and what is left to do."""
    name, facts = done.server.name, done.examined.adoption.server
    yield plain(words.ADOPTED, server=name, config=done.server.directory)
    if facts.closed is not None:
        yield plain(words.CLOSED, reason=facts.closed)
    else:
        yield words.FIXED_ADDRESSES if facts.addresses.has_fixed else words.POOL_ADDRESSES
    yield from _refused_until_now(done)
    if done.crl_number is None:
        yield plain(words.CRL_NOT_IN_PLACE, reason=done.crl_problem)
    else:
        yield plain(words.CRL_IN_PLACE, number=done.crl_number, path=f"/{done.examined.layout.crl}")
    yield from (plain(words.CUT, name=name) for name in done.cut)
    if done.open_to_others:
        reasons = " ".join(finding.detail for finding in done.open_to_others)
        yield plain(words.OPEN_TO_OTHERS, server=name, reasons=reasons)
    yield from _changes(done)
    yield from _advice(done)
    yield from _write_access(done)


def _refused_until_now(done: AdoptionResult) -> Iterator[str]:
    in_force = done.in_force
    if in_force is None:
        return
    place = in_force.place
    for grant in done.taken_over.ended:
        name, serial = grant.common_name, grant.serial
        yield plain(words.REFUSED_THERE, place=place, name=name, serial=serial)
    for serial in done.taken_over.unknown:
        yield plain(words.REFUSED_UNKNOWN, place=place, serial=serial)
    for other in in_force.others:
        until = utc(other.next_update) if other.next_update else "–"
        yield plain(words.OTHER_LIST, place=place, name=other.issuer, until=until)
    for name in in_force.no_serials:
        yield plain(words.NO_SERIAL, place=place, name=name)


def _changes(done: AdoptionResult) -> Iterator[str]:
    """The files that were written, where the earlier ones are, and what has to be restarted."""
    applied, renewed = done.applied, done.renewed
    if applied is not None:
        if applied.changed:
            yield from (plain(words.WROTE, path=path) for path in applied.changed)
            yield plain(words.COPY, path=applied.copy)
        else:
            yield words.NOTHING_CHANGED
    if renewed is not None:
        yield from (plain(words.WROTE, path=path) for path in renewed.changed)
        yield plain(words.RENEWED, until=utc(renewed.certificate_end))
        yield from (plain(words.OLD_IDENTITY, path=path) for path in renewed.copies)
    parts = (applied, renewed)
    commands = dict.fromkeys(command for part in parts if part for command in part.commands)
    if commands:
        yield words.RESTART
        yield from (f"  {command}" for command in commands)


def _advice(done: AdoptionResult) -> Iterator[str]:
    """What the configuration lacks, the gravest first."""
    advice = done.examined.advice
    if not advice:
        yield words.NOTHING_MISSING
    for weight in Weight:
        of_this_weight = [one for one in advice if one.weight is weight]
        if of_this_weight:
            yield words.WEIGHTS[weight]
        for one in of_this_weight:
            yield f"  - {one.directive}: {one.detail}"
            yield from (f"      {line}" for line in one.lines)
            yield from (f"      $ {command}" for command in one.commands)
    if done.applied is None and any(one.applied for one in advice):
        yield words.APPLY


def _write_access(done: AdoptionResult) -> Iterator[str]:
    """Under systemd the bot may write where its unit says, and nowhere else."""
    if done.server.ssh is not None:
        return
    folders = (PurePosixPath("/", folder) for folder in done.examined.writable_folders)
    lines = write_access(done.server.name, folders)
    if lines:
        yield words.UNIT
        yield from (f"  {line}" for line in (*lines, RELOAD))
