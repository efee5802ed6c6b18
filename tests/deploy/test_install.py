"""`make install`: what it makes, again, and over what somebody else made."""

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

# Each makes an environment of its own.
pytestmark = [pytest.mark.long, pytest.mark.waits]

ROOT = Path(__file__).parents[2]
# What a checkout has that is installed, or that installs it.
PARTS = ("bot", "pki", "vpn", "storage", "demo", "deploy", "Makefile", "pyproject.toml")
PAGES = ("README.md", "LICENSE")


@dataclass(frozen=True)
class Machine:
    """A checkout, and where the program goes."""

    checkout: Path
    prefix: Path
    bin: Path
    environment: dict[str, str]

    def install(self, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(self.checkout / "deploy" / "install.sh")],
            env=self.environment | extra,
            capture_output=True,
            text=True,
            check=False,
            # What root has on a machine that was made strict.
            umask=0o077,
        )

    def uninstall(self, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(self.checkout / "deploy" / "uninstall.sh")],
            env=self.environment | extra,
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self, **extra: str) -> None:
        ran = self.install(**extra)
        assert ran.returncode == 0, ran

    @property
    def packages(self) -> Path:
        (found,) = self.prefix.glob("lib/python*/site-packages")
        return found

    def tells(self) -> str:
        """What the installed command says; its dependencies are the tests' own."""
        site = str(Path(pytest.__file__).parents[1])
        ran = subprocess.run(
            [str(self.bin / "vpnbot"), "--version"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{self.packages}:{site}"},
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """The lock is empty, so that nothing is fetched; what builds the project is the tests' own."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in (*PARTS, *PAGES):
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, checkout / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, checkout)
    tools = tmp_path / "tools"
    tools.mkdir()
    site = Path(pytest.__file__).parents[1]
    if not (site / "setuptools").is_dir():
        pytest.skip("setuptools, which builds the project, is not beside pytest.")
    # With it what the program needs to tell its commands; but neither pip, nor the program itself.
    for path in site.iterdir():
        if not path.name.lower().startswith(("pip", "vpn_access_bot", "__", "_vpn")):
            (tools / path.name).symlink_to(path)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHON": sys.executable,
        "PYTHONPATH": str(tools),
        "PREFIX": str(tmp_path / "opt"),
        "BIN": str(tmp_path / "bin"),
        "LOCK": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_NO_CACHE_DIR": "1",
    }
    return Machine(checkout, tmp_path / "opt", tmp_path / "bin", environment)


def test_what_is_installed(machine: Machine) -> None:
    stale = machine.checkout / "build" / "lib" / "bot"
    stale.mkdir(parents=True)
    (stale / "of_an_earlier_build.py").touch()
    before = sorted(machine.checkout.rglob("*"))
    machine.installed()

    assert machine.tells() == "vpnbot 0.1.0\n"
    assert (machine.bin / "vpnbot").readlink() == machine.prefix / "bin" / "vpnbot"
    assert not list(machine.packages.rglob("of_an_earlier_build*"))
    assert (machine.prefix / "share" / "man" / "man1" / "vpnbot.1").exists()
    unit = (machine.prefix / "vpnbot.service").read_text()
    assert f"ExecStart={machine.bin}/vpnbot run\n" in unit
    assert (machine.packages / "demo" / "web" / "index.html").exists()
    # Nothing of root's is left in somebody's checkout.
    assert sorted(machine.checkout.rglob("*")) == before
    # The bot's account reads all of it.
    for path in (machine.prefix, *machine.prefix.rglob("*")):
        needed = 0o005 if path.is_dir() else 0o004
        assert stat.S_IMODE(path.stat().st_mode) & needed == needed, path


def test_an_upgrade(machine: Machine) -> None:
    (machine.checkout / "bot" / "of_an_earlier_version.py").touch()
    machine.installed()
    assert (machine.packages / "bot" / "of_an_earlier_version.py").exists()
    (machine.prefix / "kept").touch()
    (machine.checkout / "bot" / "of_an_earlier_version.py").unlink()
    project = machine.checkout / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "0.1.0"', 'version = "0.2.0"'))
    machine.installed()

    assert machine.tells() == "vpnbot 0.2.0\n"
    assert not (machine.packages / "bot" / "of_an_earlier_version.py").exists()
    # The environment is the same one: a bot that runs goes on until it is started again.
    assert (machine.prefix / "kept").exists()


def test_over_an_environment_of_another_python(machine: Machine) -> None:
    old = machine.prefix / "lib" / "python3.8" / "site-packages" / "bot"
    old.mkdir(parents=True)
    (machine.prefix / "bin").mkdir()
    (machine.prefix / "pyvenv.cfg").touch()
    (machine.prefix / "bin" / "python").symlink_to("/usr/bin/python3.8-that-is-gone")
    machine.installed()

    assert machine.tells() == "vpnbot 0.1.0\n"
    assert not old.exists()


def test_what_is_no_environment_is_left_alone(machine: Machine) -> None:
    machine.prefix.mkdir()
    (machine.prefix / "somebodys").write_text("work")
    ran = machine.install()

    assert ran.returncode == 1
    assert str(machine.prefix) in ran.stderr
    assert "PREFIX=" in ran.stderr
    assert [path.name for path in machine.prefix.iterdir()] == ["somebodys"]


def test_into_an_empty_folder(machine: Machine) -> None:
    machine.prefix.mkdir()
    machine.installed()

    assert machine.tells() == "vpnbot 0.1.0\n"


@pytest.mark.parametrize("python", ["/no/such/python", "old-python"])
def test_a_python_that_will_not_do(machine: Machine, tmp_path: Path, python: str) -> None:
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    ran = machine.install(PYTHON=str(tmp_path / python))

    assert ran.returncode == 1
    assert "Python 3.11 or newer is needed" in ran.stderr
    assert not machine.prefix.exists()


def test_make_passes_on_what_is_asked_for(machine: Machine) -> None:
    ran = subprocess.run(
        ["make", "--no-print-directory", "-n", "install", "PYTHON=python3.13", "PREFIX=/opt/else"],
        cwd=machine.checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "PYTHON=python3.13 PREFIX=/opt/else sh deploy/install.sh\n"


def test_it_says_what_it_made_and_how_to_remove_it(machine: Machine) -> None:
    ran = machine.install(SHARE=str(machine.prefix.parent / "share"))
    assert ran.returncode == 0, ran
    assert f"Installed: {machine.prefix}" in ran.stdout
    assert "vpnbot init" in ran.stdout
    assert f"make uninstall PREFIX={machine.prefix}" in ran.stdout
    theirs = machine.prefix.parent / "share" / "man" / "man1" / "other.1"
    theirs.write_text("theirs")
    (machine.bin / "other").write_text("theirs")

    removed = machine.uninstall(SHARE=str(machine.prefix.parent / "share"))
    assert removed.returncode == 0, removed
    assert not machine.prefix.exists()
    assert [one.name for one in machine.bin.iterdir()] == ["other"]
    left = [one for one in (machine.prefix.parent / "share").rglob("*") if one.is_file()]
    assert left == [theirs]
    assert machine.uninstall().returncode == 1


def test_a_prefix_of_ones_own_keeps_all_of_it_inside(machine: Machine) -> None:
    del machine.environment["BIN"]
    machine.installed()
    assert not machine.bin.exists()
    assert (machine.prefix / "share" / "bash-completion" / "completions" / "vpnbot").exists()
    said = machine.install().stdout
    assert f"{machine.prefix}/bin/vpnbot" in said
    # What systemd starts is this one, too; `vpnbot init` names the file.
    assert f"cp {machine.prefix}/vpnbot.service /etc/systemd/system/" in said
    unit = (machine.prefix / "vpnbot.service").read_text()
    assert f"ExecStart={machine.prefix}/bin/vpnbot run\n" in unit
    assert "/usr/local" not in unit


def test_what_is_no_environment_is_not_removed(machine: Machine) -> None:
    (machine.prefix / "bin").mkdir(parents=True)
    (machine.prefix / "bin" / "vpnbot").write_text("theirs")
    assert machine.uninstall().returncode == 1
    assert (machine.prefix / "bin" / "vpnbot").exists()
