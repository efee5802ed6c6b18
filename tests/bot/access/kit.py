"""An office on paper: the use cases on a real database, with a clock and chance of the test's own.

Clock and chance are arguments of every use case; here they are counters, so that a test can say
what comes out.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Concatenate, ParamSpec, TypeVar

import pytest

from bot.access import approvals, asking, grants, requests, roles
from bot.access.case import Case, Chance, Lifetime, Rules
from bot.access.hearing import hear
from bot.access.permission import THE_BOT, Actor
from bot.access.refusals import Refusal, Refused
from bot.access.requests import Approved
from storage.audit_records import AuditEntry
from storage.database import Database
from storage.key_records import KeyWay
from storage.outbox import Done
from storage.records import (
    Grant,
    GrantId,
    OutboxItem,
    OutboxKind,
    Payload,
    Person,
    Proof,
    Request,
    RequestId,
    RequestState,
    Server,
    ServerName,
    UserId,
)
from storage.transaction import Transaction
from vpn.findings import Finding, FindingCode, ServerProof
from vpn.values import CommonName

P = ParamSpec("P")
R = TypeVar("R")

MORNING = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEEK_S, DAY_S, HOUR_S = 604_800, 86_400, 3600

ANNA, EMIL, BORIS, CLARA = UserId(1001), UserId(1002), UserId(2001), UserId(2002)
BERLIN, PARIS = ServerName("berlin"), ServerName("paris")
OPERATOR = Actor(key="system:olga", name="olga", is_operator=True)


@dataclass(frozen=True, slots=True)
class Said:
    """A row of the outbox, without what is the database's own."""

    chat: int
    kind: OutboxKind
    payload: Payload
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Noted:
    """A row of the audit trail, without the chain."""

    actor: str
    action: str
    subject: str
    detail: Payload


@dataclass
class Paper:
    """Anna and Emil are on the allowlist, Boris and Clara are admins."""

    database: Database
    now: datetime = MORNING
    admins: tuple[UserId, ...] = (BORIS, CLARA)
    max_duration: int = 30 * DAY_S
    request_ttl: int = DAY_S
    approvals: int = 1
    long_duration: int | None = None
    authority_begins_at: datetime = MORNING - DAY
    authority_ends_at: datetime | None = None
    may_expire: bool = True
    may_give: bool = True
    key_ways: tuple[KeyWay, ...] = (KeyWay.PLAIN,)
    # Other settings, by the names that they have in the rules.
    more: dict[str, Any] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _heard: int = 0
    _read: int = 0

    @property
    def rules(self) -> Rules:
        return Rules(
            default_duration=WEEK_S,
            max_duration=self.max_duration,
            request_ttl=self.request_ttl,
            admins=self.admins,
            approvals=self.approvals,
            long_duration=self.long_duration,
            key_ways=self.key_ways,
            **self.more,
        )

    @property
    def chance(self) -> Chance:
        return Chance(serial=self._serial, code=self._code, token=self._token)

    def case(self, tx: Transaction, actor: Actor) -> Case:
        ends_at = self.authority_ends_at or MORNING + 3650 * DAY
        lives = {1: Lifetime(self.authority_begins_at, ends_at)}
        gives, expires = self.may_give, self.may_expire
        may = {"may_give": gives, "may_expire": expires}
        return Case(tx, self.now, self.rules, self.chance, actor, lives.get, **may)

    def _serial(self) -> str:
        return f"c0ffee{next(self._numbers):034x}"

    def _token(self) -> str:
        return f"token{next(self._numbers):017}"

    def _code(self) -> str:
        return f"code{next(self._numbers):04}"

    async def digest(self, request: Request, viewer: UserId = BORIS) -> str:
        """As it is in the buttons of the viewer's card now."""
        async with self.database.reading() as tx:
            case = self.case(tx, THE_BOT)
            return await approvals.card_digest(case, await hear(case, request), viewer)

    async def by(
        self,
        actor: Actor,
        use_case: Callable[Concatenate[Case, P], Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Somebody acts, as in the worker: committed as a whole, or not at all."""
        async with self.database.writing() as tx:
            return await use_case(self.case(tx, actor), *args, **kwargs)

    async def do(
        self,
        use_case: Callable[Concatenate[Case, P], Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """The bot acts by itself."""
        return await self.by(THE_BOT, use_case, *args, **kwargs)

    async def yes(
        self, admin: UserId | Actor, request_id: RequestId, duration: int | None = None
    ) -> Approved:
        """An approval that decides."""
        actor = admin if isinstance(admin, Actor) else await self.actor(admin)
        done = await self.by(actor, requests.approve, request_id, duration)
        assert isinstance(done, Approved)
        return done

    async def refused(
        self,
        code: Refusal,
        use_case: Callable[Concatenate[Case, P], Awaitable[object]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> dict[str, Any]:
        """`refuses`, where the bot acts by itself."""
        return await self.refuses(THE_BOT, code, use_case, *args, **kwargs)

    async def refuses(
        self,
        actor: Actor,
        code: Refusal,
        use_case: Callable[Concatenate[Case, P], Awaitable[object]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> dict[str, Any]:
        """The rules say no, for this reason and with these values; nothing was changed."""
        before = await self.everything()
        with pytest.raises(Refused) as caught:
            await self.by(actor, use_case, *args, **kwargs)
        assert caught.value.code is code
        assert await self.everything() == before
        return caught.value.values

    async def everything(self) -> list[object]:
        async with self.database.reading() as tx:
            return [
                await tx.people.all(),
                await tx.requests.all(),
                await tx.grants.all(),
                await tx.proofs.unproved(),
                await tx.outbox.due(self.now + 10_000 * DAY, 10_000),
                await tx.audit.last(),
            ]

    async def heard(self) -> list[Said]:
        """What has been put into the outbox since the last call."""
        async with self.database.writing() as tx:
            rows = await tx.outbox.due(self.now + 10_000 * DAY, 10_000)
            await edits_go_out(tx, rows)
        new = [row for row in rows if row.id > self._heard]
        self._heard = max([self._heard, *(row.id for row in new)])
        return [Said(row.chat_id, row.kind, row.payload, row.due_at) for row in new]

    async def noted(self) -> list[Noted]:
        """What has been written into the audit trail since the last call."""
        async with self.database.reading() as tx:
            assert await tx.audit.first_fault() is None
            rows = [row for row in await tx.audit.all() if isinstance(row, AuditEntry)]
        new = [entry for entry in rows if entry.seq > self._read]
        assert all(entry.at <= self.now for entry in new)
        self._read += len(new)
        return [Noted(entry.actor, entry.action, entry.subject, entry.detail) for entry in new]

    async def forget(self) -> None:
        """From here on only what is new is heard and noted."""
        await self.heard()
        await self.noted()

    async def actor(self, user_id: UserId) -> Actor:
        """Somebody in the chat, as known now."""
        async with self.database.reading() as tx:
            name = NAMES.get(user_id, "Somebody")
            return await roles.identify(tx, self.rules, user_id, name)

    async def person(self, user_id: UserId) -> Person:
        async with self.database.reading() as tx:
            found = await tx.people.get(user_id)
        assert found is not None
        return found

    async def request(self, request_id: RequestId) -> Request:
        async with self.database.reading() as tx:
            found = await tx.requests.get(request_id)
        assert found is not None
        return found

    async def grant(self, grant_id: GrantId) -> Grant:
        async with self.database.reading() as tx:
            found = await tx.grants.get(grant_id)
        assert found is not None
        return found

    async def add_server(self, name: ServerName = BERLIN, network: str = "10.8.0.0/29") -> None:
        async with self.database.writing() as tx:
            await tx.servers.add(make_server(name, network))

    async def asked(
        self,
        user_id: UserId = ANNA,
        *,
        duration: int | None = None,
        server: ServerName | None = BERLIN,
    ) -> Request:
        """A request that waits for an admin, or for its server."""
        actor = await self.actor(user_id)
        done = await self.by(actor, asking.ask, duration=duration, server=server, reason="work")
        assert done.request.state in (RequestState.PENDING, RequestState.CHOOSING)
        return done.request

    async def approved(self, user_id: UserId = ANNA, server: ServerName = BERLIN) -> Approved:
        """A request that Boris approved; its grant is reserved."""
        request = await self.asked(user_id, server=server)
        return await self.yes(BORIS, request.id)

    async def active(self, user_id: UserId = ANNA, server: ServerName = BERLIN) -> Grant:
        """A grant whose owner has the profile."""
        done = await self.approved(user_id, server)
        assert await self.do(grants.issued, done.grant)
        assert await self.by(OPERATOR, grants.delivered, done.grant)
        return await self.grant(done.grant.id)


def seen(
    grant: Grant,
    server: ServerName = BERLIN,
    *,
    proved: bool = True,
    crl: int | None = 7,
    cut: int = 0,
    found: Sequence[tuple[str, str]] = (),
    crl_seen_at: datetime | None = None,
) -> tuple[GrantId, ServerProof]:
    """What a look at one server shows of an ended grant."""
    findings = tuple(Finding(FindingCode(code), detail) for code, detail in found)
    name = CommonName(grant.common_name)
    return grant.id, ServerProof(server, name, proved, crl, cut, findings, crl_seen_at)


NAMES = {ANNA: "Anna", EMIL: "Emil", BORIS: "Boris", CLARA: "Clara"}


def make_server(name: ServerName, network: str = "10.8.0.0/29") -> Server:
    return Server(
        name=name,
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


def to(user_id: UserId, kind: OutboxKind, payload: Payload, at: datetime = MORNING) -> Said:
    """What is expected in somebody's private chat."""
    return Said(user_id, kind, payload, at)


def notice(user_id: UserId, code: str, at: datetime = MORNING, **values: Any) -> Said:
    return to(user_id, OutboxKind.NOTICE, {"code": code, "values": values}, at)


async def edits_go_out(tx: Transaction, rows: Sequence[OutboxItem]) -> None:
    """One that waits would say what comes after it, too, so that there would be no other."""
    for row in rows:
        if row.kind in (OutboxKind.EDIT, OutboxKind.EDIT_CARD) and await tx.outbox.claim(row.id):
            await tx.outbox.conclude(row, Done())


async def proofs(paper: Paper, grant: Grant) -> dict[str, Proof]:
    async with paper.database.reading() as tx:
        return {proof.server: proof for proof in await tx.proofs.of([grant.id])}
