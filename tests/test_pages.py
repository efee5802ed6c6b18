"""What the pages say is compared with what is there."""

import re
import tomllib
from pathlib import Path

import pytest
import typer

from bot.access.durations import parse_duration
from bot.cli.program import COMMANDS
from bot.process.env_file import env_values, read_env
from bot.settings import PREFIX, Settings
from tests.bench import page

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
SECURITY = (ROOT / "SECURITY.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
PAGES = (
    *("README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md"),
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)
ROOMS = ("bot", "pki", "vpn", "storage", "demo")
LONGEST_FILE = 500


def _commands() -> dict[str, typer.core.TyperCommand]:
    """Every command that can be typed, by its words: `server add`, `server group add`."""
    found = {}
    left = [(str(later.name), later.command()) for later in COMMANDS]
    while left:
        name, command = left.pop()
        if isinstance(command, typer.core.TyperGroup):
            left += [(f"{name} {sub}", found_) for sub, found_ in command.commands.items()]
        else:
            found[name] = command
    return {name: c for name, c in found.items() if isinstance(c, typer.core.TyperCommand)}


def _named_in_readme() -> set[str]:
    """`vpnbot server add`, `deploy`, `list` in a table names three commands."""
    named = set()
    groups = {name.rpartition(" ")[0] for name in _commands() if " " in name}
    for row in re.findall(r"^\| (`vpnbot [^|]*) \|", README, re.MULTILINE):
        group = ""
        for code in re.findall(r"`([^`]+)`", row):
            words = [w for w in code.removeprefix("vpnbot ").split() if w[0].islower()]
            said = [" ".join(words[: n + 1]) for n in range(len(words))]
            if words[0] in groups:
                group = [name for name in said if name in groups][-1]
                named.add(said[len(group.split())])
            elif code.startswith("vpnbot ") or not group:
                named.add(words[0])
            else:
                named.add(f"{group} {words[0]}")
    return named


def test_the_readme_lists_every_command_and_no_other() -> None:
    visible = {name for name, command in _commands().items() if not command.hidden}

    assert _named_in_readme() == visible


def test_every_command_in_the_readmes_text_exists() -> None:
    typed = re.findall(r"(?:^ {4,}.*?|`)vpnbot ([a-z]+(?: [a-z-]+)*)", README, re.MULTILINE)

    for words in typed:
        said = [" ".join(words.split()[: n + 1]) for n in range(len(words.split()))]
        assert not {*said}.isdisjoint(_commands()), words


def test_every_option_in_the_readme_exists() -> None:
    every = {opt for c in _commands().values() for p in c.params for opt in p.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    other_programs = {"--system", "--create-home", "--home-dir", "--shell", "--now"}

    assert named - other_programs <= every


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"(?:^ {4,}|`)make ([a-z-]+)", README, re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_every_link_in_a_page_leads_somewhere(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_every_test_that_security_cites_exists() -> None:
    table = SECURITY.partition("| shown by |")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| .* \| ([^|]+) \|$", table, re.MULTILINE)
    cited = {name for row in rows for name in re.findall(r"`([\w/]+(?:\.py|/))`", row)}

    assert len(cited) > len(ROOMS)
    for name in cited:
        assert (ROOT / "tests" / name).exists(), name


def test_the_example_has_every_setting_and_no_other() -> None:
    named = re.findall(rf"^#? ?({PREFIX}[A-Z_]+)=", EXAMPLE, re.MULTILINE)

    assert sorted(named) == sorted(f"{PREFIX}{field}".upper() for field in Settings.model_fields)


def test_the_example_is_a_file_that_settings_read(tmp_path: Path) -> None:
    every_line = re.sub(rf"^# ({PREFIX})", r"\1", EXAMPLE, flags=re.MULTILINE)
    (tmp_path / ".env").write_text(every_line)
    values = env_values(read_env(tmp_path / ".env"))

    assert values["VPNBOT_TELEGRAM_API_URL"] == Settings.model_fields["telegram_api_url"].default
    assert Path(values["VPNBOT_DATA_DIR"]) == Settings.model_fields["data_dir"].default


@pytest.mark.parametrize("field", ["grant_duration", "max_grant_duration", "request_ttl"])
def test_the_examples_durations_are_the_defaults(field: str) -> None:
    found = re.search(rf"^# {PREFIX}{field.upper()}=(.*)$", EXAMPLE, re.MULTILINE)

    assert found is not None
    assert parse_duration(found[1]) == Settings.model_fields[field].default


def test_the_readme_shows_three_lines_of_the_bench() -> None:
    shown = page.shown(README)

    assert shown.strip() == page.quoted((ROOT / "docs/benchmarks.md").read_text()).strip()
    assert len(shown.split("\n| ")) - 1 == len(page.IN_README) == 3


def test_every_dependency_is_justified() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    rows = " ".join(re.findall(r"^\| (.*?) \|", ARCHITECTURE.partition("## Why")[2], re.MULTILINE))

    for requirement in needed:
        name = re.split(r"[\[<>=]", requirement)[0]
        assert name in rows, name


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_locks_have_hashes_and_name_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text()

    assert "://" not in text
    for block in re.split(r"\n(?=[a-z0-9])", text.strip()):
        assert "--hash=sha256:" in block, block[:80]


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_is_longer_than_a_person_reads(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        assert len(path.read_text().splitlines()) <= LONGEST_FILE, path
