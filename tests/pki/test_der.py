import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.der import OCTETS, SEQUENCE, element, elements


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65_535, 65_536])
def test_every_form_of_length(size: int) -> None:
    content = bytes(size)
    assert list(elements(element(OCTETS, content))) == [(OCTETS, content)]


@given(st.lists(st.tuples(st.integers(1, 254), st.binary(max_size=300)), max_size=5))
def test_a_sequence_comes_apart_as_it_was_put_together(parts: list[tuple[int, bytes]]) -> None:
    whole = element(SEQUENCE, *(element(tag, content) for tag, content in parts))
    ((tag, content),) = elements(whole)
    assert tag == SEQUENCE
    assert list(elements(content)) == parts


@pytest.mark.parametrize(
    ("size", "header"), [(5, "0405"), (127, "047f"), (128, "048180"), (300, "0482012c")]
)
def test_lengths_as_x690_writes_them(size: int, header: str) -> None:
    assert element(OCTETS, bytes(size)) == bytes.fromhex(header) + bytes(size)
