"""Names: fit for a screen, and fit for a certificate, whatever somebody calls themselves."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.access.names import NAME_LENGTH, clean, common_name
from vpn.values import valid_common_name

# All of Unicode, lone surrogates included: a command line may hand them over.
ANY = st.text(st.characters(), max_size=100)
CODE = st.text("abcdefghijkmnpqrstuvwxyz23456789", min_size=8, max_size=8)
NEVER_SHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(name=ANY, code=CODE)
@example(name="", code="k7f3qz2m")
@example(name="-----", code="k7f3qz2m")
@example(name="\udcff", code="k7f3qz2m")
@example(name="../../etc/passwd\n", code="k7f3qz2m")
@example(name="北京" * 40, code="k7f3qz2m")
@example(name="🚀🚀", code="k7f3qz2m")
def test_every_name_gives_a_common_name_that_openvpn_takes(name: str, code: str) -> None:
    made = common_name(name, code)
    assert valid_common_name(made)
    assert made.endswith(f"-{code}")
    assert not made.startswith("-")
    assert "--" not in made


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Anna Petrova", "anna-petrova-k7f3qz2m"),
        ("Анна Петрова", "anna-petrova-k7f3qz2m"),
        ("Zoë O’Brien", "zoe-o-brien-k7f3qz2m"),
        ("  Müller, Jörg ", "muller-jorg-k7f3qz2m"),
        ("", "user-k7f3qz2m"),
        ("***", "user-k7f3qz2m"),
        ("x" * 60, "x" * 40 + "-k7f3qz2m"),
        ("a" * 39 + " b", "a" * 39 + "-k7f3qz2m"),
    ],
)
def test_a_name_can_be_recognised_in_a_log(name: str, made: str) -> None:
    assert common_name(name, "k7f3qz2m") == made


@given(text=ANY, length=st.integers(1, 80))
def test_a_clean_text_is_one_short_visible_line(text: str, length: int) -> None:
    found = clean(text, length)
    assert len(found) <= length
    assert not {unicodedata.category(char) for char in found} & NEVER_SHOWN
    assert found == found.strip()
    assert not re.search(r"\s\s|[^\S ]", found)
    found.encode()  # no lone surrogates, which no database takes


@given(text=ANY)
def test_a_clean_text_stays_as_it_is(text: str) -> None:
    once = clean(text, NAME_LENGTH)
    assert clean(once, NAME_LENGTH) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Anna", "Anna"),
        ("  Anna \t\n Petrova\r\n", "Anna Petrova"),
        ("Anna\u00a0Petrova", "Anna Petrova"),
        ("An\x07na\x00", "Anna"),
        ("Anna\u202eavortep\u2066", "Annaavortep"),  # would turn the reading direction around
        ("Anna\u200b\u200dPetrova", "AnnaPetrova"),
        ("line\u2028break", "line break"),
        ("Анна Петрова 🚀", "Анна Петрова 🚀"),
        ("\u200e\u200f", ""),
        ("<b>Anna</b> & Co", "<b>Anna</b> & Co"),  # escaped where it is shown
    ],
)
def test_what_cannot_be_seen_goes(text: str, shown: str) -> None:
    assert clean(text, NAME_LENGTH) == shown


def test_a_long_text_is_cut_and_says_so() -> None:
    assert clean("a" * 10, 10) == "a" * 10
    assert clean("a" * 11, 10) == "a" * 9 + "…"
    assert clean("aaaaaaaa bbbb", 10) == "aaaaaaaa…"
