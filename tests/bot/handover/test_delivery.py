"""What becomes of a profile, whoever hands it over."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.access import grants, revocation
from bot.core import Core
from bot.handover.delivery import CUT_OFF, OVER, Came, Delivery, Outcome
from bot.handover.profiles import Profile
from bot.process.clock import since_boot
from storage.outbox import Done, Next, SetAside
from storage.records import EndReason, Grant, GrantState, OutboxKind
from tests.bot.access.kit import ANNA, BORIS, MORNING, Paper
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


def delivery_of(paper: Paper) -> Delivery:
    core = Core(paper.database, paper.rules, paper.chance, lambda: paper.now, since_boot)
    return Delivery(core, NOBODY, NOBODY)


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


async def test_extra_files_follow_what_has_arrived_and_nothing_else(paper: Paper) -> None:
    for came, files in ((Came.OVER, []), (Came.ARRIVED, ["a", "b"])):
        grant = await issued(paper)
        outcome = Outcome(came, extra_files=("a", "b"))
        await paper.do(delivery_of(paper).note, grant, outcome)
        extra = [one.payload for one in await paper.heard() if one.kind is OutboxKind.EXTRA_FILE]
        assert [one["file"] for one in extra] == files


class Courier:
    """Hands over at the third try; Boris may end the access after the first."""

    def __init__(self, paper: Paper, *, is_ended: bool = False) -> None:
        self._paper = paper
        self._is_ended = is_ended
        self.tries = 0

    async def hand_over(self, grant: Grant, profile: Profile, *, earlier_dead: bool) -> Outcome:
        assert profile is PROFILE
        assert earlier_dead, "there is nothing that it takes the place of"
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
