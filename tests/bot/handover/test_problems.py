"""What is said where a template cannot be rendered: by the real process."""

from pathlib import Path

import pytest

from bot.handover.rendering import Job, render_all
from tests.bot.handover.kit import FIELDS, put, refused

FILE = "words.j2"
UNKNOWN = "there is no field 'nam'"
NO_FILE = "there is no file '_none' in the folder"


async def says(folder: Path, source: str | bytes, **parts: str | bytes) -> str:
    put(folder, FILE, source)
    for name, part in parts.items():
        put(folder, name, part)
    fields = FIELDS.as_json(directives=("client",), inline={"ca": "[ca]"})
    (found,) = await render_all(folder, [Job(FILE, fields)])
    return found.text


@pytest.mark.parametrize(
    ("source", "line", "problem"),
    [
        ("a\n{{ nam }}", 2, UNKNOWN),
        ("a\n{% if false %}\n{{ nam }}\n{% endif %}", 3, UNKNOWN),
        ("{{ name }}\n{% if nam is defined %}{% endif %}", 2, UNKNOWN),
        ("{% set a = 1 %}\n{% for x in nam %}\n{% endfor %}", 2, UNKNOWN),
        ("a\n{{ inline.tsl }}", 2, "there is no field 'inline.tsl'"),
        ("a\n{{ inline['tsl'] }}", 2, "there is no field 'inline.tsl'"),
        ("{% for nam in 'a' %}{{ nam }}{% endfor %}\n\n{{ nam }}", 3, UNKNOWN),
        (
            "{% macro m(nam) %}{{ nam }}{% endmacro %}\n{% if false %}{{ nam }}{% endif %}",
            2,
            UNKNOWN,
        ),
        ("a\n{{ 1 if true else nam }}", 2, UNKNOWN),
        ("a\n" + "{{ nam }}\n" * 300, 2, UNKNOWN),
        ("{% if false %}{% set ns.x = 1 %}\n{{ nam }}{% endif %}", 2, UNKNOWN),
        ("a\n{% if false %}{% set nam = 1 %}{% endif %}\n{{ nam }}", 3, "'nam' is undefined"),
        ("a\n{{ name | nope }}", 2, "No filter named 'nope'"),
        ("a\n{% if name is nope %}{% endif %}", 2, "No test named 'nope' found"),
        ("a\n{{ {'a': 1}.b }}", 2, "'dict object' has no attribute 'b'"),
        ("a\n{% if %}", 2, "Expected an expression, got 'end of statement block'"),
        ("a\n{% nope %}", 2, "Encountered unknown tag 'nope'"),
        (
            "a\n\n{{ name",
            3,
            "unexpected end of template, expected 'end of print statement'",
        ),
        ("a\n{% include '_none' %}", 2, NO_FILE),
        ("a\n{% extends '_none' %}", 2, NO_FILE),
        ("a\n{% import '_none' as x %}", 2, NO_FILE),
        ("a\n{{ 1 / 0 }}", 2, "ZeroDivisionError: division by zero"),
        (
            "a\n{{ until.strftime(\n9) }}",
            2,
            "TypeError: strftime() argument 1 must be str, not int",
        ),
        ("a\n{{ caller() }}", 2, "there is no field 'caller'"),
    ],
)
async def test_a_problem_is_said_with_its_line(
    tmp_path: Path, source: str, line: int, problem: str
) -> None:
    with refused(tmp_path, FILE, problem, line=line):
        await says(tmp_path, source)


@pytest.mark.parametrize("name", ["directives", "inline"])
async def test_a_profiles_own_fields_are_in_no_other_text(tmp_path: Path, name: str) -> None:
    put(tmp_path, FILE, f"\n{{{{ {name} }}}}")
    with refused(tmp_path, FILE, f"there is no field '{name}'", line=2):
        await render_all(tmp_path, [Job(FILE, FIELDS.as_json())])


@pytest.mark.parametrize(
    ("part", "line", "problem"),
    [
        ("a\n\n{{ nam }}", 3, "'nam' is undefined"),
        ("a\n{% if %}", 2, "Expected an expression, got 'end of statement block'"),
        ("a\n{{ 1 / 0 }}", 2, "ZeroDivisionError: division by zero"),
        ("a\n{% include '_none' %}", 2, NO_FILE),
        (b"a\n\xff", None, "it isn't UTF-8 text"),
        ("a" * 65_537, None, "it has more than 65536 bytes"),
    ],
)
@pytest.mark.parametrize("way", ["{% include '_part' %}", "{% import '_part' as part %}"])
async def test_a_problem_of_a_part_is_the_parts(
    tmp_path: Path, way: str, part: str | bytes, line: int | None, problem: str
) -> None:
    with refused(tmp_path, "_part", problem, line=line):
        await says(tmp_path, f"a\n\n\n{way}", _part=part)


async def test_the_first_problem_of_several_texts(tmp_path: Path) -> None:
    for name, source in {"a": "fine", "b": "{{ one }}", "c": "{{ two }}"}.items():
        put(tmp_path, name, source)
    with refused(tmp_path, "b", "there is no field 'one'", line=1):
        await render_all(tmp_path, [Job(name, FIELDS.as_json()) for name in "abc"])


async def test_a_long_problem_is_cut_and_of_one_line(tmp_path: Path) -> None:
    """What a terminal shows of it stays readable."""
    start = "LookupError: unknown encoding: a b "
    with refused(tmp_path, FILE, f"{start}{'x' * (200 - len(start))}", line=1):
        await says(tmp_path, r"{{ name.encode('a\n\n b ' ~ 'x' * 300) }}")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (b"a\n\xff", "it isn't UTF-8 text"),
        (b"\xff\xfea\0", "it isn't UTF-8 text"),
        (b"a" * 65_537, "it has more than 65536 bytes"),
        # The limit is within a character.
        ("a" + "é" * 32_768, "it has more than 65536 bytes"),
    ],
)
async def test_a_file_that_is_no_template(tmp_path: Path, source: bytes, problem: str) -> None:
    with refused(tmp_path, FILE, problem):
        await says(tmp_path, source)


async def test_a_template_that_is_not_there_any_more(tmp_path: Path) -> None:
    with refused(tmp_path, FILE, f"there is no file '{FILE}' in the folder"):
        await render_all(tmp_path, [Job(FILE, FIELDS.as_json())])


@pytest.mark.parametrize("escape", ["ud800", "udfff", "0", "x00"])
async def test_a_character_that_no_text_can_have(tmp_path: Path, escape: str) -> None:
    """No file could hold the one, and OpenVPN would read on behind the other."""
    with refused(tmp_path, FILE, "it gives a character that no text can have"):
        await says(tmp_path, f'a {{{{ "\\{escape}" }}}}')


@pytest.mark.parametrize(
    ("name", "shown"), [("a\n\tb", "a b"), ("\\ud800", "\\ud800"), ("\\u202e", "\\u202e")]
)
async def test_a_name_in_a_problem_is_one_that_can_be_shown(
    tmp_path: Path, name: str, shown: str
) -> None:
    with refused(tmp_path, FILE, f"there is no file '{shown}' in the folder", line=1):
        await says(tmp_path, f"{{% include '{name}' %}}")


@pytest.mark.parametrize(
    ("source", "start"),
    [
        ("{{% include '{0}' %}}", "there is no file '"),
        ("{{% {0} %}}", "Encountered unknown tag '"),
        ("{{{{ {0} }}}}", "there is no field '"),
    ],
)
async def test_a_long_name_in_a_problem_is_cut(tmp_path: Path, source: str, start: str) -> None:
    with refused(tmp_path, FILE, f"{start}{'x' * (200 - len(start))}", line=1):
        await says(tmp_path, source.format("x" * 300))
