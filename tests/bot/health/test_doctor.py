"""`vpnbot doctor`: each thing that can be wrong, made wrong, and what is said of it."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bot.access.case import Rules
from bot.health.local import bot_runs, elsewhere, home_of_bot, look_at_bot, look_at_folder
from bot.health.network import look_at_telegram
from bot.health.results import Fine, Trouble
from bot.health.state import look_at_admins, look_at_authority, open_checked
from bot.keyring import Keyring
from bot.process.data_folder import DataFolder
from bot.settings import Settings
from demo.api.faults import Fault, status
from demo.lab.network import lab_missing
from pki.authority_files import create_authority
from storage.database import Database, sqlite_url
from storage.records import UserId
from storage.schema import HEAD
from tests.bot.health.kit import (
    DAEMON,
    NEEDS_ROOT,
    changed,
    complains,
    content,
    everybody_pressed_start,
    findings,
    now,
    only,
    permissions,
    troubles,
)
from tests.bot.settings_kit import leave_own_settings
from tests.company import (
    ANNA,
    BORIS,
    CLARA,
    PASSPHRASE,
    TOKEN,
    Company,
    Ran,
    as_if_bot_ran,
    company_with_openvpn,
    company_with_stand_in,
    run,
)
from tests.forks import VPNBOT

pytestmark = pytest.mark.asyncio(loop_scope="module")


# --- the whole ------------------------------------------------------------------------------------


@pytest.mark.long
async def test_all_is_well(company: Company) -> None:
    ran = await company.vpnbot("doctor")
    assert (ran.code, ran.err, findings(ran)) == (0, "", [])
    assert ran.out.splitlines()[-1] == "All is well."
    assert TOKEN not in ran.out
    assert TOKEN.partition(":")[2] not in ran.out


@pytest.mark.skipif(lab_missing() is not None, reason=lab_missing() or "")
async def test_all_is_well_with_a_real_openvpn(folder: Path) -> None:
    async with company_with_openvpn(folder) as (company, _):
        everybody_pressed_start(company)
        with as_if_bot_ran(company.data):
            ran = await company.vpnbot("doctor")
        assert (ran.code, findings(ran)) == (0, [])


async def test_nothing_is_there(company: Company, tmp_path: Path) -> None:
    """It goes on as far as it can, and makes nothing."""
    missing = tmp_path / "none"
    bare = {
        "VPNBOT_DATA_DIR": str(missing),
        "VPNBOT_BOT_TOKEN_FILE": "",
        "VPNBOT_CA_PASSPHRASE_FILE": "",
        "VPNBOT_ADMIN_IDS": "",
    }
    ran = await company.vpnbot("doctor", **bare)
    wrong = "\n".join(found[0] for found in findings(ran))
    for word in ("ADMIN_IDS", "BOT_TOKEN_FILE", "CA_PASSPHRASE_FILE", "doesn't exist"):
        assert word in wrong
    assert ran.err.startswith("4 findings;")
    assert not missing.exists()


async def test_more_approvals_than_admins(company: Company) -> None:
    ran = await company.vpnbot("doctor", VPNBOT_APPROVALS="3")
    wrong = "\n".join(found[0] for found in findings(ran))
    assert "VPNBOT_APPROVALS asks for more approvals than there are admins" in wrong


async def test_an_empty_folder(company: Company, tmp_path: Path) -> None:
    ran = await company.vpnbot("doctor", VPNBOT_DATA_DIR=str(tmp_path))
    (ca, database) = findings(ran)
    assert "There is no CA" in ca[0]
    assert "vpnbot ca init" in ca[1]
    assert "There is no database" in database[0]
    assert "vpnbot init" in database[1]
    assert not any(files for _, *files in os.walk(tmp_path) if any(files))


async def test_a_system_without_a_server(company: Company, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(company.data, data)
    copied = replace_folder(company, data)
    copied.tamper("DELETE FROM servers")
    with as_if_bot_ran(data):
        only(await copied.vpnbot("doctor"), "no server", "vpnbot server add")


def replace_folder(company: Company, data: Path) -> Company:
    """The same company with another data folder."""
    other = Company(data.parent, company.telegram)
    other.extra = company.environment | {"VPNBOT_DATA_DIR": str(data)}
    return other


async def test_a_wrong_setting(company: Company) -> None:
    ran = await company.vpnbot("doctor", VPNBOT_GRANT_DURATION="soon")
    only(ran, "VPNBOT_GRANT_DURATION can't be used", ".env")
    assert "soon" not in ran.out


@pytest.mark.long
@NEEDS_ROOT
async def test_root_acts_as_the_owner(company: Company, folder: Path) -> None:
    """What only root can read is no good to the bot."""
    python = _python_for_all()
    data = folder / "data"
    shutil.copytree(company.data, data)
    for path in (data, *data.rglob("*")):
        os.chown(path, DAEMON, DAEMON)
    stray = data / "of-root"
    stray.touch()
    ran = await _with_system_python(company, python, VPNBOT_DATA_DIR=str(data))
    found = dict(findings(ran))
    assert "names a file that daemon may not read." in " ".join(found)
    assert f"chown daemon {company.folder / 'token'}" in " ".join(found.values())
    assert f"{stray} belongs to root, not to daemon like the data folder." in found
    assert f"Run as root: chown -R daemon: {data}" in found.values()
    other = "Server office: it was added for the account root, and the data folder belongs to"
    assert any(wrong.startswith(other) for wrong in found)


def _python_for_all() -> str:
    """The checkout's own may lie in a folder that is closed to other accounts."""
    python = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    if not python.exists():
        pytest.skip(f"There is no {python} that another account could use.")
    return str(python)


async def _with_system_python(company: Company, python: str, **extra: str) -> Ran:
    root = Path(__file__).parents[3]
    site = Path(pytest.__file__).parents[1]
    process = await asyncio.create_subprocess_exec(
        python,
        *("-c", "from bot.cli.main import main; main()", "doctor"),
        cwd=company.folder,
        env=company.environment | extra | {"PYTHONPATH": f"{root}:{site}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


@NEEDS_ROOT
async def test_an_owner_without_a_name(company: Company, tmp_path: Path) -> None:
    os.chown(tmp_path, 54321, 54321)
    ran = await company.vpnbot("doctor", VPNBOT_DATA_DIR=str(tmp_path))
    only(ran, "account number 54321, which has no name", "chown")


# --- secrets --------------------------------------------------------------------------------------


async def test_a_secret_that_others_can_read(company: Company) -> None:
    token = company.folder / "token"
    mend = f"Run: chmod 600 {token}"
    with permissions(token, 0o644):
        only(await company.vpnbot("doctor"), "TOKEN_FILE names a file that others can read", mend)


@NEEDS_ROOT
async def test_a_secret_of_roots_for_the_accounts_group_is_fine(company: Company) -> None:
    with permissions(company.folder / "token", 0o640):
        assert (await company.vpnbot("doctor")).code == 0


async def test_a_token_that_is_none(company: Company) -> None:
    with content(company.folder / "token", "hello\n"):
        only(await company.vpnbot("doctor"), "without a bot token.", "Copy it from @BotFather.")


async def test_an_empty_passphrase_file(company: Company) -> None:
    passphrase = company.folder / "passphrase"
    with content(passphrase, "\n"):
        only(await company.vpnbot("doctor"), "first line is empty", f"chmod 600 {passphrase}")


async def test_a_secret_in_an_env_file_that_others_can_read(company: Company) -> None:
    env = company.folder / ".env"
    env.write_text(f"VPNBOT_BOT_TOKEN={TOKEN}\n")
    env.chmod(0o644)
    try:
        ran = await company.vpnbot("doctor", VPNBOT_BOT_TOKEN_FILE="")
    finally:
        env.unlink()
    only(ran, ".env holds VPNBOT_BOT_TOKEN, and others can read it", f"Run: chmod 600 {env}")


# --- Telegram and the clock -----------------------------------------------------------------------


async def test_a_token_that_telegram_does_not_know(company: Company) -> None:
    with content(company.folder / "token", TOKEN.replace("a-token", "b-token")):
        ran = await company.vpnbot("doctor")
    only(ran, "Telegram doesn't know the token", "@BotFather")


async def test_a_webhook(company: Company) -> None:
    company.telegram.webhook_url = "https://example.com/secret-path"
    try:
        ran = await company.vpnbot("doctor")
    finally:
        company.telegram.webhook_url = ""
    only(ran, "webhook", "vpnbot run")
    assert "secret-path" not in ran.out


async def test_telegram_is_unwell(company: Company) -> None:
    company.telegram.faults.append(Fault("getMe", 1, status(500, "Internal Server Error")))
    found = await look_at_telegram(settings_of(company), now)
    assert found.username is None
    complains(list(found.results), "no proper answer", "again")


async def test_telegram_cannot_be_reached(company: Company) -> None:
    ran = await company.vpnbot("doctor", VPNBOT_TELEGRAM_API_URL="http://127.0.0.1:9")
    only(ran, "http://127.0.0.1:9 can't be reached", "network")


@pytest.mark.parametrize(
    ("offset", "span"),
    [(-3600, "1 hour"), (-100, "2 minutes"), (100, "2 minutes"), (86_400, "1 day")],
)
async def test_a_clock_that_is_off(company: Company, offset: int, span: str) -> None:
    found = await look_at_telegram(settings_of(company), lambda: now() + timedelta(seconds=offset))
    complains(list(found.results), f"{span} off Telegram's", "timedatectl")


@pytest.mark.parametrize("offset", [-50, 50])
async def test_a_clock_that_is_nearly_right(company: Company, offset: int) -> None:
    found = await look_at_telegram(settings_of(company), lambda: now() + timedelta(seconds=offset))
    assert troubles(found.results) == []


@pytest.mark.parametrize("date", ["", "Date: yesterday\r\n", "Date: {now}\r\n"])
async def test_a_server_that_tells_the_time_or_does_not(date: str) -> None:
    header = date.format(now=format_datetime(now().replace(tzinfo=None)))
    async with tiny_server(f"HTTP/1.1 404 Not Found\r\n{header}Content-Length: 0\r\n\r\n") as url:
        found = await look_at_telegram(Settings(telegram_api_url=url), now)
    (clock,) = found.results
    assert isinstance(clock, Fine)
    assert ("agrees" in clock.text) == ("{now}" in date)


@asynccontextmanager
async def tiny_server(answer: str) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer.encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def settings_of(company: Company) -> Settings:
    return Settings(
        bot_token_file=company.folder / "token",
        ca_passphrase_file=company.folder / "passphrase",
        data_dir=company.data,
        telegram_api_url=company.telegram.url,
    )


# --- the data folder ------------------------------------------------------------------------------


async def test_a_folder_that_others_can_look_into(company: Company) -> None:
    with permissions(company.data, 0o755):
        only(await company.vpnbot("doctor"), "Others can look into", f"chmod 700 {company.data}")


@NEEDS_ROOT
async def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    os.chown(foreign, DAEMON, DAEMON)
    file = tmp_path / "file"
    file.touch()
    for path, wrong, mend in (
        (foreign, "belongs to daemon, and this runs as root", "as daemon, or as root"),
        (file, "isn't a folder", "VPNBOT_DATA_DIR"),
        (file / "below", "can't be looked into (Not a directory)", "or as root"),
    ):
        look = look_at_folder(DataFolder(path))
        assert not look.usable
        complains(list(look.results), wrong, mend)


async def test_whether_a_bot_runs(company: Company, tmp_path: Path) -> None:
    assert bot_runs(DataFolder(company.data))
    assert "ok     Bot: it runs." in (await company.vpnbot("doctor")).out
    stopped = tmp_path / "data"
    shutil.copytree(company.data, stopped)
    assert not bot_runs(DataFolder(stopped))
    ran = await company.vpnbot("doctor", VPNBOT_DATA_DIR=str(stopped))
    only(ran, "No bot runs: nobody can ask", "vpnbot run")
    unit = tmp_path / "vpnbot.service"
    unit.touch()
    found = look_at_bot(DataFolder(stopped), unit)
    assert isinstance(found, Trouble)
    assert found.mend.startswith("Run: systemctl enable --now vpnbot")


async def test_in_the_wrong_folder(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One finding, and the place to go to."""
    leave_own_settings(tmp_path, monkeypatch)
    bare = {name: v for name, v in company.environment.items() if not name.startswith("VPNBOT_")}
    ran = await run([VPNBOT, "doctor"], tmp_path, bare)
    only(ran, f"There is no .env here, in {tmp_path}", "vpnbot")
    assert not (tmp_path / "data").exists()
    unit, usual = tmp_path / "vpnbot.service", tmp_path / "usual"
    assert home_of_bot(unit, usual) is None
    unit.write_text("[Service]\nUser=vpnbot\n")
    usual.mkdir()
    (usual / ".env").touch()
    assert home_of_bot(unit, usual) == usual
    unit.write_text("[Service]\nWorkingDirectory=/srv/bot\nUser=vpnbot\n")
    assert home_of_bot(unit, usual) == Path("/srv/bot")
    # Any other command says the same; with a setting, it is what the setting says.
    monkeypatch.chdir(tmp_path)
    told = elsewhere(Settings(), Path("/srv/of fice"))
    assert told is not None
    assert told.endswith("the bot lives in '/srv/of fice'. Go there first: cd '/srv/of fice'")
    assert elsewhere(Settings(), tmp_path) is None
    assert elsewhere(Settings(), None) is None
    monkeypatch.setenv("VPNBOT_DATA_DIR", str(tmp_path / "else"))
    assert elsewhere(Settings(), Path("/srv/bot")) is None


# --- the database and the CA ----------------------------------------------------------------------


async def test_a_damaged_database(company: Company, tmp_path: Path) -> None:
    path = tmp_path / "vpnbot.db"
    whole = (company.data / "vpnbot.db").read_bytes()
    for damaged in (b"this is no database", whole[:8192] + b"\xff" * 8192 + whole[16384:]):
        path.write_bytes(damaged)
        found = await open_checked(sqlite_url(path), DataFolder(tmp_path))
        assert isinstance(found, Trouble)
        assert "is damaged" in found.wrong
        assert f"mv {tmp_path} {tmp_path}.old; vpnbot restore BACKUP" in found.mend


async def test_a_database_of_a_newer_version(company: Company) -> None:
    company.tamper("UPDATE alembic_version SET version_num = '9999'")
    try:
        ran = await company.vpnbot("doctor")
    finally:
        company.tamper("UPDATE alembic_version SET version_num = ?", HEAD)
    only(ran, "schema 9999", "newer version")


async def test_a_database_elsewhere_that_others_can_read(company: Company, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.db"
    shutil.copy(company.data / "vpnbot.db", path)
    path.chmod(0o644)
    ran = await company.vpnbot("doctor", VPNBOT_DATABASE_URL=f"sqlite+aiosqlite:///{path}")
    only(ran, f"Others can read {path}", f"chmod 600 {path}")


async def test_a_row_from_the_future(company: Company) -> None:
    later = "crl_published_at = crl_published_at + 86400000000"
    with changed(
        company, f"UPDATE servers SET {later}", f"UPDATE servers SET {later.replace('+', '-')}"
    ):
        only(await company.vpnbot("doctor"), "in the future", "clock")


async def test_a_changed_audit_trail(company: Company) -> None:
    with changed(
        company,
        "UPDATE audit SET actor = 'x' || actor WHERE seq = 2",
        "UPDATE audit SET actor = substr(actor, 2) WHERE seq = 2",
    ):
        only(await company.vpnbot("doctor"), "Row 2 of the audit trail", "audit export")


async def test_a_wrong_passphrase(company: Company) -> None:
    with content(company.folder / "passphrase", "another\n"):
        ran = await company.vpnbot("doctor")
    found = findings(ran)
    assert found[0][0].startswith("The passphrase doesn't open")
    # Nor does it open the keys of the servers, which says nothing new.
    assert len(found) == 1
    assert "another" not in ran.out


async def test_a_ca_that_others_can_read(company: Company) -> None:
    path = company.data / "ca" / "ca.p12"
    with permissions(path, 0o640):
        only(await company.vpnbot("doctor"), "open to other accounts", f"chmod 600 {path}")


async def test_a_ca_that_ends_soon(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    create_authority(
        folder.ca,
        common_name="Old CA",
        passphrase=PASSPHRASE,
        now=now() - timedelta(days=3600),
        random_bytes=os.urandom,
        rounds=10,
    )
    keyring = Keyring(folder, lambda: PASSPHRASE)
    found = await look_at_authority(keyring, folder, now(), has_passphrase=True)
    complains(found, "The CA ends on", "vpnbot ca rotate")
    a_year_ahead = now() - timedelta(days=300)
    found = await look_at_authority(keyring, folder, a_year_ahead, has_passphrase=False)
    complains(found, "The CA ends on", "vpnbot ca rotate")
    await keyring.make_authority(2, common_name="New CA", now=now())
    found = await look_at_authority(keyring, folder, a_year_ahead, has_passphrase=True)
    assert [type(each) for each in found] == [Fine, Fine]
    keyring.destroy(2)
    earlier = now() - timedelta(days=400)
    (fine,) = await look_at_authority(keyring, folder, earlier, has_passphrase=False)
    assert isinstance(fine, Fine)
    assert "wasn't tried" in fine.text


# --- people and proofs ----------------------------------------------------------------------------


async def test_admins_whom_the_bot_may_not_write_to(company: Company) -> None:
    company.tamper("UPDATE people SET reachable = 0 WHERE id = ?", BORIS.id)
    company.tamper("DELETE FROM people WHERE id = ?", CLARA.id)
    ran = await company.vpnbot("doctor")
    company.tamper("DELETE FROM people WHERE id = ?", BORIS.id)
    everybody_pressed_start(company)
    (boris, clara) = findings(ran)
    assert boris[0] == f"The admin Boris ({BORIS.id}) has blocked the bot."
    assert clara[0].startswith(f"The admin {CLARA.id} hasn't pressed Start")
    for _, mend in (boris, clara):
        assert "https://t.me/vpn_access_demo_bot" in mend


async def test_without_telegrams_word_the_bots_chat_is_named_in_words(company: Company) -> None:
    database = await open_checked(sqlite_url(company.data / "vpnbot.db"), DataFolder(company.data))
    assert isinstance(database, Database)
    rules = Rules(default_duration=1, max_duration=1, request_ttl=1, admins=(UserId(77),))
    try:
        async with database.reading() as tx:
            (found,) = await look_at_admins(tx, rules, None)
    finally:
        await database.close()
    assert isinstance(found, Trouble)
    assert found.mend == "Ask them to open the bot's chat while the bot runs, and to press Start."


async def test_an_end_that_is_not_proved(folder: Path) -> None:
    """Nobody answers at the management socket, so no look can tell that Anna is out."""
    async with company_with_stand_in(folder) as (company, server):
        everybody_pressed_start(company)
        await company.done("grant", "issue", str(ANNA.id), "--output", "anna.ovpn")
        await server.stop()
        assert (await company.vpnbot("revoke", str(ANNA.id))).code == 1
        (grant,) = await company.grants()
        with as_if_bot_ran(company.data):
            (gone, proof) = findings(await company.vpnbot("doctor"))
        assert "Nobody listens" in gone[0]
        assert "systemctl link" in gone[1]
        assert "vpnbot-openvpn-office.service; if it ends again" in gone[1]
        assert f"Anna Petrova's access ({grant['common_name']}) isn't proved" in proof[0]
        assert "nobody answers" in proof[0]
        assert f"vpnbot revoke {grant['id']}" in proof[1]
        company.tamper("UPDATE proofs SET findings = '[]'")
        assert "Nobody has looked yet." in (await company.vpnbot("doctor")).out
