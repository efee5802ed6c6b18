"""No secret lies about: not in files, not in what was ever written, not in what others can read."""

import asyncio
import base64
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pyrage import passphrase

from demo.api.faults import Fault, drop_after, status
from demo.testing import PersonChat
from tests.company import PASSPHRASE, TOKEN
from tests.crash.stage import PLAIN, Stage, open_stage
from tests.torture.leaks import (
    BACKUP_SECRET,
    Leak,
    back_up,
    backups,
    company_leaks,
    leaks_below,
    leaks_in_backup,
    leaks_of_process,
    profiles,
    secrets_of,
)
from tests.torture.storm import folder_for_nobody
from tests.torture.trace import Write, strace_missing, traced, writes

_STRACE = strace_missing()


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_for_nobody() as path:
        yield path


async def _three_grants(stage: Stage) -> None:
    """One goes well, one after a 429, and of one the answer gets lost."""
    troubles = (None, status(429, "Too Many Requests", 1), drop_after)
    for trouble in troubles:
        chat = await stage.hire()
        if trouble is not None:
            stage.company.telegram.faults.append(Fault("sendDocument", 1, trouble))
        await chat.says("/requestvpn")
        boris = stage.company.boris
        card = await stage.button(boris, f"{chat.person.first_name} asks", "Approve")
        await boris.taps("Approve", message=card)
        await chat.receives_document()
        await stage.settle()


def _chats(stage: Stage) -> list[PersonChat]:
    return [stage.company.telegram.person(one) for one in stage.company.telegram.world.people]


def _delivered(stage: Stage) -> list[str]:
    return profiles(_chats(stage))


async def test_nothing_is_left_in_files_or_shown_to_others(folder: Path) -> None:
    """Nor in what a backup holds that was made in the middle of it."""
    async with open_stage(folder, program=PLAIN) as stage:
        await _three_grants(stage)
        await stage.company.kill()
        await stage.company.start()
        _, backup = await asyncio.gather(_three_grants(stage), back_up(stage.company))
        delivered = _delivered(stage)
        # A lost answer: the first profile arrived, too.
        assert len(delivered) == 8
        assert backups(folder) == [backup]
        assert company_leaks(stage.company, _chats(stage)) == []
        assert stage.company.bot is not None
        assert leaks_of_process(stage.company.bot.pid, secrets_of(delivered)) == []


@pytest.mark.skipif(_STRACE is not None, reason=_STRACE or "")
async def test_no_key_is_ever_written_to_a_file(folder: Path) -> None:
    """Not even to one that is removed again: each write of the process is looked at."""
    output = folder.parent / f"{folder.name}.strace"
    try:
        async with open_stage(folder, program=traced(output, *PLAIN)) as stage:
            await _three_grants(stage)
            delivered = _delivered(stage)
            await stage.company.stop()
        secrets = secrets_of(delivered)
        seen = list(writes(output))
        _check_that_it_was_seen(seen, delivered)
        leaks = [
            Leak(f"{write.call} to {write.target}", what)
            for write in seen
            if write.is_file
            for what, forms in secrets.items()
            if any(form in write.content for form in forms)
        ]
        assert leaks == []
    finally:
        output.unlink(missing_ok=True)


def _check_that_it_was_seen(seen: list[Write], delivered: list[str]) -> None:
    """The profiles went out by sockets, and the database and the address files were written."""
    sent = b"".join(write.content for write in seen if not write.is_file)
    for profile in delivered:
        assert profile.encode() in sent.replace(b"\r\n", b"\n")
    files = {Path(write.target).name for write in seen if write.is_file}
    assert any(name.startswith("vpnbot.db") for name in files), files
    written = b"".join(write.content for write in seen if write.is_file)
    assert b"ifconfig-push" in written
    assert b"-----BEGIN X509 CRL-----" in written


# --- whether it would be found


async def test_whatever_was_planted_is_found(folder: Path) -> None:
    async with open_stage(folder, program=PLAIN) as stage:
        await _three_grants(stage)
        delivered = _delivered(stage)
        await stage.company.stop()
    profile = delivered[0]
    secrets = secrets_of(delivered)
    pem = profile.partition("<key>\n")[2].partition("</key>")[0]
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    wrapped = profile.partition("<tls-crypt-v2>\n")[2].partition("</tls-crypt-v2>")[0]
    key = {"a delivered key", "any private key"}
    plants = {
        "profile": (profile.encode(), key),
        "pem": (pem.encode(), key),
        "der": (b"x" * 100 + der + b"y", key),
        "scalar": (b"x" + der[36:68] + b"y", {"a delivered key"}),
        "line": (wrapped.splitlines()[3].encode(), {"a delivered key"}),
        "url": (f"GET /bot{TOKEN}/getMe".encode(), {"token"}),
        "log": (f"opened with {PASSPHRASE}".encode(), {"passphrase"}),
    }
    place = folder / "data" / "somewhere"
    for content, expected in plants.values():
        place.write_bytes(b"\x00\xff" + content + b"\x00")
        found = leaks_below(folder, secrets)
        assert {leak.what for leak in found} == expected
        assert {leak.where for leak in found} == {"data/somewhere"}
        place.unlink()
    planted = b"".join(content for content, _ in plants.values())
    backup = _backup_with(folder.parent / "planted.age", planted)
    assert {leak.what for leak in leaks_in_backup(backup, secrets)} == set(secrets)
    assert company_leaks(stage.company, []) == []
    # What must be there is there, and no more than that is left out.
    assert TOKEN.encode() in (folder / "token").read_bytes()


def _backup_with(path: Path, content: bytes) -> Path:
    """Opened by the same passphrase as those that the tests take."""
    plain = BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        info = tarfile.TarInfo("vpnbot.db")
        info.size = len(content)
        tar.addfile(info, BytesIO(content))
    path.write_bytes(passphrase.encrypt(plain.getvalue(), BACKUP_SECRET))
    return path
