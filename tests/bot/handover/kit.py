"""An operator's own words in a folder, and somebody's profile to be made with them."""

import json
import os
import pwd
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from bot.errors import BadTemplate
from bot.handover.fields import Fields
from bot.handover.handover import Handover
from vpn.configuration.profile import (
    DEPLOYED_PROFILE,
    ProfileMaterial,
    ProfileParts,
    ProfileSettings,
    render_profile,
)
from vpn.values import Protocol, Remote

# No whole minute, and an odd second: a ZIP archive knows even ones only.
NOW = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)
FIELDS = Fields(
    name="Anna Petrova",
    common_name="anna-k3m9",
    server="berlin",
    host="vpn.example.com",
    port=1194,
    protocol="udp",
    friendly_name="berlin (anna-k3m9)",
    file_name="berlin-anna-k3m9.ovpn",
    not_before=NOW,
    until=NOW + timedelta(days=7),
)
MATERIAL = ProfileMaterial(
    ca_pem="-----BEGIN CERTIFICATE-----\nYXV0aG9yaXR5\n-----END CERTIFICATE-----",
    certificate_pem="-----BEGIN CERTIFICATE-----\nYW5uYQ==\n-----END CERTIFICATE-----",
    private_key_pem="-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----",
    tls_key="-----BEGIN OpenVPN tls-crypt-v2 client key-----\nd3JhcA==\n-----END OpenVPN key-----",
)
PROFILE = "client.ovpn.j2"
BLOCKS = "{{ inline }}\n"
SHORTEST = f"{{{{ directives }}}}\n{BLOCKS}"
# What a deployed server needs, and nothing else.
REMOTE = "remote {{ host }} {{ port }} {{ protocol }}"
NEEDED = f"client\ndev tun\n{REMOTE}\nremote-cert-tls server\n"


def built_in(
    *, protocol: Protocol = Protocol.UDP, settings: ProfileSettings = DEPLOYED_PROFILE
) -> ProfileParts:
    return render_profile(
        remote=Remote(FIELDS.host, FIELDS.port, protocol),
        server_common_name="server-berlin",
        friendly_name=FIELDS.friendly_name,
        material=MATERIAL,
        settings=settings,
    )


def put(folder: Path, name: str, content: str | bytes = "x") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


async def made(
    folder: Path,
    template: str,
    *,
    ours: ProfileParts | None = None,
    settings: ProfileSettings = DEPLOYED_PROFILE,
) -> str:
    """The profile by this template, in place of ours."""
    put(folder, PROFILE, template)
    return await Handover(folder).profile(FIELDS, ours or built_in(settings=settings), settings)


@contextmanager
def refused(folder: Path, file: str, problem: str, *, line: int | None = None) -> Iterator[None]:
    """Exactly this is said, and nothing comes out."""
    path = quote(str(folder / file))
    place = path if line is None else f"{path}, line {line}"
    with pytest.raises(BadTemplate) as caught:
        yield
    assert str(caught.value) == f"{place}: {problem}; mend it, see docs/templates.md."


@contextmanager
def _without_root() -> Iterator[None]:
    """Root may read everything, so it steps down for a moment: only the effective id counts."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(pwd.getpwnam("daemon").pw_uid)
    try:
        yield
    finally:
        os.seteuid(before)


@contextmanager
def shut(path: Path, mode: int) -> Iterator[None]:
    """Whoever looks has no more rights than this mode gives them."""
    path.chmod(mode)
    try:
        with _without_root():
            yield
    finally:
        path.chmod(0o755)


class Child:
    """What the process that renders goes through before it begins: Python runs a sitecustomize."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
        self._notes = folder / "notes.json"
        start = f"""
            import io, json, os, pathlib, sys, time
            told = sys.stdin.read()
            sys.stdin = io.StringIO(told)
            notes = json.dumps({{"pid": os.getpid(), "told": told, "env": dict(os.environ)}})
            place = pathlib.Path({str(self._notes)!r})
            place.with_suffix(".new").write_text(notes)
            place.with_suffix(".new").rename(place)
        """
        put(folder, "sitecustomize.py", f"{textwrap.dedent(start)}{code}\n")
        others = os.environ.get("PYTHONPATH", "")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(folder), others))))

    @property
    def has_started(self) -> bool:
        return self._notes.exists()

    def notes(self) -> dict[str, Any]:
        """Its process id, its environment, and what it was told."""
        found: dict[str, Any] = json.loads(self._notes.read_text())
        return found

    def is_there(self) -> bool:
        return Path(f"/proc/{self.notes()['pid']}").exists()
