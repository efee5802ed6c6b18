"""Commands that are killed in the middle: the bot, or the same command again, finishes the job."""

import asyncio
import signal
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from demo.testing import PersonChat
from tests.company import Ran, until
from tests.crash.outcome import (
    ccd_names,
    check_company,
    check_ended,
    crl_serials,
    documents,
    live_on,
    serial_of,
)
from tests.crash.stage import Commands, Stage
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.vpn.operator_kit import static_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

_KILLED = -signal.SIGKILL
# The steps of a start, which are the same for each command: folders, and the schema.
_STARTED = 4
# Every third time the command is given again; else the bot alone has to finish.
_AGAIN = 3


async def test_revoke(plain_stage: Stage) -> None:
    stage, company = plain_stage, plain_stage.company
    chats = {at: await _with_access(stage) for at in range(_STARTED, _STARTED + 16)}
    await company.stop()

    async def revoke(commands: Commands, at: int, chat: PersonChat) -> int:
        name = chat.person.first_name
        ran = await commands.run("revoke", name, dies_at=at)
        (grant,) = company.grants_of(chat)
        if at % _AGAIN == 0 or grant["state"] == "active":
            again = await commands.run("revoke", name)
            assert ("no live access" in again.out) if ran.code == 0 else _is_proved(again), again
        return ran.code

    _each_step_killed(await _all(stage, revoke, chats))
    await company.start()
    await stage.settle()
    for chat in chats.values():
        check_ended(stage, chat, profiles=1, state="revoked")
        assert sum("took back your access" in message.text for message in chat.messages) == 1
    assert len(stage.server.sessions) == 0
    check_company(stage)


async def test_joining_a_group(plain_stage: Stage) -> None:
    """All of it or nothing: address, client's file, session, and what the firewall is told."""
    stage, company = plain_stage, plain_stage.company
    # Every other step, since each takes somebody with access.
    steps = range(_STARTED, _STARTED + 20, 2)
    chats = {at: await _with_access(stage) for at in steps}
    await company.done("group", "add", "dev", "--network", "10.8.1.0/24")
    await company.stop()

    async def join(commands: Commands, at: int, chat: PersonChat) -> int:
        name = chat.person.first_name
        words = ("user", "allow", str(chat.person.id), "--name", name, "--group", "dev")
        return (await commands.run(*words, dies_at=at)).code

    codes = await _all(stage, join, chats)
    _each_step_killed(codes)
    await company.start()
    live = company.folder / "office" / "live"

    def all_agree() -> bool:
        """The database, the clients' files, and the firewall's lines."""
        given = company.query(
            "SELECT address, common_name, user_id FROM addresses "
            "JOIN grants ON grants.id = grant_id WHERE left_at IS NULL AND state = 'active'"
        )
        in_dev = {user for (user,) in company.query("SELECT user_id FROM memberships")}
        files = {f"{name}: ifconfig-push {address} 255.255.252.0" for address, name, _ in given}
        lines = {f"user-{user} {address}" for address, _, user in given}
        lines |= {f"group-dev {address}" for address, _, user in given if user in in_dev}
        assert all(("10.8.1." in address) == (user in in_dev) for address, _, user in given)
        there = {
            f"{name}: {(live / 'ccd' / name).read_text().strip()}"
            for name in ccd_names(live.parent)
        }
        told = (live / "members").read_text().splitlines()
        return not company.query("SELECT 1 FROM due_files") and (files, {*lines, "end"}) == (
            there,
            {*told},
        )

    def moved() -> bool:
        """Nobody is on by an address that is not theirs any more."""
        return not company.query("SELECT 1 FROM addresses WHERE moved_at > 0 AND left_at IS NULL")

    await until(lambda: moved() and all_agree())
    joined = company.query("SELECT count(*) FROM memberships")[0][0]
    assert codes.count(0) <= joined < len(codes)
    await stage.settle()
    check_company(stage)


async def test_grant_issue(plain_stage: Stage) -> None:
    """Whoever has a file that the command did not report has a dead one."""
    stage, company = plain_stage, plain_stage.company
    chats = {at: await stage.hire() for at in range(_STARTED, _STARTED + 14)}
    await company.stop()
    alive: dict[int, list[str]] = {}

    async def issue(commands: Commands, at: int, chat: PersonChat) -> int:
        first, second = (company.folder / f"{name}-{at}.ovpn" for name in ("first", "second"))
        words = ("grant", "issue", str(chat.person.id), "--output")
        ran = await commands.run(*words, str(first), dies_at=at)
        handed_over = [] if ran.code else [first]
        if at % _AGAIN == 0 and ran.code:
            again = await commands.run(*words, str(second))
            assert again.code == 0, again
            handed_over.append(second)
        alive[at] = [serial_of(file.read_text()) for file in handed_over]
        return ran.code

    _each_step_killed(await _all(stage, issue, chats))
    await company.start()
    await stage.settle()
    for at, chat in chats.items():
        grants = company.grants_of(chat)
        assert [g["serial"] for g in grants if g["state"] == "active"] == alive[at]
        assert documents(chat) == []
    check_company(stage)


async def test_server_deploy(plain_stage: Stage, exhaustive: bool) -> None:
    """Each time into no folder at all; then the same command again."""
    stage, company = plain_stage, plain_stage.company
    await company.add_server("paris", 20_000)
    chat = await _with_access(stage, "/requestvpn paris")
    (grant,) = company.grants_of(chat)
    await company.stop()
    paris = company.folder / "paris"
    code, at = _KILLED, _STARTED + 1
    async with stage.commands() as commands:
        while code == _KILLED:
            paris.rename(company.folder / f"paris-before-{at}")
            code = (await commands.run("server", "deploy", "paris", dies_at=at)).code
            again = await commands.run("server", "deploy", "paris")
            assert again.code == 0, again
            check_deployed(stage, paris)
            assert ccd_names(paris) == {grant["common_name"]}
            # Besides whoever is out, each list has who is for the other server.
            out = crl_serials(stage) - {grant["serial"]}
            assert crl_serials(stage, "paris") == out | live_on(stage, "office")
            at += 1 if exhaustive else 3
    assert (at, code) > (_STARTED + 16, 0)


@NEEDS_EASYRSA
async def test_import_easyrsa(plain_stage: Stage, exhaustive: bool) -> None:
    """Each time into no folder at all, then the same command again: all is there, nothing twice.

    What is killed between the books and the key is no place for another CA.
    """
    home = plain_stage.company.folder
    pki = _old_pki(home / "pki")
    (home / "ta.key").write_text(static_key())
    words = ("ca", "import-easyrsa", str(pki.pki), "--tls-auth", str(home / "ta.key"))
    moved = home / "moved"
    codes: list[int] = []
    refused = 0
    async with plain_stage.commands(VPNBOT_DATA_DIR=str(moved)) as commands:
        for at in count(_STARTED, 1 if exhaustive else 2):
            codes.append((await commands.run(*words, dies_at=at)).code)
            if _has_books_alone(moved):
                refused += 1
                init = await commands.run("ca", "init")
                assert (init.code, "Run it again" in init.out) == (1, True), init
            again = await commands.run(*words)
            assert again.code == 0, again
            _check_imported(moved, pki)
            if codes[-1] == 0:
                break
            moved.rename(home / f"moved-{at}")
    _each_step_killed(codes)
    assert refused > 0


async def _all(
    stage: Stage,
    do: Callable[[Commands, int, PersonChat], Awaitable[int]],
    chats: dict[int, PersonChat],
) -> list[int]:
    """Does it for each, two at once; gives what the killed commands ended with."""
    left = iter(chats.items())
    codes: dict[int, int] = {}

    async def some() -> None:
        async with stage.commands() as commands:
            for at, chat in left:
                codes[at] = await do(commands, at, chat)

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(some())
    return [codes[at] for at in chats]


def _old_pki(folder: Path) -> EasyRsa:
    """Anna's certificate is valid, Bob's was revoked."""
    made = EasyRsa(folder)
    made.begin()
    for name in ("anna", "bob"):
        made.client(name)
    made("revoke", "bob")
    made("gen-crl")
    return made


def _has_books_alone(data: Path) -> bool:
    """Whether there are grants, but no CA."""
    return not (data / "ca" / "ca.crt").exists() and _rows(data, "SELECT 1 FROM grants") != []


def _check_imported(data: Path, pki: EasyRsa) -> None:
    grants = _rows(data, "SELECT common_name, serial, state FROM grants ORDER BY 1")
    assert grants == [
        ("anna", pki.serial("anna"), "active"),
        ("bob", pki.serial("bob"), "revoked"),
    ]
    assert _rows(data, "SELECT count(*) FROM audit WHERE action = 'ca.import'") == [(1,)]
    assert (data / "ca" / "ca.crt").read_text() == (pki.pki / "ca.crt").read_text()
    names = {path.name for path in (data / "tls-keys").iterdir()}
    assert "_earlier.sealed" in names


def _rows(data: Path, sql: str) -> list[tuple[Any, ...]]:
    """Nothing where there is no such table yet."""
    try:
        where = f"file:{data / 'vpnbot.db'}?mode=ro"
        with closing(sqlite3.connect(where, uri=True)) as connection:
            return connection.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []


def _is_proved(ran: Ran) -> bool:
    return ran.code == 0 and ran.out.startswith("Revoked")


def _each_step_killed(codes: list[int]) -> None:
    """From the first step on, until some command had fewer steps than that.

    A command has more steps than its neighbour when it also finishes what a killed one left.
    """
    killed = codes.index(0)
    assert killed >= 5
    assert set(codes) == {_KILLED, 0}


async def _with_access(stage: Stage, text: str = "/requestvpn") -> PersonChat:
    """Somebody with a profile, who uses it where the server can be used."""
    chat = await stage.hire()
    await stage.company.approved(text, chat)
    await stage.settle()
    (grant,) = stage.company.grants_of(chat)
    if grant["server"] == "office":
        assert await stage.server.connect(grant["common_name"])
    return chat


def check_deployed(stage: Stage, folder: Path) -> None:
    """A certificate of our CA with its key, and all that OpenVPN reads."""
    names = {path.name for path in folder.iterdir()}
    assert names >= {"server.conf", "ca.crt", "tls-crypt-v2.key", "live"}
    ca = stage.company.data / "ca" / "ca.crt"
    certificate = folder / "server.crt"
    _openssl("verify", "-purpose", "sslserver", "-CAfile", str(ca), str(certificate))
    public = _openssl("x509", "-in", str(certificate), "-noout", "-pubkey")
    assert public == _openssl("pkey", "-in", str(folder / "server.key"), "-pubout")
    modes = {path.name: path.stat().st_mode & 0o077 for path in _secrets(folder)}
    assert {"server.key": 0, "tls-crypt-v2.key": 0}.items() <= modes.items()
    assert set(modes.values()) == {0}


def _secrets(folder: Path) -> Iterator[Path]:
    """The keys, and what a killed writer has left of one."""
    for path in (*folder.glob("*.key"), *folder.glob(".vpnbot-*")):
        if b"PRIVATE KEY" in path.read_bytes() or b"server key" in path.read_bytes():
            yield path


def _openssl(*arguments: str) -> str:
    return subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, check=True
    ).stdout
