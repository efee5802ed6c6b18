"""What every part of the bot works with: the database, the rules, chance, and the time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.access.case import Case, Chance, Rules
from bot.access.permission import Actor
from bot.process.clock import Clock, SinceBoot
from storage.database import Database
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Core:
    database: Database
    rules: Rules
    chance: Chance
    clock: Clock
    # Nobody sets it: whatever waits in memory goes by this.
    since_boot: SinceBoot

    def case(self, tx: Transaction, actor: Actor) -> Case:
        """What a use case works with, as things are now."""
        return Case(tx, self.clock(), self.rules, self.chance, actor)

    @asynccontextmanager
    async def acting(self, actor: Actor) -> AsyncIterator[Case]:
        """A case that may write: what is done in it is committed together, or not at all."""
        async with self.database.writing() as tx:
            yield self.case(tx, actor)
