"""What is fetched on a full disk: an admin's word finds its way, and nothing runs hot."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from bot.access.case import Chance, Rules
from bot.chat import poller
from bot.chat.client import connect
from bot.chat.poller import Poller
from bot.core import Core
from bot.process.clock import since_boot, utc_now
from bot.process.reserve import Reserve
from demo.people import DemoPerson
from demo.server import DemoServer
from storage.records import UserId
from tests.bot.chat.test_poller import ANNA, BORIS, TOKEN, is_stored
from tests.gate import updates
from tests.storage.kit import open_copy


async def test_on_a_full_disk_an_admins_word_is_found_behind_any_number_of_others(
    template: Path, tmp_path: Path
) -> None:
    """Telegram shows the first hundred that wait; revocations alone are taken, where they show."""
    database = await open_copy(template, tmp_path)
    rules = Rules(default_duration=3600, max_duration=3600, request_ttl=3600, admins=(BORIS,))
    core = Core(database, rules, Chance(serial=str, code=str, token=str), utc_now, since_boot)
    async with database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", utc_now())
        await tx.people.allow(UserId(ANNA.id), "Anna", utc_now())
    reserve = Reserve(tmp_path / "reserve")
    reserve.note_full()
    async with DemoServer(
        TOKEN, (ANNA, DemoPerson(BORIS, "Boris", None, "Admin", started=True))
    ) as server:
        server.inject({"message": updates.message(ANNA.id, "/requestvpn")})
        for number in range(120):
            server.inject({"message": updates.message(5000 + number, "/start")})
        server.inject({"message": updates.message(BORIS, "/grants")})
        revoke = server.inject({"message": updates.message(BORIS, "/revoke anna")})
        telegram = connect(TOKEN, server.url)
        stored = asyncio.Event()
        async with telegram.bot:
            poller = Poller(telegram, "vpn_bot", core, on_stored=stored.set, reserve=reserve)
            while not stored.is_set() or not await is_stored(core, revoke):
                await poller.poll_once()
            reserve.is_scarce = False
            await poller.poll_once()
    async with database.reading() as tx:
        texts = [json.loads(item.payload)["message"]["text"] for item in await tx.inbox.new()]
    await database.close()
    # Strangers' words of the first hundred are gone, all else is there, and nothing twice.
    assert [text for text in texts if text != "/start"] == [
        "/requestvpn",
        "/revoke anna",
        "/grants",
    ]
    assert texts.count("/start") == 21
    assert sum("disk" in m.text for m in server.person(ANNA.id).messages) == 0
    assert sum("disk" in m.text for m in server.person(BORIS).messages) == 1


async def test_so_is_the_first_word_of_an_admin_who_has_never_written(
    template: Path, tmp_path: Path
) -> None:
    """It is among the first hundred, which are confirmed."""
    database = await open_copy(template, tmp_path)
    rules = Rules(default_duration=3600, max_duration=3600, request_ttl=3600, admins=(BORIS,))
    core = Core(database, rules, Chance(serial=str, code=str, token=str), utc_now, since_boot)
    reserve = Reserve(tmp_path / "reserve")
    reserve.note_full()
    async with DemoServer(TOKEN, (ANNA,)) as server:
        revoke = server.inject({"message": updates.message(BORIS, "/revoke anna")})
        for number in range(120):
            server.inject({"message": updates.message(5000 + number, "/start")})
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            poller = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=reserve)
            await poller.poll_once()
    assert await is_stored(core, revoke)
    await database.close()


async def test_nor_does_it_run_hot_on_a_full_disk(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await open_copy(template, tmp_path)
    rules = Rules(default_duration=3600, max_duration=3600, request_ttl=3600, admins=(BORIS,))
    core = Core(database, rules, Chance(serial=str, code=str, token=str), utc_now, since_boot)
    reserve = Reserve(tmp_path / "reserve")
    reserve.note_full()
    stored = asyncio.Event()
    async with DemoServer(TOKEN, (ANNA,)) as server:
        server.inject({"message": updates.message(BORIS, "/revoke anna")})
        telegram = connect(TOKEN, server.url)
        loop = asyncio.get_running_loop()
        right, begun = loop.time, loop.time()
        monkeypatch.setattr(loop, "time", lambda: begun)
        async with telegram.bot:
            polling = Poller(telegram, "vpn_bot", core, on_stored=stored.set, reserve=reserve)
            once = asyncio.create_task(polling.poll_once())
            await stored.wait()
            assert not once.done()
            monkeypatch.setattr(loop, "time", lambda: right() + 1)
            await once
    await database.close()


async def test_a_full_disk_that_a_write_meets_is_noted_and_revocations_go_on(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "_SAME_AGAIN_S", 0)
    database = await open_copy(template, tmp_path)
    rules = Rules(default_duration=3600, max_duration=3600, request_ttl=3600, admins=(BORIS,))
    core = Core(database, rules, Chance(serial=str, code=str, token=str), utc_now, since_boot)
    async with database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", utc_now())
        await tx.people.allow(UserId(ANNA.id), "Anna", utc_now())
        await tx._connection.exec_driver_sql("PRAGMA max_page_count = 1")  # as large as it is
    reserve = Reserve(tmp_path / "reserve")
    async with DemoServer(TOKEN, (ANNA,)) as server:
        server.inject({"message": updates.message(ANNA.id, "x" * 50_000)})
        revoke = server.inject({"message": updates.message(BORIS, "/revoke anna")})
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            polling = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=reserve)
            await polling.poll_once()
            assert reserve.is_scarce
            async with database.reading() as tx:
                assert [item.update_id for item in await tx.inbox.new()] == [revoke]
            await polling.poll_once()
    polls = [call for call in server.calls if call.method == "getUpdates"]
    assert [call.params["offset"] for call in polls] == ["0", "0"]
    await database.close()


async def test_other_trouble_of_a_database_is_no_full_disk(core: Core, tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve")
    async with core.database.writing() as tx:
        await tx._connection.exec_driver_sql("DROP TABLE inbox")
    async with DemoServer(TOKEN, (ANNA,)) as server:
        server.inject({"message": updates.message(ANNA.id, "/help")})
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            polling = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=reserve)
            with pytest.raises(OperationalError, match="no such table"):
                await polling.poll_once()
    assert not reserve.is_scarce


async def test_whoever_was_told_of_one_full_disk_is_told_of_the_next(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "_SAME_AGAIN_S", 0)
    reserve = Reserve(tmp_path / "reserve")
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            polling = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=reserve)
            for is_scarce, told in ((True, 1), (True, 1), (False, 1), (True, 2)):
                reserve.is_scarce = is_scarce
                server.inject({"message": updates.message(ANNA.id, "/help")})
                await polling.poll_once()
                assert sum("disk" in one.text for one in server.person(ANNA.id).messages) == told
