"""What hypothesis draws."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


def one(data: st.DataObject, among: Sequence[T]) -> T:
    chosen: T = data.draw(st.sampled_from(among))
    return chosen


def is_so(data: st.DataObject) -> bool:
    chosen: bool = data.draw(st.booleans())
    return chosen
