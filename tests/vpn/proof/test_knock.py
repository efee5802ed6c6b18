"""What a real server answers to who dials it with a certificate; the client is the real one."""

import asyncio
import os
import pwd
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.network import NetLab
from tests.folders import open_folder
from tests.hanging import PATIENCE_S
from tests.netns import inside
from tests.vpn.kit import Company, make_spec
from tests.vpn.running import IN_THE_LAB, Running, run_server
from vpn.errors import HostError
from vpn.proof import knock as knocking
from vpn.proof.knock import Answer, Knock, client_missing, knock
from vpn.values import Protocol

pytestmark = IN_THE_LAB
# How long a silence is listened to; who is answered waits for nothing, and has time.
_SILENCE_S, _ANSWERED_S = 2, 30
# Nothing is waited for: what is, hangs.
_FOR_EVER_S = 3600


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An end that is not noticed is waited for."""
    monkeypatch.setattr(knocking, "_GOODBYE_S", _FOR_EVER_S)
    monkeypatch.setattr(knocking, "_KILLED_S", _FOR_EVER_S)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Running]:
    with open_folder() as folder:
        async with run_server(Company(make_spec(folder))) as made:
            yield made


def devices() -> list[Path]:
    return sorted(Path("/sys/class/net").iterdir())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def by_tcp() -> AsyncIterator[Running]:
    with open_folder() as folder:
        async with run_server(Company(make_spec(folder, protocol=Protocol.TCP))) as made:
            yield made


async def dial(lab: NetLab, profile: str, *, window_s: int = _ANSWERED_S) -> Knock:
    with inside(lab.client_namespace):
        return await knock(profile, window_s=window_s)


async def dial_in_vain(lab: NetLab, profile: str) -> Knock:
    return await dial(lab, profile, window_s=_SILENCE_S)


@pytest.mark.long
async def test_who_may_come_in_is_taken_and_takes_leave(running: Running) -> None:
    issued = await running.company.admit()
    before = devices()

    assert (await dial(running.lab, issued.profile)).answer is Answer.TAKEN

    assert devices() == before
    # Seconds after it was told, OpenVPN forgets a client; one that falls silent, after minutes.
    end = time.monotonic() + PATIENCE_S
    while issued.target.common_name in await running.company.live.connected():
        assert time.monotonic() < end
        await asyncio.sleep(0.2)


async def test_by_tcp_it_is_the_same(by_tcp: Running) -> None:
    company = by_tcp.company
    issued, fileless = await company.admit(), company.issue()
    assert (await dial(by_tcp.lab, issued.profile)).answer is Answer.TAKEN
    assert (await dial(by_tcp.lab, fileless.profile)).answer is Answer.TURNED_AWAY
    company.revoke(issued)
    await company.publish()
    assert (await dial_in_vain(by_tcp.lab, issued.profile)).answer is Answer.BROKEN_OFF
    await by_tcp.stop()
    assert (await dial_in_vain(by_tcp.lab, fileless.profile)).answer is Answer.UNANSWERED


async def test_without_an_address_file_the_certificate_is_taken_and_its_bearer_is_not(
    running: Running,
) -> None:
    answer = await dial(running.lab, running.company.issue().profile)

    assert answer.answer is Answer.TURNED_AWAY


async def test_a_revoked_one_gets_no_word_but_the_server_is_there(running: Running) -> None:
    issued = await running.company.admit()
    running.company.revoke(issued)
    await running.company.publish()

    assert (await dial_in_vain(running.lab, issued.profile)).answer is Answer.BROKEN_OFF


async def test_where_nobody_listens_nothing_comes_back(running: Running) -> None:
    profile = running.company.issue().profile.replace(" 1194 ", " 1195 ")

    assert (await dial_in_vain(running.lab, profile)).answer is Answer.UNANSWERED


async def test_what_could_not_be_tried_is_no_answer(running: Running) -> None:
    profile = running.company.issue().profile.replace("nobind", "no-such-option")

    with pytest.raises(HostError, match="doesn't take the profile"):
        await dial(running.lab, profile)


async def test_without_openvpn_nothing_can_be_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)

    assert client_missing()
    with pytest.raises(HostError, match="isn't installed"):
        await knock("client\n")


async def test_a_client_that_says_too_much_or_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it does, it keeps nobody waiting, and none of its processes is left."""
    pid = writable(tmp_path) / "pid"
    script = f"trap '' TERM\necho $$ >{pid}\nhead -c 1000000 /dev/zero\nexec sleep 600\n"
    put_client(tmp_path, script, monkeypatch)

    assert (await knock("client\n", window_s=_FOR_EVER_S)).answer is Answer.UNANSWERED

    assert not is_running(pid.read_text().strip())


async def test_who_was_taken_may_say_goodbye(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was not told keeps the session for minutes."""
    script = (
        "trap 'echo gone >left; exit' TERM\necho Initialization Sequence Completed\n"
        "while :; do sleep 0.05; done\n"
    )
    left = writable(tmp_path) / "left"
    put_client(tmp_path, f"cd {tmp_path}\n{script}", monkeypatch)

    assert (await knock("client\n", window_s=_FOR_EVER_S)).answer is Answer.TAKEN

    assert left.read_text() == "gone\n"


@pytest.mark.parametrize(
    "said",
    [
        "VERIFY ERROR: depth=0, error=self-signed: CN=Initialization Sequence Completed",
        "PUSH: Received control message: 'PUSH_REPLY,echo Initialization Sequence Completed'",
        "PUSH: Received control message: 'PUSH_REPLY,echo AUTH_FAILED'",
        "VERIFY OK: depth=0, CN=TLS: Initial packet from",
        "PUSH: Received control message: 'PUSH_REPLY,echo \u2028Options error: none'",
    ],
)
async def test_a_servers_own_words_are_not_taken_for_the_clients(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"OpenVPN 2.6\n{said}\nExiting"
    put_client(tmp_path, f"cat >/dev/null\ncat <<'said'\n{words}\nsaid\n", monkeypatch)

    telling = said if said.startswith("VERIFY ERROR") else "Exiting"
    assert await knock("client\n", window_s=_FOR_EVER_S) == Knock(Answer.UNANSWERED, ascii(telling))


@pytest.mark.parametrize("account", [0, 65534])
async def test_the_client_has_none_of_roots_rights(
    account: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor what root has given up for a while only."""
    script = "cat >/dev/null\necho $(id -u) $(id -ru) $(id -g) $(id -rg) $(id -G)\n"
    put_client(tmp_path, script, monkeypatch)
    groups, ids = os.getgroups(), pwd.getpwnam("nobody")
    try:
        os.setgroups([4] if account == 0 else [])
        os.setegid(account)
        os.seteuid(account)
        told = await knock("client\n")
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
    uid, gid = ids.pw_uid, ids.pw_gid
    assert told.said == repr(f"{uid} {uid} {gid} {gid} {gid}")


def is_running(pid: str) -> bool:
    return Path("/proc", pid).exists()


def writable(folder: Path) -> Path:
    """By nobody, as whom the client runs."""
    folder.chmod(0o777)
    return folder


def put_client(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts lines of sh in the place of OpenVPN, where any account may run them."""
    program = folder / "openvpn"
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(0o755)
    for each in (folder, *folder.parents):
        if each.stat().st_uid == os.geteuid() and each != each.parent:
            each.chmod(each.stat().st_mode | 0o011)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
