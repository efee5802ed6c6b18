"""How people get their keys: what they chose, and which profiles are under a passphrase."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from storage.key_records import KeyChoice, KeyWay, LockedProfile
from storage.key_tables import key_choices as _choices
from storage.key_tables import locked_profiles as _locked
from storage.records import GrantId, UserId
from storage.repository import Repository, values_of

_LOCKED = select(_locked).where(_locked.c.grant_id == bindparam("of"))


class Keys(Repository):
    async def choose(self, choice: KeyChoice) -> None:
        """Stores what somebody chose, in the place of what they chose before."""
        await self._connection.execute(delete(_choices).where(_choices.c.user_id == choice.user_id))
        await self._connection.execute(insert(_choices).values(**asdict(choice)))

    async def chosen(self, user_id: UserId) -> KeyChoice | None:
        """None for whoever takes what the settings say."""
        rows = await self._connection.execute(select(_choices).where(_choices.c.user_id == user_id))
        row = rows.one_or_none()
        return None if row is None else KeyChoice(**values_of(row) | {"way": KeyWay(row.way)})

    async def lock(self, grant_id: GrantId) -> None:
        """This grant's profile is under a passphrase."""
        await self._connection.execute(insert(_locked).values(grant_id=grant_id))

    async def locked(self, grant_id: GrantId) -> LockedProfile | None:
        """None where the profile is not under a passphrase."""
        rows = await self._connection.execute(_LOCKED, {"of": grant_id})
        row = rows.one_or_none()
        return None if row is None else LockedProfile(**values_of(row))

    async def shown(self, grant_id: GrantId, at: datetime) -> None:
        """Its passphrase goes out to its owner."""
        await self._connection.execute(
            update(_locked).where(_locked.c.grant_id == grant_id).values(shown_at=at)
        )
