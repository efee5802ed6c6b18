"""With a Python that is too old one reads what is needed, before anything is fetched."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_OLD = """#!/bin/sh
case "$2" in *version*platform*|*platform*) echo 3.10.12 ;; *) exit 1 ;; esac
"""
_BARE = """#!/bin/sh
case "$2" in *platform*) echo 3.12.3 ;; *version_info*) exit 0 ;; *) exit 1 ;; esac
"""


def looked_at(tmp_path: Path, *pythons: tuple[str, str]) -> subprocess.CompletedProcess[str]:
    for name, text in pythons:
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    for tool in ("sh", "cat", "basename"):
        (tmp_path / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else tool)
    return subprocess.run(
        ["/bin/sh", str(ROOT / "deploy" / "python.sh"), "demo"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_that_is_too_old_is_named_with_what_to_do(tmp_path: Path) -> None:
    ran = looked_at(tmp_path, ("python3", _OLD))
    assert ran.returncode == 1
    assert "Python 3.11 or newer is needed, and python3 is 3.10.12." in ran.stderr
    assert "apt-get install python3.11 python3.11-venv" in ran.stderr
    assert "make demo PYTHON=python3.11" in ran.stderr


def test_a_newer_one_that_is_there_is_proposed(tmp_path: Path) -> None:
    ran = looked_at(tmp_path, ("python3", _OLD), ("python3.12", "#!/bin/sh\nexit 0\n"))
    assert "There is python3.12 here: make demo PYTHON=python3.12" in ran.stderr


def test_none_at_all_and_one_without_its_venv(tmp_path: Path) -> None:
    assert "python3 is not there." in looked_at(tmp_path).stderr
    other = tmp_path / "other"
    other.mkdir()
    ran = looked_at(other, ("python3", _BARE))
    assert ran.returncode == 1
    assert "apt-get install python3-venv" in ran.stderr


@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_looks_first(target: str) -> None:
    said = subprocess.run(
        ["make", "-n", target, "RUN_VENV=none", "DEV_VENV=none", "PYTHON=pythonX"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.index("deploy/python.sh") < said.index("-m venv")
