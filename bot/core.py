"""What every part of the bot works with: the database, the rules, chance, and the time."""

from dataclasses import dataclass

from bot.access.context import Chance, Context, Rules
from bot.clock import Clock, SinceBoot
from storage.database import Database


@dataclass(frozen=True, slots=True)
class Core:
    database: Database
    rules: Rules
    chance: Chance
    clock: Clock
    # Nobody sets it: whatever waits in memory goes by this.
    since_boot: SinceBoot

    def context(self) -> Context:
        """What a use case gets, as things are now."""
        return Context(self.clock(), self.rules, self.chance)
