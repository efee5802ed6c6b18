"""A company that can be backed up, and its backup."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.company import Company, furnish_by_copy, keep_secret, open_company
from tests.folders import open_folder

SECRET = "staple battery horse"


@asynccontextmanager
async def company_with_a_backup() -> AsyncIterator[tuple[Company, Path]]:
    """One with a CA and a server, that nobody works on."""
    with open_folder() as folder:
        async with open_company(folder) as company:
            await furnish_by_copy(company)
            keep_secret(folder / "secret", SECRET)
            backup = folder / "backup.age"
            await company.done("backup", str(backup), "--passphrase-file", str(folder / "secret"))
            yield company, backup
