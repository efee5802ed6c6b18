"""One gate for every message and tap: whatever people send, only what the rules allow happens.

A model that knows nothing of the program judges each step by what was in the database before and
after it. VPNBOT_TEST_STEPS=100000 takes as many steps, each time others; -s shows what happened.
What fails is played again with fewer and fewer steps, until none can be left out.
"""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

from tests.gate.gate import Gate
from tests.gate.snapshot import Eye
from tests.gate.town import HABITS, MEMBERS, SETTINGS, Town
from tests.storage.kit import open_copy

_LENGTH = 100
_DEFAULT = 2500
# Rare things get so much more time to happen.
_LONGEST = 4
_NAMES = [habit.__name__ for habit in HABITS]
# Each of these has to have happened, or not much was tried.
_HAPPENS = (
    *("request pending", "request choosing", "request approved", "request denied"),
    *("request cancelled", "request expired", "grant reserved", "grant issued", "grant active"),
    *("grant revoking revoked", "grant revoking by_owner", "grant revoking removed"),
    *("grant revoking replaced", "grant revoking lost", "grant revoking ended", "agreed"),
    *("grant revoked revoked", "grant expired ended", "refused"),
)

# A habit, and the chance that it goes by.
Step = tuple[str, int]


@dataclass
class Theatre:
    """A town for each play, and what happened in all of them."""

    template: Path
    folder: Path
    steps: int = 0
    happened: Counter[str] = field(default_factory=Counter)

    def play(self, number: int) -> None:
        """Raises what the judge says, with the fewest steps that lead there."""
        r = Random(number)
        laws = r.randrange(len(SETTINGS))
        names = r.choices(_NAMES, weights=list(HABITS.values()), k=_LENGTH)
        steps = [(name, r.getrandbits(32)) for name in names]
        if asyncio.run(self._fails(laws, steps)) is not None:
            shortest = self._shortest(laws, steps)
            error = asyncio.run(self._fails(laws, shortest))
            assert error is not None
            error.add_note(f"Play {number}, settings {laws}")
            raise error

    def _shortest(self, laws: int, steps: list[Step]) -> list[Step]:
        """Leaves out half, a quarter, and so on, down to single steps."""
        size = len(steps) // 2
        while size:
            for begin in range(len(steps) - size, -1, -size):
                fewer = steps[:begin] + steps[begin + size :]
                if asyncio.run(self._fails(laws, fewer)) is not None:
                    steps = fewer
            size //= 2
        return steps

    async def _fails(self, laws: int, steps: Sequence[Step]) -> AssertionError | None:
        for old in self.folder.iterdir():
            old.unlink()
        database = await open_copy(self.template, self.folder)
        eye = Eye(self.folder / "vpnbot.db")
        gate = Gate(database, SETTINGS[laws])
        try:
            await gate.furnish()
            town = Town(gate, eye, self.happened)
            await self._plays(town, steps)
            async with database.reading() as tx:
                assert await tx.audit.first_fault() is None
        except AssertionError as error:
            return error
        finally:
            eye.close()
            await database.close()
        return None

    async def _plays(self, town: Town, steps: Sequence[Step]) -> None:
        admin = town.gate.laws.admins[0]
        done = []
        try:
            for user_id in MEMBERS:
                await town.types(admin, f"/allow {user_id} P{user_id}", Random(user_id))
            for name, chance in steps:
                done.append(name)
                await getattr(town, name)(Random(chance))
        except AssertionError as error:
            for _, deed, _ in town.sent:
                error.add_note(f"{deed.what} by {deed.person}: {deed.text!r}")
            error.add_note(f"Steps: {done}")
            raise
        finally:
            self.steps += town.steps


def test_only_what_the_rules_allow_happens(template: Path, in_memory: Path) -> None:
    theatre = Theatre(template, in_memory)
    wanted = int(os.environ.get("VPNBOT_TEST_STEPS", _DEFAULT))
    # The same steps in each run of the checks, others in each long run.
    first = secrets.randbits(32) if "VPNBOT_TEST_STEPS" in os.environ else 1
    for number in count(first):
        missing = [what for what in _HAPPENS if not theatre.happened[what]]
        if theatre.steps >= (_LONGEST if missing else 1) * wanted:
            break
        theatre.play(number)
    print(f"\n{theatre.steps} steps; {dict(sorted(theatre.happened.items()))}")
    assert missing == []
