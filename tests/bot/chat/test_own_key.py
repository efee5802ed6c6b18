"""A file that somebody has sent: what becomes of it, and what is said."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.access import keys
from bot.chat import own_key
from bot.texts import keys as words
from bot.texts.fill import escaped
from demo.api.faults import Fault, page
from pki.own_key import Unfit
from storage.key_records import KeyWay
from storage.records import OutboxKind
from tests.bot.access.kit import ANNA, Said, to
from tests.bot.chat.posting import Desk
from tests.pki.test_own_key import EC, pem, request, spki

PRIVATE = EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
REQUEST = pem(request())


@pytest.fixture
async def desk(posting: Desk) -> Desk:
    """Where people may keep their own keys."""
    posting.paper.key_ways = (KeyWay.PLAIN, KeyWay.OWN)
    settle(posting)
    await posting.paper.forget()
    return posting


def settle(desk: Desk) -> None:
    desk.posts._core = replace(desk.posts._core, rules=desk.paper.rules)


async def sends(desk: Desk, content: bytes) -> tuple[str, int]:
    """The file and the message, as Telegram calls them."""
    chat = desk.server.person(ANNA)
    message = await chat.sends("vpn.csr", content)
    return list(chat._world.files)[-1], message.message_id


async def said_of(desk: Desk, file: str, message: int = 7) -> list[Said]:
    row = await desk.row(OutboxKind.OWN_KEY, {"file": file, "message": message}, ANNA)
    await desk.does(partial(own_key.fetch, desk.posts._bot, desk.posts._core), row)
    return await desk.paper.heard()


def reply(text: str) -> Said:
    return to(ANNA, OutboxKind.REPLY, {"text": escaped(text), "keyboard": []})


async def test_a_request_is_taken_for_the_next_profiles(desk: Desk) -> None:
    assert await said_of(desk, *await sends(desk, REQUEST)) == [reply(words.CHOSEN[KeyWay.OWN])]
    assert await desk.paper.do(keys.own_key, ANNA) == spki(EC)
    [noted] = await desk.paper.noted()
    assert (noted.actor, noted.action) == (f"telegram:{ANNA}", "user.key")


async def test_a_private_key_is_taken_out_of_the_chat(desk: Desk) -> None:
    file, message = await sends(desk, PRIVATE)
    assert await said_of(desk, file, message) == [
        to(ANNA, OutboxKind.DELETE, {"message": message}),
        reply(words.UNFIT[Unfit.PRIVATE_KEY]),
    ]
    assert await desk.paper.do(keys.own_key, ANNA) is None


async def test_any_other_file_stays_where_it_is(desk: Desk) -> None:
    file, message = await sends(desk, b"%PDF-1.4")
    assert await said_of(desk, file, message) == [reply(words.UNFIT[Unfit.NO_REQUEST])]
    assert await said_of(desk, "gone") == [reply(words.FETCH_FAILED)]
    assert await desk.paper.do(keys.own_key, ANNA) is None


async def test_a_file_of_this_machine_is_none_that_was_sent(desk: Desk, tmp_path: Path) -> None:
    """Whatever a Bot API server says where it is."""
    here = tmp_path / "vpn.csr"
    here.write_bytes(REQUEST)
    answer = {"file_id": "f", "file_unique_id": "u", "file_path": str(here)}
    body = json.dumps({"ok": True, "result": answer})
    desk.server.faults.append(Fault("getFile", 1, page(200, body, "application/json")))
    assert await said_of(desk, "f") == [reply(words.FETCH_FAILED)]
    assert await desk.paper.do(keys.own_key, ANNA) is None


async def test_what_the_settings_leave_out_by_then_is_said(desk: Desk) -> None:
    desk.paper.key_ways = (KeyWay.PLAIN,)
    settle(desk)
    [said] = await said_of(desk, *await sends(desk, REQUEST))
    assert said.kind is OutboxKind.REPLY
    assert said.payload["text"] != escaped(words.CHOSEN[KeyWay.OWN])
    assert await desk.paper.do(keys.own_key, ANNA) is None
    assert await desk.paper.noted() == []
