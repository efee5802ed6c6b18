"""The audit trail as an operator meets it: read, checked, exported, and whatever was done to it."""

import asyncio
import csv
import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from storage.audit import GENESIS, entry_digest
from tests.company import Company, Ran, furnish_by_copy, open_company

pytestmark = pytest.mark.asyncio(loop_scope="module")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
FORGED = (
    *("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1"),
    *("a;=1", "a; =1;", "a;+1", 'a";=1', "a,=1"),
)
UNREADABLE = (
    "detail = '{broken'",
    "detail = CAST(detail AS BLOB)",
    "at = 'x'",
    f"at = {2**63 - 1}",
    "actor = CAST(x'ff' AS TEXT)",
)
TITLE = "\x1b]0;PWNED\x07"
# Escape, bell, the escape sequences' one-byte form, and what turns the reading direction around.
SPEAKS_TO_A_TERMINAL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path) -> AsyncIterator[Company]:
    async with open_company(module_folder) as company:
        await furnish_by_copy(company)
        await company.start()
        yield company


def one_line(ran: Ran, *words: str) -> None:
    """The command could not do it, and said so in one line with all these words."""
    assert ran.code == 1, ran
    assert ran.err.count("\n") == 1, ran
    for word in words:
        assert word in ran.err, ran


async def forges(company: Company, *data: str) -> None:
    """Anna taps what no button carries; waits until that has been handled."""
    for each in data:
        await company.anna.taps_data(1, each)
    await company.anna.says("/help")
    await company.anna.hears("Hello")


async def test_the_audit_trail(company: Company) -> None:
    verified, exported, newest = await asyncio.gather(
        company.done("audit", "verify"),
        company.done("audit", "export"),
        company.done("audit", "show", "--json", "--last", "3"),
    )
    rows = [json.loads(line) for line in exported.out.splitlines()]
    assert verified.out.startswith(f"All {len(rows)} rows fit the chain")
    assert rows[-1]["digest"] in verified.out
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    for before, after in pairwise(rows):
        assert after["previous"] == before["digest"]
    assert newest.rows == rows[-3:]


@pytest.mark.long
async def test_the_head_of_the_trail(company: Company) -> None:
    await company.boris.says("/audit")
    answer = await company.boris.hears("Log checked up to")
    (head,) = set(re.findall(r"\d+:[0-9a-f]{64}", answer.text))
    ran = await company.done("audit", "verify", "--head", head)
    assert head.partition(":")[0] in ran.out
    for slip in (head[:-1], f"{head}0", "3:abc", head.replace(":", " "), f"x{head}", ":", ""):
        one_line(await company.vpnbot("audit", "verify", "--head", slip), "copy all of it")
    typed = f" {head.upper()} "
    await company.done("audit", "verify", "--head", typed)
    forged = head[:-1] + ("0" if head[-1] != "0" else "1")
    assert (await company.vpnbot("audit", "verify", "--head", forged)).code == 1
    await company.anna.says("/audit")
    await company.anna.hears("admins")


async def test_a_changed_row_is_found(company: Company) -> None:
    (before,) = company.query("SELECT detail FROM audit WHERE seq = 2")
    company.tamper("UPDATE audit SET detail = replace(detail, 'office', 'paris') WHERE seq = 2")
    try:
        one_line(await company.vpnbot("audit", "verify"), "Row 2")
    finally:
        company.tamper("UPDATE audit SET detail = ? WHERE seq = 2", *before)
    await company.done("audit", "verify")


async def test_a_forged_tap_becomes_no_formula(company: Company) -> None:
    """In whichever way a spreadsheet takes the file apart."""
    await forges(company, *FORGED)
    recorded = {subject for (subject,) in company.query("SELECT subject FROM audit")}
    assert {"=1+1", "a;=1"} <= recorded
    table = (await company.done("audit", "export", "--format", "csv")).out
    for separator in (",", ";"):
        cells = [cell for row in csv.reader(StringIO(table), delimiter=separator) for cell in row]
        assert [cell for cell in cells if cell.lstrip(" ").startswith(FORMULA)] == []
    subjects = [row["subject"] for row in csv.DictReader(StringIO(table))]
    assert "'=1+1" in subjects
    assert "a;'=1" in subjects


async def test_a_forged_tap_says_nothing_to_a_terminal(company: Company) -> None:
    await forges(company, TITLE)
    ((subject,),) = company.query("SELECT subject FROM audit WHERE subject LIKE '%PWNED%'")
    assert subject == "]0;PWNED"


async def test_a_row_says_nothing_to_a_terminal(company: Company) -> None:
    """Whoever wrote it: an older version, or somebody with a database editor."""
    odd = f"{TITLE}\x9b31m\u202e\x85"
    ((seq, before),) = company.query("SELECT seq, subject FROM audit ORDER BY seq DESC LIMIT 1")
    company.tamper("UPDATE audit SET subject = ? WHERE seq = ?", odd, seq)
    commands = ("show", "show --json", "export", "export --format csv")
    ran = await asyncio.gather(*(company.done("audit", *each.split()) for each in commands))
    company.tamper("UPDATE audit SET subject = ? WHERE seq = ?", before, seq)
    for text in [each.out for each in ran]:
        assert "PWNED" in text
        assert SPEAKS_TO_A_TERMINAL.search(text.replace("\r\n", "\n")) is None
    assert ran[1].rows[-1]["subject"] == odd


@pytest.mark.long
async def test_rows_that_cannot_be_read_are_named_and_stop_nothing(company: Company) -> None:
    for number, _ in enumerate(UNREADABLE, 4000):
        await company.done("user", "allow", str(number), "--name", f"Somebody {number}")
    saved = company.query("SELECT at, actor, detail, seq FROM audit ORDER BY seq")
    broken = list(range(2, 2 + len(UNREADABLE)))
    assert len(saved) > max(broken)
    for seq, change in zip(broken, UNREADABLE, strict=True):
        company.tamper(f"UPDATE audit SET {change} WHERE seq = ?", seq)
    company.tamper("UPDATE audit SET detail = '{broken' WHERE seq = ?", saved[-1][-1])
    try:
        verified, shown, table, exported, cells = await asyncio.gather(
            company.vpnbot("audit", "verify"),
            company.done("audit", "show", "--json"),
            company.done("audit", "show"),
            company.done("audit", "export"),
            company.done("audit", "export", "--format", "csv"),
        )
        await company.done("user", "allow", "4711", "--name", "Somebody")
        assert len(company.query("SELECT seq FROM audit")) == len(saved) + 1
    finally:
        for row in saved:
            company.tamper("UPDATE audit SET at = ?, actor = ?, detail = ? WHERE seq = ?", *row)
    one_line(verified, f"Row {broken[0]} of the audit trail")
    unreadable = [row["seq"] for row in shown.rows if row["action"] == "unreadable"]
    assert unreadable == [*broken, saved[-1][-1]]
    assert len(shown.rows) == len(saved)
    assert [json.loads(line) for line in exported.out.splitlines()] == shown.rows
    assert table.out.count("unreadable") == len(unreadable)
    assert len(list(csv.reader(StringIO(cells.out)))) == len(saved) + 1


@pytest.mark.long
async def test_a_trail_that_was_rewritten_as_a_whole_is_found_by_the_head_in_the_chat(
    company: Company,
) -> None:
    await company.boris.says("/audit")
    reply = await company.boris.hears("Log checked up to entry")
    found = re.search(r"\d+:[0-9a-f]{64}", reply.text)
    assert found is not None
    noted = found[0]
    seq = noted.partition(":")[0]
    await company.done("audit", "verify", "--head", noted)
    await company.stop()

    rewrite(company.data / "vpnbot.db", "UPDATE audit SET actor = 'telegram:9' WHERE seq = 2")

    assert "fit the chain" in (await company.done("audit", "verify")).out
    one_line(await company.vpnbot("audit", "verify", "--head", noted), f"Row {seq} ", "rewritten")
    # What was done since does not hide it.
    await company.done("user", "allow", "4712", "--name", "Somebody")
    await company.done("audit", "verify")
    one_line(await company.vpnbot("audit", "verify", "--head", noted), f"Row {seq} ", "rewritten")


def rewrite(path: Path, change: str) -> None:
    """Changes the trail, and makes every digest after it, and the head beside it, fit again."""
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute(change).rowcount == 1
        previous = GENESIS
        rows = database.execute(
            "SELECT seq, at, actor, action, subject, detail FROM audit ORDER BY seq"
        ).fetchall()
        for seq, at, *texts in rows:
            digest = entry_digest(previous, seq, EPOCH + timedelta(microseconds=at), *texts)
            database.execute(
                "UPDATE audit SET previous = ?, digest = ? WHERE seq = ?", (previous, digest, seq)
            )
            previous = digest
        database.execute("UPDATE audit_head SET digest = ?", (previous,))
