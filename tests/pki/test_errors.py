import inspect
import re

from pki import errors
from pki.errors import PkiError


def test_the_tree_is_drawn_whole() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    defined = {
        name
        for name, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, PkiError) and value is not PkiError
    }
    assert drawn == defined
