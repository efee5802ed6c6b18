"""Profiles and words on a bad way to Telegram: nothing twice, nothing lost, nothing left alive."""

import asyncio
import json
from pathlib import Path
from random import Random

import pytest
from cryptography import x509

from demo.api.faults import Fault, FaultKind, FaultRate, drop_after, drop_before, hang, status
from demo.api.params import UploadedFile
from demo.lab.stand_in import StandIn
from demo.testing import Call, PersonChat
from tests.company import TOKEN, Company, until
from vpn.deploy import CLOCK_TICK_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

BLOCKED = status(403, "Forbidden: bot was blocked by the user")
BAD = status(400, "Bad Request: the file is not to Telegram's taste")
FLOOD = status(429, "Too Many Requests: retry after 1", retry_after=1)


def uploads(company: Company, who: PersonChat) -> list[tuple[Call, UploadedFile]]:
    """All documents that the bot tried to send to somebody, oldest first."""
    calls = [
        call
        for call in company.telegram.calls
        if call.method == "sendDocument" and call.params["chat_id"] == str(who.person.id)
    ]
    return [(call, _file(call)) for call in calls]


def _file(call: Call) -> UploadedFile:
    (file,) = (value for value in call.params.values() if isinstance(value, UploadedFile))
    return file


def serial_of(profile: bytes) -> str:
    """Of the certificate in a profile."""
    pem = profile.partition(b"<cert>")[2].partition(b"</cert>")[0].strip()
    return f"{x509.load_pem_x509_certificate(pem).serial_number:x}"


async def sent_all(company: Company) -> None:
    """Waits until nothing is on its way, and every end is proved."""
    await until(
        lambda: (
            company.query("SELECT 1 FROM outbox WHERE state IN ('queued', 'sending')") == []
            and company.query("SELECT 1 FROM proofs WHERE NOT proved") == []
        )
    )


async def asks(company: Company, who: PersonChat, fault: FaultKind | None = None) -> None:
    """Somebody asks and Boris approves; the delivery then meets the fault."""
    await who.says("/requestvpn")
    card = await company.card(company.boris, who)
    if fault is not None:
        company.telegram.faults.append(Fault("sendDocument", 1, fault))
    await company.boris.taps("Approve", message=card)


async def test_a_flood_limit_is_waited_out_with_the_same_profile(company: Company) -> None:
    who = await company.hires()
    await asks(company, who, FLOOD)
    message = await who.receives_document()
    await sent_all(company)
    (refused, first), (taken, second) = uploads(company, who)
    assert (first.name, first.content) == (second.name, second.content)
    assert taken.at - refused.at >= 1
    (grant,) = company.grants_of(who)
    assert grant["state"] == "active"
    assert message.document is not None
    assert serial_of(message.document.content) == grant["serial"]
    assert [m.document is not None for m in who.messages].count(True) == 1


def sent_to(company: Company, who: PersonChat, *methods: str) -> list[Call]:
    """The calls that were to put something into somebody's chat, oldest first."""
    return [
        call
        for call in company.telegram.calls
        if call.method in methods and call.params.get("chat_id") == str(who.person.id)
    ]


async def test_nothing_else_goes_out_while_a_profile_waits_for_telegram(company: Company) -> None:
    who = await company.hires()
    flood = status(429, "Too Many Requests: retry after 3", retry_after=3)
    await asks(company, who, flood)
    await until(lambda: uploads(company, who))
    await who.says("/help")
    await who.receives_document()
    await who.hears("I give you VPN access")
    calls = sent_to(company, who, "sendDocument", "sendMessage")
    refused = next(call for call in calls if call.method == "sendDocument")
    later = calls[calls.index(refused) + 1 :]
    assert later
    assert all(call.at - refused.at >= 3 for call in later)


async def test_a_profile_keeps_the_halt_that_a_text_met(company: Company) -> None:
    """Until the text is refused its tries reach nobody, so that it is on its way by then."""
    who = await company.hires()
    nobody = status(401, "Unauthorized")
    closed = [FaultRate(name, 1.0, nobody, Random(1)) for name in ("sendDocument", "getMe")]
    company.telegram.faults.extend(closed)
    await asks(company, who)
    await until(lambda: uploads(company, who))
    before = len(sent_to(company, who, "sendMessage"))
    flood = status(429, "Too Many Requests: retry after 4", retry_after=4)
    company.telegram.faults.append(Fault("sendMessage", 1, flood))
    await who.says("/help")
    await until(lambda: len(sent_to(company, who, "sendMessage")) > before)
    held = "SELECT 1 FROM chat_holds WHERE chat_id = ?"
    await until(lambda: company.query(held, who.person.id))
    for rule in closed:
        company.telegram.faults.remove(rule)
    await who.receives_document()
    await who.hears("I give you VPN access")
    refused = sent_to(company, who, "sendMessage")[before]
    *_, (taken, _) = uploads(company, who)
    assert taken.at - refused.at >= 4


async def test_an_answer_that_got_lost(company: Company, server: StandIn) -> None:
    """The profile arrived, and the bot cannot know: that one is dead, and another one comes."""
    who = await company.hires()
    await asks(company, who, drop_after)
    first, second = await who.receives_document(), await who.receives_document()
    await sent_all(company)
    assert first.document is not None
    assert second.document is not None
    assert first.document.file_name != second.document.file_name
    assert b"FRIENDLY_NAME" in second.document.content
    assert "no longer works" in second.text
    assert "no longer works" not in first.text
    dead, live = company.grants_of(who)
    assert (dead["state"], dead["end_reason"], live["state"]) == ("revoked", "lost", "active")
    assert serial_of(first.document.content) == dead["serial"]
    assert serial_of(second.document.content) == live["serial"]
    assert not await server.connect(dead["common_name"])
    assert await server.connect(live["common_name"])
    assert len([m for m in who.messages if m.document]) == 2


@pytest.mark.parametrize(
    "fault",
    [
        status(500, "Internal Server Error"),
        status(502, "Bad Gateway"),
        drop_before,
    ],
    ids=["500", "502", "dropped"],
)
async def test_nobody_knows_whether_it_arrived(
    company: Company, server: StandIn, fault: FaultKind
) -> None:
    who = await company.hires()
    await asks(company, who, fault)
    message = await who.receives_document()
    await sent_all(company)
    dead, live = company.grants_of(who)
    assert (dead["state"], live["state"]) == ("revoked", "active")
    assert message.document is not None
    assert serial_of(message.document.content) == live["serial"]
    assert "no longer works" in message.text
    assert not await server.connect(dead["common_name"])
    # The same approval, the same end, and no second document.
    ((count, ends),) = company.query(
        "SELECT count(DISTINCT request_id), count(DISTINCT not_after) FROM grants "
        "WHERE user_id = ?",
        who.person.id,
    )
    assert (count, ends) == (1, 1)
    assert len([m for m in who.messages if m.document]) == 1


async def test_nobody_is_told_that_it_is_dead_before_that_was_seen(
    company: Company, server: StandIn
) -> None:
    """The server is away: a profile that may have arrived still opens it when it is back."""
    who = await company.hires()
    await server.stop()
    try:
        await asks(company, who, drop_after)
        await who.receives_document()
        fresh = await who.receives_document()
        assert "it’s being switched off" in fresh.text
        assert "no longer works" not in fresh.text
        lost, live = company.grants_of(who)
        assert lost["state"] == "revoking"
    finally:
        await asyncio.sleep(CLOCK_TICK_S)
        await server.start(company.folder / "office")
    await sent_all(company)
    assert not await server.connect(lost["common_name"])
    assert await server.connect(live["common_name"])


async def test_what_a_server_never_proved_is_not_called_dead(company: Company) -> None:
    """It opened one that was taken out since, and that may still run."""
    who = await company.hires()
    await asks(company, who)
    await who.receives_document()
    await sent_all(company)
    [earlier] = company.grants_of(who)
    company.tamper(
        "INSERT INTO proofs (grant_id, server, proved, attempts, next_try_at, findings, dropped_at)"
        " VALUES (?, 'oslo', 0, 0, 0, '[]', 1)",
        earlier["id"],
    )
    await who.says("/myvpn")
    await who.taps("New profile", message=await who.hears("active"))
    await who.taps("New profile now", message=await who.hears("Send a new profile"))
    fresh = await who.receives_document()
    assert "is being switched off" in fresh.text
    assert "no longer works" not in fresh.text
    company.tamper("DELETE FROM proofs WHERE server = 'oslo'")
    await sent_all(company)


@pytest.mark.parametrize(
    ("fault", "words", "reason"),
    [
        (BLOCKED, "{name} didn’t get the profile", "undeliverable"),
        (BAD, "Telegram doesn’t take the profile of {name}", "not_taken"),
    ],
    ids=["403", "400"],
)
async def test_what_telegram_does_not_take(
    company: Company, server: StandIn, fault: FaultKind, words: str, reason: str
) -> None:
    who = await company.hires()
    await asks(company, who, fault)
    for admin in (company.boris, company.clara):
        told = await admin.hears(words.format(name=company.name_of(who)))
        assert "ended" not in told.text  # which nobody has seen yet
    await sent_all(company)
    # What is proved at once is no news.
    await until(lambda: company.grants_of(who)[-1]["state"] == "revoked")
    (grant,) = company.grants_of(who)
    assert (grant["state"], grant["end_reason"]) == ("revoked", reason)
    assert not await server.connect(grant["common_name"])
    assert not [m for m in who.messages if m.document]


async def test_telegram_is_away_for_a_while(company: Company) -> None:
    who = await company.hires()
    await who.says("/requestvpn")
    await company.card(company.boris, who)
    ((number,),) = company.query("SELECT max(id) FROM requests")
    await sent_all(company)
    tries = company.log.count("was not sent")
    await company.telegram.stop()
    try:
        await company.done("request", "approve", str(number))
        await until(lambda: company.log.count("was not sent") > tries)
        assert company.grants_of(who)[0]["state"] == "issued"
    finally:
        await company.telegram.start()
    message = await who.receives_document()
    await sent_all(company)
    (grant,) = company.grants_of(who)
    assert message.document is not None
    assert (grant["state"], grant["serial"]) == ("active", serial_of(message.document.content))


async def test_revoked_while_its_profile_waits(company: Company, server: StandIn) -> None:
    who = await company.hires()
    await asks(company, who, FLOOD)
    await until(lambda: uploads(company, who))
    await company.boris.says(f"/revoke {who.person.id}")
    receipt = await company.boris.hears(f"{company.name_of(who)} can’t connect any more")
    assert receipt.text.startswith("Revoked")
    await sent_all(company)
    (grant,) = company.grants_of(who)
    assert (grant["state"], grant["end_reason"]) == ("revoked", "revoked")
    assert len(uploads(company, who)) == 1
    assert not [m for m in who.messages if m.document]
    assert not await server.connect(grant["common_name"])


async def test_a_server_that_cannot_take_anybody_in(company: Company, server: StandIn) -> None:
    who = await company.hires()
    ccd = company.folder / "office" / "live" / "ccd"
    away = ccd.with_name("ccd-away")
    ccd.rename(away)
    ccd.touch()
    try:
        await asks(company, who)
        await who.hears("can’t be made right now")
        for admin in (company.boris, company.clara):
            await admin.hears(f"The profile of {company.name_of(who)}")
        # Let the wait be over, so that it is tried again in vain.
        await _wait_is_over(company)
        await until(lambda: _attempts(company) == [(2,)])
        assert company.grants_of(who)[0]["state"] == "reserved"
    finally:
        ccd.unlink()
        away.rename(ccd)
    await _wait_is_over(company)
    await who.receives_document()
    await sent_all(company)
    (grant,) = company.grants_of(who)
    assert grant["state"] == "active"
    assert await server.connect(grant["common_name"])
    assert len([m for m in who.messages if "can’t be made right now" in m.text]) == 1
    told = [m for m in company.boris.messages if "can’t be made right now" in m.text]
    assert len(told) == 1


def _attempts(company: Company) -> object:
    return company.query("SELECT attempts FROM outbox WHERE kind = 'deliver' AND state = 'queued'")


async def _wait_is_over(company: Company) -> None:
    await until(lambda: _attempts(company) != [])
    company.tamper("UPDATE outbox SET due_at = 0 WHERE kind = 'deliver' AND state = 'queued'")


@pytest.mark.parametrize("fault", [FLOOD, status(500, "Internal Server Error")], ids=["429", "500"])
async def test_words_keep_their_order(company: Company, fault: FaultKind) -> None:
    who = await company.hires()
    await sent_all(company)
    company.telegram.faults.append(Fault("sendMessage", 1, fault))
    for text in ("/help", "/myvpn", "well?", "/start"):
        await who.says(text)
    await until(lambda: len([m for m in who.messages if m.from_bot]) == 5)
    said = [m.text for m in who.messages if m.from_bot][1:]
    expected = ("Hello", "no VPN access", "commands only", "Hello")
    for text, words in zip(said, expected, strict=True):
        assert words in text, said


@pytest.mark.parametrize("arrived", [True, False], ids=["arrived", "not-arrived"])
async def test_killed_while_a_profile_is_on_its_way(
    company: Company, server: StandIn, arrived: bool
) -> None:
    who = await company.hires()
    await asks(company, who, hang(30, after=arrived))
    await until(lambda: uploads(company, who))
    if arrived:
        await who.receives_document()
    await company.kill()
    (grant,) = company.grants_of(who)
    assert grant["state"] == "issued"
    await company.start()
    message = await who.receives_document()
    await sent_all(company)
    dead, live = company.grants_of(who)
    assert (dead["state"], dead["end_reason"], live["state"]) == ("revoked", "lost", "active")
    assert message.document is not None
    assert serial_of(message.document.content) == live["serial"]
    assert not await server.connect(dead["common_name"])
    assert len([m for m in who.messages if m.document]) == 1 + arrived


async def test_somebody_who_blocked_the_bot(company: Company) -> None:
    who = await company.hires()
    await who.says("/requestvpn")
    card = await company.card(company.boris, who)
    who.blocks_bot()
    await company.boris.taps("Approve", message=card)
    for admin in (company.boris, company.clara):
        await admin.hears(f"{company.name_of(who)} didn’t get the profile")
    await until(lambda: company.grants_of(who)[0]["state"] == "revoked")
    who.unblocks_bot()
    await company.approved(who=who)
    assert [grant["state"] for grant in company.grants_of(who)] == ["revoked", "active"]


async def test_no_key_and_no_token_was_written_anywhere(company: Company) -> None:
    """After all of the above: what is stored holds no client's key, and the log no secret."""
    await sent_all(company)
    profiles = [
        m.document
        for chat in company.telegram.world.people
        for m in company.telegram.person(chat).messages
        if m.document
    ]
    assert profiles
    keys = {
        document.content.partition(b"<key>")[2].partition(b"</key>")[0].split(b"\n")[2]
        for document in profiles
    }
    for path in await asyncio.to_thread(_files, company.data):
        content = path.read_bytes()
        assert not any(key in content for key in keys), path
    assert "cannot be made yet: " in company.log  # with the broken server's cause
    assert TOKEN not in company.log
    assert "PRIVATE KEY" not in company.log
    assert (await company.done("audit", "verify")).out.startswith("All ")
    json.loads((await company.done("audit", "show", "--json")).out)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
