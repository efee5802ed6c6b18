"""How a grant is stored, and read: its row, and one for each of its places beside it."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select

from storage import tables
from storage.name_keys import name_key
from storage.records import EndReason, Grant, GrantState, Pause, Place
from storage.repository import values_of

_grants = tables.grants
_places = tables.grant_places
_STORED = tuple(name for name in Grant.__slots__ if name != "places")
_COLUMNS = [_grants.c[name] for name in _STORED]
_PLACE, _ADDRESS = "place_server", "place_address"


def selected(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Grants with their places, by their beginning; for `grants_of`."""
    return (
        select(*_COLUMNS, _places.c.server.label(_PLACE), _places.c.address.label(_ADDRESS))
        .outerjoin(_places, _places.c.grant_id == _grants.c.id)
        .where(*conditions)
        .order_by(_grants.c.not_before, _grants.c.id, _places.c.position)
    )


def grants_of(rows: Iterable[Any]) -> list[Grant]:
    """The grants in the rows of `selected`."""
    return [_grant([*each]) for _, each in groupby(rows, key=lambda row: row.id)]


def _grant(rows: Sequence[Row[Any]]) -> Grant:
    """Of one grant: a row for each place, or one without."""
    values = values_of(rows[0])
    places = [(values.pop(_PLACE), values.pop(_ADDRESS))]
    places += [(row.place_server, row.place_address) for row in rows[1:]]
    values["places"] = tuple(Place(*place) for place in places if place[0] is not None)
    values["state"] = GrantState(values["state"])
    for name, kind in (("end_reason", EndReason), ("pause", Pause)):
        values[name] = None if values[name] is None else kind(values[name])
    return Grant(**values)


def stored(grant: Grant) -> dict[str, Any]:
    """The values of its row."""
    # `asdict` copies deeply, which takes seconds for a whole CA.
    values: dict[str, Any] = {name: getattr(grant, name) for name in _STORED}
    values["name_key"] = None if grant.imported_at is None else name_key(grant.common_name)
    return values
