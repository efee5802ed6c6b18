"""What Telegram gives is stored before it is confirmed, and no more of it than has to be."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from telegram.error import Conflict, NetworkError

from bot import limits
from bot.chat import poller
from bot.chat.client import connect
from bot.chat.poller import Poller
from bot.chat.wire import NotTelegram, OddResult
from bot.chat.worker import Worker
from bot.core import Core
from bot.errors import SecondPoller, TokenRefused
from bot.process.clock import utc_now
from bot.process.reserve import Reserve
from demo.api.faults import Body, Fault, FaultKind, page, status
from demo.people import DemoPerson
from demo.server import DemoServer
from storage.database import Database
from storage.records import ChatId, InboxItem, UserId
from tests.gate import updates

TOKEN = "123456789:a-token-that-opens-nothing-at-all"
BORIS = UserId(2001)
RESERVE = Reserve(Path("/nowhere/reserve"))
ANNA = DemoPerson(1001, "Anna", "anna", "Employee", started=True)


async def test_an_update_that_nobody_can_have_typed_is_not_kept(core: Core) -> None:
    async with DemoServer(TOKEN, (ANNA,)) as server:
        huge = server.inject({"message": updates.message(ANNA.id, "x" * 200_000)})
        # As long as Telegram lets a message be, in letters that take most room, as an answer to
        # another one.
        longest = updates.message(ANNA.id, "\U0001f680" * 2048)
        answer = longest | {"reply_to_message": longest}
        whole = server.inject({"message": answer})
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            poller = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE)
            await poller.poll_once()
    async with core.database.reading() as tx:
        [kept] = await tx.inbox.new()
        assert kept.update_id == whole
        assert json.loads(kept.payload)["message"] == answer
        assert await tx.inbox.waiting() == 1
    async with core.database.writing() as tx:
        assert not await tx.inbox.finish(huge)
        found = await tx._connection.exec_driver_sql(
            "SELECT update_id, error, length(payload) < 99 FROM inbox WHERE state = 'quarantined'"
        )
        assert tuple(found.one()) == (huge, "too long: 200234 bytes", True)


@pytest.mark.parametrize(("size", "is_kept"), [(64 * 1024, True), (64 * 1024 + 1, False)])
async def test_the_longest_that_is_kept(core: Core, size: int, is_kept: bool) -> None:
    """To the byte, as it came."""
    short = json.dumps({"update_id": 7, "message": updates.message(ANNA.id, "")})
    text = short.replace('"text": ""', f'"text": "{"x" * (size - len(short))}"')
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        server.faults.append(Fault("getUpdates", 1, batch(text)))
        async with telegram.bot:
            await Poller(
                telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE
            ).poll_once()
    async with core.database.reading() as tx:
        assert [len(item.payload) for item in await tx.inbox.new()] == ([size] if is_kept else [])


async def test_what_is_set_aside_does_not_grow_for_ever(core: Core) -> None:
    async with core.database.writing() as tx:
        await tx.inbox.store(
            [InboxItem(number, ChatId(5000), "{}", utc_now()) for number in range(1, 1001)]
        )
        await tx._connection.exec_driver_sql("UPDATE inbox SET state = 'quarantined'")
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        server.faults.append(Fault("getUpdates", 1, batch("nonsense", GOOD)))
        async with telegram.bot:
            await Poller(
                telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE
            ).poll_once()
    async with core.database.reading() as tx:
        found = await tx._connection.exec_driver_sql(
            "SELECT count(*), min(update_id) FROM inbox WHERE state = 'quarantined'"
            " AND update_id > 0"
        )
        assert tuple(found.one()) == (999, 2)


async def test_what_no_body_has_room_for_is_passed_by(core: Core) -> None:
    """What comes after it is fetched as if it had not been there."""
    async with DemoServer(TOKEN, (ANNA,)) as server:
        endless = server.inject({"message": updates.message(ANNA.id, '"' * 5_000_000)})
        good = server.inject({"message": updates.message(ANNA.id, "/help")})
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            poller = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE)
            await poller.poll_once()
            async with core.database.reading() as tx:
                assert await tx.inbox.new() == []
            await poller.poll_once()
    async with core.database.reading() as tx:
        [kept] = await tx.inbox.new()
        assert kept.update_id == good
    async with core.database.writing() as tx:
        assert not await tx.inbox.finish(endless)


def batch(*updates: str) -> Body:
    return page(200, f'{{"ok": true, "result": [{", ".join(updates)}]}}', "application/json")


GOOD = json.dumps({"update_id": 7, "message": updates.message(ANNA.id, "/start")})
# Each of them once more than the last, as nobody expects it.
NO_NUMBER = (
    *("{}", "[]", "null", '"x"', "5", "NaN", "nonsense", '{"message": {"chat": {"id": 1}}}'),
    *(
        f'{{"update_id": {odd}}}'
        for odd in (2**64, 2**31, 0, -7, 7.5, "true", "null", "NaN", '"7"')
    ),
    *(f'{{"update_id": {odd}}}' for odd in ("9" * 5000, "[7]", '{"update_id": 7}')),
)
# They have one, whatever else is wrong with them.
NUMBERED = (
    '{"update_id": 8}',
    '{"update_id": 9, "callback_query": {"id": "1", "data": "x"}}',
    '{"update_id": 10, "message": {"chat": {"id": 18446744073709551616}}}',
    f'{{"update_id": 11, "message": {"[" * 3000 + "]" * 3000}}}',
    '{"update_id": 12, "message": {"text": "\\ud800 \\u0000", "chat": {"id": NaN}}}',
    '{"update_id" : 13, nonsense}',
    f'{{"update_id": 14, "message": {{"chat": {{"id": {"9" * 5000}}}}}}}',
)


@pytest.mark.parametrize("order", [1, -1])
async def test_odd_updates_cost_only_themselves(core: Core, order: int) -> None:
    """All are stored as they came, at once with the good one; the next poll goes on after them."""
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        both = (GOOD, GOOD, *NO_NUMBER, *NUMBERED, '{"update_id": 8}')[::order]
        server.faults.append(Fault("getUpdates", 2, batch(*both)))
        async with telegram.bot:
            poller = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE)
            await poller.poll_once()
            await poller.poll_once()
            later = {"update_id": 15, "message": updates.message(ANNA.id, "/help")}
            server.faults.append(Fault("getUpdates", 1, batch(json.dumps(later))))
            await poller.poll_once()
            worker = Worker(telegram.bot, "vpn_bot", core, on_done=lambda: None, reserve=RESERVE)
            await worker.work_off()
    assert [call.params["offset"] for call in server.calls if call.method == "getUpdates"] == [
        *("0", "15", "15")
    ]
    async with core.database.reading() as tx:
        assert await tx.inbox.waiting() == 0
        rows = await tx._connection.exec_driver_sql(
            "SELECT update_id, payload FROM inbox WHERE state = 'quarantined'"
        )
        kept = {row.payload: row.update_id for row in rows}
        answers = await tx._connection.exec_driver_sql("SELECT payload FROM outbox")
        assert len(answers.all()) == 2  # a stranger's /start and /help
    assert set(NO_NUMBER) | set(NUMBERED) - {'{"update_id": 8}'} == set(kept)
    assert all((kept[text] < 0) == (text in NO_NUMBER) for text in kept)


async def test_where_nothing_can_be_confirmed_it_does_not_run_hot(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        server.faults.append(Fault("getUpdates", 1000, batch("{}")))
        loop = asyncio.get_running_loop()
        right, begun = loop.time, loop.time()
        monkeypatch.setattr(loop, "time", lambda: begun)
        async with telegram.bot:
            running = asyncio.create_task(
                Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE).run()
            )
            while await set_aside(core) == []:  # noqa: ASYNC110
                await asyncio.sleep(0)
            # Long enough for another poll, if time stood not still.
            for _ in range(5):
                await telegram.bot.get_me()
            assert sum(call.method == "getUpdates" for call in server.calls) == 1
            monkeypatch.setattr(loop, "time", lambda: right() + 1)
            await server.called("getUpdates", times=2)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    assert await set_aside(core) == ["without a number that can be confirmed"]


async def set_aside(core: Core) -> list[str]:
    async with core.database.reading() as tx:
        rows = await tx._connection.exec_driver_sql("SELECT error FROM inbox")
        return [row.error for row in rows]


@pytest.mark.parametrize(
    "odd",
    [
        page(404, "<h1>Not here</h1>"),
        page(401, "<h1>Log in to this network</h1>"),
        page(409, "conflict"),
        page(200, "<h1>Welcome to our hotel</h1>"),
        page(200, '{"ok": true, "result": {"update_id": 1}}', "application/json"),
        page(200, b"\xff\xfe\x00", "application/json"),
        page(302, ""),
    ],
)
async def test_what_is_no_batch_is_not_telegrams(core: Core, odd: FaultKind) -> None:
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        server.faults.append(Fault("getUpdates", 1, odd))
        async with telegram.bot:
            poller = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE)
            with pytest.raises((NotTelegram, OddResult)):
                await poller.poll_once()


async def test_a_poll_that_fails_is_repeated(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    """Told when it begins and when it is over, not in between; and it is no reason to end."""
    caplog.set_level("INFO")
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        server.faults.append(Fault("getUpdates", 2, page(404, "<h1>Not here</h1>")))
        stored = asyncio.Event()
        async with telegram.bot:
            running = asyncio.create_task(
                Poller(telegram, "vpn_bot", core, on_stored=stored.set, reserve=RESERVE).run()
            )
            server.inject({"message": updates.message(ANNA.id, "/help")})
            async with asyncio.timeout(60):
                await stored.wait()
                await server.called("getUpdates", times=4)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    said = [record.message for record in caplog.records if record.name == "bot.chat.poller"]
    assert said == [
        "Fetching updates fails (http 404, and not an answer of the bot api); I keep trying",
        "Updates can be fetched again",
    ]


async def test_a_flood_of_polls_is_waited_out(core: Core) -> None:
    """As long as Telegram says."""
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        too_many = status(429, "Too Many Requests: retry after 1", retry_after=1)
        server.faults.append(Fault("getUpdates", 1, too_many))
        async with telegram.bot:
            running = asyncio.create_task(
                Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE).run()
            )
            await server.called("getUpdates", times=2)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    first, second = [call.at for call in server.calls if call.method == "getUpdates"]
    assert second - first >= 1


async def test_a_token_that_telegram_refuses_ends_the_bot(core: Core) -> None:
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            server.faults.append(Fault("getUpdates", 1, status(401, "Unauthorized")))
            with pytest.raises(TokenRefused):
                await Poller(
                    telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE
                ).run()


async def test_a_flood_is_left_with_telegram(core: Core) -> None:
    """While the worker has that much to do, one batch is fetched in a second, and no more."""
    async with core.database.writing() as tx:
        await tx.inbox.store(
            [InboxItem(number, ChatId(5000), "{}", utc_now()) for number in range(1, 2002)]
        )
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            poller = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE)
            for number in (3001, 3002):
                update = {"update_id": number, "message": updates.message(ANNA.id, "/start")}
                server.faults.append(Fault("getUpdates", 1, batch(json.dumps(update))))
            await poller.poll_once()
            began = time.monotonic()
            await poller.poll_once()
            assert time.monotonic() - began >= 1


async def test_another_program_that_goes_on_polling_ends_the_bot(core: Core) -> None:
    """Not one that only takes its time to stop."""
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            poller = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE)
            conflict = Conflict("terminated by other getUpdates request")
            for _ in range(4):
                await poller._give_up_if_pointless(conflict)
            with pytest.raises(SecondPoller, match="Another program"):
                await poller._give_up_if_pointless(conflict)
            await poller._give_up_if_pointless(NetworkError("Bad Gateway"))


async def test_a_webhook_that_somebody_sets_meanwhile_is_named(core: Core) -> None:
    """By its host alone: a path may hold a secret."""
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            poller = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE)
            server.webhook_url = "https://hooks.example.com:8443/bot/s3cret"
            for _ in range(4):
                with pytest.raises(Conflict) as conflict:
                    await poller.poll_once()
                await poller._give_up_if_pointless(conflict.value)
            with pytest.raises(SecondPoller, match=r"webhook .*hooks\.example\.com\.") as given_up:
                await poller._give_up_if_pointless(conflict.value)
            assert "s3cret" not in str(given_up.value)


async def is_stored(core: Core, update_id: int) -> bool:
    async with core.database.reading() as tx:
        return update_id in {item.update_id for item in await tx.inbox.new()}


async def test_a_flood_waits_while_somebody_is_served(core: Core) -> None:
    """Until they are, and no longer."""
    served = asyncio.Event()
    looks: list[bool] = []

    def is_serving() -> bool:
        looks.append(not served.is_set())
        return looks[-1]

    async with DemoServer(TOKEN, (ANNA,)) as server:
        for number in range(limits.UPDATES):
            server.inject({"message": updates.message(5000 + number, "/start")})
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            polling = Poller(
                *(telegram, "vpn_bot", core, lambda: None),
                reserve=RESERVE,
                is_serving=is_serving,
            )
            await polling.poll_once()
            assert looks == []
            server.inject({"message": updates.message(ANNA.id, "/help")})
            serving = asyncio.create_task(asyncio.sleep(0))
            serving.add_done_callback(lambda _: served.set())
            await polling.poll_once()
            assert looks == [True, False]
            # That was no flood any more.
            server.inject({"message": updates.message(ANNA.id, "/help")})
            await polling.poll_once()
    assert looks == [True, False]


@pytest.mark.parametrize(("waiting", "is_full"), [(1999, False), (2000, True)])
async def test_two_thousand_may_wait_before_fetching_slows_down(
    core: Core, waiting: int, is_full: bool
) -> None:
    async with core.database.writing() as tx:
        await tx.inbox.store(
            [InboxItem(number, ChatId(5000), "{}", utc_now()) for number in range(1, waiting + 1)]
        )
    async with DemoServer(TOKEN, (ANNA,)) as server:
        telegram = connect(TOKEN, server.url)
        update = {"update_id": 3001, "message": updates.message(ANNA.id, "/start")}
        server.faults.append(Fault("getUpdates", 1, batch(json.dumps(update))))
        async with telegram.bot:
            polling = Poller(telegram, "vpn_bot", core, on_stored=lambda: None, reserve=RESERVE)
            await polling.poll_once()
            assert polling._is_full is is_full


class Watched:
    """A database that counts how often it is looked at."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        self.looks += name == "reading"
        return getattr(self._database, name)


async def test_fetching_goes_on_as_soon_as_the_worker_has_caught_up(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "_FULL", 2)
    monkeypatch.setattr(poller, "_FULL_LOOK_S", 0)
    watched: Any = Watched(core.database)
    async with core.database.writing() as tx:
        await tx.inbox.store([InboxItem(one, ChatId(5000), "{}", utc_now()) for one in (1, 2)])
    async with DemoServer(TOKEN, (ANNA,)) as server:
        server.inject({"message": updates.message(ANNA.id, "/start")})
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            polling = Poller(
                *(telegram, "vpn_bot", replace(core, database=watched), lambda: None),
                reserve=RESERVE,
            )
            await polling.poll_once()
            assert (polling._is_full, watched.looks) == (True, 1)
            async with core.database.writing() as tx:
                await tx.inbox.finish(1)
            later = server.inject({"message": updates.message(ANNA.id, "/help")})
            await polling.poll_once()
    assert watched.looks == 1 + 2, "one for the worker, and one at the door"
    assert await is_stored(core, later)
