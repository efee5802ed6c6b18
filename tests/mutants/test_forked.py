"""What is tried in a fork: the function that holds the change, with its code after it."""

from pathlib import Path
from types import FunctionType

import pytest

from pki.serial import parse_serial
from tests.mutants.forked import _code_of, _function
from tests.mutants.points import Point, points

_ROOT = Path(__file__).parents[2]


def _point(path: str, words: str) -> Point:
    return next(point for point in points(_ROOT, path) if words in str(point))


@pytest.mark.parametrize(
    ("path", "within"),
    [
        ("pki/serial.py", "parse_serial"),
        ("storage/database.py", "Database.writing"),
        ("storage/records.py", "Grant.owner"),
        ("storage/database.py", "_Opening.__init__"),
    ],
    ids=["a function", "what makes a context", "a property", "of a class"],
)
def test_the_function_that_holds_a_change(path: str, within: str) -> None:
    found = _function(_point(path, f" {within}: "))

    assert found is not None
    assert (found.__module__, found.__qualname__) == (
        path.removesuffix(".py").replace("/", "."),
        within,
    )


def test_what_an_import_does_is_in_no_function() -> None:
    assert _function(_point("storage/servers.py", " : turned: ")) is None


def test_it_does_what_the_change_makes_it_do() -> None:
    turned = _point("pki/serial.py", "never taken: not 0 < number")
    function = _function(turned)
    assert function is not None

    code = _code_of(turned.applied((_ROOT / turned.path).read_text()), function)

    assert code is not None
    assert FunctionType(code, parse_serial.__globals__)("0") == 0
    with pytest.raises(ValueError, match="is positive"):
        parse_serial("0")
