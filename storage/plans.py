"""Statements that are asked again and again, with their text kept.

SQLAlchemy takes several times as long to find out that it knows a statement, what goes into it and
what comes out, as SQLite takes to answer it. A statement that comes a second time was built once
for all: all that is looked up once, and its text given to SQLite as it is. Others take SQLAlchemy's
usual way.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVarTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Executable, IteratorResult
from sqlalchemy.engine.result import ResultMetaData, SimpleResultMetaData
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import SelectBase

_Columns = TypeVarTuple("_Columns")
_Change = Callable[[Any], Any] | None
# The text depends on what is given: the names, how long each list is, and whether there are rows.
_Shape = tuple[tuple[str | int, ...], bool]
_NO_COLUMNS = SimpleResultMetaData(())
# A text for each length is kept up to this one; what has more takes its time anyway.
_LONGEST = 40
_LONGER = _LONGEST + 1


class Rows(IteratorResult[*_Columns]):
    """What a statement gave: its rows.

    Attributes:
        rowcount: how many rows it changed.
    """

    def __init__(self, columns: ResultMetaData, rows: Sequence[Any], rowcount: int) -> None:
        super().__init__(columns, iter(rows))
        self.rowcount = rowcount


class Plans:
    """Of every database of this process: what is known of a statement holds for each file."""

    def __init__(self) -> None:
        self._shapes: WeakKeyDictionary[Executable, dict[_Shape, _Plan | ResultMetaData | None]]
        self._shapes = WeakKeyDictionary()

    def carry_out(
        self,
        connection: Connection,
        sqlite: sqlite3.Connection,
        statement: Executable,
        parameters: Any,
    ) -> Rows[Any]:
        """Carries a statement out.

        Args:
            connection, sqlite: the same one, for SQLAlchemy and as it is.
            parameters: by their names; or a sequence of such, for as many rows.
        """
        shapes = self._shapes.get(statement)
        if shapes is None:
            shapes = self._shapes[statement] = {}
        shape = _shape(parameters)
        plan = shapes.get(shape)
        if isinstance(plan, ResultMetaData):  # it comes for the second time
            plan = shapes[shape] = _plan(connection, statement, parameters, plan)
        if plan is not None:
            return plan.carry_out(sqlite, parameters)
        result = connection.execute(statement, parameters)
        columns: ResultMetaData = _NO_COLUMNS
        rows: Sequence[Any] = ()
        if result.returns_rows:
            frozen = result.freeze()
            columns, rows = frozen.metadata, frozen.data
        if _LONGER not in shape[0]:
            shapes.setdefault(shape, columns)
        return Rows(columns, rows, result.rowcount)


class _Plan:
    """A statement as SQLite reads it.

    Args:
        values: what goes into each place: a name, a place in the list of that name if it is one,
            and what is done with it; without a name what is the same each time.
        changes: what is done with the values of the columns that need it, by their places.
    """

    def __init__(
        self,
        text: str,
        values: Sequence[tuple[str | None, int | None, Any]],
        columns: ResultMetaData,
        changes: Sequence[tuple[int, Callable[[Any], Any]]],
    ) -> None:
        self._text = text
        self._values = values
        self._columns = columns
        self._changes = changes

    def carry_out(self, sqlite: sqlite3.Connection, parameters: Any) -> Rows[Any]:
        if _is_many(parameters):
            cursor = sqlite.executemany(self._text, list(map(self._into, parameters)))
        else:
            cursor = sqlite.execute(self._text, self._into(parameters))
        rows: list[Any] = cursor.fetchall()
        if self._changes:
            rows = list(map(self._out, rows))
        return Rows(self._columns, rows, cursor.rowcount)

    def _into(self, parameters: Any) -> list[Any]:
        values = []
        for name, place, change in self._values:
            if name is None:
                values.append(change)
                continue
            value = parameters[name] if place is None else parameters[name][place]
            values.append(value if change is None else change(value))
        return values

    def _out(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for place, change in self._changes:
            values[place] = change(values[place])
        return tuple(values)


def _plan(
    connection: Connection, statement: Executable, parameters: Any, columns: ResultMetaData
) -> _Plan | None:
    """None where SQLAlchemy does more than to hand it over."""
    if not isinstance(statement, SelectBase | UpdateBase):
        return None
    is_many = _is_many(parameters)
    given: Mapping[str, Any] = parameters[0] if is_many else parameters or {}
    dialect = connection.dialect
    compiled = statement.compile(
        dialect=dialect, column_keys=list(given) or None, for_executemany=is_many
    )
    assert isinstance(compiled, SQLCompiler)
    has_returned = columns is not _NO_COLUMNS
    if compiled.insert_prefetch or compiled.update_prefetch or (is_many and has_returned):
        return None
    # Each value of a list has a place of its own.
    state = compiled.construct_expanded_state(given, escape_names=False)
    in_lists = {
        one: (name, place)
        for name, expanded in state.parameter_expansion.items()
        for place, one in enumerate(expanded)
    }
    values: list[tuple[str | None, int | None, Any]] = []
    for each in state.positiontup or ():
        name, place = in_lists.get(each, (each, None))
        change = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
        if name in given:
            values.append((name, place, change))
        else:
            value = state.parameters[each]
            values.append((None, None, value if change is None else change(value)))
    changes: list[_Change] = []
    if has_returned:
        changes = [
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in statement.exported_columns
        ]
    return _Plan(
        state.statement,
        values,
        columns,
        [(place, change) for place, change in enumerate(changes) if change is not None],
    )


def _shape(parameters: Any) -> _Shape:
    if not parameters:
        return (), False
    if _is_many(parameters):
        return tuple(parameters[0]), True
    shape: list[str | int] = []
    for name, value in parameters.items():
        shape.append(name)
        if isinstance(value, list | tuple):
            shape.append(min(len(value), _LONGER))
    return tuple(shape), False


def _is_many(parameters: Any) -> bool:
    return isinstance(parameters, list | tuple)
