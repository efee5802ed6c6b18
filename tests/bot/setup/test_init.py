"""`vpnbot init`: from an empty folder to a system, with flags or at a terminal."""

import asyncio
import os
import pwd
import re
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.cli.asking import Asker
from bot.cli.init import stay_here
from bot.errors import NotDone
from bot.process.env_file import env_values
from bot.setup.first_time import edit_env
from demo.server import DemoServer
from tests.bot.newcomer import ADMIN, Newcomer, Terminal
from tests.company import PASSPHRASE, TOKEN, _free_port, as_if_bot_ran, keep_secret, run
from tests.folders import open_folder

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOT = "vpn_access_demo_bot"
DAEMON = 1
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can act as another account.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telegram() -> AsyncIterator[DemoServer]:
    async with DemoServer(TOKEN, [ADMIN]) as server:
        yield server


@pytest.fixture
def newcomer(telegram: DemoServer) -> Iterator[Newcomer]:
    with open_folder() as keep:
        home = keep / "home"
        home.mkdir()
        for name, secret in (("token", TOKEN), ("passphrase", PASSPHRASE)):
            keep_secret(keep / name, secret)
        yield Newcomer(home, keep, telegram.url)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- unattended -----------------------------------------------------------------------------------


@pytest.fixture
def narrow_umask() -> Iterator[None]:
    """What root often has, and what OpenVPN's account must not be shut out by."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("narrow_umask")
async def test_everything_by_flags(newcomer: Newcomer) -> None:
    ran = await newcomer.init(admin="2001, 2002")
    assert (ran.code, ran.err) == (0, "")
    home = newcomer.home
    assert newcomer.env == {
        "VPNBOT_BOT_TOKEN_FILE": str(newcomer.keep / "token"),
        "VPNBOT_ADMIN_IDS": "2001,2002",
        "VPNBOT_DATA_DIR": str(home / "data"),
        "VPNBOT_CA_PASSPHRASE_FILE": str(newcomer.keep / "passphrase"),
    }
    assert (mode(home / ".env"), mode(home / "data")) == (0o600, 0o700)
    assert mode(newcomer.keep / "office" / "live" / "crl.pem") == 0o644
    unit = newcomer.keep / "office" / "vpnbot-openvpn-office.service"
    steps = ran.out.partition("What is left to do:\n")[2].splitlines()
    listed = (
        "systemctl enable --now",
        "ReadWritePaths",  # it is not below /srv/openvpn, which the unit opens
        "vpnbot run",
        "vpnbot doctor",
        f"t.me/{BOT}",
        "user allow",
    )
    for number, (words, step) in enumerate(zip(listed, steps, strict=True), 1):
        assert step.startswith(f"  {number}. ")
        assert words in step
    assert str(unit) in steps[0]
    assert "nothing behind it" in ran.out
    for secret in (TOKEN, PASSPHRASE):
        assert secret not in ran.out
    doctor = await newcomer.vpnbot("doctor")
    wrong = [line for line in doctor.out.splitlines() if line.startswith("WRONG")]
    expected = ("No bot runs", "Nobody listens", "pressed Start", "pressed Start")
    assert all(words in line for words, line in zip(expected, wrong, strict=True)), wrong
    # What is done is not on the list again.
    await newcomer.vpnbot("user", "allow", "7", "--name", "Anna")
    with as_if_bot_ran(home / "data"):
        again = await newcomer.init(admin="2001, 2002")
    left = again.out.partition("What is left to do:\n")[2]
    assert "vpnbot run" not in left
    assert "user allow" not in left
    assert "try-restart vpnbot" in left
    assert "  3. vpnbot doctor" in left, again


@pytest.mark.long
async def test_what_nobody_has_started_stays_on_the_list(newcomer: Newcomer) -> None:
    await newcomer.init()
    for again in (await newcomer.vpnbot("init", "--yes"), await newcomer.vpnbot("init", "--yes")):
        left = again.out.partition("What is left to do:\n")[2]
        assert "1. as root: systemctl link" in left
        assert str(newcomer.keep / "office" / "vpnbot-openvpn-office.service") in left


@pytest.mark.long
async def test_again_it_keeps_what_is_there(newcomer: Newcomer) -> None:
    await newcomer.init()
    home = newcomer.home
    files = [
        home / ".env",
        home / "data" / "ca" / "ca.p12",
        newcomer.keep / "office" / "server.crt",
    ]
    before = [path.read_bytes() for path in files]
    for ran in (await newcomer.init(), await newcomer.vpnbot("init", "--yes")):
        assert ran.code == 0, ran
        for kept in (
            "data folder",
            "bot's token",
            "CA's passphrase",
            "settings",
            "CA in",
            "server",
        ):
            assert re.search(f"^kept   the .*{kept}|^kept   the {kept}", ran.out, re.MULTILINE), (
                kept
            )
    assert [path.read_bytes() for path in files] == before
    rows = (await newcomer.vpnbot("audit", "show", "--json")).rows
    assert [row["action"] for row in rows].count("ca.init") == 1


@pytest.mark.long
async def test_it_goes_on_where_it_stopped(newcomer: Newcomer) -> None:
    """Killed before `.env` was written, then before the server was deployed."""
    home = newcomer.home
    secrets = home / "secrets"
    secrets.mkdir(mode=0o700)
    keep_secret(secrets / "bot-token", TOKEN)
    keep_secret(secrets / "ca-passphrase", PASSPHRASE)
    ran = await newcomer.init("--token-file", "--passphrase-file")
    assert ran.code == 0, ran
    assert newcomer.env["VPNBOT_BOT_TOKEN_FILE"] == str(secrets / "bot-token")
    port = _free_port()
    added = await newcomer.vpnbot(
        *("server", "add", "second", "--remote", f"127.0.0.1:{port}/udp"),
        *("--directory", str(newcomer.keep / "second")),
    )
    assert added.code == 0
    ran = await newcomer.vpnbot("init", "--yes")
    assert ran.code == 0, ran
    assert (newcomer.keep / "second" / "server.conf").exists()
    assert f"wrote {newcomer.keep / 'office'}" not in ran.out
    # What nobody has started yet stays on the list.
    assert f"systemctl link {newcomer.keep / 'office'}/" in ran.out


@pytest.mark.long
async def test_a_missing_flag(newcomer: Newcomer) -> None:
    """At the same time: none of them makes anything that could be in the way of another."""
    flags = list(newcomer.flags)
    for flag, ran in zip(flags, await asyncio.gather(*map(newcomer.init, flags)), strict=True):
        newcomer.refuses(ran, f"{flag} is missing")


async def test_a_wrong_flag(newcomer: Newcomer) -> None:
    short = keep_secret(newcomer.keep / "short", "12345678901")
    words = keep_secret(newcomer.keep / "words", "hello")
    wrong = (
        ("token_file", "/no/such/file", "--token-file names a file that can't be read"),
        ("token_file", "/etc/hostname", "run: chmod 600 /etc/hostname"),
        ("token_file", str(words), "This isn't a bot token"),
        ("admin", "boris", "isn't a Telegram id"),
        ("admin", ",", "At least one admin"),
        ("server", "9 lives", "server name"),
        ("remote", "vpn.example.com:port", "HOST:PORT/PROTO"),
        ("directory", "/", "absolute path"),
        ("passphrase_file", "/dev/null", "first line is empty"),
        ("passphrase_file", str(short), "at least 12 characters"),
    )
    every = await asyncio.gather(*(newcomer.init(**{flag: value}) for flag, value, _ in wrong))
    for ran, (_, _, why) in zip(every, wrong, strict=True):
        newcomer.refuses(ran, why)


async def test_a_token_that_telegram_does_not_know(newcomer: Newcomer) -> None:
    (newcomer.keep / "token").write_text(TOKEN.replace("a-token", "b-token"))
    newcomer.refuses(await newcomer.init(), "Telegram doesn't know the token")


@pytest.mark.long
async def test_without_a_network(newcomer: Newcomer) -> None:
    newcomer.url = "http://127.0.0.1:9"
    ran = await newcomer.init()
    assert ran.code == 0
    assert "The token isn't tried" in ran.out


async def test_a_folder_of_somebody_else(newcomer: Newcomer) -> None:
    other = newcomer.keep / "other"
    other.mkdir()
    (other / "file").touch()
    newcomer.refuses(await newcomer.init(directory=str(other)), "isn't empty")


async def test_a_port_that_is_taken(newcomer: Newcomer, telegram: DemoServer) -> None:
    port = telegram.url.rpartition(":")[2]
    newcomer.refuses(await newcomer.init(remote=f"127.0.0.1:{port}/tcp"), "Another program")


async def test_a_token_in_the_environment_as_well(newcomer: Newcomer) -> None:
    flags = [part for flag in newcomer.flags.items() for part in flag]
    ran = await newcomer.vpnbot("init", *flags, "--yes", VPNBOT_BOT_TOKEN=TOKEN)
    newcomer.refuses(ran, "VPNBOT_BOT_TOKEN is set as well as --token-file")
    ran = await newcomer.vpnbot("init", *flags, "--yes", VPNBOT_ADMIN_IDS="5")
    newcomer.refuses(ran, "VPNBOT_ADMIN_IDS in the environment is another one")


@pytest.mark.long
async def test_secrets_in_the_environment(newcomer: Newcomer) -> None:
    flags = [p for f in newcomer.flags.items() if not f[0].endswith("-file") for p in f]
    secrets = {"VPNBOT_BOT_TOKEN": TOKEN, "VPNBOT_CA_PASSPHRASE": PASSPHRASE}
    ran = await newcomer.vpnbot("init", *flags, "--yes", **secrets)
    assert ran.code == 0, ran
    assert set(newcomer.env) == {"VPNBOT_ADMIN_IDS", "VPNBOT_DATA_DIR"}
    assert "kept   the bot's token in its setting" in ran.out


@pytest.mark.long
async def test_what_is_there_and_differs(newcomer: Newcomer) -> None:
    """Each is refused before anything is changed."""
    (newcomer.home / ".env").write_text("# mine\nOTHER=1\nVPNBOT_GRANT_DURATION=1d")
    assert (await newcomer.init()).code == 0
    env = (newcomer.home / ".env").read_text()
    assert env.startswith("# mine\nOTHER=1\nVPNBOT_GRANT_DURATION=1d\nVPNBOT_ADMIN_IDS=2001\n")
    keep_secret(newcomer.keep / "another", "another")
    another = str(newcomer.keep / "another")
    elsewhere = str(newcomer.keep / "elsewhere")
    differing = (
        ({"admin": "2002"}, "VPNBOT_ADMIN_IDS in .env is another one"),
        ({"passphrase_file": another}, "The passphrase doesn't open"),
        ({"remote": "127.0.0.1:1/udp"}, "There is a server office already"),
        ({"directory": elsewhere}, "There is a server office already"),
        ({"server": "second", "remote": f"127.0.0.1:{_free_port()}"}, "is the folder of office"),
        ({"server": "second", "directory": elsewhere}, "office listens on port"),
    )
    every = await asyncio.gather(*(newcomer.init(**changed) for changed, _ in differing))
    for ran, (_, words) in zip(every, differing, strict=True):
        assert (ran.code, words in ran.err, ran.err.count("\n")) == (1, True, 1), ran
    ran = await newcomer.init("--server")
    assert "--server is missing" in ran.err
    assert (newcomer.home / ".env").read_text() == env


async def test_a_data_folder_that_others_can_look_into(newcomer: Newcomer) -> None:
    data = newcomer.keep / "open"
    data.mkdir()
    data.chmod(0o755)
    flags = [part for flag in newcomer.flags.items() for part in flag]
    ran = await newcomer.vpnbot("init", *flags, "--yes", VPNBOT_DATA_DIR=str(data))
    newcomer.refuses(ran, "chmod 700")


@NEEDS_ROOT
async def test_a_folder_that_is_not_roots_alone(newcomer: Newcomer) -> None:
    theirs = newcomer.keep / "theirs"
    theirs.mkdir()
    os.chown(theirs, DAEMON, DAEMON)
    ran = await newcomer.init(directory=str(theirs / "office"))
    newcomer.refuses(ran, f"{theirs} doesn't belong to root", "/srv/openvpn/NAME")


# --- for another account --------------------------------------------------------------------------


@pytest.mark.long
@NEEDS_ROOT
@pytest.mark.parametrize("data", ["", "var/lib/data"])
async def test_root_sets_up_for_the_folders_owner(newcomer: Newcomer, data: str) -> None:
    python = _python_for_all()
    for path in (newcomer.home, newcomer.keep / "token", newcomer.keep / "passphrase"):
        os.chown(path, DAEMON, DAEMON)
    root, site = Path(__file__).parents[3], Path(pytest.__file__).parents[1]
    code = "from bot.cli.main import main; main()"
    where = newcomer.keep / data if data else newcomer.home / "data"
    environment = newcomer.environment | {"PYTHONPATH": f"{root}:{site}"}
    environment |= {"VPNBOT_DATA_DIR": str(where)} if data else {}
    flags = [part for flag in newcomer.flags.items() for part in flag]
    ran = await run([python, "-c", code, "init", *flags, "--yes"], newcomer.home, environment)
    assert ran.code == 0, ran
    assert "belongs to root" not in ran.out
    for path in (newcomer.home / ".env", where, *where.rglob("*")):
        assert path.stat().st_uid == DAEMON, path
    assert (mode(newcomer.home / ".env"), mode(where)) == (0o600, 0o700)
    office = newcomer.keep / "office"
    assert pwd.getpwuid((office / "live").stat().st_uid).pw_name == "daemon"
    assert (office / "server.conf").stat().st_uid == 0
    assert "management-client-user daemon" in (office / "server.conf").read_text()


def _python_for_all() -> str:
    """The checkout's own may lie in a folder that is closed to other accounts."""
    python = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    if not python.exists():
        pytest.skip(f"There is no {python} that another account could use.")
    return str(python)


# --- at a terminal --------------------------------------------------------------------------------


ASKS_TOKEN = "token from @BotFather"
ASKS_PASSPHRASE = "passphrase for the new CA"


async def test_a_conversation(newcomer: Newcomer) -> None:
    """Each wrong answer is told at once, and asked again; what is secret is never shown."""
    async with Terminal(newcomer) as terminal:
        await terminal.answers(ASKS_TOKEN, "12:short\n")
        await terminal.answers("This isn't a bot token", "")
        await terminal.answers(ASKS_TOKEN, f"{TOKEN}x\n")
        await terminal.answers("Telegram doesn't know the token", "")
        await terminal.answers(ASKS_TOKEN, f"{TOKEN}\n")
        await terminal.answers(f"That is @{BOT}", "")
        await terminal.answers("numeric Telegram ids", "boris\n")
        await terminal.answers("“boris” isn't a Telegram id", "")
        # Nobody can ask a bot with /start that doesn't run yet.
        await terminal.answers("Show Peer IDs", "")
        await terminal.answers("numeric Telegram ids", "2001 2002\n")
        await terminal.answers(ASKS_PASSPHRASE, "12345678901\n")
        await terminal.answers("at least 12 characters", "")
        await terminal.answers(ASKS_PASSPHRASE, f"{PASSPHRASE}\n")
        await terminal.answers("Once more", "something else\n")
        await terminal.answers("The two differ", "")
        await terminal.answers(ASKS_PASSPHRASE, f"{PASSPHRASE}\n")
        await terminal.answers("Once more", f"{PASSPHRASE}\n")
        await terminal.answers("name for the VPN server [main]", "\n")
        await terminal.answers("HOST:PORT/PROTO", "nowhere:at all\n")
        await terminal.answers("HOST:PORT/PROTO", f"127.0.0.1:{newcomer.port}\n")
        await terminal.answers("Its folder on this machine [/srv/openvpn/main]", "/\n")
        await terminal.answers("Its folder on this machine", f"{newcomer.keep / 'office'}\n")
        await terminal.answers("clients may reach", "192.168.1.7/24\n")
        await terminal.answers("do you mean 192.168.1.0/24?", "")
        assert newcomer.made == []
        await terminal.answers("clients may reach", "192.168.1.0/24, 10.1.0.0/16\n")
        await terminal.answers("resolver that clients ask", "resolver.example.com\n")
        await terminal.answers("  “resolver.example.com” isn't an IPv4 address", "")
        await terminal.answers("resolver that clients ask", "10.1.0.53\n")
        assert await terminal.ends() == 0, terminal.said
    for secret in (TOKEN, PASSPHRASE):
        assert secret not in terminal.said
    folder = newcomer.home / "secrets"
    assert mode(folder) == 0o700
    for name, secret in (("bot-token", TOKEN), ("ca-passphrase", PASSPHRASE)):
        assert (folder / name).read_text() == f"{secret}\n"
        assert mode(folder / name) == 0o600
    assert newcomer.env["VPNBOT_CA_PASSPHRASE_FILE"] == str(folder / "ca-passphrase")
    assert (await newcomer.vpnbot("ca", "show")).code == 0
    conf = (newcomer.keep / "office" / "server.conf").read_text()
    assert 'push "route 192.168.1.0 255.255.255.0"' in conf
    assert 'push "route 10.1.0.0 255.255.0.0"' in conf
    assert 'push "dhcp-option DNS 10.1.0.53"' in conf


@pytest.mark.long
async def test_a_made_up_passphrase(newcomer: Newcomer) -> None:
    flags = [p for f in newcomer.flags.items() if f[0] != "--passphrase-file" for p in f]
    async with Terminal(newcomer, *flags) as terminal:
        await terminal.answers(ASKS_PASSPHRASE, "\n")
        assert await terminal.ends() == 0, terminal.said
    made_up = (newcomer.home / "secrets" / "ca-passphrase").read_text().strip()
    assert len(made_up) == 32
    assert made_up not in terminal.said


@pytest.mark.long
async def test_the_passphrase_of_a_ca_that_is_there(newcomer: Newcomer) -> None:
    await newcomer.init()
    env = newcomer.home / ".env"
    lines = env.read_text().splitlines(keepends=True)
    env.write_text("".join(line for line in lines if "PASSPHRASE" not in line))
    async with Terminal(newcomer) as terminal:
        await terminal.answers("The CA's passphrase", "wrong\n")
        await terminal.answers("doesn't open", "")
        await terminal.answers("The CA's passphrase", f"{PASSPHRASE}\n")
        assert await terminal.ends() == 0, terminal.said
    assert (newcomer.home / "secrets" / "ca-passphrase").read_text() == f"{PASSPHRASE}\n"


@pytest.mark.long
async def test_a_setting_is_replaced_only_if_one_says_so(newcomer: Newcomer) -> None:
    await newcomer.init()
    question = "VPNBOT_ADMIN_IDS in .env is another one. Replace it?"
    for answer, code, ids in (("\n", 1, "2001"), ("y\n", 0, "2002")):
        async with Terminal(newcomer, "--admin", "2002") as terminal:
            await terminal.answers(question, answer)
            assert await terminal.ends() == code, terminal.said
        assert newcomer.env["VPNBOT_ADMIN_IDS"] == ids


@pytest.mark.long
@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["interrupt", "end"])
async def test_they_leave(newcomer: Newcomer, key: str) -> None:
    async with Terminal(newcomer, "--token-file", str(newcomer.keep / "token")) as terminal:
        assert await terminal.leaves("numeric Telegram ids", key) == 1
    # On a line of its own.
    assert "\nNothing was done." in terminal.said.replace("\r", "")
    assert newcomer.made == []


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["interrupt", "end"])
async def test_they_leave_a_question_in_the_middle_of_work(newcomer: Newcomer, key: str) -> None:
    """A loop that runs takes the first Ctrl-C for itself, and the question would go on."""
    async with Terminal(newcomer, "init", command="ca") as terminal:
        assert await terminal.leaves("A new passphrase for the CA", key) == 1
    assert terminal.said.replace("\r", "").endswith("\nInterrupted.\n")


class _Answers(Asker):
    """Somebody who says the same to every question."""

    def __init__(self, answer: bool | None) -> None:
        super().__init__(unattended=True)
        self.silent, self._answer = answer is None, answer

    def agrees(self, question: str) -> bool:
        assert "lives in /var/lib/bots already" in question
        return bool(self._answer)


async def test_a_second_bot_is_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    other = Path("/var/lib/bots")
    with pytest.raises(NotDone, match="To go there: cd /var/lib/bots"):
        stay_here(_Answers(answer=False), other)
    stay_here(_Answers(answer=True), other)
    # What has no choice: a script, another place, one that is set up already.
    stay_here(_Answers(answer=None), other)
    stay_here(_Answers(answer=False), None)
    stay_here(_Answers(answer=False), tmp_path)
    (tmp_path / ".env").touch()
    stay_here(_Answers(answer=False), other)


# --- .env -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/plain", "/with space", "/it's", "/a#b", "/back\\slash", '/q"'])
async def test_a_value_is_read_back_as_it_was(path: str) -> None:
    text = edit_env("", {"VPNBOT_DATA_DIR": path})
    assert env_values(text) == {"VPNBOT_DATA_DIR": path}


async def test_only_what_changes_is_changed() -> None:
    text = "# c\nvpnbot_admin_ids=2\nOTHER='x y'\nVPNBOT_ADMIN_IDS=2"
    edited = edit_env(text, {"VPNBOT_ADMIN_IDS": "3", "VPNBOT_DATA_DIR": "/d"})
    assert edited == "# c\nVPNBOT_ADMIN_IDS=3\nOTHER='x y'\nVPNBOT_DATA_DIR=/d\n"
