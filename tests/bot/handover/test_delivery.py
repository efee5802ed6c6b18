"""What becomes of a profile, whoever hands it over."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.access import grants, pausing, requests, revocation
from bot.core import Core
from bot.handover import delivery as delivery_module
from bot.handover.delivery import CUT_OFF, OVER, Came, Delivery, Outcome, end_orphans
from bot.handover.profiles import Profile
from bot.process.clock import since_boot
from bot.process.locks import is_locked, locked
from storage.joining_records import LeavingCause
from storage.outbox import Done, Later, Next, SetAside
from storage.records import (
    ChatId,
    EndReason,
    Grant,
    GrantId,
    GrantState,
    OutboxKind,
    PostedMessage,
)
from tests.bot.access.kit import ANNA, BORIS, MORNING, OPERATOR, PARIS, Paper
from tests.storage.kit import make_template, open_copy

PROFILE = Profile("anna.ovpn", b"profile", extra_files=("notes.txt",))
NOBODY: Any = None  # nothing is made, and no server is asked


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
async def paper(template: Path, tmp_path: Path) -> AsyncIterator[Paper]:
    made = Paper(await open_copy(template, tmp_path))
    async with made.database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", MORNING)
    await made.add_server()
    yield made
    await made.database.close()


def core_of(paper: Paper) -> Core:
    return Core(paper.database, paper.rules, paper.chance, lambda: paper.now, since_boot)


def delivery_of(paper: Paper) -> Delivery:
    return Delivery(core_of(paper), NOBODY, NOBODY)


async def issued(paper: Paper) -> Grant:
    """A grant whose profile is on its way."""
    grant = (await paper.approved()).grant
    assert await paper.do(grants.issued, grant)
    await paper.forget()
    return grant


@pytest.mark.parametrize(
    ("outcome", "lost", "reason", "row"),
    [
        (Outcome(Came.CLOSED, "blocked"), 1, EndReason.UNDELIVERABLE, Done()),
        (Outcome(Came.DELETED, "gone"), 1, EndReason.UNDELIVERABLE, Done()),
        (Outcome(Came.REFUSED, "no"), 1, EndReason.NOT_TAKEN, SetAside("no")),
        (CUT_OFF, 4, EndReason.LOST, Done()),
        (Outcome(Came.UNKNOWN, "?"), 5, EndReason.NOT_TAKEN, SetAside("?")),
        (Outcome(Came.KEPT, "full"), 0, EndReason.LOST, Done()),
        (OVER, 1, None, Done()),
        (Outcome(Came.PAUSED), 1, None, Later(MORNING + timedelta(minutes=5), 0)),
        (Outcome(Came.ARRIVED), 1, None, Done()),
    ],
    ids=lambda value: value.came if isinstance(value, Outcome) else "",
)
async def test_what_came_of_it_is_written_down(
    paper: Paper, outcome: Outcome, lost: int, reason: EndReason | None, row: Next
) -> None:
    grant = await issued(paper)
    assert await paper.do(delivery_of(paper).note, grant, outcome, lost=lost) == row
    now = await paper.grant(grant.id)
    live = GrantState.ACTIVE if outcome.came is Came.ARRIVED else GrantState.ISSUED
    assert (now.state, now.end_reason) == (GrantState.REVOKING if reason else live, reason)
    # Whoever does not let the bot write is known not to.
    closed = outcome.came in {Came.CLOSED, Came.DELETED}
    assert ((await paper.person(ANNA)).reachable is False) == closed
    fresh = [said.payload["round"] for said in await paper.heard() if said.kind == "deliver"]
    assert fresh == ([lost] if outcome is CUT_OFF else [])
    async with paper.database.reading() as tx:
        gone = [one.cause for one in await tx.leavings.of(ANNA)]
    assert gone == ([LeavingCause.DELETED] if outcome.came is Came.DELETED else [])


@pytest.mark.parametrize(("lost", "wait_s"), [(0, 0), (1, 0), (2, 5), (3, 10), (4, 20)])
async def test_what_got_lost_again_waits_twice_as_long(
    paper: Paper, lost: int, wait_s: int
) -> None:
    await paper.do(delivery_of(paper).note, await issued(paper), CUT_OFF, lost=lost)
    due = [said.due_at for said in await paper.heard() if said.kind == "deliver"]
    assert due == [MORNING + timedelta(seconds=wait_s)]


async def test_the_message_that_it_came_with_is_remembered(paper: Paper) -> None:
    grant = await issued(paper)
    posted = PostedMessage(ChatId(ANNA), 7, OutboxKind.DELIVER, grant.id, MORNING)
    await paper.do(delivery_of(paper).note, grant, Outcome(Came.ARRIVED, posted=posted))
    async with paper.database.reading() as tx:
        assert await tx.posted.about(OutboxKind.DELIVER, grant.id) == [posted]


async def test_extra_files_follow_what_has_arrived_and_nothing_else(paper: Paper) -> None:
    for came, files in ((Came.OVER, []), (Came.ARRIVED, ["a", "b"])):
        grant = await issued(paper)
        outcome = Outcome(came, extra_files=("a", "b"))
        await paper.do(delivery_of(paper).note, grant, outcome)
        extra = [one.payload for one in await paper.heard() if one.kind is OutboxKind.EXTRA_FILE]
        assert [one["file"] for one in extra] == files


class Courier:
    """Hands over at the third try; Boris may end the access after the first."""

    def __init__(self, paper: Paper, *, is_ended: bool = False, is_alone: bool = True) -> None:
        self._paper = paper
        self._is_ended = is_ended
        self._is_alone = is_alone
        self.tries = 0

    async def hand_over(self, grant: Grant, profile: Profile, *, earlier_dead: bool) -> Outcome:
        assert profile is PROFILE
        assert earlier_dead is self._is_alone, "whether what it takes the place of is dead"
        self.tries += 1
        if self._is_ended:
            boris = await self._paper.actor(BORIS)
            await self._paper.by(boris, revocation.revoke_grant, grant.id)
        return Outcome(Came.NOT_YET if self.tries < 3 else Came.ARRIVED)


async def test_a_courier_goes_again_until_it_is_clear(paper: Paper) -> None:
    courier = Courier(paper)
    grant = await issued(paper)
    assert await delivery_of(paper).hand_over(grant, PROFILE, courier) == Outcome(Came.ARRIVED)
    assert courier.tries == 3


async def test_a_courier_goes_no_more_once_the_access_has_ended(paper: Paper) -> None:
    courier = Courier(paper, is_ended=True)
    grant = await issued(paper)
    assert await delivery_of(paper).hand_over(grant, PROFILE, courier) is OVER
    assert courier.tries == 1


async def test_a_courier_does_not_go_while_somebody_is_kept_out(paper: Paper) -> None:
    courier = Courier(paper)
    grant = await issued(paper)
    await paper.by(await paper.actor(BORIS), pausing.pause, ANNA, None)
    assert await delivery_of(paper).hand_over(grant, PROFILE, courier) == Outcome(Came.PAUSED)
    assert courier.tries == 0


async def in_place_of(paper: Paper, lost: Grant) -> Grant:
    """What goes out in the place of a profile that got lost, which nobody has cut yet."""
    await paper.do(grants.replace_lost, lost, round_=1, wait_s=0)
    [fresh] = [
        GrantId(said.payload["grant"]) for said in await paper.heard() if said.kind == "deliver"
    ]
    return await paper.grant(fresh)


async def test_a_courier_knows_that_the_one_before_may_still_work(paper: Paper) -> None:
    fresh = await in_place_of(paper, await issued(paper))
    assert await paper.do(grants.issued, fresh)
    courier = Courier(paper, is_alone=False)
    assert await delivery_of(paper).hand_over(fresh, PROFILE, courier) == Outcome(Came.ARRIVED)


async def test_what_else_they_have_is_not_the_one_before(paper: Paper) -> None:
    await paper.add_server(PARIS, "10.9.0.0/29")
    await paper.active(ANNA, PARIS)
    fresh = await issued(paper)
    assert await delivery_of(paper).hand_over(fresh, PROFILE, Courier(paper)) == Outcome(
        Came.ARRIVED
    )


class Servers:
    """Where profiles are made and ended: says in which order."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    async def enforce(self, ended: Sequence[GrantId]) -> None:
        self.seen.append(ended)

    async def make(self, grant: Grant, **_: Any) -> Profile:
        self.seen.append(grant.id)
        return PROFILE


async def test_the_one_before_is_cut_before_the_next_is_made(paper: Paper) -> None:
    """And nothing else of theirs."""
    await paper.add_server(PARIS, "10.9.0.0/29")
    other = await paper.active(ANNA, PARIS)
    await paper.do(revocation.revoke_grant, other.id)
    servers: Any = Servers()
    delivery = Delivery(core_of(paper), servers, servers)
    lost = await issued(paper)
    assert await delivery.make(lost, archive=False) is PROFILE
    fresh = await in_place_of(paper, lost)
    await delivery.make(fresh, archive=False)
    assert servers.seen == [lost.id, [lost.id], fresh.id]
    assert not delivery._cuts, "nothing is kept of it"


class SlowServers(Servers):
    """The end of one takes longer than anybody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cut = asyncio.Event()

    async def enforce(self, ended: Sequence[GrantId]) -> None:
        answer = asyncio.get_running_loop().create_future()
        self.answer = weakref.ref(answer)  # nobody but whoever waits for it holds it
        await answer
        await super().enforce(ended)
        self.is_cut.set()


async def test_a_cut_that_takes_long_goes_on_after_the_next_is_made(
    paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "_CUT_S", 0)
    servers: Any = SlowServers()
    delivery = Delivery(core_of(paper), servers, servers)
    lost = await issued(paper)
    fresh = await in_place_of(paper, lost)
    assert await delivery.make(fresh, archive=False) is PROFILE
    gc.collect()
    answer = servers.answer()
    assert answer is not None, "it is still asked"
    answer.set_result(None)
    await servers.is_cut.wait()
    assert servers.seen == [fresh.id, [lost.id]]


async def in_a_file(paper: Paper) -> Grant:
    """A grant whose profile an operator is writing into a file."""
    asked = await paper.asked()
    return await paper.by(OPERATOR, requests.approve_without_delivery, asked.id)


async def test_what_was_on_its_way_into_a_file_ends_with_whoever_wrote_it(
    paper: Paper, tmp_path: Path
) -> None:
    lock = tmp_path / "lock"
    in_chat = await issued(paper)
    await end_orphans(core_of(paper), lock)
    assert not lock.exists(), "there is nothing of that kind"

    grant = await in_a_file(paper)
    async with locked(lock):
        await end_orphans(core_of(paper), lock)
    assert (await paper.grant(grant.id)).state is GrantState.RESERVED, "it is still at work"

    await end_orphans(core_of(paper), lock)
    ended = await paper.grant(grant.id)
    assert (ended.state, ended.end_reason) == (GrantState.REVOKING, EndReason.LOST)
    assert (await paper.grant(in_chat.id)).state is GrantState.ISSUED
    assert not is_locked(lock)
