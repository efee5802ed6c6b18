"""What may be used as a passphrase, and what may be chosen."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pki.authority_files import create_authority, load_authority
from pki.errors import WrongPassphrase
from pki.passphrase import SHORTEST_NEW, check_new_passphrase
from tests.pki.tools import CHEAP


@pytest.mark.parametrize("length", [1, SHORTEST_NEW - 1])
def test_a_new_one_must_not_be_short(length: int) -> None:
    with pytest.raises(WrongPassphrase, match="at least 12 characters") as caught:
        check_new_passphrase("é" * length)
    assert "é" not in str(caught.value)


@pytest.mark.parametrize("passphrase", ["", "twelve\0zeros and more", "\ud800 is no text at all"])
def test_a_new_one_must_be_usable(passphrase: str) -> None:
    with pytest.raises(WrongPassphrase):
        check_new_passphrase(passphrase)


def test_a_new_one_of_that_length_will_do() -> None:
    check_new_passphrase("é" * SHORTEST_NEW)


def test_what_was_sealed_with_a_short_one_opens(tmp_path: Path) -> None:
    made = create_authority(
        tmp_path / "ca",
        common_name="An old CA",
        passphrase="short",
        now=datetime.now(UTC),
        random_bytes=lambda count: b"\x07" * count,
        rounds=CHEAP,
    )
    assert load_authority(tmp_path / "ca", "short").certificate == made.certificate
