"""How we talk, held for every sentence of the source: natural English, whole sentences, no promise.

What the log says is left out, and what other programs say.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bot import texts
from bot.texts import canary, sets
from bot.texts.fill import plain, plain_in_chat
from bot.texts.health import Complaint

_ROOT = Path(texts.__file__).parents[2]
_ROOMS = ("bot", "vpn", "pki", "storage")
# Shell, Telegram's errors, and what is read rather than said.
_NOT_OURS = {
    "bot/access/policy.py",
    "bot/chat/outcomes.py",
    "vpn/deploy_archive.py",
    "vpn/configuration/sets_script.py",
    "vpn/proof/knock.py",
}
_STIFF = re.compile(
    r"\b(cannot|(do|does|did|is|are|was|were|has|have|could|would|will) not(?! only)|whom|shall"
    r"|accesses)\b"
)
# Nothing of this was seen when the sentence is written.
_PROMISED = re.compile(
    r"(admins|they|people) (know\b|have it|(read|see) (it|your))|(was|were|are|is) told"
    r"|I(’ve)? told|got it just now"
)


@cache
def _sources() -> dict[str, ast.Module]:
    files = [path for room in _ROOMS for path in sorted((_ROOT / room).rglob("*.py"))]
    named = {str(path.relative_to(_ROOT)): path for path in files}
    return {
        name: ast.parse(path.read_text()) for name, path in named.items() if name not in _NOT_OURS
    }


def _said(tree: ast.Module) -> Iterator[str]:
    """Each text that is no docstring and goes to no log."""
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(id(node.value))
        if isinstance(node, ast.Call) and "log" in ast.unparse(node.func).split(".")[0]:
            left_out |= {id(each) for each in ast.walk(node)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in left_out:
            yield str(node.value)  # type: ignore[attr-defined]


@pytest.mark.parametrize("room", _ROOMS)
def test_we_talk_as_people_do(room: str) -> None:
    stiff = [
        (name, text)
        for name, tree in _sources().items()
        if name.startswith(f"{room}/")
        for text in _said(tree)
        if _STIFF.search(text)
    ]
    assert stiff == []


def test_nobody_is_said_to_know_what_has_yet_to_be_sent() -> None:
    found = [
        (name, text)
        for name, tree in _sources().items()
        if name.startswith("bot/texts/")
        for text in _said(tree)
        if _PROMISED.search(text)
    ]
    assert found == []


# --- one apostrophe for each place ---------------------------------------------------------------

# What a terminal shows and no chat: there it is the one that a keyboard has.
_TERMINALS = re.compile(
    r"bot/(cli|setup|health|process|backup)/|bot/texts/(adoption|easyrsa|health|people|rotation)\."
    r"|(vpn|pki|storage)/"
)
_OF_THE_CHAT = {"bot/cli/tour.py", "storage/name_keys.py"}


def test_a_terminal_has_the_apostrophe_of_a_keyboard() -> None:
    found = [
        (name, text)
        for name, tree in _sources().items()
        if _TERMINALS.match(name) and name not in _OF_THE_CHAT
        for text in _said(tree)
        if "’" in text
    ]
    # What both say is written for the chat, and made straight on its way to a terminal.
    complaints = [
        *canary.COMPLAINTS.values(),
        canary.OVERDUE,
        *(each for each in vars(sets).values() if isinstance(each, Complaint)),
    ]
    assert found == []
    assert not [each for each in complaints if "’" in " ".join(each)]


def test_what_the_chat_says_too_is_made_straight() -> None:
    said = plain("{name}’s list isn’t in {path}.", name="O’Hara", path="/srv/o’hara")
    assert said == "O’Hara's list isn't in /srv/o’hara."
    assert plain_in_chat("It isn’t {name}’s.", name="O’Hara") == "It isn’t O’Hara’s."
    users = {name for name, tree in _sources().items() if "plain_in_chat" in ast.dump(tree)}
    assert not [name for name in users if name.startswith(("bot/cli/", "bot/health/"))]


# --- whole sentences ------------------------------------------------------------------------------

# Where one text may stand in another: as a name, or as an entry of a list or a table.
_ENTRIES = {
    *("life.BOT", "life.SOMEBODY_FIRST"),  # stand where a person's name does
    "chat.HOLDER_UNKNOWN",  # likewise, at the head of an entry
    *("easyrsa.LAYOUTS", "groups.PEOPLE", "roles.BY_SETTINGS"),  # in brackets, or behind a dash
    # A line of its own, behind a server’s or a set’s name.
    *("health.FIREWALL_UNSEEN", "health.FIREWALL_UNSEEN_ELSEWHERE", "sets.WELL"),
}


def _constants(node: ast.AST, modules: dict[str, str]) -> Iterator[str]:
    for each in ast.walk(node):
        if (
            isinstance(each, ast.Attribute)
            and each.attr.isupper()
            and isinstance(each.value, ast.Name)
            and each.value.id in modules
        ):
            yield f"{modules[each.value.id]}.{each.attr}"


def _put_into_others(tree: ast.Module) -> Iterator[str]:
    """Constants of `bot.texts` that fill a template, by themselves or by a local name."""
    modules = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "bot.texts"
        for alias in node.names
    }
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        held: dict[str, set[str]] = {}

        def texts_in(node: ast.AST, held: dict[str, set[str]] = held) -> set[str]:
            names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            return set(_constants(node, modules)).union(*(held.get(name, ()) for name in names))

        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                held.setdefault(node.targets[0].id, set()).update(texts_in(node.value))
        for node in ast.walk(function):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and re.search(
                r"\b(fill|plain(_in_chat)?|format)$", called
            ):
                for keyword in node.keywords:
                    if keyword.arg is not None and keyword.arg != "count":
                        yield from texts_in(keyword.value)


def test_no_text_is_put_into_the_middle_of_another() -> None:
    """Each case has a whole sentence, which another language may order as it likes."""
    found = {
        text
        for name, tree in _sources().items()
        if name.startswith("bot/")
        for text in _put_into_others(tree)
    }
    assert found == _ENTRIES
