"""Renders the operator's templates: a process of its own, with little time and memory.

Started as `python -m bot.handover.renderer`, it reads jobs as JSON from standard input and writes
their texts to standard output. A template that loops for ever, or fills the memory, ends this
process and never the bot. It gets no secret: where certificates and keys go, a template has
placeholders, see `bot.handover.profile`.

Jinja's sandbox keeps a template from Python's inner life, StrictUndefined from fields that there
are not, and the loader from files outside of the folder. Nothing compiled is kept anywhere.
"""

import json
import math
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    nodes,
)
from jinja2.compiler import Frame
from jinja2.exceptions import TemplateRuntimeError
from jinja2.idtracking import VAR_LOAD_RESOLVE
from jinja2.loaders import split_template_path
from jinja2.meta import TrackingCodeGenerator
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.handover.trust import changeable
from vpn.directives import quoted

SOURCE_BYTES = 65_536
OUTPUT_CHARACTERS = 262_144
_CPU_S = 2
_MEMORY_BYTES = 512 * 1024 * 1024
_PROBLEM_LENGTH = 200
# Between two of these stands the number of the template's line that the text comes from.
_MARK = "\0"
_MARKS = re.compile(f"{_MARK}([0-9]+){_MARK}")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_SETTING = (nodes.Assign, nodes.AssignBlock, nodes.Macro, nodes.Import, nodes.FromImport)
_LEADING_MARKS = re.compile(f"(?:{_MARK}([0-9]+){_MARK})+")


class Problem(Exception):
    """What is wrong with a template, and where."""

    def __init__(self, text: str, *, file: str | None = None, line: int | None = None) -> None:
        super().__init__(text)
        self.text = " ".join(text.split())[:_PROBLEM_LENGTH]
        self.file = file
        self.line = line


class Changeable(Exception):
    """Others could change what was to be rendered."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


class _TooLong(Exception):
    """The time is over."""


class _Folder(BaseLoader):
    """Files below one folder, hidden ones as well; a link out of it is no file of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def get_source(
        self,
        environment: Environment,  # noqa: ARG002 - Jinja's own signature
        template: str,
    ) -> tuple[str, str, None]:
        path = self._folder.joinpath(*split_template_path(template))
        if not self._is_file(path):
            raise TemplateNotFound(template)
        try:
            if place := changeable(self._folder, path):
                raise Changeable(place)
            with path.open("rb") as file:
                content = file.read(SOURCE_BYTES + 1)
            if len(content) > SOURCE_BYTES:
                raise Problem(f"it has more than {SOURCE_BYTES} bytes", file=template)
            text = content.decode("utf-8-sig")
        except OSError as error:
            raise Problem(f"it cannot be read ({error.strerror})", file=template) from None
        except UnicodeDecodeError:
            raise Problem("it is not UTF-8 text", file=template) from None
        return text, str(path), None

    def _is_file(self, path: Path) -> bool:
        try:
            return path.is_file() and path.resolve().is_relative_to(self._folder)
        except OSError:  # such as a name that is too long
            return False


class Lines(tuple[str, ...]):
    """Written as it is, a list of lines is these lines."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(self)


class Inline(SimpleNamespace):
    """Written as it is, the blocks are all of them."""

    def __str__(self) -> str:
        return "\n".join(block for block in vars(self).values() if block)


class _Unknown(StrictUndefined):
    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if isinstance(self._undefined_obj, Inline):
            return _no_field(f"inline.{self._undefined_name}")
        return super()._undefined_message


class _Sandbox(ImmutableSandboxedEnvironment):
    def __init__(self, loader: _Folder) -> None:
        super().__init__(
            loader=loader,
            undefined=_Unknown,
            # What is rendered is no HTML: a profile, or a text that is escaped where it is shown.
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self.filters["quoted"] = lambda value: quoted(str(value))


def render(folder: Path, file: str, fields: Mapping[str, Any]) -> tuple[str, list[int]]:
    """The text, and for each of its lines the template's line that it comes from.

    Raises:
        Problem: it cannot be rendered.
        Changeable: others could change it, or what it includes.
    """
    loader = _Folder(folder)
    sandbox = _Sandbox(loader)
    try:
        source, _, _ = loader.get_source(sandbox, file)
        template = sandbox.get_template(file)
        _refuse_unknown_fields(sandbox, source, file, fields)
        text = _bounded(template.generate(**fields))
        _require_text(text)
    except Changeable:
        raise
    except Problem as problem:
        raise Problem(problem.text, file=problem.file or file, line=problem.line) from None
    except TemplateSyntaxError as error:
        raise Problem(error.message or "?", file=error.name or file, line=error.lineno) from None
    except Exception as error:  # noqa: BLE001 - whatever the sandbox and its filters can raise
        raise _located(error, folder, file) from None
    return text, _line_numbers(sandbox, source, text, fields)


def _bounded(chunks: Iterator[str]) -> str:
    kept, length = [], 0
    for chunk in chunks:
        length += len(chunk)
        if length > OUTPUT_CHARACTERS:
            raise Problem(f"it gives more than {OUTPUT_CHARACTERS} characters")
        kept.append(chunk)
    return "".join(kept)


def _require_text(text: str) -> None:
    """An escape such as "\\ud800" makes what no file can hold; OpenVPN ends a line at a zero."""
    if _NO_TEXT.search(text):
        raise Problem("it gives a character that no text can have")


class _Names(TrackingCodeGenerator):
    """Finds the names that nothing around them defines."""

    def __init__(self, sandbox: Environment) -> None:
        super().__init__(sandbox)
        self.unbound: list[nodes.Name] = []

    def visit_Name(self, node: nodes.Name, frame: Frame) -> None:  # noqa: N802 - Jinja's own
        load = frame.symbols.find_load(frame.symbols.ref(node.name))
        if node.ctx == "load" and load == (VAR_LOAD_RESOLVE, node.name):
            self.unbound.append(node)
        super().visit_Name(node, frame)


def _refuse_unknown_fields(
    sandbox: Environment, source: str, file: str, fields: Mapping[str, Any]
) -> None:
    """Also in a branch that today's values do not take."""
    tree = sandbox.parse(source, file)
    names = _Names(sandbox)
    names.visit(tree)
    known = fields.keys() | sandbox.globals.keys() | _set_names(tree)
    unknown = names.undeclared_identifiers - known
    # What Jinja works out beforehand, such as `1 if true else nam`, it does not visit.
    for name in (*names.unbound, *tree.find_all(nodes.Name)):
        if name.name in unknown:
            raise Problem(_no_field(name.name), line=name.lineno)


def _set_names(tree: nodes.Template) -> set[str]:
    """What the template itself sets; whether it does so in time, in each branch, shows later."""
    return {name for node in tree.find_all(_SETTING) for name in _names_set_by(node)}


def _names_set_by(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Assign | nodes.AssignBlock):
        yield from (name.name for name in node.target.find_all(nodes.Name))
        if isinstance(node.target, nodes.Name):
            yield node.target.name
    elif isinstance(node, nodes.Macro):
        yield node.name
    elif isinstance(node, nodes.Import):
        yield node.target
    elif isinstance(node, nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in node.names)


def _no_field(name: str) -> str:
    return f"there is no field '{name}'"


def _line_numbers(
    sandbox: Environment, source: str, text: str, fields: Mapping[str, Any]
) -> list[int]:
    """For each line of the text the template's; empty where it cannot be told.

    The text is right without them. A template may do anything with a text that has marks in it,
    such as divide by its length.
    """
    try:
        numbered = sandbox.from_string(_with_line_numbers(sandbox, source)).generate(**fields)
        return _lines_of(text, "".join(numbered))
    except Exception:  # noqa: BLE001 - whatever the sandbox and its filters can raise
        return []


def _with_line_numbers(sandbox: Environment, source: str) -> nodes.Template:
    """The template as before, with a mark wherever a line of its own begins."""
    tree = sandbox.parse(source)
    for data in list(tree.find_all(nodes.TemplateData)):
        first, *rest = data.data.split("\n")
        more = (f"\n{_mark(data.lineno + at)}{text}" for at, text in enumerate(rest, start=1))
        data.data = f"{_mark(data.lineno)}{first}{''.join(more)}"
    for output in tree.find_all(nodes.Output):
        output.nodes = [
            part
            for node in output.nodes
            for part in (nodes.TemplateData(_mark(node.lineno), lineno=node.lineno), node)
        ]
    return tree


def _mark(line: int) -> str:
    return f"{_MARK}{line}{_MARK}"


def _lines_of(text: str, numbered: str) -> list[int]:
    """Empty where the marks have changed the text: then it cannot be told."""
    if _MARKS.sub("", numbered) != text:
        return []
    found, current = [], 1
    for line in numbered.split("\n"):
        if leading := _LEADING_MARKS.match(line):
            current = int(leading[1])
        found.append(current)
        if inside := _MARKS.findall(line):
            current = int(inside[-1])
    return found


def _located(error: Exception, folder: Path, file: str) -> Problem:
    """The innermost place in a template."""
    home = str(folder.resolve())
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(home):
            name = str(Path(frame.filename).relative_to(home))
            return Problem(_words(error), file=name, line=frame.lineno)
    return Problem(_words(error), file=file)


def _words(error: Exception) -> str:
    if isinstance(error, _TooLong):
        return "it takes too long"
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    if isinstance(error, RecursionError):
        return "it calls itself without an end"
    if isinstance(error, TemplateNotFound):
        return f"there is no file '{error.name}' in the folder"
    kind = "" if isinstance(error, TemplateRuntimeError) else f"{type(error).__name__}: "
    return f"{kind}{error}"


def _values(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as templates see them."""
    times = {name: datetime.fromisoformat(value) for name, value in fields["times"].items()}
    lists = {name: Lines(value) for name, value in fields["lists"].items()}
    blocks = {name: Inline(**value) for name, value in fields["blocks"].items()}
    return {**fields["words"], **times, **lists, **blocks}


def work_off(folder: Path, jobs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All texts, or the first problem."""
    done = []
    for job in jobs:
        _allow_time()
        try:
            text, lines = render(folder, job["file"], _values(job["fields"]))
        except Problem as problem:
            return {"file": problem.file, "line": problem.line, "problem": problem.text}
        except Changeable as found:
            return {"changeable": str(found.path)}
        done.append({"text": text, "lines": lines})
    return {"done": done}


def _allow_time() -> None:
    """For one more. What no signal gets through to, whoever waits for this process ends."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + _CPU_S, most))


def _time_is_over(_number: int, _frame: object) -> NoReturn:
    raise _TooLong


def main() -> None:
    signal.signal(signal.SIGXCPU, _time_is_over)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    order = json.load(sys.stdin)
    json.dump(work_off(Path(order["folder"]), order["jobs"]), sys.stdout)


if __name__ == "__main__":
    main()
