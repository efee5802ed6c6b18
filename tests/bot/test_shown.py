"""What goes to a terminal or into a log: one function cleans it, and nothing goes round that."""

import ast
import json
import logging
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.asking import Asker
from bot.cli.printing import show
from bot.cli.program import tell_usage
from bot.cli.shared import in_json, say, say_blocks
from bot.process.logs import OneLineFormatter, RedactingFormatter
from bot.shown import one_line
from bot.texts.fill import fill, length, plain

ROOT = Path(__file__).parents[2]
FORGED = "Anna\x1b[2J\r\nRevoked: all is well\u202e\u2028\x9b31m\x85\udcff\x07"
ORDERS = set("\x1b\r\u202e\u2028\x9b\x85\udcff\x07")
# They have been cleaned, or hold what is ours alone.
_CLEAN = {"one_line", "in_json"}


def is_clean(text: str) -> bool:
    return not ORDERS.intersection(text)


@given(st.text(st.characters(exclude_categories=[])))
def test_a_line_stays_one_and_orders_nothing(text: str) -> None:
    line = one_line(text)

    assert line.splitlines() in ([line], [])
    assert len(line) == len(text)
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in line)
    line.encode()


def test_what_is_a_letter_stays() -> None:
    for text in ("Anna Petrova", "Анна Петрова", "日本", "“it’s” – …", "🙂 é e\u0301"):
        assert one_line(text) == text


def test_a_value_cannot_forge_a_line_of_a_receipt() -> None:
    text = plain("{name} is out.\nServer {server}: {count}", name=FORGED, server=FORGED, count=2)

    assert is_clean(text)
    assert text.count("\n") == 1
    assert plain("{inner}!", inner=plain("a\n{b}", b="c\nd")) == "a\nc d!"


def test_whatever_is_said_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(FORGED)
    Asker(unattended=True).tell("nobody hears this")
    say_blocks(["one\ntwo", FORGED.replace("\n", "")])
    show([{"name": FORGED}], ("name",), as_json=False, none="")

    said = capsys.readouterr().out
    assert is_clean(said)
    lines = [line.rstrip() for line in said.split("\n")]
    assert lines[1:4] == ["one", "two", ""]
    assert len(lines) == 8
    assert not any(line.startswith("Revoked") for line in lines)


def test_json_says_it_all_and_orders_nothing() -> None:
    text = in_json([{"name": FORGED}], indent=2)

    assert is_clean(text)
    assert json.loads(text) == [{"name": FORGED}]


@pytest.mark.parametrize("kind", [RedactingFormatter, OneLineFormatter])
def test_nothing_foreign_begins_a_line_of_a_log(kind: type[logging.Formatter]) -> None:
    error = ValueError(FORGED)
    error.__cause__ = LookupError("first\n2026-01-01 00:00:00 INFO bot: forged")
    info = (type(error), error, None)
    record = logging.LogRecord("bot", logging.ERROR, "x.py", 1, "It broke: %s", (FORGED,), info)

    first, *rest = kind().format(record).split("\n")

    assert first.startswith("It broke: Anna")
    assert is_clean(first)
    assert all(map(is_clean, rest))
    assert not any(line.startswith(("Revoked", "2026-")) for line in rest)
    assert any("forged" in line for line in rest) == (kind is RedactingFormatter)


def test_what_was_typed_wrong_is_told_in_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    class Wrong(Exception):
        exit_code = 2

        def show(self, file: TextIO) -> None:
            file.write(f"Usage: x\n\nError: {FORGED}\n")

    with pytest.raises(SystemExit) as caught:
        tell_usage(Wrong())
    assert caught.value.code == 2
    assert is_clean(capsys.readouterr().err)


def test_a_file_name_that_is_no_text_can_be_sent() -> None:
    text = fill("{name} is there.", name="a\udcffb")

    assert text == "a\ufffdb is there."
    assert length(text) == 13


def test_nothing_is_printed_round_it() -> None:
    """The templates' own process answers its parent in JSON; a crash is told by the logs."""
    found = []
    for path in sorted((ROOT / "bot").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name in ("typer.echo", "typer.secho", "click.echo", "rich.print") or (
                name in ("print", "input", "getpass", "getpass.getpass")
                and not all(_is_safe(argument) for argument in node.args)
            ):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def _is_safe(argument: ast.expr) -> bool:
    if isinstance(argument, ast.Call):
        return ast.unparse(argument.func) in _CLEAN
    return isinstance(argument, ast.Constant) or ast.unparse(argument) == "shown"
