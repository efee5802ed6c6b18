"""What must be true after whatever happened, seen from outside of the program."""

import hashlib
import json
import re
import subprocess
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from demo.testing import DemoMessage, PersonChat
from tests.crash.stage import Stage
from vpn.configuration.connect_rules import check_profile

_CERTIFICATE = re.compile(r"<cert>\n(.*?)</cert>", re.DOTALL)
_SERIAL = re.compile(r"Serial Number: *([0-9A-F]+)")
_ENDED = {"revoked", "expired"}
# A minute after each decision its cards lose the button Undo, whatever else goes on. What stays in
# the queue keeps the next story from settling.
_LEFT = """
    SELECT * FROM outbox WHERE state != 'done' AND NOT (
        kind = 'edit_card' AND json_extract(payload, '$.afresh') IS 0
        AND state IN ('queued', 'sending')
    )
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def serial_of(profile: str) -> str:
    """As the database writes it: lower-case hex."""
    found = _CERTIFICATE.search(profile)
    assert found, profile
    return f"{x509.load_pem_x509_certificate(found[1].encode()).serial_number:x}"


def certificate_of(chat: PersonChat, serial: str) -> x509.Certificate | None:
    """The one with this serial among the profiles in a chat."""
    for message in chat.messages:
        if message.document is not None:
            found = _CERTIFICATE.search(message.document.content.decode())
            assert found
            certificate = x509.load_pem_x509_certificate(found[1].encode())
            if f"{certificate.serial_number:x}" == serial:
                return certificate
    return None


def documents(chat: PersonChat) -> list[str]:
    """The serials of the profiles in a chat, oldest first; each can be imported."""
    found = []
    for message in chat.messages:
        if message.document is not None:
            profile = message.document.content.decode()
            assert check_profile(profile) == []
            found.append(serial_of(profile))
    return found


def crl_serials(stage: Stage, server: str = "office") -> set[str]:
    """The revoked serials, as openssl reads them; it checks the signature, too."""
    company = stage.company
    ca = company.data / "ca" / "ca.crt"
    command = ("openssl", "crl", "-in", company.folder / server / "live" / "crl.pem")
    ran = subprocess.run(
        [*command, "-noout", "-text", "-CAfile", ca], capture_output=True, text=True, check=True
    )
    assert "verify OK" in ran.stderr + ran.stdout
    return {serial.lower().lstrip("0") for serial in _SERIAL.findall(ran.stdout)}


def live_on(stage: Stage, server: str) -> set[str]:
    """The serials of the profiles for this server that are live."""
    found = "SELECT serial FROM grants WHERE server = ? AND state = 'active'"
    return {serial for (serial,) in stage.company.query(found, server)}


def ccd_names(folder: Path) -> set[str]:
    """Whom the server lets in; what a killed writer left is nobody's name."""
    names = {path.name for path in (folder / "live" / "ccd").iterdir()}
    return {name for name in names if not name.startswith(".vpnbot-")}


def check_company(stage: Stage) -> None:
    """Nothing is under way, the database is whole, and the server lets in whom it should."""
    company = stage.company
    assert company.query("PRAGMA integrity_check") == [("ok",)]
    assert company.query("PRAGMA foreign_key_check") == []
    assert states(stage, "inbox") <= {"done"}
    left = company.query(_LEFT)
    assert left == [], left
    assert states(stage, "grants") <= {"active", *_ENDED}
    assert states(stage, "requests") <= {"approved", "denied", "cancelled"}
    assert company.query("SELECT * FROM proofs WHERE NOT proved") == []
    _check_grants(stage)
    _check_trail(stage)


def states(stage: Stage, table: str) -> set[str]:
    return {state for (state,) in stage.company.query(f"SELECT DISTINCT state FROM {table}")}


def _check_grants(stage: Stage) -> None:
    """The live grants are in, and all others are out, by both locks and by their sessions."""
    # A certificate that has ended was on a CRL afterwards, and need not stay on it.
    rested = int((datetime.now(UTC) - timedelta(minutes=9)).timestamp() * 1_000_000)
    grants = stage.company.query("SELECT common_name, serial, state FROM grants")
    gone = stage.company.query("SELECT serial FROM grants WHERE not_after < ?", rested)
    live = {(name, serial) for name, serial, state in grants if state == "active"}
    ended = {(name, serial) for name, serial, state in grants if state in _ENDED}
    revoked = crl_serials(stage)
    assert {serial for _, serial in ended} <= revoked | {serial for (serial,) in gone}
    assert not {serial for _, serial in live} & revoked
    assert ccd_names(stage.company.folder / "office") == {name for name, _ in live}
    assert set(stage.server.sessions) <= {name for name, _ in live}


def _check_trail(stage: Stage) -> None:
    """The chain as ARCHITECTURE.md describes it, computed by hand."""
    rows = stage.company.query(
        "SELECT seq, at, actor, action, subject, detail, previous, digest FROM audit ORDER BY seq"
    )
    last = "0" * 64
    for place, (seq, at, actor, action, subject, detail, previous, digest) in enumerate(rows, 1):
        moment = (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds")
        row = json.dumps(
            [last, seq, moment, actor, action, subject, detail],
            separators=(",", ":"),
            ensure_ascii=False,
        )
        assert (seq, previous) == (place, last)
        assert digest == hashlib.sha256(row.encode()).hexdigest()
        last = digest


async def check_request(
    stage: Stage, chat: PersonChat, *, deaths: int, verdict: str, also: Collection[str] = ()
) -> None:
    """One request, one decision, once in the trail; no message more often than starts explain.

    Args:
        also: what else was done to the request, each once.
    """
    company = stage.company
    found = company.query("SELECT id, state FROM requests WHERE user_id = ?", chat.person.id)
    assert [state for _, state in found] == [verdict]
    request = found[0][0]
    await _tap_forgotten_cards(stage, chat)
    decisions = company.query("SELECT verdict FROM decisions WHERE request_id = ?", request)
    acts = actions(stage, f"request:{request}")
    assert len(decisions) == 1
    assert acts == Counter(("request.ask", f"request.{decisions[0][0]}", *also))
    said = Counter(message.text for message in chat.messages if message.from_bot)
    assert max(said.values()) <= 1 + deaths, said


async def _tap_forgotten_cards(stage: Stage, chat: PersonChat) -> None:
    """A card that was sent twice may keep its buttons; they do nothing, and go when tapped."""
    boris = stage.company.boris
    for message in undecided(boris, chat):
        answer = await boris.is_answered(await boris.taps("Approve", message=message))
        assert "already" in answer.text, answer
    await stage.settle()
    assert undecided(boris, chat) == []


def undecided(admin: PersonChat, chat: PersonChat) -> list[DemoMessage]:
    """The cards of somebody that look as if they could be decided on."""
    words = f"{chat.person.first_name} asks"
    return [card for card in admin.messages if words in card.text and card.button("Approve")]


def actions(stage: Stage, subject: str) -> Counter[str]:
    """How often each thing was done to a request or a grant, by the trail."""
    rows = stage.company.query("SELECT action FROM audit WHERE subject = ?", subject)
    return Counter(action for (action,) in rows)


def check_live(stage: Stage, chat: PersonChat, *, profiles: int) -> None:
    """One certificate of theirs is alive, the newest that they were sent.

    Args:
        profiles: how many there may have been at most.
    """
    sent = documents(chat)
    grants = stage.company.grants_of(chat)
    live = [grant["serial"] for grant in grants if grant["state"] == "active"]
    assert live == sent[-1:]
    _check_history(stage, chat, profiles)


def check_ended(stage: Stage, chat: PersonChat, *, profiles: int, state: str) -> None:
    """None of their certificates is alive, and the last one ended like this."""
    assert all(grant["state"] in _ENDED for grant in stage.company.grants_of(chat))
    last = documents(chat)[-1]
    (ended,) = [grant for grant in stage.company.grants_of(chat) if grant["serial"] == last]
    assert ended["state"] == state
    _check_history(stage, chat, profiles)


def _check_history(stage: Stage, chat: PersonChat, profiles: int) -> None:
    sent = documents(chat)
    grants = stage.company.grants_of(chat)
    assert len(set(sent)) == len(sent) <= profiles
    assert len(grants) <= profiles
    assert set(sent) <= {grant["serial"] for grant in grants}
    for grant in grants:
        acts = actions(stage, f"grant:{grant['id']}")
        assert set(acts.values()) == {1}, acts
        is_over = grant["state"] in _ENDED
        assert is_over == ("grant.end" in acts) == ("grant.prove" in acts), acts
        if "grant.deliver" in acts:
            assert grant["serial"] in sent
