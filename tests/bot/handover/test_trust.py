"""Nothing goes out that everybody on the machine could change, wherever in the folder it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.errors import BadTemplate
from bot.handover.folder import look
from bot.handover.handover import Handover
from tests.bot.handover.kit import FIELDS, PROFILE, put

TEXT = "instructions/windows.txt.j2"
EVERYTHING = (PROFILE, TEXT, "files/rules.pdf", "_part.j2", "README.md")


@contextmanager
def open_to_others(path: Path, *, quoted: str | None = None) -> Iterator[None]:
    """Told like this, with what to run."""
    with pytest.raises(BadTemplate) as caught:
        yield
    assert str(caught.value) == f"Others can change {path}; run: chmod o-w {quoted or path}"


def opened(path: Path) -> Path:
    path.chmod(path.stat().st_mode | 0o002)
    return path


async def says(folder: Path, source: str) -> str | None:
    put(folder, TEXT, source)
    return await Handover(folder).instructions(FIELDS, "windows")


@pytest.mark.parametrize("name", ["", "instructions", "files", *EVERYTHING])
def test_what_is_in_sight(tmp_path: Path, name: str) -> None:
    for each in EVERYTHING:
        put(tmp_path, each)
    with open_to_others(opened(tmp_path / name)):
        look(tmp_path)


def test_a_link_to_it(tmp_path: Path) -> None:
    opened(put(tmp_path, ".shared"))
    (tmp_path / PROFILE).symlink_to(".shared")
    with open_to_others(tmp_path / PROFILE):
        look(tmp_path)


@pytest.mark.parametrize("name", [PROFILE, "files"])
def test_a_link_into_a_folder_of_theirs(tmp_path: Path, name: str) -> None:
    """They could put another one there."""
    put(tmp_path, ".v2/files/rules.pdf")
    put(tmp_path, f".v2/{PROFILE}")
    (tmp_path / name).symlink_to(f".v2/{name}")
    look(tmp_path)
    with open_to_others(opened(tmp_path / ".v2")):
        look(tmp_path)


@pytest.mark.parametrize("name", ["_part", "_parts/head", "_parts/of/mine/head", ".head", ".a/b"])
async def test_what_is_included(tmp_path: Path, name: str) -> None:
    source = f"{{% include '{name}' %}}"
    part = put(tmp_path, name, "fine")
    assert await says(tmp_path, source) == "fine"
    with open_to_others(opened(part)):
        await says(tmp_path, source)


@pytest.mark.parametrize("way", ["include", "include_missing", "import", "extends"])
async def test_each_way_to_include(tmp_path: Path, way: str) -> None:
    source = {
        "include": "{% include '_a/b' %}",
        "include_missing": "{% include ['_none', '_a/b'] ignore missing %}",
        "import": "{% import '_a/b' as b %}x",
        "extends": "{% extends '_a/b' %}",
    }
    part = put(tmp_path, "_a/b", "x")
    assert await says(tmp_path, source[way]) == "x"
    with open_to_others(opened(part)):
        await says(tmp_path, source[way])


@pytest.mark.parametrize("name", ["_parts", "_parts/of", ".parts"])
async def test_a_folder_of_what_is_included(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"{name}/mine/head")
    opened(tmp_path / name)
    with open_to_others(tmp_path / name):
        await says(tmp_path, f"{{% include '{name}/mine/head' %}}")


async def test_hidden_files_that_nothing_uses(tmp_path: Path) -> None:
    opened(put(tmp_path, ".git/index"))
    assert await says(tmp_path, "fine") == "fine"


def test_what_to_run_can_be_typed(tmp_path: Path) -> None:
    path = opened(put(tmp_path, "files/our $rules; v2.pdf"))
    with open_to_others(path, quoted=f"'{path}'"):
        look(tmp_path)


async def test_a_name_with_a_line_break(tmp_path: Path) -> None:
    opened(put(tmp_path, "_a/b\nc"))
    with pytest.raises(BadTemplate) as caught:
        await says(tmp_path, r"{% include '_a/b\nc' %}")
    assert str(caught.value).startswith(rf"Others can change {tmp_path}/_a/b\nc; run: chmod o-w ")
    assert "\n" not in str(caught.value)
