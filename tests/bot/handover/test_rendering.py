"""The process that renders: what it cannot reach, what it is not told, and how it is stopped."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.errors import BadTemplate
from bot.handover import rendering
from bot.handover.handover import Handover
from bot.handover.renderer import Problem, render
from bot.handover.rendering import Job, render_all
from tests.bot.handover.kit import (
    FIELDS,
    MATERIAL,
    PROFILE,
    SHORTEST,
    Child,
    built_in,
    put,
    refused,
    shut,
)
from tests.company import until
from vpn.configuration.profile import DEPLOYED_PROFILE

FILE = "words.j2"
SECRET = "staple-battery-horse"


async def says(folder: Path, source: str) -> str:
    put(folder, FILE, source)
    (found,) = await render_all(folder, [Job(FILE, FIELDS.as_json())])
    return found.text


@contextmanager
def stopped(folder: Path) -> Iterator[None]:
    """The process could not say itself what is wrong."""
    with pytest.raises(BadTemplate) as caught:
        yield
    words = "take too long or too much memory; see docs/templates.md."
    assert str(caught.value) == f"The templates in {folder} {words}"


# --- what a template cannot reach -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "attribute", "of"),
    [
        ("''.__class__.__mro__", "__class__", "str"),
        ("lipsum.__globals__['os'].system('touch {0}')", "__globals__", "function"),
        ("''|attr('__class__')", "__class__", "str"),
        ("name['__class__']['__mro__']", "__class__", "str"),
        ("'{{0.__class__}}'.format(name)", "__class__", "str"),
        ("until.__reduce__()", "__reduce__", "datetime"),
        ("self.__init__.__globals__", "__init__", "TemplateReference"),
    ],
)
async def test_pythons_inner_life(tmp_path: Path, expression: str, attribute: str, of: str) -> None:
    mark = tmp_path / "mark"
    source = f"a\n{{{{ {expression.format(mark)} }}}}"
    problem = f"access to attribute '{attribute}' of '{of}' object is unsafe"
    with refused(tmp_path, FILE, problem, line=2):
        await says(tmp_path, source)
    assert not mark.exists()


@pytest.mark.long
@pytest.mark.parametrize("tag", ["include", "import", "extends"])
@pytest.mark.parametrize(
    "name", ["../secret", "parts/../../secret", "/etc/passwd", "link", "links/secret", "parts", "."]
)
async def test_files_outside_of_the_folder(tmp_path: Path, tag: str, name: str) -> None:
    put(tmp_path, "secret", SECRET)
    # Its name begins like the folder's.
    put(tmp_path, "own-elsewhere/secret", SECRET)
    folder = tmp_path / "own"
    put(folder, "parts/one")
    (folder / "link").symlink_to("../own-elsewhere/secret")
    (folder / "links").symlink_to("../own-elsewhere")
    source = f"a\n{{% {tag} '{name}' {'as x ' if tag == 'import' else ''}%}}"
    with refused(folder, FILE, f"there is no file '{name}' in the folder", line=2):
        await says(folder, source)


async def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path / "v2", "_part", "there")
    (tmp_path / "own").symlink_to("v2")
    assert await says(tmp_path / "own", "{% include '_part' %}") == "there"
    with refused(tmp_path / "own", FILE, "ZeroDivisionError: division by zero", line=2):
        await says(tmp_path / "own", "\n{{ 1 / 0 }}")


def test_a_part_that_may_not_be_read(open_folder: Path) -> None:
    """By the code alone: without root's rights, Python cannot be started from everywhere."""
    put(open_folder, FILE, "{% include '_part' %}")
    part = put(open_folder, "_part")
    # Nor can it load what it needs, so it has to have it.
    assert render(open_folder, FILE, {})[0] == "x"
    with shut(part, 0o000), pytest.raises(Problem) as caught:
        render(open_folder, FILE, {})
    found = caught.value
    assert (found.file, found.text) == ("_part", "it can't be read (Permission denied)")


# --- what it is not told --------------------------------------------------------------------------


async def test_no_setting_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VPNBOT_BOT_TOKEN", SECRET)
    monkeypatch.setenv("VPNBOT_CA_PASSPHRASE", SECRET)
    monkeypatch.setenv("OTHER_THAN_OURS", "whatever")
    child = Child(tmp_path / "child", monkeypatch, "")
    assert await says(tmp_path, "{{ name }}") == FIELDS.name
    notes = child.notes()
    assert notes["env"]["PATH"] == os.environ["PATH"]
    assert "OTHER_THAN_OURS" not in notes["env"]
    assert [name for name in notes["env"] if name.startswith("VPNBOT_")] == []
    assert SECRET not in json.dumps(notes)


async def test_no_key_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child(tmp_path / "child", monkeypatch, "")
    put(tmp_path / "own", PROFILE, SHORTEST)
    made = await Handover(tmp_path / "own").profile(FIELDS, built_in(), DEPLOYED_PROFILE)
    told = child.notes()["told"]
    assert FIELDS.common_name in told
    assert MATERIAL.tls_key is not None
    assert MATERIAL.private_key_pem is not None
    for pem in (MATERIAL.private_key_pem, MATERIAL.tls_key, MATERIAL.certificate_pem):
        secret = pem.splitlines()[1]
        assert (secret in made, secret in told) == (True, False)
    assert "-----BEGIN" not in told


# --- how it is stopped ----------------------------------------------------------------------------

LOOP = "{% for i in range(100000) %}\n{% for j in range(100000) %}{% endfor %}\n{% endfor %}"
DOUBLING = (
    "{% set all = namespace(text='x' * 1000) %}\n"
    "{% for i in range(99) %}\n{% set all.text = all.text ~ all.text %}\n{% endfor %}"
)


@pytest.mark.long
@pytest.mark.parametrize(
    ("source", "line", "problem"),
    [
        (LOOP, 2, "it takes too long"),
        (DOUBLING, 3, "it takes too much memory"),
        ("\n{{ 'x' * 10 ** 9 }}", 2, "it takes too much memory"),
        (
            "\n\n{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            3,
            "it calls itself without an end",
        ),
        (f"\n{{% include '{FILE}' %}}", 2, "it calls itself without an end"),
        (f"{{{{ {'(' * 5000}", None, "it calls itself without an end"),
    ],
    ids=["loop", "doubling", "at once", "macro", "include", "depth"],
)
async def test_a_template_without_an_end(
    tmp_path: Path, source: str, line: int | None, problem: str
) -> None:
    with refused(tmp_path, FILE, problem, line=line):
        await says(tmp_path, source)


@pytest.mark.long
def test_each_text_has_its_own_time(tmp_path: Path) -> None:
    """Many servers and topics are tried in one go, here in more time than one may take.

    Whatever the machine is busy with: nobody waits in vain, and nothing measures on the way.
    """
    short = "{% for i in range(470) %}{% for j in range(9000) %}{% endfor %}{% endfor %}"
    put(tmp_path, FILE, short)
    quiet = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    job = {"file": FILE, "fields": FIELDS.as_json()}
    order = json.dumps({"folder": str(tmp_path), "jobs": [job] * 11})
    ran = subprocess.run(
        [sys.executable, "-m", "bot.handover.renderer"],
        input=order,
        capture_output=True,
        text=True,
        check=True,
        env=quiet,
    )
    assert json.loads(ran.stdout) == {"done": [{"text": "", "lines": [1]}] * 11}


async def test_a_text_of_the_greatest_length(tmp_path: Path) -> None:
    long = "{{ 'x' * 200000 }}{% for i in range(62144) %}y{% endfor %}"
    assert await says(tmp_path, long) == "x" * 200_000 + "y" * 62_144
    with refused(tmp_path, FILE, "it gives more than 262144 characters"):
        await says(tmp_path, f"{long}z")


async def test_a_source_of_the_greatest_length(tmp_path: Path) -> None:
    assert await says(tmp_path, "x" * 65_536) == "x" * 65_536


async def test_a_process_that_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Child(tmp_path / "child", monkeypatch, "os._exit(9)")
    with stopped(tmp_path):
        await says(tmp_path, "{{ name }}")


async def test_a_process_that_no_limit_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sleeps, so it uses no time of the processor; the loop's clock goes on instead of ours."""
    child = Child(tmp_path / "child", monkeypatch, "time.sleep(600)")
    loop = asyncio.get_running_loop()
    right, begun = loop.time, loop.time()
    asking = asyncio.create_task(says(tmp_path, "{{ name }}"))
    await until(lambda: child.has_started)
    monkeypatch.setattr(loop, "time", lambda: begun + rendering._PATIENCE_S - 1)
    for _ in range(100):
        await asyncio.sleep(0)
    assert (asking.done(), child.is_there()) == (False, True)
    monkeypatch.setattr(loop, "time", lambda: right() + rendering._PATIENCE_S + 1)
    with stopped(tmp_path):
        await asking
    assert not child.is_there()


async def test_nobody_waits_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot that is stopped leaves no process behind."""
    child = Child(tmp_path / "child", monkeypatch, "time.sleep(600)")
    asking = asyncio.create_task(says(tmp_path, "{{ name }}"))
    await until(lambda: child.has_started)
    assert child.is_there()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not child.is_there()
