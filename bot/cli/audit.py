"""`vpnbot audit`: the trail."""

import csv
import json
import re
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from bot.access.audit import head_text
from bot.cli.shared import in_json, say, show, stamp, with_office
from bot.errors import NotDone
from bot.office import Office
from bot.shown import one_line
from storage.audit_records import AuditEntry, BrokenEntry

app = typer.Typer(help="The audit trail.", no_args_is_help=True)

# A spreadsheet takes a cell that begins like this for a formula (OWASP, CSV injection). Where
# lists are separated by semicolons, one of these begins a cell, too, whatever the quotes say.
_FORMULA = re.compile(r"(^|;)(?=\s*[=+@-]|[\t\r\n])")
_COLUMNS = ("seq", "at", "actor", "action", "subject", "detail", "previous", "digest")
_UNREADABLE = "unreadable"


class Format(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


@app.command("show")
def show_(
    last: Annotated[int, typer.Option(metavar="N", min=1, help="How many rows.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="A list of objects.")] = False,
) -> None:
    """The newest rows."""

    async def work(office: Office) -> None:
        async with office.database.reading() as tx:
            rows = [_object(entry) for entry in await tx.audit.newest(last)]
        if not as_json:
            for row in rows:
                pairs = (row["detail"] or {}).items()
                row["detail"] = ", ".join(f"{key}={value}" for key, value in pairs if key != "name")
        show(rows, ("seq", "at", "actor", "action", "subject", "detail"), as_json=as_json)

    with_office(work)


@app.command("verify")
def verify(
    head: Annotated[
        str | None,
        typer.Option(metavar="N:DIGEST", help="A head that was noted earlier, by /audit."),
    ] = None,
) -> None:
    """Checks that no row was changed, removed or inserted since it was written."""
    noted = None if head is None else _parse_head(head)

    async def work(office: Office) -> None:
        async with office.database.reading() as tx:
            fault = await tx.audit.first_fault()
            last = None if fault else await tx.audit.last()
            now_there = None if noted is None else await tx.audit.digest_of(noted[0])
        if noted is not None and now_there != noted[1]:
            raise NotDone(
                f"Row {noted[0]} is not the one that was noted: the trail was rewritten or cut."
            )
        if fault is not None:
            raise NotDone(f"Row {fault} of the audit trail does not fit the chain.")
        if last is None:
            say("The audit trail is empty.")
        else:
            head_now = head_text(last.seq, last.digest)
            say(f"All {last.seq} rows fit the chain. Its head is {head_now}")

    with_office(work)


@app.command("export")
def export(
    format_: Annotated[Format, typer.Option("--format", help="JSON Lines or CSV.")] = Format.JSONL,
) -> None:
    """The whole trail on standard output."""

    async def work(office: Office) -> None:
        async with office.database.reading() as tx:
            rows = [_object(entry) for entry in await tx.audit.all()]
        if format_ is Format.JSONL:
            for row in rows:
                print(in_json(row))
        else:
            writer = csv.writer(sys.stdout, quoting=csv.QUOTE_ALL)
            writer.writerow(_COLUMNS)
            writer.writerows([_cell(row[column]) for column in _COLUMNS] for row in rows)

    with_office(work)


def _parse_head(text: str) -> tuple[int, str]:
    seq, colon, digest = text.partition(":")
    if not colon or not (seq.isascii() and seq.isdigit()):
        raise NotDone("--head is no head of a trail; copy it from /audit: a number, a colon, hex.")
    return int(seq), digest.strip().lower()


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    return "" if value is None else one_line(_FORMULA.sub(r"\1'", str(value)))


def _object(entry: AuditEntry | BrokenEntry) -> dict[str, Any]:
    if isinstance(entry, BrokenEntry):
        return dict.fromkeys(_COLUMNS) | {"seq": entry.seq, "action": _UNREADABLE}
    return {
        "seq": entry.seq,
        "at": stamp(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
        "previous": entry.previous,
        "digest": entry.digest,
    }
