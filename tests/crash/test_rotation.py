"""One CA takes another's place, killed on the way: whoever is out stays out, nobody is left out."""

import os
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509

from demo.testing import PersonChat
from pki.authority_files import create_authority, load_certificate
from pki.crl import read_crl
from tests.company import PASSPHRASE, until
from tests.crash.outcome import documents
from tests.crash.stage import Stage, open_stage
from tests.crash.stories import Story

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.waits]

_CHEAP = 10
# The steps of a start, which are the same for each command.
_STARTED = 4


def make_second(stage: Stage) -> None:
    """A second CA, and people on their way to it."""
    folder = stage.company.data / "ca-2"
    now = datetime.now(UTC)
    create_authority(
        folder,
        common_name="The next CA",
        passphrase=PASSPHRASE,
        now=now,
        random_bytes=os.urandom,
        rounds=_CHEAP,
    )
    at = int(now.timestamp() * 1_000_000)
    stage.company.tamper("INSERT INTO ca_rotation VALUES (1, 2, 'move', ?, ?, ?)", at, at, at)


def authorities(stage: Stage) -> list[x509.Certificate]:
    return [load_certificate(stage.company.data / name) for name in ("ca", "ca-2")]


async def _is_approved(stage: Stage, chat: PersonChat) -> None:
    await chat.says("/requestvpn")
    card = await stage.button(stage.company.boris, f"{chat.person.first_name} asks", "Approve")
    await stage.company.boris.taps("Approve", message=card)
    await chat.receives_document()


async def _is_moved(stage: Stage, chat: PersonChat) -> None:
    company = stage.company
    company.tamper("UPDATE grants SET authority = 1 WHERE user_id = ?", chat.person.id)

    def is_over() -> bool:
        first, *others = company.grants_of(chat)
        return first["state"] == "revoked" and any(each["state"] == "active" for each in others)

    await until(is_over)


async def check_moved(stage: Stage, chat: PersonChat, deaths: int) -> None:
    """One profile of the new CA is alive, the newest; the old one ended when one had arrived."""
    first, *others = stage.company.grants_of(chat)
    (live,) = [each for each in others if each["state"] == "active"]
    assert first["end_reason"] == "replaced"
    signer = "SELECT authority FROM grants WHERE serial = ?"
    assert stage.company.query(signer, live["serial"]) == [(2,)]
    sent = documents(chat)
    assert sent[-1] == live["serial"]
    assert len(sent) <= 2 + deaths
    rows = "SELECT min(seq) FROM audit WHERE action = ? AND subject = ?"
    ((ended,),) = stage.company.query(rows, "grant.end", f"grant:{first['id']}")
    ((arrived,),) = stage.company.query(rows, "grant.deliver", f"grant:{live['id']}")
    assert arrived < ended
    crl = (stage.company.folder / "office" / "live" / "crl.pem").read_bytes()
    listed = {f"{serial:x}" for serial in read_crl(crl, *authorities(stage)).serials}
    assert first["serial"] in listed
    assert live["serial"] not in listed


MOVED = Story("moved to another CA", _is_approved, _is_moved, check_moved)


async def test_people_are_moved(folders: Iterator[Path], exhaustive: bool) -> None:
    async with open_stage(next(folders)) as stage:
        make_second(stage)
        total = 0
        for at in count(1, 1 if exhaustive else 5):
            deaths = (await MOVED.round(stage, at)).count("killed")
            total += deaths
            if not deaths:
                break
        assert total >= (12 if exhaustive else 3)


async def test_it_is_begun(folders: Iterator[Path], exhaustive: bool) -> None:
    """Each time from nothing, then the same command again; the list of both is there then."""
    async with open_stage(next(folders)) as stage:
        company = stage.company
        chat = await stage.hire()
        await _is_approved(stage, chat)
        await company.boris.says(f"/revoke {chat.person.first_name}")
        await stage.hears(company.boris, "Revoked")
        await stage.settle()
        (gone,) = company.grants_of(chat)
        await company.stop()
        codes = []
        async with stage.commands() as commands:
            for at in count(_STARTED, 1 if exhaustive else 3):
                ran = await commands.run("ca", "rotate", "--yes", dies_at=at)
                codes.append(ran.code)
                again = await commands.run("ca", "rotate", "--yes")
                assert "Step 1 of 4" in again.out, again
                await commands.run("server", "deploy", "office")
                crl = (company.folder / "office" / "live" / "crl.pem").read_bytes()
                listed = {f"{serial:x}" for serial in read_crl(crl, *authorities(stage)).serials}
                assert gone["serial"] in listed
                if ran.code == 0:
                    break
                company.tamper("DELETE FROM ca_rotation")
                shutil.rmtree(company.data / "ca-2")
        assert codes[:-1] == [-signal.SIGKILL] * (len(codes) - 1)
        assert len(codes) > (6 if exhaustive else 3)
