"""Which host key is pinned: of a fingerprint, of known_hosts, or of whoever confirms it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.errors import NotDone
from bot.setup.ways import WayIn, pinned_key
from tests.sshd import NEEDS_SSHD, Sshd, run_sshd
from vpn.errors import SshUnreachable
from vpn.host.ssh_address import SshAddress

pytestmark = NEEDS_SSHD
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4hM0Lm0N5bWZ0PVvkYB6rLZJJ9gZQJZ0n0z8QmYw1u"


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("sshd")) as made:
        yield made


@pytest.fixture
def known_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of whoever types the command."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / ".ssh" / "known_hosts"
    path.parent.mkdir()
    return path


def know(known_hosts: Path, sshd: Sshd, key: str) -> None:
    known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {key}\n")


def asked(answer: bool, questions: list[str]) -> Callable[[str], bool]:
    def confirm(question: str) -> bool:
        questions.append(question)
        return answer

    return confirm


def way(sshd: Sshd, fingerprint: str | None = None) -> WayIn:
    return WayIn(SshAddress("vpnbot", "127.0.0.1", sshd.port), fingerprint)


@pytest.mark.usefixtures("known_hosts")
async def test_a_fingerprint_decides(sshd: Sshd) -> None:
    questions: list[str] = []
    key = await pinned_key(way(sshd, sshd.fingerprint), asked(False, questions))
    assert key == sshd.host_key
    with pytest.raises(NotDone, match="shows other host keys"):
        await pinned_key(way(sshd, "SHA256:another"), asked(True, questions))
    assert questions == []


async def test_known_hosts_decide(sshd: Sshd, known_hosts: Path) -> None:
    questions: list[str] = []
    know(known_hosts, sshd, sshd.host_key)
    assert await pinned_key(way(sshd), asked(False, questions)) == sshd.host_key
    know(known_hosts, sshd, OTHER)
    with pytest.raises(NotDone, match="aren't those in known_hosts"):
        await pinned_key(way(sshd), asked(True, questions))
    assert questions == []


@pytest.mark.usefixtures("known_hosts")
async def test_else_somebody_confirms(sshd: Sshd) -> None:
    questions: list[str] = []
    assert await pinned_key(way(sshd), asked(True, questions)) == sshd.host_key
    assert sshd.fingerprint in questions[0]
    with pytest.raises(NotDone, match="--host-key SHA256:"):
        await pinned_key(way(sshd), asked(False, questions))


@pytest.mark.usefixtures("known_hosts")
async def test_nobody_there(sshd: Sshd) -> None:
    sshd.stop()
    try:
        with pytest.raises(SshUnreachable, match="can't be reached by SSH"):
            await pinned_key(way(sshd, sshd.fingerprint), asked(True, []))
    finally:
        sshd.start()
