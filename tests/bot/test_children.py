"""What the programs that the bot starts get to see of its settings: nothing."""

import json
import os
from pathlib import Path

import pytest

from bot.handover.rendering import Job, render_all
from vpn.local_host import LocalHost

SECRETS = {
    "VPNBOT_BOT_TOKEN": "123456789:a-token-that-opens-nothing-at-all",
    "VPNBOT_CA_PASSPHRASE": "correct horse battery staple",
    "SOMEBODY_ELSES_SECRET": "swordfish",
}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


async def test_openvpn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    program = tmp_path / "openvpn"
    program.write_text(f"#!/bin/sh\nenv > {seen}\ncat > /dev/null\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    assert await LocalHost(tmp_path).syntax_problem("", "dev tun\n") is None

    told = seen.read_text()
    assert f"PATH={tmp_path}" in told
    assert [secret for secret in SECRETS.values() if secret in told] == []


async def test_whatever_renders_the_operators_templates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python itself says what it was given, before it begins with anything of ours."""
    seen = tmp_path / "seen"
    tell = f"import json, os; open({str(seen)!r}, 'w').write(json.dumps(dict(os.environ)))"
    (tmp_path / "sitecustomize.py").write_text(tell)
    (tmp_path / "hello.j2").write_text("Hello, {{ name }}!")
    places = (str(tmp_path), os.environ.get("PYTHONPATH"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, places)))

    fields = {"words": {"name": "Anna"}, "times": {}, "lists": {}, "blocks": {}}
    (rendered,) = await render_all(tmp_path, [Job("hello.j2", fields)])

    assert rendered.text == "Hello, Anna!"
    told = json.loads(seen.read_text())
    assert told["PATH"] == os.environ["PATH"]
    assert [secret for secret in SECRETS.values() if secret in told.values()] == []
