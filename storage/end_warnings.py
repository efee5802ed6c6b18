"""The warnings about ending certificates that went out."""

from dataclasses import asdict

from sqlalchemy import delete, insert, select

from storage.clock_records import EndWarning
from storage.clock_tables import end_warnings
from storage.repository import Repository

_warnings = end_warnings


class EndWarnings(Repository):
    async def all(self) -> dict[str, EndWarning]:
        """The last warning about each subject."""
        rows = await self._connection.execute(select(_warnings))
        return {row.subject: EndWarning(row.subject, row.ends_at, row.days) for row in rows}

    async def record(self, warning: EndWarning) -> None:
        """Replaces the earlier warning about the same subject."""
        await self._connection.execute(
            delete(_warnings).where(_warnings.c.subject == warning.subject)
        )
        await self._connection.execute(insert(_warnings).values(**asdict(warning)))
