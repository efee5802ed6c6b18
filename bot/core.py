"""What every part of the bot works with: the database, the rules, chance, and the time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.access.case import Case, Chance, Rules
from bot.access.permission import Actor
from bot.process.clock import Clock, SinceBoot
from storage.database import Database
from storage.records import GrantId
from storage.transaction import Transaction

# More than that wait to be seen only where something is wrong; the oldest counts as lost then.
_PASSPHRASES = 10_000


class Passphrases:
    """Of profiles that are on their way or out, each until it was shown: in memory alone.

    Whatever is not here any more can be shown to nobody, and its profile opened by nobody.
    """

    def __init__(self) -> None:
        self._waiting: dict[GrantId, str] = {}

    def __repr__(self) -> str:
        return f"<{len(self._waiting)} passphrases>"

    def __contains__(self, grant_id: GrantId) -> bool:
        return grant_id in self._waiting

    def keep(self, grant_id: GrantId, passphrase: str) -> None:
        """Until it is taken."""
        self._waiting[grant_id] = passphrase
        if len(self._waiting) > _PASSPHRASES:
            del self._waiting[next(iter(self._waiting))]

    def take(self, grant_id: GrantId) -> str | None:
        """To show it; None where somebody has."""
        return self._waiting.pop(grant_id, None)


@dataclass(frozen=True, slots=True)
class Core:
    database: Database
    rules: Rules
    chance: Chance
    clock: Clock
    # Nobody sets it: whatever waits in memory goes by this.
    since_boot: SinceBoot
    passphrases: Passphrases = field(default_factory=Passphrases, kw_only=True)

    def case(self, tx: Transaction, actor: Actor) -> Case:
        """What a use case works with, as things are now."""
        return Case(tx, self.clock(), self.rules, self.chance, actor)

    @asynccontextmanager
    async def acting(self, actor: Actor) -> AsyncIterator[Case]:
        """A case that may write: what is done in it is committed together, or not at all."""
        async with self.database.writing() as tx:
            yield self.case(tx, actor)
