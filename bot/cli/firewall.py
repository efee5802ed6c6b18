"""`vpnbot server firewall`: who has which address now, for firewalls to name in their rules."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from bot.cli.shared import in_json, say, with_office
from bot.errors import NotDone
from bot.fleet.members import address_sets
from bot.office import Office
from bot.setup.servers import known_server
from vpn.configuration.address_sets import AddressSet, SetKind, as_ipset, as_nft, as_pf
from vpn.configuration.forwarding import table_name

_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)


class Format(StrEnum):
    """For whom it is written."""

    NFT = "nft"
    JSON = "json"
    IPSET = "ipset"
    PF = "pf"


def firewall(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The server's name.")],
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="nft --file, a list of objects, ipset restore -exist, or tables for pf.conf.",
        ),
    ] = Format.NFT,
    table: Annotated[
        str | None,
        typer.Option(metavar="TABLE", help="nft: the table of family inet that your rules are in."),
    ] = None,
) -> None:
    """Who has which address there now: a set for each group and each person."""
    if table is not None and (form is not Format.NFT or not _TABLE.fullmatch(table)):
        raise NotDone(f"--table {table!r} goes with --format nft, and is a name such as filter.")

    async def work(office: Office) -> None:
        server = await known_server(office, name)
        async with office.database.reading() as tx:
            sets = await address_sets(tx, server.name)
        match form:
            case Format.JSON:
                print(in_json(_objects(sets), indent=2))
            case Format.NFT:
                _say_each(as_nft(table or table_name(server.name), sets))
            case Format.IPSET:
                _say_each(as_ipset(server.name, sets))
            case Format.PF:
                _say_each(as_pf(server.name, sets))

    with_office(work)


def _say_each(text: str) -> None:
    for line in text.splitlines():
        say(line)


def _objects(sets: Sequence[AddressSet]) -> list[dict[str, Any]]:
    return [
        {
            "set": each.named(4),
            "kind": each.kind,
            "group": each.key if each.kind is SetKind.GROUP else None,
            "user_id": int(each.key) if each.kind is SetKind.USER else None,
            "user_name": each.title if each.kind is SetKind.USER else None,
            "addresses": [str(address) for version in (4, 6) for address in each.of(version)],
        }
        for each in sets
    ]
