"""What every part of the bot works with: the database, the rules, chance, and the time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.access.context import Chance, Context, Rules
from storage.database import Database

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Core:
    database: Database
    rules: Rules
    chance: Chance
    clock: Clock

    def context(self) -> Context:
        """What a use case gets, as things are now."""
        return Context(self.clock(), self.rules, self.chance)
