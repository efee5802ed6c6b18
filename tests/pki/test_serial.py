import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.serial import SERIAL_BITS, SerialNumber, new_serial, parse_serial, serial_hex

serials = st.integers(1, 2**SERIAL_BITS - 1).map(SerialNumber)


@given(st.binary(min_size=20, max_size=20))
def test_every_new_serial_is_positive_and_has_40_digits(drawn: bytes) -> None:
    serial = new_serial(lambda count: drawn[:count])
    assert serial.bit_length() == SERIAL_BITS
    assert len(serial_hex(serial)) == 40
    # DER puts a zero octet before a number whose top bit is set: 21 octets would be too many.
    assert len(serial.to_bytes(20, "big", signed=True)) == 20


@given(st.binary(min_size=20, max_size=20))
def test_all_lower_bits_come_from_the_random_source(drawn: bytes) -> None:
    mask = 2 ** (SERIAL_BITS - 1) - 1
    assert new_serial(lambda _: drawn) & mask == int.from_bytes(drawn, "big") & mask


def test_serials_differ() -> None:
    assert len({new_serial(secrets.token_bytes) for _ in range(1000)}) == 1000


@given(serials)
def test_what_is_shown_can_be_read(serial: SerialNumber) -> None:
    assert parse_serial(serial_hex(serial)) == serial


@given(serials)
def test_what_openssl_shows_can_be_read(serial: SerialNumber) -> None:
    octets = serial.to_bytes(20, "big")
    assert parse_serial(octets.hex(":").upper()) == serial
    assert parse_serial(f" {octets.hex().upper()}\n") == serial


def test_hex_is_lower_case_without_leading_zeros() -> None:
    assert serial_hex(SerialNumber(0x0ABC)) == "abc"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0",
        "00:00",
        "-1",
        "0x1f",
        "g1",
        "1:2",
        "ff:",
        ":ff",
        "ff::ff",
        "a b",
        "１",
        "8" * 40,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^A serial number .*; check it\.$"):
        parse_serial(text)
