"""One gate for every message and tap: whatever people send, only what the rules allow happens.

A model that knows nothing of the program judges each step by what was in the database before and
after it; hypothesis draws the steps, and reduces what fails to the fewest and simplest ones.
The short run takes a few hundred steps. VPNBOT_TEST_STEPS=100000 takes as many, each time others;
-s shows what happened.
"""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests import hanging
from tests.gate.gate import Gate
from tests.gate.habits import MEMBERS, SETTINGS
from tests.gate.rig import Rig
from tests.gate.snapshot import Eye
from tests.gate.town import Town
from tests.storage.kit import open_copy

_LENGTH = 100
# A town begins with two in a group, one in another, and an approver.
_FIRST_STEPS = 4
# How many towns are played from one seed: after so many hypothesis begins to vary those that it
# has played, and most of the variations are the same town again.
_TOWNS = 10
_LONG = 2500
_SHORT = 300
# Rare things get so much more time to happen.
_LONGEST = 4
# Nothing is kept from one run to the next, and a slow machine is no failure.
_SETTINGS = settings(
    max_examples=_TOWNS,
    stateful_step_count=_LENGTH,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.generate, Phase.shrink),
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
# Each of these has to have happened, or not much was tried.
_HAPPENS = (
    *("request pending", "request choosing", "request approved", "request denied"),
    *("request cancelled", "request expired", "grant reserved", "grant issued", "grant active"),
    *("grant revoking revoked", "grant revoking by_owner", "grant revoking removed"),
    *("grant revoking replaced", "grant revoking lost", "grant revoking ended", "agreed"),
    *("grant revoked revoked", "grant expired ended", "refused", "linked", "told how"),
    *("role admin", "role approver", "role auditor", "role over"),
    *("let in", "given at once", "request scheduled", "begun", "not begun", "reminded"),
    *("grant revoking stolen", "put back", "leaving open", "leaving kept", "leaving back"),
    "leaving removed",
)


@dataclass
class Theatre:
    """A new town for each run, and what happened in all of them."""

    template: Path
    folder: Path
    runner: asyncio.Runner
    steps: int = 0
    towns: int = 0
    happened: Counter[str] = field(default_factory=Counter)

    def play(self, number: int) -> None:
        """Plays many towns; the same ones for the same number. Raises what the judge says."""

        @seed(number)
        def new_town() -> Town:
            return Town(self)

        try:
            # It takes anything that makes a machine, whatever its annotation says.
            run_state_machine_as_test(cast("type[Town]", new_town), settings=_SETTINGS)
        except BaseException as error:
            error.add_note(f"Play {number}")
            raise

    @property
    def missing(self) -> list[str]:
        return [what for what in _HAPPENS if not self.happened[what]]

    def run(self, act: Coroutine[Any, Any, None]) -> None:
        self.runner.run(act)

    def opened(self) -> Rig:
        return self.runner.run(self._opened())

    async def _opened(self) -> Rig:
        hanging.goes_on()
        for old in self.folder.iterdir():
            old.unlink()
        database = await open_copy(self.template, self.folder)
        gate = Gate(database, SETTINGS[0])
        await gate.furnish()
        await gate.add_groups()
        await gate.take_over()
        return Rig(gate, Eye(self.folder / "vpnbot.db"), self.happened)

    def closed(self, rig: Rig) -> None:
        # How a town begins is the same in each.
        self.steps += rig.steps - len(MEMBERS) - _FIRST_STEPS
        self.towns += 1
        self.runner.run(self._closed(rig))

    async def _closed(self, rig: Rig) -> None:
        database = rig.gate.database
        try:
            async with database.reading() as tx:
                assert await tx.audit.first_fault() is None
        finally:
            rig.eye.close()
            await database.close()


@contextmanager
def theatre(template: Path, folder: Path) -> Iterator[Theatre]:
    """With an event loop for all of its towns."""
    with asyncio.Runner() as runner:
        yield Theatre(template, folder, runner)


def test_only_what_the_rules_allow_happens(template: Path, in_memory: Path) -> None:
    with theatre(template, in_memory) as stage:
        while stage.steps < _SHORT:
            stage.play(stage.towns)
    assert stage.happened["grant active"]
    assert stage.happened["refused"]


@pytest.mark.long
def test_all_that_can_happen_happens_by_the_rules(template: Path, in_memory: Path) -> None:
    wanted = int(os.environ.get("VPNBOT_TEST_STEPS", _LONG))
    # The same steps in each run of the checks, others in each long run.
    first = secrets.randbits(32) if "VPNBOT_TEST_STEPS" in os.environ else 1
    with theatre(template, in_memory) as stage:
        for number in count(first):
            if stage.steps >= (_LONGEST if stage.missing else 1) * wanted:
                break
            stage.play(number)
    print(f"\n{stage.steps} steps in {stage.towns} towns; {dict(sorted(stage.happened.items()))}")
    assert stage.missing == []
