"""`vpnbot audit`: the trail."""

import csv
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from bot.access import who
from bot.access.audit import head_text
from bot.access.case import Case
from bot.access.durations import parse_duration
from bot.access.permission import telegram_key
from bot.access.refusals import Refused
from bot.cli.groups_help import CommandGroup
from bot.cli.printing import cell, show
from bot.cli.shared import AsJson, in_json, operator, say, stamp, with_office
from bot.errors import NotDone
from bot.office import Office
from bot.shown import one_line
from bot.texts import notices
from bot.texts.fill import plain
from storage.audit import AuditWanted
from storage.audit_records import AuditEntry, BrokenEntry
from storage.records import UserId

app = typer.Typer(help="The audit trail.", no_args_is_help=True, cls=CommandGroup)

# A spreadsheet takes a cell that begins like this for a formula (OWASP, CSV injection). Where
# lists are separated by semicolons, one of these begins a cell, too, whatever the quotes say.
_FORMULA = re.compile(r"(^|;)(?=\s*[=+@-]|[\t\r\n])")
_DURATIONS = frozenset({"duration", "max_duration", "standing"})
_COLUMNS = ("seq", "at", "actor", "action", "subject", "detail", "previous", "digest")
# A row's number, and SHA-256 in hex: what is mistyped must not look like a trail that was cut.
_HEAD = re.compile(r"([0-9]{1,18})\s*:\s*([0-9a-fA-F]{64})", re.ASCII)
_NUMBER = re.compile(r"user:([1-9][0-9]{0,15})", re.ASCII)
_UNREADABLE = "unreadable"


class Format(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


@app.command("show")
def show_(
    last: Annotated[int, typer.Option(metavar="N", min=1, help="How many rows.")] = 50,
    user: Annotated[
        str | None, typer.Option(metavar="WHO", help="Done by this person, or to them.")
    ] = None,
    server: Annotated[str | None, typer.Option(metavar="NAME", help="About this server.")] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="Of this kind: grant.end, or grant for all.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From then on: 7d, or 2026-03-02T14:00.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before that.")] = None,
    as_json: AsJson = False,
) -> None:
    """The newest rows."""

    async def work(office: Office) -> None:
        async with office.database.reading() as tx:
            case = office.case(tx, operator())
            actors, subjects = (None, []) if user is None else await _about(case, user)
            wanted = AuditWanted(
                actors=actors,
                subjects=subjects,
                server=server,
                kind=kind,
                since=_moment(since, case.now),
                until=_moment(until, case.now),
            )
            rows = [_object(entry) for entry in await tx.audit.newest(last, wanted)]
            if not as_json:
                await _name(case, rows)
        show(
            rows,
            ("seq", "at", "actor", "action", "subject", "detail"),
            as_json=as_json,
            none="No row of the trail is like that.",
        )

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
                f"Row {noted[0]} isn't the one that was noted: the trail was rewritten or cut."
            )
        if fault is not None:
            raise NotDone(f"Row {fault} of the audit trail doesn't fit the chain.")
        if last is None:
            say("The audit trail is empty.")
        else:
            head_now = head_text(last.seq, last.digest)
            say(plain(notices.AUDIT_FITS, count=last.seq, head=head_now))

    with_office(work)


@app.command("export")
def export(
    format_: Annotated[Format, typer.Option("--format", help="JSON Lines or CSV.")] = Format.JSONL,
) -> None:
    """The whole trail on standard output."""

    async def work(office: Office) -> None:
        async with office.database.reading() as tx:
            writer = csv.writer(sys.stdout, quoting=csv.QUOTE_ALL)
            if format_ is Format.CSV:
                writer.writerow(_COLUMNS)
            async for entry in tx.audit.each():
                row = _object(entry)
                if format_ is Format.CSV:
                    writer.writerow([_cell(row[column]) for column in _COLUMNS])
                else:
                    print(in_json(row))

    with_office(work)


async def _about(case: Case, user: str) -> tuple[list[str], list[str]]:
    """Who acted, and what it was about, in the trail's words: all of a person's accounts."""
    person = await who.one_person(case, user)
    accounts = await case.tx.people.accounts_of(person.id)
    subjects = [f"user:{account}" for account in accounts]
    for account in accounts:
        subjects += [f"grant:{grant.id}" for grant in await case.tx.grants.of_user(account)]
        subjects += [f"request:{one}" for one in await case.tx.requests.ids_of(account)]
    return [telegram_key(account) for account in accounts], subjects


async def _name(case: Case, rows: list[dict[str, Any]]) -> None:
    """Puts names beside ids, for whoever reads the table."""
    numbers = {int(found[1]) for row in rows if (found := _NUMBER.fullmatch(str(row["subject"])))}
    people = await case.tx.people.some(UserId(number) for number in numbers)
    for row in rows:
        detail = row["detail"] or {}
        if detail.get("name") and row["actor"] != f"system:{detail['name']}":
            row["actor"] = f"{row['actor']} ({detail['name']})"
        found = _NUMBER.fullmatch(str(row["subject"]))
        person = None if found is None else people.get(UserId(int(found[1])))
        if person is not None:
            row["subject"] = f"{row['subject']} ({person.name})"
        pairs = detail.items()
        row["detail"] = ", ".join(
            f"{key}={_said(key, value)}" for key, value in pairs if key != "name"
        )


def _said(key: str, value: Any) -> str:
    """As people read it elsewhere; the export has what was recorded.

    A forged row may have anything, and is shown as it is.
    """
    if isinstance(value, list):
        return " ".join(map(str, value)) or "–"
    try:
        return cell("duration" if key in _DURATIONS else key, value)
    except (AttributeError, Refused, TypeError, ValueError):
        return str(value)


def _moment(text: str | None, now: datetime) -> datetime | None:
    """So long ago, or a date with or without a time, in UTC where no zone is named.

    Raises:
        NotDone: it is neither.
    """
    if text is None:
        return None
    try:
        return now - timedelta(seconds=parse_duration(text))
    except Refused:
        pass
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotDone(
            f"“{text}” isn't a time: write 7d for a week ago, or 2026-03-02T14:00."
        ) from None


def _parse_head(text: str) -> tuple[int, str]:
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise NotDone(
            "--head isn't a head of the trail; copy all of it from /audit: a number, a colon, and "
            "64 digits and letters from a to f."
        )
    return int(found[1]), found[2].lower()


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
