"""Settings as a test gives them, away from the tester's own."""

import os
from pathlib import Path

import pytest

from bot.errors import BadSettings
from bot.settings import Settings, load_settings

TOKEN = "123456789:AAF-a_token_that_opens_nothing_at_all"
PASSPHRASE = "correct horse battery staple"


def leave_own_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts in this folder, with nothing of the tester's own settings."""
    monkeypatch.chdir(folder)
    for name in list(os.environ):
        if name.upper().startswith("VPNBOT_"):
            monkeypatch.delenv(name)


def write(path: Path, content: bytes | str, mode: int = 0o600) -> Path:
    """A file with a secret, closed to others unless it is said."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def load(**environment: str | Path) -> Settings:
    """The settings in this environment; names without the prefix."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(f"VPNBOT_{name}", str(value))
        return load_settings()


def refused(**environment: str | Path) -> str:
    """The one line that says why not."""
    with pytest.raises(BadSettings) as caught:
        load(**environment)
    line = str(caught.value)
    assert "\n" not in line
    assert line.endswith(".")
    return line
