"""What the programs that the bot starts get to see of its settings: nothing."""

import json
import os
import sys
import sysconfig
from pathlib import Path

import pytest

from bot.errors import BadTemplate
from bot.handover.rendering import Job, render_all
from bot.process.privileges import act_as
from tests.accounts import DAEMON, give, python_for_all
from tests.folders import open_folder
from vpn.host.local import LocalHost
from vpn.host.machine import syntax_problem

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

    assert await syntax_problem(LocalHost(tmp_path), "", "dev tun\n") is None

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


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can act as another account.")
async def test_a_template_that_breaks_out_cannot_become_root(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Root may have started the command; the templates are the account's."""
    monkeypatch.setattr(sys, "executable", python_for_all())
    # The tests' own Python may lie in root's home; all of it that is needed is loaded by now.
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: "/")
    groups = os.getgroups()
    with open_folder() as folder:
        seen = folder / "seen"
        tell = f"open({str(seen)!r}, 'w').write(f'{{os.getresuid()}} {{os.getresgid()}}')"
        (folder / "sitecustomize.py").write_text(f"import os; {tell}; os._exit(1)")
        (folder / "hello.j2").touch()
        give(folder)
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.setattr("bot.process.privileges._require_program", lambda *_: None)
        try:
            act_as(DAEMON.pw_uid, folder)
            with pytest.raises(BadTemplate):
                await render_all(folder, [Job("hello.j2", {})])
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
        uids, gids = (DAEMON.pw_uid,) * 3, (DAEMON.pw_gid,) * 3
        assert seen.read_text() == f"{uids} {gids}"
