"""Where Python can be made wrong: a comparison turned, a call dropped, an `if` never taken."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

_TURNED = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
}
# What is logged is for whoever looks for a cause; no promise hangs on it.
_LOGGED = re.compile(r"(await )?(log|logger)\.")
_Span = tuple[int, int]
# Not by an `or`: what is awaited behind one in a `try` may fail past its `except` (CPython 3.11).
_HERE, _DONE = "(__import__('tests.mutants.here', fromlist=['here']).here(%d), (", "))[1]"


@dataclass(frozen=True)
class Point:
    """One change of one file.

    Attributes:
        path: of the file, from the project's root.
        line: its number, from 1.
        what: the kind of change and the code that is changed, on one line.
        within: the function or class it stands in.
        node: where the expression or the call stands that is changed.
        span: which characters of the file go.
        by: what comes in their place.
    """

    path: str
    line: int
    what: str
    within: str
    node: _Span
    span: _Span
    by: str

    @property
    def key(self) -> str:
        """Stays the same when lines move."""
        return f"{self.path} {self.within}: {self.what}"

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.within}: {self.what}"

    def applied(self, source: str) -> str:
        begin, end = self.span
        return source[:begin] + self.by + source[end:]


def marked(source: str, points: Mapping[int, Point]) -> str:
    """A file that says `here(N)` wherever it comes past one of these, and does the same as ever."""
    inserted = [
        piece
        for number, point in points.items()
        for piece in ((point.node[0], _HERE % number), (point.node[1], _DONE))
    ]
    # From the end on, so that places stay; what ends at a place ends before another begins there.
    for place, words in sorted(inserted, key=lambda piece: (piece[0], piece[1] != _DONE))[::-1]:
        source = source[:place] + words + source[place:]
    return source


def points(root: Path, path: str) -> Iterator[Point]:
    """All changes that can be made to a file, in the order of its lines."""
    source = (root / path).read_text()
    text = _Text(source)

    def walk(node: ast.AST, within: str) -> Iterator[Point]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from walk(child, f"{within}.{child.name}".lstrip("."))
                continue
            if isinstance(child, ast.If) and _only_logs(child):
                continue
            if isinstance(child, ast.expr | ast.stmt):
                shown = child.test if isinstance(child, ast.If) else child
                for kind, span, by in _changes(text, child):
                    words = f"{kind}: {ast.unparse(shown)}"
                    yield Point(path, child.lineno, words, within, text.span(shown), span, by)
            yield from walk(child, within)

    yield from walk(ast.parse(source), "")


def _only_logs(choice: ast.If) -> bool:
    return not choice.orelse and all(_LOGGED.match(ast.unparse(line)) for line in choice.body)


class _Text:
    """Source code, and where in it a node of its syntax tree stands."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._lines = source.splitlines(keepends=True)
        self._starts = list(accumulate(map(len, self._lines), initial=0))

    def span(self, node: ast.expr | ast.stmt) -> _Span:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._place(node.lineno, node.col_offset),
            self._place(node.end_lineno, node.end_col_offset),
        )

    def _place(self, line: int, column: int) -> int:
        # Columns count bytes of UTF-8, see ast.AST.col_offset.
        before = self._lines[line - 1].encode()[:column].decode()
        return self._starts[line - 1] + len(before)

    def between(self, left: ast.expr, right: ast.expr, token: str) -> Iterator[_Span]:
        """Where the operator stands; between operands there are only brackets besides."""
        begin, end = self.span(left)[1], self.span(right)[0]
        for found in re.finditer(token, self.source[begin:end]):
            yield begin + found.start(), begin + found.end()


def _changes(text: _Text, node: ast.AST) -> Iterator[tuple[str, _Span, str]]:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            token, by = _TURNED[type(op)]
            for span in text.between(left, right, token):
                yield "turned", span, by
        case ast.BoolOp(op=op, values=[left, right, *_]):
            token, by = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
            for span in text.between(left, right, token):
                yield "turned", span, by
        case ast.UnaryOp(op=ast.Not()):
            begin = text.span(node)[0]
            yield "turned", (begin, begin + len("not")), ""
        case ast.If(test=test) if "TYPE_CHECKING" not in ast.unparse(test):
            yield "never taken", text.span(test), "False"
        case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call())):
            if not _LOGGED.match(ast.unparse(node)):
                yield "dropped", text.span(node), "pass"
