"""The audit trail: whoever changes a row is found out."""

import sqlite3
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from storage.audit import GENESIS, AuditWanted, entry_digest
from storage.audit_records import AuditEntry, AuditHead, BrokenEntry
from storage.database import Database
from storage.records import RequestId
from storage.transaction import Transaction
from tests.storage.kit import HOUR, NOW, make_grant

# Made with sha256sum.
DIGEST = "48ca4419878994984de693e00fe48bd3b8937679fa1786ffb0e0c2f6c1ebfebb"
# What somebody with a database editor can put where a time, a text or JSON belongs.
UNREADABLE = [
    ("detail", "'{broken'"),
    ("detail", "'[1]'"),
    ("detail", f"'{'[' * 100_000}'"),
    ("detail", "CAST(detail AS BLOB)"),
    ("at", "'x'"),
    ("at", "at + 0.5"),
    ("at", str(2**63 - 1)),
    ("actor", "CAST(x'ff' AS TEXT)"),
    ("actor", "x'ff'"),
    ("previous", "x'ff'"),
]


async def append(tx: Transaction, number: int = 1, **changes: Any) -> AuditEntry:
    values: dict[str, Any] = {
        "at": NOW + number * HOUR,
        "actor": "telegram:7",
        "action": "grant.end",
        "subject": f"grant:g-{number}",
        "detail": {"name": "Anna Петрова", "n": number},
    }
    return await tx.audit.append(**values | changes)


@pytest.fixture
async def trail(database: Database, tmp_path: Path) -> Path:
    """A trail of five rows; the path of its file."""
    async with database.writing() as tx:
        for number in range(1, 6):
            await append(tx, number)
    return tmp_path / "vpnbot.db"


def tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        assert connection.execute(statement).rowcount > 0, statement
    connection.commit()
    connection.close()


async def first_fault(database: Database) -> int | None:
    async with database.reading() as tx:
        return await tx.audit.first_fault()


async def test_an_empty_trail_has_no_fault(database: Database) -> None:
    async with database.reading() as tx:
        assert await tx.audit.first_fault() is None
        assert await tx.audit.last() is None
        assert await tx.audit.all() == []
        assert await tx.audit.newest(10) == []


async def test_each_row_is_chained_to_the_one_before(database: Database) -> None:
    async with database.writing() as tx:
        first, second = await append(tx, 1), await append(tx, 2)
        assert (first.seq, first.previous) == (1, GENESIS)
        assert (second.seq, second.previous) == (2, first.digest)
        assert await tx.audit.all() == [first, second]
        assert await tx.audit.last() == AuditHead(2, second.digest)
        assert await tx.audit.first_fault() is None


async def test_the_newest_rows_come_oldest_first(database: Database, trail: Path) -> None:
    async with database.reading() as tx:
        assert [entry.seq for entry in await tx.audit.newest(3)] == [3, 4, 5]
        assert [entry.seq for entry in await tx.audit.newest(99)] == [1, 2, 3, 4, 5]


async def test_a_row_is_found_by_its_number_or_its_action(database: Database, trail: Path) -> None:
    async with database.writing() as tx:
        other = await append(tx, 6, action="user.allow")
        await append(tx, 7)
        assert await tx.audit.last_of("user.allow") == other
        assert await tx.audit.last_of("user.remove") is None
        assert await tx.audit.digest_of(6) == other.digest
        assert await tx.audit.digest_of(99) is None


async def test_rows_are_chosen_by_who_what_where_and_when(database: Database) -> None:
    async with database.writing() as tx:
        await append(tx, 1, action="grant.end", detail={"server": "berlin"})
        await append(tx, 2, action="grant", actor="telegram:8", subject="user:7")
        await append(tx, 3, action="grants.x", detail={"servers": ["berlin", "paris"]})
        await append(tx, 4, action="grant.prove", subject="server:berlin", actor="vpnbot")
        await append(tx, 5, action="user.allow", detail={"name": "berlin"}, actor="vpnbot")

        async def chosen(limit: int = 9, **wanted: Any) -> list[int]:
            return [row.seq for row in await tx.audit.newest(limit, AuditWanted(**wanted))]

        assert await chosen() == [1, 2, 3, 4, 5]
        assert await chosen(2) == [4, 5]
        assert await chosen(kind="grant") == [1, 2, 4]
        assert await chosen(kind="grant.end") == [1]
        assert await chosen(server="berlin") == [1, 3, 4]
        assert await chosen(server="paris") == [3]
        # From a moment on, and until before another.
        assert await chosen(since=NOW + 2 * HOUR, until=NOW + 4 * HOUR) == [2, 3]
        # What somebody did, and what was done to them.
        assert await chosen(actors=["telegram:7"]) == [1, 3]
        assert await chosen(actors=["telegram:7"], subjects=["user:7"]) == [1, 2, 3]
        assert await chosen(2, actors=["telegram:7"], subjects=["user:7"]) == [2, 3]
        assert await chosen(actors=["vpnbot"], subjects=["user:7"], kind="grant") == [2, 4]
        assert await chosen(actors=[], subjects=[]) == []


async def test_what_was_done_last_and_to_what(database: Database, trail: Path) -> None:
    async with database.writing() as tx:
        await append(tx, 6, action="grant.pause", subject="grant:g-1")
        await append(tx, 7, action="grant.resume", subject="grant:g-2")
        assert await tx.audit.last_number_of(["grant.end", "grant.pause"]) == 6
        assert await tx.audit.last_number_of(["user.allow"]) is None
        assert await tx.audit.subjects_of("grant.pause") == {"grant:g-1"}
        done = ("grant.pause", "grant.resume")
        assert await tx.audit.last_done_to("grant:g-1", *done) == "grant.pause"
        assert await tx.audit.last_done_to("grant:g-1", "grant.end", *done) == "grant.pause"
        assert await tx.audit.last_done_to("grant:g-3", *done) is None
        first = await tx.audit.first()
    assert first is not None
    assert (first.seq, first.subject) == (1, "grant:g-1")
    tamper(trail, "UPDATE audit SET at = 'x' WHERE seq = 1")
    async with database.reading() as tx:
        assert await tx.audit.first() is None


async def test_a_row_that_was_undone_leaves_no_gap(database: Database) -> None:
    async with database.writing() as tx:
        await append(tx, 1)
        with suppress(IntegrityError):
            async with tx.attempt():
                await append(tx, 2)
                await tx.grants.add(make_grant(1, RequestId(77)))  # there is no such request
        kept = await append(tx, 3)
        assert kept.seq == 2
        assert await tx.audit.first_fault() is None


async def test_an_untouched_trail_is_sound(database: Database, trail: Path) -> None:
    assert await first_fault(database) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "at + 1"),
        ("actor", "'telegram:8'"),
        ("action", "'grant.prove'"),
        ("subject", "'grant:g-9'"),
        ("detail", "replace(detail, 'Anna', 'Anne')"),
        ("detail", "detail || ' '"),
        ("previous", f"'{GENESIS}'"),
        ("digest", f"'{GENESIS}'"),
        *UNREADABLE,
    ],
)
async def test_an_edited_row_is_found(
    database: Database, trail: Path, column: str, value: str
) -> None:
    tamper(trail, f"UPDATE audit SET {column} = {value} WHERE seq = 3")
    assert await first_fault(database) == 3


@pytest.mark.parametrize(("column", "value"), UNREADABLE)
@pytest.mark.parametrize("seq", [1, 3, 5])
async def test_a_row_that_cannot_be_read_hides_no_other_and_stops_nothing(
    database: Database, trail: Path, column: str, value: str, seq: int
) -> None:
    tamper(trail, f"UPDATE audit SET {column} = {value} WHERE seq = {seq}")
    async with database.reading() as tx:
        rows = await tx.audit.all()
        assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
        assert [row for row in rows if isinstance(row, BrokenEntry)] == [BrokenEntry(seq)]
        assert await tx.audit.newest(9) == rows
        assert await tx.audit.first_fault() == seq
    async with database.writing() as tx:
        assert (await append(tx, 6)).seq == 6


async def test_several_rows_that_cannot_be_read(database: Database, trail: Path) -> None:
    tamper(trail, "UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE seq IN (1, 2, 5)")
    async with database.reading() as tx:
        rows = await tx.audit.all()
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert [row.seq for row in rows if isinstance(row, BrokenEntry)] == [1, 2, 5]


async def test_of_an_action_whose_last_row_cannot_be_read_there_is_none(
    database: Database, trail: Path
) -> None:
    tamper(trail, "UPDATE audit SET at = 'x' WHERE seq = 5")
    async with database.reading() as tx:
        assert await tx.audit.last_of("grant.end") is None


async def test_a_digest_that_cannot_be_read_is_none(database: Database, trail: Path) -> None:
    tamper(trail, "UPDATE audit SET digest = CAST(x'ff' AS TEXT) WHERE seq = 2")
    assert await first_fault(database) == 2
    async with database.reading() as tx:
        assert await tx.audit.digest_of(2) is None


@pytest.mark.parametrize(
    "change", ["seq = 'x'", "digest = CAST(x'ff' AS TEXT)", "digest = x'ff'", "seq = 9"]
)
async def test_an_edited_head_is_found(database: Database, trail: Path, change: str) -> None:
    tamper(trail, f"UPDATE audit_head SET {change}")
    assert await first_fault(database) == 6


@pytest.mark.parametrize("seq", [1, 2, 4])
async def test_a_removed_row_is_found(database: Database, trail: Path, seq: int) -> None:
    tamper(trail, f"DELETE FROM audit WHERE seq = {seq}")
    assert await first_fault(database) == seq


async def test_a_removed_row_is_found_when_the_rest_moves_up(
    database: Database, trail: Path
) -> None:
    tamper(
        trail,
        "DELETE FROM audit WHERE seq = 2",
        "UPDATE audit SET seq = seq - 1 WHERE seq = 3",
        "UPDATE audit SET seq = seq - 1 WHERE seq = 4",
        "UPDATE audit SET seq = seq - 1 WHERE seq = 5",
    )
    assert await first_fault(database) == 2


async def test_an_inserted_row_is_found(database: Database, trail: Path) -> None:
    # Well-formed by itself: it names the row before it and has the right digest.
    connection = sqlite3.connect(trail)
    (previous,) = connection.execute("SELECT digest FROM audit WHERE seq = 2").fetchone()
    connection.close()
    at = NOW.replace(microsecond=0)
    digest = entry_digest(previous, 3, at, "vpnbot", "forged", "x", "{}")
    micros = int(at.timestamp()) * 1_000_000
    tamper(
        trail,
        "UPDATE audit SET seq = 6 WHERE seq = 5",
        "UPDATE audit SET seq = 5 WHERE seq = 4",
        "UPDATE audit SET seq = 4 WHERE seq = 3",
        f"INSERT INTO audit VALUES (3, {micros}, 'vpnbot', 'forged', 'x', '{{}}',"
        f" '{previous}', '{digest}')",
    )
    assert await first_fault(database) == 4


async def test_rows_in_another_order_are_found(database: Database, trail: Path) -> None:
    tamper(
        trail,
        "UPDATE audit SET seq = 99 WHERE seq = 2",
        "UPDATE audit SET seq = 2 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 99",
    )
    assert await first_fault(database) == 2


async def test_a_cut_off_end_is_found_by_the_head(database: Database, trail: Path) -> None:
    tamper(trail, "DELETE FROM audit WHERE seq >= 4")
    assert await first_fault(database) == 4


async def test_a_row_past_the_head_is_found(database: Database, trail: Path) -> None:
    tamper(trail, "UPDATE audit_head SET seq = 4")
    assert await first_fault(database) == 5


async def test_a_head_that_is_gone_is_found(database: Database, trail: Path) -> None:
    tamper(trail, "DELETE FROM audit_head")
    assert await first_fault(database) == 1


async def test_the_head_is_that_of_the_last_row(database: Database, trail: Path) -> None:
    async with database.reading() as tx:
        last = await tx.audit.last()
        assert last is not None
        assert await tx.audit.head() == (last.seq, last.digest)


TEXTS = st.text(max_size=20)
MOMENTS = st.datetimes(timezones=st.just(UTC))
ROWS = st.tuples(TEXTS, st.integers(1, 9), MOMENTS, TEXTS, TEXTS, TEXTS, TEXTS)


@given(first=ROWS, second=ROWS)
def test_different_rows_have_different_digests(
    first: tuple[str, int, datetime, str, str, str, str],
    second: tuple[str, int, datetime, str, str, str, str],
) -> None:
    assert (entry_digest(*first) == entry_digest(*second)) == (first == second)


def test_the_border_between_two_values_counts() -> None:
    left = entry_digest(GENESIS, 1, NOW, "a", "bc", "", "")
    assert left != entry_digest(GENESIS, 1, NOW, "ab", "c", "", "")
    assert left != entry_digest(GENESIS, 1, NOW + timedelta(microseconds=1), "a", "bc", "", "")


def test_the_digest_can_be_made_again_by_anybody() -> None:
    """SHA-256 over a JSON array; made with `printf … | sha256sum`."""
    at = datetime(2026, 3, 2, 9, 31, 27, 5, tzinfo=UTC)
    assert entry_digest(GENESIS, 1, at, "vpnbot", "a", "s", '{"name":"Zoë"}') == DIGEST
