"""`vpnbot audit`: the trail."""

import csv
import json
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from bot.access.audit import head_text
from bot.cli.shared import say, show, stamp, with_office
from bot.errors import NotDone
from bot.office import Office
from storage.records import AuditEntry

app = typer.Typer(help="The audit trail.", no_args_is_help=True)

# A spreadsheet takes a cell that begins like this for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = ("seq", "at", "actor", "action", "subject", "detail", "previous", "digest")


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
            rows = [_row(entry) for entry in await tx.audit.newest(last)]
        if not as_json:
            rows = [row | {"detail": _short(row["detail"])} for row in rows]
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
            last = await tx.audit.last()
            found = None if noted is None else await tx.audit.digest_of(noted[0])
        if noted is not None and found != noted[1]:
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
            rows = [_row(entry) for entry in await tx.audit.all()]
        if format_ is Format.JSONL:
            for row in rows:
                say(json.dumps(row, ensure_ascii=False))
        else:
            _write_csv(rows)

    with_office(work)


def _parse_head(text: str) -> tuple[int, str]:
    seq, colon, digest = text.partition(":")
    if not colon or not (seq.isascii() and seq.isdigit()):
        raise NotDone("--head is no head of a trail; copy it from /audit: a number, a colon, hex.")
    return int(seq), digest.strip().lower()


def _write_csv(rows: list[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(_COLUMNS)
    for row in rows:
        flat = row | {"detail": json.dumps(row["detail"], ensure_ascii=False)}
        writer.writerow([_defused(str(flat[column])) for column in _COLUMNS])


def _defused(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _row(entry: AuditEntry) -> dict[str, Any]:
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


def _short(detail: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in detail.items() if key != "name")
