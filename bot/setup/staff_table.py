"""A table of the staff, as a spreadsheet or the personnel's software writes it: CSV."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.access.matching import as_user_id
from bot.access.names import NAME_LENGTH, clean
from storage.records import UserId

_ID, _NAME = "id", "name"
_DELIMITERS = ",;\t"
# What a spreadsheet takes for a formula, wherever the name is exported to.
_FORMULA = tuple("=+-@")
MOST_ROWS = 20_000


class BadTable(ValueError):
    """It cannot be used; `faults` are whole sentences, each about a line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults[0])
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Table:
    """Everybody in it, and the columns that mean nothing here."""

    people: Mapping[UserId, str]
    passed_over: tuple[str, ...]


def read_table(text: str) -> Table:
    """Reads a table with a header, which names the columns `id` and `name` in any order.

    Raises:
        BadTable: with all that is wrong. Half a table is none: who is missing would be gone.
    """
    text = text.lstrip("\ufeff")
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    # Strict: a quotation mark that nothing closes would swallow whoever comes after it.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [cell.strip().lower() for cell in next(rows, [])]
        missing = [name for name in (_ID, _NAME) if header.count(name) != 1]
        if missing:
            columns = " and ".join(missing)
            raise BadTable([f"Line 1 has to name the columns; once each, it needs: {columns}."])
        numbered = ((rows.line_num, row) for row in rows)
        people, faults = _people(numbered, header.index(_ID), header.index(_NAME))
    except csv.Error as error:
        raise BadTable([f"Line {rows.line_num} isn't a row of a table ({error})."]) from error
    if not people and not faults:
        faults = ["There is nobody in it."]
    if faults:
        raise BadTable(faults)
    others = [name for name in header if name not in (_ID, _NAME)]
    return Table(people, tuple(others))


def _people(
    rows: Iterator[tuple[int, list[str]]], id_at: int, name_at: int
) -> tuple[dict[UserId, str], list[str]]:
    """Whoever is in the rows, each with its line's number; and what is wrong."""
    people: dict[UserId, str] = {}
    faults: list[str] = []
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(people) == MOST_ROWS:
            return people, [*faults, f"There are more than {MOST_ROWS} people."]
        if len(row) <= max(id_at, name_at):
            faults.append(f"Line {line} has too few columns.")
            continue
        user_id, typed = as_user_id(row[id_at].strip()), row[name_at].strip()
        name = clean(typed, NAME_LENGTH)
        if user_id is None:
            faults.append(f"Line {line}: “{clean(row[id_at], NAME_LENGTH)}” isn't a Telegram id.")
        elif user_id in people:
            faults.append(f"Line {line}: the id {user_id} is there a second time.")
        elif "\n" in typed or "\r" in typed:
            faults.append(f"Line {line}: the name goes over several lines.")
        elif not name:
            faults.append(f"Line {line}: there is no name.")
        elif name.startswith(_FORMULA):
            faults.append(f"Line {line}: “{name}” begins as a formula does.")
        else:
            people[user_id] = name
    return people, faults
