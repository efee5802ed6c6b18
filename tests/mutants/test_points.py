"""What is made wrong, and that nothing else is."""

import ast
import asyncio
import re
from pathlib import Path
from typing import Any

from tests.mutants.points import marked, points

_SOURCE = """\
class Door:
    def opens(self, key: str, é: bool) -> None:
        if not (key in self.keys or é):
            log.info("shut")
            if a > b:
                log.debug("key: %s", key)
            raise Shut
        await self.open(
            key,
        )
        self.count = 1 if key is None else 2
        return a < b
"""


def test_every_kind_of_change(tmp_path: Path) -> None:
    (tmp_path / "door.py").write_text(_SOURCE)
    found = {point.what: point for point in points(tmp_path, "door.py")}
    changed = {
        what: next(
            new.strip()
            for new, old in zip(
                point.applied(_SOURCE).splitlines(), _SOURCE.splitlines(), strict=False
            )
            if new != old
        )
        for what, point in found.items()
    }

    assert changed == {
        "never taken: not (key in self.keys or é)": "if False:",
        "turned: not (key in self.keys or é)": "if  (key in self.keys or é):",
        "turned: key in self.keys or é": "if not (key in self.keys and é):",
        "turned: key in self.keys": "if not (key not in self.keys or é):",
        "dropped: await self.open(key)": "pass",
        "turned: key is None": "self.count = 1 if key is not None else 2",
        "turned: a < b": "return a <= b",
    }
    assert {point.within for point in found.values()} == {"Door.opens"}
    assert found["turned: a < b"].key == "door.py Door.opens: turned: a < b"
    assert found["turned: a < b"].line == 12


def test_a_marked_file_says_what_it_comes_past_and_does_the_same() -> None:
    root = Path(__file__).parents[2]
    sources = [str(path.relative_to(root)) for path in sorted(root.glob("bot/access/*.py"))[::8]]
    places = {file: list(points(root, file)) for file in sources}

    for file, every in places.items():
        source = (root / file).read_text()
        text = marked(source, dict(enumerate(every)))
        compile(text, file, "exec")
        unmarked = re.sub(r"\(__import__\(.*?\)\.here\(\d+\), \(", "((", text).replace(
            "))[1]", "))"
        )
        assert ast.dump(ast.parse(unmarked)) == ast.dump(ast.parse(source))


async def test_what_fails_where_it_is_marked_is_caught_as_ever(tmp_path: Path) -> None:
    source = (
        "async def take(one):\n    try:\n        await one()\n    except OSError:\n        pass\n"
    )
    (tmp_path / "one.py").write_text(source)
    names: dict[str, Any] = {}
    exec(marked(source, dict(enumerate(points(tmp_path, "one.py")))), names)
    failed = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(failed.set_exception, OSError())
    await names["take"](lambda: failed)
