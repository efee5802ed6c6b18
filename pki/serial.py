"""Serial numbers of certificates."""

import re
from collections.abc import Callable
from typing import NewType

SerialNumber = NewType("SerialNumber", int)
# Given a count, that many bytes that nobody can foresee: secrets.token_bytes, outside of tests.
RandomBytes = Callable[[int], bytes]

# RFC 5280, 4.1.2.2: positive, and at most 20 octets. The top bit of 20 octets would be the sign.
SERIAL_BITS = 159
_LAST_SERIAL = (1 << SERIAL_BITS) - 1
_HEX = re.compile(r"[0-9a-f]+|[0-9a-f]{2}(:[0-9a-f]{2})+")


def new_serial(random_bytes: RandomBytes) -> SerialNumber:
    """A fresh serial with 158 random bits.

    The highest bit is always set, so every serial of ours has 40 hex digits and looks alike in
    every tool, whether or not that tool drops leading zeros.
    """
    number = int.from_bytes(random_bytes(20), "big") & _LAST_SERIAL
    return SerialNumber(number | 1 << (SERIAL_BITS - 1))


def serial_hex(serial: SerialNumber) -> str:
    """Lower-case hex without leading zeros: the one form in which serials are stored and shown."""
    return f"{serial:x}"


def parse_serial(text: str) -> SerialNumber:
    """Reads a serial as people copy it from tools: any case, with or without colons.

    Raises:
        ValueError: not a positive hex number of at most 159 bits.
    """
    lowered = text.strip().lower()
    if not _HEX.fullmatch(lowered):
        raise ValueError("A serial number is written in hex digits, such as 5f3a…; check it.")
    number = int(lowered.replace(":", ""), 16)
    if not 0 < number <= _LAST_SERIAL:
        raise ValueError("A serial number is positive and has at most 40 hex digits; check it.")
    return SerialNumber(number)
