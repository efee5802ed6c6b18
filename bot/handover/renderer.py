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
from jinja2.exceptions import TemplateRuntimeError
from jinja2.loaders import split_template_path
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.handover.trust import changeable
from vpn.configuration.directives import quoted

SOURCE_BYTES = 65_536
OUTPUT_CHARACTERS = 262_144
_CPU_S = 2
_MEMORY_BYTES = 512 * 1024 * 1024
_PROBLEM_LENGTH = 200
# Between two of these stands the number of the template's line that the text comes from.
_MARK = "\0"
_MARKS = re.compile(f"{_MARK}([0-9]+){_MARK}")
# Of Jinja's own names.
_ANY_KNOWN = "range"
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
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
        try:
            is_file = path.is_file() and path.resolve().is_relative_to(self._folder)
        except OSError:  # such as a name that is too long
            is_file = False
        if not is_file:
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
            raise Problem(f"it can't be read ({error.strerror})", file=template) from None
        except UnicodeDecodeError:
            raise Problem("it isn't UTF-8 text", file=template) from None
        return text, str(path), None


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
    text = "".join(kept)
    # An escape such as "\ud800" makes what no file can hold; OpenVPN ends a line at a zero.
    if _NO_TEXT.search(text):
        raise Problem("it gives a character that no text can have")
    return text


def _refuse_unknown_fields(
    sandbox: Environment, source: str, file: str, fields: Mapping[str, Any]
) -> None:
    """Refuses names that are no field, also in a branch that today's values do not take."""
    tree = sandbox.parse(source, file)
    known = fields.keys() | sandbox.globals.keys() | _set_names(tree)
    unknown = find_undeclared_variables(tree) - known
    loads = [
        (node, node.name)
        for node in tree.find_all(nodes.Name)
        if node.ctx == "load" and node.name in unknown
    ]

    def left(first: int) -> set[str]:
        """What is unknown once all that is read from there on has another name."""
        for number, (node, name) in enumerate(loads):
            node.name = _ANY_KNOWN if number >= first else name
        return unknown & find_undeclared_variables(tree)

    # Jinja tells the names only, and a loop may define one of them for its own lines. So the first
    # one that is read is the last from which on it is enough to rename.
    least = left(0)
    low, high = 0, len(loads)
    while low < high:
        middle = (low + high + 1) // 2
        if left(middle) == least:
            low = middle
        else:
            high = middle - 1
    if low < len(loads):
        node, name = loads[low]
        raise Problem(_no_field(name), line=node.lineno)


def _set_names(tree: nodes.Template) -> set[str]:
    """Names that the template itself sets; whether in time and in each branch shows later."""
    names = {node.name for node in tree.find_all(nodes.Macro)}
    names |= {node.target for node in tree.find_all(nodes.Import)}
    for imported in tree.find_all(nodes.FromImport):
        names |= {name if isinstance(name, str) else name[1] for name in imported.names}
    targets = [node.target for node in tree.find_all(nodes.Assign)]
    targets += [node.target for node in tree.find_all(nodes.AssignBlock)]
    for target in targets:
        parts = (target, *target.find_all(nodes.Name))
        names |= {part.name for part in parts if isinstance(part, nodes.Name)}
    return names


def _no_field(name: str) -> str:
    return f"there is no field '{name}'"


def _line_numbers(
    sandbox: Environment, source: str, text: str, fields: Mapping[str, Any]
) -> list[int]:
    """For each line of the text the template's; empty where it cannot be told.

    What OpenVPN or an app says of a line is no error of Jinja's, and has no traceback. The chunks
    that Jinja yields tell their line neither for plain text nor within a macro. So the template is
    rendered once more with marks in it, and never given away like this: it may do anything with a
    text that has marks, such as divide by its length.
    """
    try:
        numbered = "".join(sandbox.from_string(_marked(sandbox.parse(source))).generate(**fields))
    except Exception:  # noqa: BLE001 - whatever the sandbox and its filters can raise
        return []
    if _MARKS.sub("", numbered) != text:
        return []
    lines, current = [], 1
    for line in numbered.split("\n"):
        if leading := _LEADING_MARKS.match(line):
            current = int(leading[1])
        lines.append(current)
        if inside := _MARKS.findall(line):
            current = int(inside[-1])
    return lines


def _marked(tree: nodes.Template) -> nodes.Template:
    """The template as before, with a mark wherever a line of its own begins."""
    for data in list(tree.find_all(nodes.TemplateData)):
        lines = enumerate(data.data.split("\n"), start=data.lineno)
        data.data = "\n".join(f"{_mark(number)}{line}" for number, line in lines)
    for output in tree.find_all(nodes.Output):
        output.nodes = [
            part
            for node in output.nodes
            for part in (nodes.TemplateData(_mark(node.lineno), lineno=node.lineno), node)
        ]
    return tree


def _mark(line: int) -> str:
    return f"{_MARK}{line}{_MARK}"


def _located(error: Exception, folder: Path, file: str) -> Problem:
    """The problem with the innermost place in a template: Jinja puts those into the traceback."""
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
    """Renders all jobs; gives all texts, or the first problem."""
    done = []
    for job in jobs:
        # For one more. What no signal gets through to, whoever waits for this process ends.
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + _CPU_S, most))
        try:
            text, lines = render(folder, job["file"], _values(job["fields"]))
        except Problem as problem:
            return {"file": problem.file, "line": problem.line, "problem": problem.text}
        except Changeable as error:
            return {"changeable": str(error.path)}
        done.append({"text": text, "lines": lines})
    return {"done": done}


def _time_is_over(_number: int, _frame: object) -> NoReturn:
    raise _TooLong


def main() -> None:
    signal.signal(signal.SIGXCPU, _time_is_over)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    order = json.load(sys.stdin)
    json.dump(work_off(Path(order["folder"]), order["jobs"]), sys.stdout)


if __name__ == "__main__":
    main()
