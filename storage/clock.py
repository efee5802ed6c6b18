"""When the machine's clock was last known to be right."""

from dataclasses import asdict

from sqlalchemy import delete, insert, select

from storage.clock_records import ClockAnchor
from storage.clock_tables import clock_anchor
from storage.repository import Repository

_anchor = clock_anchor


class ClockAnchors(Repository):
    async def last(self) -> ClockAnchor | None:
        rows = await self._connection.execute(
            select(
                _anchor.c.boot_id,
                _anchor.c.agreed_at,
                _anchor.c.since_boot,
                _anchor.c.doubted_since_boot,
            )
        )
        row = rows.first()
        return None if row is None else ClockAnchor(*row)

    async def record(self, anchor: ClockAnchor) -> None:
        """Replaces the earlier anchor."""
        await self._connection.execute(delete(_anchor))
        await self._connection.execute(insert(_anchor).values(id=1, **asdict(anchor)))
