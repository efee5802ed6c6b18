"""The little of DER (X.690) that is needed to take one structure apart and put it together."""

from collections.abc import Iterator

SEQUENCE, INTEGER, OCTETS, BIT_STRING = 0x30, 0x02, 0x04, 0x03
_LONG_FORM = 0x80  # 8.1.3.5: from here on, the first byte gives the number of length bytes


def elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element. For trusted input with one-byte tags: nothing is checked."""
    while der:
        start, length = 2, der[1]
        if length >= _LONG_FORM:
            start += length - _LONG_FORM
            length = int.from_bytes(der[2:start], "big")
        yield der[0], der[start : start + length]
        der = der[start + length :]


def element(tag: int, *parts: bytes) -> bytes:
    """One element that contains the parts."""
    content = b"".join(parts)
    size = len(content)
    if size < _LONG_FORM:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG_FORM + len(length)]) + length + content
