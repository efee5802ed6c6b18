"""People at work with a bot that is killed at any moment, on a Telegram that fails at any call.

One call in five fails, by a seeded chance: too many requests, server errors, connections that are
refused or closed before or after the call took effect, answers that hang. Meanwhile the bot is
killed and started again. At the end the weather is fair, and everything has to be as if it had
always been, but for repeated words and replaced profiles.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from demo.api.faults import FaultKind, FaultRate, drop_after, drop_before, hang, refuse, status
from demo.errors import NotHeard
from demo.people import DemoPerson
from demo.testing import DemoMessage, PersonChat
from storage.database import open_database, sqlite_url
from tests.company import until
from tests.crash.outcome import check_company, check_ended, check_live, check_request, documents
from tests.crash.stage import PLAIN, Stage, open_stage
from tests.flood import STRANGERS, flood
from tests.folders import open_folder
from tests.hanging import PATIENCE_S
from tests.torture.leaks import Leak, back_up, backups, company_leaks, profiles

KINDS: tuple[FaultKind, ...] = (
    status(429, "Too Many Requests: retry after 1", retry_after=1),
    status(500, "Internal Server Error"),
    status(502, "Bad Gateway"),
    drop_before,
    drop_after,
    refuse,
    hang(0.4),
    hang(0.4, after=True),
)
# All kinds together hit one call in five.
_SHARE = 0.2
_EACH = 1 - (1 - _SHARE) ** (1 / len(KINDS))
# A start in this weather; `Company.start` has more patience.
_START_S = 15.0
_FLOOD_LOOK_S = 0.2
FATES = ("kept", "kept", "denied", "disputed", "renewed", "revoked", "expired")


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad it is.

    Attributes:
        crowd: how many people are at it at the same time.
        pauses: between two kills, in seconds, at least and at most.
        backups: so many seconds between two backups; 0: none.
        flood: so many updates of strangers wait with Telegram all the time.
    """

    crowd: int = 4
    pauses: tuple[float, float] = (0.5, 4.0)
    backups: float = 0
    flood: int = 0
    fates: Sequence[str] = FATES

    def pause(self, chance: Random) -> float:
        return chance.uniform(*self.pauses)


class Dice(Random):
    """Counts how often it hit."""

    hits = 0

    def random(self) -> float:
        value = super().random()
        self.hits += value < _EACH
        return value


@dataclass(frozen=True, slots=True)
class Figures:
    kills: int = 0
    faults: int = 0
    calls: int = 0
    requests: int = 0
    profiles: int = 0
    ended: int = 0
    backups: int = 0
    leaks: tuple[Leak, ...] = ()

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.kills + other.kills,
            self.faults + other.faults,
            self.calls + other.calls,
            self.requests + other.requests,
            self.profiles + other.profiles,
            self.ended + other.ended,
            self.backups + other.backups,
            self.leaks + other.leaks,
        )


@dataclass(frozen=True, slots=True)
class Life:
    """Somebody who asks, and what is to become of it."""

    chat: PersonChat
    fate: str


@dataclass
class Storm:
    """Weather, a bot and people.

    Where the stage's program is the one that forks its bot, a restart takes a fraction of the
    time, since everything is imported already.
    """

    stage: Stage
    seed: int
    weather: Weather
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    lives: list[Life] = field(default_factory=list)
    kills: int = 0

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.dice = Dice(self.seed)
        self.company = self.stage.company

    @property
    def profiles(self) -> int:
        """How many were delivered by now."""
        return len(profiles(life.chat for life in self.lives))

    async def rage(self, over: Callable[["Storm"], bool]) -> Figures:
        """Goes on until `over` says so, lets all come to rest, and looks at what is there."""
        calls = len(self.company.telegram.calls)
        rules = [FaultRate("*", _EACH, kind, self.dice) for kind in KINDS]
        self.company.telegram.faults.extend(rules)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kills(over))
            group.create_task(self._backs_up())
            group.create_task(self._floods())
            people = [group.create_task(self._people(over)) for _ in range(self.weather.crowd)]
            await asyncio.wait(people)
            self.is_over.set()
        self.company.telegram.faults.clear()
        await self._comes_to_rest()
        await self._check()
        return self._figures(len(self.company.telegram.calls) - calls)

    # --- the bot

    async def _kills(self, over: Callable[["Storm"], bool]) -> None:
        """Then the people come to an end with whom they are at, in bad weather still."""
        while not over(self) and not await self._is_over_in(self.weather.pause(self.chance)):
            await self._kill()

    async def _is_over_in(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self.is_over.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _kill(self) -> None:
        bot = self.company.bot
        assert bot is not None
        assert bot.returncode is None, f"It ended by itself: {self.company.log[-3000:]}"
        polls = self._polls()
        await (self.stage.kill_forked if self.stage.is_forked else self.company.kill)()
        self.kills += 1
        self._check_at_any_time()
        if self.stage.is_forked:
            await self._has_started(lambda: self._polls() > polls)
        else:
            await self._start()

    def _polls(self) -> int:
        return sum(call.method == "getUpdates" for call in self.company.telegram.calls)

    async def _has_started(self, condition: Callable[[], bool]) -> None:
        """Waits for it, but not every time until it comes: then it is killed as it starts."""
        with suppress(TimeoutError):
            await asyncio.wait_for(until(condition), self._time_to_start())

    def _time_to_start(self) -> float:
        """A busy machine takes its time, and a bot that never gets to work proves nothing."""
        is_early = self.chance.random() < 0.25
        return self.chance.uniform(0.2, 3.0) if is_early else _START_S

    async def _backs_up(self) -> None:
        """In the middle of it all, by the command."""
        while self.weather.backups and not await self._is_over_in(self.weather.backups):
            await back_up(self.company)

    async def _floods(self) -> None:
        """Strangers, whatever the others are at."""
        telegram = self.company.telegram
        for who in STRANGERS if self.weather.flood else ():
            telegram.joins(DemoPerson(who, f"S{who}", None, "Stranger", started=True))
        while self.weather.flood and not await self._is_over_in(_FLOOD_LOOK_S):
            missing = self.weather.flood - len(telegram.world.updates)
            for update in flood(missing, odd=False):
                telegram.inject(update)

    async def _start(self) -> None:
        """In this weather the first poll may take its time; the next kill may come before it."""
        starting = asyncio.create_task(self.company.start())
        try:
            await until(lambda: self.company.bot is not None or starting.done())
            await asyncio.wait({starting}, timeout=self._time_to_start())
            if starting.done():
                starting.result()
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)

    async def _comes_to_rest(self) -> None:
        """The bot is started once more, as after a power cut."""
        await self._kill()
        await until(self.stage._is_settled)

    # --- the people

    async def _people(self, over: Callable[["Storm"], bool]) -> None:
        while not over(self):
            chat = self.stage.new_guest()
            person = chat.person
            life = Life(chat, self.chance.choice(self.weather.fates))
            await self.company.boris.says(f"/allow {person.id} {person.first_name}")
            await _hears(chat, "on the list now")
            self.lives.append(life)
            try:
                await self._live(life)
            except BaseException as error:
                error.add_note(f"{person.first_name}, {life.fate}, seed {self.seed}")
                error.add_note(f"{[message.text for message in chat.messages]}")
                error.add_note(self.company.log[-6000:])
                raise

    async def _live(self, life: Life) -> None:
        await self._asks(life)
        await self._both_decide(life)
        if life.fate in {"renewed", "revoked", "expired"}:
            await self._has_access(life.chat)
            await self._ends_or_renews(life)

    async def _asks(self, life: Life) -> None:
        await life.chat.says("/requestvpn")
        # Not one request stays without an answer.
        await _hears(life.chat, "waits for the admins")

    async def _both_decide(self, life: Life) -> None:
        """Two admins at the same time, now and then of two opinions."""
        first, second = {"denied": ("Deny", "Deny"), "disputed": ("Approve", "Deny")}.get(
            life.fate, ("Approve", "Approve")
        )
        boris, clara = self.company.boris, self.company.clara
        cards = [await self._card(admin, life) for admin in (boris, clara)]
        await asyncio.gather(
            boris.taps(first, message=cards[0]), clara.taps(second, message=cards[1])
        )
        await until(lambda: self._verdict(life) != "pending")
        if self._verdict(life) == "approved":
            await life.chat.receives_document()
        else:
            await _hears(life.chat, "denied your request")

    async def _card(self, admin: PersonChat, life: Life) -> DemoMessage:
        words = f"{life.chat.person.first_name} asks"
        return await _hears(admin, words, button="Approve")

    async def _has_access(self, chat: PersonChat) -> None:
        """Whatever was lost on the way was replaced by now, and the client has connected."""
        await until(lambda: self._states(chat)[-1] == "active")
        newest = self.company.grants_of(chat)[-1]
        assert await self.stage.server.connect(newest["common_name"])

    async def _ends_or_renews(self, life: Life) -> None:
        chat = life.chat
        match life.fate:
            case "renewed":
                await chat.says("/myvpn")
                listing = await _hears(chat, "active", button="New profile")
                await chat.taps("New profile", message=listing)
                question = await _hears(chat, "stops working", button="New profile now")
                await chat.taps("New profile now", message=question)
                await until(lambda: self._has_ended(chat, "replaced"))
                await chat.receives_document()
            case "revoked":
                await self.company.boris.says(f"/revoke {chat.person.first_name}")
                await until(lambda: self._states(chat)[-1] == "revoked")
                await _hears(chat, "took back your access")
            case _:
                now = int(datetime.now(UTC).timestamp() * 1_000_000)
                self.company.tamper(
                    "UPDATE grants SET not_after = ? WHERE user_id = ?", now, chat.person.id
                )
                await _hears(chat, "has reached its end")

    def _states(self, chat: PersonChat) -> list[str]:
        return [grant["state"] for grant in self.company.grants_of(chat)]

    def _has_ended(self, chat: PersonChat, reason: str) -> bool:
        return any(grant["end_reason"] == reason for grant in self.company.grants_of(chat))

    def _verdict(self, life: Life) -> str:
        [(state,)] = self.company.query(
            "SELECT state FROM requests WHERE user_id = ?", life.chat.person.id
        )
        return str(state)

    # --- what must be true

    def _check_at_any_time(self) -> None:
        """In the state that a killed process leaves."""
        assert self.company.query("PRAGMA integrity_check") == [("ok",)]
        twins = self.company.query(
            "SELECT request_id FROM grants WHERE state IN ('reserved', 'issued', 'active') "
            "GROUP BY request_id HAVING count(*) > 1"
        )
        assert twins == []

    async def _check(self) -> None:
        """At rest: each story has its end, and nothing of it is left over."""
        for life in self.lives:
            try:
                await self._check_life(life)
            except AssertionError as error:
                error.add_note(f"{life.chat.person.first_name}, {life.fate}, seed {self.seed}")
                raise
        check_company(self.stage)
        self._check_that_nothing_is_lost()
        await self._check_trail()

    def _check_that_nothing_is_lost(self) -> None:
        """Whatever was typed and tapped was handled, once. All of these people are known."""
        world = self.company.telegram.world
        typed = sum(not message.from_bot for message in world.messages.values())
        kept = self.company.query("SELECT count(*) FROM inbox WHERE state = 'done'")
        assert kept == [(typed + len(world._queries),)]

    async def _check_life(self, life: Life) -> None:
        chat, verdict = life.chat, self._verdict(life)
        # What was sent when a call failed or the bot died may have been sent before.
        doubts = self.kills + self.dice.hits
        await check_request(self.stage, chat, deaths=doubts, verdict=verdict)
        asked = sum(message.text == "/requestvpn" for message in chat.messages)
        assert asked == 1
        if verdict == "denied":
            assert documents(chat) == []
        elif life.fate in {"revoked", "expired"}:
            check_ended(self.stage, chat, profiles=1 + doubts, state=life.fate)
            self._check_receipts(life)
        else:
            # No live certificate that its owner does not have.
            check_live(self.stage, chat, profiles=2 + doubts)

    def _check_receipts(self, life: Life) -> None:
        """Whoever ended it reads that it is proved; of an ordinary end, all admins read a line."""
        admins, words = [self.company.boris, self.company.clara], "is over: its time was up"
        if life.fate == "revoked":
            admins, words = [self.company.boris], "Revoked: "
        name = life.chat.person.first_name
        for admin in admins:
            texts = [message.text for message in admin.messages]
            assert any(words in text and name in text for text in texts), texts

    async def _check_trail(self) -> None:
        """By the program's own check, too."""
        database = await open_database(sqlite_url(self.company.data / "vpnbot.db"))
        try:
            async with database.reading() as tx:
                assert await tx.audit.first_fault() is None
        finally:
            await database.close()

    def _figures(self, calls: int) -> Figures:
        chats = [life.chat for life in self.lives]
        states = Counter(state for (state,) in self.company.query("SELECT state FROM grants"))
        return Figures(
            kills=self.kills,
            faults=self.dice.hits,
            calls=calls,
            requests=len(self.lives),
            profiles=sum(len(documents(chat)) for chat in chats),
            backups=len(backups(self.company.folder)),
            ended=states["revoked"] + states["expired"],
            leaks=tuple(company_leaks(self.company, chats)),
        )


async def _hears(chat: PersonChat, words: str, *, button: str = "") -> DemoMessage:
    """With patience; a message with such a button if one is named, as it looks now."""
    end = time.monotonic() + PATIENCE_S
    while (left := end - time.monotonic()) > 0:
        message = await chat.hears(words, left)
        if not button or message.button(button):
            return message
    raise NotHeard(f"{chat.person.first_name} did not hear {words!r} with {button!r}.")


@contextmanager
def folder_for_nobody() -> Iterator[Path]:
    """A new folder that OpenVPN's account could pass through; gone afterwards."""
    with open_folder() as home:
        folder = home / "company"
        folder.mkdir()
        yield folder


async def one_storm(
    seed: int,
    over: Callable[[Storm], bool],
    weather: Weather,
    *,
    program: tuple[str, ...] = PLAIN,
) -> Figures:
    """A company of its own, from its first day to its last."""
    with folder_for_nobody() as folder:
        async with open_stage(folder, program=program, VPNBOT_TELL_ENDS="true") as stage:
            return await Storm(stage, seed, weather).rage(over)
