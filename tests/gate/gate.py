"""The real worker on a real database, with a Telegram that takes every answer."""

import asyncio
import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from itertools import count
from pathlib import Path
from typing import Any

from telegram import Bot
from telegram.request import BaseRequest, RequestData

from bot.access import (
    admins,
    asking,
    beginning,
    extending,
    farewells,
    grants,
    importing,
    not_me,
    pausing,
    people,
    reminding,
    requests,
    revocation,
    soon_over,
    usage,
)
from bot.access.case import Case, Chance, Rules
from bot.access.importing import Certificate
from bot.access.permission import THE_BOT, Actor
from bot.access.usage import Use
from bot.chat import cards, joining
from bot.chat import farewells as chat_farewells
from bot.chat import leaving as chat_leaving
from bot.chat import not_me as chat_not_me
from bot.chat import soon_over as soon_over_chat
from bot.chat.buttons import Keyboard, Tap, from_payload
from bot.chat.incoming import sender_of
from bot.chat.worker import Worker
from bot.core import Core
from bot.process.reserve import Reserve
from storage.database import Database
from storage.group_records import Group, GroupName
from storage.joining_records import FarewellId, LeavingId
from storage.records import (
    ChatId,
    Grant,
    GrantId,
    GrantState,
    InboxItem,
    OutboxKind,
    Server,
    ServerName,
    UserId,
)
from storage.transaction import Transaction
from storage.use_records import AskedUseId
from tests.gate import standing, updates
from tests.gate.case import SERVERS, Laws, Shown, card_shows, question_shows
from tests.gate.snapshot import Row, Snapshot
from tests.gate.updates import Json
from vpn.findings import ServerProof
from vpn.values import CommonName

MORNING = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Two certificates of one name, one called like a member, one that ends soon, and a server's.
_OLD = tuple(
    Certificate(
        f"deed{number:036x}", name, MORNING, MORNING + days * timedelta(days=1), for_server=own
    )
    for number, (name, days, own) in enumerate(
        (
            ("anna", 300, False),
            ("anna", 200, False),
            ("P1001", 300, False),
            ("old-laptop", 5, False),
            ("vpn.example.com", 300, True),
        ),
        start=1,
    )
)
# What is rendered when it is sent.
_BESIDE = frozenset({"knock", "reminder", "asked_use", "farewell", "leaving"})
_RENDERED = _BESIDE | {"card", "asked", "edit_card"}
OPERATOR = Actor(key="system:olga", name="olga", is_operator=True)


class Fate(Enum):
    """What becomes of a profile on its way."""

    ARRIVES = auto()
    LOST = auto()
    UNDELIVERABLE = auto()


class Telegram(BaseRequest):
    """The far end of every call: keeps the names of the methods, and what the last one said.

    Says yes to all, as long as nobody has it answer something else.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.last: Json = {}
        self.answer: tuple[int, bytes] = (200, b'{"ok":true,"result":true}')

    async def initialize(self) -> None:
        """There is no connection."""

    async def shutdown(self) -> None:
        """There is no connection."""

    @property
    def read_timeout(self) -> float | None:
        return None

    async def do_request(
        self, url: str, *_: Any, request_data: RequestData | None = None, **__: Any
    ) -> tuple[int, bytes]:
        self.calls.append(url.rpartition("/")[2])
        self.last = request_data.parameters if request_data else {}
        return self.answer


@dataclass
class Gate:
    """What comes in, the rules in force, and the time."""

    database: Database
    laws: Laws
    now: datetime = MORNING
    # What the machine's clock shows beside it.
    wrong_by: timedelta = timedelta(0)
    telegram: Telegram = field(default_factory=Telegram)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        token, never_used = "123456789:a-token-that-opens-nothing", self.telegram
        # Bot would make one of its own for updates, which reads all certificates of the system.
        self.bot = Bot(token, request=self.telegram, get_updates_request=never_used)
        self.settle(self.laws)

    @property
    def at(self) -> int:
        return (self.now - _EPOCH) // _MICROSECOND

    def settle(self, laws: Laws) -> None:
        """The bot starts again, with these settings."""
        self.laws = laws
        rules = Rules(
            default_duration=laws.default_duration,
            max_duration=laws.max_duration,
            request_ttl=laws.ttl,
            admins=tuple(UserId(admin) for admin in laws.admins),
            approvals=laws.approvals,
            long_duration=laws.long_duration,
            long_approvals=laws.long_approvals,
            group=updates.SUPERGROUP["id"],
        )
        chance = Chance(
            serial=self._serial,
            code=lambda: f"code{next(self._numbers):04}",
            token=lambda: f"token{next(self._numbers):017}",
        )
        self.core = Core(
            self.database,
            rules,
            chance,
            clock=lambda: self.now + self.wrong_by,
            since_boot=lambda: self.now - _EPOCH,
        )
        reserve = Reserve(Path("/nowhere/reserve"))
        self.worker = Worker(self.bot, "vpn_bot", self.core, on_done=lambda: None, reserve=reserve)

    def _serial(self) -> str:
        return f"c0ffee{next(self._numbers):034x}"

    def case(self, tx: Transaction, actor: Actor) -> Case:
        return self.core.case(tx, actor)

    async def starts(self) -> None:
        """What the application does before anything else."""
        async with self.database.writing() as tx:
            await admins.observe_at_start(self.case(tx, THE_BOT))

    async def furnish(self) -> None:
        """Two servers with room for thirteen each."""
        async with self.database.writing() as tx:
            for number, name in enumerate(SERVERS):
                await tx.servers.add(_server(name, f"10.8.{number}.0/28"))

    async def add_groups(self) -> None:
        """One that means nothing by itself, and one whose people get something at once."""
        async with self.database.writing() as tx:
            await tx.groups.add(Group(GroupName("dev")))
            await tx.groups.add(Group(GroupName(standing.GROUP), standing=standing.LONGEST))

    async def take_over(self) -> None:
        """What another CA software had in its books."""
        async with self.database.writing() as tx:
            await importing.take_in(self.case(tx, OPERATOR), _OLD)

    async def takes(self, *sent: Json) -> None:
        """Stores updates as the poller does, and lets the worker work them off."""
        items = [
            InboxItem(update["update_id"], ChatId(sender_of(update)), json.dumps(update), self.now)
            for update in sent
        ]
        async with self.database.writing() as tx:
            await tx.inbox.store(items)
        await self.worker.work_off()
        # The answers to taps are sent beside the work.
        await asyncio.sleep(0)

    async def gives(self, user_id: int, server: str) -> None:
        """Access on an operator's word, delivered."""
        async with self.database.writing() as tx:
            word = replace(OPERATOR, user_id=UserId(user_id), is_allowed=True)
            asked = await asking.ask(
                self.case(tx, word), duration=None, server=ServerName(server), reason=""
            )
            grant = await requests.approve_without_delivery(
                self.case(tx, OPERATOR), asked.request.id
            )
            await grants.issued(self.case(tx, THE_BOT), grant)
            await grants.delivered(self.case(tx, OPERATOR), grant)

    async def time_passes(self) -> None:
        """What the keeper does when something is over."""
        async with self.database.writing() as tx:
            await requests.expire_due(self.case(tx, THE_BOT))
            await farewells.settle_due(self.case(tx, THE_BOT))
            await reminding.remind_due(self.case(tx, THE_BOT))
            await revocation.expire_due(self.case(tx, THE_BOT))
            await pausing.resume_due(self.case(tx, THE_BOT))
            await beginning.begin_due(self.case(tx, THE_BOT))
            await soon_over.remind_due(self.case(tx, THE_BOT))

    async def deliver(self, fate: Callable[[], Fate]) -> None:
        """The profiles on their way go one step further; `fate` says what becomes of the next."""
        async with self.database.writing() as tx:
            for grant in await tx.grants.not_over():
                if grant.state is GrantState.RESERVED:
                    await grants.issued(self.case(tx, THE_BOT), grant)
                elif grant.state is GrantState.ISSUED:
                    await self._arrives(tx, grant, fate())

    async def _arrives(self, tx: Transaction, grant: Grant, fate: Fate) -> None:
        match fate:
            case Fate.ARRIVES:
                await grants.delivered(self.case(tx, OPERATOR), grant)
            case Fate.LOST:
                await grants.replace_lost(self.case(tx, THE_BOT), grant, round_=1, wait_s=0)
            case Fate.UNDELIVERABLE:
                await grants.undeliverable(self.case(tx, THE_BOT), grant, closed=True)

    async def use(self, grant_id: str) -> None:
        """A look at the servers finds a profile connected."""
        async with self.database.writing() as tx:
            await extending.used(self.case(tx, THE_BOT), [GrantId(grant_id)])

    async def prove(self) -> None:
        """Every server is asked, and everything that was to be cut is gone."""
        async with self.database.writing() as tx:
            proofs = await tx.proofs.unproved()
            gone = [
                (one.grant_id, ServerProof(one.server, CommonName("gone"), True, 1, 0, ()))
                for one in proofs
            ]
            await revocation.record_proofs(self.case(tx, THE_BOT), gone)

    async def look(self, *sessions: tuple[str, str]) -> None:
        """A look at berlin finds these grants connected, each from an address."""
        async with self.database.writing() as tx:
            uses = [
                Use(GrantId(grant), self.now, number, f"{place}:1", 1, 1)
                for number, (grant, place) in enumerate(sessions)
            ]
            changes = await usage.changes(tx, self.now, ServerName("berlin"), uses)
            case = self.case(tx, THE_BOT)
            await not_me.ask(case, changes, is_told=True, server_time=self.now, platforms={})
            await usage.note(case, changes, is_told=True)

    async def link(self, account: int, same_as: int) -> None:
        """An operator says that two accounts are one person's; refused where the rules say so."""
        async with self.database.writing() as tx, tx.attempt():
            await people.link(self.case(tx, OPERATOR), UserId(account), UserId(same_as))

    async def buttons(
        self, row: Row, state: Snapshot, since: Mapping[int, int]
    ) -> list[tuple[str, Shown | None]]:
        """The data of the buttons of a message that would go out now, with what it stands for."""
        if row.kind == "reply":
            found = _data(from_payload(row.payload["keyboard"]))
            return [(data, self._stands_for(data, row, state, since)) for data in found]
        if row.kind not in _RENDERED:
            return []
        async with self.database.reading() as tx:
            if row.kind in _BESIDE:
                return [(data, None) for data in await self._beside(tx, row)]
            request = await tx.requests.get(row.payload["request"])
            assert request is not None
            if row.payload.get("kind", row.kind) == OutboxKind.ASKED:
                view = await cards.asked(self.case(tx, THE_BOT), request)
                return [(data, None) for data in _data(view.keyboard)]
            view = await cards.card(self.case(tx, THE_BOT), request, UserId(row.chat_id))
        if not view.keyboard:  # it is for others to decide, and may say nothing
            return []
        person = state.people[request.user_id]
        shown = card_shows(state, self.laws, since.get(row.chat_id, 0), state.requests[request.id])
        # The model believes only what is to be read on the card.
        read = html.unescape(view.text)
        groups = state.groups_of(request.user_id) if request.state == "pending" else ()
        parts = (
            *(person.name, f"@{person.username}", str(request.server), request.reason),
            *groups,
        )
        assert all(part in read for part in parts)
        return [(data, shown) for data in _data(view.keyboard)]

    def _stands_for(
        self, data: str, row: Row, state: Snapshot, since: Mapping[int, int]
    ) -> Shown | None:
        """A card that shows longer durations is an answer, too."""
        tap, _, rest = data.partition(":")
        if tap != Tap.APPROVE:
            return question_shows(state, data)
        request = state.requests[int(rest.partition(":")[0])]
        return card_shows(state, self.laws, since.get(row.chat_id, 0), request)

    async def _beside(self, tx: Transaction, row: Row) -> list[str]:
        """The buttons of what is no request."""
        if row.kind == OutboxKind.KNOCK:
            knock = await joining.card(self.case(tx, THE_BOT), UserId(row.payload["person"]))
            return _data(knock.keyboard)
        if row.kind == OutboxKind.FAREWELL:
            number = FarewellId(row.payload["farewell"])
            return _data((await chat_farewells.view_of(self.case(tx, THE_BOT), number)).keyboard)
        if row.kind == OutboxKind.LEAVING:
            asked = LeavingId(row.payload["leaving"])
            return _data((await chat_leaving.view_of(self.case(tx, THE_BOT), asked)).keyboard)
        if row.kind == OutboxKind.ASKED_USE:
            use = AskedUseId(row.payload["use"])
            return _data((await chat_not_me.view_of(self.case(tx, THE_BOT), use)).keyboard)
        grant = await tx.grants.get(GrantId(row.payload["grant"]))
        assert grant is not None
        soon = await soon_over_chat.reminder(self.case(tx, THE_BOT), grant)
        return [] if soon is None else _data(soon.keyboard)


def _data(keyboard: Keyboard) -> list[str]:
    return [button.data for row in keyboard for button in row]


def _server(name: str, network: str) -> Server:
    return Server(
        name=ServerName(name),
        remote_host="vpn.example.com",
        remote_port=1194,
        protocol="udp",
        listen_port=1194,
        directory=f"/srv/{name}",
        network=network,
        routes=(),
        dns=(),
        account="vpnbot",
        added_at=MORNING,
        crl_published_at=MORNING,
    )
