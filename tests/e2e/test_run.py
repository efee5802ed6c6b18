"""What stops the bot or a command before it begins, and whose identity it takes on."""

import asyncio
import os
import re
import shutil
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from demo.api.faults import Fault, page, status
from demo.lab.stand_in import StandIn
from tests.accounts import DAEMON, give, program_for_all
from tests.company import TOKEN, Company, Ran, company_with_stand_in, until

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can take on another identity.")


@pytest.fixture
async def office(folder: Path) -> AsyncIterator[tuple[Company, StandIn]]:
    async with company_with_stand_in(folder) as made:
        yield made


@pytest.fixture
def company(office: tuple[Company, StandIn]) -> Company:
    return office[0]


def one_line(ran: Ran, *words: str) -> None:
    """It ended with one line that has all these words."""
    assert ran.code == 1, ran
    last = ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err
    for word in words:
        assert word in last, ran


def secret_file(company: Company, name: str, secret: str) -> str:
    path = company.folder / name
    path.write_text(secret)
    path.chmod(0o600)
    return str(path)


async def test_what_ends_a_bot(company: Company) -> None:
    """All at once, since the last of them takes its time."""
    others = [company.folder / name for name in ("second", "third")]
    for other in others:
        shutil.copytree(company.data, other)
    second, third = ({"VPNBOT_DATA_DIR": str(other)} for other in others)
    wrong_token = secret_file(company, "wrong", "123456789:this-is-not-the-token-at-all")
    no_token = secret_file(company, "none", "hello")
    wrong_phrase = secret_file(company, "phrase", "Tr0ub4dor&3")
    await company.start()
    refused, no_words, shut, nobody, polled = await asyncio.gather(
        company.vpnbot("run", **second, VPNBOT_BOT_TOKEN_FILE=wrong_token),
        company.vpnbot("run", **second, VPNBOT_BOT_TOKEN_FILE=no_token),
        company.vpnbot("run", **third, VPNBOT_CA_PASSPHRASE_FILE=wrong_phrase),
        company.vpnbot("run", **third, VPNBOT_ADMIN_IDS=""),
        _poll_until_it_gives_up(company),
    )
    one_line(refused, "Telegram doesn't know the token")
    one_line(no_words, "VPNBOT_BOT_TOKEN_FILE")
    one_line(shut, "passphrase doesn't open")
    one_line(nobody, "VPNBOT_ADMIN_IDS")
    assert polled == 1
    assert "Another program fetches this bot's updates" in company.log.splitlines()[-1]
    said = company.log + "".join(ran.err + ran.out for ran in (refused, no_words, shut, nobody))
    assert not any(secret in said for secret in (TOKEN, "this-is-not", "hello", "Tr0ub4dor"))


async def _poll_until_it_gives_up(company: Company) -> int:
    """Another program with the same token; gives the bot's exit status."""
    ended = asyncio.create_task(company.ended())
    url = f"{company.telegram.url}/bot{TOKEN}/getUpdates"
    async with httpx.AsyncClient() as client:
        while not ended.done():
            await client.get(url, params={"timeout": 0})
            await asyncio.sleep(0.1)
    return await ended


async def test_a_wrong_passphrase_changes_nothing(company: Company) -> None:
    phrase = {"VPNBOT_CA_PASSPHRASE_FILE": secret_file(company, "phrase", "Tr0ub4dor&3")}
    output = company.folder / "anna.ovpn"
    before = company.dump()
    ran = await asyncio.gather(
        company.vpnbot("revoke", "1001", **phrase),
        company.vpnbot("grant", "issue", "1001", "--output", str(output), **phrase),
        company.vpnbot(
            *("server", "add", "paris", "--remote", "a.example.com:1", "--directory", "/srv/x"),
            **phrase,
        ),
    )
    for each in ran:
        one_line(each, "passphrase doesn't open")
    assert company.dump() == before
    assert not output.exists()


async def test_a_folder_that_others_can_look_into(company: Company) -> None:
    company.data.chmod(0o750)
    ran = await company.vpnbot("user", "list")
    assert ran.err.count("\n") == 1
    one_line(ran, f"chmod 700 {company.data}")
    company.data.chmod(0o700)
    (company.data / "ca" / "ca.p12").chmod(0o640)
    before = company.dump()
    one_line(await company.vpnbot("revoke", "1001"), "ca.p12")
    assert company.dump() == before


@pytest.mark.long
async def test_in_a_wrong_folder_no_new_world_is_made(company: Company) -> None:
    """An empty list of grants would read as if nobody had access."""
    wrong = company.folder / "wrong"
    commands = ("grant list", "user list", "revoke anna", "audit verify", "server status", "run")
    ran = await asyncio.gather(
        *(company.vpnbot(*command.split(), VPNBOT_DATA_DIR=str(wrong)) for command in commands)
    )
    for each in ran:
        one_line(each, f"There is no data folder {wrong}", "VPNBOT_DATA_DIR", "vpnbot init")
    assert not wrong.exists()


@pytest.mark.long
async def test_without_a_ca_and_with_settings_that_cannot_be(company: Company) -> None:
    folder = company.folder / "empty"
    folder.mkdir(mode=0o700)
    empty = {"VPNBOT_DATA_DIR": str(folder)}
    add = ("server", "add", "x", "--remote", "a.example.com:1", "--directory", "/srv/x")
    short = {"VPNBOT_CA_PASSPHRASE_FILE": secret_file(company, "short", "12345678901")}
    missing, unfit, unknown, bad, late, kept, same = await asyncio.gather(
        company.vpnbot(*add, **empty),
        company.vpnbot("ca", "init", **empty | short),
        company.vpnbot("user", "list", VPNBOT_ADMIN="2001"),
        company.vpnbot("user", "list", VPNBOT_GRANT_DURATION="forever-and-a-day"),
        company.vpnbot("user", "list", VPNBOT_GRANT_DURATION="40d"),
        company.vpnbot("ca", "init"),
        company.vpnbot("ca", "init", **short),
    )
    one_line(missing, "vpnbot ca init")
    one_line(unfit, "at least 12 characters")
    one_line(unknown, "VPNBOT_ADMIN ")
    assert "2001" not in unknown.err
    one_line(bad, "VPNBOT_GRANT_DURATION")
    assert "forever" not in bad.err
    one_line(late, "VPNBOT_GRANT_DURATION", "VPNBOT_MAX_GRANT_DURATION")
    for ran in (kept, same):
        one_line(ran, "already")
    assert not (company.folder / "empty" / "ca").exists()


@ROOT
async def test_root_acts_as_the_account_that_owns_the_data(
    office: tuple[Company, StandIn],
) -> None:
    company, server = office
    company.program = program_for_all()
    give(company.data)
    give(company.folder / "office" / "live")
    for name in ("token", "passphrase"):
        give(company.folder / name)
    # The stand-in lets in whoever may open its socket.
    (company.folder / "office" / "management.sock").chmod(0o777)
    output = company.folder / "anna.ovpn"
    await company.done("grant", "issue", "1001", "--output", str(output))
    assert (output.stat().st_uid, stat.S_IMODE(output.stat().st_mode)) == (0, 0o600)
    (grant,) = await company.grants()
    ccd = company.folder / "office" / "live" / "ccd" / grant["common_name"]
    assert ccd.stat().st_uid == DAEMON.pw_uid
    assert await server.connect(grant["common_name"])
    assert (await company.done("revoke", "1001")).out.startswith("Revoked")
    assert server.sessions == ()
    owners = {path.lstat().st_uid for path in (company.data, *company.data.rglob("*"))}
    assert owners == {DAEMON.pw_uid}

    remote = ("--remote", "127.0.0.1:47112/udp", "--network", "10.97.0.0/24")
    paris = company.folder / "paris"
    await company.done("server", "add", "paris", *remote, "--directory", str(paris))
    await company.done("server", "deploy", "paris", "--directory", str(paris))
    assert (paris / "server.conf").stat().st_uid == 0
    assert (paris / "live" / "crl.pem").stat().st_uid == DAEMON.pw_uid
    assert "management-client-user daemon" in (paris / "server.conf").read_text()
    assert company.query("SELECT DISTINCT actor FROM audit WHERE action LIKE 'server.%'") == [
        ("system:root",)
    ]

    await company.start()
    assert company.bot is not None
    # Given up for good: real, effective, saved and of the file system.
    assert _status(company.bot.pid, "Uid") == [str(DAEMON.pw_uid)] * 4
    assert _status(company.bot.pid, "Gid") == [str(DAEMON.pw_gid)] * 4
    assert "0" not in _status(company.bot.pid, "Groups")
    await company.boris.says("/users")
    await company.boris.hears("on the allowlist:")
    assert await company.stop() == 0


@ROOT
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed.")
async def test_who_is_not_root_is_told_so(company: Company) -> None:
    identity = ("--reuid=daemon", "--regid=daemon", "--clear-groups")
    company.program = ("setpriv", *identity, *program_for_all())
    for path in (company.data, company.folder / "passphrase"):
        give(path)
    place = ("--directory", str(company.folder / "roots" / "paris"))
    (company.folder / "roots").mkdir()
    add = ("server", "add", "paris", "--remote", "127.0.0.1:47114/udp")
    await company.done(*add, *place)
    denied = await company.vpnbot("server", "deploy", "paris")
    assert denied.code == 1
    assert denied.err == f"daemon may not write {company.folder / 'roots'}; run this as root.\n"
    # What is theirs, they may do with as they like.
    give(company.folder / "roots")
    await company.done("server", "deploy", "paris")


@pytest.mark.long
@ROOT
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed.")
async def test_the_memory_of_a_bot_is_its_own(company: Company) -> None:
    """No core file, no core at all, and what it writes is for its account."""
    identity = ("--reuid=daemon", "--regid=daemon", "--clear-groups")
    company.program = ("setpriv", *identity, *program_for_all())
    for name in ("data", "token", "passphrase"):
        give(company.folder / name)
    before = os.umask(0)
    try:
        await company.start()
    finally:
        os.umask(before)
    assert company.bot is not None
    limits = _proc(company.bot.pid, "limits")
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
    assert _status(company.bot.pid, "Umask") == ["0077"]
    # Of a process that must not be dumped these belong to root, see proc(5).
    assert _owner(company.bot.pid, "") == DAEMON.pw_uid
    assert _owner(company.bot.pid, "environ") == 0
    assert await company.stop() == 0


def _proc(pid: int, file: str) -> str:
    return Path(f"/proc/{pid}/{file}").read_text()


def _owner(pid: int, file: str) -> int:
    return Path(f"/proc/{pid}/{file}").stat().st_uid


def _status(pid: int, field: str) -> list[str]:
    """What the kernel says of a process, see /proc/pid/status in proc(5)."""
    lines = _proc(pid, "status").splitlines()
    line = next(line for line in lines if line.startswith(f"{field}:"))
    return line.split()[1:]


async def test_a_bot_waits_for_its_network(company: Company) -> None:
    """A machine may start before its network does."""
    company.telegram.paused = True
    starting = asyncio.create_task(company.start())
    await until(lambda: "cannot be reached" in company.log)
    company.telegram.paused = False
    await starting
    await company.anna.says("/help")
    await company.anna.hears("Hello")
    assert await company.stop() == 0


@pytest.mark.long
async def test_a_start_on_odd_answers(company: Company) -> None:
    """It waits for a name that can be one; and a menu that nobody sets keeps nobody out."""
    for body in ('{"ok": true, "result": {"username": 5}}', "<h1>Welcome</h1>"):
        company.telegram.faults.append(Fault("getMe", 1, page(200, body)))
    company.telegram.faults.append(Fault("setMyCommands", 99, status(400, "Bad Request: no")))
    await company.start()
    await company.anna.says("/start")
    await company.anna.hears("Anna")
    assert "Traceback" not in company.log
    company.telegram.faults.append(
        Fault("getWebhookInfo", 1, page(200, '{"ok": true, "result": []}'))
    )
    doctor = await company.vpnbot("doctor")
    assert doctor.code == 1
    assert "says that it was done, but not what" in doctor.out + doctor.err
    assert "Traceback" not in doctor.err
