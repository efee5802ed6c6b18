import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpn.configuration.directives import Directive, parse_directives, split_words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  # a remark", []),
        ("; another", []),
        ("port 1194 # remark", ["port", "1194"]),
        ("port 1194#no-remark", ["port", "1194#no-remark"]),
        ('push "route 10.0.0.0 255.0.0.0"', ["push", "route 10.0.0.0 255.0.0.0"]),
        ("setenv NAME 'it \\ is'", ["setenv", "NAME", "it \\ is"]),
        (r"cd /srv/a\ b", ["cd", "/srv/a b"]),
        (r'setenv NAME "say \"hi\""', ["setenv", "NAME", 'say "hi"']),
        ('setenv NAME ""', ["setenv", "NAME", ""]),
        ('setenv NAME "open', ["setenv", "NAME", "open"]),
        ("port\t1194\r", ["port", "1194"]),
        ("word\u00a0stays", ["word\u00a0stays"]),
    ],
)
def test_a_line_is_split_like_openvpn_does(line: str, words: list[str]) -> None:
    assert split_words(line) == words


@given(st.lists(st.text(st.characters(exclude_characters="\n"), min_size=1), min_size=1))
def test_quoted_words_come_back(words: list[str]) -> None:
    quoted = ['"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words]
    assert split_words(" ".join(quoted)) == words


def test_blocks_hide_what_is_in_them() -> None:
    text = "--port 1\n<ca>\nccd-exclusive\n</ca>\nverb 3\n<key>\nunclosed"
    assert parse_directives(text) == [
        Directive("port", ("1",), 1),
        Directive("ca", (), 2, "ccd-exclusive\n"),
        Directive("verb", ("3",), 5),
        Directive("key", (), 6, "unclosed\n"),
    ]


def test_an_empty_block_is_an_empty_text() -> None:
    assert parse_directives("<ca>\n</ca>") == [Directive("ca", (), 1, "")]


@pytest.mark.parametrize("separator", ["\x0c", "\x1c", "\u2028", "\x85"])
def test_only_a_newline_ends_a_remark(separator: str) -> None:
    """Else a lock could be seen in a file where OpenVPN sees a remark."""
    assert parse_directives(f"# remark{separator}ccd-exclusive") == []
