"""`vpnbot --version`."""

import subprocess
import tomllib
from pathlib import Path

from tests.forks import VPNBOT

ROOT = Path(__file__).parents[2]


def test_it_is_that_of_the_project(tmp_path: Path) -> None:
    """Also where nothing is set up, and no setting can be read."""
    (tmp_path / ".env").write_text("VPNBOT_NO_SUCH_SETTING=1\n")
    ran = subprocess.run(
        [VPNBOT, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert ran.stdout == f"vpnbot {project['version']}\n"
