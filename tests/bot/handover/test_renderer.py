"""What a template can say, and which of its lines a line comes from: by the real process."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bot.handover.rendering import Job, Rendered, render_all
from tests.bot.handover.kit import FIELDS, put
from vpn.configuration.directives import split_words

FILE = "words.j2"
BLOCKS = {"ca": "[ca]", "cert": "[cert]", "key": "[key]", "tls": "[tls]"}
DIRECTIVES = ("client", "dev tun", 'setenv FRIENDLY_NAME "berlin (anna-k3m9)"')


async def render(
    folder: Path,
    source: str | bytes,
    *,
    parts: Mapping[str, str | bytes] | None = None,
    inline: Mapping[str, str] = BLOCKS,
) -> Rendered:
    put(folder, FILE, source)
    for name, part in (parts or {}).items():
        put(folder, name, part)
    (found,) = await render_all(
        folder, [Job(FILE, FIELDS.as_json(directives=DIRECTIVES, inline=inline))]
    )
    return found


async def says(folder: Path, source: str | bytes, **parts: str) -> str:
    return (await render(folder, source, parts=parts)).text


# --- what it can say ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ name }}", "Anna Petrova"),
        ("{{ common_name }}", "anna-k3m9"),
        ("{{ server }}", "berlin"),
        ("{{ host }}:{{ port + 1 }}/{{ protocol }}", "vpn.example.com:1195/udp"),
        ("{{ friendly_name }}", "berlin (anna-k3m9)"),
        ("{{ file_name }}", "berlin-anna-k3m9.ovpn"),
        ("{{ not_before_text }}", "2026-03-02 09:31 UTC"),
        ("{{ until_text }}", "2026-03-09 09:31 UTC"),
        ("{{ until.strftime('%d.%m.%Y %H:%M:%S %z') }}", "09.03.2026 09:31:27 +0000"),
        ("{{ (until - not_before).days }} days", "7 days"),
    ],
)
async def test_each_field(tmp_path: Path, source: str, text: str) -> None:
    assert await says(tmp_path, source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ directives }}", "\n".join(DIRECTIVES)),
        ("{{ directives | length }} {{ directives[1] }}", "3 dev tun"),
        (
            "{% for line in directives if line != 'client' %}\n- {{ line }}\n{% endfor %}",
            f"- {DIRECTIVES[1]}\n- {DIRECTIVES[2]}\n",
        ),
        ("{{ inline }}", "[ca]\n[cert]\n[key]\n[tls]"),
        ("{{ inline.tls }}{{ inline['ca'] }}", "[tls][ca]"),
    ],
)
async def test_lines_and_blocks_as_a_whole_and_one_by_one(
    tmp_path: Path, source: str, text: str
) -> None:
    assert await says(tmp_path, source) == text


async def test_a_server_without_a_tls_key_leaves_no_empty_line(tmp_path: Path) -> None:
    source = "{{ inline }}|{% if inline.tls %}yes{% else %}no{% endif %}"
    found = await render(tmp_path, source, inline=BLOCKS | {"tls": ""})
    assert found.text == "[ca]\n[cert]\n[key]|no"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a < b & 'c'\n\n", "a < b & 'c'\n\n"),
        ("{{ '<b>&' }}", "<b>&"),
        ("  {% if true %}  \n  a\n  {% endif %}\nb", "  \n  a\nb"),
        ("a {# a remark\n over lines #}b", "a b"),
        ("\ufeffa\r\nb\r\n", "a\nb\n"),
        ("ключ 🔑 ⋮", "ключ 🔑 ⋮"),
        ("", ""),
    ],
)
async def test_text_is_taken_as_it_is(tmp_path: Path, source: str, text: str) -> None:
    assert await says(tmp_path, source) == text


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ("", '""'),
        ("#no-remark;", '"#no-remark;"'),
        ("say 'hi'", '''"say 'hi'"'''),
        ('say "hi"', r'"say \"hi\""'),
        ("C:\\keys", r'"C:\\keys"'),
    ],
)
async def test_a_word_is_written_as_openvpn_reads_it(
    tmp_path: Path, word: str, written: str
) -> None:
    put(tmp_path, FILE, "setenv X {{ name | quoted }}")
    (found,) = await render_all(tmp_path, [Job(FILE, replace(FIELDS, name=word).as_json())])
    assert found.text == f"setenv X {written}"
    assert split_words(found.text) == ["setenv", "X", word]


async def test_parts_for_several_templates(tmp_path: Path) -> None:
    parts = {
        "_hello": "Hello {{ name }}!\n",
        "_macros": "{% macro twice(word) %}{{ word }}{{ word }}{% endmacro %}",
        "_frame": "[{% block inside %}{% endblock %}]",
        "parts/deep": "{{ port }}",
    }
    source = "{% include '_hello' %}{% from '_macros' import twice %}{{ twice('ab') }}"
    assert await says(tmp_path, source, **parts) == "Hello Anna Petrova!\nabab"
    source = "{% extends '_frame' %}{% block inside %}{% include 'parts/deep' %}{% endblock %}"
    assert await says(tmp_path, source, **parts) == "[1194]"
    source = "a{% include '_none' ignore missing %}b"
    assert await says(tmp_path, source) == "ab"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% if port %}{% set word = 'fast' %}{{ word }}{% endif %}", "fast"),
        (
            "{% if false %}{% set a = 1 %}{% else %}{% set a = 2 %}{% endif %}{{ a }}",
            "2",
        ),
        ("{% if port %}{% set a, b = 1, 2 %}{{ a }}{{ b }}{% endif %}", "12"),
        ("{% if port %}{% set a %}x{% endset %}{{ a }}{% endif %}", "x"),
        ("{% if port %}{% macro m() %}x{% endmacro %}{{ m() }}{% endif %}", "x"),
        ("{% if port %}{% import '_m' as n %}{{ n.m() }}{% endif %}", "y"),
        ("{% if port %}{% from '_m' import m as k, n %}{{ k() }}{{ n() }}{% endif %}", "yz"),
        ("{% set a = 1 %}{% block b %}{{ a }}{% endblock %}", "1"),
    ],
)
async def test_what_a_template_sets_itself(tmp_path: Path, source: str, text: str) -> None:
    macros = "{% macro m() %}y{% endmacro %}{% macro n() %}z{% endmacro %}"
    assert await says(tmp_path, source, _m=macros) == text


async def test_a_number_is_quoted_like_a_word(tmp_path: Path) -> None:
    assert await says(tmp_path, "{{ port | quoted }} {{ until | quoted }}") == (
        '1194 "2026-03-09 09:31:27+00:00"'
    )


async def test_several_texts_come_in_their_order(tmp_path: Path) -> None:
    put(tmp_path, "a", "{{ name }}")
    put(tmp_path, "b", "{{ port }}")
    fields = FIELDS.as_json()
    found = await render_all(tmp_path, [Job(name, fields) for name in ("b", "a", "b")])
    assert [each.text for each in found] == ["1194", "Anna Petrova", "1194"]
    assert await render_all(tmp_path, []) == []


# --- which line a line comes from -----------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("a", [1]),
        ("a\n\nb\n", [1, 2, 3, 4]),
        ("{# one\ntwo #}\na\n{{ name }}\nb", [3, 4, 5]),
        ("a\n{{ directives }}\nb", [1, 2, 2, 2, 3]),
        ("a\n{{ name if true else\n name }}\nb", [1, 2, 4]),
        ("{% if true %}\na\n{% else %}\nb\n{% endif %}\nc", [2, 6]),
        ("a\n{% for i in [1, 2] %}\n{{ i }}\nb\n{% endfor %}\nc", [1, 3, 4, 3, 4, 6]),
        ("a\n{% include '_two' %}\nb", [1, 2, 2, 3]),
        ("a\n{% include '_two' %}\n\nb", [1, 2, 2, 3, 4]),
        ("{% macro m() %}\na\n{% endmacro %}\nb\n{{ m() }}\nc", [4, 2, 5, 6]),
        ("{% raw %}\n{{ a }}\n{% endraw %}\nb", [1, 2, 4]),
        ("{%- if true %}\n\na\n{%- endif %}\nb", [2, 3]),
        ("{% set a %}\none\ntwo\n{% endset %}\nb\n{{ a }}c", [5, 2, 3, 6]),
        ("a {#\n#} {{ directives }}", [1, 2, 2]),
        ("a\r\nb\r\nc", [1, 2, 3]),
    ],
)
async def test_each_line_knows_its_own(tmp_path: Path, source: str, lines: list[int]) -> None:
    found = await render(tmp_path, source, parts={"_two": "one\ntwo\n"})
    assert (found.lines, len(found.text.split("\n"))) == (tuple(lines), len(lines))
    assert [found.source_line(n) for n in range(1, len(lines) + 1)] == lines
    assert [found.source_line(n) for n in (None, 0, -1, len(lines) + 1)] == [None] * 4


@pytest.mark.parametrize(
    "source", ["{% set a %}b{% endset %}{{ a | length }}", "{% filter center(9) %}a{% endfilter %}"]
)
async def test_where_it_cannot_be_told_nothing_is(tmp_path: Path, source: str) -> None:
    """The text has to be right; its line is a help."""
    found = await render(tmp_path, source)
    assert (found.text.strip(), found.lines) in [("1", ()), ("a", ())]
    assert found.source_line(1) is None


@pytest.mark.parametrize(
    "source",
    [
        "{% set part %}_{{ protocol }}{% endset %}{% include part %}",
        "{% macro pick() %}udp{% endmacro %}{{ {'udp': 'fine'}[pick()] }}",
        "{% set n %}2{% endset %}{% if 4 // (n | int) == 2 %}fine{% endif %}",
        "{% set n %}1{% endset %}{% if n != '1' %}{{ 'x' * 10 ** 9 }}{% endif %}fine",
    ],
)
async def test_finding_the_line_never_refuses(tmp_path: Path, source: str) -> None:
    found = await render(tmp_path, source, parts={"_udp": "fine"})
    assert (found.text, found.lines) == ("fine", ())
