"""docs/templates.md: the operator's own profile, instructions and files, as people get them."""

import io
import re
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from bot.texts.instructions import BUILT_IN
from demo.lab.network import lab_missing
from demo.lab.stand_in import StandIn
from demo.testing import DemoMessage, PersonChat
from tests.company import CROWD, PEOPLE, Company, company_with_openvpn, company_with_stand_in, until
from tests.crash.outcome import serial_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = (Path(__file__).parents[2] / "docs" / "templates.md").read_text()
_BLOCKS = re.findall(r"^```jinja (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SHORT, LONG = (text for name, text in _BLOCKS if name == "client.ovpn.j2")
TEXTS = {name: text for name, text in _BLOCKS if name != "client.ovpn.j2"}
MANUAL = b"%PDF-1.4 what to do on the first day"
_OPEN = "kind IN ('how_to', 'extra_file') AND state IN ('queued', 'sending')"
_WAITS = "SELECT 1 FROM outbox WHERE kind = 'extra_file' AND state = 'queued' AND attempts = ?"
_NEEDS_LAB = pytest.mark.skipif(lab_missing() is not None, reason=str(lab_missing()))


def own_words(company: Company) -> Path:
    """The folder that the page draws, with the texts that it has."""
    folder = company.folder / "templates"
    for name, text in {"client.ovpn.j2": SHORT, **TEXTS}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "instructions" / "android.txt.j2").touch()
    (folder / "instructions" / "smart-tv.txt.j2").write_text("Ask {{ server }}’s <desk>.\n")
    (folder / "files").mkdir()
    (folder / "files" / "VPN manual.pdf").write_bytes(MANUAL)
    company.extra["VPNBOT_TEMPLATES"] = str(folder)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(module_folder: Path) -> AsyncIterator[tuple[Company, StandIn]]:
    """One company with words of its own; each test hires its own people."""
    async with company_with_stand_in(module_folder, people=(*PEOPLE, *CROWD)) as (company, server):
        own_words(company)
        await company.start()
        yield company, server


@pytest.fixture
def words(company: Company) -> Path:
    return Path(company.extra["VPNBOT_TEMPLATES"])


async def delivered(company: Company) -> tuple[PersonChat, DemoMessage]:
    """Somebody new, and the message with their profile."""
    who = await company.hires()
    await who.says("/requestvpn")
    await company.boris.taps("Approve", message=await company.card(company.boris, who))
    return who, await who.receives_document()


def profile_in(message: DemoMessage) -> str:
    assert message.document is not None
    return message.document.content.decode()


def labels(message: DemoMessage) -> list[str]:
    return [button.text for row in message.buttons for button in row]


@pytest.mark.long
@_NEEDS_LAB
@pytest.mark.parametrize("template", [SHORT, LONG], ids=["short", "every line"])
async def test_a_profile_of_ones_own_brings_up_a_tunnel(folder: Path, template: str) -> None:
    async with company_with_openvpn(folder) as (company, lab):
        (own_words(company) / "client.ovpn.j2").write_text(template)
        await company.start()
        profile = await company.approved()
        tunnel = await lab.connect(profile)
        try:
            assert await tunnel.ping("10.8.0.1")
        finally:
            await tunnel.close()


async def test_the_profile_has_the_operators_lines(company: Company) -> None:
    who, message = await delivered(company)
    profile = profile_in(message)

    assert re.match(rf"# {who.person.first_name}, until \S+ \S+ UTC\. Help: ", profile)
    assert "\nroute-metric 50\n<ca>\n" in profile
    assert serial_of(profile) == company.grants_of(who)[0]["serial"]


async def test_the_buttons_are_the_operators(company: Company) -> None:
    _, message = await delivered(company)

    expected = [text.label for topic, text in BUILT_IN.items() if topic != "android"]
    assert labels(message) == [*expected, "Smart tv", "More time", "It doesn’t work"]


async def test_one_tap_gives_the_instructions(company: Company) -> None:
    who, message = await delivered(company)
    assert message.document is not None

    await who.taps("Windows", message=message)
    own = await who.hears("your VPN to office works until")
    assert own.text.startswith(f"{who.person.first_name}, ")
    assert f"Save {message.document.file_name} from this chat" in own.text
    assert own.text.endswith("Call extension 4711.")

    await who.taps("macOS", message=message)
    assert message.document.file_name in (await who.hears("office on a Mac")).text

    await who.taps("Smart tv", message=message)
    await who.hears("Ask office’s <desk>.")


async def test_files_go_along_with_each_profile(company: Company) -> None:
    who, _ = await delivered(company)
    manual = await who.receives_document()

    assert manual.document is not None
    assert (manual.document.file_name, manual.document.content) == ("VPN manual.pdf", MANUAL)


async def test_nobody_reads_instructions_for_somebody_elses_profile(company: Company) -> None:
    _, message = await delivered(company)
    other = await company.hires()
    button = message.button("Windows")
    assert button is not None
    assert button.callback_data is not None
    query = await other.taps_data(1, button.callback_data)

    answer = await other.is_answered(query)
    assert answer.text
    await until(lambda: company.query("SELECT 1 FROM inbox WHERE state = 'new'") == [])
    assert not [m for m in other.messages if "your VPN to" in m.text]


async def test_a_template_that_breaks_holds_profiles_back_until_it_is_mended(
    company: Company, words: Path
) -> None:
    who = await company.hires()
    await who.says("/requestvpn")
    card = await company.card(company.boris, who)
    (words / "client.ovpn.j2").write_text("client\n{{ colour }}\n{{ inline }}\n")
    try:
        await company.boris.taps("Approve", message=card)
        await who.hears("can’t be made right now")
        await company.clara.hears(f"The profile of {who.person.first_name}")
        ran = await company.vpnbot("doctor")
        assert "client.ovpn.j2, line 2: there is no field 'colour'" in ran.out
        assert company.grants_of(who)[0]["state"] == "reserved"
    finally:
        (words / "client.ovpn.j2").write_text(SHORT)
    await until(lambda: company.query("SELECT 1 FROM outbox WHERE kind = 'deliver' AND attempts"))
    company.tamper("UPDATE outbox SET due_at = 0 WHERE kind = 'deliver'")

    assert (
        serial_of(profile_in(await who.receives_document()))
        == (company.grants_of(who)[0]["serial"])
    )


@contextmanager
def broken(words: Path) -> Iterator[None]:
    """A file in the folder that nothing can be done with."""
    stray = words / "profile.ovpn.j2"
    stray.write_text("client\n")
    try:
        yield
    finally:
        stray.unlink()


async def test_a_folder_that_breaks_leaves_no_tap_without_an_answer(
    company: Company, words: Path
) -> None:
    who, message = await delivered(company)
    await who.receives_document()
    seen = len(company.log)
    with broken(words):
        await who.taps("Windows", message=message)
        await who.hears("can’t show these instructions right now")
        await until(lambda: company.query(f"SELECT 1 FROM outbox WHERE {_OPEN}") == [])
    said = company.log[seen:]
    assert said.count("No instructions can be shown") == 1
    assert "nothing uses it" in said
    assert "Traceback" not in said
    await who.taps("Windows", message=message)
    await who.hears("your VPN")


async def test_a_file_is_given_up_where_the_folder_stays_broken(
    company: Company, words: Path
) -> None:
    """After three tries; the profile is there already."""
    seen = len(company.log)
    with broken(words):
        company.tamper(
            "INSERT INTO outbox (chat_id, kind, payload, state, attempts, due_at, created_at) "
            "VALUES (?, 'extra_file', ?, 'queued', 0, 0, 0)",
            company.anna.person.id,
            '{"file": "VPN manual.pdf"}',
        )
        for attempts in (1, 2):
            await until(partial(company.query, _WAITS, attempts))
            company.tamper("UPDATE outbox SET due_at = 0 WHERE kind = 'extra_file'")
        await until(lambda: company.query(f"SELECT 1 FROM outbox WHERE {_OPEN}") == [])
    said = company.log[seen:]
    assert said.count("VPN manual.pdf is not sent") == 1
    assert "Traceback" not in said
    assert not [m for m in company.anna.messages if m.document]


@pytest.mark.long
@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("client.ovpn.j2", "{{ directives }}\n", "'{{ inline.ca }}' is missing"),
        ("client.ovpn.j2", "{% if %}\n", "line 1: "),
        ("client.ovpn.j2", "{{ directives }}\naskpass\n{{ inline }}\n", "line 2: Connect refuses"),
        ("profile.ovpn.j2", "client\n", "nothing uses it"),
    ],
)
async def test_what_cannot_be_used_is_told_before_anything_is_recorded(
    company: Company, tmp_path: Path, file: str, text: str, problem: str
) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    before = company.query("SELECT count(*) FROM requests")
    ran = await company.vpnbot(
        "grant", "issue", "1001", "--output", str(tmp_path / "out"), VPNBOT_TEMPLATES=str(tmp_path)
    )

    assert ran.code == 1
    assert ran.err.startswith(str(path))
    assert problem in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
    assert company.query("SELECT count(*) FROM requests") == before


@pytest.mark.long
async def test_what_cannot_be_used_keeps_nothing_else_from_going_on(folder: Path) -> None:
    """Said by the bot when it starts, to the admins, and at a tap; above all, access ends."""
    async with company_with_stand_in(folder) as (company, server):
        text = own_words(company) / "instructions" / "windows.txt.j2"
        await company.start()
        await company.approved()
        (grant,) = company.grants_of(company.anna)
        message = next(m for m in company.anna.messages if m.document)
        await company.stop()
        text.write_text("x" * 4500)
        await company.start()

        assert f"as they are: {text}: it gives more than 3500 characters" in company.log
        for admin in (company.boris, company.clara):
            await admin.hears("One of your templates can’t be used")
        await company.anna.taps("Windows", message=message)
        await company.anna.hears("can’t show these instructions right now")
        await company.stop()
        company.tamper("UPDATE grants SET not_after = ?", int(time.time()) * 10**6)
        await company.start()
        await until(lambda: company.grants_of(company.anna)[0]["state"] == "expired")
        assert not await server.connect(grant["common_name"])
        ran = await company.vpnbot("doctor")
        assert f"{text}: it gives more than 3500 characters" in ran.out
        output = company.folder / "anna.ovpn"
        await company.done("grant", "issue", "1001", "--output", str(output))


@pytest.mark.long
async def test_an_archive_without_telegram(company: Company, tmp_path: Path) -> None:
    output = tmp_path / "anna.zip"
    await company.done("grant", "issue", "1001", "--output", str(output), "--bundle")

    assert output.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(output) as archive:
        folder = archive.namelist()[0].partition("/")[0]
        found = {name.removeprefix(f"{folder}/"): archive.read(name) for name in archive.namelist()}
    profile = found.pop(f"{folder}.ovpn").decode()
    for name, tag in (
        ("ca.crt", "ca"),
        ("client.crt", "cert"),
        ("client.key", "key"),
        ("tls-crypt-v2.key", "tls-crypt-v2"),
    ):
        assert f"<{tag}>\n{found.pop(name).decode()}</{tag}>\n" in profile
    assert found.pop("files/VPN manual.pdf") == MANUAL
    assert found.pop("instructions/windows.txt").decode().startswith("Anna Petrova, your VPN")
    assert found.keys() == {
        f"instructions/{topic}.txt" for topic in ("macos", "ios", "linux", "smart-tv")
    }


async def test_an_archive_in_the_chat(folder: Path) -> None:
    async with company_with_stand_in(folder) as (company, server):
        company.extra["VPNBOT_BUNDLE"] = "true"
        await company.start()
        await company.anna.says("/requestvpn")
        await company.boris.taps("Approve", message=await company.card(company.boris, company.anna))
        message = await company.anna.receives_document()
        assert message.document is not None
        assert "Unpack it" in message.text

        with zipfile.ZipFile(io.BytesIO(message.document.content)) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".ovpn")]
            profile = archive.read(name).decode()
        await until(lambda: company.grants_of(company.anna)[0]["state"] == "active")
        (grant,) = company.grants_of(company.anna)
        assert grant["serial"] == serial_of(profile)
        assert message.document.file_name == f"office-{grant['common_name']}.zip"
        assert await server.connect(grant["common_name"])
