"""How a key gets to its owner: under a passphrase that is shown once, and kept nowhere."""

import re
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from demo.api.faults import Fault, FaultKind, drop_after, status
from demo.lab.network import lab_missing
from demo.testing import DemoMessage, PersonChat
from tests import networkmanager
from tests.company import CROWD, PEOPLE, Company, company_with_openvpn, company_with_stand_in, until
from tests.folders import open_folder
from vpn.configuration.connect_rules import check_profile

SHOW = "🔑 Show the passphrase"
OLD = status(
    400, "Bad Request: query is too old and response timeout expired or query ID is invalid"
)
PASSPHRASE = re.compile(r"^[a-z]{5}(?:-[a-z]{5}){5}$", re.MULTILINE)
_NEEDS_LAB = pytest.mark.skipif(lab_missing() is not None, reason=str(lab_missing()))


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path) -> AsyncIterator[Company]:
    """One company; each test hires its own people."""
    async with company_with_stand_in(module_folder, people=(*PEOPLE, *CROWD)) as (made, _):
        made.extra["VPNBOT_PROFILE_KEY"] = "passphrase, plain, own"
        await made.start()
        yield made


async def gets_profile(company: Company, who: PersonChat) -> DemoMessage:
    """Somebody asks, and gets it; by then the bot has noted that."""
    await company.approved(who=who)
    return next(message for message in reversed(who.messages) if message.document)


async def pops_up(who: PersonChat, message: DemoMessage) -> str:
    """What she sees when she taps for the passphrase."""
    answer = await who.is_answered(await who.taps(SHOW, message=message))
    assert answer.show_alert
    return answer.text


def phrase_in(text: str) -> str:
    found = PASSPHRASE.search(text)
    assert found, text
    return found[0]


def key_in(message: DemoMessage) -> bytes:
    assert message.document is not None
    return key_of(message.document.content)


def key_of(profile: bytes) -> bytes:
    return profile.partition(b"<key>\n")[2].partition(b"</key>")[0]


def now(who: PersonChat, message: DemoMessage) -> DemoMessage:
    return next(one for one in who.messages if one.message_id == message.message_id)


def is_kept(company: Company, phrase: str) -> list[Path]:
    """The files of the company that have it."""
    files = (path for path in company.folder.rglob("*") if path.is_file())
    return [path for path in files if phrase.encode() in path.read_bytes()]


@pytest.mark.long
async def test_the_file_goes_out_of_the_chat_in_time_and_says_so_before(company: Company) -> None:
    anna = await company.hires()
    message = await gets_profile(company, anna)
    assert "I delete this message at" in message.text
    other = await company.hires()
    too_old = await gets_profile(company, other)
    await company.stop()
    for chat, hours in ((anna, 25), (other, 49)):
        company.tamper(
            "UPDATE posted_messages SET posted_at = posted_at - ? WHERE kind = 'deliver'"
            " AND chat_id = ?",
            hours * 3_600_000_000,
            chat.person.id,
        )
    await company.start()
    await until(lambda: all(one.message_id != message.message_id for one in anna.messages))
    # The access stays; what nobody can delete any more is not tried.
    assert company.grants_of(anna)[-1]["state"] == "active"
    deleted = [call for call in company.telegram.calls if call.method == "deleteMessage"]
    assert [call.params["message_id"] for call in deleted] == [str(message.message_id)]
    assert now(other, too_old).document
    # One that somebody has deleted themselves, meanwhile, holds up nothing.
    third = await company.hires()
    gone = await gets_profile(company, third)
    third.deletes(gone.message_id)
    await company.stop()
    company.tamper(
        "UPDATE posted_messages SET posted_at = posted_at - 90000000000 WHERE chat_id = ?",
        third.person.id,
    )
    await company.start()
    await until(
        lambda: company.query("SELECT state FROM outbox WHERE kind = 'delete'") == [("done",)] * 2
    )


def made(folder: Path, *options: str) -> bytes:
    """A request, as the bot says how to make it."""
    kind = options or ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=vpn")
    files = ("-keyout", str(folder / "vpn.key"), "-out", str(folder / "vpn.csr"))
    command = ("openssl", "req", "-new", *kind, "-nodes", *files)
    subprocess.run(command, check=True, capture_output=True)
    return (folder / "vpn.csr").read_bytes()


def is_gone(who: PersonChat, message: DemoMessage) -> bool:
    return all(one.message_id != message.message_id for one in who.messages)


def join(line: str, folder: Path) -> None:
    subprocess.run(["sh", "-c", line], cwd=folder, check=True)


async def test_a_profile_for_ones_own_key(company: Company, tmp_path: Path) -> None:
    anna = await company.hires()
    await anna.says("/myvpn")
    await anna.taps("🔑", message=await anna.hears("You have no VPN access"))
    question = await anna.hears("How do you want your profiles")
    tap = await anna.taps("For my own key", message=question)
    assert "Send me vpn.csr" in (await anna.is_answered(tap)).text
    for name, content, words in (
        ("vpn.csr", made(tmp_path, "-newkey", "rsa:1024", "-subj", "/CN=vpn"), "too short"),
        ("vpn.csr", made(tmp_path, "-newkey", "rsa:2048", "-subj", "/CN=boris"), "asks for a name"),
        ("vpn.csr", made(tmp_path) + made(tmp_path), "more than one thing"),
        ("vpn.csr", bytes(5_000_000), "too large"),
        ("notes.pdf", b"%PDF-1.4", "no request for a certificate"),
    ):
        await anna.sends(name, content)
        await anna.hears(words)
    # A key is taken out of the chat, as a file and as a text, and nobody calls it a request.
    private = (tmp_path / "vpn.key").read_bytes()
    for sent in (await anna.sends("vpn.key", private), await anna.says(private.decode())):
        await until(partial(is_gone, anna, sent))
        anna.deletes((await anna.hears("don’t use it any more")).message_id)
    await anna.says((tmp_path / "vpn.csr").read_text())
    await anna.hears("Send it as a file, please")
    await anna.sends("vpn.png", b"\x89PNG", photo=True)
    await anna.hears("That’s a picture")
    assert company.query("SELECT 1 FROM key_choices WHERE user_id = ?", anna.person.id) == []
    await anna.sends("vpn.csr", made(tmp_path))
    await anna.hears("Your next profiles are for the key that you keep")
    message = await gets_profile(company, anna)
    assert message.document is not None
    profile = message.document.content
    assert b"PRIVATE KEY" not in profile
    assert b"<key>" not in profile
    (tmp_path / message.document.file_name).write_bytes(profile)
    # The line that joins the two is in the message.
    (line,) = [line for line in message.text.splitlines() if line.startswith("(echo")]
    join(line, tmp_path)
    joined = (tmp_path / message.document.file_name).read_bytes()
    key = load_pem_private_key(key_of(joined), None)
    certificate = joined.partition(b"<cert>")[2].partition(b"</cert>")[0].strip()
    (grant,) = company.grants_of(anna)
    found = load_pem_x509_certificate(certificate)
    assert found.public_key() == key.public_key()
    assert found.subject.rfc4514_string() == f"CN={grant['common_name']}"
    assert check_profile(joined.decode()) == []
    # Who may not have one is told what a file always was told.
    stranger = company.emil
    await stranger.sends("vpn.csr", made(tmp_path))
    await stranger.hears("Your Telegram id")


@_NEEDS_LAB
@pytest.mark.long
async def test_a_real_client_opens_the_key_with_what_was_shown_once() -> None:
    with open_folder() as folder:
        async with company_with_openvpn(folder) as (company, lab):
            company.extra["VPNBOT_PROFILE_KEY"] = "passphrase"
            await company.start()
            message = await gets_profile(company, company.anna)
            assert message.document is not None
            profile = message.document.content.decode()
            assert "BEGIN ENCRYPTED PRIVATE KEY" in profile
            assert "BEGIN PRIVATE KEY" not in profile
            phrase = phrase_in(await pops_up(company.anna, message))
            asked = folder / "typed"
            asked.write_text(f"{phrase}\n")
            asked.chmod(0o600)
            tunnel = await lab.connect(f"askpass {asked}\n{profile}")
            await tunnel.close()
            asked.unlink()
            # It went to the pop-up alone: not into the chat, the database, or the log.
            await until(lambda: now(company.anna, message).button(SHOW) is None)
            assert now(company.anna, message).button("iPhone")
            assert not any(phrase in one.text for one in company.anna.messages)
            await company.stop()
            assert is_kept(company, phrase) == []


@pytest.mark.skipif(networkmanager.missing() is not None, reason=str(networkmanager.missing()))
async def test_networkmanager_imports_each_kind(company: Company, tmp_path: Path) -> None:
    """All that a profile says, and the key as it came: locked stays locked."""
    anna = await company.hires()
    await choose(anna, "Ready to use")
    plain = await gets_profile(company, anna)
    boris = await company.hires()
    locked = await gets_profile(company, boris)
    clara = await company.hires()
    await clara.sends("vpn.csr", made(tmp_path))
    await clara.hears("Your next profiles are for the key that you keep")
    own = await gets_profile(company, clara)
    for number, message in enumerate((plain, locked, own)):
        assert message.document is not None
        home = tmp_path / str(number)
        home.mkdir()
        profile = tmp_path / message.document.file_name
        profile.write_bytes(message.document.content)
        for line in message.text.splitlines():
            if line.startswith("(echo"):
                join(line, tmp_path)
        found = networkmanager.imported(profile, home)
        assert found["connection-type"] == "tls"
        assert found["remote-cert-tls"] == "server"
        assert found["remote"].startswith(f"{company.host}:")
        assert found["key"].encode().strip() == key_of(profile.read_bytes()).strip()
        assert found["tls-crypt-v2"].startswith("-----BEGIN OpenVPN tls-crypt")


async def choose(who: PersonChat, way: str) -> None:
    await who.says("/myvpn")
    await who.taps("🔑", message=await who.hears("You have no VPN access"))
    await who.taps(way, message=await who.hears("How do you want your profiles"))
    await who.hears("Done. Your next profiles")


@_NEEDS_LAB
@pytest.mark.long
async def test_a_real_client_connects_with_the_key_that_its_owner_kept(tmp_path: Path) -> None:
    with open_folder() as folder:
        async with company_with_openvpn(folder) as (company, lab):
            company.extra["VPNBOT_PROFILE_KEY"] = "own"
            await company.start()
            anna = company.anna
            await anna.says("/requestvpn")
            await anna.hears("Send me vpn.csr as a file first")
            await anna.sends("vpn.csr", made(tmp_path))
            await anna.hears("Your next profiles are for the key that you keep")
            message = await gets_profile(company, anna)
            assert message.document is not None
            path = tmp_path / message.document.file_name
            path.write_bytes(message.document.content)
            (line,) = [line for line in message.text.splitlines() if line.startswith("(echo")]
            join(line, tmp_path)
            tunnel = await lab.connect(path.read_text())
            await company.boris.says(f"/revoke {anna.person.first_name}")
            await company.boris.hears("Revoked")
            await tunnel.close()
            await company.stop()


async def test_it_is_shown_once(company: Company) -> None:
    anna = await company.hires()
    message = await gets_profile(company, anna)
    assert "passphrase" in message.text
    (grant,) = company.grants_of(anna)
    phrase = phrase_in(await pops_up(anna, message))
    load_pem_private_key(key_in(message), phrase.encode())
    tap = await anna.taps_data(message.message_id, f"pw:{grant['id']}")
    again = (await anna.is_answered(tap)).text
    assert "I showed" in again
    assert not PASSPHRASE.search(again)
    # Nor does anybody else see it, whose client sends what it likes.
    tap = await company.boris.taps_data(1, f"pw:{grant['id']}")
    assert not PASSPHRASE.search((await company.boris.is_answered(tap)).text)
    trail = (await company.done("audit", "show", "--json")).rows
    assert [row["actor"] for row in trail if row["action"] == "grant.passphrase"] == [
        f"telegram:{anna.person.id}"
    ]


@pytest.mark.parametrize(("fault", "is_gone"), [(OLD, False), (drop_after, True)])
async def test_a_pop_up_that_never_came_may_come_later_and_a_doubtful_one_may_not(
    company: Company, fault: FaultKind, is_gone: bool
) -> None:
    anna = await company.hires()
    message = await gets_profile(company, anna)
    (grant,) = company.grants_of(anna)
    company.telegram.faults.append(Fault("answerCallbackQuery", 1, fault))
    await anna.taps(SHOW, message=message)
    await until(lambda: not company.telegram.faults)
    if is_gone:
        await until(lambda: now(anna, message).button(SHOW) is None)
    else:
        # What came of it is known to the bot before it hears of the next tap.
        await anna.says("/help")
        await anna.hears("I give you VPN access")
    tap = await anna.taps_data(message.message_id, f"pw:{grant['id']}")
    text = (await anna.is_answered(tap)).text
    assert bool(PASSPHRASE.search(text)) is not is_gone


@pytest.mark.long
async def test_after_a_restart_before_it_was_seen_another_profile_comes(company: Company) -> None:
    anna = await company.hires()
    message = await gets_profile(company, anna)
    await company.kill()
    await company.start()
    assert "A new profile is on its way" in await pops_up(anna, message)
    await anna.hears("with another passphrase")
    fresh = [one for one in anna.messages if one.document][-1]
    assert fresh.message_id != message.message_id
    phrase = phrase_in(await pops_up(anna, fresh))
    load_pem_private_key(key_in(fresh), phrase.encode())
    first, second = company.grants_of(anna)
    await until(lambda: company.grants_of(anna)[0]["state"] == "revoked")
    assert (first["end_reason"], second["end_reason"]) == ("replaced", None)
    # What the first one could still be tapped for is over.
    tap = await anna.taps_data(message.message_id, f"pw:{first['id']}")
    assert not PASSPHRASE.search((await anna.is_answered(tap)).text)


async def test_people_choose_as_far_as_the_settings_allow(company: Company) -> None:
    anna = await company.hires()
    await anna.says("/myvpn")
    await anna.taps("🔑", message=await anna.hears("You have no VPN access"))
    question = await anna.hears("How do you want your profiles")
    assert question.button("✓ With a passphrase")
    await anna.taps("Ready to use", message=question)
    await anna.hears("Your next profiles come ready to use")
    message = await gets_profile(company, anna)
    load_pem_private_key(key_in(message), None)
    assert message.button(SHOW) is None
    # The settings have the last word.
    await company.stop()
    company.extra["VPNBOT_PROFILE_KEY"] = "passphrase"
    await company.start()
    await anna.says("/myvpn")
    await anna.taps("New profile for", message=await anna.hears("until"))
    await until(lambda: any(one.button("New profile now") for one in anna.messages))
    await anna.taps("New profile now")
    await anna.hears("It asks for a passphrase")
    tap = await anna.taps_data(question.message_id, "ky:plain")
    assert "none of mine" in (await anna.is_answered(tap)).text
