"""Whoever is not in the table of the staff is out; what is said of them is what was seen."""

from pathlib import Path

import pytest

from tests.company import ANNA, EMIL, Company, company_with_stand_in
from tests.folders import open_folder


def table_without(folder: Path) -> str:
    """Somebody else's, so that everybody else is gone."""
    file = folder / "people.csv"
    file.write_text("id,name\n5150,Nils Novak\n", "utf-8")
    return str(file)


async def admit(company: Company, folder: Path) -> None:
    await company.done("user", "allow", str(EMIL.id), "--name", "Emil")
    for who in (ANNA, EMIL):
        output = f"{folder}/{who.id}.ovpn"
        await company.done("grant", "issue", str(who.id), "--output", output)


@pytest.mark.long
async def test_what_is_not_proved_is_not_called_done() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, openvpn):
            await admit(company, folder)
            sync = ("user", "sync", table_without(folder), "--apply", "--max-share", "100")
            await openvpn.stop()
            ran = await company.vpnbot(*sync)
            assert ran.code == 1
            assert "Revoked" not in ran.out
            assert "Done." not in ran.out
            assert ran.out.endswith("not every end is proved yet.\n")
            # They are off the list, so that a second time there is nobody to remove.
            assert "can be repeated" not in ran.out
            assert "vpnbot grant list --state revoking" in ran.out


@pytest.mark.long
async def test_who_was_removed_before_it_broke_off_is_cut() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, _):
            await admit(company, folder)
            await company.done("user", "allow", "4140", "--name", "Zoe")
            company.tamper(
                "CREATE TRIGGER stop_it BEFORE UPDATE ON people WHEN NEW.id = 4140 "
                "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
                maybe=True,
            )
            sync = ("user", "sync", table_without(folder), "--apply", "--max-share", "100")
            ran = await company.vpnbot(*sync)
            assert ran.code == 1
            assert "Revoked" in ran.out
            assert "Done." not in ran.out
            assert {row["state"] for row in await company.grants()} == {"revoked"}


async def test_who_has_nothing_may_have_a_certificate_that_is_nobodys() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, _):
            await company.done("user", "allow", "4140", "--name", "Zoe Zander")
            company.tamper(
                "INSERT INTO grants (id, common_name, name_key, serial, state, not_before, "
                "not_after, imported_at) VALUES ('old', 'zoe.zander', 'zoe.zander', '0a', "
                "'active', 0, 9000000000000000, 0)"
            )
            for word in ("zoe", "zander"):
                company.tamper("INSERT INTO certificate_words VALUES (?, 'old')", word)
            sync = ("user", "sync", table_without(folder), "--apply", "--max-share", "100")
            said = (await company.done(*sync)).out
            assert "zoe.zander, which belongs to nobody. Is it Zoe Zander's?" in said
