"""Measured times, and the table that shows them side by side."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

_HEAD = ("", "median", "min", "max", "rounds", "aim", "")


@dataclass
class Figures:
    """What was measured of one thing.

    Attributes:
        values: in `unit`, one for each round.
        beside: what to compare the median with.
        aim: what median would be good enough, if there is such a thing.
    """

    name: str
    unit: str = "ms"
    values: list[float] = field(default_factory=list)
    beside: Sequence["Figures"] = ()
    aim: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def add_seconds(self, seconds: float) -> None:
        self.values.append(seconds * 1000 if self.unit == "ms" else seconds)


def table(groups: Sequence[tuple[str, Sequence[Figures]]]) -> str:
    """Aligned text; what has no values is left out, and a comparison with it, too."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for title, figures in groups:
        measured = [one for one in figures if one.values]
        if measured:
            rows.append((title, *[""] * (len(_HEAD) - 1)))
            rows += [_row(one) for one in measured]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(_line(row, widths) for row in rows)


def _row(one: Figures) -> tuple[str, ...]:
    return (
        f"  {one.name}",
        f"{number_text(one.median)} {one.unit}",
        number_text(min(one.values)),
        number_text(max(one.values)),
        str(len(one.values)),
        one.aim,
        ", ".join(ratio_text(one, other) for other in one.beside if other.values),
    )


def ratio_text(one: Figures, other: Figures, *, name: bool = True) -> str:
    """One median as so many times, or such a part, of another."""
    share = one.median / other.median
    times = f"1/{1 / share:.1f}" if share < 1 else f"{share:.1f} times"
    return f"{times} of {other.name}" if name else times


def number_text(value: float) -> str:
    """To three figures, or to a whole number."""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers, last = row
    cells = [first.ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True)]
    return "  ".join((*cells, last)).rstrip()
